"""Response curves: an outcome along each factor, over all else that was varied."""

import math
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from crossmargin.dashboards.figures.style import BLUE, TEMPLATE
from crossmargin.dashboards.figures.sweep_data import (
    Axis,
    axis_of,
    curve,
    log_ticks,
    number,
    number_axis,
    strongest,
    value_words,
    words_of,
)
from crossmargin.experiments.sweeps.results import Sweep

#: Factors shown, the strongest first, and panels side by side.
FACTORS, COLUMNS = 6, 3
#: Height of a row of panels and of what is above them, pixels.
PANEL, HEAD = 250, 70
BANDS = (
    ("q10", "q90", "middle 80% of the runs", "rgba(0, 114, 178, 0.13)"),
    ("mean_low", "mean_high", "95% interval of the mean", "rgba(0, 114, 178, 0.32)"),
)


def curves_figure(sweep: Sweep, outcome: str, factors: Sequence[str] | None = None) -> go.Figure:
    """Draw an outcome along each factor: mean, its interval, and where most runs lie.

    Parameters
    ----------
    factors : sequence of str, optional
        By path or label; by default the six that explain most.
    """
    sweep.outcome(outcome)
    names = [sweep.path(f) for f in factors] if factors else strongest(sweep, outcome)[:FACTORS]
    width = 2 if len(names) == 4 else min(COLUMNS, len(names)) or 1
    height = math.ceil(len(names) / width) or 1
    figure = make_subplots(
        rows=height, cols=width, horizontal_spacing=0.06, vertical_spacing=0.3 / height
    )
    values = []
    for i, name in enumerate(names):
        rows, place = curve(sweep, outcome, name), (i // width + 1, i % width + 1)
        _panel(figure, axis_of(sweep, name), rows, place, is_first=i == 0)
        values += [*rows["mean"], *rows["mean_high"].dropna()]
    figure.update_layout(
        template=TEMPLATE,
        height=HEAD + PANEL * height,
        hovermode="x",
        meta={"panels": len(names), "panel": PANEL, "head": HEAD},
    )
    figure.update_yaxes(matches="y", **number_axis(values))
    figure.update_yaxes(showticklabels=False)
    for row in range(1, height + 1):
        figure.update_yaxes(title_text=words_of(outcome), showticklabels=True, row=row, col=1)
    return figure


def _panel(
    figure: go.Figure, axis: Axis, rows: pd.DataFrame, place: tuple[int, int], *, is_first: bool
) -> None:
    where = {"row": place[0], "col": place[1]}
    x = rows["x"] if axis.is_number else rows["x"].map(value_words)
    for low, high, name, colour in BANDS:
        shown = rows[low].notna()
        if shown.any():
            _band(figure, x[shown], rows.loc[shown], (low, high, name, colour), is_first, where)
    many = len(rows) > 40
    figure.add_scatter(
        x=x,
        y=rows["mean"],
        name="mean",
        mode="lines" if many else "lines+markers",
        line={"color": BLUE, "width": 2},
        marker={"size": 6},
        legendgroup="mean",
        showlegend=is_first,
        customdata=[[value_words(v), number(m), n] for v, m, n in rows[["x", "mean", "n"]].values],
        hovertemplate="%{customdata[0]}: %{customdata[1]} (%{customdata[2]:,} runs)<extra></extra>",
        **where,
    )
    figure.update_xaxes(title_text=axis.title, **where)
    if not axis.is_number:
        figure.update_xaxes(type="category", **where)
    elif axis.is_log:
        figure.update_xaxes(**log_ticks(rows["x"], axis.levels), **where)
    else:
        figure.update_xaxes(nticks=6, **number_axis(rows["x"]), **where)


def _band(
    figure: go.Figure,
    x: "pd.Series[float]",
    rows: pd.DataFrame,
    band: tuple[str, str, str, str],
    is_first: bool,
    where: dict[str, int],
) -> None:
    low, high, name, colour = band
    figure.add_scatter(
        x=[*x, *x[::-1]],
        y=[*rows[high], *rows[low][::-1]],
        name=name,
        mode="lines",
        fill="toself",
        fillcolor=colour,
        line={"width": 0},
        hoverinfo="skip",
        legendgroup=name,
        showlegend=is_first,
        **where,
    )
