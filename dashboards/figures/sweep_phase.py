"""Phase diagram: an outcome over two factors, from a grid of runs or a response surface."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import blank
from crossmargin.dashboards.figures.sweep_data import (
    BELOW,
    SHADES,
    Axis,
    axis_of,
    colour_bar,
    log_ticks,
    number,
    number_axis,
    strongest,
    value_words,
    words_of,
)
from crossmargin.experiments.analysis.surfaces import Surface, response_surface
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ParameterError

#: Cells up to which each bears its number.
WRITTEN = 80


def phase_figure(
    sweep: Sweep,
    outcome: str,
    x: str | None = None,
    y: str | None = None,
    *,
    above: float | None = None,
    surface: Surface | None = None,
) -> go.Figure:
    """Draw a heat map of an outcome over two factors.

    Where both have few values, each cell is the mean of its runs over all else that was varied, or
    with `above` the share of them beyond a threshold. Else the map is a Gaussian process, the other
    factors at the middle of the design, with the points on it.

    Parameters
    ----------
    x, y : str, optional
        Factors by path or label; by default the two that explain most.
    surface : Surface, optional
        Fitted before; made here when there is no grid.

    Raises
    ------
    ParameterError
        When there are no two factors.
    """
    sweep.outcome(outcome)
    axes = axes_of(sweep, outcome, x, y)
    if is_grid(sweep, axes):
        return _cells(sweep, outcome, axes, above)
    if surface is None or not {axes[0].path, axes[1].path} <= set(surface.factors):
        surface = response_surface(sweep, outcome)
    return _smooth(sweep, axes, surface)


def axes_of(
    sweep: Sweep, outcome: str, x: str | None = None, y: str | None = None
) -> tuple[Axis, Axis]:
    """Two factors by path or label; those that explain most where none are given."""
    given = [sweep.path(name) for name in (x, y) if name]
    paths = [*given, *(p for p in strongest(sweep, outcome) if p not in given)]
    if len(paths) < 2:
        raise ParameterError("a phase diagram takes two factors")
    return axis_of(sweep, paths[0]), axis_of(sweep, paths[1])


def is_grid(sweep: Sweep, axes: tuple[Axis, Axis]) -> bool:
    """Tell whether most pairs of values of two factors were run."""
    if not all(axis.levels for axis in axes):
        return False
    pairs = sweep.points[[axis.path for axis in axes]].drop_duplicates()
    return 2 * len(pairs) > len(axes[0].levels) * len(axes[1].levels)


def cells(sweep: Sweep, outcome: str, axes: tuple[Axis, Axis], above: float | None) -> pd.DataFrame:
    """Mean of an outcome, or share above a threshold, by pairs of values: `value` and `n`."""
    x, y = (axis.path for axis in axes)
    runs = sweep.runs[[x, y, outcome]].dropna()
    values = runs[outcome] if above is None else (runs[outcome] > above).astype(float)
    grouped = values.groupby([runs[y], runs[x]], sort=False)
    return pd.DataFrame({"value": grouped.mean(), "n": grouped.size()})


def _cells(sweep: Sweep, outcome: str, axes: tuple[Axis, Axis], above: float | None) -> go.Figure:
    found = cells(sweep, outcome, axes, above)
    wide = {
        name: found[name].unstack().reindex(index=axes[1].levels, columns=axes[0].levels)
        for name in found
    }
    is_small = wide["value"].size <= WRITTEN
    name = words_of(outcome) if above is None else f"share with {words_of(outcome)} > {above:g}"
    figure = _map(
        [value_words(v) for v in axes[0].levels],
        [value_words(v) for v in axes[1].levels],
        wide["value"].to_numpy(float),
        name,
    )
    figure.update_traces(
        customdata=wide["n"].to_numpy(float),
        text=wide["value"].map(number).to_numpy(),
        texttemplate="%{text}" if is_small else None,
        hovertemplate=_hover(axes, "<br>%{text} (mean of %{customdata:,} runs)<extra></extra>"),
        xgap=1,
        ygap=1,
    )
    style = {"type": "category", "showgrid": False, "ticks": ""}
    figure.update_xaxes(title_text=axes[0].title, title_standoff=BELOW, **style)
    return figure.update_yaxes(title_text=axes[1].title, **style)


def _hover(axes: tuple[Axis, Axis], rest: str) -> str:
    return f"{axes[0].label} %{{x}}<br>{axes[1].label} %{{y}}{rest}"


def _map(x: Any, y: Any, z: Any, name: str) -> go.Figure:
    figure = blank(height=440, hovermode="closest", margin={"t": 76})
    bar = colour_bar(name, **number_axis(z))
    return figure.add_heatmap(x=x, y=y, z=z, colorscale=SHADES, colorbar=bar, hoverongaps=False)


def _smooth(sweep: Sweep, axes: tuple[Axis, Axis], surface: Surface) -> go.Figure:
    grid = surface.grid(axes[0].path, axes[1].path)
    wide = grid.pivot(index=axes[1].path, columns=axes[0].path, values="mean")
    figure = _map(wide.columns, wide.index, wide.to_numpy(), words_of(surface.outcome))
    figure.update_traces(
        text=np.vectorize(number)(wide.to_numpy()),
        hovertemplate=_hover(axes, "<br>%{text}<extra></extra>"),
    )
    points = sweep.points.iloc[:: max(len(sweep.points) // 400, 1)]
    figure.add_scatter(
        x=points[axes[0].path],
        y=points[axes[1].path],
        mode="markers",
        marker={"size": 4, "color": "rgba(255, 255, 255, 0.75)", "line": {"width": 0.6}},
        hoverinfo="skip",
        showlegend=False,
    )
    for axis, update in zip(axes, (figure.update_xaxes, figure.update_yaxes), strict=True):
        ends = np.array([grid[axis.path].min(), grid[axis.path].max()])
        update(title_text=axis.title, showgrid=False)
        if axis.is_log:
            update(range=np.log10(ends), **log_ticks(ends))
        else:
            update(range=ends, **number_axis(ends))
    return figure.update_xaxes(title_standoff=BELOW)
