"""The order book: price-time priority on integer ticks and lots.

Every operation costs the same however deep the book is: orders are records in one pool, chained
per level; a level is found by its tick. The kernels move orders and, where they are tracked,
resting lots by account; who owes what after a trade is the ledger's business.
"""

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.levels import bit, drop_level, page_of
from crossmargin.model.memory import untouched
from crossmargin.model.state import (
    ALLOW_SELF_TRADE,
    FORCED,
    LADDER,
    LEVEL,
    POOL,
    POOL_FULL,
    REDUCE_ONLY,
    RESTING,
    SELF_ALLOW,
    SELF_CANCEL_RESTING,
    SELF_CANCEL_TAKER,
    Array,
    Book,
)

#: `match` returns this instead of lots when a self-trade ends the incoming order.
STOPPED = -1


@kernel
def renew_mid(book, market):
    """Return by how many half ticks the mid moved since it was last looked at.

    While a side is empty it stays where it was, but never beyond the quote that is left.
    """
    ladder = book.ladders[market]
    bid, ask = ladder.best[0], ladder.best[1]
    has_bid, has_ask = bid >= 0, ask < book.table.shape[2] << 6
    if has_bid and has_ask:
        mid = bid + ask
    elif has_bid:
        mid = max(ladder.mid, 2 * bid) if ladder.mid > 0 else 0
    elif has_ask:
        mid = min(ladder.mid, 2 * ask)
    else:
        mid = ladder.mid
    shift = mid - ladder.mid if ladder.mid > 0 else 0
    ladder.mid = mid
    return shift


@kernel
def remove(book, slot):
    """Take a resting order out of its level and give its slot back."""
    order = book.orders[slot]
    market, side, tick = np.int64(order.market), np.int64(order.side), np.int64(order.price)
    level = book.levels[book.table[market, side, tick >> 6], tick & 63]
    level.quantity -= order.quantity
    if book.open_lots.shape[0] > 0:
        book.open_lots[order.account, market, side] -= order.quantity
    if order.previous >= 0:
        book.orders[order.previous].next = order.next
    else:
        level.head = order.next
    if order.next >= 0:
        book.orders[order.next].previous = order.previous
    else:
        level.tail = order.previous
    if level.head < 0:
        drop_level(book, market, side, tick)
    order.side = -1
    order.next = book.pool[0].free_order
    book.pool[0].free_order = slot
    book.pool[0].resting -= 1


@kernel
def _append(book, slot, page):
    order = book.orders[slot]
    market, side, tick = np.int64(order.market), np.int64(order.side), np.int64(order.price)
    level = book.levels[page, tick & 63]
    order.previous = level.tail
    order.next = -1
    if level.tail >= 0:
        book.orders[level.tail].next = slot
    else:
        level.head = slot
        level.quantity = 0
        book.words[page] |= bit(tick)
        best = book.ladders[market].best
        if (side == 0 and tick > best[0]) or (side == 1 and tick < best[1]):
            best[side] = tick
    level.tail = slot
    level.quantity += order.quantity


@kernel
def rest(book, message, lots):
    """Let what is left of a limit order rest; return its slot, or -1 when the pool is full."""
    slot = book.pool[0].free_order
    market, side = np.int64(message.market), np.int64(0 if message.side > 0 else 1)
    page = page_of(book, market, side, message.price) if slot >= 0 else 0
    if page <= 0:
        book.pool[0].reason = POOL_FULL
        return -1
    order = book.orders[slot]
    book.pool[0].free_order = order.next
    book.pool[0].resting += 1
    order.id = book.pool[0].next_id
    order.market = market
    order.side = side
    order.price = message.price
    order.quantity = lots
    order.account = message.account
    order.flags = message.flags
    _append(book, slot, page)
    if book.open_lots.shape[0] > 0:
        book.open_lots[order.account, market, side] += lots
    return np.int64(slot)


@kernel
def crosses(book, message, limit):
    """Tell whether a message would trade at once at a limit price, ticks."""
    best = book.ladders[message.market].best
    if message.side > 0:
        return best[1] <= limit and best[1] < book.table.shape[2] << 6
    return best[0] >= limit and best[0] >= 0


@kernel
def reducible(lots, side, wanted):
    """Lots of `wanted` that close a position: buys (side +1) close shorts, sells close longs."""
    return max(0, min(wanted, -lots if side > 0 else lots))


@kernel
def allowed(book, order):
    """Lots that a resting order may trade now; a reduce-only order never opens a position."""
    if order.flags & REDUCE_ONLY == 0:
        return order.quantity
    if book.lots.shape[0] == 0:
        return 0
    side = 1 if order.side == 0 else -1
    return reducible(book.lots[order.account, order.market], side, order.quantity)


@kernel
def self_trade_policy(book, message):
    """What happens when a message meets an order of its own account.

    Its own order must not shield an account from a forced one: that cancels the order.
    """
    policy = book.ladders[message.market].self_trade
    if message.flags & ALLOW_SELF_TRADE != 0:
        return SELF_ALLOW
    if message.author_class == FORCED and policy == SELF_CANCEL_TAKER:
        return SELF_CANCEL_RESTING
    return policy


@kernel
def _record_trade(book, fill, order, message, lots):
    ladder = book.ladders[message.market]
    fill.maker_order = order.id
    fill.taker_order = book.pool[0].next_id
    fill.maker = order.account
    fill.taker = message.account
    fill.side = message.side
    fill.market = message.market
    fill.price = order.price
    fill.quantity = lots
    ladder.last = order.price
    ladder.volume += lots
    ladder.signed_volume += lots * np.int64(message.side)
    ladder.notional += lots * order.price
    ladder.trades += 1


@kernel
def match(book, message, limit, lots, fill):
    """Trade against the best resting order; return the lots traded, 0 when nothing crosses.

    Parameters
    ----------
    message : ORDER, the incoming order
    limit : int, worst price, ticks
    lots : int, what is left of the incoming order
    fill : FILL, written in place
    """
    opposite = 1 if message.side > 0 else 0
    market = np.int64(message.market)
    while crosses(book, message, limit):
        tick = book.ladders[market].best[opposite]
        level = book.levels[book.table[market, opposite, tick >> 6], tick & 63]
        slot = level.head
        order = book.orders[slot]
        if order.account == message.account:
            policy = self_trade_policy(book, message)
            if policy == SELF_CANCEL_TAKER:
                return STOPPED
            if policy == SELF_CANCEL_RESTING:
                remove(book, slot)
                continue
        traded = min(lots, allowed(book, order))
        if traded == 0:
            remove(book, slot)
            continue
        _record_trade(book, fill, order, message, traded)
        order.quantity -= traded
        level.quantity -= traded
        if book.open_lots.shape[0] > 0:
            book.open_lots[order.account, market, opposite] -= traded
        if order.quantity == 0:
            remove(book, slot)
        return traded
    return 0


def new_book(
    n_markets: int, price_levels: int, capacity: int, pages: int, n_accounts: int = 0
) -> Book:
    """Empty books of some markets, sharing one pool of orders and pages.

    Parameters
    ----------
    price_levels : int
        Ticks of each book; rounded up to a multiple of 4096.
    capacity, pages : int
        Resting orders, and pages of 64 levels, of all markets together.
    n_accounts : int
        Accounts whose positions and resting lots are tracked; 0 tracks none.
    """
    runs = -(-price_levels // 4096) * 64
    book = Book(
        pool=np.zeros(1, POOL),
        orders=np.zeros(capacity, RESTING),
        levels=np.zeros((1 + pages, 64), LEVEL),
        words=np.zeros(1 + pages, np.uint64),
        table=np.zeros((n_markets, 2, runs), np.int32),
        bitmap=np.zeros((n_markets, 2, runs // 64), np.uint64),
        ladders=np.zeros(n_markets, LADDER),
        lots=np.zeros((n_accounts, n_markets), np.int64),
        open_lots=np.zeros((n_accounts, n_markets, 2), np.int64),
    )
    book.orders["side"] = -1
    book.orders["next"] = np.append(np.arange(1, capacity), -1)
    book.pool["fresh_page"] = 1
    book.ladders["best"] = (-1, runs * 64)
    book.ladders["top"] = price_levels
    return book


def copy_book(book: Book, lots: Array) -> Book:
    """Copy of all books that shares nothing; what was never used is not touched."""
    used = int(book.pool["fresh_page"][0])
    copied = book._replace(levels=untouched(book.levels), table=untouched(book.table), lots=lots)
    copied.levels[:used] = book.levels[:used]
    words = np.flatnonzero(book.bitmap)
    for word in words:
        run = slice(64 * word, 64 * (word + 1))
        copied.table.reshape(-1)[run] = book.table.reshape(-1)[run]
    others = ("pool", "orders", "words", "bitmap", "ladders", "open_lots")
    return copied._replace(**{name: getattr(book, name).copy() for name in others})
