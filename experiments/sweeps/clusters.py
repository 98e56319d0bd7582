"""Runs that share their luck: intervals over seeds where runs of several points are pooled.

With common random numbers a seed moves all points at once, so that a thousand points of eight
replicates hold eight pieces of independent luck and not eight thousand. Where runs of several
points go into one number, the independent units are the seeds, as villages are in a survey that
asks whole villages:

- a mean has Student's interval over seeds, from the sums of what is beyond the mean by seed;
- a share has Clopper and Pearson's interval for so many runs as the sample is worth, p (1 - p) over
  the variance of the share over seeds, less for few seeds (Korn and Graubard). That is never less
  than the number of seeds, as if all runs of a seed came out alike, and never more than the runs;
- a quantile has order statistics for so many runs as it is worth at its place (Woodruff);
- an expected shortfall is bootstrapped by whole seeds.

References
----------
Woodruff, R. (1952), J. Am. Stat. Assoc. 47:635. https://doi.org/10.1080/01621459.1952.10483443
Korn, E. and Graubard, B. (1998), Surv. Methodol. 24:193.
Field, C. and Welsh, A. (2007), J. R. Stat. Soc. B 69:369.
https://doi.org/10.1111/j.1467-9868.2007.00593.x
"""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.experiments.sweeps.plan import Plan
from crossmargin.experiments.sweeps.statistics import (
    BATCH,
    CORRECTED,
    TAIL_RUNS,
    Estimate,
    ranks,
)
from crossmargin.model.errors import ParameterError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
#: Seeds below which luck that is common to all points has no interval.
LEAST = 2


def seeds_of(plan: Plan, runs: pd.DataFrame) -> Integers | None:
    """Replicate of each run where replicates share a seed over points; None where none is shared.

    What is pooled by it takes the luck of a seed as one, however many points meet it.
    """
    return runs["replicate"].to_numpy(np.int64) if plan.seeds.common else None


class Clusters:
    """Runs by group, and within each by the seed that they share.

    Attributes
    ----------
    n, m : (n_groups,) int64
        Runs and seeds.
    """

    def __init__(self, groups: Integers, seeds: Integers, count: int) -> None:
        self.groups = groups
        width = int(seeds.max(initial=0)) + 1
        pairs, self.codes = np.unique(groups * width + seeds, return_inverse=True)
        self.owners = pairs // width
        self.n: Integers = np.bincount(groups, minlength=count)
        self.m: Integers = np.bincount(self.owners, minlength=count)

    @property
    def are_single(self) -> bool:
        """Whether no two runs of a group share a seed: then they are independent."""
        return bool((self.m == self.n).all())

    def error(self, values: Floats) -> Floats:
        """Standard error of the mean by group, from the sums by seed; NaN for one seed."""
        count = len(self.n)
        with np.errstate(divide="ignore", invalid="ignore"):
            centre = np.bincount(self.groups, values, count) / self.n
            sums = np.bincount(self.codes, values - centre[self.groups], len(self.owners))
            squares = np.bincount(self.owners, sums**2, count)
            return np.where(
                self.m >= LEAST, np.sqrt(squares * self.m / (self.m - 1)) / self.n, np.nan
            )

    def worth(self, hits: NDArray[np.bool_]) -> Floats:
        """Independent runs that a share is worth by group, between the seeds and the runs."""
        from scipy.stats import t

        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.bincount(self.groups, hits, len(self.n)) / self.n
            alone = share * (1.0 - share)
            found = np.where(alone > 0, alone / self.error(hits.astype(float)) ** 2, 0.0)
        ends = [t.ppf(0.975, np.maximum(size - 1, 1)) for size in (self.n, self.m)]
        found = np.where(self.m >= LEAST, found * (ends[0] / ends[1]) ** 2, 0.0)
        return np.asarray(np.clip(found, self.m, self.n))


def proportion_worth(share: float, worth: float, confidence: float) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share that is worth so many runs, whole or not."""
    from scipy.stats import beta

    tail, hits = (1.0 - confidence) / 2, share * worth
    low = float(beta.ppf(tail, hits, worth - hits + 1.0)) if share > 0 else 0.0
    high = float(beta.ppf(1.0 - tail, hits + 1.0, worth - hits)) if share < 1 else 1.0
    return low, high


def ranks_worth(p: float, n: int, worth: float, confidence: float) -> tuple[int, int] | None:
    """Places, from 1, among n runs that enclose a quantile when these are worth fewer.

    They are those among so few runs, each spread over its part of the many.
    """
    few = math.floor(worth + 1e-9)
    found = ranks(p, few, confidence) if few else None
    if found is None or few == n:
        return found
    low, high = found
    return math.floor((low - 1) * n / few) + 1, min(math.ceil(high * n / few), n)


def shortfall(
    values: Floats,
    seeds: Integers,
    level: float,
    confidence: float,
    *,
    resamples: int = 999,
    seed: int = 0,
) -> Estimate:
    """Mean of the highest `1 - level` of the runs with its bootstrap over seeds.

    Raises
    ------
    ParameterError
        When the tail holds runs of fewer than ten seeds.
    """
    order = np.argsort(values)[::-1]
    ordered, owners = values[order], np.unique(seeds[order], return_inverse=True)[1]
    m = int(owners.max()) + 1
    size = math.ceil(len(values) * (1.0 - level) - 1e-9)
    in_tail = len(np.unique(owners[:size]))
    if in_tail < TAIL_RUNS and ordered[0] > ordered[-1]:
        raise ParameterError(
            f"level = {level:g}: the worst {1 - level:.3g} of {len(values):,} runs come from "
            f"{in_tail} of {m} seeds, which all points share; it takes {TAIL_RUNS}: add replicates"
        )
    value = float(_tail_means(ordered, np.ones((1, len(values))), level)[0])
    if ordered[0] == ordered[-1]:
        return Estimate(value, value, value, len(values))
    low, high = _bootstrapped(ordered, owners, m, (level, confidence), (resamples, seed))
    return Estimate(value, low, high, len(values))


def _bootstrapped(
    ordered: Floats,
    owners: Integers,
    m: int,
    shares: tuple[float, float],
    draws: tuple[int, int],
) -> tuple[float, float]:
    from scipy.stats import bootstrap

    level, confidence = shares

    def statistic(picks: Integers, axis: int) -> Floats:
        moved = np.moveaxis(picks, axis, -1)
        rows = moved.reshape(-1, moved.shape[-1])
        places = rows + m * np.arange(len(rows))[:, None]
        times = np.bincount(places.ravel(), minlength=m * len(rows)).reshape(-1, m)
        return _tail_means(ordered, times[:, owners], level).reshape(moved.shape[:-1])

    found = bootstrap(
        (np.arange(m),),
        statistic,
        n_resamples=draws[0],
        batch=max(BATCH // len(ordered), 1),
        confidence_level=confidence,
        method="BCa" if m * len(ordered) <= CORRECTED**2 else "percentile",
        rng=np.random.default_rng(draws[1]),
    ).confidence_interval
    return float(found.low), float(found.high)


def _tail_means(ordered: Floats, weights: NDArray[np.generic], level: float) -> Floats:
    """Mean of the highest `1 - level` by row of weights, of values from the highest down."""
    sums = np.cumsum(weights, axis=1, dtype=float)
    tail = sums[:, -1:] * (1.0 - level)
    used = np.diff(np.minimum(sums, tail), axis=1, prepend=0.0)
    return np.asarray(used @ ordered / tail[:, 0])
