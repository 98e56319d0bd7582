r"""Option market makers: quote around the surface by their inventory, hedge on the perpetual.

A maker quotes a bid and an ask in every series of its markets. With the mark :math:`m` of a series,
its vega :math:`\nu` and the maker's own vega :math:`V` over its limit :math:`L`, volatility is
quoted at a shift of :math:`-\kappa\, V / L` points, so that the middle of its quotes is

.. math:: m - \kappa \, \nu \, \mathrm{clamp}(V / L, -1, 1)

and the half-spread is some points of volatility times :math:`\nu`, plus a share of what its delta
costs to hedge, a number of ticks at least. On the side on which its position in a series has
reached its limit nothing is quoted, nor a side that adds vega beyond the limit of vega; a maker
whose equity has fallen to a multiple of its maintenance requirement withdraws. It renews its
quotes at intervals of its own.

When the net delta of options and of what it holds in perpetuals and coins leaves a band, a maker
trades the perpetual back to the edge of the band, or to nothing. Makers who are short of gamma sell
what falls and buy what rises: hedging feeds back into prices. They tell the surface their vega.

References
----------
Avellaneda, Stoikov (2008), doi:10.1080/14697680701381228 (quotes by inventory). Stoikov, Saglam
(2009), "Option market making under inventory risk", Review of Derivatives Research 12(1),
doi:10.1007/s11147-009-9036-3 (limits in delta and vega). Whalley, Wilmott (1997), "An asymptotic
analysis of an optimal hedging model for option pricing with transaction costs", Mathematical
Finance 7(3), doi:10.1111/1467-9965.00034 (hedging to the edge of a band).
"""

import math
from typing import Literal, NamedTuple

from crossmargin.agents.option_books import (
    Leg,
    acts_in,
    greek_of,
    linear_of,
    perpetual_of,
    send_leg,
    unit_vega,
    whole_lots,
)
from crossmargin.agents.quoting import Wanted, renew
from crossmargin.agents.taking import wakes
from crossmargin.model.inbox import arrival
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import DISCRETIONARY, MARGIN_CALL, POST_ONLY, REFILL
from crossmargin.model.traits import Distribution, trait

PHASE = "decisions"
#: They trade all their series, and the hedge, from one account.
CROSS_ONLY = TRADES_OPTIONS = True
TO_EDGE, TO_NOTHING = range(2)


class Parameters(Numbers):
    """What all makers of the population share."""

    spread: float = number(
        0.01, "points of volatility", low=0, high=5, source="default of its own", doc="Half-spread."
    )
    delta_cost: float = number(
        0.0005, "fraction of the index", low=0, high=0.1, doc="Of hedging a delta of one."
    )
    least_ticks: float = number(1.0, "ticks", low=0.5, high=1000, doc="Least half-spread.")
    skew: float = number(
        0.05, "points of volatility", low=0, high=5, doc="Quoted lower at its limit of vega."
    )
    tolerance: float = number(
        0.5, "half-spreads", low=0, high=10, doc="An order is moved when it is further off."
    )
    refill: float = number(
        0.5, "share of the size", above=0, high=1, doc="An order is renewed with less left."
    )
    hedge: Literal["on", "off"] = number("on", "choice", doc="Of the delta, on the perpetual.")
    hedge_to: Literal["edge", "nothing"] = number(
        "nothing", "choice", doc="Where a hedge ends: at the edge of the band, or flat."
    )
    hedge_slippage: float = number(
        0.01, "fraction of the mark", low=0, high=1, doc="Worst price of a hedge."
    )
    risk_limit: float = number(
        1.5, "multiple of maintenance", low=0, high=100, doc="It withdraws below this health."
    )


class Traits(Numbers):
    """What each maker draws for itself."""

    size: Distribution = trait({"lognormal": [5.0, 0.3]}, "units", doc="Of a quote in each series.")
    position_limit: Distribution = trait(
        {"lognormal": [50.0, 0.3]}, "units", doc="Of a series, beyond which one side is quoted."
    )
    vega_limit: Distribution = trait(
        {"lognormal": [5e5, 0.3]}, "quote per 1.00 of volatility", doc="Of all options."
    )
    band: Distribution = trait(
        {"lognormal": [1.0, 0.3]}, "units of the underlying", doc="Net delta that it bears."
    )
    interval: Distribution = trait({"lognormal": [20.0, 0.3]}, "s", doc="Between two renewals.")
    hedge_interval: Distribution = trait(
        {"lognormal": [10.0, 0.3]}, "s", doc="Between two looks at its delta."
    )
    latency: Distribution = trait({"uniform": [0.05, 0.5]}, "s", doc="From decision to arrival.")


P, T = slots(Parameters), slots(Traits)

#: Places in memory: step of the next renewal, and of the next look at the delta.
RENEWAL, LOOK = 0, 1


class Stance(NamedTuple):
    """What a maker knows when it quotes: vega over its limit by sign, moment of arrival."""

    pressure: float
    moment: int
    is_out: bool


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles a maker needs: a bid and an ask a market."""
    return 2 * n_markets


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages that a maker sends in a step: each handle, and a hedge an underlying."""
    return 3 * n_markets


@kernel
def is_out(state, part, row):
    """Tell whether a maker quotes nothing: its state, or its health."""
    account = state.ledger.accounts[row]
    if account.state > MARGIN_CALL:
        return True
    return account.maintenance_equity < (
        state.params[part, P.risk_limit] * account.maintenance_requirement
    )


@kernel
def vega_pressure(state, row, underlying):
    """Vega of a maker over its limit, between -1 and 1."""
    limit = state.crowd.traits[row, T.vega_limit]
    vega = greek_of(state, row, underlying, 2)
    return max(-1.0, min(vega / limit, 1.0)) if limit > 0.0 else 0.0


@kernel
def middle_and_half(state, part, i, pressure):
    """Middle of a maker's quotes in a series, and half their distance, half ticks."""
    m, numbers = state.ledger.markets[state.options.markets[i]], state.params[part]
    vega = unit_vega(state, i)
    delta = abs(state.options.greeks[i, 0]) / state.options.series[i].lot
    half = numbers[P.spread] * vega + numbers[P.delta_cost] * delta * m.index
    return m.mark - numbers[P.skew] * pressure * vega, max(half, 2.0 * numbers[P.least_ticks])


@kernel
def quote_tick(middle, half, side):
    """Tick of a quote, at or beyond its distance from the middle; 0 for none."""
    if side > 0:
        return max(0, to_units(max(0.0, 0.5 * (middle - half))))
    return max(1, to_units(math.ceil(max(0.0, 0.5 * (middle + half)))))


@kernel
def quote_lots(state, row, i, side, stance):
    """Lots that a side of a series should show."""
    market, lot = state.options.markets[i], state.options.series[i].lot
    traits, held = state.crowd.traits[row], state.ledger.lots[row, state.options.markets[i]]
    if stance.is_out or state.ledger.markets[market].halted_until > state.clock[0].step:
        return 0
    is_closing = held * side < 0
    if side * stance.pressure >= 1.0 and not is_closing:  # a purchase adds vega
        return 0
    room = traits[T.position_limit] / lot - side * held
    return max(0, min(whole_lots(traits[T.size], lot), to_units(max(0.0, room))))


@kernel
def quote_series(state, part, row, i, stance):
    """Renew both sides of a series; returns messages sent."""
    market, params = int(state.options.markets[i]), state.params[part]
    middle, half = middle_and_half(state, part, i, stance.pressure)
    best, place, sent = state.book.ladders[market].best, place_of(state, part, row, market), 0
    for k in range(2):
        side = 1 - 2 * k
        tick = quote_tick(middle, half, side)
        tick = min(tick, best[1] - 1) if side > 0 else max(tick, best[0] + 1)
        lots = quote_lots(state, row, i, side, stance) if tick > 0 else 0
        slack = 0.5 * params[P.tolerance] * half
        order = (market, side, tick, lots, POST_ONLY)
        moments = (stance.moment, stance.moment)
        sent += renew(
            state, row, place + k, Wanted(*order, slack, params[P.refill], *moments, REFILL)
        )
    return sent


@kernel
def place_of(state, part, row, market):
    """First of the handles of a maker in a market."""
    p, before = state.parts[part], 0
    for m in range(market):
        before += acts_in(state, part, m)
    return p.first_slot + (row - p.first) * p.slots + 2 * before


@kernel
def hedge(state, part, row, underlying):
    """Bring the net delta back when it has left the band; returns messages sent."""
    market = perpetual_of(state, part, underlying)
    if market < 0 or state.params[part, P.hedge] != 0.0:
        return 0
    m, params = state.ledger.markets[market], state.params[part]
    net = greek_of(state, row, underlying, 0) + linear_of(state, row, underlying)
    band = state.crowd.traits[row, T.band]
    if abs(net) <= band:
        return 0
    wanted = math.copysign(band, net) if params[P.hedge_to] == TO_EDGE else 0.0
    lots = whole_lots(wanted - net, m.lot)
    side = 1.0 if lots > 0 else -1.0
    worst = m.mark * (1.0 + side * params[P.hedge_slippage])
    latency = state.crowd.traits[row, T.latency]
    return send_leg(state, row, Leg(market, lots, worst, latency, DISCRETIONARY))


@kernel
def tell_vega(state, part, row):
    """Add a maker's vega to what the surfaces are told in this block."""
    options = state.options
    for i in range(options.series.shape[0]):
        vega = state.ledger.lots[row, options.markets[i]] * options.greeks[i, 2]
        options.expiries[options.series[i].expiry].vega += vega
    return 0


@kernel
def quote_all(state, part, row, stance_out):
    """Renew the quotes of a maker in all its series; returns messages sent."""
    options, clock, sent = state.options, state.clock[0], 0
    moment = arrival(0.0, state.crowd.traits[row, T.latency], clock.block_seconds)
    last, pressure = -1, 0.0
    for i in range(options.series.shape[0]):
        is_alive = options.expiries[options.series[i].expiry].settled == 0
        if is_alive and acts_in(state, part, options.markets[i]):
            if options.series[i].underlying != last:
                last = options.series[i].underlying
                pressure = vega_pressure(state, row, last)
            sent += quote_series(state, part, row, i, Stance(pressure, moment, stance_out))
    return sent


@kernel
def act(state, part, row):
    """Let one maker hedge and renew its quotes; returns messages sent."""
    memory, traits, block = state.crowd.memory[row], state.crowd.traits[row], state.clock[0].step
    is_again, sent = state.parts[part].after_forced == 1, 0
    if not is_again:
        tell_vega(state, part, row)
    if not is_again and wakes(state, row, LOOK, traits[T.hedge_interval]):
        for u in range(state.options.surfaces.shape[0]):
            sent += hedge(state, part, row, u)
    away = is_out(state, part, row)
    if is_again or away or memory[RENEWAL] <= block:
        memory[RENEWAL] = block + max(1.0, traits[T.interval] / state.clock[0].block_seconds)
        sent += quote_all(state, part, row, away)
    return sent


@kernel
def decide(state, part, step):
    """Let every maker of the population hedge and quote; returns messages sent."""
    first, sent = state.parts[part].first, 0
    for row in range(first, first + state.parts[part].count):
        sent += act(state, part, row)
    return sent


KERNEL = decide
