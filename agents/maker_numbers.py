"""Numbers of the market makers, and what follows from them: spread, inventory, capital."""

import math
from typing import Literal

import numpy as np

from crossmargin.agents.quoting import (
    optimal_spread,
    order_margin,
    reservation_shift,
    unordered_margin,
    whole_units,
)
from crossmargin.agents.watching import (
    basis_of,
    exposure_variance,
    held_units,
    volatility_of,
)
from crossmargin.model.draws import normal
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.margin.numbers import health
from crossmargin.model.markets import YEAR, acts_on
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.traits import Distribution, trait

OUTSIDE, INDEX = range(2)
RISK_METRICS = "RiskMetrics Technical Document (1996)"


class Parameters(Numbers):
    """How makers of a population quote."""

    depth: float = number(
        100_000.0, "quote", above=0, doc="Notional shown on each side of each market, all levels."
    )
    levels: int = number(3, "levels a side", low=1, high=8)
    growth: float = number(1.5, "ratio", above=0, high=10, doc="Size of a level over the last.")
    spacing: float = number(
        1.0, "half-spreads", low=0, high=100, doc="Between the first two levels."
    )
    stretch: float = number(
        2.0, "ratio", low=1, high=10, doc="Distance between two levels over that of the last two."
    )
    base_half_spread: float = number(
        0.0001,
        "fraction of the price",
        above=0,
        high=0.5,
        source="spread in proportion to volatility: Wyart et al. (2008), "
        "doi:10.1080/14697680701344515",
        doc="The paper's 1/k in calm volatility; it grows as volatility does.",
    )
    skew: float = number(
        60.0,
        "base half-spreads",
        low=0,
        high=1000,
        source="pressure of dealers' inventory on prices lasts a day and is of the order of daily "
        "volatility: Hendershott, Menkveld (2014), doi:10.1016/j.jfineco.2014.08.001",
        doc="Shift of the reservation price at the inventory limit: of all defaults together a "
        "fifth of a day's standard deviation.",
    )
    calm_volatility: float = number(0.6, "per root year", above=0, high=100)
    volatility_floor: float = number(0.3, "per root year", above=0, high=100)
    anchor: Literal["outside", "index"] = number(
        "outside",
        "price",
        doc="What quotes follow: the price outside, or what the venue publishes.",
    )
    anchor_weight: float = number(
        0.2, "share", low=0, high=1, doc="Of the basis between mid and anchor, left out."
    )
    basis_half_life: float = number(
        300.0, "s", above=0, high=1e6, doc="Of the mean basis on which quotes are centred."
    )
    volatility_half_life: float = number(
        900.0, "s", above=0, high=1e6, source=RISK_METRICS, doc="Of the squared returns it sees."
    )
    inventory_limit: float = number(
        5.0, "depths", above=0, high=1000, doc="Beyond it one side is quoted."
    )
    confidence: float = number(
        0.99,
        "probability",
        low=0.5,
        high=0.99999,
        source="Basel Committee (1996), Amendment to the capital accord for market risks",
        doc="Of the value at risk.",
    )
    risk_horizon: float = number(
        86400.0, "s", above=0, high=1e7, source=RISK_METRICS, doc="Of the value at risk."
    )
    risk_limit: float = number(
        0.1,
        "share of equity",
        above=0,
        high=1000,
        source="equity follows value at risk: Adrian, Shin (2014), doi:10.1093/rfs/hht068; "
        "the level is a default of its own",
        doc="Value at risk of all holdings at which it withdraws from every market.",
    )
    risk_widening: float = number(
        1.0, "spreads", low=0, high=100, doc="Added to every spread when risk is at its limit."
    )
    health_stop: float = number(
        2.0, "maintenance requirements", low=1, doc="Below this health the maker withdraws."
    )
    capital_share: float = number(
        0.8, "share of free margin", above=0, high=1, doc="That quotes of one side may use."
    )
    pause: float = number(300.0, "s", low=0, doc="Between withdrawing and quoting again.")
    tolerance: float = number(
        0.25, "half-spreads", low=0, high=1, doc="A quote is moved when it is further off."
    )
    refill: float = number(
        0.8, "share", low=0, high=1, doc="A quote is renewed when less of its size is left."
    )
    refresh: float = number(
        0.0,
        "s",
        low=0,
        high=86400,
        source="half-lives of depth of some 20 s: Large (2007), doi:10.1016/j.finmar.2006.09.001",
        doc="Mean time between two looks at its quotes, so how fast depth comes back; 0: a look a "
        "block, whatever its length.",
    )
    patience: float = number(
        2.0,
        "s",
        low=0,
        high=3600,
        doc="Quotes that improve arrive so much later than those that retreat.",
    )
    take_beyond: float = number(
        0.0003,
        "fraction of the price",
        low=0,
        high=1,
        source="a taker fee of 0.017% to 0.025% for the largest clients (venues' fee tables)",
        doc="It takes orders left behind by more, and slides behind others; 1 never takes.",
    )


class Traits(Numbers):
    """How makers of a population differ."""

    size: Distribution = trait({"lognormal": [1.0, 0.3]}, "multiple of depth")
    aversion: Distribution = trait({"lognormal": [1.0, 0.3]}, "multiple of skew")
    latency: Distribution = trait({"exponential": 0.5}, "s", doc="From decision to arrival.")


P = slots(Parameters)
T = slots(Traits)


@kernel
def volatility(state, part, market):
    """Relative volatility per root second, floored."""
    params, underlying = state.params[part], state.ledger.markets[market].underlying
    seen = volatility_of(state, np.int64(underlying), params[P.volatility_half_life])
    return max(seen, params[P.volatility_floor] / math.sqrt(YEAR))


@kernel
def anchor_line(state, part, market):
    """Line of the trail that quotes in a market follow."""
    if state.params[part, P.anchor] == OUTSIDE:
        return np.int64(state.ledger.markets[market].underlying)
    return np.int64(state.outside.references.shape[0] + state.ledger.markets.shape[0] + market)


@kernel
def fair_half(state, part, market):
    """Outside price, or index, with the mean basis of a market, half ticks; 0 without a price."""
    params, m = state.params[part], state.ledger.markets[market]
    line = anchor_line(state, part, market)
    carried, basis = 1.0 - params[P.anchor_weight], 0.0
    if carried > 0.0:
        basis = carried * basis_of(state, part, market, line, params[P.basis_half_life])
    if params[P.anchor] == OUTSIDE:
        return 2.0 * state.outside.references[m.underlying].price * math.exp(basis) / m.tick
    return m.index * math.exp(basis)


@kernel
def full_units(state, part, row):
    """Depth of a maker, quote units."""
    depth = state.params[part, P.depth] * state.crowd.traits[row, T.size]
    return depth * whole_units(state.ledger)


@kernel
def inventory_pressure(state, part, row, market):
    """Signed inventory over its limit."""
    limit = state.params[part, P.inventory_limit] * full_units(state, part, row)
    return held_units(state, row, market) / limit


@kernel
def base_unit(params, sigma):
    """Base half-spread in a volatility, fraction of the price."""
    return params[P.base_half_spread] * sigma * math.sqrt(YEAR) / params[P.calm_volatility]


@kernel
def spread_and_shift(params, pressure, aversion):
    """Half-spread and shift of the reservation price, both in base half-spreads."""
    clips = params[P.inventory_limit] * params[P.levels]
    variance = (params[P.calm_volatility] / math.sqrt(YEAR) / params[P.base_half_spread]) ** 2
    gamma = params[P.skew] * aversion / (clips * variance)
    half_spread = 0.5 * optimal_spread(gamma, variance, 1.0)
    return half_spread, reservation_shift(pressure * clips, gamma, variance)


@kernel
def is_looking(state, part, uniform):
    """Tell whether a maker looks at its quotes: a Poisson process seen once a block or round."""
    mean, seconds = state.params[part, P.refresh], state.clock[0].block_seconds
    if mean <= 0.0:
        return True
    if state.parts[part].after_forced != 0:
        seconds /= max(1, state.ledger.venue[0].rounds)
    return uniform < -math.expm1(-seconds / mean)


@kernel
def value_at_risk(state, part, row, units):
    """Value at risk of what an account holds, or of `units` in all its markets, quote units."""
    params = state.params[part]
    variance = exposure_variance(state, part, row, units, params[P.volatility_half_life])
    return normal(params[P.confidence]) * math.sqrt(variance * params[P.risk_horizon])


@kernel
def risk_room(state, part, row, full):
    """Value at risk over its limit, and the share of `full` that leaves it within the limit.

    Value at risk is subadditive: were all quotes of one side filled in every market, the limit
    would still hold.
    """
    equity = state.ledger.accounts[row].equity
    limit = state.params[part, P.risk_limit] * max(1, equity)
    held = value_at_risk(state, part, row, 0.0)
    added = value_at_risk(state, part, row, full)
    if held >= limit:
        return held / limit, 0.0
    return held / limit, min(1.0, (limit - held) / added) if added > 0.0 else 1.0


@kernel
def is_low(state, part, row):
    """Tell whether a maker's health is too low to add to its positions."""
    return health(state.ledger.accounts[row]) < state.params[part, P.health_stop]


@kernel
def capital_share(state, part, row, full):
    """Share of its depth whose margin a maker can afford on one side of all its markets at once."""
    needed = 0.0
    for m in range(state.ledger.markets.shape[0]):
        if acts_on(state, part, m):
            needed += order_margin(state.ledger, m, to_units(full))
    free = state.params[part, P.capital_share] * unordered_margin(state.ledger, row)
    if is_low(state, part, row):
        return 0.0
    if needed <= 0.0:
        return 1.0
    return max(0.0, min(1.0, free / needed))
