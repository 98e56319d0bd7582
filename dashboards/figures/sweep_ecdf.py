"""How an outcome is spread over the runs: its distribution, with a band."""

import math
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import SERIES, blank
from crossmargin.dashboards.figures.sweep_data import (
    axis_of,
    number,
    number_axis,
    value_words,
    words_of,
)
from crossmargin.dashboards.figures.words import share
from crossmargin.experiments.sweeps.results import Sweep

#: Steps of a curve drawn at most, and groups of runs.
STEPS, GROUPS = 300, 5


def ecdf_figure(
    sweep: Sweep, outcome: str, by: str | None = None, confidence: float = 0.95
) -> go.Figure:
    """Draw the share of runs at or below each value of an outcome, with bands.

    The bands hold the whole curve at the confidence (Dvoretzky, Kiefer and Wolfowitz with
    Massart's constant), whatever the distribution.

    Parameters
    ----------
    by : str, optional
        Factor by path or label whose values are drawn apart: up to five, or four parts of it.

    References
    ----------
    Massart, P. (1990), Ann. Prob. 18:1269. https://doi.org/10.1214/aop/1176990746
    """
    sweep.outcome(outcome)
    figure = blank(height=380, hovermode="closest", showlegend=by is not None)
    groups = _parts(sweep, outcome, by)
    for i, (name, values) in enumerate(groups):
        _add_ecdf(figure, name, values, SERIES[i % len(SERIES)], confidence)
    everything = np.concatenate([values for _, values in groups])
    figure.update_xaxes(title_text=words_of(outcome), **number_axis(everything))
    if by is not None:
        figure.update_layout(legend={"title_text": f"{axis_of(sweep, by).title}  "})
    return figure.update_yaxes(title_text="share of runs at or below", tickformat=".0%")


def _parts(sweep: Sweep, outcome: str, by: str | None) -> list[tuple[str, Any]]:
    """Name and sorted values of each group of runs."""
    known = sweep.runs[sweep.runs[outcome].notna()]
    if by is None:
        return [("all runs", np.sort(known[outcome].to_numpy(float)))]
    axis = axis_of(sweep, by)
    column = known[axis.path]
    if 0 < len(axis.levels) <= GROUPS:
        parts = [(value_words(level), column == level) for level in axis.levels]
    elif axis.is_number:
        place = pd.qcut(column.rank(method="first"), GROUPS - 1, labels=False)
        parts = []
        for i in range(GROUPS - 1):
            own = column[place == i]
            parts.append((f"{number(own.min())} to {number(own.max())}", place == i))
    else:
        parts = [(value_words(level), column == level) for level in axis.levels[:GROUPS]]
    sizes = [(name, np.sort(known.loc[own, outcome].to_numpy(float))) for name, own in parts]
    return [(name, values) for name, values in sizes if len(values)]


def _add_ecdf(figure: go.Figure, name: str, values: Any, colour: str, confidence: float) -> None:
    n = len(values)
    half = math.sqrt(math.log(2 / (1 - confidence)) / (2 * n))
    places = np.unique(np.linspace(0, n - 1, min(n, STEPS)).round().astype(int))
    x, level = values[places], (places + 1) / n
    low, high = np.clip(level - half, 0, 1), np.clip(level + half, 0, 1)
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    figure.add_scatter(
        x=[*x, *x[::-1]],
        y=[*high, *low[::-1]],
        mode="lines",
        fill="toself",
        fillcolor=f"rgba({red}, {green}, {blue}, 0.15)",
        line={"width": 0},
        hoverinfo="skip",
        legendgroup=name,
        showlegend=False,
    )
    figure.add_scatter(
        x=x,
        y=level,
        name=name,
        mode="lines",
        line={"color": colour, "width": 2, "shape": "hv"},
        legendgroup=name,
        customdata=[(number(v), share(s)) for v, s in zip(x, level, strict=True)],
        hovertemplate="%{customdata[1]} of the runs at or below %{customdata[0]}<extra></extra>",
    )
