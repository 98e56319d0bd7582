"""Prices of one market, with its liquidations."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import BLUE, GREEN, GREY, INK, ORANGE, RED, blank, clock
from crossmargin.dashboards.figures.thin import thin
from crossmargin.dashboards.figures.words import money, price_format

#: Column, name in the legend, colour, dash, width in the order of drawing: where the mark lies on
#: the mid, both are seen.
LINES = (
    ("reference", "outside price", GREY, "solid", 1.6),
    ("index", "index (oracle)", GREEN, "dot", 1.6),
    ("mid", "mid (order book)", BLUE, "solid", 3.2),
    ("mark", "mark (used for margin)", ORANGE, "solid", 1.2),
)
#: Liquidations drawn one by one; smaller ones beyond that are left out and the legend says so.
MARKERS = 600


def in_market(frame: pd.DataFrame, market: str) -> pd.DataFrame:
    """Rows of one market, in order of time."""
    return frame[frame["market"] == market].sort_values("step", kind="stable")


def grouped_liquidations(liquidations: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Liquidations of one market by step: notional, how many, the mid they left behind."""
    steps = liquidations.groupby("step").agg(
        seconds=("seconds", "first"), notional=("notional", "sum"), n=("event", "size")
    )
    return steps.join(series.drop_duplicates("step").set_index("step")["mid"]).reset_index()


def marker_sizes(notional: pd.Series) -> pd.Series:
    """Diameters in pixels: the area is in proportion to the notional."""
    top = float(notional.max()) or 1.0
    return 4 + 20 * np.sqrt(notional.clip(lower=0) / top)


def _add_markers(figure: go.Figure, marks: pd.DataFrame, scale: float) -> None:
    largest = marks.nlargest(MARKERS, "notional").sort_values("step")
    hidden = len(marks) - len(largest)
    figure.add_scatter(
        x=largest["seconds"] / scale,
        y=largest["mid"],
        mode="markers",
        name="liquidations" + (f" ({hidden} small ones not drawn)" if hidden else ""),
        marker={
            "size": marker_sizes(largest["notional"]),
            "color": RED,
            "opacity": 0.55,
            "line": {"width": 1, "color": INK},
        },
        text=[
            f"{n} liquidated, {money(v)}"
            for n, v in zip(largest["n"], largest["notional"], strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
    )


def price_figure(series: pd.DataFrame, liquidations: pd.DataFrame, market: str) -> go.Figure:
    """Draw mid, mark, index and outside price, quote per base, and liquidations by notional.

    Parameters
    ----------
    series : DataFrame
        One row a step and market.
    liquidations : DataFrame
        One row a forced closing.
    market : str
        Name of the market.
    """
    rows = in_market(series, market)
    time = clock(rows["seconds"])
    figure = blank(height=400)
    for column, name, colour, dash, width in LINES:
        kept = thin(rows[rows[column] > 0], column)
        line = {"color": colour, "dash": dash, "width": width}
        figure.add_scatter(
            x=kept["seconds"] / time.scale, y=kept[column], name=name, mode="lines", line=line
        )
    closed = in_market(liquidations, market)
    if len(closed):
        _add_markers(figure, grouped_liquidations(closed, rows), time.scale)
    near = price_format(float(rows["mid"].median()) if rows["mid"].notna().any() else 0.0)
    figure.update_xaxes(title_text=time.title, hoverformat=",.2f", ticksuffix="")
    figure.update_yaxes(
        title_text=f"{market} price ($)", tickprefix="$", tickformat=near, hoverformat=near
    )
    return figure
