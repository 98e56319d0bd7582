"""Price levels: pages of 64 ticks made on demand, with bitmaps above them.

A page exists only while one of its levels holds an order, so a book spans millions of ticks in a
few megabytes, and the next best price is found by a few bit scans however far away it lies. Page 0
stands for no page and stays empty, so that what was never used is zeros, which cost no memory and
are not copied. Bids have side 0, asks side 1.
"""

import numpy as np

from crossmargin.model.bits import leading_zeros, trailing_zeros
from crossmargin.model.kernel import kernel

_ONE = np.uint64(1)


@kernel
def bit(position):
    """Word with one bit set."""
    return _ONE << np.uint64(position & 63)


@kernel
def next_page_up(bits, page):
    """First page in use at or above `page`, or -1; `bits` is one side's bitmap."""
    i = page >> 6
    if i >= bits.shape[0]:
        return -1
    word = bits[i] >> np.uint64(page & 63)
    if word != 0:
        return page + np.int64(trailing_zeros(word))
    i += 1
    while i < bits.shape[0]:
        if bits[i] != 0:
            return (i << 6) + np.int64(trailing_zeros(bits[i]))
        i += 1
    return -1


@kernel
def next_page_down(bits, page):
    """Last page in use at or below `page`, or -1."""
    if page < 0:
        return -1
    i = page >> 6
    word = bits[i] << np.uint64(63 - (page & 63))
    if word != 0:
        return page - np.int64(leading_zeros(word))
    i -= 1
    while i >= 0:
        if bits[i] != 0:
            return (i << 6) + 63 - np.int64(leading_zeros(bits[i]))
        i -= 1
    return -1


@kernel
def level_up(book, market, side, tick):
    """First tick at or above `tick` that holds orders of a side; the number of ticks if none."""
    table = book.table[market, side]
    n_ticks = table.shape[0] << 6
    if tick >= n_ticks:
        return n_ticks
    word = book.words[table[tick >> 6]] >> np.uint64(tick & 63)
    if word != 0:
        return tick + np.int64(trailing_zeros(word))
    run = next_page_up(book.bitmap[market, side], (tick >> 6) + 1)
    if run < 0:
        return n_ticks
    return (run << 6) + np.int64(trailing_zeros(book.words[table[run]]))


@kernel
def level_down(book, market, side, tick):
    """Last tick at or below `tick` that holds orders of a side; -1 if none."""
    if tick < 0:
        return -1
    table = book.table[market, side]
    word = book.words[table[tick >> 6]] << np.uint64(63 - (tick & 63))
    if word != 0:
        return tick - np.int64(leading_zeros(word))
    run = next_page_down(book.bitmap[market, side], (tick >> 6) - 1)
    if run < 0:
        return -1
    return (run << 6) + 63 - np.int64(leading_zeros(book.words[table[run]]))


@kernel
def drop_level(book, market, side, tick):
    """Take an emptied level out of the bitmaps, its page with it when it was the last one."""
    page = book.table[market, side, tick >> 6]
    book.words[page] &= ~bit(tick)
    if book.words[page] == 0:
        book.table[market, side, tick >> 6] = 0
        book.levels[page, 0].head = book.pool[0].free_page
        book.pool[0].free_page = page
        book.bitmap[market, side, tick >> 12] &= ~bit(tick >> 6)
    best = book.ladders[market].best
    if tick == best[side]:
        best[side] = (
            level_down(book, market, 0, tick) if side == 0 else level_up(book, market, 1, tick)
        )


@kernel
def _fresh_page(book):
    """Take a page that was never used and empty its levels; 0 when there is none."""
    page = book.pool[0].fresh_page
    if page >= book.levels.shape[0]:
        return 0
    book.pool[0].fresh_page += 1
    for i in range(64):
        book.levels[page, i].head = -1
        book.levels[page, i].tail = -1
    return page


@kernel
def _free_page(book):
    """Take a page that was given back, a fresh one when there is none; 0 when all are in use."""
    page = book.pool[0].free_page
    if page == 0:
        return _fresh_page(book)
    book.pool[0].free_page = book.levels[page, 0].head
    book.levels[page, 0].head = -1
    return page


@kernel
def page_of(book, market, side, tick):
    """Page of a tick, made if it is missing; 0 when no page is free."""
    page = book.table[market, side, tick >> 6]
    if page > 0:
        return page
    page = _free_page(book)
    if page > 0:
        book.table[market, side, tick >> 6] = page
        book.bitmap[market, side, tick >> 12] |= bit(tick >> 6)
    return page
