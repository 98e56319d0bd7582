"""A depth curve: from cumulated quantities by distance to orders that rest, and back."""

import itertools
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.explain import did_you_mean
from crossmargin.experiments.snapshots.exact import decimals, units_of
from crossmargin.experiments.snapshots.grid import Grid
from crossmargin.experiments.snapshots.reading import Sheet, read_cells
from crossmargin.experiments.snapshots.table import DEPTH_COLUMNS, Depth
from crossmargin.model.state import State

#: Sides as a file has them, in the order of the book.
SIDES = ("bid", "ask")
#: Distances of an exported curve beside that of the best price, hundredths of a percent.
DISTANCES = (1, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000)


@dataclass(frozen=True, eq=False)
class Curve:
    """One side of a market: quantity that rests at each distance.

    Attributes
    ----------
    distances : (n,) float64, fraction of the mid, rising
    lots : (n,) int64, at each distance, not cumulated
    """

    market: int
    side: int
    distances: NDArray[np.float64]
    lots: NDArray[np.int64]


def read_depth(folder: Path, depth: Depth, grid: Grid) -> tuple[list[Curve], list[Any]]:
    """Curves of a file and the problems that it has.

    Raises
    ------
    ScenarioError
        When the file is missing or broken.
    """
    sheet = Sheet(depth.file, read_cells(folder / depth.file))
    sheet.columns["account"] = [""] * len(next(iter(sheet.columns.values()), []))
    if _has_columns(sheet):
        rows = _rows(sheet, grid)
        if not sheet.problems:
            curves = [_curve(key, part, depth) for key, part in _by_side(sheet, grid, rows)]
            return curves, sheet.problems
    return [], sheet.problems


def _has_columns(sheet: Sheet) -> bool:
    for name in set(DEPTH_COLUMNS) - set(sheet.columns):
        sheet.say(f"there is no column {name}")
    for name in set(sheet.columns) - set(DEPTH_COLUMNS) - {"account"}:
        sheet.say(f"unknown column; {did_you_mean(name, DEPTH_COLUMNS)}", column=name)
    if not sheet.problems and sheet.n == 0:
        sheet.say("has no rows")
    return not sheet.problems


def _rows(sheet: Sheet, grid: Grid) -> list[tuple[int, int, int, float, Decimal]]:
    """Market, side, place in the file, distance and cumulated quantity of every row."""
    cells = {name: sheet.columns[name] for name in DEPTH_COLUMNS}
    numbers = {}
    for name in ("distance_bps", "quantity"):
        numbers[name], wrong = decimals(cells[name])
        for i, text in wrong.items():
            sheet.say(text, i, name)
    found = []
    for i in range(sheet.n):
        market, side = grid.market(str(cells["market"][i])), str(cells["side"][i]).lower()
        if market < 0:
            near = did_you_mean(str(cells["market"][i]), [row.name for row in grid.markets])
            sheet.say(f"there is no market {cells['market'][i]!r}; {near}", i, "market")
        if side not in SIDES:
            sheet.say(f"{cells['side'][i]!r} is neither bid nor ask", i, "side")
            continue
        distance, quantity = numbers["distance_bps"][i], numbers["quantity"][i]
        if distance <= 0 or (side == "bid" and distance >= 10_000):
            sheet.say(
                f"{distance} is no distance: above 0, of a bid below 10000", i, "distance_bps"
            )
        if quantity < 0:
            sheet.say(f"{quantity} is negative", i, "quantity")
        found.append((market, SIDES.index(side), i, float(distance) * 1e-4, quantity))
    return found


def _by_side(sheet: Sheet, grid: Grid, rows: list[Any]) -> list[tuple[Any, Any]]:
    """Rows of every side in rising distance, with cumulated lots; problems are noted."""
    found = []
    for market in sorted({row[0] for row in rows}):
        for side in range(2):
            part = sorted((row for row in rows if row[:2] == (market, side)), key=lambda r: r[3])
            if not part:
                sheet.say(f"{grid.markets[market].name} has no {SIDES[side]}s", column="side")
                continue
            _check_side(sheet, grid, part)
            lots, wrong = units_of([row[4] for row in part], grid.markets[market].lot)
            for i, text in wrong.items():
                sheet.say(text, part[i][2], "quantity")
            found.append(((market, side), (np.array([row[3] for row in part]), lots)))
    return [] if sheet.problems else found


def _check_side(sheet: Sheet, grid: Grid, part: list[Any]) -> None:
    """Note what is no curve: a distance twice, a falling quantity, no price so near."""
    mid = grid.markets[part[0][0]].mid
    for row, after in itertools.pairwise(part):
        if after[3] == row[3]:
            sheet.say("this distance stands twice", after[2], "distance_bps")
        elif after[4] < row[4]:
            text = f"{after[4]} is less than the {row[4]} nearer to the mid; quantities cumulate"
            sheet.say(text, after[2], "quantity")
    nearest = (2 - mid % 2) / mid  # half a tick, or a whole one where the mid is a price itself
    if part[0][3] < nearest * (1.0 - 1e-9):
        text = f"there is no price so near; the nearest is {nearest * 1e4:.4g} from the mid"
        sheet.say(text, part[0][2], "distance_bps")


def _curve(key: tuple[int, int], side: Any, depth: Depth) -> Curve:
    """Curve of a side, with the points between that its table asks for."""
    distances, cumulated = side
    pieces = depth.points_between + 1
    nodes = np.concatenate([[0.0], distances])
    steps = np.arange(1, pieces + 1) / pieces
    fine = (nodes[:-1, None] + np.diff(nodes)[:, None] * steps).reshape(-1)
    fine[pieces - 1 :: pieces] = distances  # to the last bit
    each = np.diff(cumulated, prepend=0)
    shares = np.diff(each[:, None] * np.arange(pieces + 1) // pieces, axis=1).reshape(-1)
    kept = shares > 0
    return Curve(*key, fine[kept], shares[kept])


def curve_of_book(state: State, market: int, side: int) -> list[tuple[float, int]]:
    """Distances of a side of a book in hundredths of a percent, with cumulated lots.

    The distance of the best price, those of `DISTANCES` up to the last one that adds anything.
    """
    orders, mid = state.book.orders, int(state.book.ladders[market]["mid"])
    own = orders[(orders["side"] == side) & (orders["market"] == market)]
    if len(own) == 0 or mid <= 0:
        return []
    away = np.abs(2.0 * own["price"] - mid) / mid * 1e4
    nearest = float(away.min())
    found: list[tuple[float, int]] = []
    for distance in (nearest, *(float(d) for d in DISTANCES if d > nearest)):
        lots = int(own["quantity"][away <= distance * (1.0 + 1e-9)].sum())
        if not found or lots > found[-1][1]:
            found.append((distance, lots))
    return found
