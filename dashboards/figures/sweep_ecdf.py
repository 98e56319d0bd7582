"""How an outcome is spread over the runs: its distribution, with a band."""

import math
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import SERIES, blank
from crossmargin.dashboards.figures.sweep_data import (
    Axis,
    axis_of,
    number,
    number_axis,
    value_words,
    words_of,
)
from crossmargin.dashboards.figures.words import share
from crossmargin.experiments.sweeps.clusters import seeds_of
from crossmargin.experiments.sweeps.results import Sweep

#: Steps of a curve drawn at most, and groups of runs.
STEPS, GROUPS = 300, 5


def ecdf_figure(
    sweep: Sweep, outcome: str, by: str | None = None, confidence: float = 0.95
) -> go.Figure:
    """Draw the share of runs at or below each value of an outcome, with bands.

    The bands hold the whole curve at the confidence (Dvoretzky, Kiefer and Wolfowitz with
    Massart's constant), whatever the distribution. They take as many independent runs as there are
    seeds: where points share these, that is right when all runs of a seed come out alike, and
    wider than needed when they do not.

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
    for i, (name, values, seeds) in enumerate(groups):
        half = math.sqrt(math.log(2 / (1 - confidence)) / (2 * seeds))
        _add_ecdf(figure, name, values, SERIES[i % len(SERIES)], half)
    everything = np.concatenate([values for _, values, _ in groups])
    figure.update_xaxes(title_text=words_of(outcome), **number_axis(everything))
    if by is not None:
        figure.update_layout(legend={"title_text": f"{axis_of(sweep, by).title}  "})
    return figure.update_yaxes(title_text="share of runs at or below", tickformat=".0%")


def _parts(sweep: Sweep, outcome: str, by: str | None) -> list[tuple[str, Any, int]]:
    """Name, sorted values and number of seeds of each group of runs."""
    known = sweep.runs[sweep.runs[outcome].notna()]
    named = [("all runs", known)] if by is None else _split(known, axis_of(sweep, by))
    found = []
    for name, runs in named:
        seeds = seeds_of(sweep.plan, runs)
        independent = len(runs) if seeds is None else len(np.unique(seeds))
        found.append((name, np.sort(runs[outcome].to_numpy(float)), independent))
    return [part for part in found if part[2]]


def _split(known: pd.DataFrame, axis: Axis) -> list[tuple[str, pd.DataFrame]]:
    """Runs by the values of a factor, or by four parts of its range."""
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
    return [(name, known[own]) for name, own in parts]


def _add_ecdf(figure: go.Figure, name: str, values: Any, colour: str, half: float) -> None:
    n = len(values)
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
