"""The smallest change of one number that would have stopped a cascade.

A value of the number counts as stopping it when the mean of an outcome over the paired futures is
at most a share of what it is in the baseline (`liquidated_notional`, 10% by default), or when no
episode is set off by another account's forced order (`contagious_episodes`, share 0). Futures are
the same for every value, so the outcome is a plain function of it and can be searched.

The range is first laid out in equal steps. Where the outcome changes its direction on the way the
search says so (steps within 5% of the baseline left out): then there may be several thresholds, and
the one nearest to the present value is sought. Between the last value that does not stop the
cascade and the first that does, bisection (`scipy.optimize.bisect`) goes on until the ends are as
near as asked.
"""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.checks import checked_count, checked_number
from crossmargin.experiments.counterfactual.arms import run_future
from crossmargin.experiments.counterfactual.interventions import Set
from crossmargin.experiments.counterfactual.members import Branch, Floats, before_of
from crossmargin.experiments.counterfactual.situation import branch_of
from crossmargin.experiments.counterfactual.whatif import seeds_of
from crossmargin.experiments.load import did_you_mean
from crossmargin.experiments.rare.particles import over
from crossmargin.model.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd

#: Futures for every value that is tried; a default.
FUTURES = 40
#: Values of the first look, ends included.
LOOK = 7
#: A step against the direction, as a share of the baseline, that counts as none.
NOISE = 0.05


@dataclass(frozen=True, eq=False)
class Stop:
    """Where a number stops a cascade.

    Attributes
    ----------
    key : str
    value : float or None
        Nearest to the present value that stops it; None when none between the ends does.
    present : float or None
        Value of the scenario, where it states one.
    is_monotone : bool
        The outcome moves in one direction over the first look.
    tried : DataFrame
        One row a value: `value`, the mean outcome over the futures as a `share` of the
        baseline's, `stops`.
    criterion : str, in words
    """

    key: str
    value: float | None
    present: float | None
    is_monotone: bool
    tried: "pd.DataFrame"
    criterion: str

    @property
    def words(self) -> str:
        """What was found, in a sentence or two."""
        now = "" if self.present is None else f" (now {self.present:g})"
        if self.value is None:
            found = f"no value of {self.key}{now} between the ends stops it"
        else:
            found = f"{self.key} = {self.value:.6g}{now} is the nearest that stops it"
        more = (
            ""
            if self.is_monotone
            else "; the outcome is not monotone in it: other values may stop it, some between not"
        )
        return f"{found}: {self.criterion}{more}"

    @property
    def summary(self) -> dict[str, Any]:
        """Everything that JSON can hold."""
        return {
            "key": self.key,
            "value": self.value,
            "present": self.present,
            "is_monotone": self.is_monotone,
            "criterion": self.criterion,
            "tried": self.tried.to_dict("records"),
        }

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.words)}</p>{self.tried.to_html()}"


def stop_cascade(
    source: Any,
    key: str,
    low: float,
    high: float,
    *,
    outcome: str = "liquidated_notional",
    share: float = 0.1,
    tolerance: float = 0.01,
    at: int | None = None,
    futures: int = FUTURES,
    futures_seed: int = 0,
    jobs: int = 1,
    **options: Any,
) -> Stop:
    """Search for the smallest change of a rule that would have stopped a cascade.

    Parameters
    ----------
    source : as in `whatif`
    key : str
        Dotted path of a rule with a number.
    low, high : float
        Ends of the range.
    outcome : str
        Column of `WhatIf.table`.
    share : float
        Most of the baseline's mean that counts as stopped, 0 to below 1.
    tolerance : float
        Share of the range within which the threshold is sought.
    at : int, optional
        Block from which the number holds; 0 by default.
    options
        `seed`, `steps`, `overrides`, `closure`, as in `whatif`.

    Raises
    ------
    ScenarioError, ParameterError
        When something cannot be used as given, or there is no cascade to stop.
    """
    ends = checked_number("low", low), checked_number("high", high)
    most, near = checked_number("share", share), checked_number("tolerance", tolerance)
    if not ends[0] < ends[1]:
        raise ParameterError(f"low = {low}, high = {high}: low must lie below high")
    if not 0 <= most < 1 or not 0 < near < 1:
        raise ParameterError(f"share = {share}, tolerance = {tolerance}: must lie between 0 and 1")
    seeds = seeds_of(futures, futures_seed)
    branch = branch_of(source, (), at=at, **options)
    for end in ends:  # a wrong key or value shows before anything runs
        Set(((key, end),)).apply(branch.world.fork())
    mean = _mean_of(branch, key, outcome, seeds, checked_count("jobs", jobs, 1))
    baseline = mean(None)
    if not baseline > 0:
        raise ParameterError(
            f"outcome = {outcome!r}: is {baseline:g} in the baseline; there is nothing to stop"
        )
    present = _present(branch, key)
    return search(key, lambda x: mean(x) / baseline, ends, present, most, near, outcome)


def _mean_of(
    branch: Branch, key: str, outcome: str, seeds: list[int], jobs: int
) -> Callable[[float | None], float]:
    """Mean of an outcome over the futures as a function of the number, None for the baseline."""
    before = before_of(branch)
    known: dict[float | None, float] = {}

    def mean(value: float | None) -> float:
        arm = () if value is None else (Set(((key, value),)),)

        def one(seed: int) -> float:
            totals = run_future(branch, before, [arm], seed)[0].totals
            if outcome not in totals:
                hint = did_you_mean(outcome, totals)
                raise ParameterError(f"outcome = {outcome!r}: there is none; {hint}")
            return totals[outcome]

        if value not in known:
            first = one(seeds[0])
            known[value] = float(np.mean([first, *over(jobs, one, seeds[1:])]))
        return known[value]

    return mean


def _present(branch: Branch, key: str) -> float | None:
    """Value that the scenario states for a key, where it states one."""
    from crossmargin.experiments.sweeps.keys import all_keys

    keys: Mapping[str, Any] = all_keys(branch.world.scenario)
    value = keys[key].value if key in keys else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value)


def search(
    key: str,
    ratio: Callable[[float], float],
    ends: tuple[float, float],
    present: float | None,
    share: float,
    tolerance: float,
    outcome: str,
) -> Stop:
    """Search a range for the value nearest to the present one whose ratio is small enough.

    Parameters
    ----------
    ratio : callable
        Outcome at a value over that of the baseline.
    """
    import pandas as pd
    from scipy.optimize import bisect

    tried: dict[float, float] = {}

    def excess(value: float) -> float:
        tried[value] = ratio(value)
        return tried[value] - share or -1e-300  # at the share itself it counts as stopped

    grid = np.linspace(*ends, LOOK)
    found = np.array([excess(float(x)) for x in grid])
    inner = _bracket(grid, found <= 0, present)
    value: float | None = None
    if inner is not None:
        stopping, not_stopping = inner
        value = stopping
        if not_stopping is not None:
            width = tolerance * (ends[1] - ends[0])
            bisect(excess, not_stopping, stopping, xtol=width, rtol=8.9e-16, disp=False)
            between = sorted((stopping, not_stopping))
            good = [x for x, r in tried.items() if between[0] <= x <= between[1] and r <= share]
            value = min(good, key=lambda x: abs(x - not_stopping))
    rows = [{"value": x, "share": r, "stops": r <= share} for x, r in sorted(tried.items())]
    words = f"{outcome} at most {share:.3g} of the baseline's, mean over the futures"
    return Stop(key, value, present, _is_monotone(found), pd.DataFrame(rows), words)


def _bracket(grid: Floats, stops: Any, present: float | None) -> tuple[float, float | None] | None:
    """Nearest value that stops it, and its neighbour on the way to the present that does not."""
    if not stops.any():
        return None
    start = present if present is not None else float(grid[0])
    places = np.flatnonzero(stops)
    nearest = int(places[np.argmin(np.abs(grid[places] - start))])
    step = int(np.sign(start - grid[nearest]))
    neighbour = nearest + step
    if step == 0 or not 0 <= neighbour < len(grid) or stops[neighbour]:
        return float(grid[nearest]), None
    ends = float(grid[nearest]), float(grid[neighbour])
    is_between = present is not None and min(ends) < present < max(ends)
    return ends[0], present if is_between else ends[1]


def _is_monotone(values: Floats) -> bool:
    """Tell whether the outcome goes one way, what is within the noise left out."""
    steps = np.diff(values)
    return bool((steps <= NOISE).all() or (steps >= -NOISE).all())
