"""What a counterfactual does by hand between two blocks: accounts leave the market.

What they hold goes through the ledger, at the mark and without a book, so that nothing is created
or lost and no price moves by it.
"""

import numpy as np

from crossmargin.model.book import remove
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import Parcel, move_position, move_spot
from crossmargin.model.log import displaced_alone
from crossmargin.model.state import OUTSIDE, SPOT, WITHDRAWAL
from crossmargin.model.stop_orders import drop


@kernel
def withdraw_orders(state, first, last):
    """Cancel what rows from `first` to before `last` have in books; returns how many orders."""
    book, cancelled = state.book, 0
    for slot in range(book.orders.shape[0]):
        order = book.orders[slot]
        if order.side >= 0 and first <= order.account < last:
            market = np.int64(order.market)
            remove(book, slot)
            displaced_alone(book, state.log, market, WITHDRAWAL)
            cancelled += 1
    stops = state.stops
    for place in range(stops.desk[0].used):
        stop = stops.orders[place]
        if stop.id != 0 and first <= stop.account < last:
            drop(stops, place)
    return cancelled


@kernel
def hand_out(state, row):
    """Move all that a row holds beside quote to the outside row at the mark."""
    ledger = state.ledger
    for m in range(ledger.markets.shape[0]):
        if ledger.lots[row, m] == 0:
            continue
        parcel = Parcel(m, ledger.lots[row, m], ledger.markets[m].mark)
        if ledger.markets[m].kind == SPOT:
            move_spot(ledger, state.log, row, OUTSIDE, parcel)
        else:
            move_position(ledger, state.log, row, OUTSIDE, parcel)


@kernel(python=True)
def leave(state, first, last):
    """Let rows from `first` to before `last` leave the market: no orders, no stops, no positions.

    The outside row takes positions and collateral over at the mark; the cancelled orders move the
    mid where they were the best, as any withdrawal does. Returns how many orders were cancelled.
    """
    cancelled = withdraw_orders(state, first, last)
    for row in range(first, last):
        hand_out(state, row)
    return cancelled
