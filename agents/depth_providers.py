r"""Resting liquidity given by its shape: a level at a distance, which refills when it is taken.

A curve of depth says how much rests within which distance of the mid, not who put it there. Each
agent stands for one level of it on both sides of one market: a bid and an ask, each with a distance
and a size in base. Of what was taken from a side, :math:`u` is still missing after :math:`t`
seconds,

.. math:: u(t) = u(0) \, 2^{-t / h}

with the half-life :math:`h`, and the side is renewed in pieces of at least `grain` of its size. The
levels follow a blend of mid and index, lean against the position that they have taken, and on the
side on which that position has reached its limit nothing is quoted. Coins held at the start are
neutral, and no more is offered than is held. An order that the venue refuses or cancels counts as
taken.

With several markets agent number i acts in market i modulo their number.

References
----------
Large (2007), "Measuring the resiliency of an electronic limit order book", Journal of Financial
Markets 10(1), doi:10.1016/j.finmar.2006.09.001 (what is a half-life of depth).
"""

import math
from typing import NamedTuple

import numpy as np

from crossmargin.agents.acting import market_at, n_markets_of
from crossmargin.agents.quoting import Wanted, renew
from crossmargin.model.draws import ARRIVE, uniforms
from crossmargin.model.inbox import arrival
from crossmargin.model.integers import to_units, to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import MARGIN_CALL, POST_ONLY, REFILL, SPOT
from crossmargin.model.trading import SLOTS as HANDLE_SLOTS
from crossmargin.model.trading import is_live
from crossmargin.model.traits import Distribution, trait

PHASE = "decisions"


class Parameters(Numbers):
    """What all levels share."""

    half_life: float = number(
        20.0,
        "s",
        low=0,
        high=1e7,
        source="Large (2007): some 20 s, where the book of a share of the LSE recovered",
        doc="Until half of what was taken is back; 0: in the next block.",
    )
    index_weight: float = number(
        0.5, "share", low=0, high=1, doc="Of the index in the price they follow; the rest: the mid."
    )
    tolerance: float = number(
        0.25, "distances", low=0, high=1, doc="An order is moved when it is further off."
    )
    grain: float = number(
        0.1, "share of the size", above=0, high=1, doc="Least piece in which a side comes back."
    )
    skew: float = number(
        0.5, "distances", low=0, high=100, doc="By which it leans at the limit of its position."
    )
    inventory_limit: float = number(
        3.0, "sizes", above=0, high=1e6, doc="Position beyond which one side is quoted."
    )
    latency: float = number(
        0.2, "s", low=0, high=3600, doc="From decision to the earliest arrival."
    )


class Traits(Numbers):
    """The level of each agent."""

    bid_distance: Distribution = trait(
        {"lognormal": [0.002, 1.0]}, "fraction of the price", doc="Of its bid below the price."
    )
    bid_size: Distribution = trait({"lognormal": [1.0, 1.0]}, "base", doc="Of its whole bid.")
    ask_distance: Distribution = trait(
        {"lognormal": [0.002, 1.0]}, "fraction of the price", doc="Of its ask above the price."
    )
    ask_size: Distribution = trait({"lognormal": [1.0, 1.0]}, "base", doc="Of its whole ask.")


P, T = slots(Parameters), slots(Traits)

#: Places in memory, bid and ask: lots that are missing, and lots that stood after the last look.
MISSING, STANDING = 0, 2
#: Roundings of a distance are smaller than this, fraction of a price in ticks.
DUST = 1e-9


class Side(NamedTuple):
    """One side of the level of an agent; prices in half ticks."""

    market: int
    side: int  # +1 bid, -1 ask
    place: int  # of its handle
    centre: float
    distance: float
    size: int  # lots
    moment: int  # of arrival


#: An agent acts in one of these markets, by its place in the population.
ONE_MARKET = "any"


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles an agent needs: a bid and an ask."""
    return 2


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages an agent sends in a step: one a side."""
    return 2


@kernel(python=True)
def level_tick(centre, distance, side):
    """Tick of a level: the last one that lies within a distance of a price in half ticks."""
    exact = 0.5 * centre * (1.0 - side * distance)
    dust = DUST * exact
    tick = math.ceil(exact - dust) if side > 0 else math.floor(exact + dust)
    return np.int64(tick)


@kernel
def lots_of(base, lot):
    """Nearest whole number of lots of a base quantity."""
    return to_units(base / lot + 0.5)


@kernel
def market_of(state, part, row):
    """The market in which an agent acts."""
    only, n = np.int64(state.ledger.accounts[row].only_market), state.ledger.markets.shape[0]
    mask = state.parts[part].markets
    place = np.int64(state.ledger.accounts[row].index) % max(1, n_markets_of(mask, n))
    return only if only >= 0 else market_at(mask, n, place)


@kernel
def pressure_of(state, part, row, market):
    """Signed position over its limit: what a bid took counts in sizes of bids, an ask likewise."""
    lots = state.ledger.lots[row, market] + state.crowd.outside_lots[row, market]
    size = state.crowd.traits[row, T.bid_size if lots > 0 else T.ask_size]
    limit = state.params[part, P.inventory_limit] * size / state.ledger.markets[market].lot
    if lots == 0:
        return 0.0
    return lots / limit if limit > 0.0 else math.copysign(1.0, lots)


@kernel
def resting_lots(state, row, place):
    """Lots of the order that a handle names, 0 when it is gone."""
    handle = state.crowd.handles[place]
    if not is_live(state.book, handle, row):
        return 0
    return np.int64(state.book.orders[handle & (HANDLE_SLOTS - 1)].quantity)


@kernel
def missing_now(state, part, row, quote):
    """Lots that are still missing from a side: what was taken is added, time takes it away."""
    memory, k = state.crowd.memory[row], 0 if quote.side > 0 else 1
    left = resting_lots(state, row, quote.place)
    memory[MISSING + k] += max(0.0, memory[STANDING + k] - left)
    half_life = state.params[part, P.half_life]
    kept = 2.0 ** (-state.clock[0].block_seconds / half_life) if half_life > 0.0 else 0.0
    memory[MISSING + k] *= kept
    return min(memory[MISSING + k], float(quote.size))


@kernel
def fair_half(state, market, index_weight):
    """Blend of index and mid, half ticks; the one that exists, or 0 with neither."""
    index, mid = state.ledger.markets[market].index, state.book.ladders[market].mid
    if index <= 0 or mid <= 0:
        return float(max(index, mid, 0))
    return index_weight * index + (1.0 - index_weight) * mid


@kernel
def wanted_lots(state, part, row, quote):
    """Lots that should rest on a side now."""
    lots = max(0, quote.size - to_units_up(missing_now(state, part, row, quote) - 0.5))
    if state.ledger.markets[quote.market].kind == SPOT and quote.side < 0:
        lots = min(lots, state.ledger.lots[row, quote.market])
    is_full = pressure_of(state, part, row, quote.market) * quote.side >= 1.0
    return 0 if is_full else lots


@kernel
def quote_side(state, part, row, quote):
    """Renew one side; returns messages sent."""
    best, params = state.book.ladders[quote.market].best, state.params[part]
    tick = level_tick(quote.centre, quote.distance, quote.side)
    tick = min(tick, best[1] - 1) if quote.side > 0 else max(tick, best[0] + 1)
    lots = wanted_lots(state, part, row, quote) if tick > 0 else 0
    slack = 0.5 * params[P.tolerance] * quote.distance * quote.centre
    order = (quote.market, quote.side, tick, lots, POST_ONLY)
    want = Wanted(*order, slack, 1.0 - params[P.grain], quote.moment, quote.moment, REFILL)
    sent = renew(state, row, quote.place, want)
    k = 0 if quote.side > 0 else 1
    stands = lots if sent > 0 else resting_lots(state, row, quote.place)
    state.crowd.memory[row, STANDING + k] = float(stands)
    return sent


@kernel
def side_of(state, row, quote, side):
    """The other numbers of a side, from the traits of its agent."""
    traits, lot = state.crowd.traits[row], state.ledger.markets[quote.market].lot
    distance = traits[T.bid_distance] if side > 0 else traits[T.ask_distance]
    size = lots_of(traits[T.bid_size] if side > 0 else traits[T.ask_size], lot)
    place = quote.place + (0 if side > 0 else 1)
    return Side(quote.market, side, place, quote.centre, distance, size, quote.moment)


@kernel
def act(state, part, row, step):
    """Let one agent renew its level; returns messages sent."""
    market = int(market_of(state, part, row))
    fair = fair_half(state, market, state.params[part, P.index_weight]) if market >= 0 else 0.0
    if fair <= 0.0 or state.ledger.markets[market].halted_until > step:
        return 0
    if step == 0 and state.ledger.markets[market].kind == SPOT:
        state.crowd.outside_lots[row, market] = -state.ledger.lots[row, market]
    pressure = max(-1.0, min(1.0, pressure_of(state, part, row, market)))
    traits, clock = state.crowd.traits[row], state.clock[0]
    nearest = min(traits[T.bid_distance], traits[T.ask_distance])
    centre = fair * (1.0 - state.params[part, P.skew] * pressure * nearest)
    place = state.parts[part].first_slot + (row - state.parts[part].first) * 2
    uniform = uniforms(clock.seed, state.ledger.accounts[row].key, ARRIVE, step, 0)[0]
    moment = arrival(uniform, state.params[part, P.latency], clock.block_seconds)
    level = Side(market, 1, place, centre, 0.0, 0, moment)
    sent = quote_side(state, part, row, side_of(state, row, level, 1))
    return sent + quote_side(state, part, row, side_of(state, row, level, -1))


@kernel
def decide(state, part, step):
    """Let every agent renew its level; returns messages sent."""
    first = state.parts[part].first
    sent = 0
    for row in range(first, first + state.parts[part].count):
        if state.ledger.accounts[row].state <= MARGIN_CALL:
            sent += act(state, part, row, step)
    return sent


KERNEL = decide
