r"""Estimates on arrays that facts are made of, beside those of `calibration/moments.py`.

An estimate that an array cannot support is NaN, never an error.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from crossmargin.experiments.calibration.moments import acf

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """Mean over replications with a 95% interval."""

    mean: float
    low: float
    high: float
    n: int


def interval(values: Floats) -> Interval:
    r"""Mean with Student's interval, :math:`\bar x \pm t_{0.975, n-1} s / \sqrt n`.

    Values that are NaN are left out; with fewer than two the interval is NaN.
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    n = len(known)
    mean = float(known.mean()) if n else np.nan
    if n < 2:
        return Interval(mean, np.nan, np.nan, n)
    half = float(stats.t.ppf(0.975, n - 1) * known.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def correlation(first: Floats, second: Floats) -> float:
    """Pearson's correlation, pure number; NaN without variance."""
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return np.nan
    return float(np.corrcoef(first, second)[0, 1])


def log_lags(longest: int, count: int = 12) -> NDArray[np.int64]:
    """Lags from 1 to the longest, evenly spaced in logarithms."""
    return np.unique(np.rint(np.geomspace(1, longest, count)).astype(np.int64))


def acf_at(values: Floats, lags: NDArray[np.int64]) -> Floats:
    """Autocorrelation at each lag."""
    return np.array([acf(values, int(lag)) for lag in lags])


def slope(x: Floats, y: Floats) -> float:
    """Slope of ordinary least squares; NaN for fewer than three points."""
    if len(x) < 3 or np.ptp(x) == 0:
        return np.nan
    return float(np.polyfit(x, y, 1)[0])


def decay_exponent(values: Floats, longest: int) -> float:
    r"""Exponent :math:`\gamma` of an autocorrelation :math:`\rho(l) \sim l^{-\gamma}`.

    Least squares in logarithms over lags evenly spaced in logarithms, up to the first that is not
    positive by two standard errors, :math:`2/\sqrt n`; NaN when fewer than five lags are.
    """
    lags = log_lags(longest)
    rho = acf_at(values, lags)
    noise = 2.0 / np.sqrt(max(1, len(values)))
    wrong = np.flatnonzero(~(rho > noise))
    n = int(wrong[0]) if len(wrong) else len(lags)
    return -slope(np.log(lags[:n]), np.log(rho[:n])) if n >= 5 else np.nan


def half_life(values: Floats, seconds: float) -> float:
    r"""Half-life of deviations from the mean, s: :math:`-\ln 2 / \ln \rho(1)`, an AR(1)'s.

    Infinite when they do not fade, 0 when they are gone at once.
    """
    rho = acf(values, 1)
    if not np.isfinite(rho):
        return np.nan
    if rho >= 1.0:
        return np.inf
    return float(-np.log(2.0) / np.log(rho) * seconds) if rho > 0 else 0.0


class PowerLaw(NamedTuple):
    r"""Fit of :math:`y = A x^\delta`."""

    exponent: float
    factor: float


def power_law(x: Floats, y: Floats, bins: int = 8) -> PowerLaw:
    """Power law through the means of equally filled bins of x, in logarithms.

    Means are fitted, not points, so that single noisy values of either sign count as they should;
    a bin with a mean that is not positive is left out.
    """
    order = np.argsort(x, kind="stable")
    groups = [g for g in np.array_split(order, min(bins, max(1, len(x) // 3))) if len(g)]
    middle = np.array([np.exp(np.log(x[g]).mean()) for g in groups])
    means = np.array([y[g].mean() for g in groups])
    kept = means > 0
    if kept.sum() < 3 or np.ptp(np.log(middle[kept])) == 0:
        return PowerLaw(np.nan, np.nan)
    exponent, level = np.polyfit(np.log(middle[kept]), np.log(means[kept]), 1)
    return PowerLaw(float(exponent), float(np.exp(level)))


def resampled(values: Floats, groups: NDArray[np.int64], draws: int, seed: int = 0) -> list[Floats]:
    """Rows of a table drawn with replacement by group, as a cluster bootstrap draws them.

    Parameters
    ----------
    values : (n, k) float64
    groups : (n,) int64, such as the seed of the run that a row comes from
    draws : int
    seed : int
        Of the draws themselves.
    """
    random = np.random.Generator(np.random.Philox(seed))
    parts = [values[groups == g] for g in np.unique(groups)]
    picks = random.integers(0, len(parts), (draws, len(parts)))
    return [np.concatenate([parts[i] for i in pick]) for pick in picks]
