"""Hedges that were lost: what hedged traders hold without their other leg, over time."""

import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.money_lines import money_lines
from crossmargin.dashboards.figures.style import INK, SERIES

#: Beginning of the columns of `system` that hold the exposure of a population.
PREFIX = "unhedged:"


def hedged_populations(system: pd.DataFrame) -> list[str]:
    """Populations whose agents hedge all that they hold."""
    return [str(name).removeprefix(PREFIX) for name in system if str(name).startswith(PREFIX)]


def unhedged_figure(system: pd.DataFrame) -> go.Figure:
    """Draw unhedged exposure by population and the running total of ADL, in quote."""
    lines = [
        (f"{PREFIX}{name}", f"unhedged: {name}", SERIES[i % len(SERIES)], "solid")
        for i, name in enumerate(hedged_populations(system))
    ]
    return money_lines(system, [*lines, ("adl_notional", "ADL so far", INK, "dot")], "value ($)")
