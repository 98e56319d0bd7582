"""A corner of the factors: the points, red where their runs are cases, and the box found."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import INK, RED, blank
from crossmargin.dashboards.figures.sweep_data import (
    BELOW,
    Axis,
    axis_of,
    colour_bar,
    log_ticks,
    number,
    number_axis,
    strongest,
    thinned,
    value_words,
    words_of,
)
from crossmargin.dashboards.figures.words import count, share
from crossmargin.experiments.analysis.boxes import Box, Limit
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ParameterError

#: Points drawn at most.
POINTS = 1500


def box_figure(sweep: Sweep, box: Box) -> go.Figure:
    """Draw the points over two factors, red where their runs are cases, and the box found.

    The two are those that the box limits most surely; where it limits one or none, the ones that
    explain most are added.
    """
    limits = {limit.path: limit for limit in sorted(box.limits, key=lambda limit: limit.chance)}
    paths = list(dict.fromkeys([*limits, *strongest(sweep, box.outcome)]))[:2]
    if len(paths) < 2:
        raise ParameterError("a picture of a box takes two factors")
    axes = [axis_of(sweep, path) for path in paths]
    rows = thinned(shares(sweep, box, paths), POINTS)
    figure = blank(height=430, hovermode="closest", showlegend=False, margin={"t": 76})
    case = f"{words_of(box.outcome)} {box.side} {number(box.threshold)}"
    size = 6 + 10 * np.sqrt(rows["n"] / rows["n"].max()) if rows["n"].nunique() > 1 else 8
    figure.add_scatter(
        x=_place(rows[paths[0]], axes[0]),
        y=_place(rows[paths[1]], axes[1]),
        mode="markers",
        marker={
            "size": size,
            "color": rows["share"],
            "colorscale": [[0, "#c9ced6"], [0.5, "#e8a070"], [1, RED]],
            "cmin": 0,
            "cmax": 1,
            "line": {"width": 0},
            "colorbar": colour_bar(f"share of runs with {case}", tickformat=".0%"),
        },
        customdata=[(share(s), count(n)) for s, n in zip(rows["share"], rows["n"], strict=True)],
        hovertemplate="%{customdata[0]} of %{customdata[1]} runs<extra></extra>",
    )
    spans = []
    for letter, axis in zip("xy", axes, strict=True):
        ends = _dressed(figure, letter, axis, rows[axis.path])
        spans.append(_spans(axis, limits.get(axis.path), ends))
    for x in spans[0]:
        for y in spans[1]:
            _add_box(figure, x, y)
    return figure.update_xaxes(title_standoff=BELOW)


def shares(sweep: Sweep, box: Box, paths: list[str]) -> pd.DataFrame:
    """Runs and the share of cases among them by the values of two factors."""
    runs = sweep.runs[[*paths, box.outcome]].dropna()
    is_case = box.is_case(runs[box.outcome])
    grouped = is_case.groupby([runs[path] for path in paths], sort=False)
    return pd.DataFrame({"share": grouped.mean(), "n": grouped.size()}).reset_index()


def _place(column: "pd.Series[Any]", axis: Axis) -> Any:
    return column if axis.is_number else column.map(value_words)


def _dressed(
    figure: go.Figure, letter: str, axis: Axis, values: "pd.Series[Any]"
) -> tuple[float, float]:
    """Set an axis and return its ends, in the units of the factor."""
    update = figure.update_xaxes if letter == "x" else figure.update_yaxes
    update(title_text=axis.title)
    if not axis.is_number:
        names = [value_words(v) for v in axis.levels]
        update(type="category", categoryorder="array", categoryarray=names)
        ends = (-0.5, len(axis.levels) - 0.5)
        update(range=ends)
        return ends
    places = np.log10(values.to_numpy(float)) if axis.is_log else values.to_numpy(float)
    pad = 0.04 * float(np.ptp(places)) or 0.5
    low, high = float(places.min()) - pad, float(places.max()) + pad
    if axis.is_log:
        update(range=[low, high], **log_ticks(values, axis.levels))
        return 10**low, 10**high
    update(range=[low, high], **number_axis(values))
    return low, high


def _spans(axis: Axis, limit: Limit | None, ends: tuple[float, float]) -> list[tuple[Any, Any]]:
    """Spans of an axis within a limit; an open one goes to the end of the axis."""
    if limit is None:
        return [ends]
    if limit.values:
        places = [i for i, level in enumerate(axis.levels) if level in limit.values]
        return [(i - 0.5, i + 0.5) for i in places]
    low = ends[0] if limit.low is None else limit.low
    return [(low, ends[1] if limit.high is None else limit.high)]


def _add_box(figure: go.Figure, x: tuple[Any, Any], y: tuple[Any, Any]) -> None:
    figure.add_shape(
        type="rect",
        x0=x[0],
        x1=x[1],
        y0=y[0],
        y1=y[1],
        line={"color": INK, "width": 2, "dash": "dash"},
        fillcolor="rgba(213, 94, 0, 0.08)",
        layer="below",
    )
