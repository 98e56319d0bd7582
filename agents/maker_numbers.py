"""Numbers of the market makers, and what follows from them: spread, inventory, capital."""

import math

from crossmargin.agents.quoting import (
    fair_half,
    optimal_spread,
    order_margin,
    reservation_shift,
    unordered_margin,
    whole_units,
)
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.margin.numbers import health
from crossmargin.model.markets import YEAR, acts_on
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.traits import Distribution, trait

_PAPER = "Avellaneda, Stoikov (2008), doi:10.1080/14697680701381228"


class Parameters(Numbers):
    """How makers of a population quote."""

    depth: float = number(
        100_000.0, "quote", above=0, doc="Notional shown on each side of each market, all levels."
    )
    levels: int = number(3, "levels a side", low=1, high=8)
    growth: float = number(1.5, "ratio", above=0, high=10, doc="Size of a level over the last.")
    spacing: float = number(1.0, "half-spreads", low=0, high=100, doc="Between two levels.")
    base_half_spread: float = number(
        0.0005, "fraction of the price", above=0, high=0.5, source=_PAPER, doc="The paper's 1/k."
    )
    skew: float = number(
        2.0,
        "base half-spreads",
        low=0,
        high=1000,
        doc="Shift of the reservation price at the inventory limit in calm volatility.",
    )
    horizon: float = number(60.0, "s", above=0, source=_PAPER, doc="The paper's T - t.")
    calm_volatility: float = number(0.6, "per root year", above=0, high=100)
    volatility_floor: float = number(0.3, "per root year", above=0, high=100)
    index_weight: float = number(
        0.5, "share", low=0, high=1, doc="Of the index in the fair price; the rest is the mid."
    )
    inventory_limit: float = number(
        5.0, "depths", above=0, high=1000, doc="Beyond it one side is quoted."
    )
    inventory_stop: float = number(
        1.15, "inventory limits", low=1, high=1000, doc="Beyond it the maker withdraws."
    )
    volatility_stop: float = number(
        8.0, "calm volatilities", above=0, doc="Beyond it the maker withdraws."
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
    post_only: bool = number(True, "yes or no", doc="Never take; slide to the best price instead.")


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
    seen = state.outside.references[state.ledger.markets[market].underlying].volatility
    return max(seen, state.params[part, P.volatility_floor] / math.sqrt(YEAR))


@kernel
def full_units(state, part, row):
    """Depth of a maker, quote units."""
    depth = state.params[part, P.depth] * state.crowd.traits[row, T.size]
    return depth * whole_units(state.ledger)


@kernel
def inventory_lots(state, row, market):
    """Position less what counts as neutral, lots: nothing, or the coins held at the start."""
    return state.ledger.lots[row, market] + state.crowd.outside_lots[row, market]


@kernel
def inventory_pressure(state, part, row, market):
    """Signed inventory over its limit."""
    fair = fair_half(state, market, state.params[part, P.index_weight])
    limit = state.params[part, P.inventory_limit] * full_units(state, part, row)
    lots = inventory_lots(state, row, market)
    return lots * fair * state.ledger.markets[market].half_unit / limit


@kernel
def spread_and_shift(params, pressure, sigma, aversion, block_seconds):
    """Half-spread and shift of the reservation price, both in base half-spreads."""
    clips = params[P.inventory_limit] * params[P.levels]
    base = params[P.base_half_spread]
    calm = params[P.calm_volatility] / math.sqrt(YEAR) / base
    gamma = params[P.skew] * aversion / (clips * calm * calm * params[P.horizon])
    variance = (sigma / base) ** 2 * max(params[P.horizon], block_seconds)
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
def is_low(state, part, row):
    """Tell whether a maker's health is too low to add to its positions."""
    return health(state.ledger.accounts[row]) < state.params[part, P.health_stop]


@kernel
def capital_share(state, part, row):
    """Share of its depth that a maker can afford on one side of all its markets at once."""
    full = full_units(state, part, row)
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


@kernel
def strain(state, part, row):
    """Largest inventory over limit, and largest volatility over calm, of a maker's markets."""
    inventory, sigma = 0.0, 0.0
    for m in range(state.ledger.markets.shape[0]):
        if acts_on(state, part, m):
            inventory = max(inventory, abs(inventory_pressure(state, part, row, m)))
            sigma = max(sigma, volatility(state, part, m))
    return inventory, sigma * math.sqrt(YEAR) / state.params[part, P.calm_volatility]
