r"""Control variates: take away from an outcome what a nearly free model of it explains.

With controls :math:`c` of mean :math:`\mu`, the mean of :math:`y - \beta (c - \mu)` is that of
:math:`y` with less variance. The coefficients are estimated honestly: by default each fold of the
runs is corrected with coefficients from the other folds, which is unbiased; `delta` uses all runs
for both, which is biased by order 1/n and judged by the residuals of the regression.

The mean of the controls is known, or estimated from sizes that need no run; the error of that
estimate is part of the standard error.

References
----------
Lavenberg, S. and Welch, P. (1981), "A perspective on the use of control variables to increase the
efficiency of Monte Carlo simulations", Management Science 27:322.
https://doi.org/10.1287/mnsc.27.3.322
Avramidis, A. and Wilson, J. (1993), "A splitting scheme for control variates", Oper. Res. Lett.
14:187. https://doi.org/10.1016/0167-6377(93)90069-S
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from crossmargin.experiments.checks import checked_count
from crossmargin.experiments.rare.estimation import (
    Estimation,
    Floats,
    gain_of,
    standard_error,
)
from crossmargin.experiments.rare.shocks import (
    Outcome,
    checked_distribution,
    evaluate,
    generator,
)
from crossmargin.model.errors import ParameterError

Control = Callable[[float], float]


class Corrected(NamedTuple):
    """Outcomes corrected by controls.

    Attributes
    ----------
    values : (n,), corrected
    coefficients : (k,), mean over folds
    freedom : float, degrees of freedom
    deviation : standard deviation of one corrected run
    """

    values: Floats
    coefficients: Floats
    freedom: float
    deviation: float


def coefficients(values: Floats, controls: Floats) -> Floats:
    """Coefficients of a regression on controls, (k,); 0 for one that does not vary."""
    centred = controls - controls.mean(axis=0)
    return np.asarray(np.linalg.lstsq(centred, values - values.mean(), rcond=None)[0])


def corrected_by_folds(values: Floats, controls: Floats, means: Floats, folds: int) -> Corrected:
    """Correct each fold with coefficients from the others."""
    n = len(values)
    fold = np.arange(n) % folds
    found, corrected = [], np.empty(n)
    for f in range(folds):
        mine = fold == f
        beta = coefficients(values[~mine], controls[~mine])
        corrected[mine] = values[mine] - (controls[mine] - means) @ beta
        found.append(beta)
    beta = np.array(found).mean(axis=0)
    return Corrected(corrected, beta, n - 1.0, float(corrected.std(ddof=1)))


def corrected_at_once(values: Floats, controls: Floats, means: Floats) -> Corrected:
    """Correct all with coefficients from all; the variance is that of the residuals."""
    n, k = controls.shape
    beta = coefficients(values, controls)
    corrected = values - (controls - means) @ beta
    freedom = n - 1.0 - k
    gap = controls.mean(axis=0) - means
    spread = np.atleast_2d(np.cov(controls, rowvar=False))
    inflation = 1.0 + n / (n - 1.0) * float(gap @ np.linalg.pinv(spread) @ gap)
    deviation = math.sqrt(float(((corrected - corrected.mean()) ** 2).sum()) / freedom * inflation)
    return Corrected(corrected, beta, freedom, deviation)


def control_variate(
    outcome: Outcome,
    control: Control | Sequence[Control],
    distribution: Any,
    n: int,
    *,
    mean: ArrayLike | None = None,
    n_mean: int = 100_000,
    method: str = "folds",
    folds: int = 5,
    control_cost: float = 0.0,
    seed: int = 0,
    jobs: int = 1,
    confidence: float = 0.95,
) -> Estimation:
    """Mean outcome of a random shock, in the unit of the outcome.

    Parameters
    ----------
    outcome : function
        `(size, seed) -> float`.
    control : function or several
        `size -> float`, such as a `StaticLoss`; correlated with the outcome, nearly free.
    distribution : frozen scipy.stats distribution
        Of the size.
    n : int
        Runs.
    mean : float or sequence, optional
        Known mean of each control; estimated from `n_mean` stratified sizes when not given.
    method : {"folds", "delta"}
        How the coefficients are estimated.
    control_cost : float
        Cost of one control, in runs.

    Returns
    -------
    Estimation
        Cost in runs. Diagnostics: `coefficients`, `correlation` (multiple, of outcome and
        controls), `control_means`, `control_mean_errors`, `plain` (mean without controls).

    Raises
    ------
    ParameterError
        When a number is out of range or the runs are too few for so many controls.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> found = control_variate(lambda x, seed: x**3 + x, lambda x: x, norm(), 500, mean=0.0)
    >>> found.low < 0 < found.high, found.gain > 2
    (True, True)
    """
    functions = list(control) if isinstance(control, Sequence) else [control]
    if method not in ("folds", "delta"):
        raise ParameterError(f"method = {method!r}: allowed are folds, delta")
    checked_count("folds", folds, 2)
    checked_count("n", n, max(2 * folds, 4 * len(functions) + 4))
    checked_distribution("distribution", distribution, "ppf")
    sizes = np.asarray(distribution.ppf(generator(seed).random(n)))
    controls = _controls(functions, sizes)
    means, errors = _means(functions, distribution, mean, n_mean, seed)
    values = evaluate(outcome, sizes, seed, jobs)
    if method == "folds":
        found = corrected_by_folds(values, controls, means, folds)
    else:
        found = corrected_at_once(values, controls, means)
    extra = len(functions) * control_cost * (n + (n_mean if mean is None else 0))
    return _judged(found, values, controls, (means, errors), n + extra, method, confidence)


def _controls(functions: Sequence[Control], sizes: Floats) -> Floats:
    return np.array([[float(f(x)) for f in functions] for x in sizes.tolist()])


def _means(
    functions: Sequence[Control], distribution: Any, mean: ArrayLike | None, n: int, seed: int
) -> tuple[Floats, Floats]:
    """Means of the controls and their standard errors, from pairs of draws in each stratum."""
    if mean is not None:
        known = np.atleast_1d(np.asarray(mean, float))
        if known.shape != (len(functions),):
            raise ParameterError(f"mean = {mean!r}: needs one number for each control")
        return known, np.zeros(len(functions))
    strata = checked_count("n_mean", n, 4) // 2
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
    uniforms = (np.arange(strata)[:, None] + rng.random((strata, 2))) / strata
    values = _controls(functions, np.asarray(distribution.ppf(uniforms.ravel())))
    pairs = values.reshape(strata, 2, len(functions))
    within = (pairs[:, 0] - pairs[:, 1]) ** 2 / 2
    return pairs.mean(axis=(0, 1)), np.sqrt(within.sum(axis=0) / 2) / strata


def _judged(
    found: Corrected,
    values: Floats,
    controls: Floats,
    known: tuple[Floats, Floats],
    cost: float,
    method: str,
    confidence: float,
) -> Estimation:
    n, (means, errors) = len(values), known
    from_mean = float(((found.coefficients * errors) ** 2).sum())
    error = math.sqrt(found.deviation**2 / n + from_mean)
    mean = float(found.values.mean())
    beta = coefficients(values, controls)
    explained = float(np.var(controls @ beta))
    variance = float(values.var(ddof=1))
    diagnostics = {
        "coefficients": tuple(found.coefficients.tolist()),
        "correlation": math.sqrt(min(explained / variance, 1.0)) if variance > 0 else 0.0,
        "control_means": tuple(means.tolist()),
        "control_mean_errors": tuple(errors.tolist()),
        "plain": float(values.mean()),
        "plain_error": standard_error(values),
    }
    spread, gain = (mean, error, found.freedom), gain_of(variance, error, cost)
    name = f"control variate, {method}"
    return Estimation.of_runs(name, spread, cost, gain, confidence, diagnostics)
