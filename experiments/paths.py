"""Recorded prices: from a CSV file to one log price a block.

A file of candles has the columns `timestamps, open, high, low, close`; others are ignored. The path
inside a candle begins at its open, ends at its close, touches its low and its high exactly and
never leaves them. A file of single prices has `timestamps, price`; between two of them the log
price runs in a straight line.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.model.draws import PATH, generator, population_key
from crossmargin.model.errors import ScenarioError

OHLC = ("open", "high", "low", "close")
#: First key of the draws inside candles; a candle's own is its moment, so that dates move none.
KEY = population_key("candles")
Floats = NDArray[np.float64]


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
    table = _read(Path(file))
    if "price" in table.columns and not set(OHLC) <= set(table.columns):
        return _from_prices(table, Path(file), window)
    return _from_candles(table, Path(file), window, seed)


def recorded_prices(
    file: str | Path, column: str = "close", start: str | None = None, end: str | None = None
) -> Floats:
    """Prices of one column of a CSV between two moments, quote per base.

    Parameters
    ----------
    file : str or Path
    column : str
        `close` or another price of a candle, or `price`.
    start, end : str, optional
        ISO 8601; from the first up to, and without, the second; the whole file by default.

    Returns
    -------
    (n,) float64

    Raises
    ------
    ScenarioError
        With file, line and column, as in `load_path`; also when rows are left out between two.
    """
    path = Path(file)
    table = _read(path)
    if column not in table.columns:
        raise ScenarioError(f"{path}, line 1: no column {column}; found {', '.join(table.columns)}")
    moments = _moments(table, path)
    bounds = [
        default if moment is None else _seconds(moment, path, key)
        for moment, key, default in ((start, "start", -np.inf), (end, "end", np.inf))
    ]
    rows = slice(*(int(row) for row in np.searchsorted(moments, bounds)))
    if rows.stop - rows.start < 2:
        raise ScenarioError(
            f"{path}: holds {max(0, rows.stop - rows.start)} prices from {start or 'its start'} to "
            f"{end or 'its end'}; it runs from {_name(moments[0])} to {_name(moments[-1])}"
        )
    _check_gaps(moments[rows], _length(moments, path), path, rows.start)
    return _values(table, column, path, rows)


# Reading --------------------------------------------------------------------------------------


def _line(row: int) -> int:
    """Line of the file that holds a row, counted from 1 with the header."""
    return row + 2


def _read(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise ScenarioError(f"{file}: no such file")
    try:
        table = pd.read_csv(file, dtype=str, skip_blank_lines=False, keep_default_na=False)
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise ScenarioError(f"{file}: cannot be read as CSV: {str(error).strip()}") from None
    table.columns = table.columns.str.strip().str.lower()
    names = {"timestamp": "timestamps", "time": "timestamps", "date": "timestamps"}
    table = table.rename(columns=names)
    needed = ("price",) if "price" in table.columns else OHLC
    missing = [name for name in ("timestamps", *needed) if name not in table.columns]
    if missing:
        raise ScenarioError(
            f"{file}, line 1: no column {', '.join(missing)}; found {', '.join(table.columns)}"
        )
    if table.empty:
        raise ScenarioError(f"{file}: no rows below the header")
    return table


def _moments(table: pd.DataFrame, file: Path) -> Floats:
    """Seconds since 1970 of each row, rising."""
    try:
        parsed = pd.to_datetime(table["timestamps"], utc=True, errors="coerce", format="ISO8601")
    except (ValueError, OverflowError) as error:
        raise ScenarioError(f"{file}, column timestamps: {error}") from None
    bad = np.flatnonzero(parsed.isna())
    if bad.size:
        value = table["timestamps"].iloc[bad[0]]
        raise ScenarioError(
            f"{file}, line {_line(bad[0])}, column timestamps: {value!r} is no ISO 8601 moment"
        )
    seconds: Floats = parsed.dt.as_unit("ns").astype("int64").to_numpy() / 1e9
    wrong = np.flatnonzero(np.diff(seconds) <= 0)
    if wrong.size:
        row = int(wrong[0]) + 1
        what = "repeats" if seconds[row] == seconds[row - 1] else "lies before"
        value = table["timestamps"].iloc[row]
        raise ScenarioError(
            f"{file}, line {_line(row)}, column timestamps: {value} {what} the line above"
        )
    return seconds


def _values(table: pd.DataFrame, column: str, file: Path, rows: slice) -> Floats:
    """Positive numbers of a column."""
    text = table[column].iloc[rows]
    values: Floats = pd.to_numeric(text, errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(~np.isfinite(values) | (values <= 0))
    if bad.size:
        row = int(bad[0])
        raise ScenarioError(
            f"{file}, line {_line(row + rows.start)}, column {column}: "
            f"{text.iloc[row]!r} is no positive number"
        )
    return values


def _seconds(moment: str, file: Path, key: str) -> float:
    try:
        parsed = pd.Timestamp(moment)
    except (ValueError, OverflowError, TypeError):
        raise ScenarioError(f"{file}: {key} {moment!r} is no ISO 8601 moment") from None
    if parsed is pd.NaT:
        raise ScenarioError(f"{file}: {key} {moment!r} is no ISO 8601 moment")
    parsed = parsed.tz_localize("UTC") if parsed.tz is None else parsed.tz_convert("UTC")
    return float(parsed.timestamp())


def _name(seconds: float) -> str:
    return str(pd.Timestamp(seconds, unit="s"))


def _span(moments: Floats, length: float, file: Path, window: Window) -> tuple[float, float]:
    """First and last second that the run needs, checked against the file and `end`."""
    start = _seconds(window.start, file, "start")
    stop = start + window.steps * window.block_seconds
    first, last = float(moments[0]), float(moments[-1]) + length
    if not first <= start < last:
        raise ScenarioError(
            f"{file}: start {window.start} lies outside the file, {_name(first)} to {_name(last)}"
        )
    if window.end is not None and (end := _seconds(window.end, file, "end")) < last:
        if end <= start:
            raise ScenarioError(f"{file}: end {window.end} is not after start {window.start}")
        last = end
    elif window.end is not None and _seconds(window.end, file, "end") > last:
        raise ScenarioError(
            f"{file}: end {window.end} lies outside the file, which ends at {_name(last)}"
        )
    if stop > last + 1e-6:
        most = int((last - start) / window.block_seconds)
        raise ScenarioError(
            f"{file}: {window.steps} steps of {window.block_seconds:g} s from {window.start} "
            f"run to {_name(stop)}, prices end at {_name(last)}; at most {most} steps fit"
        )
    return start, stop


# Single prices ----------------------------------------------------------------------------------


def _from_prices(table: pd.DataFrame, file: Path, window: Window) -> Floats:
    moments = _moments(table, file)
    start, _ = _span(moments, window.block_seconds, file, window)
    prices = _values(table, "price", file, slice(0, len(table)))
    _check_holes(moments, file, slice(*np.searchsorted(moments, _bounds(start, window))))
    wanted = start + window.block_seconds * np.arange(window.steps)
    return np.interp(wanted, moments, np.log(prices))


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
            f"{file}, line {_line(row + 1)}, column timestamps: {gaps[wrong[0]]:g} s after the "
            f"price before it, ten times more than the usual {usual:g} s"
        )


# Candles ----------------------------------------------------------------------------------------


def _length(moments: Floats, file: Path) -> float:
    """Seconds of a candle: the commonest distance between two."""
    if len(moments) < 2:
        raise ScenarioError(f"{file}: one candle alone does not say how long it is; two are needed")
    gaps, counts = np.unique(np.diff(moments), return_counts=True)
    return float(gaps[np.argmax(counts)])


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
            f"{file}, line {_line(row + first)}, column high: "
            f"{high[row]:g} is below low {low[row]:g}"
        )
    for column in ("open", "close"):
        values = candles[column]
        wrong = np.flatnonzero((values < low) | (values > high))
        if wrong.size:
            row = int(wrong[0])
            raise ScenarioError(
                f"{file}, line {_line(row + first)}, column {column}: {values[row]:g} lies outside "
                f"low {low[row]:g} to high {high[row]:g}"
            )


def _check_gaps(moments: Floats, length: float, file: Path, first: int) -> None:
    wrong = np.flatnonzero(np.diff(moments) != length)
    if wrong.size:
        row = int(wrong[0])
        raise ScenarioError(
            f"{file}, line {_line(row + first + 1)}, column timestamps: the candle after "
            f"{_name(moments[row])} should begin at {_name(moments[row] + length)}, "
            f"the next one begins at {_name(moments[row + 1])}"
        )


def _from_candles(table: pd.DataFrame, file: Path, window: Window, seed: int) -> Floats:
    moments = _moments(table, file)
    length = _length(moments, file)
    blocks = _blocks(length, file, window)
    start, stop = _span(moments, length, file, window)
    first = int(np.searchsorted(moments, start + 1e-6, side="right")) - 1
    last = int(np.searchsorted(moments, stop - 1e-6, side="left"))
    rows = slice(first, last)
    _check_gaps(moments[first : last + 1], length, file, first)
    candles = {column: _values(table, column, file, rows) for column in OHLC}
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
