"""Numbers about runs, each with the interval that so many runs support.

Losses have heavy tails: beside means stand quantiles with intervals of order statistics, which
hold for any distribution, probabilities of exceedance with Clopper and Pearson's exact intervals,
and the expected shortfall with a bootstrap. What the runs cannot support is refused, with the
number of runs that it takes.

References
----------
Clopper, C. and Pearson, E. (1934), Biometrika 26:404. https://doi.org/10.1093/biomet/26.4.404
Wilks, S. (1941), Ann. Math. Stat. 12:91. https://doi.org/10.1214/aoms/1177731788
Acerbi, C. and Tasche, D. (2002), J. Bank. Finance 26:1487.
https://doi.org/10.1016/S0378-4266(02)00283-2
Efron, B. (1987), J. Am. Stat. Assoc. 82:171. https://doi.org/10.2307/2289144
"""

import functools
import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossmargin.experiments.checks import checked_number, checked_share
from crossmargin.model.errors import ParameterError

#: Runs in the tail below which its mean and the bootstrap's interval of it mean little.
TAIL_RUNS = 10
#: Runs up to which the bootstrap is corrected for bias and acceleration, which costs their square.
CORRECTED = 2000
#: Values that the bootstrap holds at a time.
BATCH = 5_000_000

#: Interval of what has none.
NO_ENDS = (math.nan, math.nan)

Tail = Literal["upper", "lower"]


class Estimate(NamedTuple):
    """A number, the two ends of its interval, and the runs behind it."""

    value: float
    low: float
    high: float
    n: int


def finite(values: ArrayLike) -> NDArray[np.float64]:
    """Values that are not missing.

    Raises
    ------
    ParameterError
        When none is left.
    """
    found = np.asarray(values, float).ravel()
    found = found[~np.isnan(found)]
    if not len(found):
        raise ParameterError("there is no run with a value of this outcome")
    return found


def mean(values: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Mean with Student's interval, in the unit of the values; one run has none."""
    from scipy.stats import t

    known, level = finite(values), checked_share("confidence", confidence)
    with np.errstate(invalid="ignore"):  # of both signs infinite: no mean at all
        n, centre = len(known), float(known.mean())
    if n < 2 or not math.isfinite(centre):
        return Estimate(centre, *NO_ENDS, n)
    half = float(t.ppf(0.5 + level / 2, n - 1) * known.std(ddof=1) / math.sqrt(n))
    return Estimate(centre, centre - half, centre + half, n)


def support(p: float, n: int) -> float:
    """Probability that the lowest and the highest of n runs enclose the quantile of order p."""
    return 1.0 - (1.0 - p) ** n - p**n


@functools.cache
def runs_needed(p: float, confidence: float = 0.95) -> int:
    """Runs that it takes for an interval of the quantile of order p, whatever the distribution.

    Examples
    --------
    >>> runs_needed(0.95), runs_needed(0.5), runs_needed(0.999)
    (59, 6, 2995)
    """
    low, high = 1, 2
    while support(p, high) < confidence:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if support(p, middle) >= confidence else (middle, high)
    return high


@functools.cache
def ranks(p: float, n: int, confidence: float = 0.95) -> tuple[int, int] | None:
    """Places, from 1, of the order statistics that enclose the quantile of order p.

    As many runs are left out below as above, where there are enough; None when even the lowest and
    the highest do not reach the confidence.
    """
    from scipy.stats import binom

    if support(p, n) < confidence:
        return None
    outside = (1.0 - confidence) / 2
    low = max(int(binom.ppf(outside, n, p)), 1)
    high = min(int(binom.ppf(1.0 - outside, n, p)) + 1, n)
    while float(binom.cdf(high - 1, n, p) - binom.cdf(low - 1, n, p)) < confidence:
        low, high = (low, high + 1) if high < n else (low - 1, high)
    return low, high


def refusal(p: float, n: int, confidence: float, where: str = "") -> str:
    """Say that n runs do not support a quantile, and how many do."""
    return (
        f"quantile {p:g}: {n:,} runs{where} cannot support it at a confidence of {confidence:g}; "
        f"it takes {runs_needed(p, confidence):,}"
    )


def quantile(values: ArrayLike, p: float, confidence: float = 0.95) -> Estimate:
    """Quantile of order p with its interval of order statistics, in the unit of the values.

    Raises
    ------
    ParameterError
        When so many runs cannot support it; says how many it takes.
    """
    known = np.sort(finite(values))
    p, confidence = checked_share("quantile", p), checked_share("confidence", confidence)
    places = ranks(p, len(known), confidence)
    if places is None:
        raise ParameterError(refusal(p, len(known), confidence))
    low, high = (float(known[place - 1]) for place in places)
    with np.errstate(invalid="ignore"):  # between two infinite values
        value = float(np.quantile(known, p))
    if math.isnan(value):
        value = float(np.quantile(known, p, method="lower"))
    return Estimate(value, low, high, len(known))


@functools.cache
def proportion(hits: int, n: int, confidence: float = 0.95) -> Estimate:
    """Share of n runs with Clopper and Pearson's exact interval."""
    from scipy.stats import binomtest

    interval = binomtest(hits, n).proportion_ci(confidence, method="exact")
    return Estimate(hits / n, float(interval.low), float(interval.high), n)


def exceedance(values: ArrayLike, threshold: float, confidence: float = 0.95) -> Estimate:
    """Probability that a run's outcome lies above a threshold, with its exact interval."""
    known = finite(values)
    threshold = checked_number("threshold", threshold)
    confidence = checked_share("confidence", confidence)
    return proportion(int((known > threshold).sum()), len(known), confidence)


def tail_mean(values: NDArray[np.float64], level: float, axis: int = -1) -> NDArray[np.float64]:
    """Mean of the highest `1 - level` of the values along an axis, the last one counted in part.

    ES = (x_(k) (k - n level) + x_(k+1) + ... + x_(n)) / (n (1 - level)), k = ceil(n level)
    """
    moved = np.moveaxis(values, axis, -1)
    n = moved.shape[-1]
    k = max(math.ceil(n * level - 1e-9), 1)
    ordered = np.partition(moved, k - 1, axis=-1)
    tail = ordered[..., k - 1] * (k - n * level) + ordered[..., k:].sum(axis=-1)
    return np.asarray(tail / (n * (1.0 - level)))


def expected_shortfall(
    values: ArrayLike,
    level: float = 0.95,
    confidence: float = 0.95,
    *,
    tail: Tail = "upper",
    seeds: ArrayLike | None = None,
    resamples: int = 999,
    seed: int = 0,
) -> Estimate:
    """Mean of the worst `1 - level` of the runs with its bootstrap interval, in their unit.

    Parameters
    ----------
    values : array
        An outcome by run.
    level : float
        0.95 averages the worst 5%.
    tail : {"upper", "lower"}
        Which end is the worst: that of large values, as for losses, or that of small ones.
    seeds : array, optional
        Seed by run, or its number, where runs share them: the bootstrap then draws whole seeds.
    resamples, seed : int
        Of the bootstrap: corrected for bias and acceleration up to 2,000 runs, of percentiles
        beyond.

    Raises
    ------
    ParameterError
        When fewer than ten runs lie in the tail, or runs of fewer than ten seeds; says how many it
        takes.

    Notes
    -----
    A bootstrap does not know what lies beyond the worst run: for very heavy tails the upper end of
    the interval is too low.
    """
    known = finite(values)
    level, confidence = checked_share("level", level), checked_share("confidence", confidence)
    needed = math.ceil(TAIL_RUNS / (1.0 - level) - 1e-9)
    if len(known) < needed:
        raise ParameterError(
            f"level = {level:g}: {len(known):,} runs cannot support the mean of the worst "
            f"{1 - level:.3g}; it takes {needed:,}"
        )
    if tail not in ("upper", "lower"):
        raise ParameterError(f"tail = {tail!r}: must be 'upper' or 'lower'")
    sign = 1.0 if tail == "upper" else -1.0
    if np.isinf(known).any():
        with np.errstate(invalid="ignore"):
            return Estimate(sign * float(tail_mean(sign * known, level)), *NO_ENDS, len(known))
    own = _own_seeds(values, seeds)
    if own is None:
        found = _bootstrapped(sign * known, level, confidence, resamples, seed)
    else:
        from crossmargin.experiments.sweeps import clusters

        options = {"resamples": resamples, "seed": seed}
        found = clusters.shortfall(sign * known, own, level, confidence, **options)
    low, high = sorted((sign * found.low, sign * found.high))
    return Estimate(sign * found.value, low, high, found.n)


def _own_seeds(values: ArrayLike, seeds: ArrayLike | None) -> NDArray[np.int64] | None:
    """Seeds of the values that are known; None where no two of them share one."""
    if seeds is None:
        return None
    found = np.asarray(seeds).ravel()[~np.isnan(np.asarray(values, float).ravel())]
    return found if len(np.unique(found)) < len(found) else None


def _bootstrapped(
    known: NDArray[np.float64], level: float, confidence: float, resamples: int, seed: int
) -> Estimate:
    from scipy.stats import bootstrap

    centre, n = float(tail_mean(known, level)), len(known)
    if known.min() == known.max():
        return Estimate(centre, centre, centre, n)
    found = bootstrap(
        (known,),
        lambda sample, axis: tail_mean(sample, level, axis),
        n_resamples=resamples,
        batch=max(BATCH // n, 1),
        confidence_level=confidence,
        method="BCa" if n <= CORRECTED else "percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(centre, float(found.low), float(found.high), n)
