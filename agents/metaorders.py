r"""Investors who buy or sell more than the book holds, in slices, at random times.

Each investor waits, then draws a side, a notional and a duration and sends an equal slice of what
is left in every block until the end, whatever the price does. It knows neither the book nor its
own impact, so how the price answers to size is a result of the market. Notional :math:`Q` has the
truncated Pareto law

.. math:: P(Q > q) = \frac{q^{-\alpha} - q_1^{-\alpha}}{q_0^{-\alpha} - q_1^{-\alpha}}

which is log-uniform at :math:`\alpha = 0`; the duration is log-uniform. An investor who makes round
trips closes with every second order what the one before it opened. With :math:`\alpha` about
1.5 the signs of the slices have the long memory that is seen in order flow, with exponent
:math:`\alpha - 1`.

References
----------
Lillo, Mike, Farmer (2005), "Theory for long memory in supply and demand", Physical Review E 71,
066122, doi:10.1103/PhysRevE.71.066122.
"""

import math

import numpy as np

from crossmargin.agents.acting import market_at, mid_of, n_markets_of, take_at_once
from crossmargin.agents.quoting import whole_units
from crossmargin.model.contracts import lot_notional
from crossmargin.model.draws import DECIDE, exponential, uniforms
from crossmargin.model.inbox import arrival
from crossmargin.model.kernel import kernel
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import CLOSED, MARGIN_CALL
from crossmargin.model.traits import Distribution, trait


class Parameters(Numbers):
    """What all investors of the population share."""

    smallest: float = number(1e4, "quote", above=0, high=1e12, doc="Least notional of an order.")
    largest: float = number(1e6, "quote", above=0, high=1e12, doc="Most notional of an order.")
    tail: float = number(
        1.5,
        "exponent",
        low=0,
        high=10,
        source="Lillo, Mike, Farmer 2005: 1.59 for off-book trades of the LSE",
        doc="Of the distribution of notional; 0 is log-uniform.",
    )
    shortest: float = number(300.0, "s", above=0, high=1e7, doc="Least time of execution.")
    longest: float = number(3600.0, "s", above=0, high=1e7, doc="Most time of execution.")
    rest: float = number(
        0.0, "s", low=0, high=1e7, doc="From the end of an order to the earliest next."
    )
    is_round_trip: int = number(
        0,
        "0 or 1",
        low=0,
        high=1,
        doc="Whether an investor with a position closes it with its next order.",
    )
    slippage: float = number(
        0.05, "fraction of the mid", low=0, high=1, doc="Worst price a slice accepts."
    )
    latency: float = number(
        0.2, "seconds", low=0, high=3600, doc="From decision to the earliest arrival."
    )


class Traits(Numbers):
    """What each investor draws for itself."""

    interval: Distribution = trait(
        14400.0, "seconds", doc="Mean time between the end of an order and the next, after `rest`."
    )


P, T = slots(Parameters), slots(Traits)

#: Places in memory: lots left to send (signed), steps of the last slice and of the next order, and
#: the market of the order.
LEFT, LAST, NEXT, MARKET = range(4)


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles an agent needs: none, its orders do not rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages an agent sends in a step."""
    return 1


@kernel
def own_draws(state, row, step, block):
    """Four uniforms of an investor in a step."""
    return uniforms(state.clock[0].seed, state.ledger.accounts[row].key, DECIDE, step, block)


@kernel
def between(uniform, low, high, tail):
    """Draw of a Pareto law between two values; log-uniform when the tail is 0."""
    if tail == 0.0:
        return low * math.exp(uniform * math.log(high / low))
    return low * (1.0 - uniform * (1.0 - (low / high) ** tail)) ** (-1.0 / tail)


@kernel
def next_start(state, part, row, step, uniform):
    """Step at which the next order begins."""
    rest = state.params[part, P.rest]
    seconds = rest + state.crowd.traits[row, T.interval] * exponential(uniform)
    return step + 1.0 + math.floor(seconds / state.clock[0].block_seconds)


@kernel
def market_of(state, part, row, uniform):
    """Market of an investor's next order: its only one, or one of the part's by draw."""
    only, n = np.int64(state.ledger.accounts[row].only_market), state.ledger.markets.shape[0]
    place = np.int64(uniform * n_markets_of(state.parts[part].markets, n))
    return only if only >= 0 else market_at(state.parts[part].markets, n, place)


@kernel
def begin_order(state, part, row, step):
    """Draw market, side, notional and duration of an order whose first slice goes now."""
    numbers, memory = state.params[part], state.crowd.memory[row]
    draw, more = own_draws(state, row, step, 0), own_draws(state, row, step, 1)
    market = market_of(state, part, row, more[0])
    notional = between(draw[1], numbers[P.smallest], numbers[P.largest], numbers[P.tail])
    seconds = between(draw[2], numbers[P.shortest], numbers[P.longest], 0.0)
    unit = lot_notional(state.ledger.markets[market], mid_of(state, market))
    lots = math.floor(notional * whole_units(state.ledger) / unit) if unit > 0 else 0.0
    held = float(state.ledger.lots[row, market])
    is_closing = numbers[P.is_round_trip] > 0.0 and held != 0.0
    memory[LEFT] = -held if is_closing else (lots if draw[0] < 0.5 else -lots)
    memory[LAST] = step + max(1.0, math.floor(seconds / state.clock[0].block_seconds)) - 1.0
    memory[NEXT] = next_start(state, part, row, memory[LAST], more[1])
    memory[MARKET] = market
    return 0


@kernel
def slice_of(left, slices):
    """Lots of the next of some equal slices, signed; the last takes what is left."""
    share = math.floor(abs(left) / max(1.0, slices))
    return np.int64(share if left > 0.0 else -share)


@kernel
def act(state, part, row, step):
    """Let one investor act; returns the number of messages."""
    memory = state.crowd.memory[row]
    if memory[NEXT] == 0.0:
        memory[NEXT] = next_start(state, part, row, step, own_draws(state, row, step, 1)[2])
    if memory[LEFT] == 0.0 and step >= memory[NEXT]:
        begin_order(state, part, row, step)
    market = np.int64(memory[MARKET])
    lots = slice_of(memory[LEFT], memory[LAST] - step + 1.0)
    is_open = state.ledger.markets[market].halted_until <= step and mid_of(state, market) > 0
    if lots == 0 or not is_open or state.ledger.accounts[row].state > MARGIN_CALL:
        return 0
    memory[LEFT] -= lots
    worst = mid_of(state, market) * (1.0 + np.sign(lots) * state.params[part, P.slippage])
    message = take_at_once(state, row, market, lots, worst)
    moment = own_draws(state, row, step, 0)[3]
    latency = state.params[part, P.latency]
    message.arrival = arrival(moment, latency, state.clock[0].block_seconds)
    return 1


@kernel
def decide(state, part, step):
    """Let every investor of the population decide; returns the number of messages."""
    first = state.parts[part].first
    sent = 0
    for row in range(first, first + state.parts[part].count):
        if state.ledger.accounts[row].state != CLOSED:
            sent += act(state, part, row, step)
    return sent


PHASE = "decisions"
KERNEL = decide
