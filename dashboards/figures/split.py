"""Figures of a split: the record with its parts, the push, what the share depends on."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import (
    BLUE,
    CLASS_COLOURS,
    GREY,
    INK,
    ORANGE,
    RED,
    blank,
    clock,
)
from crossmargin.dashboards.figures.words import price_format

#: Points drawn of a line at most; beyond that every k-th.
POINTS = 3000
WINDOW = "rgba(213,94,0,0.08)"


def _thinned(path: pd.DataFrame) -> pd.DataFrame:
    every = -(-len(path) // POINTS)
    return path.iloc[::every]


def _time(path: pd.DataFrame, block_seconds: float) -> tuple[pd.Series, str, float]:
    seconds = path["step"] * block_seconds
    unit = clock(seconds)
    return seconds / unit.scale, unit.title, unit.scale


def _mark_window(figure: go.Figure, steps: tuple[int, int], scale: float) -> None:
    ends = [step / scale for step in steps]
    figure.add_vrect(x0=ends[0], x1=ends[1], fillcolor=WINDOW, line_width=0, layer="below")


def parts_figure(
    path: pd.DataFrame, tick: float, block_seconds: float, window: tuple[int, int]
) -> go.Figure:
    """Draw the record, the part from elsewhere and the price without forced orders, quote."""
    rows = _thinned(path)
    x, title, scale = _time(rows, block_seconds)
    record = tick * rows["record"]
    lines = (
        ("record", record, INK, "solid", 1.8),
        ("without forced orders", record - tick * rows["forced"], RED, "dot", 1.4),
        ("exogenous, one venue", tick * rows["exogenous"], GREY, "dash", 1.2),
        ("exogenous, the whole market", record * np.exp(-rows["push"]), BLUE, "solid", 1.4),
    )
    figure = blank(height=420)
    for name, y, colour, dash, width in lines:
        look = {"color": colour, "dash": dash, "width": width}
        figure.add_scatter(x=x, y=y, name=name, mode="lines", line=look)
    near = price_format(float(record.median()))
    _mark_window(figure, window, scale / block_seconds)
    figure.update_xaxes(title_text=title, hoverformat=",.2f")
    figure.update_yaxes(title_text="price ($)", tickprefix="$", tickformat=near, hoverformat=near)
    return figure


def push_figure(path: pd.DataFrame, block_seconds: float, window: tuple[int, int]) -> go.Figure:
    """Draw what the venue's flow adds to the price: mean over seeds, least to most, percent."""
    rows = _thinned(path)
    x, title, scale = _time(rows, block_seconds)
    figure = blank(height=320)
    edge = {"width": 0, "color": ORANGE}
    percent = {name: 100 * np.expm1(rows[name]) for name in ("push_most", "push_least", "push")}
    figure.add_scatter(x=x, y=percent["push_most"], line=edge, showlegend=False, hoverinfo="skip")
    figure.add_scatter(
        x=x,
        y=percent["push_least"],
        line=edge,
        fill="tonexty",
        fillcolor="rgba(230,159,0,0.25)",
        name="least to most over seeds",
        hoverinfo="skip",
    )
    line = {"color": ORANGE, "width": 1.6}
    figure.add_scatter(x=x, y=percent["push"], name="mean", mode="lines", line=line)
    _mark_window(figure, window, scale / block_seconds)
    figure.update_xaxes(title_text=title, hoverformat=",.2f")
    figure.update_yaxes(title_text="push on the price (%)", hoverformat=".3f")
    return figure


def band_figure(intervals: dict[str, tuple[float, float]], mean: float) -> go.Figure:
    """Draw from where to where the share goes when one thing is not known; 0 to 1 is grey."""
    names = list(intervals)
    figure = blank(height=120 + 34 * len(names), hovermode="closest", showlegend=False)
    figure.add_vrect(x0=0, x1=100, fillcolor=GREY, opacity=0.15, line_width=0, layer="below")
    for name in names:
        low, high = (100 * end for end in intervals[name])
        figure.add_scatter(
            x=[low, high],
            y=[name, name],
            mode="lines+markers",
            line={"color": BLUE, "width": 4},
            marker={"symbol": "line-ns-open", "size": 12, "color": BLUE},
            hovertemplate="%{y}: %{x:.3g}%<extra></extra>",
        )
    figure.add_vline(x=100 * mean, line={"color": INK, "width": 1, "dash": "dot"})
    ends = [100 * end for pair in intervals.values() for end in pair]
    room = 0.08 * (max(ends) - min(ends)) or 0.1
    figure.update_xaxes(title_text="endogenous share of the fall (%)")
    figure.update_xaxes(range=[min(ends) - room, max(ends) + room])
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1], title_text="")
    return figure


def classes_figure(
    path: pd.DataFrame, tick: float, block_seconds: float, window: tuple[int, int]
) -> go.Figure:
    """Draw the displacement of the venue's mid by author class since the start, quote."""
    rows = _thinned(path)
    x, title, scale = _time(rows, block_seconds)
    figure = blank(height=360)
    for name, colour in CLASS_COLOURS.items():
        moved = tick / 2 * rows[f"mid_{name}"]
        if moved.any():
            line = {"color": colour, "width": 1.6}
            figure.add_scatter(x=x, y=moved, name=name, mode="lines", line=line)
    _mark_window(figure, window, scale / block_seconds)
    figure.update_xaxes(title_text=title, hoverformat=",.2f")
    figure.update_yaxes(title_text="displacement of the mid ($)", hoverformat=",.2f")
    return figure
