"""Peeling: from the whole space to a box in which cases are dense, one thin slice at a time.

References
----------
Friedman, J. and Fisher, N. (1999), Stat. Comput. 9:123. https://doi.org/10.1023/A:1008894516817
Bryant, B. and Lempert, R. (2010), Tech. Forec. Soc. Change 77:34.
https://doi.org/10.1016/j.techfore.2009.08.002
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.experiments.analysis.boxes import Limit

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
#: Share of the points in a box that a step may peel off one side.
SLICE = 0.05
#: Distinct values up to which a factor's limits are values that it takes, not between two.
LEVELS = 20
#: Chance above which a limit is dropped: it may be of no use.
CHANCE = 0.01


class Space(NamedTuple):
    """Points with their factors, runs and cases.

    Attributes
    ----------
    points : DataFrame
        Columns by path.
    names : dict
        Label and unit by path.
    runs, cases : (n_points,) float64
    """

    points: pd.DataFrame
    names: dict[str, tuple[str, str]]
    runs: Floats
    cases: Floats

    def part(self, rows: Mask) -> "Space":
        """Some of the points."""
        return Space(self.points[rows], self.names, self.runs[rows], self.cases[rows])

    def is_number(self, path: str) -> bool:
        """Tell a factor of numbers from one of words or truth values."""
        kind = self.points[path].dtype
        return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


class Step(NamedTuple):
    """A box on the way: which points it holds and how it does."""

    inside: Mask
    coverage: float
    density: float
    mass: float


def measured(space: Space, inside: Mask) -> Step:
    """Coverage, density and mass of a box."""
    runs, cases = float(space.runs[inside].sum()), float(space.cases[inside].sum())
    total = float(space.cases.sum())
    coverage = cases / total if total else np.nan
    return Step(inside, coverage, cases / runs if runs else np.nan, runs / space.runs.sum())


def _slices(space: Space, inside: Mask) -> Iterator[Mask]:
    """Boxes that a step could lead to: a slice off either end of a factor, or one of its values."""
    for path in space.points.columns:
        column = space.points[path].to_numpy()
        own = column[inside]
        if not space.is_number(path):
            values = pd.unique(own)
            yield from (inside & (column != value) for value in values if len(values) > 1)
            continue
        low, high = own.min(), own.max()
        if low < high:
            near, far = np.quantile(own, [SLICE, 1.0 - SLICE])
            yield inside & (column > low) & (column >= near)
            yield inside & (column < high) & (column <= far)


def peel(space: Space, least: float) -> list[Step]:
    """Boxes from the whole space inwards, while one of at least some mass is denser.

    A step takes the slice that raises the density most for what it gives up, so that a factor of
    few levels, whose slices are thick, has the same chance as one of many.
    """
    steps = [measured(space, np.ones(len(space.runs), bool))]
    while steps[-1].density < 1.0:
        now = steps[-1]
        options = [measured(space, inside) for inside in _slices(space, now.inside)]
        options = [o for o in options if o.mass >= least and o.density > now.density]
        if not options:
            break
        steps.append(max(options, key=lambda o: (o.density - now.density) / (now.mass - o.mass)))
    return steps


def chosen(steps: list[Step], coverage: float) -> Step:
    """Densest box that still holds a share of the cases."""
    return max((s for s in steps if s.coverage >= coverage), key=lambda s: (s.density, s.mass))


def limits_of(space: Space, inside: Mask) -> list[Limit]:
    """Limits of a box in the units of the factors; ends between two values where those are many."""
    found = []
    for path, (label, unit) in space.names.items():
        column = space.points[path]
        own = column[inside]
        if not space.is_number(path):
            left = tuple(pd.unique(own))
            if len(left) < column.nunique():
                found.append(Limit(path, label, unit, values=left))
            continue
        low, high = _end(column, own.min(), -1), _end(column, own.max(), 1)
        if low is not None or high is not None:
            found.append(Limit(path, label, unit, low, high))
    return found


def _end(column: "pd.Series[Any]", end: float, side: int) -> float | None:
    """End of a box on a side, None where nothing lies beyond; half way to what does."""
    beyond = column[column < end] if side < 0 else column[column > end]
    if beyond.empty:
        return None
    if column.nunique() <= LEVELS:
        return float(end)
    next_value = beyond.max() if side < 0 else beyond.min()
    return float((end + next_value) / 2)


def useful(space: Space, limits: list[Limit]) -> list[Limit]:
    """Limits without those that luck may explain, the least useful dropped first.

    The two ends of a limit are judged apart. The chance of one is that of so many cases in the box,
    were each run as likely a case as in the box without it (Bryant and Lempert's quasi-p-value).
    Replicates of a point are no evidence of their own where the points differ, so that runs count
    for as many independent ones as they are worth: see `worth`.
    """
    limits = [end for limit in limits for end in _ends(limit)]
    while limits:
        judged = [_judged(space, limits, i) for i in range(len(limits))]
        worst = max(range(len(judged)), key=lambda i: judged[i].chance)
        if judged[worst].chance <= CHANCE:
            return _joined(judged)
        del limits[worst]
    return limits


def _ends(limit: Limit) -> list[Limit]:
    if limit.low is None or limit.high is None:
        return [limit]
    return [replace(limit, high=None), replace(limit, low=None)]


def _joined(limits: list[Limit]) -> list[Limit]:
    """One limit a factor, with the larger chance of its two ends."""
    found: dict[str, Limit] = {}
    for limit in limits:
        first = found.get(limit.path)
        if first is not None:
            low = first.low if limit.low is None else limit.low
            high = first.high if limit.high is None else limit.high
            chance = max(first.chance, limit.chance)
            limit = replace(limit, low=low, high=high, chance=chance)
        found[limit.path] = limit
    return list(found.values())


def within(space: Space, limits: list[Limit]) -> Mask:
    """Points that keep all limits."""
    inside = np.ones(len(space.runs), bool)
    for limit in limits:
        inside &= limit.holds(space.points[limit.path]).to_numpy(bool)
    return inside


def worth(space: Space, inside: Mask) -> float:
    """Independent runs that a run of a box is worth, at most one.

    p (1 - p) over the variance of the share of cases from point to point, over the runs. Where
    every point is all cases or none, ten replicates of it are worth one.
    """
    runs, cases = space.runs[inside], space.cases[inside]
    total, squares = float(runs.sum()), float((runs**2).sum())
    rate = cases.sum() / total
    spread = float(((cases - rate * runs) ** 2).sum())
    found = rate * (1.0 - rate) * total / spread if spread > 0 else 1.0
    return float(np.clip(found, total / squares, 1.0))


def _judged(space: Space, limits: list[Limit], i: int) -> Limit:
    inside, without = within(space, limits), within(space, limits[:i] + limits[i + 1 :])
    share = worth(space, without)
    n, cases = share * space.runs[inside].sum(), share * space.cases[inside].sum()
    rate = space.cases[without].sum() / space.runs[without].sum()
    return replace(limits[i], chance=at_least(float(cases), float(n), float(rate)))


def at_least(cases: float, n: float, rate: float) -> float:
    """Probability of so many cases or more among n runs, whole numbers or not."""
    from scipy.special import betainc

    return float(betainc(cases, n - cases + 1.0, rate)) if cases > 0 else 1.0
