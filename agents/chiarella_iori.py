r"""Fundamentalists, chartists and noise traders in one, each with weights and a horizon of its own.

An agent that is active expects the log return over its horizon :math:`h`

.. math:: r = \frac{g_1 \ln(p_f/p)/\tau + g_2 \bar r + n \sigma\varepsilon/\sqrt{h}}{g_1+g_2+n}\,h

with the index as fundamental :math:`p_f`, the mid :math:`p`, the mean log return a second
:math:`\bar r` over the last :math:`h`, and a standard normal :math:`\varepsilon`. It buys when
:math:`r > 0` at a limit of :math:`p e^r (1 - k u)`, sells otherwise at :math:`p e^r (1 + k u)`,
with :math:`u` uniform: a limit beyond the best price takes, any other rests. One order of an agent
lives at a time, in a market chosen by draw; it is replaced when the agent is active again and
cancelled when it is older than the horizon.

Agents act as Poisson processes, and returns are per second, so that behaviour does not depend on
the length of a block. Noise grows with the root of the horizon, where the papers let it grow with
the horizon itself. A fundamental weight alone, a chart weight alone or a noise weight alone make
the three pure types.

References
----------
Chiarella, Iori (2002), "A simulation analysis of the microstructure of double auction markets",
Quantitative Finance 2(5), doi:10.1088/1469-7688/2/5/303.
Chiarella, Iori, Perello (2009), "The impact of heterogeneous trading rules on the limit order book
and order flows", JEDC 33(3), doi:10.1016/j.jedc.2008.08.001.
"""

import math

import numpy as np

from crossmargin.agents.acting import (
    draws_of,
    market_at,
    mid_of,
    n_markets_of,
    own_market,
    own_message,
    room_for,
    tick_of,
    wait,
)
from crossmargin.model.bits import prefetch
from crossmargin.model.contracts import lot_notional
from crossmargin.model.draws import DECIDE, normal, uniforms
from crossmargin.model.inbox import arrival
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import CANCEL, MARGIN_CALL, REPLACE
from crossmargin.model.trading import SLOTS, is_live
from crossmargin.model.traits import Distribution, trait


class Parameters(Numbers):
    """What all agents of the population share."""

    volatility: float = number(
        1e-4,
        "log return per root second",
        low=0,
        high=0.1,
        source="BTC hourly 2024-25: 0.545% an hour is 0.9e-4 per root second",
        doc="Standard deviation of the noise an agent expects.",
    )
    leverage: float = number(
        2.0,
        "gross notional over weighted equity",
        above=0,
        high=100,
        doc="Orders stop where positions and resting orders reach it.",
    )
    largest_move: float = number(
        0.2,
        "log return",
        above=0,
        high=2,
        doc="Expected returns are cut off here.",
    )
    latency: float = number(
        0.1, "seconds", low=0, high=3600, doc="From decision to the earliest arrival."
    )


class Traits(Numbers):
    """What each agent draws for itself."""

    fundamental: Distribution = trait(
        {"exponential": 1.0},
        "weight",
        source="PAMS samples/CI2002: exponential with mean 1",
        doc="Weight of the pull to the index.",
    )
    chart: Distribution = trait(
        {"exponential": 0.5},
        "weight",
        source="CIP 2009 use exponential weights; 0 in PAMS samples/CI2002",
        doc="Weight of the trend.",
    )
    noise: Distribution = trait(
        {"exponential": 1.0},
        "weight",
        source="PAMS samples/CI2002: exponential with mean 1",
        doc="Weight of chance.",
    )
    horizon: Distribution = trait(
        {"lognormal": [600.0, 1.0]}, "seconds", doc="How far an agent looks back and ahead."
    )
    reversion: Distribution = trait(
        {"lognormal": [1200.0, 0.5]},
        "seconds",
        source="PAMS samples/CI2002: uniform 50 to 100 steps",
        doc="Time in which the mid is expected to return to the index.",
    )
    margin: Distribution = trait(
        {"pareto": [0.0005, 1.5, 0.2]},
        "fraction of the expected price",
        source="a power law with exponent 1.5: Zovko, Farmer (2002), doi:10.1088/1469-7688/2/5/308",
        doc="Largest profit asked for on top of the expected price.",
    )
    size: Distribution = trait(
        {"lognormal": [0.05, 0.5]}, "fraction of weighted equity", doc="Notional of an order."
    )
    rate: Distribution = trait(
        {"lognormal": [0.01, 0.5]}, "decisions a second", doc="Activity as a Poisson process."
    )


P, T = slots(Parameters), slots(Traits)

#: Places in an agent's memory: step at which its order is too old, and step in which it acts next;
#: 0 when there is none.
EXPIRY, NEXT = 0, 1
#: How many agents ahead the rows of those who will act are asked for.
AHEAD = 16


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles an agent needs: one order lives at a time."""
    return 1


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages an agent sends in a step."""
    return 1


@kernel
def trend(outside, line, lag, step):
    """Mean log return a step of a line of the trail over some steps, up to the last one."""
    window = outside.trail.shape[1]
    lag = min(lag, step - 1, window - 2)
    if lag < 1:
        return 0.0
    last = (step - 1) % window
    first = last - lag if lag <= last else last - lag + window
    now, then = outside.trail[line, last], outside.trail[line, first]
    return (now - then) / lag


@kernel
def expected_return(state, part, row, market, epsilon):
    """Log return that an agent expects over its horizon."""
    traits, clock = state.crowd.traits[row], state.clock[0]
    horizon = traits[T.horizon]
    steps = horizon / clock.block_seconds
    gap = math.log(state.ledger.markets[market].index / mid_of(state, market))
    line = state.outside.references.shape[0] + market
    chart = trend(state.outside, line, np.int64(steps), clock.step) * steps
    noise = state.params[part, P.volatility] * math.sqrt(horizon) * epsilon
    pull = gap * horizon / traits[T.reversion]
    total = traits[T.fundamental] + traits[T.chart] + traits[T.noise]
    expected = traits[T.fundamental] * pull + traits[T.chart] * chart + traits[T.noise] * noise
    most = state.params[part, P.largest_move] * total
    return max(-most, min(most, expected)) / total if total > 0.0 else 0.0


@kernel
def lots_wanted(state, part, row, market, side):
    """Lots of an order: a share of weighted equity, as far as leverage leaves room.

    An owner of several accounts acts with one at a time, for as much as it would with all in one.
    """
    account = state.ledger.accounts[row]
    equity = account.initial_equity * max(1, account.siblings)
    wanted = to_units(state.crowd.traits[row, T.size] * equity)
    room = room_for(state, row, market, side, state.params[part, P.leverage])
    unit = lot_notional(state.ledger.markets[market], mid_of(state, market))
    return max(0, min(wanted, room)) // unit


@kernel
def place_order(state, part, row, market, four):
    """Write the order of an active agent; returns the number of messages."""
    epsilon, margin, moment = four[1], four[2], four[3]
    expected = expected_return(state, part, row, market, normal(epsilon))
    side = 1 if expected > 0.0 else -1
    lots = lots_wanted(state, part, row, market, side)
    if lots == 0:
        return 0
    asked = 1.0 - side * state.crowd.traits[row, T.margin] * margin
    tick = tick_of(mid_of(state, market) * math.exp(expected) * asked, side)
    p, clock = state.parts[part], state.clock[0]
    slot = p.first_slot + (row - p.first) * p.slots
    message = own_message(state, row, market, side)
    message.price = max(1, min(tick, (state.book.table.shape[2] << 6) - 1))
    message.quantity = lots
    message.slot = slot + 1
    message.arrival = arrival(moment, state.params[part, P.latency], clock.block_seconds)
    if is_live(state.book, state.crowd.handles[slot], row):
        message.action = REPLACE
        message.order = state.crowd.handles[slot]
    lifetime = state.crowd.traits[row, T.horizon] / clock.block_seconds
    state.crowd.memory[row, EXPIRY] = clock.step + lifetime
    return 1


@kernel
def cancel_old(state, part, row, moment):
    """Cancel an order that has outlived the horizon; returns the number of messages."""
    state.crowd.memory[row, EXPIRY] = 0.0
    p, clock = state.parts[part], state.clock[0]
    handle = state.crowd.handles[p.first_slot + (row - p.first) * p.slots]
    if not is_live(state.book, handle, row):
        return 0
    order = state.book.orders[handle & (SLOTS - 1)]
    message = own_message(state, row, order.market, 1 if order.side == 0 else -1)
    message.action = CANCEL
    message.order = handle
    message.arrival = arrival(moment, state.params[part, P.latency], clock.block_seconds)
    return 1


@kernel
def chosen_market(state, part, row, place):
    """Market in which an agent trades now, one of its own by place, or -1 when it may not."""
    account, p = state.ledger.accounts[row], state.parts[part]
    n = state.ledger.markets.shape[0]
    market = np.int64(account.only_market)
    if market < 0:
        market = own_market(state, row, market_at(p.markets, n, place))
    if account.state > MARGIN_CALL or market < 0:
        return -1
    m = state.ledger.markets[market]
    return market if m.index > 0 and m.halted_until <= state.clock[0].step else -1


@kernel
def is_active(state, row, step):
    """Tell whether an agent acts in this block; the first time, draw when it begins."""
    memory = state.crowd.memory[row]
    if memory[NEXT] == 0.0:
        seed, key = state.clock[0].seed, state.ledger.accounts[row].key
        first = uniforms(seed, key, DECIDE, step, 1)[0]
        rate = state.crowd.traits[row, T.rate]
        memory[NEXT] = step - 1 + wait(first, rate, state.clock[0].block_seconds)
    return memory[NEXT] <= step


@kernel
def trade(state, part, row, four):
    """Let an active agent choose a market, its order and when to act again; returns messages.

    The draw that chooses the market has its fraction left over for the wait.
    """
    clock = state.clock[0]
    place = four[0] * n_markets_of(state.parts[part].markets, state.ledger.markets.shape[0])
    whole = np.int64(place)
    pause = wait(place - whole, state.crowd.traits[row, T.rate], clock.block_seconds)
    state.crowd.memory[row, NEXT] = clock.step + pause
    market = chosen_market(state, part, row, whole)
    return place_order(state, part, row, market, four) if market >= 0 else 0


@kernel
def act(state, part, row, step):
    """Let one agent decide; returns the number of messages."""
    awake = is_active(state, row, step)
    if not awake and not 0.0 < state.crowd.memory[row, EXPIRY] <= step:
        return 0
    four = draws_of(state, row, step)
    sent = trade(state, part, row, four) if awake else 0
    if sent == 0 and 0.0 < state.crowd.memory[row, EXPIRY] <= step:
        return cancel_old(state, part, row, four[3])
    return sent


@kernel
def look_ahead(state, part, row):
    """Ask for what an agent that is about to act will read."""
    p = state.parts[part]
    prefetch(state.crowd.traits, row, 0)
    prefetch(state.crowd.handles, np.int64(p.first_slot + (row - p.first) * p.slots), 0)
    prefetch(state.ledger.accounts, row, 0)
    prefetch(state.ledger.lots, row, 0)
    prefetch(state.book.open_lots, row, 0)


@kernel
def decide(state, part, step):
    """Let every agent of the population decide; returns the number of messages."""
    first = state.parts[part].first
    last = first + state.parts[part].count
    sent = 0
    for row in range(first, last):
        if row + AHEAD < last and state.crowd.memory[row + AHEAD, NEXT] <= step:
            look_ahead(state, part, row + AHEAD)
        sent += act(state, part, row, step)
    return sent


PHASE = "decisions"
KERNEL = decide
