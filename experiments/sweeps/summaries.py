"""Summaries of a million runs by group, without a loop over groups."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.experiments.sweeps.statistics import (
    Tail,
    expected_shortfall,
    proportion,
    ranks,
    refusal,
)
from crossmargin.model.errors import ParameterError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Groups:
    """Runs by the values of some columns: an order by group, and a frame with a row a group."""

    def __init__(self, runs: pd.DataFrame, by: Sequence[str]) -> None:
        if by:
            grouped = runs.groupby(list(by), sort=True, observed=True, dropna=False)
            self.codes: Integers = grouped.ngroup().to_numpy(np.int64)
            first = np.unique(self.codes, return_index=True)[1]
            self.keys = runs[list(by)].iloc[first].reset_index(drop=True)
        else:
            self.codes = np.zeros(len(runs), np.int64)
            self.keys = pd.DataFrame(index=range(1))
        self.count = len(self.keys)
        self.sizes: Integers = np.bincount(self.codes, minlength=self.count)
        self.first: Integers = np.cumsum(self.sizes) - self.sizes
        is_ordered = bool((np.diff(self.codes) >= 0).all())
        self.order = None if is_ordered else np.argsort(self.codes, kind="stable")

    def ordered(self, values: Floats) -> Floats:
        """Copy of a column, group by group."""
        return values.copy() if self.order is None else values[self.order]

    def where(self, group: int) -> str:
        """Words for a group: ` with leverage = 20`."""
        row = self.keys.iloc[group]
        words = ", ".join(f"{name} = {value}" for name, value in row.items())
        return f" with {words}" if words else ""


class Sorted:
    """Values of an outcome sorted within their groups, what is missing left out."""

    def __init__(self, values: Floats, groups: Groups) -> None:
        found = groups.ordered(values)
        for size in np.unique(groups.sizes[groups.sizes > 1]):  # groups of a size, as a matrix
            if size == len(found) // groups.count and (groups.sizes == size).all():
                found.reshape(groups.count, size).sort(axis=1)
            else:
                first = groups.first[groups.sizes == size]
                places = first[:, None] + np.arange(size)
                found[places] = np.sort(found[places], axis=1)
        known = ~np.isnan(found)
        self.n: Integers = np.bincount(
            np.repeat(np.arange(groups.count), groups.sizes)[known], minlength=groups.count
        )
        self.values: Floats = found if known.all() else found[known]
        self.first: Integers = np.cumsum(self.n) - self.n

    def sums(self, values: Floats) -> Floats:
        """Sum by group; zero for an empty one."""
        found = np.zeros(len(self.n))
        if len(values):
            filled = self.n > 0
            found[filled] = np.add.reduceat(values, self.first[filled])
        return found

    def at(self, places: Floats) -> Floats:
        """Value at a place from 0 within each group, between two by their distance."""
        found = np.full(len(self.n), np.nan)
        usable = (self.n > 0) & np.isfinite(places)
        low = np.floor(places[usable]).astype(np.int64)
        high = np.minimum(low + 1, self.n[usable] - 1)
        first, weight = self.first[usable], places[usable] - low
        below, above = self.values[first + low], self.values[first + high]
        found[usable] = np.where(weight > 0, below * (1 - weight) + above * weight, below)
        return found


def _means(rows: Sorted, confidence: float) -> dict[str, Floats | Integers]:
    from scipy.stats import t

    with np.errstate(divide="ignore", invalid="ignore"):
        centre = rows.sums(rows.values) / rows.n
        squares = rows.sums((rows.values - np.repeat(centre, rows.n)) ** 2)
        sd = np.where(rows.n > 1, np.sqrt(squares / (rows.n - 1)), np.nan)
        half = t.ppf(0.5 + confidence / 2, np.maximum(rows.n - 1, 1)) * sd / np.sqrt(rows.n)
    low, high = centre - half, centre + half
    return {"n": rows.n, "mean": centre, "mean_low": low, "mean_high": high, "sd": sd}


def quantile_name(p: float) -> str:
    """Column of a quantile: `q5`, `q99.9`."""
    return f"q{100 * p:.10g}"


def _quantile(rows: Sorted, p: float, confidence: float) -> dict[str, Floats]:
    """Quantile and its interval by group; NaN where there are too few runs."""
    sizes, which = np.unique(rows.n, return_inverse=True)
    found = [ranks(p, int(n), confidence) for n in sizes]
    low = np.array([np.nan if r is None else r[0] - 1.0 for r in found])[which]
    high = np.array([np.nan if r is None else r[1] - 1.0 for r in found])[which]
    place = np.where(np.isnan(low), np.nan, p * (rows.n - 1))
    name = quantile_name(p)
    return {name: rows.at(place), f"{name}_low": rows.at(low), f"{name}_high": rows.at(high)}


def _check_support(groups: Groups, n: Integers, quantiles: Sequence[float], level: float) -> None:
    """Refuse quantiles that were asked for and that the smallest group cannot support."""
    smallest = int(n.argmin())
    for p in quantiles:
        if ranks(p, int(n[smallest]), level) is None:
            raise ParameterError(refusal(p, int(n[smallest]), level, groups.where(smallest)))


def _notes(rows: Sorted, quantiles: Sequence[float], level: float) -> list[str]:
    """What is left out of each group, and what it takes."""
    by_size = {}
    for n in np.unique(rows.n):
        left = [refusal(p, int(n), level) for p in quantiles if ranks(p, int(n), level) is None]
        by_size[n] = "; ".join(left)
    return [by_size[n] for n in rows.n]


def summarise(
    runs: pd.DataFrame,
    groups: Groups,
    outcomes: Sequence[str],
    quantiles: Sequence[float],
    confidence: float,
    *,
    strict: bool,
) -> pd.DataFrame:
    """Mean, spread and quantiles with intervals: a row a group and outcome.

    Parameters
    ----------
    strict : bool
        Refuse quantiles that a group cannot support; else leave them out and say so in `note`.
    """
    frames = []
    for outcome in outcomes:
        rows = Sorted(runs[outcome].to_numpy(float), groups)
        if strict:
            _check_support(groups, rows.n, quantiles, confidence)
        columns: dict[str, object] = {"outcome": outcome, **_means(rows, confidence)}
        for p in quantiles:
            columns |= _quantile(rows, p, confidence)
        columns["note"] = _notes(rows, quantiles, confidence)
        frames.append(groups.keys.assign(**columns))
    return pd.concat(frames, ignore_index=True) if frames else groups.keys.iloc[:0]


def exceedances(
    values: Floats, groups: Groups, threshold: float, confidence: float
) -> pd.DataFrame:
    """Probability of lying above a threshold by group, with Clopper and Pearson's intervals."""
    known = ~np.isnan(values)
    n = np.bincount(groups.codes[known], minlength=groups.count)
    hits = np.bincount(groups.codes[known & (values > threshold)], minlength=groups.count)
    found = [
        proportion(int(k), int(m), confidence) if m else (np.nan, np.nan, np.nan, 0)
        for k, m in zip(hits, n, strict=True)
    ]
    columns = ["probability", "low", "high", "n"]
    numbers = pd.DataFrame(found, columns=columns)
    return pd.concat([groups.keys, numbers], axis=1)


def shortfalls(
    values: Floats, groups: Groups, level: float, confidence: float, tail: Tail
) -> pd.DataFrame:
    """Mean of the worst runs by group with bootstrap intervals; refuses groups too small."""
    parts = np.split(groups.ordered(values), groups.first[1:])
    found = []
    for group, part in enumerate(parts):
        try:
            found.append(expected_shortfall(part, level, confidence, tail=tail))
        except ParameterError as error:
            raise ParameterError(f"runs{groups.where(group)}: {error}") from None
    numbers = pd.DataFrame(found, columns=["shortfall", "low", "high", "n"])
    return pd.concat([groups.keys, numbers], axis=1)
