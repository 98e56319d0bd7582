"""The order book: price-time priority on integer ticks and lots.

Every operation costs the same however deep the book is: orders are records in one pool, chained
per level; a level is found by its tick. The kernels move orders and, where they are tracked,
resting lots by account; who owes what after a trade is the ledger's business.
"""

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.levels import bit, drop_level, level_down, level_up, page_of
from crossmargin.model.state import (
    ALLOW_SELF_TRADE,
    LADDER,
    LEVEL,
    POOL,
    POOL_FULL,
    REDUCE_ONLY,
    RESTING,
    SELF_ALLOW,
    SELF_CANCEL_RESTING,
    Book,
)

#: `match` returns this instead of lots when a self-trade ends the incoming order.
STOPPED = -1


@kernel
def renew_mid(book, market):
    """Return by how many half ticks the mid moved since it was last looked at."""
    ladder = book.ladders[market]
    bid, ask = ladder.best[0], ladder.best[1]
    if bid < 0 or ask >= book.table.shape[2] << 6:
        return 0
    mid = bid + ask
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
    page = page_of(book, market, side, message.price) if slot >= 0 else -1
    if page < 0:
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
def _allowed(book, order):
    """Lots that a resting order may trade now; a reduce-only order never opens a position."""
    if order.flags & REDUCE_ONLY == 0:
        return order.quantity
    if book.lots.shape[0] == 0:
        return 0
    side = 1 if order.side == 0 else -1
    return reducible(book.lots[order.account, order.market], side, order.quantity)


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
        policy = book.ladders[market].self_trade
        if order.account == message.account and policy != SELF_ALLOW:
            if message.flags & ALLOW_SELF_TRADE == 0:
                if policy != SELF_CANCEL_RESTING:
                    return STOPPED
                remove(book, slot)
                continue
        traded = min(lots, _allowed(book, order))
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


@kernel
def next_level(book, market, side, tick):
    """Next worse price of a side after a tick, ticks; -1 or the number of ticks when none is."""
    if side == 0:
        return level_down(book, market, 0, tick - 1)
    return level_up(book, market, 1, tick + 1)


@kernel(inline=False)
def _allowed_later(book, order):
    """Lots that a reduce-only order may trade once all that stands before it is taken.

    Orders of its account that trade first move the position that it may reduce.
    """
    market, side = np.int64(order.market), np.int64(order.side)
    sign = 1 if side == 0 else -1
    held = book.lots[order.account, market]
    tick = book.ladders[market].best[side]
    while True:
        slot = book.levels[book.table[market, side, tick >> 6], tick & 63].head
        while slot >= 0:
            other = book.orders[slot]
            if other.account == order.account:
                lots = other.quantity
                if other.flags & REDUCE_ONLY != 0:
                    lots = reducible(held, sign, lots)
                if other.id == order.id:
                    return lots
                held += sign * lots
            slot = other.next
        tick = next_level(book, market, side, tick)


@kernel
def _level_lots(book, level, message, wanted):
    """Lots at a level that a message could take, and whether one of its own orders stops it.

    Own orders that may not trade count as nothing, and so do own reduce-only orders: what they
    may trade depends on what is taken before.
    """
    total = 0
    slot = level.head
    policy = book.ladders[message.market].self_trade
    if message.flags & ALLOW_SELF_TRADE != 0:
        policy = SELF_ALLOW
    while slot >= 0 and total < wanted:
        order = book.orders[slot]
        is_own = order.account == message.account
        if is_own and policy != SELF_ALLOW:
            if policy != SELF_CANCEL_RESTING:
                return total, True
        elif order.flags & REDUCE_ONLY == 0:
            total += order.quantity
        elif not is_own and book.lots.shape[0] > 0:
            total += _allowed_later(book, order)
        slot = order.next
    return total, False


@kernel
def takeable(book, message, limit, wanted):
    """Lots that an incoming order could take at once; counting stops when `wanted` is reached."""
    market = np.int64(message.market)
    opposite = 1 if message.side > 0 else 0
    tick = book.ladders[market].best[opposite]
    total = 0
    is_stopped = False
    while total < wanted and not is_stopped and 0 <= tick < book.table.shape[2] << 6:
        if (tick > limit) if message.side > 0 else (tick < limit):
            break
        level = book.levels[book.table[market, opposite, tick >> 6], tick & 63]
        lots, is_stopped = _level_lots(book, level, message, wanted - total)
        total += lots
        tick = next_level(book, market, opposite, tick)
    return total


@kernel
def price_of_taking(book, message, limit):
    """Lots that an order would take at once and the tick-lots it would pay, whoever rests there."""
    market = np.int64(message.market)
    opposite = 1 if message.side > 0 else 0
    tick = book.ladders[market].best[opposite]
    left, paid = message.quantity, 0
    while left > 0 and 0 <= tick < book.table.shape[2] << 6:
        if (tick > limit) if message.side > 0 else (tick < limit):
            break
        level = book.levels[book.table[market, opposite, tick >> 6], tick & 63]
        lots = min(left, level.quantity)
        paid += lots * tick
        left -= lots
        tick = next_level(book, market, opposite, tick)
    return message.quantity - left, paid


@kernel
def depth_within(book, market, side, limit):
    """Resting lots of a side from its best price to a limit price, ticks."""
    tick = book.ladders[market].best[side]
    total = 0
    n_ticks = book.table.shape[2] << 6
    while 0 <= tick < n_ticks and ((tick >= limit) if side == 0 else (tick <= limit)):
        total += book.levels[book.table[market, side, tick >> 6], tick & 63].quantity
        tick = next_level(book, market, side, tick)
    return total


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
        levels=np.zeros((pages, 64), LEVEL),
        words=np.zeros(pages, np.uint64),
        table=np.full((n_markets, 2, runs), -1, np.int32),
        bitmap=np.zeros((n_markets, 2, runs // 64), np.uint64),
        ladders=np.zeros(n_markets, LADDER),
        lots=np.zeros((n_accounts, n_markets), np.int64),
        open_lots=np.zeros((n_accounts, n_markets, 2), np.int64),
    )
    book.orders["side"] = -1
    book.orders["next"] = np.append(np.arange(1, capacity), -1)
    book.levels["head"] = -1
    book.levels["tail"] = -1
    book.levels["head"][:, 0] = np.append(np.arange(1, pages), -1)
    book.ladders["best"] = (-1, runs * 64)
    book.ladders["top"] = price_levels
    return book
