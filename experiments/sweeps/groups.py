"""Runs by group, ordered and sorted at once, and which of them share their seed."""

import functools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.experiments.sweeps.clusters import Clusters

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Groups:
    """Runs by the values of some columns: an order by group, and a frame with a row a group.

    `seeds` tells which runs share their luck, whatever their group; None where each has its own.
    """

    def __init__(
        self, runs: pd.DataFrame, by: Sequence[str], seeds: Integers | None = None
    ) -> None:
        self.seeds = seeds
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

    @functools.cached_property
    def _clusters(self) -> Clusters | None:
        """Runs by seed within each group; None where no two runs of a group share a seed."""
        return None if self.seeds is None else _shared(self.codes, self.seeds, self.count)

    def clusters(self, known: NDArray[np.bool_]) -> Clusters | None:
        """Those of the runs that have a value; None where they are independent."""
        if known.all() or self.seeds is None:
            return self._clusters
        return _shared(self.codes[known], self.seeds[known], self.count)

    def ordered(self, values: Floats) -> Floats:
        """Copy of a column, group by group."""
        return values.copy() if self.order is None else values[self.order]

    def where(self, group: int) -> str:
        """Words for a group: ` with leverage = 20`."""
        row = self.keys.iloc[group]
        words = ", ".join(f"{name} = {value}" for name, value in row.items())
        return f" with {words}" if words else ""


def _shared(codes: Integers, seeds: Integers, count: int) -> Clusters | None:
    found = Clusters(codes, seeds, count)
    return None if found.are_single else found


class Sorted:
    """Values of an outcome sorted within their groups, what is missing left out."""

    def __init__(self, values: Floats, groups: Groups) -> None:
        whole = ~np.isnan(values)
        self.given: Floats = values[whole]
        self.clusters = groups.clusters(whole)
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
        self.seeds: Integers = self.n if self.clusters is None else self.clusters.m
        self.endless: Integers = self.sums(np.isinf(self.values).astype(float)).astype(np.int64)

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
        with np.errstate(invalid="ignore"):  # between two that are infinite
            between = below * (1 - weight) + above * weight
        found[usable] = np.where((weight > 0) & (below < above), between, below)
        return found

    def worth(self, ends: Floats) -> Floats:
        """Independent runs that the share at or below a value is worth, by group."""
        if self.clusters is None:
            return self.n.astype(float)
        return self.clusters.worth(self.given <= ends[self.clusters.groups])
