r"""The legs that mark formulas are made of, half ticks.

Moving averages are kept as a numerator and a denominator, so that uneven steps weigh by their
length, :math:`n \leftarrow n e^{-t/\tau} + x t`, :math:`d \leftarrow d e^{-t/\tau} + t`, and
advance once a block. In a round of liquidation no time passes: the newest sample alone is replaced
by what the book says now, which is the average that a block ending at this moment would have had.

References
----------
Hyperliquid docs, "Robust price indices": the averages of the mark.
"""

import math
from typing import Literal

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import index_of, nearest
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.pools import show_index
from crossmargin.model.state import INVERSE, POOLED, SPOT


class Marks(Numbers):
    """What all marks share."""

    spot: Literal["index", "book"] = number(
        "index", "choice", doc="Collateral is priced by the oracle, or by the formula."
    )
    band: float = number(
        1.0, "fraction of the index", low=0, high=1, doc="The mark stays this near the index."
    )
    quiet_after: float = number(
        0.0,
        "s",
        low=0,
        high=1e9,
        doc="Once nothing has traded for so long, the mark is the index; 0 never.",
    )


M = slots(Marks)


@kernel
def is_quiet(state, part, market):
    """Tell whether a market has been without a trade for so long that its book says nothing."""
    row, trades = state.ledger.markets[market], state.book.ladders[market].trades
    step, after = state.clock[0].step, state.params[part, M.quiet_after]
    if trades != row.trades_seen:
        row.trades_seen = trades
        row.trade_step = step
    return 0.0 < after <= (step - row.trade_step) * state.clock[0].block_seconds


@kernel
def set_mark(state, part, market, value):
    """Set the mark to a price, rounded, inside its band around the index and never below 1.

    It is the index where nothing has traded for too long.
    """
    row, index = state.ledger.markets[market], index_of(state, market)
    if row.kind == POOLED:
        show_index(state, market)
        return
    if row.kind == SPOT and state.params[part, M.spot] == 0.0:
        row.mark = max(1, index)
        return
    mark, band = nearest(value), state.params[part, M.band]
    if is_quiet(state, part, market):
        mark = index
    if band < 1.0:
        lowest = min(index, nearest(math.ceil(index * (1.0 - band))))
        mark = max(lowest, min(mark, nearest(math.floor(index * (1.0 + band)))))
    row.mark = max(1, mark)
    renew_lot(state, market)


@kernel
def renew_lot(state, market):
    """Base of one inverse contract, which is for a fixed amount of quote, at the mark."""
    row = state.ledger.markets[market]
    if row.kind == INVERSE:
        face = row.face / 10.0 ** state.ledger.assets[0].decimals
        row.lot = face / (0.5 * row.mark * row.tick)


@kernel
def is_new_block(state, part):
    """Tell whether averages advance: not in a round of liquidation, where no time passes."""
    return state.clock[0].round == 0 and state.parts[part].after_forced == 0


@kernel
def middle(a, b, c):
    """Median of three."""
    return max(min(a, b), min(max(a, b), c))


@kernel
def book_price(state, market):
    """Median of best bid, best ask and last trade, half ticks; 0 where nothing was quoted yet."""
    ladder = state.book.ladders[market]
    bid, ask, last = 2 * ladder.best[0], 2 * ladder.best[1], 2 * ladder.last
    if bid >= 0 and ladder.best[1] < state.book.table.shape[2] << 6:
        return middle(bid, ask, last) if last > 0 else (bid + ask) // 2
    return last if last > 0 else ladder.mid


@kernel
def renew_basis(state, part, market, constant):
    """Index plus the moving average of mid less index, half ticks.

    `constant` is the time constant of the average, seconds.
    """
    row, seconds = state.ledger.markets[market], state.clock[0].block_seconds
    index, mid = index_of(state, market), state.book.ladders[market].mid
    sample = float(mid - index) if mid > 0 else row.basis_sample
    if mid > 0 and is_new_block(state, part):
        kept = math.exp(-seconds / constant)
        row.basis_sum = row.basis_sum * kept + sample * seconds
        row.basis_weight = row.basis_weight * kept + seconds
        row.basis_sample = sample
    if row.basis_weight == 0.0:
        return float(index)
    return index + (row.basis_sum + (sample - row.basis_sample) * seconds) / row.basis_weight


@kernel
def renew_book(state, part, market, constant):
    """Moving average of the price of the book, half ticks; the index before the first quote."""
    row, seconds = state.ledger.markets[market], state.clock[0].block_seconds
    price = book_price(state, market)
    sample = float(price) if price > 0 else row.book_sample
    if price > 0 and is_new_block(state, part):
        kept = math.exp(-seconds / constant)
        row.book_sum = row.book_sum * kept + sample * seconds
        row.book_weight = row.book_weight * kept + seconds
        row.book_sample = sample
    if row.book_weight == 0.0:
        return float(index_of(state, market))
    return (row.book_sum + (sample - row.book_sample) * seconds) / row.book_weight
