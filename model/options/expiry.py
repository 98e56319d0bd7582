r"""Expiry: the index is averaged over a window, and every position is closed at what it pays.

In the last :math:`n` blocks before expiry the index is sampled, half ticks, and with the sum
:math:`S` of the samples and the strike :math:`K` a unit pays, rounded to the nearest half tick,

.. math:: \max(0, S / n - K) \text{ (call)}, \qquad \max(0, K - S / n) \text{ (put)}

in whole numbers throughout. Resting orders and stop orders of the series are cancelled, which moves
mids by nobody's doing, all positions go to the settlement row of the market at that price, and the
market is halted for good. Longs and shorts are equal, so that the row ends with nothing, to the
unit.

References
----------
Deribit, "Settlement": the delivery price is the average of the index over the last 30 minutes.
"""

import numpy as np

from crossmargin.model.book import remove
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import Parcel, move_position
from crossmargin.model.log import displaced_alone, emit
from crossmargin.model.state import EXOGENOUS, EXPIRED
from crossmargin.model.stop_orders import drop

PHASE = "settlement"
#: Step until which an expired market is halted: no run gets there.
FOREVER = 1 << 60


@kernel
def payoff_half(right, strike, total, count):
    """What one unit of a series pays, half ticks, from the sum of some samples of the index.

    Parameters
    ----------
    right : int
        CALL 1 or PUT -1.
    strike, total : int
        Half ticks.
    """
    inside = right * (total - strike * count)
    return (2 * inside + count) // (2 * count) if inside > 0 else 0


@kernel
def sample(state, e, market, now):
    """Add the index to the average of an expiry, when its window has begun.

    `now` is the step, counted from the start of the run.
    """
    expiry = state.options.expiries[e]
    if expiry.step - expiry.window <= now < expiry.step:
        expiry.sum += state.ledger.markets[market].index
        expiry.samples += 1
    return 0


@kernel
def expiry_of(state, market):
    """Expiry of a market, -1 for what is no option."""
    place = state.options.places[market]
    return np.int64(state.options.series[place].expiry) if place >= 0 else -1


@kernel
def cancel_resting(state, e):
    """Cancel the orders and stop orders in all series of an expiry."""
    book, orders = state.book, state.book.orders
    for slot in range(orders.shape[0]):
        if orders[slot].side >= 0 and expiry_of(state, np.int64(orders[slot].market)) == e:
            remove(book, slot)
    stops = state.stops
    for place in range(stops.desk[0].used):
        stop = stops.orders[place]
        if stop.id != 0 and expiry_of(state, np.int64(stop.market)) == e:
            drop(stops, place)
    return 0


@kernel
def pay_out(state, market, payoff):
    """Close all positions of a market against its settlement row, one event each."""
    ledger, log, clock = state.ledger, state.log, state.clock[0]
    m = ledger.markets[market]
    settlement = np.int64(m.settlement)
    for row in range(ledger.lots.shape[0]):
        lots = ledger.lots[row, market]
        if lots != 0 and row != settlement:
            event = emit(log, clock, EXPIRED, row, settlement)
            event.market = market
            event.price = payoff
            event.quantity = -lots
            event.amount = lots * payoff * m.half_unit
            move_position(ledger, log, row, settlement, Parcel(market, lots, payoff))
    return 0


@kernel
def settle_series(state, i):
    """Settle one series: its positions are closed, its market ends."""
    market, s = np.int64(state.options.markets[i]), state.options.series[i]
    m, expiry = state.ledger.markets[market], state.options.expiries[s.expiry]
    displaced_alone(state.book, state.log, market, EXOGENOUS)
    payoff = payoff_half(m.right, m.strike, expiry.sum, expiry.samples)
    pay_out(state, market, payoff)
    m.mark = payoff
    m.halted_until = FOREVER
    s.mark = 0.5 * payoff * m.tick
    s.seconds = 0.0
    state.options.greeks[i, :] = 0.0
    return 0


@kernel
def expire(state, part, step):
    """Sample the index where a window has begun and settle what expires; returns how many series.

    It runs at the end of a block, whose successor begins at the expiry.
    """
    options, now, settled = state.options, step - state.clock[0].first, 0
    for e in range(options.expiries.shape[0]):
        if options.expiries[e].settled == 1:
            continue
        is_over = now >= 0 and options.expiries[e].step <= now + 1
        is_first = True
        for i in range(options.series.shape[0]):
            if options.series[i].expiry != e:
                continue
            if is_first:
                sample(state, e, options.markets[i], now)
            if is_first and is_over:
                cancel_resting(state, e)
            is_first = False
            if is_over:
                settle_series(state, i)
                settled += 1
        options.expiries[e].settled = 1 if is_over else 0
    return settled


KERNEL = expire
