"""Figures of a scorecard: facts against bands, impact and its decay, the shape of the book."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import BLUE, FAINT, GREEN, GREY, INK, ORANGE, RED, blank

COLOURS = {"passes": GREEN, "fails": RED, "undecided": ORANGE}
#: Marker of a verdict, so that it is not told by colour alone.
SYMBOLS = {"passes": "circle", "fails": "x", "undecided": "diamond-open"}
#: How far beyond its band a fact is drawn, in widths of the band.
BEYOND = 1.0

#: Sizes that the axis of metaorders names, % of the daily volume.
SIZES = [m * 10.0**k for k in range(-3, 3) for m in (1, 3)]

Row = Mapping[str, Any]


def edges(band: Sequence[float | None]) -> tuple[float, float]:
    """Ends of a band for drawing; an open end lies one band of like size away."""
    low, high = band
    if low is None:
        return (float(high or 0.0) - 1.0, float(high or 0.0))
    return (low, high if high is not None else low + max(1.0, abs(low)))


def place(value: float, band: tuple[float, float]) -> float:
    """Place of a value against its band, 0 the low end and 1 the high one, cut where it leaves."""
    width = (band[1] - band[0]) or max(abs(band[0]), 1e-12)
    return min(1.0 + BEYOND, max(-BEYOND, (value - band[0]) / width))


def bands_figure(rows: Sequence[Row]) -> go.Figure:
    """Every fact's interval on one axis, scaled so that its band is the grey strip from 0 to 1."""
    shown = [row for row in rows if row["mean"] is not None]
    labels = [f"{row['title']}, {row['scale']}" for row in shown]
    figure = blank(height=120 + 24 * len(shown), hovermode="closest")
    figure.add_vrect(x0=0, x1=1, fillcolor=GREY, opacity=0.18, line_width=0)
    for verdict, colour in COLOURS.items():
        picked = [k for k, row in enumerate(shown) if row["verdict"] == verdict]
        if picked:
            figure.add_trace(_intervals(shown, labels, picked, (verdict, colour)))
    figure.update_xaxes(
        range=[-BEYOND - 0.15, 1.15 + BEYOND],
        tickvals=[-BEYOND, 0, 1, 1 + BEYOND],
        ticktext=["far below", "low end", "high end", "far above"],
        title_text="",
    )
    figure.update_yaxes(categoryorder="array", categoryarray=labels[::-1], title_text="")
    return figure


def _intervals(
    rows: Sequence[Row], labels: list[str], picked: list[int], look: tuple[str, str]
) -> go.Scatter:
    verdict, colour = look
    middle, below, above = [], [], []
    for k in picked:
        band = edges(rows[k]["band"])
        at = place(rows[k]["mean"], band)
        low, high = rows[k]["low"], rows[k]["high"]
        middle.append(at)
        below.append(at - place(low, band) if low is not None else 0.0)
        above.append(place(high, band) - at if high is not None else 0.0)
    return go.Scatter(
        x=middle,
        y=[labels[k] for k in picked],
        error_x={"type": "data", "array": above, "arrayminus": below, "symmetric": False},
        mode="markers",
        marker={"color": colour, "symbol": SYMBOLS[verdict], "size": 9},
        name=verdict,
        text=[f"{rows[k]['mean']:.3g}" for k in picked],
        hovertemplate="%{y}: %{text}<extra></extra>",
    )


def impact_figure(orders: np.ndarray, exponent: float | None, factor: float | None) -> go.Figure:
    """Impact of every metaorder by its size, the means that are fitted, and the law."""
    figure = blank(height=400, hovermode="closest")
    if not len(orders):
        return figure
    size, impact = 100 * orders[:, 0], 100 * orders[:, 2]
    figure.add_trace(
        go.Scatter(
            x=size,
            y=np.clip(impact, *np.nanquantile(impact, [0.01, 0.99])),
            mode="markers",
            marker={"color": GREY, "size": 4, "opacity": 0.45},
            name="one metaorder",
            hoverinfo="skip",
        )
    )
    groups = np.array_split(np.argsort(size, kind="stable"), 8)
    figure.add_trace(
        go.Scatter(
            x=[float(np.exp(np.log(size[g]).mean())) for g in groups if len(g)],
            y=[float(impact[g].mean()) for g in groups if len(g)],
            mode="markers",
            marker={"color": BLUE, "size": 9},
            name="mean of an eighth",
        )
    )
    if exponent is not None and factor is not None:
        line = np.geomspace(size.min(), size.max(), 50)
        figure.add_trace(
            go.Scatter(
                x=line,
                y=100 * factor * (line / 100) ** exponent,
                mode="lines",
                line={"color": RED},
                name=f"law with exponent {exponent:.2f}",
            )
        )
    figure.update_xaxes(type="log", title_text="size, % of the daily volume", tickvals=SIZES)
    figure.update_yaxes(title_text="impact at the end, % of daily volatility")
    return figure


def decay_figure(minutes: Sequence[float], left: Sequence[float]) -> go.Figure:
    """Share of the impact at the end that is left later."""
    figure = blank(height=300)
    figure.add_hrect(y0=0, y1=0.75, fillcolor=GREY, opacity=0.15, line_width=0)
    figure.add_trace(
        go.Scatter(
            x=[0.0, *minutes],
            y=[1.0, *left],
            mode="lines+markers",
            line={"color": BLUE},
            name="impact left",
            showlegend=False,
        )
    )
    figure.update_xaxes(title_text="minutes after the last slice")
    figure.update_yaxes(title_text="share of the impact at the end", rangemode="tozero")
    return figure


def book_figure(edges_of: Sequence[float], profile: Sequence[float]) -> go.Figure:
    """Base that rests in each ring around the mid, per basis point of distance."""
    low = [0.0, *edges_of[:-1]]
    density = np.diff([0.0, *profile]) / (1e4 * (np.array(edges_of) - np.array(low)))
    names = [f"{1e4 * a:g}–{1e4 * b:g}" for a, b in zip(low, edges_of, strict=True)]
    figure = blank(height=300)
    figure.add_trace(go.Bar(x=names, y=density, marker={"color": BLUE, "line": {"color": FAINT}}))
    figure.update_xaxes(title_text="distance from the mid, basis points", type="category")
    figure.update_yaxes(title_text="base per basis point, both sides")
    return figure


def events_figure(rows: Sequence[Row]) -> go.Figure:
    """Model and record side by side for every measure of a crash."""
    labels = [str(row["title"]) for row in rows]
    figure = blank(height=110 + 42 * len(rows), hovermode="closest")
    for name, colour, values, spans in (
        ("on record", INK, _middles(rows), [row["band"] for row in rows]),
        ("model", BLUE, [row["mean"] for row in rows], [(r["low"], r["high"]) for r in rows]),
    ):
        figure.add_trace(
            go.Scatter(
                x=values,
                y=labels,
                mode="markers",
                marker={
                    "color": colour,
                    "size": 10,
                    "symbol": "line-ns-open" if colour == INK else "circle",
                },
                error_x=_errors(values, spans),
                name=name,
            )
        )
    figure.update_yaxes(categoryorder="array", categoryarray=labels[::-1])
    known = [0.0, 1.0, *(v for row in rows for v in (row["mean"], *row["band"]) if v is not None)]
    room = 0.05 * (max(known) - min(known))
    figure.update_xaxes(
        title_text="as a share; the table says of what",
        range=[min(known) - room, max(known) + room],
    )
    return figure


def _middles(rows: Sequence[Row]) -> list[float]:
    return [0.5 * (row["band"][0] + row["band"][1]) for row in rows]


def _errors(values: Sequence[float | None], spans: Sequence[Any]) -> dict[str, Any]:
    """Error bars from a value to both ends of its interval."""
    above, below = [], []
    for value, (low, high) in zip(values, spans, strict=True):
        known = value is not None and low is not None and high is not None
        above.append(high - value if known else math.nan)
        below.append(value - low if known else math.nan)
    return {"type": "data", "array": above, "arrayminus": below, "symmetric": False}
