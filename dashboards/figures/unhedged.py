"""Hedges that were lost: what hedged traders hold without their other leg, over time."""

import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import INK, MONEY_AXIS, SERIES, blank, clock
from crossmargin.dashboards.figures.thin import thin
from crossmargin.dashboards.figures.words import money

#: Beginning of the columns of `system` that hold the exposure of a population.
PREFIX = "unhedged:"


def hedged_populations(system: pd.DataFrame) -> list[str]:
    """Populations whose agents hedge all that they hold."""
    return [str(name).removeprefix(PREFIX) for name in system if str(name).startswith(PREFIX)]


def unhedged_figure(system: pd.DataFrame) -> go.Figure:
    """Draw unhedged exposure by population and the running total of ADL, in quote."""
    time = clock(system["seconds"])
    figure = blank(showlegend=True)
    lines = [
        (f"{PREFIX}{name}", f"unhedged: {name}", SERIES[i % len(SERIES)], "solid")
        for i, name in enumerate(hedged_populations(system))
    ]
    for column, name, colour, dash in [*lines, ("adl_notional", "ADL so far", INK, "dot")]:
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
    return figure.update_yaxes(title_text="value ($)", **MONEY_AXIS)
