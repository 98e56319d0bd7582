r"""What a risk model estimates while a market runs: volatility, covariance, a multiplier.

A return :math:`r` of the index over :math:`\Delta` days renews the variance of a day and the
covariance by weights that fall by :math:`\lambda` a day, so that the length of a block does not
matter:

.. math:: v \leftarrow \lambda^\Delta v + (1 - \lambda^\Delta)\, r^2 / \Delta

and a GARCH(1,1) forecast, at its own interval, is
:math:`g \leftarrow (1 - \alpha - \beta) \bar g + \alpha r^2 / \Delta + \beta g`.

References
----------
RiskMetrics (1996), Technical Document. Bollerslev (1986), doi:10.1016/0304-4076(86)90063-1.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.adaptive import next_multiplier
from crossmargin.model.margin.scenario_grid import BASIS, SHOCK, VOLATILITY
from crossmargin.model.state import Array

DAYS = 365.0
#: Signals of adaptive margin.
SIGNALS = ("realised", "garch", "implied", "depth", "open_interest")
REALISED, GARCH, IMPLIED, DEPTH_SIGNAL, INTEREST_SIGNAL = range(len(SIGNALS))
#: Methods of value at risk.
METHODS = ("historical", "parametric", "filtered")
HISTORICAL, PARAMETRIC, FILTERED = range(len(METHODS))

#: What the scales of a coin follow.
COIN_RULE = np.dtype(
    [
        ("deposit_start", "f8"),  # quote, all deposits; 0 never
        ("borrow_start", "f8"),  # quote, all debts; 0 never
        ("calm", "f8"),  # volatility per root year; 0 never
        ("slope", "f8"),  # weight lost for each multiple of calm above one
    ],
    align=True,
)
#: What the shocked value of an expiry counts, by underlying.
DISCOUNT = np.dtype(
    [
        ("positive", "f8"),  # fraction of a positive value
        ("rate", "f8"),  # per year, at which it is discounted
        ("negative", "f8"),  # multiple of a negative value
        ("weight", "f8"),  # of the loss by basis
        ("weight_a_year", "f8"),  # added for each year to expiry
    ],
    align=True,
)
#: Price of an underlying as it was seen, and its volatility.
PRICE = np.dtype(
    [
        ("seen", "f8"),  # quote per base, at the last renewal; 0 never
        ("change", "f8"),  # of its logarithm since then
        ("variance", "f8"),  # per year, realised
        ("forecast_from", "f8"),  # quote per base, at the last observation of GARCH
        ("forecast", "f8"),  # variance per year, GARCH
    ],
    align=True,
)
#: Where the entry rate of a market rises with open interest.
INTEREST = np.dtype(
    [
        ("lower", "f8"),  # quote
        ("upper", "f8"),  # quote; 0 never
        ("base", "f8"),  # entry rate of the first bracket
    ],
    align=True,
)
#: Liquidity of a market as it is measured.
FLOW = np.dtype(
    [
        ("is_measured", "i8"),
        ("volume", "i8"),  # lots traded up to the last renewal
        ("memory", "f8"),  # days over which volume and depth are averaged
    ],
    align=True,
)
#: The multiplier of requirements and the cap of leverage.
ADAPTIVE = np.dtype(
    [
        ("is_on", "i8"),
        ("signal", "i8"),
        ("level", "f8"),  # of the signal now
        ("decay", "f8"),  # a day, of realised volatility
        ("alpha", "f8"),  # GARCH: weight of the last squared return
        ("beta", "f8"),  # GARCH: weight of the last variance
        ("long_run", "f8"),  # GARCH: variance per year
        ("interval", "f8"),  # days between two returns of GARCH
        ("waited", "f8"),  # days since the last of them
        ("leverage", "f8"),  # cap of gross notional over equity
        ("follows", "i8"),  # 1 where the cap falls as the multiplier rises
    ],
    align=True,
)
#: How value at risk goes on estimating.
PAST = np.dtype(
    [
        ("is_on", "i8"),
        ("method", "i8"),
        ("decay", "f8"),  # a day
        ("stress", "f8"),  # share of the way of all correlations to one
        ("root", "f8"),  # of the horizon in days
        ("next", "i8"),  # row of `returns` that is replaced next: the oldest
        ("waited", "f8"),  # days since the last row
    ],
    align=True,
)

RECORDS: dict[str, Any] = {
    "shocks": SHOCK,
    "volatility": VOLATILITY,
    "basis": BASIS,
    "discounts": DISCOUNT,
    "coins": COIN_RULE,
    "prices": PRICE,
    "interest": INTEREST,
    "flows": FLOW,
    "adaptive": ADAPTIVE,
    "past": PAST,
}


class Estimates(NamedTuple):
    """What is renewed once a block for all accounts, and what it is renewed from."""

    shocks: Array  # (n_underlyings, n_scenarios) SHOCK
    volatility: Array  # (n_underlyings,) VOLATILITY, how it moves under scenarios
    basis: Array  # (n_underlyings,) BASIS
    discounts: Array  # (n_underlyings,) DISCOUNT
    coins: Array  # (n_coins,) COIN_RULE
    prices: Array  # (n_underlyings,) PRICE
    interest: Array  # (n_perps,) INTEREST
    flows: Array  # (n_perps,) FLOW
    adaptive: Array  # (1,) ADAPTIVE
    rates: Array  # (n_perps, 2) float64, rates of the ledger's first brackets at the start
    limits: Array  # (6,) float64, slots of `adaptive.Limits`
    granted: Array  # (n_accounts,) float64, cap under which positions were opened; none: no such
    past: Array  # (1,) PAST
    covariance: Array  # (n_underlyings, n_underlyings) float64, of a day
    returns: Array  # (n_past, n_underlyings) float64, of a day, as they were
    window: Array  # (n_underlyings,) float64, prices when the last row of `returns` was written


@kernel
def blend(old, new, decay, days):
    """Average of falling weights after one more value that stands for some days."""
    kept = decay**days
    return kept * old + (1.0 - kept) * new


@kernel
def observe_prices(estimates, spot, days):
    """Renew changes and realised variances of all underlyings after some days."""
    decay = estimates.adaptive[0].decay
    for u in range(spot.shape[0]):
        p = estimates.prices[u]
        p.change = math.log(spot[u] / p.seen) if p.seen > 0.0 else 0.0
        p.seen = spot[u]
        if days > 0.0:
            p.variance = blend(p.variance, p.change * p.change * DAYS / days, decay, days)


@kernel
def forecast(estimates, spot, days):
    """Renew the GARCH forecasts of all underlyings when their interval has passed."""
    rule = estimates.adaptive[0]
    rule.waited += days
    if rule.waited < rule.interval * (1.0 - 1e-9):
        return 0
    for u in range(spot.shape[0]):
        p = estimates.prices[u]
        change = math.log(spot[u] / p.forecast_from) if p.forecast_from > 0.0 else 0.0
        fresh = rule.alpha * change * change * DAYS / rule.waited
        kept = (1.0 - rule.alpha - rule.beta) * rule.long_run + rule.beta * p.forecast
        p.forecast = kept + fresh
        p.forecast_from = spot[u]
    rule.waited = 0.0
    return 1


@kernel
def largest_volatility(prices, signal):
    """Largest volatility of an underlying, per root year, realised or forecast."""
    most = 0.0
    for u in range(prices.shape[0]):
        most = max(most, prices[u].variance if signal == REALISED else prices[u].forecast)
    return math.sqrt(most)


@kernel
def adapt(estimates, risk, level, days):
    """Move the multiplier and the cap of leverage towards what a level of the signal asks for."""
    rule = estimates.adaptive[0]
    rule.level = level
    risk.multiplier[0] = next_multiplier(estimates.limits, risk.multiplier[0], level, days)
    risk.caps[0] = rule.leverage / (risk.multiplier[0] if rule.follows == 1 else 1.0)


@kernel
def renew_covariance(estimates, days):
    """Renew the covariance of a day from the last changes."""
    covariance, prices = estimates.covariance, estimates.prices
    decay = estimates.past[0].decay
    for i in range(covariance.shape[0]):
        for j in range(i + 1):
            product = prices[i].change * prices[j].change / days
            covariance[i, j] = blend(covariance[i, j], product, decay, days)
            covariance[j, i] = covariance[i, j]


@kernel
def factorise(covariance, share, factor):
    """Lower triangular factor of a covariance whose correlations are put a share towards one.

    What rounding takes from a pivot is given back: it never falls below 1e-12 of its variance.
    """
    n = covariance.shape[0]
    for j in range(n):
        for i in range(j, n):
            together = math.sqrt(covariance[i, i] * covariance[j, j])
            total = (1.0 - share) * covariance[i, j] + share * together
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            if i == j:
                factor[j, j] = math.sqrt(max(total, 1e-12 * covariance[j, j]))
            else:
                factor[i, j] = total / factor[j, j] if factor[j, j] > 0.0 else 0.0


@kernel
def push_returns(estimates, spot):
    """Replace the oldest row of past returns by what prices did since the last one."""
    past, returns = estimates.past[0], estimates.returns
    for u in range(spot.shape[0]):
        returns[past.next, u] = spot[u] / estimates.window[u] - 1.0
        estimates.window[u] = spot[u]
    past.next = (past.next + 1) % returns.shape[0]
    past.waited = 0.0


@kernel
def write_returns(estimates, measured):
    """Write past returns for the measure: as they were, or scaled to the volatility of today."""
    past, returns = estimates.past[0], estimates.returns
    n = returns.shape[0]
    for u in range(returns.shape[1]):
        now, first = 0.0, max(n // 10, 1)
        for h in range(first):
            now += returns[(past.next + h) % n, u] ** 2 / first
        for h in range(n):
            row = (past.next + h) % n
            measured[row, u] = now  # the variance before it, for the moment
            now = past.decay * now + (1.0 - past.decay) * returns[row, u] ** 2
        for row in range(n):
            scale = math.sqrt(now / max(measured[row, u], 2.3e-308))
            is_scaled = past.method == FILTERED
            measured[row, u] = returns[row, u] * past.root * (scale if is_scaled else 1.0)
