r"""Value at risk and expected shortfall of all accounts, from returns or from a covariance.

Historical: losses under past returns r, with the curvature of options,

.. math:: L_h = -\sum_u (x_u r_{hu} + g_u r_{hu}^2)

for deltas x in quote and half gammas g; the requirement is the k-th largest or the mean of the k
largest. Filtered: the same on returns scaled to the volatility of today. Parametric: a multiple of
:math:`|L^\top x|` for a factor L of the covariance, which cannot be negative. Correlations can be
put towards one: the requirement is the larger of both.

References
----------
RiskMetrics (1996), Technical Document (EWMA). Barone-Adesi, Giannopoulos and Vosper (1999), VaR
without correlations, doi:10.1002/(SICI)1096-9934(199908)19:5<583::AID-FUT5>3.0.CO;2-S (filtered).
Acerbi and Tasche (2002), doi:10.1016/S0378-4266(02)00283-2 (expected shortfall).
"""

import math
from typing import Literal, NamedTuple

import numpy as np

from crossmargin.model.errors import ParameterError
from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import add, options_value
from crossmargin.model.parts import Numbers, number
from crossmargin.model.state import Array


class Parameters(Numbers):
    """How risk is measured; the requirement for entry is a multiple of it."""

    method: Literal["historical", "parametric", "filtered"] = "parametric"
    measure: Literal["value_at_risk", "expected_shortfall"] = "expected_shortfall"
    confidence: float = number(0.99, "probability", above=0.5, high=0.9999, doc="Of the measure.")
    horizon_days: float = number(1.0, "days", above=0, high=30, doc="Over which prices move.")
    decay: float = number(0.94, "fraction a day", above=0, high=0.9999, doc="Of EWMA weights.")
    correlation_stress: float = number(
        0.0, "fraction", low=0, high=1, doc="Of the way of all correlations to one."
    )
    initial_factor: float = number(1.3, "multiple", above=0, high=10, doc="Entry over risk.")
    maintenance_factor: float = number(1.0, "multiple", above=0, high=10, doc="Maintenance.")
    assets: tuple[str, ...] = number((), "", doc="Underlyings that the numbers below are of.")
    volatility: tuple[float, ...] = number((), "per root year", doc="Of each of them.")
    correlation: tuple[tuple[float, ...], ...] = number((), "correlation", doc="Rows.")
    renew: bool = number(
        True, "choice", doc="A running market goes on estimating from its own returns."
    )
    recordings: dict[str, str] = number({}, "", doc="Files of past prices, by underlying.")
    source: str = ""


class Measure(NamedTuple):
    """What all accounts share, and the working place of one."""

    deltas: Array  # (n_series,) float64, of one base unit
    gammas: Array  # (n_series,) float64, the same
    returns: Array  # (n_past, n_underlyings) float64, past returns; none when parametric
    factors: Array  # (n_models, n_underlyings, n_underlyings) float64, lower triangular
    options: Array  # (4,) float64: multiple of one deviation, k, 1 for the mean of k, factor
    work: Array  # (2, n_underlyings) float64, deltas and half gammas in quote
    worst: Array  # (k,) float64, the largest losses


@kernel
def _expose(holdings, terms, measure, row):
    """Deltas and half gammas of an account in quote, by underlying, into the working place."""
    linear, curved = measure.work[0], measure.work[1]
    for u in range(linear.shape[0]):
        linear[u] = 0.0
        curved[u] = 0.0
    for a in range(terms.coins.shape[0]):
        coin = terms.coins[a]
        if coin.underlying >= 0:
            linear[coin.underlying] += holdings.coins[row, a] * coin.lot * coin.price
    for m in range(terms.perps.shape[0]):
        perp = terms.perps[m]
        linear[perp.underlying] += holdings.perps[row, m] * perp.lot * perp.price
    for i in range(terms.series.shape[0]):
        if holdings.options[row, i] != 0:
            s = terms.series[i]
            held = holdings.options[row, i] * s.lot
            linear[s.underlying] += held * measure.deltas[i] * s.forward
            curved[s.underlying] += 0.5 * held * measure.gammas[i] * s.forward * s.forward
    return 0


@kernel
def deviation(factor, x):
    """Standard deviation of the value of exposures x, from a factor of the covariance."""
    total = 0.0
    for j in range(x.shape[0]):
        part = 0.0
        for i in range(j, x.shape[0]):
            part += factor[i, j] * x[i]
        total += part * part
    return math.sqrt(total)


@kernel
def _keep_largest(worst, loss):
    """Insert a loss among the largest, in falling order, when it is one of them."""
    last = worst.shape[0] - 1
    if loss <= worst[last]:
        return 0
    place = last
    while place > 0 and worst[place - 1] < loss:
        worst[place] = worst[place - 1]
        place -= 1
    worst[place] = loss
    return 1


@kernel
def past_loss(measure):
    """Requirement of the exposures in the working place under past returns, not negative."""
    worst, linear, curved = measure.worst, measure.work[0], measure.work[1]
    for k in range(worst.shape[0]):
        worst[k] = -np.inf
    for h in range(measure.returns.shape[0]):
        loss = 0.0
        for u in range(linear.shape[0]):
            moved = measure.returns[h, u]
            loss -= linear[u] * moved + curved[u] * moved * moved
        _keep_largest(worst, loss)
    total = 0.0
    for k in range(worst.shape[0]):
        total += worst[k]
    found = total / worst.shape[0] if measure.options[2] == 1.0 else worst[worst.shape[0] - 1]
    return max(found, 0.0)


@kernel
def risk_of(measure):
    """Risk of the exposures in the working place, quote."""
    if measure.returns.shape[0] > 0:
        return past_loss(measure)
    found = 0.0
    for k in range(measure.factors.shape[0]):
        found = max(found, deviation(measure.factors[k], measure.work[0]))
    return found * measure.options[0]


@kernel
def risk_numbers_of(holdings, terms, measure, factors, row):
    """Five numbers of an account: options at their marks, multiples of its risk."""
    _expose(holdings, terms, measure, row)
    risk = risk_of(measure)
    value = options_value(holdings.options, terms.series, row)
    return value, value, value, risk * factors[0], risk * factors[1]


@kernel(python=True)
def charge_risk(holdings, terms, measure, factors, numbers):
    """Add options at their marks and the requirements; `factors` are of entry and maintenance."""
    for row in range(numbers.shape[0]):
        add(numbers, row, risk_numbers_of(holdings, terms, measure, factors, row))
    return 0


def covariance_factor(covariance: Array, where: str) -> Array:
    """Lower triangular factor of a covariance.

    Raises
    ------
    ParameterError
        When it is not symmetric and positive definite.
    """
    if not np.allclose(covariance, covariance.T):
        raise ParameterError(f"{where}: is not symmetric")
    try:
        return np.ascontiguousarray(np.linalg.cholesky(covariance))
    except np.linalg.LinAlgError:
        least = float(np.linalg.eigvalsh(covariance)[0])
        raise ParameterError(
            f"{where}: is not positive definite (least eigenvalue {least:.3g})"
        ) from None


def stressed(covariance: Array, share: float) -> Array:
    """Covariance with every correlation a share of the way to one."""
    deviations = np.sqrt(np.diag(covariance))
    return np.asarray((1 - share) * covariance + share * np.outer(deviations, deviations))


def ewma_covariance(returns: Array, decay: float) -> Array:
    """Covariance of returns, (n_past, n) oldest first, weights falling by `decay` a row."""
    found = np.zeros((returns.shape[1], returns.shape[1]))
    weight = 0.0
    for row in returns:
        found = decay * found + (1 - decay) * np.outer(row, row)
        weight = decay * weight + (1 - decay)
    return np.asarray(found / weight)


def filtered_returns(returns: Array, decay: float) -> Array:
    """Past returns scaled to the volatility after the last of them, each column on its own."""
    variance = np.empty_like(returns)
    now = np.mean(returns[: max(len(returns) // 10, 1)] ** 2, axis=0)
    for h, row in enumerate(returns):
        variance[h] = now
        now = decay * now + (1 - decay) * row**2
    least = np.finfo(float).tiny
    return np.asarray(returns * np.sqrt(now / np.maximum(variance, least)))
