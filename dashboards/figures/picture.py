"""One picture of a run as a small SVG file: price, liquidations, cascade.

Written from the frames by the few lines below, so that the same run gives the same bytes and no
browser is needed. It follows the reader's light or dark theme.
"""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from crossmargin.dashboards.figures.cascade import COLOURS, GENERATIONS, bars, by_generation
from crossmargin.dashboards.figures.price import grouped_liquidations, in_market, marker_sizes
from crossmargin.dashboards.figures.style import BLUE, FONT, GREY, RED, clock
from crossmargin.dashboards.figures.thin import thin
from crossmargin.dashboards.figures.words import money, price, share

if TYPE_CHECKING:
    from crossmargin.experiments.run import Run

WIDTH, HEIGHT = 960, 560
_STYLE = """
text { font-family: FONT; font-size: 13px; fill: #1d232b }
.paper { fill: #ffffff } .soft { fill: #586270 } .title { font-size: 20px; font-weight: 600 }
.grid { stroke: #dfe3e8; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9ee } .paper { fill: #191d23 } .soft { fill: #a3adba } .grid { stroke: #343b45 }
}
"""


class Panel(NamedTuple):
    """A rectangle of the picture, pixels, and the values at its edges."""

    left: float
    right: float
    top: float
    bottom: float
    first: float
    last: float
    low: float
    high: float

    def x(self, time: float) -> float:
        """Pixels from the left of a time."""
        return self.left + (time - self.first) / (self.last - self.first) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Pixels from the top of a value."""
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - self.top)


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}"'
    return f'<text {place} class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _line(panel: Panel, rows: pd.DataFrame, column: str, colour: str, width: float) -> str:
    kept = thin(rows[rows[column] > 0], column, 800)
    points = zip(kept["seconds"].map(panel.x), kept[column].map(panel.y), strict=True)
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _circles(panel: Panel, marks: pd.DataFrame) -> str:
    sizes = marker_sizes(marks["notional"]) / 2
    places = zip(marks["seconds"].map(panel.x), marks["mid"].map(panel.y), sizes, strict=True)
    drawn = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"/>' for x, y, r in places)
    return f'<g fill="{RED}" fill-opacity=".45" stroke="{RED}">{drawn}</g>'


def _bars(panel: Panel, table: pd.DataFrame) -> str:
    found, base = [], pd.Series(0.0, index=table.index)
    half = (
        max(table.attrs["seconds"] / (panel.last - panel.first) * (panel.right - panel.left), 2) / 2
    )
    for g, colour in enumerate(COLOURS, start=1):
        tops, bottoms = (base + table[g]).map(panel.y), base.map(panel.y)
        for at, top, bottom in zip(table.index.map(panel.x), tops, bottoms, strict=True):
            if bottom - top > 0.05:
                place = f'x="{at - half:.1f}" y="{top:.1f}" width="{2 * half:.1f}"'
                found.append(f'<rect {place} height="{bottom - top:.1f}" fill="{colour}"/>')
        base = base + table[g]
    return "".join(found)


def round_values(low: float, high: float, most: int) -> list[float]:
    """Return at most so many round numbers between two values, evenly spaced."""
    rough = (high - low) / most
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next(m for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))
    return [
        float(k * step) for k in range(int(np.ceil(low / step)), int(high / step * (1 + 1e-9)) + 1)
    ]


def _frame(panel: Panel, write: Callable[[float], str], ticks: int) -> str:
    found = []
    for value in round_values(panel.low, panel.high, ticks):
        y = panel.y(value)
        found.append(
            f'<line class="grid" x1="{panel.left}" x2="{panel.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        found.append(_text(panel.left - 8, y + 4, write(value), "soft", "end"))
    return "".join(found)


def _times(panel: Panel) -> str:
    time = clock(pd.Series([panel.last]))
    values = round_values(panel.first / time.scale, panel.last / time.scale, 8)
    places = [(panel.x(v * time.scale), f"{v:g}") for v in values]
    marks = "".join(_text(x, panel.bottom + 18, v, "soft", "middle") for x, v in places)
    return marks + _text(
        panel.right, panel.bottom + 34, f"{time.unit} since the start", "soft", "end"
    )


def _legend(x: float, y: float, entries: list[tuple[str, str]]) -> str:
    found = []
    for name, colour in entries:
        found.append(f'<rect x="{x}" y="{y - 9}" width="14" height="9" fill="{colour}"/>')
        found.append(_text(x + 19, y, name, "soft"))
        x += 36 + 6.6 * len(name)
    return "".join(found)


def _price_panel(rows: pd.DataFrame, closed: pd.DataFrame) -> str:
    both = rows[["mid", "reference"]].where(rows[["mid", "reference"]] > 0)
    low, high = float(both.min().min()), float(both.max().max())
    margin = 0.04 * (high - low) or 0.01 * high
    span = (float(rows["seconds"].min()), float(rows["seconds"].max()))
    panel = Panel(84, WIDTH - 24, 104, 360, *span, low - margin, high + margin)
    body = _frame(panel, price, 5) + _line(panel, rows, "reference", GREY, 1.2)
    body += _line(panel, rows, "mid", BLUE, 1.8)
    if len(closed):
        body += _circles(panel, grouped_liquidations(closed, rows))
    names = [("price on the venue", BLUE), ("price outside", GREY), ("liquidations, by value", RED)]
    return body + _legend(84, 92, names)


def _cascade_panel(rows: pd.DataFrame, liquidations: pd.DataFrame, events: pd.DataFrame) -> str:
    span = (float(rows["seconds"].min()), float(rows["seconds"].max()))
    table = bars(by_generation(liquidations, events)) if len(liquidations) else None
    top = float(table.sum(axis=1).max()) if table is not None else 1.0
    panel = Panel(84, WIDTH - 24, 414, 508, *span, 0.0, top or 1.0)
    body = _frame(panel, money, 3) + _times(panel)
    if table is not None:
        body += _bars(panel, table)
    names = [(f"{name} generation", c) for name, c in zip(GENERATIONS, COLOURS, strict=True)]
    return body + _text(84, 390, "closed by force") + _legend(190, 390, names)


def picture_svg(run: "Run", market: str | None = None) -> str:
    """Draw the price of one market, its liquidations and the whole cascade as SVG.

    Parameters
    ----------
    run : Run
    market : str, optional
        By default the one with most notional closed by force, else the first.
    """
    closed = run.liquidations.groupby("market", observed=True)["notional"].sum()
    market = market or str(closed.idxmax() if len(closed) else run.series["market"].iloc[0])
    rows = in_market(run.series, market)
    mid = rows["mid"][rows["mid"] > 0]
    fall = share(float((1 - mid / mid.cummax()).max()))
    size = money(run.summary["liquidated_notional"])
    words = f"{market} falls by {fall} at worst; {size} of positions closed by force"
    body = _price_panel(rows, in_market(run.liquidations, market))
    body += _cascade_panel(rows, run.liquidations, run.events)
    title = run.scenario.title or run.scenario.name
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f"<title>{escape(f'{title}: {words}')}</title>"
        f"<style>{_STYLE.replace('FONT', FONT)}</style>"
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="10"/>'
        f"{_text(24, 40, title, 'title')}{_text(24, 63, words, 'soft')}{body}</svg>\n"
    )


def write_picture(run: "Run", path: str | Path, market: str | None = None) -> Path:
    """Write the picture of a run to an SVG file and return its path."""
    path = Path(path)
    path.write_text(picture_svg(run, market), encoding="utf-8")
    return path
