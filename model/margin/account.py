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
from crossmargin.model.margin.fractions import FRACTION, RATES, fractions_of
from crossmargin.model.margin.liquidity import DEPTH, liquidity_of
from crossmargin.model.margin.scenario import UNIT, Grid, scenarios_of
from crossmargin.model.margin.size_premium import PREMIUM, premium_of
from crossmargin.model.margin.skew_premium import SKEW, skew_of
from crossmargin.model.margin.span import CREDIT as SPREADS
from crossmargin.model.margin.standard_options import EXPIRY, SHORT_RULE, options_of
from crossmargin.model.margin.value_at_risk import Measure, risk_numbers_of
from crossmargin.model.margin.weights import coins_of
from crossmargin.model.state import Array

#: Places of the switches; coins and unrealised profit are always counted.
PARTS = (
    "fractions",
    "size_premium",
    "skew_premium",
    "closing_cost",
    "standard_options",
    "scenario",
    "value_at_risk",
    "liquidity",
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
) = range(len(PARTS))


class Risk(NamedTuple):
    """A risk model for all accounts of a venue."""

    switches: Array  # (n_parts,) int64, 1 where the venue has the part
    multiplier: Array  # (1,) float64, of all requirements
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
        multiplier=np.ones(1),
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
    return 0.0, 0.0, 0.0, 0.0, 0.0


@kernel
def numbers_of(holdings, terms, risk, row):
    """Five numbers of an account, quote."""
    found = plus(
        coins_of(holdings, terms, row),
        profit_of(holdings, terms, risk.credit, row),
    )
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
    times = risk.multiplier[0]
    return found[0], found[1], found[2], found[3] * times, found[4] * times


@kernel
def _is_plain(risk):
    """Tell whether fractions are all that is switched on."""
    for part in range(risk.switches.shape[0]):
        if (risk.switches[part] == 1) != (part == FRACTIONS):
            return False
    return True


@kernel(inline=False)
def _measure_plain(holdings, terms, risk, numbers):
    """Numbers of coins, profit and fractions alone: the same sums, in registers."""
    times = risk.multiplier[0]
    for row in range(numbers.shape[0]):
        found = plus(coins_of(holdings, terms, row), profit_of(holdings, terms, risk.credit, row))
        found = plus(found, fractions_of(holdings, terms, risk.rates, risk.fractions, row))
        for k in range(5):
            numbers[row, k] = found[k]
        numbers[row, 3] *= times
        numbers[row, 4] *= times
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
