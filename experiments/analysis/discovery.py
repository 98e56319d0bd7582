"""Scenario discovery: which corner of the factors' space makes an outcome go beyond a threshold."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from crossmargin.experiments.analysis.boxes import Box, Limit, Side, number_words
from crossmargin.experiments.analysis.peeling import (
    Space,
    Step,
    chosen,
    limits_of,
    measured,
    peel,
    useful,
    within,
)
from crossmargin.experiments.checks import checked_share
from crossmargin.experiments.sweeps.alignment import first_alike
from crossmargin.experiments.sweeps.clusters import Clusters, proportion_worth
from crossmargin.experiments.sweeps.extras import need
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.experiments.sweeps.statistics import Estimate
from crossmargin.experiments.sweeps.views import names_of
from crossmargin.model.errors import ParameterError

#: Parts of the points that are left out in turn.
FOLDS = 5
#: Points below which none are left out.
FEW = 20
#: Questions that a tree may ask before it comes to a box.
DEPTH = 4

Search = Callable[[Space], tuple[list[Limit], list[Step]]]


def discover(
    sweep: Sweep,
    outcome: str,
    *,
    above: float | None = None,
    below: float | None = None,
    factors: Sequence[str] | None = None,
    method: Literal["peel", "tree"] = "peel",
    coverage: float = 0.7,
    least: float = 0.05,
) -> Box:
    """Find a box of factors in which an outcome is often beyond a threshold.

    The evidence are points of the design: replicates tell the share of cases at a point, and add
    none about where the cases lie. A small design tells no corner, however many its replicates.

    Parameters
    ----------
    sweep : Sweep
        Best with a design that fills the space: Latin hypercube, Sobol, Saltelli or a grid.
    outcome : str
    above, below : float
        One of them: a run is a case when its outcome lies above or below.
    factors : sequence of str, optional
        By path or label; all by default.
    method : {"peel", "tree"}
        Peeling (PRIM), or the node of a classification tree that is best in density and
        coverage together.
    coverage : float
        Share of the cases that the box must hold when peeling; the densest such box is taken.
    least : float
        Share of the runs that a box must hold.

    Raises
    ------
    ParameterError
        When no run or every run is a case, or a name is unknown.

    Examples
    --------
    The corner in which the fund fails, in a sentence::

        discover(sweep, "insurance_end", below=1.0).sentence
    """
    checked_share("coverage", coverage)
    checked_share("least", least)
    side, threshold = _threshold(above, below)
    cases = _cases(sweep, outcome, side, threshold)
    space = _space(sweep, cases, factors)
    searches = {"peel": _peeling(coverage, least), "tree": _tree(least)}
    if method not in searches:
        raise ParameterError(f"method = {method!r}: must be 'peel' or 'tree'")
    limits, steps = searches[method](space)
    inside = within(space, limits)
    found = measured(space, inside)
    held_out = _held_out(space, searches[method])
    return Box(
        outcome=outcome,
        side=side,
        threshold=threshold,
        limits=tuple(limits),
        coverage=found.coverage,
        density=_density(sweep, cases[cases["point"].isin(space.points.index[inside])]),
        base_rate=float(space.cases.sum() / space.runs.sum()),
        mass=found.mass,
        points=len(space.points),
        held_out_coverage=held_out[0],
        held_out_density=held_out[1],
        steps=_table(space, steps),
    )


def _threshold(above: float | None, below: float | None) -> tuple[Side, float]:
    if above is not None and below is None:
        return "above", float(above)
    if below is not None and above is None:
        return "below", float(below)
    raise ParameterError("discover: give either above or below, the threshold of a case")


def _cases(sweep: Sweep, outcome: str, side: Side, threshold: float) -> pd.DataFrame:
    """Runs with their point and replicate, and whether each is a case.

    Points of equal values are one place, that weighs as many.
    """
    sweep.outcome(outcome)
    runs = sweep.runs[["point", "replicate", outcome]].dropna()
    is_case = runs[outcome] > threshold if side == "above" else runs[outcome] < threshold
    if is_case.all() or not is_case.any():
        which = "every run has" if len(runs) and is_case.all() else "no run has"
        case = f"{outcome} {side} {number_words(threshold)}"
        raise ParameterError(f"discover: {which} {case}; take a threshold between")
    point = runs["point"].to_numpy(np.int64)
    alike = first_alike(sweep.points, list(sweep.plan.paths))
    own = point if alike is None else alike[point]
    return runs[["replicate"]].assign(point=own, is_case=is_case)


def _density(sweep: Sweep, inside: pd.DataFrame) -> Estimate:
    """Share of cases among the runs of a box, with points as units, or seeds where these say less.

    Replicates of a point may all come out alike, and so may runs that share a seed.
    """
    hits, n = inside["is_case"].to_numpy(bool), len(inside)
    units = [inside["point"].to_numpy(np.int64)]
    if sweep.plan.seeds.common and inside["replicate"].nunique() > 1:
        units.append(inside["replicate"].to_numpy(np.int64))
    one = np.zeros(n, np.int64)
    worth = min(float(Clusters(one, unit, 1).worth(hits)[0]) for unit in units)
    share = float(hits.mean())
    return Estimate(share, *proportion_worth(share, worth, 0.95), n)


def _space(sweep: Sweep, cases: pd.DataFrame, factors: Sequence[str] | None) -> Space:
    """Points with their runs and cases."""
    grouped = cases.groupby("point")["is_case"]
    counts, hits = grouped.size(), grouped.sum()
    paths = [sweep.path(name) for name in factors] if factors else list(sweep.plan.paths)
    names, units = names_of(sweep), {f.path: f.unit or "" for f in sweep.plan.factor}
    labels = {path: (names[path], units[path]) for path in paths}
    points = sweep.points.loc[counts.index, paths]
    return Space(points, labels, counts.to_numpy(float), hits.to_numpy(float))


def _peeling(coverage: float, least: float) -> Search:
    def search(space: Space) -> tuple[list[Limit], list[Step]]:
        steps = peel(space, least)
        box = chosen(steps, coverage)
        return useful(space, limits_of(space, box.inside)), steps

    return search


def _tree(least: float) -> Search:
    def search(space: Space) -> tuple[list[Limit], list[Step]]:
        wrong = [path for path in space.points if not space.is_number(path)]
        if wrong:
            raise ParameterError(f"method = 'tree': takes numbers, not {wrong[0]}; peel instead")
        tree = need("sklearn.tree").DecisionTreeClassifier(
            max_depth=DEPTH, min_weight_fraction_leaf=least, random_state=0
        )
        rows = space.points.to_numpy(float)
        twice = np.concatenate((rows, rows))
        labels = np.repeat([True, False], len(rows))
        weights = np.concatenate((space.cases, space.runs - space.cases))
        tree.fit(twice, labels, sample_weight=weights)
        nodes = tree.decision_path(rows).toarray().astype(bool)
        steps = [measured(space, inside) for inside in nodes.T]
        best = max(steps, key=lambda s: s.coverage * s.density / (s.coverage + s.density or 1.0))
        return useful(space, limits_of(space, _hull(space, best))), steps

    return search


def _hull(space: Space, step: Step) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Points in the smallest box around those of a node."""
    inside = np.ones(len(space.runs), bool)
    for path in space.points:
        column = space.points[path].to_numpy(float)
        own = column[step.inside]
        inside &= (column >= own.min()) & (column <= own.max())
    return inside


def _held_out(space: Space, search: Search) -> tuple[float, float]:
    """Coverage and density of boxes on the points that were left out when they were sought."""
    n = len(space.runs)
    if n < FEW:
        return np.nan, np.nan
    fold = np.random.default_rng(0).permutation(n) % FOLDS
    runs = cases = 0.0
    for k in range(FOLDS):
        part, rest = space.part(fold != k), space.part(fold == k)
        if not 0 < part.cases.sum() < part.runs.sum():
            return np.nan, np.nan
        inside = within(rest, search(part)[0])
        runs, cases = runs + rest.runs[inside].sum(), cases + rest.cases[inside].sum()
    return float(cases / space.cases.sum()), float(cases / runs) if runs else np.nan


def _table(space: Space, steps: list[Step]) -> pd.DataFrame:
    rows = [(s.coverage, s.density, s.mass, len(limits_of(space, s.inside))) for s in steps]
    return pd.DataFrame(rows, columns=["coverage", "density", "mass", "limits"])
