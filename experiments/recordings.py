"""Recorded prices as they lie in a CSV file: columns and moments, errors with their line."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.model.errors import ScenarioError

#: Recorded prices that come with the package.
DATA = Path(__file__).parent / "data"

OHLC = ("open", "high", "low", "close")
Floats = NDArray[np.float64]


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
    table = read(path)
    if column not in table.columns:
        raise ScenarioError(f"{path}, line 1: no column {column}; found {', '.join(table.columns)}")
    moments = moments_of(table, path)
    bounds = [
        default if moment is None else seconds_of(moment, path, key)
        for moment, key, default in ((start, "start", -np.inf), (end, "end", np.inf))
    ]
    rows = slice(*(int(row) for row in np.searchsorted(moments, bounds)))
    if rows.stop - rows.start < 2:
        raise ScenarioError(
            f"{path}: holds {max(0, rows.stop - rows.start)} prices from {start or 'its start'} to "
            f"{end or 'its end'}; it runs from {name_of(moments[0])} to {name_of(moments[-1])}"
        )
    check_gaps(moments[rows], length_of(moments, path), path, rows.start)
    return values_of(table, column, path, rows)


def line_of(row: int) -> int:
    """Line of the file that holds a row, counted from 1 with the header."""
    return row + 2


def is_there(file: Path) -> bool:
    """Tell whether a path names a file; one that no file can have does not."""
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False


def read(file: Path) -> pd.DataFrame:
    """Table of a file that has moments and prices, under their usual names."""
    if not is_there(file):
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


def moments_of(table: pd.DataFrame, file: Path) -> Floats:
    """Seconds since 1970 of each row, rising."""
    try:
        parsed = pd.to_datetime(table["timestamps"], utc=True, errors="coerce", format="ISO8601")
    except (ValueError, OverflowError) as error:
        raise ScenarioError(f"{file}, column timestamps: {error}") from None
    bad = np.flatnonzero(parsed.isna())
    if bad.size:
        value = table["timestamps"].iloc[bad[0]]
        raise ScenarioError(
            f"{file}, line {line_of(bad[0])}, column timestamps: {value!r} is no ISO 8601 moment"
        )
    seconds: Floats = parsed.dt.as_unit("ns").astype("int64").to_numpy() / 1e9
    wrong = np.flatnonzero(np.diff(seconds) <= 0)
    if wrong.size:
        row = int(wrong[0]) + 1
        what = "repeats" if seconds[row] == seconds[row - 1] else "lies before"
        value = table["timestamps"].iloc[row]
        raise ScenarioError(
            f"{file}, line {line_of(row)}, column timestamps: {value} {what} the line above"
        )
    return seconds


def values_of(table: pd.DataFrame, column: str, file: Path, rows: slice) -> Floats:
    """Positive numbers of a column."""
    text = table[column].iloc[rows]
    values: Floats = pd.to_numeric(text, errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(~np.isfinite(values) | (values <= 0))
    if bad.size:
        row = int(bad[0])
        raise ScenarioError(
            f"{file}, line {line_of(row + rows.start)}, column {column}: "
            f"{text.iloc[row]!r} is no positive number"
        )
    return values


def logs_of(table: pd.DataFrame, file: Path) -> Floats:
    """Log prices of a file of single prices; of its column `log_price`, to the last bit, if any.

    A price that was written in decimals and read again is not always the same number; a path that
    must be followed bit for bit brings its logarithms.
    """
    prices = np.log(values_of(table, "price", file, slice(0, len(table))))
    if "log_price" not in table.columns:
        return np.asarray(prices)
    found = np.full(len(table), np.nan)
    for row, text in enumerate(table["log_price"]):
        try:
            found[row] = float(text)  # unlike pandas' reader, exact
        except ValueError:
            pass
        if not abs(found[row] - prices[row]) < 1e-6:
            raise ScenarioError(
                f"{file}, line {line_of(row)}, column log_price: {text!r} is not the logarithm of "
                f"the price, {prices[row]:.6f}"
            )
    return found


def seconds_of(moment: str, file: Path, key: str) -> float:
    """Seconds since 1970 of an ISO 8601 moment that a key of a scenario gives."""
    try:
        parsed = pd.Timestamp(moment)
    except (ValueError, OverflowError, TypeError):
        raise ScenarioError(f"{file}: {key} {moment!r} is no ISO 8601 moment") from None
    if parsed is pd.NaT:
        raise ScenarioError(f"{file}: {key} {moment!r} is no ISO 8601 moment")
    parsed = parsed.tz_localize("UTC") if parsed.tz is None else parsed.tz_convert("UTC")
    return float(parsed.timestamp())


def name_of(seconds: float) -> str:
    """ISO 8601 name of a moment."""
    return str(pd.Timestamp(seconds, unit="s"))


def length_of(moments: Floats, file: Path) -> float:
    """Seconds of a candle: the commonest distance between two."""
    if len(moments) < 2:
        raise ScenarioError(f"{file}: one candle alone does not say how long it is; two are needed")
    gaps, counts = np.unique(np.diff(moments), return_counts=True)
    return float(gaps[np.argmax(counts)])


def check_gaps(moments: Floats, length: float, file: Path, first: int) -> None:
    """Refuse rows that do not follow one another at the length of a candle."""
    wrong = np.flatnonzero(np.diff(moments) != length)
    if wrong.size:
        row = int(wrong[0])
        raise ScenarioError(
            f"{file}, line {line_of(row + first + 1)}, column timestamps: the candle after "
            f"{name_of(moments[row])} should begin at {name_of(moments[row] + length)}, "
            f"the next one begins at {name_of(moments[row + 1])}"
        )
