"""How close the accounts stand to liquidation, over time."""

from itertools import pairwise

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import blank, clock
from crossmargin.model.record import HEALTH_EDGES

COLUMNS = tuple(f"health_{b}" for b in range(len(HEALTH_EDGES) + 1))
#: Columns drawn: a screen shows no more.
MOMENTS = 160
#: From nobody over one account to all of them.
SHADES = [[0, "#f3f5f8"], [0.001, "#cfe3f2"], [0.35, "#7fb4dc"], [0.7, "#2c7bb6"], [1, "#0b3c69"]]
#: Bins below this edge hold accounts that the venue may liquidate.
LIMIT = HEALTH_EDGES.index(1.0) + 1


def bin_labels() -> list[str]:
    """Name the bins of health, from the worst to the best."""
    inner = [f"{a:g} – {b:g}" for a, b in pairwise(HEALTH_EDGES)]
    return [f"below {HEALTH_EDGES[0]:g}", *inner, f"over {HEALTH_EDGES[-1]:g}"]


def moments(system: pd.DataFrame, columns: int = MOMENTS) -> pd.DataFrame:
    """At most so many rows: of each span of time the one with most accounts below the limit."""
    if len(system) <= columns:
        return system
    span = np.arange(len(system)) * columns // len(system)
    at_risk = system[list(COLUMNS[:LIMIT])].sum(axis=1)
    return system.loc[at_risk.groupby(span).idxmax()]


def _colour_scale(top: float) -> dict[str, object]:
    """Colour by order of magnitude, so that one account in trouble is seen beside thousands."""
    ticks = [v for v in (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000) if v <= top]
    return {
        "title": {"text": "accounts", "side": "top"},
        "tickvals": [np.log10(1 + v) for v in ticks],
        "ticktext": [f"{v:,}" for v in ticks],
        "orientation": "h",
        "thickness": 10,
        "len": 0.6,
        "x": 0.5,
        "y": 1.0,
        "yanchor": "bottom",
    }


def health_figure(system: pd.DataFrame) -> go.Figure:
    """Draw the number of accounts by health (equity over maintenance requirement) and time."""
    rows = moments(system.reset_index(drop=True))
    time = clock(system["seconds"])
    counts = rows[list(COLUMNS)].to_numpy(dtype=np.float64).T
    figure = blank(height=420, hovermode="closest", margin={"t": 70})
    figure.add_heatmap(
        x=rows["seconds"] / time.scale,
        y=bin_labels(),
        z=np.log10(1 + counts),
        customdata=counts,
        colorscale=SHADES,
        zmin=0,
        colorbar=_colour_scale(float(counts.max(initial=1))),
        hovertemplate="health %{y}<br>%{x:,.1f} "
        + time.unit
        + "<br>%{customdata:,} accounts<extra></extra>",
    )
    figure.add_hline(y=LIMIT - 0.5, line={"color": "#D55E00", "width": 2, "dash": "dash"})
    figure.update_xaxes(title_text=time.title, showgrid=False)
    figure.update_yaxes(title_text="health = equity ÷ requirement", type="category", showgrid=False)
    return figure
