"""Recorded prices: from a CSV file to one log price a block.

A file of candles has the columns `timestamps, open, high, low, close`; others are ignored. The path
inside a candle begins at its open, ends at its close, touches its low and its high exactly and
never leaves them. A file of single prices has `timestamps, price`; between two of them the log
price runs in a straight line. A further column `log_price` is followed to the last bit.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.experiments.recordings import (
    OHLC,
    Floats,
    check_gaps,
    length_of,
    line_of,
    logs_of,
    moments_of,
    name_of,
    read,
    seconds_of,
    values_of,
)
from crossmargin.model.draws import PATH, generator, population_key
from crossmargin.model.errors import ScenarioError

#: Moments closer than this are one: seconds since 1970 are no finer than a quarter of it.
SAME_MOMENT = 1e-6
#: First key of the draws inside candles; a candle's own is its moment, so that dates move none.
KEY = population_key("candles")


@dataclass(frozen=True)
class Window:
    """The blocks that a run needs: from when, how many, how long, and until when at most.

    Attributes
    ----------
    start, end : str
        Moments as ISO 8601; no `end` means as far as the steps go.
    steps : int
    block_seconds : float
    """

    start: str
    steps: int
    block_seconds: float
    end: str | None = None


def load_path(file: str | Path, window: Window, seed: int = 0) -> Floats:
    """Log prices by step from a CSV of candles or of single prices, log of quote per base.

    Parameters
    ----------
    file : str or Path
    window : Window
    seed : int
        Of what the file does not say: the moments of a candle's high and low, the noise between.

    Returns
    -------
    (steps,) float64

    Raises
    ------
    ScenarioError
        With file, line and column: no such file or column, a value that is missing, not a number
        or not positive, a candle that contradicts itself, moments that are unordered, repeated or
        leave a gap, dates outside the file, a horizon that it does not cover.
    """
    table = read(Path(file))
    if "price" in table.columns and not set(OHLC) <= set(table.columns):
        return _from_prices(table, Path(file), window)
    return _from_candles(table, Path(file), window, seed)


def _span(moments: Floats, length: float, file: Path, window: Window) -> tuple[float, float]:
    """First and last second that the run needs, checked against the file and `end`."""
    start = seconds_of(window.start, file, "start")
    stop = start + window.steps * window.block_seconds
    first, last = float(moments[0]), float(moments[-1]) + length
    if not first <= start < last:
        raise ScenarioError(
            f"{file}: start {window.start} lies outside the file, "
            f"{name_of(first)} to {name_of(last)}"
        )
    if window.end is not None and (end := seconds_of(window.end, file, "end")) < last:
        if end <= start:
            raise ScenarioError(f"{file}: end {window.end} is not after start {window.start}")
        last = end
    elif window.end is not None and seconds_of(window.end, file, "end") > last:
        raise ScenarioError(
            f"{file}: end {window.end} lies outside the file, which ends at {name_of(last)}"
        )
    if stop > last + 1e-6:
        most = int((last - start) / window.block_seconds)
        raise ScenarioError(
            f"{file}: {window.steps} steps of {window.block_seconds:g} s from {window.start} "
            f"run to {name_of(stop)}, prices end at {name_of(last)}; at most {most} steps fit"
        )
    return start, stop


# Single prices ----------------------------------------------------------------------------------


def _from_prices(table: pd.DataFrame, file: Path, window: Window) -> Floats:
    moments = moments_of(table, file)
    start, _ = _span(moments, window.block_seconds, file, window)
    logs = logs_of(table, file)
    _check_holes(moments, file, slice(*np.searchsorted(moments, _bounds(start, window))))
    wanted = start + window.block_seconds * np.arange(window.steps)
    nearest = np.clip(np.searchsorted(moments, wanted - SAME_MOMENT), 0, len(moments) - 1)
    is_there = np.abs(moments[nearest] - wanted) <= SAME_MOMENT
    return np.where(is_there, logs[nearest], np.interp(wanted, moments, logs))


def _bounds(start: float, window: Window) -> tuple[float, float]:
    return start, start + window.block_seconds * window.steps


def _check_holes(moments: Floats, file: Path, rows: slice) -> None:
    """Refuse a gap that a straight line should not bridge: ten times the usual distance."""
    gaps = np.diff(moments[max(0, rows.start - 1) : rows.stop + 1])
    usual = float(np.median(np.diff(moments))) if len(moments) > 1 else 0.0
    wrong = np.flatnonzero(gaps > 10 * usual)
    if wrong.size:
        row = max(0, rows.start - 1) + int(wrong[0])
        raise ScenarioError(
            f"{file}, line {line_of(row + 1)}, column timestamps: {gaps[wrong[0]]:g} s after the "
            f"price before it, ten times more than the usual {usual:g} s"
        )


# Candles ----------------------------------------------------------------------------------------


def _blocks(length: float, file: Path, window: Window) -> int:
    """Blocks of a candle: a whole number, four at least for open, high, low and close."""
    blocks = round(length / window.block_seconds)
    if blocks < 4 or abs(blocks * window.block_seconds - length) > 1e-6 * length:
        raise ScenarioError(
            f"{file}: its candles of {length:g} s must hold a whole number of blocks, 4 at least; "
            f"block_seconds is {window.block_seconds:g}"
        )
    return blocks


def _check_candles(candles: dict[str, Floats], file: Path, first: int) -> None:
    high, low = candles["high"], candles["low"]
    wrong = np.flatnonzero(high < low)
    if wrong.size:
        row = int(wrong[0])
        raise ScenarioError(
            f"{file}, line {line_of(row + first)}, column high: "
            f"{high[row]:g} is below low {low[row]:g}"
        )
    for column in ("open", "close"):
        values = candles[column]
        wrong = np.flatnonzero((values < low) | (values > high))
        if wrong.size:
            row = int(wrong[0])
            raise ScenarioError(
                f"{file}, line {line_of(row + first)}, column {column}: {values[row]:g} lies "
                f"outside low {low[row]:g} to high {high[row]:g}"
            )


def _from_candles(table: pd.DataFrame, file: Path, window: Window, seed: int) -> Floats:
    moments = moments_of(table, file)
    length = length_of(moments, file)
    blocks = _blocks(length, file, window)
    start, stop = _span(moments, length, file, window)
    first = int(np.searchsorted(moments, start + 1e-6, side="right")) - 1
    last = int(np.searchsorted(moments, stop - 1e-6, side="left"))
    rows = slice(first, last)
    check_gaps(moments[first : last + 1], length, file, first)
    candles = {column: values_of(table, column, file, rows) for column in OHLC}
    _check_candles(candles, file, first)
    logs = np.log(np.array([candles[column] for column in OHLC])).T
    keys = moments[rows].astype(np.int64)
    paths = [inside(candle, blocks, seed, int(key)) for candle, key in zip(logs, keys, strict=True)]
    skipped = round((start - moments[first]) / window.block_seconds)
    return np.concatenate(paths)[skipped : skipped + window.steps]


def inside(candle: Floats, blocks: int, seed: int, key: int) -> Floats:
    """Path inside one candle: (blocks,) float64, log prices.

    It goes from the open to the nearer of high and low, to the other, and to the close. Each of the
    three legs takes time in proportion to its length, give or take a half by draw, so that a
    candle's range is not crossed in a moment. Between them runs a Brownian bridge, reflected at
    high and low, with the volatility that the candle implies beyond its trend (Rogers, Satchell
    1991, doi:10.1214/aoap/1177005835), a tenth of what its range implies at least.

    Parameters
    ----------
    candle : (4,) float64, log of open, high, low, close
    blocks : int, 4 at least
    seed, key : int
        Of the draws; the key is the moment of the candle.
    """
    opened, high, low, closed = candle
    is_low_first = opened - low <= high - opened
    extremes = (low, high) if is_low_first else (high, low)
    draws = generator(seed, KEY, PATH, key % 2**64)
    levels = np.array([opened, *extremes, closed])
    knots = _knots(levels, blocks, draws.uniform(0.5, 1.5, 3))
    walk = np.cumsum(np.sqrt(_variance(candle) / blocks) * draws.standard_normal(blocks))
    steps = np.arange(blocks)
    bridge = walk - np.interp(steps, knots, walk[knots])
    path = _reflected(np.interp(steps, knots, levels) + bridge, low, high)
    path[knots] = levels
    return path


def _variance(candle: Floats) -> float:
    """Variance of the log return over a candle, its trend left out."""
    opened, high, low, closed = candle
    beyond = (high - opened) * (high - closed) + (low - opened) * (low - closed)
    return float(max(beyond, 0.1 * (high - low) ** 2 / (4 * np.log(2))))


def _knots(levels: Floats, blocks: int, chance: Floats) -> NDArray[np.int64]:
    """Blocks at which a path is at its four levels: first, two in between, last."""
    spans = chance * (np.abs(np.diff(levels)) + 1e-9)
    turns = np.rint(np.cumsum(spans)[:2] / spans.sum() * (blocks - 1)).astype(np.int64)
    first = int(np.clip(turns[0], 1, blocks - 3))
    second = int(np.clip(turns[1], first + 1, blocks - 2))
    return np.array([0, first, second, blocks - 1])


def _reflected(path: Floats, low: float, high: float) -> Floats:
    """Path folded back at two walls."""
    width = high - low
    if width == 0:
        return np.full_like(path, low)
    folded = np.mod(path - low, 2 * width)
    return np.clip(low + np.minimum(folded, 2 * width - folded), low, high)
