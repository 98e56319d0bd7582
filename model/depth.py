"""How much rests in a book, and how much of it an order could take.

Nothing here changes a book.
"""

import numpy as np

from crossmargin.model.book import reducible, self_trade_policy
from crossmargin.model.kernel import kernel
from crossmargin.model.levels import level_down, level_up
from crossmargin.model.state import REDUCE_ONLY, SELF_ALLOW, SELF_CANCEL_RESTING


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
    policy = self_trade_policy(book, message)
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
