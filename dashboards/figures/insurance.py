"""The venue's cushions over time: insurance fund, backstop vault, and the debt they meet."""

import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import BLUE, GREEN, MONEY_AXIS, PINK, RED, blank, clock
from crossmargin.dashboards.figures.thin import thin
from crossmargin.dashboards.figures.words import money

#: Column, name, colour, dash; a line that is zero throughout is left out, the fund never.
LINES = (
    ("insurance", "insurance fund", BLUE, "solid"),
    ("backstop", "backstop vault", GREEN, "solid"),
    ("bad_debt", "bad debt so far", RED, "dash"),
    ("socialised", "shared out among users so far", PINK, "dot"),
)


def insurance_figure(system: pd.DataFrame) -> go.Figure:
    """Draw the balance of fund and backstop, and cumulated bad debt, in quote."""
    time = clock(system["seconds"])
    figure = blank(showlegend=True)
    for column, name, colour, dash in LINES:
        if column != "insurance" and not system[column].any():
            continue
        kept = thin(system, column)
        figure.add_scatter(
            x=kept["seconds"] / time.scale,
            y=kept[column],
            name=name,
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2, "shape": "hv"},
            text=kept[column].map(money),
            hovertemplate="%{text}",
        )
    figure.update_xaxes(title_text=time.title, hoverformat=",.2f")
    return figure.update_yaxes(title_text="balance ($)", **MONEY_AXIS)
