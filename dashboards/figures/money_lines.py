"""Amounts of the whole venue over time, as steps of one chart."""

from collections.abc import Iterable

import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import MONEY_AXIS, blank, clock
from crossmargin.dashboards.figures.thin import thin
from crossmargin.dashboards.figures.words import money

#: Column of `system`, name, colour, dash.
Line = tuple[str, str, str, str]


def money_lines(system: pd.DataFrame, lines: Iterable[Line], title: str) -> go.Figure:
    """Draw columns of `system`, in quote, each as one stepped line."""
    time = clock(system["seconds"])
    figure = blank(showlegend=True)
    for column, name, colour, dash in lines:
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
    return figure.update_yaxes(title_text=title, **MONEY_AXIS)
