"""One forced closing: through the book, or by an impact-free take-over at the mark.

What an account loses by it against the mark is slippage. A penalty follows: a rate of the notional,
never more than what leaves raw equity at zero, shared between the liquidator and the fund. A forced
order skips the margin check, pays no taker's fee, and never trades more than the position.
"""

from typing import NamedTuple

import numpy as np

from crossmargin.model.book import crosses
from crossmargin.model.contracts import contract_value, worth
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import Parcel, move_position, move_spot, notional_of, unrealised
from crossmargin.model.liquidation.episode import fill_entry, open_entry, open_event, penalise
from crossmargin.model.log import begin_trace
from crossmargin.model.margin.numbers import measure
from crossmargin.model.state import (
    FEES,
    FORCED,
    IMMEDIATE_OR_CANCEL,
    INVERSE,
    LARGEST_ORDER,
    LIMIT,
    OUTSIDE,
    POOLED,
    SPOT,
    TAKEOVER,
)
from crossmargin.model.trading import place


class Tally(NamedTuple):
    """Totals of a market and of the log before a forced order."""

    notional: int
    volume: int
    shift: int
    fills: int


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
    order.quantity = min(abs(parcel.lots), LARGEST_ORDER)
    order.order = 0
    order.market = parcel.market
    order.author_class = FORCED
    order.slot = 0
    order.arrival = 0
    is_pooled = state.ledger.markets[parcel.market].kind == POOLED
    return is_pooled or crosses(state.book, order, order.price)


@kernel
def _count(state, event, market, before):
    """Enter what the forced order did since `before`; returns quote units traded."""
    log, cursor, ladder = state.log, state.log.cursor[0], state.book.ladders[market]
    cursor.author = -1
    cursor.messages += 1
    cursor.last_forced = event.id
    cursor.forced_fills += cursor.fills - before.fills
    event.shift = log.shift[market, FORCED] - before.shift
    log.forced_volume[market] += ladder.volume - before.volume
    lots = ladder.volume - before.volume
    row = state.ledger.markets[market]
    if lots > 0:
        event.price = 2 * (ladder.notional - before.notional) // lots
    return 2 * (ladder.notional - before.notional) * row.half_unit + lots * row.face


@kernel
def _tally(state, market):
    ladder = state.book.ladders[market]
    shift = state.log.shift[market, FORCED]
    return Tally(ladder.notional, ladder.volume, shift, state.log.cursor[0].fills)


@kernel
def is_taken_over(ledger, row):
    """Tell whether what the venue closes of an account goes to the outside row at the mark."""
    return ledger.venue[0].is_takeover != 0 or ledger.accounts[row].off_book != 0


@kernel
def _may_close(state, row, parcel):
    """Tell whether a parcel can be closed at all; its order is written when it goes to the book."""
    halted = state.ledger.markets[parcel.market].halted_until > state.clock[0].step
    if parcel.lots == 0 or halted:
        return False
    if is_taken_over(state.ledger, row):
        return True
    return _write_order(state, row, parcel)


@kernel
def close_out(state, row, kind, parcel):
    """Close part of a position as the venue does: by a forced order, or by a take-over at the mark.

    Nothing happens where the market is halted or nobody stands within the limit. Returns the lots
    closed. It is called from parts directly: every kernel between would be optimised with it again.

    Parameters
    ----------
    kind : FORCED_ORDER or SEIZURE
    parcel : Parcel, lots with the sign of the position and the limit price, half ticks
    """
    ledger, log, market = state.ledger, state.log, parcel.market
    if not _may_close(state, row, parcel):
        return 0
    measure(ledger, state.book, row)
    in_profit = is_in_profit(ledger, row, market)
    held = ledger.lots[row, market]
    is_takeover = is_taken_over(ledger, row)
    if is_takeover:
        event = open_event(state, TAKEOVER, row, OUTSIDE)
    else:
        begin_trace(log, ledger, state.clock[0].step)
        event = open_event(state, kind, row, -1)
    entry = open_entry(state, event, market, parcel.lots)
    if is_takeover:
        mark = ledger.markets[market].mark
        move(ledger, log, event, Parcel(market, parcel.lots, mark))
        event.price = mark
        notional = notional_of(ledger, market, parcel.lots, mark)
    else:
        before = _tally(state, market)
        log.cursor[0].author = event.id
        place(state.book, ledger, log, log.forced[0])
        notional = _count(state, event, market, before)
    state.clock[0].n_forced += 1
    closed = held - ledger.lots[row, market]
    if closed == 0:  # nobody may trade with it: an order was sent, and nothing was liquidated
        log.cursor[0].liquidations -= 1
        return 0
    fill_entry(state, event, entry, closed, notional)
    if ledger.markets[market].kind == INVERSE:
        measure(ledger, state.book, row)
        entry.slippage = entry.equity - ledger.accounts[row].equity
    entry.in_profit = notional if in_profit else 0
    entry.penalty = penalise(state, row, market, notional, FEES)
    return abs(closed)


@kernel
def move(ledger, log, event, parcel):
    """Move a parcel from the event's account to its other row, without a book."""
    giver, taker = np.int64(event.account), np.int64(event.other)
    if ledger.markets[parcel.market].kind == SPOT:
        move_spot(ledger, log, giver, taker, parcel)
    else:
        move_position(ledger, log, giver, taker, parcel)


@kernel
def lost_by(ledger, parcel):
    """What closing a parcel at its price loses against the mark, quote units."""
    m = ledger.markets[parcel.market]
    at_mark = contract_value(m, parcel.lots, m.mark)
    lost = at_mark - contract_value(m, parcel.lots, parcel.half_price)
    return worth(ledger, m.settles, lost)


@kernel
def hand_over(state, event, parcel):
    """Move a derivative parcel of an event's account to its other row, with its row in the table.

    The account must have been measured. Returns the row of the table.
    """
    ledger, market = state.ledger, parcel.market
    entry = open_entry(state, event, market, parcel.lots)
    notional = notional_of(ledger, market, parcel.lots, parcel.half_price)
    giver = np.int64(event.account)
    entry.in_profit = notional if is_in_profit(ledger, giver, market) else 0
    move_position(ledger, state.log, giver, np.int64(event.other), parcel)
    fill_entry(state, event, entry, parcel.lots, notional)
    event.price = parcel.half_price
    entry.slippage = lost_by(ledger, parcel)
    return entry
