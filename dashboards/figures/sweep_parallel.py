"""Runs along all factors: a line each, from one upright to the next."""

import math
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import GREY, blank
from crossmargin.dashboards.figures.sweep_data import (
    SHADES,
    Axis,
    axis_of,
    strongest,
    thinned,
    value_words,
    words_of,
)
from crossmargin.experiments.sweeps.results import Sweep

#: Lines drawn at most.
LINES = 250


def parallel_figure(sweep: Sweep, outcome: str) -> go.Figure:
    """Draw runs as lines across all factors to the outcome, the darker the higher the outcome."""
    sweep.outcome(outcome)
    axes = [axis_of(sweep, path) for path in strongest(sweep, outcome)[::-1]]
    runs = thinned(sweep.runs[[*(a.path for a in axes), outcome]].dropna(), LINES)
    runs = runs.sort_values(outcome)
    heights = [_parted(unit_height(runs[a.path], a), a) for a in axes]
    heights.append(unit_height(runs[outcome], None))
    rank = runs[outcome].rank(pct=True).to_numpy()
    figure = blank(height=430, hovermode="closest", showlegend=False, margin={"l": 24, "r": 24})
    n = len(SHADES) - 1
    for shade in range(n):
        own = (np.minimum((rank * n).astype(int), n - 1) == shade).nonzero()[0]
        xs, ys = _strands(heights, own)
        colour = SHADES[shade + 1][1]
        figure.add_scatter(
            x=xs,
            y=ys,
            mode="lines",
            line={"color": colour, "width": 1},
            opacity=0.55,
            hoverinfo="skip",
        )
    _posts(figure, axes, runs, outcome)
    return figure


def unit_height(column: "pd.Series[Any]", axis: Axis | None) -> "np.ndarray[Any, Any]":
    """Values between 0 at the lowest and 1 at the highest; words in their order."""
    if axis is not None and not axis.is_number:
        places = column.map({level: i for i, level in enumerate(axis.levels)}).to_numpy(float)
        return places / max(len(axis.levels) - 1, 1)
    values = column.to_numpy(float)
    if axis is not None and axis.is_log:
        values = np.log(values)
    spread = values.max() - values.min()
    return (values - values.min()) / spread if spread else np.full(len(values), 0.5)


def _parted(heights: "np.ndarray[Any, Any]", axis: Axis) -> "np.ndarray[Any, Any]":
    """Heights of few levels a little apart, so that lines through one of them are seen."""
    if not axis.levels:
        return heights
    width = min(0.05, 0.4 / len(axis.levels))
    return heights + width * (np.random.default_rng(0).random(len(heights)) - 0.5)


def _strands(heights: list[Any], own: Any) -> tuple[list[Any], list[Any]]:
    """Lines of several runs as one, with gaps between."""
    x: list[Any] = []
    y: list[Any] = []
    for run in own:
        x += [*range(len(heights)), None]
        y += [*(round(float(h[run]), 4) for h in heights), None]
    return x, y


def _posts(figure: go.Figure, axes: list[Axis], runs: pd.DataFrame, outcome: str) -> None:
    """Add an upright for each factor and the outcome, with its lowest and highest value."""
    names = [a.label for a in axes] + [words_of(outcome)]
    columns = [runs[a.path] for a in axes] + [runs[outcome]]
    kinds = [a.is_number for a in axes] + [True]
    for i, (column, is_number) in enumerate(zip(columns, kinds, strict=True)):
        figure.add_shape(type="line", x0=i, x1=i, y0=0, y1=1, line={"color": GREY, "width": 1})
        levels = axes[i].levels if not is_number else (column.min(), column.max())
        for y, level in ((-0.03, levels[0]), (1.03, levels[-1])):
            figure.add_annotation(
                x=i,
                y=y,
                text=value_words(level),
                showarrow=False,
                yanchor="top" if y < 0 else "bottom",
                font={"size": 11},
            )
    figure.update_xaxes(
        tickvals=list(range(len(names))),
        ticktext=[_broken(n) for n in names],
        showgrid=False,
        zeroline=False,
        range=[-0.3, len(names) - 0.7],
    )
    figure.update_yaxes(visible=False, range=[-0.12, 1.12])


def _broken(name: str) -> str:
    """Break a long name at the middle space."""
    words = name.split()
    if len(name) < 12 or len(words) < 2:
        return name
    half = math.ceil(len(words) / 2)
    return " ".join(words[:half]) + "<br>" + " ".join(words[half:])
