"""All parts of a risk model at once: five numbers of an account in one pass over what it holds.

What a venue does not have is switched off and its arrays are empty. The calculator adds part by
part, a market with many accounts uses this: every account is read once and stays in the cache.
"""

from typing import NamedTuple

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import Terms
from crossmargin.model.margin.closing_cost import CLOSING, closing_of
from crossmargin.model.margin.credit import CREDIT, profit_of
from crossmargin.model.margin.delta_gamma_vega import MOVES, greeks_margin_of
from crossmargin.model.margin.fractions import FRACTION, RATES, fractions_of
from crossmargin.model.margin.liquidity import DEPTH, liquidity_of
from crossmargin.model.margin.netting import NETTING, netted_of
from crossmargin.model.margin.scenario import UNIT, Grid, scenarios_of
from crossmargin.model.margin.size_premium import PREMIUM, premium_of
from crossmargin.model.margin.skew_premium import SKEW, skew_of
from crossmargin.model.margin.span import CREDIT as SPREADS
from crossmargin.model.margin.standard_options import EXPIRY, SHORT_RULE, options_of
from crossmargin.model.margin.value_at_risk import Measure, risk_numbers_of
from crossmargin.model.margin.weighted_health import HEALTH, PAIR, Resting, health_of
from crossmargin.model.margin.weights import coins_of
from crossmargin.model.margin.wrong_way import wrong_way_of
from crossmargin.model.state import Array

#: Places of the switches; coins and unrealised profit are counted unless health counts them.
PARTS = (
    "fractions",
    "size_premium",
    "skew_premium",
    "closing_cost",
    "standard_options",
    "scenario",
    "value_at_risk",
    "liquidity",
    "netting",
    "delta_gamma_vega",
    "wrong_way",
    "health",
)
(
    FRACTIONS,
    SIZE_PREMIUM,
    SKEW_PREMIUM,
    CLOSING_COST,
    STANDARD_OPTIONS,
    SCENARIO,
    VALUE_AT_RISK,
    LIQUIDITY,
    NETTED,
    DELTA_GAMMA_VEGA,
    WRONG_WAY,
    WEIGHTED_HEALTH,
) = range(len(PARTS))


class Risk(NamedTuple):
    """A risk model for all accounts of a venue."""

    switches: Array  # (n_parts,) int64, 1 where the venue has the part
    multiplier: Array  # (3,) float64: adaptive, scheduled change for entry and maintenance
    credit: Array  # (n_perps,) CREDIT
    rates: Array  # (n_perps, n_tiers) RATES
    fractions: Array  # (n_perps,) FRACTION
    premiums: Array  # (n_perps,) PREMIUM
    skews: Array  # (n_perps,) SKEW
    closings: Array  # (n_perps,) CLOSING
    depths: Array  # (n_perps,) DEPTH
    expiries: Array  # (n_expiries,) EXPIRY
    shorts: Array  # (n_underlyings,) SHORT_RULE
    grid: Grid  # scenarios
    measure: Measure  # value at risk
    multiples: Array  # (2,) float64, entry and maintenance requirement over risk
    nettings: Array  # (n_underlyings,) NETTING
    deltas: Array  # (n_series,) float64, of one base unit, for netting
    shocks: Array  # (n_underlyings,) MOVES
    greeks: Array  # (n_series, 5) float64, of one contract
    correlation: Array  # (n_underlyings, n_underlyings) float64, of coins and positions
    strength: Array  # (1,) float64, of the value matched by positions that does not count
    healths: Array  # (n_perps,) HEALTH
    resting: Resting  # spot orders
    caps: Array  # (2,) float64, of gross notional over equity: of today, granted to the account


def blank_risk(terms: Terms) -> Risk:
    """Risk model with nothing switched on and every profit counted whole."""
    perps = len(terms.perps)
    credit = np.zeros(perps, CREDIT)
    credit["initial"], credit["maintenance"], credit["cap"] = 1.0, 1.0, np.inf
    empty, none = np.zeros(0), np.zeros((0, 0))
    grid = Grid(
        units=np.zeros(0, UNIT),
        expiries=np.zeros(0, EXPIRY),
        values=none,
        moves=none,
        damping=none,
        deltas=empty,
        steps=np.zeros((0, 2)),
        credits=np.zeros(0, SPREADS),
        work=none,
        risk=none,
    )
    return Risk(
        switches=np.zeros(len(PARTS), np.int64),
        multiplier=np.ones(3),
        credit=credit,
        rates=np.zeros((perps, 1), RATES),
        fractions=np.zeros(perps, FRACTION),
        premiums=np.zeros(perps, PREMIUM),
        skews=np.zeros(perps, SKEW),
        closings=np.zeros(perps, CLOSING),
        depths=np.zeros(perps, DEPTH),
        expiries=np.zeros(0, EXPIRY),
        shorts=np.zeros(0, SHORT_RULE),
        grid=grid,
        measure=Measure(empty, empty, none, np.zeros((0, 0, 0)), np.zeros(4), none, empty),
        multiples=np.ones(2),
        nettings=np.zeros(0, NETTING),
        deltas=empty,
        shocks=np.zeros(0, MOVES),
        greeks=np.zeros((len(terms.series), 5)),
        correlation=none,
        strength=np.zeros(1),
        healths=np.zeros(perps, HEALTH),
        resting=Resting(
            np.zeros((1, 0), PAIR), np.zeros((1, 0, 2)), np.zeros((len(terms.coins), 2))
        ),
        caps=np.array([np.inf, 0.0]),
    )


@kernel
def plus(a, b):
    """Sum of five numbers and five numbers."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4]


@kernel
def _options_of(holdings, terms, risk, row):
    """What the part that counts options brings."""
    if risk.switches[SCENARIO] == 1:
        return scenarios_of(holdings, terms, risk.grid, row)
    if risk.switches[STANDARD_OPTIONS] == 1:
        return options_of(holdings, terms, risk.expiries, risk.shorts, row)
    if risk.switches[VALUE_AT_RISK] == 1:
        return risk_numbers_of(holdings, terms, risk.measure, risk.multiples, row)
    if risk.switches[NETTED] == 1:
        return netted_of(holdings, terms, risk.nettings, risk.deltas, row)
    if risk.switches[DELTA_GAMMA_VEGA] == 1:
        return greeks_margin_of(holdings, terms, risk.shocks, risk.greeks, row)
    return 0.0, 0.0, 0.0, 0.0, 0.0


@kernel
def _collateral_of(holdings, terms, risk, row):
    """What coins and unrealised profit bring, and what they lose as wrong-way collateral."""
    if risk.switches[WEIGHTED_HEALTH] == 1:
        found = health_of(holdings, terms, risk.healths, risk.resting, row)
    else:
        profit = profit_of(holdings, terms, risk.credit, row)
        found = plus(coins_of(holdings, terms, row), profit)
    if risk.switches[WRONG_WAY] == 1:
        lost = wrong_way_of(holdings, terms, risk.correlation, risk.strength[0], row)
        found = plus(found, lost)
    return found


@kernel
def _least_entry(holdings, terms, caps, row):
    """Gross notional of perpetuals over the cap of leverage, quote."""
    gross = 0.0
    for m in range(terms.perps.shape[0]):
        gross += abs(holdings.perps[row, m] * terms.perps[m].lot * terms.perps[m].price)
    return gross / max(caps[0], caps[1])


@kernel
def numbers_of(holdings, terms, risk, row):
    """Five numbers of an account, quote."""
    found = _collateral_of(holdings, terms, risk, row)
    if risk.switches[FRACTIONS] == 1:
        found = plus(found, fractions_of(holdings, terms, risk.rates, risk.fractions, row))
    if risk.switches[SIZE_PREMIUM] == 1:
        found = plus(found, premium_of(holdings, terms, risk.premiums, row))
    if risk.switches[SKEW_PREMIUM] == 1:
        found = plus(found, skew_of(holdings, terms, risk.skews, row))
    if risk.switches[CLOSING_COST] == 1:
        found = plus(found, closing_of(holdings, terms, risk.closings, row))
    found = plus(found, _options_of(holdings, terms, risk, row))
    if risk.switches[LIQUIDITY] == 1:
        found = plus(found, liquidity_of(holdings, terms, risk.depths, row))
    entry, kept = risk.multiplier[0] * risk.multiplier[1], risk.multiplier[0] * risk.multiplier[2]
    asked = found[3] * entry
    if risk.caps[0] < np.inf:
        asked = max(asked, _least_entry(holdings, terms, risk.caps, row))
    return found[0], found[1], found[2], asked, found[4] * kept


@kernel
def _is_plain(risk):
    """Tell whether fractions are all that is switched on, and no leverage is capped."""
    if max(risk.caps[0], risk.caps[1]) < np.inf:
        return False
    for part in range(risk.switches.shape[0]):
        if (risk.switches[part] == 1) != (part == FRACTIONS):
            return False
    return True


@kernel(inline=False)
def _measure_plain(holdings, terms, risk, numbers):
    """Numbers of coins, profit and fractions alone: the same sums, in registers."""
    entry, kept = risk.multiplier[0] * risk.multiplier[1], risk.multiplier[0] * risk.multiplier[2]
    for row in range(numbers.shape[0]):
        found = plus(coins_of(holdings, terms, row), profit_of(holdings, terms, risk.credit, row))
        found = plus(found, fractions_of(holdings, terms, risk.rates, risk.fractions, row))
        for k in range(5):
            numbers[row, k] = found[k]
        numbers[row, 3] *= entry
        numbers[row, 4] *= kept
    return 0


@kernel(python=True)
def measure_accounts(holdings, terms, risk, numbers):
    """Write the five numbers of every account, (n_accounts, 5) float64."""
    if _is_plain(risk):
        return _measure_plain(holdings, terms, risk, numbers)
    for row in range(numbers.shape[0]):
        found = numbers_of(holdings, terms, risk, row)
        for k in range(5):
            numbers[row, k] = found[k]
    return 0
