"""Cancel all resting orders of the accounts in the queue, before anything else.

It frees no margin, but stops positions from growing while they are closed, and it moves the mid
where the account was the best price: that displacement is a forced one, with the account for
author. One event for each account and market in which it had orders; quantity is the lots
cancelled, bids less asks. The pool of orders is walked once a market, however many accounts are
queued. Their stop orders go too; those stand in no book and leave no event.

Mango v4 cancels orders before it liquidates anything.
"""

import numpy as np

from crossmargin.model.book import remove
from crossmargin.model.kernel import kernel
from crossmargin.model.liquidation.episode import open_event
from crossmargin.model.log import begin_trace, displaced_alone
from crossmargin.model.state import CANCEL_ALL, FORCED
from crossmargin.model.stop_orders import drop

PHASE = "liquidation"
#: Rows of the work space: place in the queue, and place of the account's event in the log.
PLACE, EVENT_AT = 0, 1


@kernel
def is_marked(state, row):
    """Tell whether a row stands in the queue, whatever the work space held before."""
    place = state.work[PLACE, row]
    return 0 <= place < state.clock[0].n_queue and state.queue[place] == row


@kernel
def open_events(state, market):
    """Append an event for every queued account with orders in a market; returns the lots to go."""
    total = 0
    for i in range(state.clock[0].n_queue):
        row = np.int64(state.queue[i])
        state.work[PLACE, row] = i
        bids, asks = state.book.open_lots[row, market, 0], state.book.open_lots[row, market, 1]
        if bids + asks > 0:
            begin_trace(state.log, state.ledger, state.clock[0].step)
            event = open_event(state, CANCEL_ALL, row, -1)
            event.market = market
            event.quantity = bids - asks
            last = min(state.log.cursor[0].events, state.log.events.shape[0]) - 1
            state.work[EVENT_AT, row] = last
            total += bids + asks
    return total


@kernel
def cancel_in(state, market, lots):
    """Cancel the marked accounts' orders in a market, `lots` in all; returns how many orders."""
    book, log = state.book, state.log
    orders = book.orders
    cancelled = 0
    for slot in range(orders.shape[0]):
        if lots <= 0:
            break
        order = orders[slot]
        if order.side < 0 or order.market != market or not is_marked(state, order.account):
            continue
        event = log.events[state.work[EVENT_AT, order.account]]
        lots -= order.quantity
        cancelled += 1
        remove(book, slot)
        log.cursor[0].author = event.id
        event.shift += displaced_alone(book, log, market, FORCED)
    log.cursor[0].author = -1
    return cancelled


@kernel
def cancel_stops(state):
    """Cancel the marked accounts' stop orders; returns how many."""
    stops = state.stops
    cancelled = 0
    for place in range(stops.desk[0].used):
        stop = stops.orders[place]
        if stop.id != 0 and is_marked(state, stop.account):
            drop(stops, place)
            cancelled += 1
    return cancelled


@kernel
def cancel_orders(state, part, step):
    """Cancel the orders and stop orders of all queued accounts; returns how many."""
    if state.clock[0].n_queue == 0:
        return 0
    cancelled = 0
    for market in range(state.ledger.markets.shape[0]):
        lots = open_events(state, market)
        if lots > 0:
            cancelled += cancel_in(state, market, lots)
    return cancelled + cancel_stops(state)


KERNEL = cancel_orders
