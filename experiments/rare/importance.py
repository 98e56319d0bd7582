r"""Importance sampling of a shock: draw the sizes that matter, and weight them back.

With sizes from a proposal g instead of the nominal f, the mean outcome is estimated by the mean of
:math:`w y`, :math:`w = f(x) / g(x)`, which is unbiased; the weights have mean one. A defensive
mixture :math:`g = a f + (1 - a) g_0` keeps every weight below 1/a, so that no draw decides alone.

References
----------
Hesterberg, T. (1995), "Weighted average importance sampling and defensive mixture distributions",
Technometrics 37:185. https://doi.org/10.1080/00401706.1995.10484303
Kong, A., Liu, J. and Wong, W. (1994), "Sequential imputations and Bayesian missing data problems",
J. Am. Stat. Assoc. 89:278. https://doi.org/10.1080/01621459.1994.10476469 (effective sample size)
Vehtari, A., Simpson, D., Gelman, A., Yao, Y. and Gabry, J. (2024), "Pareto smoothed importance
sampling", JMLR 25(72). https://www.jmlr.org/papers/v25/19-556.html (shape of the tail of weights)
"""

import math
from typing import Any

import numpy as np

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

#: Largest weights by which the shape of their tail is judged, as few as it can be fitted to.
TAIL = 20


class Defensive:
    """Mixture of a nominal distribution with a proposal.

    Parameters
    ----------
    share : float
        Of the nominal one, 0 to below 1.
    """

    def __init__(self, nominal: Any, proposal: Any, share: float) -> None:
        if not 0 <= share < 1:
            raise ParameterError(f"defensive = {share!r}: must lie from 0 to below 1")
        self.nominal, self.proposal, self.share = nominal, proposal, share

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Sizes; exactly the share of them, up to one, comes from the nominal distribution."""
        uniforms = rng.random(n)
        is_nominal = (np.arange(n) + rng.random()) / n < self.share
        sizes = np.where(is_nominal, self.nominal.ppf(uniforms), self.proposal.ppf(uniforms))
        return np.asarray(sizes, float)

    def weights(self, sizes: Floats) -> Floats:
        """Likelihood ratios f / g of some sizes."""
        f = np.asarray(self.nominal.logpdf(sizes))
        with np.errstate(divide="ignore", over="ignore"):
            ratio = np.exp(np.asarray(self.proposal.logpdf(sizes)) - f)
            mixed = self.share + (1.0 - self.share) * ratio
            return np.where(np.isneginf(f), 0.0, 1.0 / np.where(np.isnan(mixed), np.inf, mixed))


def effective_size(weights: Floats) -> float:
    """Independent draws that so many weighted ones are worth, (sum w)^2 / sum w^2."""
    squares = float((weights**2).sum())
    return float(weights.sum() ** 2 / squares) if squares > 0 else 0.0


def tail_shape(weights: Floats) -> float:
    """Shape of the generalised Pareto law of the largest weights; above 0.7 nothing is reliable."""
    from scipy.stats import genpareto

    ordered = np.sort(weights)
    n = min(len(ordered) // 5, math.ceil(3 * math.sqrt(len(ordered))))
    if n < TAIL or ordered[-1] <= ordered[-n - 1] * (1 + 1e-9):
        return -math.inf  # too few weights, or all alike
    excess = ordered[-n:] - ordered[-n - 1]
    return float(genpareto.fit(excess / excess.mean(), floc=0.0)[0])


def check_support(nominal: Any, mixture: Defensive) -> None:
    """Refuse a proposal that never draws what the nominal distribution can.

    Raises
    ------
    ParameterError
        With a size that would be missed.
    """
    sizes = np.asarray(nominal.ppf(np.linspace(1e-6, 1 - 1e-6, 201)))
    missed = sizes[~np.isfinite(mixture.weights(sizes))]
    if len(missed):
        raise ParameterError(
            f"proposal: never draws {missed[0]:.6g}, which the nominal distribution does; "
            "set defensive = 0.1, or widen it"
        )


def importance_sampling(
    outcome: Outcome,
    nominal: Any,
    proposal: Any,
    n: int,
    *,
    defensive: float = 0.1,
    seed: int = 0,
    jobs: int = 1,
    confidence: float = 0.95,
) -> Estimation:
    """Mean outcome of a random shock, in the unit of the outcome.

    Parameters
    ----------
    outcome : function
        `(size, seed) -> float`; for a probability 1 or 0.
    nominal, proposal : frozen scipy.stats distributions
        What the shock follows, and what is drawn.
    n : int
        Runs.
    defensive : float
        Share of draws from the nominal distribution; weights stay below its inverse.

    Returns
    -------
    Estimation
        Cost in runs, all taken as equally long. Diagnostics: `effective_size` of all weights,
        `effective_hits` of those with an outcome other than 0 (below some 30 do not trust the
        interval), `mean_weight` with
        `mean_weight_error` (the mean is 1 in expectation), `largest_share` of one draw in the
        estimate, `tail_shape` (Pareto k; above 0.7 do not trust the interval),
        `self_normalised` (the ratio estimate, biased and often less noisy for means).

    Raises
    ------
    ParameterError
        When the proposal never draws what the nominal distribution does, or a number is wrong.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> found = importance_sampling(lambda x, seed: float(x > 4), norm(), norm(4.2), 2000)
    >>> bool(abs(found.estimate / norm.sf(4) - 1) < 0.15), found.gain > 100
    (True, True)
    """
    checked_count("n", n, 10)
    for name, one in (("nominal", nominal), ("proposal", proposal)):
        checked_distribution(name, one, "logpdf", "ppf")
    mixture = Defensive(nominal, proposal, defensive)
    check_support(nominal, mixture)
    sizes = mixture.draw(n, generator(seed))
    weights = mixture.weights(sizes)
    values = evaluate(outcome, sizes, seed, jobs)
    return _judged(values, weights, defensive, confidence)


def _judged(values: Floats, weights: Floats, defensive: float, confidence: float) -> Estimation:
    n, products = len(values), weights * values
    mean, error = float(products.mean()), standard_error(products)
    variance = max(float((weights * values**2).mean()) - mean**2, 0.0)
    total = np.abs(products).sum()
    diagnostics = {
        "effective_size": effective_size(weights),
        "effective_hits": effective_size(weights[values != 0]),
        "mean_weight": float(weights.mean()),
        "mean_weight_error": standard_error(weights),
        "largest_share": float(np.abs(products).max() / total) if total > 0 else math.nan,
        "tail_shape": tail_shape(weights),
        "self_normalised": float(products.sum() / weights.sum()),
    }
    method, spread = f"importance sampling, {defensive:.0%} defensive", (mean, error, n - 1)
    gain = gain_of(variance, error, n)
    return Estimation.of_runs(method, spread, n, gain, confidence, diagnostics)
