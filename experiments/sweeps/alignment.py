"""Runs as they were written, and the points of the plan as it is: which belongs to which."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.experiments.sweeps.plan import Plan

#: Relative difference of a factor's values that another machine or library may make.
NEAR = 1e-9
#: Bits of a value that tell it from another one when runs are sought by their values.
BITS = 30


def ceiling(plan: Plan) -> int:
    """Largest number of replicates that a plan gives a point."""
    rule = plan.replications
    return rule.until.at_most if rule.until is not None else rule.count or 1


def in_plan_order(runs: pd.DataFrame, plan: Plan, points: pd.DataFrame) -> pd.DataFrame:
    """Runs of a plan once each, by point and replicate, however they were written.

    A run written under an earlier plan bears the point that has its values now. Values are those of
    the plan, to the last bit. Runs whose values or replicate the plan no longer has are left out,
    with a warning. A run that several points of equal values share has a row for each of them.
    """
    place, is_exact = _points_of(runs, plan, points)
    alike = _alike(plan, points)
    if alike is not None:  # whichever of the equal points made a run
        place = np.where(place >= 0, alike[place], -1)
    replicate = runs["replicate"].to_numpy(np.int64)
    width = max(ceiling(plan), 1)
    kept = np.flatnonzero((place >= 0) & (replicate < width))
    if len(kept) < len(runs):
        words = f"{len(runs) - len(kept):,} of {len(runs):,} runs are not of the plan: left out"
        warnings.warn(words, stacklevel=2)
    key = place[kept] * width + replicate[kept]
    order = np.argsort(key, kind="stable")
    key, kept = key[order], kept[order]
    is_whole = len(kept) == len(runs) and bool((np.diff(kept) == 1).all())
    found = (runs if is_whole else runs.take(kept)).assign(point=place[kept])
    if not is_exact:
        found = found.assign(**{path: points[path].to_numpy()[place[kept]] for path in plan.paths})
    if (np.diff(key) == 0).any():  # equal runs have equal points and replicates
        found = found[~found["run_id"].duplicated()]
    if alike is not None:
        found = _for_each_point(found, alike)
    return found.reset_index(drop=True)


def _alike(plan: Plan, points: pd.DataFrame) -> NDArray[np.int64] | None:
    """First point with the values of each point; None where no two points share their runs."""
    return first_alike(points, list(plan.paths)) if plan.seeds.common else None


def first_alike(points: pd.DataFrame, paths: list[str]) -> NDArray[np.int64] | None:
    """First point with the values of each point; None where all differ."""
    if not paths or not points.duplicated(paths).any():
        return None
    groups = points.groupby(paths, sort=False, dropna=False).ngroup().to_numpy(np.int64)
    return np.unique(groups, return_index=True)[1][groups]


def _for_each_point(runs: pd.DataFrame, alike: NDArray[np.int64]) -> pd.DataFrame:
    """A row for each point of each run, where runs bear the first of several equal points."""
    members = np.argsort(alike, kind="stable")
    sizes = np.bincount(alike, minlength=len(alike))
    begin = np.cumsum(sizes) - sizes
    first = runs["point"].to_numpy(np.int64)
    times = sizes[first]
    rows = np.repeat(np.arange(len(runs)), times)
    turn = np.arange(len(rows)) - np.repeat(np.cumsum(times) - times, times)
    point = members[begin[first][rows] + turn]
    order = np.argsort(point, kind="stable")  # replicates are in order already
    return runs.take(rows[order]).assign(point=point[order])


def _points_of(
    runs: pd.DataFrame, plan: Plan, points: pd.DataFrame
) -> tuple[NDArray[np.int64], bool]:
    """Point of each run in the plan as it is, -1 for none; whether all values are its own."""
    place = runs["point"].to_numpy(np.int64)
    known = (place >= 0) & (place < len(points))
    inside, is_exact = np.where(known, place, 0), True
    for path in plan.paths if len(points) else ():
        there, here = points[path].to_numpy()[inside], runs[path].to_numpy()
        same = np.asarray(there == here, bool)
        if not same.all():
            is_exact = False
            same |= _near(there, here)
        known = known & same
    if known.all():
        return place, is_exact
    found = np.where(known, place, -1)
    if plan.seeds.common and plan.paths:  # else the seed, and so the run, goes with its point
        found[~known] = _sought(runs.loc[~known, list(plan.paths)], points)
    return found, False


def _near(there: NDArray[Any], here: NDArray[Any]) -> NDArray[np.bool_]:
    if there.dtype.kind != "f" or here.dtype.kind not in "fi":
        return np.zeros(len(here), bool)
    return np.isclose(there, here.astype(float), rtol=NEAR, atol=0.0)


def _sought(runs: pd.DataFrame, points: pd.DataFrame) -> NDArray[np.int64]:
    """First point with the values of each run, -1 for none."""
    paths = list(runs.columns)
    first = points[paths].apply(_cut).drop_duplicates().reset_index(names="now")
    found = runs.apply(_cut).merge(first, on=paths, how="left")["now"]
    return found.fillna(-1).to_numpy(np.int64)


def _cut(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Column without the last bits of its floats."""
    if column.dtype.kind != "f":
        return column
    mantissa, exponent = np.frexp(column.to_numpy(float))
    rounded = np.ldexp(np.round(np.ldexp(mantissa, BITS)), exponent - BITS)
    return pd.Series(rounded, column.index)
