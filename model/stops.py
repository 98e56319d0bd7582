"""Stop orders are sent to the market when the mark, or the last price, has reached their trigger.

It runs after marks are renewed, in the rounds of a liquidation too, so that forced orders set off
stops and what stops sell lowers the next mark. What is sent goes to the inbox as an order of its
owner, of the author class `stop`: it arrives among the others of the block after the venue's
latency, and is refused or filled like any other. Without a limit of its own it takes what it can
within the slippage that the venue tolerates. Its event has the forced order that moved the mark for
parent, where the round had one.

A reduce-only stop lapses when the position that it protects is gone or has changed its side, any
other when the account is closed; in a halted market all wait. Every stop is looked at in every
block: a pass over the pool costs some nanoseconds a stop.

References
----------
Osler (2005), "Stop-loss orders and price cascades in currency markets", J. International Money and
Finance 24(2), doi:10.1016/j.jimonfin.2004.12.002.
"""

import math

import numpy as np

from crossmargin.model.draws import TRIGGER, uniforms
from crossmargin.model.inbox import arrival, next_message
from crossmargin.model.kernel import kernel
from crossmargin.model.log import emit
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import (
    CLOSED,
    GOOD_TILL_CANCELLED,
    IMMEDIATE_OR_CANCEL,
    LIMIT,
    ON_LAST,
    REDUCE_ONLY,
    RISING,
    STOP,
    STOP_TRIGGERED,
)
from crossmargin.model.stop_orders import drop, release

PHASE = "marks"


class Parameters(Numbers):
    """How the venue sends stop orders."""

    slippage: float = number(
        0.1,
        "fraction of the price that set it off",
        low=0,
        high=1,
        source="Hyperliquid: 10% for market orders of take-profit and stop-loss",
        doc="Worst price of a stop order without a limit.",
    )
    latency: float = number(
        0.0, "seconds", low=0, high=3600, doc="From the trigger to the earliest arrival."
    )


P = slots(Parameters)


@kernel
def watched_price(state, stop):
    """Price that a stop order watches, half ticks."""
    if stop.flags & ON_LAST != 0:
        return 2 * state.book.ladders[stop.market].last
    return state.ledger.markets[stop.market].mark


@kernel
def is_reached(stop, half_price):
    """Tell whether a price sets a stop order off."""
    if stop.flags & RISING != 0:
        return half_price >= stop.trigger
    return 0 < half_price <= stop.trigger


@kernel
def has_lapsed(ledger, stop):
    """Tell whether what a stop order was placed for is gone."""
    if stop.flags & REDUCE_ONLY != 0:
        return ledger.lots[stop.account, stop.market] * stop.side >= 0
    return ledger.accounts[stop.account].state == CLOSED


@kernel
def worst_tick(half_price, side, slippage):
    """Worst tick of an order without a limit, no worse than the slippage, within 64 bits."""
    return side * np.int64(math.floor(side * 0.5 * half_price * (1.0 + side * slippage)))


@kernel
def log_trigger(state, part, stop, lots):
    """Append the event of a stop order that is sent."""
    event = emit(state.log, state.clock[0], STOP_TRIGGERED, stop.account, -1)
    event.author_class = STOP
    event.market = stop.market
    event.price = stop.trigger
    event.quantity = lots * stop.side
    if state.parts[part].after_forced != 0:
        event.parent = state.log.cursor[0].last_forced


@kernel
def send_stop(state, part, stop, half_price):
    """Write the order of a stop into the inbox."""
    row, market, clock = np.int64(stop.account), np.int64(stop.market), state.clock[0]
    numbers, top = state.params[part], (state.book.table.shape[2] << 6) - 1
    lots = stop.quantity if stop.quantity > 0 else abs(state.ledger.lots[row, market])
    message = next_message(state.crowd, state.clock)
    message.action = LIMIT
    message.side = stop.side
    message.life = GOOD_TILL_CANCELLED if stop.price > 0 else IMMEDIATE_OR_CANCEL
    message.flags = stop.flags & REDUCE_ONLY
    message.account = row
    message.market = market
    message.quantity = lots
    worst = worst_tick(half_price, stop.side, numbers[P.slippage])
    message.price = stop.price if stop.price > 0 else max(1, min(worst, top))
    message.author_class = STOP
    message.slot = stop.slot
    key = state.ledger.accounts[row].key
    moment = uniforms(clock.seed, key, TRIGGER, clock.step, clock.round)[market & 3]
    message.arrival = arrival(moment, numbers[P.latency], clock.block_seconds)
    log_trigger(state, part, stop, lots)


@kernel
def trigger_stops(state, part, step):
    """Send every stop order whose price has come and drop those that lapsed; returns those sent."""
    stops = state.stops
    sent = 0
    for place in range(stops.desk[0].used):
        stop = stops.orders[place]
        if stop.id == 0 or state.ledger.markets[stop.market].halted_until > step:
            continue
        if has_lapsed(state.ledger, stop):
            drop(stops, place)
            continue
        half_price = watched_price(state, stop)
        if is_reached(stop, half_price):
            send_stop(state, part, stop, half_price)
            release(stops, place)
            sent += 1
    stops.desk[0].triggered += sent
    return sent


KERNEL = trigger_stops
