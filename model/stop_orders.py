"""Stop orders: held apart from the books, by account and market, until their price comes.

An order of action `STOP_ORDER` names its trigger in half ticks (`order`), the limit of the order
that it will send in ticks (`price`, 0 to take what it can at once) and its lots (0: the whole
position, reduce-only). With the flag `RISING` it is sent at or above its trigger, otherwise at or
below: a long's stop-loss is a falling sale, its take-profit a rising one. It asks for no margin
until it is sent. Its handle is of the kind that resting orders have and never equal to one.
"""

import numpy as np

from crossmargin.model.integers import LARGEST
from crossmargin.model.kernel import kernel
from crossmargin.model.state import (
    ACCEPTED,
    ACCOUNT_STATE,
    BAD_ACCOUNT,
    BAD_MESSAGE,
    BAD_PRICE,
    BAD_QUANTITY,
    CANCEL_STOP,
    CLOSED,
    LARGEST_ORDER,
    MARGIN_CALL,
    NOT_REDUCING,
    ON_LAST,
    POOL_FULL,
    REDUCE_ONLY,
    RISING,
    UNKNOWN_ORDER,
    WRONG_MARKET,
)
from crossmargin.model.trading import SLOTS

#: Flags that a stop order keeps.
KEPT = REDUCE_ONLY | ON_LAST | RISING


@kernel
def _malformation(state, message):
    """Reason for which no market could hold a stop order, or `ACCEPTED`."""
    ledger, top = state.ledger, state.book.table.shape[2] << 6
    if not 0 <= message.account < ledger.lots.shape[0]:
        return BAD_ACCOUNT
    if not 0 <= message.market < ledger.lots.shape[1] or message.side * message.side != 1:
        return BAD_MESSAGE
    if not 0 < message.order < 2 * top or not 0 <= message.price < top:
        return BAD_PRICE
    if message.quantity == 0 and message.flags & REDUCE_ONLY != 0:
        return ACCEPTED
    value = np.float64(message.quantity) * max(message.order, 2 * message.price)
    value *= ledger.markets[message.market].half_unit
    if not 0 < message.quantity <= LARGEST_ORDER or value > LARGEST:
        return BAD_QUANTITY
    return ACCEPTED


@kernel
def stop_refusal(state, message):
    """Reason for which a stop order is refused, or `ACCEPTED`."""
    reason = _malformation(state, message)
    if reason != ACCEPTED:
        return reason
    account = state.ledger.accounts[message.account]
    if account.only_market >= 0 and account.only_market != message.market:
        return WRONG_MARKET
    if (account.markets >> message.market) & 1 == 0:
        return WRONG_MARKET
    is_reducing = message.flags & REDUCE_ONLY != 0
    if account.state == CLOSED or (account.state > MARGIN_CALL and not is_reducing):
        return ACCOUNT_STATE
    if is_reducing and state.ledger.lots[message.account, message.market] * message.side >= 0:
        return NOT_REDUCING
    return ACCEPTED


@kernel
def take_place(stops):
    """Free place of the pool, or -1 when it is full."""
    desk = stops.desk[0]
    place = desk.free
    if place >= 0:
        desk.free = stops.orders[place].next
    elif desk.used < stops.orders.shape[0]:
        place = desk.used
        desk.used += 1
    return place


@kernel
def release(stops, place):
    """Free the place of a stop order; an empty pool begins anew."""
    desk, stop = stops.desk[0], stops.orders[place]
    stop.id = 0
    stop.next = desk.free
    desk.free = place
    desk.armed -= 1
    if desk.armed == 0:
        desk.free = -1
        desk.used = 0


@kernel
def drop(stops, place):
    """Cancel the stop order at a place."""
    release(stops, place)
    stops.desk[0].cancelled += 1


@kernel
def is_armed(stops, handle, account):
    """Tell whether a handle still names a stop order of an account that waits."""
    place = handle & (SLOTS - 1)
    if handle <= 0 or place >= stops.orders.shape[0]:
        return False
    stop = stops.orders[place]
    return stop.id == handle >> 24 and stop.account == account


@kernel
def arm(state, message):
    """Hold a stop order until its price comes; returns its handle, or 0 when it is refused."""
    log, stops = state.log, state.stops
    reason, place = stop_refusal(state, message), np.int64(-1)
    if reason == ACCEPTED:
        place = take_place(stops)
        reason = ACCEPTED if place >= 0 else POOL_FULL
    log.counters[reason] += 1
    if place < 0:
        log.cursor[0].rejected += 1
        return 0
    state.book.pool[0].next_id += 1
    stop, desk = stops.orders[place], stops.desk[0]
    stop.id = state.book.pool[0].next_id
    stop.trigger = message.order
    stop.price = message.price
    stop.quantity = message.quantity
    stop.account = message.account
    stop.slot = message.slot
    stop.market = message.market
    stop.side = message.side
    stop.flags = message.flags & KEPT
    desk.armed += 1
    desk.placed += 1
    return stop.id * SLOTS + place


@kernel
def disarm(state, message):
    """Cancel the stop order that a message names; returns 0, the handle of no order."""
    if is_armed(state.stops, message.order, message.account):
        drop(state.stops, message.order & (SLOTS - 1))
    else:
        state.log.counters[UNKNOWN_ORDER] += 1
        state.log.cursor[0].rejected += 1
    return 0


@kernel
def keep(state, message):
    """Execute a message about a stop order; returns the handle of a new one, or 0."""
    state.log.cursor[0].messages += 1
    if message.action == CANCEL_STOP:
        return disarm(state, message)
    return arm(state, message)


@kernel(python=True)
def arm_all(state, messages):
    """Hold stop orders that wait from the start; returns how many were refused."""
    refused = 0
    for i in range(messages.shape[0]):
        message = messages[i]
        handle = arm(state, message)
        refused += handle == 0
        if message.slot > 0:
            state.crowd.handles[message.slot - 1] = handle
    return refused
