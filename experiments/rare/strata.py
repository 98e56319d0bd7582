r"""Antithetic and stratified shocks: sizes that balance one another.

Antithetic runs come in pairs at the quantiles u and 1 - u, so that what depends on the size
monotonically cancels; their seeds differ, since what a seed does alike to both would not.
Stratified runs divide the distribution into parts of equal probability and draw in each: only the
variance within parts is left,

.. math:: \sum_j (1/m)^2 \, s_j^2 / n_j.

With `allocation="neyman"` a pilot finds where the outcome varies and the runs go there.

References
----------
Hammersley, J. and Morton, K. (1956), "A new Monte Carlo technique: antithetic variates", Math.
Proc. Camb. Phil. Soc. 52:449. https://doi.org/10.1017/S0305004100031455
Neyman, J. (1934), "On the two different aspects of the representative method", J. R. Stat. Soc.
97:558. https://doi.org/10.2307/2342192
"""

import math
from typing import Any

import numpy as np

from crossmargin.experiments.checks import checked_count
from crossmargin.experiments.rare.estimation import (
    Estimation,
    Floats,
    Indices,
    gain_of,
    standard_error,
)
from crossmargin.experiments.rare.process import seed_at
from crossmargin.experiments.rare.shocks import (
    Outcome,
    checked_distribution,
    evaluate,
    generator,
)
from crossmargin.model.errors import ParameterError

#: Runs of the pilot in each stratum.
PILOT = 4
#: Least share of the runs that the pilot's strata without variance get together.
RESERVE = 0.2


def antithetic(
    outcome: Outcome,
    distribution: Any,
    n: int,
    *,
    seed: int = 0,
    jobs: int = 1,
    confidence: float = 0.95,
) -> Estimation:
    """Mean outcome of a random shock from pairs of opposite sizes, in the unit of the outcome.

    Parameters
    ----------
    n : int
        Runs, an even number.

    Returns
    -------
    Estimation
        Cost in runs; the gain is below 1 where opposite sizes have like outcomes. Diagnostics:
        `correlation` of the two runs of a pair.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> found = antithetic(lambda x, seed: x + 0.1 * x**2, norm(), 400)
    >>> found.low < 0.1 < found.high, found.gain > 10
    (True, True)
    """
    if checked_count("n", n, 4) % 2:
        raise ParameterError(f"n = {n}: must be even, runs come in pairs")
    checked_distribution("distribution", distribution, "ppf")
    uniforms = generator(seed).random(n // 2)
    sizes = np.asarray([distribution.ppf(uniforms), distribution.ppf(1.0 - uniforms)])
    first = evaluate(outcome, sizes[0], seed, jobs)
    second = evaluate(outcome, sizes[1], seed, jobs, first=n // 2)
    pairs = (first + second) / 2
    mean, error = float(pairs.mean()), standard_error(pairs)
    variance = float((first.var(ddof=1) + second.var(ddof=1)) / 2)
    alike = 2 * float(pairs.var(ddof=1)) / variance - 1.0 if variance > 0 else math.nan
    spread, gain = (mean, error, n // 2 - 1), gain_of(variance, error, n)
    found = {"correlation": alike}
    return Estimation.of_runs("antithetic shocks", spread, n, gain, confidence, found)


def sizes_in(distribution: Any, strata: Indices, m: int, rng: np.random.Generator) -> Floats:
    """One size in each of some strata of m equally probable ones."""
    return np.asarray(distribution.ppf((strata + rng.random(len(strata))) / m))


def proportional(n: int, m: int) -> Indices:
    """Runs by stratum, as equal as they can be, at least 2."""
    return np.full(m, n // m, np.int64) + (np.arange(m) < n % m)


def neyman(deviations: Floats, n: int) -> Indices:
    """Runs by stratum in proportion to their deviation, at least 2, a reserve shared equally."""
    m = len(deviations)
    total = deviations.sum()
    shares = deviations / total if total > 0 else np.full(m, 1.0 / m)
    shares = RESERVE / m + (1.0 - RESERVE) * shares
    return np.asarray(2 + np.floor(shares * (n - 2 * m)), np.int64)


def stratified(
    outcome: Outcome,
    distribution: Any,
    n: int,
    *,
    strata: int = 20,
    allocation: str = "proportional",
    seed: int = 0,
    jobs: int = 1,
    confidence: float = 0.95,
) -> Estimation:
    """Mean outcome of a random shock from sizes in equally probable strata, in its unit.

    Parameters
    ----------
    n : int
        Runs, at least two a stratum; with a pilot six.
    strata : int
        Parts of the distribution.
    allocation : {"proportional", "neyman"}
        Equal numbers of runs, or more where a pilot of four a stratum finds more variance; the
        pilot costs runs and is not used for the estimate, so that it stays unbiased.

    Returns
    -------
    Estimation
        Cost in runs, the pilot included. Diagnostics: `runs` and `means` by stratum.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> found = stratified(lambda x, seed: x, norm(), 200)
    >>> found.low < 0 < found.high, found.gain > 10
    (True, True)
    """
    m = checked_count("strata", strata, 1)
    checked_distribution("distribution", distribution, "ppf")
    if allocation not in ("proportional", "neyman"):
        raise ParameterError(f"allocation = {allocation!r}: allowed are proportional, neyman")
    pilot = PILOT * m if allocation == "neyman" else 0
    checked_count("n", n, 2 * m + pilot)
    rng = generator(seed)
    runs = proportional(n, m)
    if pilot:
        places = np.repeat(np.arange(m), PILOT)
        found = evaluate(outcome, sizes_in(distribution, places, m, rng), seed_at(seed, 3), jobs)
        runs = neyman(found.reshape(m, PILOT).std(axis=1, ddof=1), n - pilot)
    places = np.repeat(np.arange(m), runs)
    values = evaluate(outcome, sizes_in(distribution, places, m, rng), seed, jobs)
    return _judged(values, runs, pilot, allocation, confidence)


def _judged(
    values: Floats, runs: Indices, pilot: int, allocation: str, confidence: float
) -> Estimation:
    m, ends = len(runs), np.cumsum(runs)[:-1]
    parts = np.split(values, ends)
    means = np.array([part.mean() for part in parts])
    variances = np.array([part.var(ddof=1) for part in parts])
    terms = variances / runs / m**2
    mean, error = float(means.mean()), math.sqrt(float(terms.sum()))
    shares = float((terms**2 / (runs - 1)).sum())
    freedom = float(terms.sum() ** 2 / shares) if shares > 0 else float(len(values) - m)
    plain = float((variances + (means - mean) ** 2).mean())
    spread, cost = (mean, error, freedom), len(values) + pilot
    method = f"stratified shocks, {m} strata, {allocation}"
    diagnostics = {"runs": tuple(runs.tolist()), "means": tuple(means.tolist())}
    gain = gain_of(plain, error, cost)
    return Estimation.of_runs(method, spread, cost, gain, confidence, diagnostics)
