"""Volume traded at each price before the start: the prices at which positions were opened.

A history is a histogram over price. Entry prices are drawn from it by the inverse of its cumulated
volume, uniform within a bin, for longs and shorts alike: every trade opened one of each, or closed
one. Candles spread their volume evenly from low to high, as volume profiles of trading screens do;
without a column of volumes every candle counts the same. A half-life lets old volume count less.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from crossmargin.experiments.initial_tables import VolumeAtPrice
from crossmargin.experiments.recordings import (
    DATA,
    Floats,
    line_of,
    moments_of,
    name_of,
    read,
    seconds_of,
    values_of,
)
from crossmargin.experiments.schema import Underlying
from crossmargin.model.draws import PATH, generator, population_key
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.markets import YEAR

#: Points of a simulated past.
POINTS = 4096


@dataclass(frozen=True, eq=False)
class Profile:
    """Histogram of volume over price.

    Attributes
    ----------
    edges : (n_bins + 1,) float64, quote per base, rising
    volume : (n_bins,) float64, any unit
    """

    edges: Floats
    volume: Floats

    def quantile(self, uniform: Floats) -> Floats:
        """Prices below which a share of the volume was traded."""
        total = np.concatenate([[0.0], np.cumsum(self.volume)])
        return np.interp(uniform, total / total[-1], self.edges)


def profile_of(table: VolumeAtPrice, underlying: Underlying, price: float, seed: int) -> Profile:
    """Histogram that a table of a scenario describes.

    Parameters
    ----------
    price : float
        First price of the underlying, quote per base.
    seed : int
        Of a past that is simulated.

    Raises
    ------
    ParameterError, ScenarioError
        With the key, or with file, line and column.
    """
    where = f"initial.volume_at_price.{table.market}"
    if table.prices:
        return _from_bins(np.array(table.prices), np.array(table.volumes), where)
    if table.file is not None:
        return _from_bins(*_bins_of(DATA / table.file), str(DATA / table.file))
    if table.simulated:
        return _from_past(table, price, seed)
    return _from_candles(table, underlying, price, where)


def _from_bins(prices: Floats, volumes: Floats, where: str) -> Profile:
    """Histogram from the middles of its bins; outer ones are as wide as their neighbours."""
    if not (np.isfinite(prices).all() and (prices > 0).all() and (np.diff(prices) > 0).all()):
        raise ParameterError(f"{where}: prices must be positive and rise from bin to bin")
    wrong = np.flatnonzero(~((volumes >= 0) & np.isfinite(volumes)))
    if len(wrong):
        value = volumes[wrong[0]]
        raise ParameterError(f"{where}: the volume of bin {wrong[0]} is {value:g}, below 0")
    if not volumes.sum() > 0:
        raise ParameterError(f"{where}: there is no volume")
    if len(prices) == 1:
        return Profile(np.repeat(prices, 2), volumes)
    between = 0.5 * (prices[1:] + prices[:-1])
    first = max(2 * prices[0] - between[0], 0.5 * prices[0])
    return Profile(np.array([first, *between, 2 * prices[-1] - between[-1]]), volumes)


def _bins_of(file: Path) -> tuple[Floats, Floats]:
    """Columns price and volume of a CSV."""
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{file}: cannot be read as CSV: {str(error).strip()}") from None
    table.columns = table.columns.str.strip().str.lower()
    for column in ("price", "volume"):
        if column not in table.columns:
            found = ", ".join(table.columns)
            raise ScenarioError(f"{file}, line 1: no column {column}; found {found}")
    rows = slice(0, len(table))
    return values_of(table, "price", file, rows), _volumes(table, file, rows)


def _volumes(table: pd.DataFrame, file: Path, rows: slice) -> Floats:
    """Column of volumes, 0 allowed; ones where there is none."""
    if "volume" not in table.columns:
        return np.ones(rows.stop - rows.start)
    text = table["volume"].iloc[rows]
    values: Floats = pd.to_numeric(text, errors="coerce").to_numpy(np.float64)
    wrong = np.flatnonzero(~np.isfinite(values) | (values < 0))
    if len(wrong):
        row = int(wrong[0])
        raise ScenarioError(
            f"{file}, line {line_of(row + rows.start)}, column volume: {text.iloc[row]!r} is no "
            "number from 0 up"
        )
    return values


def _from_candles(
    table: VolumeAtPrice, underlying: Underlying, price: float, where: str
) -> Profile:
    recording = underlying.recording
    name = table.candles or (recording.file if recording is not None else None)
    if name is None:
        raise ParameterError(
            f"{where}.look_back: {underlying.name} has no recording to look back in; give candles, "
            "or simulated = true"
        )
    file = DATA / name
    frame = read(file)
    moments = moments_of(frame, file)
    end = table.end or (recording.start if recording is not None else None)
    last = float(np.inf) if end is None else seconds_of(end, file, f"{where}.end")
    rows = _window(moments, last, float(table.look_back or 0), file)
    column = {True: ("price", "price", "price"), False: ("low", "high", "close")}
    low, high, close = (
        values_of(frame, name, file, rows) for name in column["price" in frame.columns]
    )
    factor = price / close[-1] if table.rescale else 1.0
    age = moments[rows][-1] - moments[rows]
    volume = _volumes(frame, file, rows) * _kept(age, table.half_life)
    return spread(factor * low, factor * high, volume, table.bins)


def _window(moments: Floats, last: float, look_back: float, file: Path) -> slice:
    """Rows of a file within a time before a moment, which it must hold."""
    stop = int(np.searchsorted(moments, last))
    until = min(last, float(moments[-1]))
    start = int(np.searchsorted(moments, until - look_back))
    if stop == 0 or start >= stop or moments[0] > until - look_back:
        raise ScenarioError(
            f"{file}: a look-back of {look_back:g} s before {name_of(until)} is not in the file, "
            f"which runs from {name_of(moments[0])} to {name_of(moments[-1])}"
        )
    return slice(start, stop)


def _kept(age: Floats, half_life: float | None) -> Floats:
    return np.ones_like(age) if half_life is None else 0.5 ** (age / half_life)


def spread(low: Floats, high: Floats, volume: Floats, bins: int) -> Profile:
    """Histogram of volumes that were traded evenly between a low and a high each."""
    if not volume.sum() > 0:
        raise ParameterError("initial.volume_at_price: there is no volume in the look-back")
    bottom, top = low.min(), high.max()
    if bottom == top:
        return Profile(np.array([bottom, top]), np.array([1.0]))
    edges = np.linspace(bottom, top, bins + 1)
    width = np.maximum(high - low, 1e-9 * top)
    low = np.minimum(low, top - width)
    below = [float((volume * np.clip((edge - low) / width, 0.0, 1.0)).sum()) for edge in edges]
    return Profile(edges, np.maximum(np.diff(below), 0.0))


def _from_past(table: VolumeAtPrice, price: float, seed: int) -> Profile:
    """Histogram of time spent at each price by a diffusion that ends at the first price."""
    look_back = float(table.look_back or 0)
    draws = generator(seed, population_key("volume at price " + table.market), PATH, 0)
    deviation = table.volatility * np.sqrt(look_back / POINTS / YEAR)
    path = price * np.exp(deviation * np.cumsum(draws.standard_normal(POINTS)))
    age: Floats = look_back / POINTS * np.arange(1.0, POINTS + 1.0)
    ends = np.concatenate([[price], path])
    low, high = np.minimum(ends[1:], ends[:-1]), np.maximum(ends[1:], ends[:-1])
    return spread(low, high, _kept(age, table.half_life), table.bins)
