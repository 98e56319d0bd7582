"""One forced closing: through the book, or by an impact-free take-over at the mark.

What an account loses by it against the mark is slippage. A penalty follows: a rate of the notional,
never more than what leaves raw equity at zero, shared between the liquidator and the fund. A forced
order skips the margin check, pays no taker's fee, and never trades more than the position.
"""

import numpy as np

from crossmargin.model.book import crosses
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import Parcel, move_position, move_spot, unrealised
from crossmargin.model.liquidation.episode import fill_entry, open_entry, open_event, penalise
from crossmargin.model.log import begin_trace
from crossmargin.model.margin.numbers import measure
from crossmargin.model.state import (
    FEES,
    FORCED,
    FORCED_ORDER,
    IMMEDIATE_OR_CANCEL,
    LIMIT,
    OUTSIDE,
    SPOT,
    TAKEOVER,
)
from crossmargin.model.trading import place


@kernel
def is_in_profit(ledger, row, market):
    """Tell whether a derivative position stands in profit at the mark."""
    return ledger.markets[market].kind != SPOT and unrealised(ledger, row, market) > 0


@kernel
def _write_order(state, row, parcel):
    """Write the forced order that closes a parcel at its limit price; tell whether it can trade."""
    ticks = state.book.table.shape[2] << 6
    order = state.log.forced[0]
    order.action = LIMIT
    order.side = -1 if parcel.lots > 0 else 1
    order.life = IMMEDIATE_OR_CANCEL
    order.flags = 0
    order.account = row
    order.price = max(1, min(parcel.half_price // 2, ticks - 1))
    order.quantity = abs(parcel.lots)
    order.order = 0
    order.market = parcel.market
    order.author_class = FORCED
    order.slot = 0
    order.arrival = 0
    return crosses(state.book, order, order.price)


@kernel
def _send(state, event, market):
    """Execute the forced order; returns the change of the position and quote units traded."""
    book, log, cursor = state.book, state.log, state.log.cursor[0]
    ladder = book.ladders[market]
    lots, traded = state.ledger.lots[event.account, market], ladder.notional
    shift, volume, fills = log.shift[market, FORCED], ladder.volume, cursor.fills
    cursor.author = event.id
    cursor.last_forced = event.id
    cursor.messages += 1
    place(book, state.ledger, log, log.forced[0])
    cursor.author = -1
    event.shift = log.shift[market, FORCED] - shift
    log.forced_volume[market] += ladder.volume - volume
    cursor.forced_fills += cursor.fills - fills
    closed = lots - state.ledger.lots[event.account, market]
    return closed, 2 * (ladder.notional - traded) * state.ledger.markets[market].half_unit


@kernel(inline=False)
def force(state, row, kind, parcel):
    """Close part of a position by an immediate order to the book; returns the lots closed.

    Nothing happens where the market is halted or nobody stands within the limit.

    Parameters
    ----------
    kind : FORCED_ORDER or SEIZURE
    parcel : Parcel, lots with the sign of the position and the limit price, half ticks
    """
    ledger, step, market = state.ledger, state.clock[0].step, parcel.market
    if parcel.lots == 0 or ledger.markets[market].halted_until > step:
        return 0
    if not _write_order(state, row, parcel):
        return 0
    measure(ledger, state.book, row)
    begin_trace(state.log, ledger, step)
    event = open_event(state, kind, row, -1)
    entry = open_entry(state, event, market, parcel.lots)
    in_profit = is_in_profit(ledger, row, market)
    closed, notional = _send(state, event, market)
    fill_entry(state, event, entry, closed, notional)
    if in_profit:
        entry.in_profit = notional
    if closed == 0:
        event.price = parcel.half_price
    entry.penalty = penalise(state, row, market, notional, FEES)
    state.clock[0].n_forced += 1
    return abs(closed)


@kernel
def hand_over(state, event, parcel):
    """Move a parcel to the event's other row at its price, with its row in the table.

    The account must have been measured. Returns the row of the table.
    """
    ledger, row, market = state.ledger, np.int64(event.account), parcel.market
    entry = open_entry(state, event, market, parcel.lots)
    notional = abs(parcel.lots) * parcel.half_price * ledger.markets[market].half_unit
    if is_in_profit(ledger, row, market):
        entry.in_profit = notional
    if ledger.markets[market].kind == SPOT:
        move_spot(ledger, state.log, row, np.int64(event.other), parcel)
    else:
        move_position(ledger, state.log, row, np.int64(event.other), parcel)
    fill_entry(state, event, entry, parcel.lots, notional)
    return entry


@kernel(inline=False)
def take_over(state, row, parcel):
    """Close a parcel at the mark against the outside row, without impact; returns the lots."""
    ledger, market = state.ledger, parcel.market
    halted = ledger.markets[market].halted_until > state.clock[0].step
    if parcel.lots == 0 or halted:
        return 0
    measure(ledger, state.book, row)
    event = open_event(state, TAKEOVER, row, OUTSIDE)
    entry = hand_over(state, event, Parcel(market, parcel.lots, ledger.markets[market].mark))
    entry.penalty = penalise(state, row, market, entry.notional, FEES)
    state.clock[0].n_forced += 1
    return abs(parcel.lots)


@kernel
def close_out(state, row, kind, parcel):
    """Close a parcel as the venue does: by a forced order, or by a take-over; returns the lots."""
    if state.ledger.venue[0].is_takeover != 0:
        return take_over(state, row, parcel)
    return force(state, row, kind, parcel)


#: Kind of the order that closes a derivative position.
CLOSING = FORCED_ORDER
