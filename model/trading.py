"""One order through the market: entry checks, matching, settlement, fees, attribution.

An order that would breach initial margin is refused and the reason counted; one that only reduces
a position needs no margin. An account in trouble may send reduce-only orders alone.
"""

import numpy as np

from crossmargin.model.book import (
    STOPPED,
    crosses,
    match,
    reducible,
    remove,
    rest,
)
from crossmargin.model.contracts import QUOTE, follow_parties, loss_units, lot_notional
from crossmargin.model.depth import price_of_taking, takeable
from crossmargin.model.integers import LARGEST, to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import charge, fee_rate, notional_of, strain, trade
from crossmargin.model.log import displaced, displaced_alone, is_tracing, trace_trade
from crossmargin.model.margin.numbers import free_collateral, initial_requirement
from crossmargin.model.pools import is_over_cap, taking_tick, trade_with_pool
from crossmargin.model.state import (
    ACCEPTED,
    ACCOUNT_STATE,
    BAD_ACCOUNT,
    BAD_MESSAGE,
    BAD_PRICE,
    BAD_QUANTITY,
    CANCEL,
    FILL_OR_KILL,
    FORCED,
    GOOD_TILL_CANCELLED,
    HALTED,
    LARGEST_ORDER,
    MARGIN_CALL,
    MARKET_ORDER,
    NO_MARGIN,
    NOT_FILLABLE,
    NOT_REDUCING,
    OPTION,
    POOL_CAP,
    POOLED,
    POST_ONLY,
    REDUCE_ONLY,
    REFILL,
    REPLACE,
    SPOT,
    UNKNOWN_ORDER,
    WITHDRAWAL,
    WOULD_TAKE,
    WRONG_MARKET,
)

#: A handle is an order's id times this, plus its slot; 0 is no order.
SLOTS = 1 << 24


@kernel
def limit_of(book, message):
    """Worst price of a message, ticks: its own, or the end of the range for a market order."""
    if message.action != MARKET_ORDER:
        return message.price
    return (book.table.shape[2] << 6) - 1 if message.side > 0 else 0


@kernel
def is_spot_sale(ledger, message):
    """Tell whether an order sells what its account must own."""
    return message.side < 0 and ledger.markets[message.market].kind == SPOT


@kernel
def _entry_loss(book, ledger, message, limit):
    """Loss against the mark and fees when an order trades as far as it can, quote units.

    What takes is priced level by level, what rests at its own price.
    """
    market = ledger.markets[message.market]
    lots, paid = 0, 0
    if market.kind == POOLED:
        lots, paid = message.quantity, message.quantity * taking_tick(ledger, message)
    elif crosses(book, message, limit):
        lots, paid = price_of_taking(book, message, limit)
    loss = max(0, (2 * paid - lots * market.mark) * message.side)
    half_price = 2 * paid // max(1, lots) if lots > 0 else market.mark
    if message.action != MARKET_ORDER and message.life == GOOD_TILL_CANCELLED:
        worse = (2 * limit - market.mark) * message.side
        loss += max(0, worse) * (message.quantity - lots)
        half_price = min(half_price, 2 * limit)
    rate = fee_rate(market, 2 * paid / max(1, lots), market.taker_fee)
    fee = to_units_up((2 * paid * market.half_unit + lots * market.face) * rate)
    return loss_units(market, loss, half_price) + max(0, fee)


@kernel
def _is_well_covered(book, ledger, log, message, limit):
    """Tell whether what an account had to spare in this block pays for an order in any case.

    The whole requirement of the market is counted as new, so that nothing else need be looked at.
    A risk model gives no such bound: what a market needs there depends on all that is held.
    """
    if ledger.risk.shape[0] > 0:
        return False
    row, market = message.account, np.int64(message.market)
    m, spare = ledger.markets[market], ledger.accounts[message.account].spare
    cursor = log.cursor[0]
    if spare <= 0 or m.kind == SPOT or m.kind == OPTION or cursor.judged_step != cursor.step:
        return False
    bids, asks = book.open_lots[row, market, 0], book.open_lots[row, market, 1]
    worst = abs(ledger.lots[row, market]) + max(bids, asks) + message.quantity
    asked = initial_requirement(ledger, market, notional_of(ledger, market, worst, m.mark))
    return spare >= asked + _entry_loss(book, ledger, message, limit)


@kernel
def has_margin(book, ledger, log, message, limit):
    """Tell whether an account may send an order that is not reduce-only."""
    row, market = message.account, np.int64(message.market)
    side = 0 if message.side > 0 else 1
    closing = book.open_lots[row, market, side] + message.quantity
    if reducible(ledger.lots[row, market], message.side, closing) == closing:
        return True
    asked = book.open_lots[row, market, 1] + message.quantity if side == 1 else 0
    if is_spot_sale(ledger, message) and asked > ledger.lots[row, market]:
        return False  # spot cannot be sold short
    if _is_well_covered(book, ledger, log, message, limit):
        return True
    book.open_lots[row, market, side] += message.quantity
    after = free_collateral(ledger, book, row) - _entry_loss(book, ledger, message, limit)
    book.open_lots[row, market, side] -= message.quantity
    return after >= 0 or after >= free_collateral(ledger, book, row)


@kernel
def _malformation(book, ledger, message):
    """Reason for which no market could take a new order, or `ACCEPTED`."""
    if not 0 <= message.account < ledger.lots.shape[0]:
        return BAD_ACCOUNT
    if not 0 <= message.market < ledger.lots.shape[1] or message.side * message.side != 1:
        return BAD_MESSAGE
    if message.action != MARKET_ORDER and not 0 < message.price < book.table.shape[2] << 6:
        return BAD_PRICE
    market = ledger.markets[message.market]
    half_price = market.mark
    if message.action != MARKET_ORDER:
        half_price = max(half_price, 2 * message.price)
    value = np.float64(message.quantity) * lot_notional(market, half_price)
    if not 0 < message.quantity <= LARGEST_ORDER or value > LARGEST:
        return BAD_QUANTITY
    return ACCEPTED


@kernel
def refusal(book, ledger, message, step):
    """Reason for which a new order is refused before it meets the book, or `ACCEPTED`."""
    reason = _malformation(book, ledger, message)
    if reason != ACCEPTED:
        return reason
    if ledger.markets[message.market].halted_until > step:
        return HALTED
    account = ledger.accounts[message.account]
    if message.author_class == FORCED:
        return ACCEPTED
    if account.only_market >= 0 and account.only_market != message.market:
        return WRONG_MARKET
    if (account.markets >> message.market) & 1 == 0:
        return WRONG_MARKET
    if account.state > MARGIN_CALL and message.flags & REDUCE_ONLY == 0:
        return ACCOUNT_STATE
    return ACCEPTED


@kernel
def admitted(book, ledger, log, message, limit):
    """Lots of an order that may go to the book and, when none may, the reason."""
    lots = message.quantity
    if message.author_class == FORCED and is_spot_sale(ledger, message):
        message.flags |= REDUCE_ONLY
    if message.flags & REDUCE_ONLY != 0:
        lots = reducible(ledger.lots[message.account, message.market], message.side, lots)
        if lots == 0:
            return 0, NOT_REDUCING
    elif message.author_class != FORCED and not has_margin(book, ledger, log, message, limit):
        return 0, NO_MARGIN
    if ledger.markets[message.market].kind == POOLED:
        if message.flags & POST_ONLY != 0:
            return 0, WOULD_TAKE
        return (0, POOL_CAP) if is_over_cap(ledger, message) else (lots, ACCEPTED)
    if message.flags & POST_ONLY != 0 and takeable(book, message, limit, 1) > 0:
        return 0, WOULD_TAKE
    if message.life == FILL_OR_KILL and takeable(book, message, limit, lots) < lots:
        return 0, NOT_FILLABLE
    return lots, ACCEPTED


@kernel
def settle(book, ledger, log, step, author_class):
    """Book the fill just made: positions, money, fees, displacement; returns the displacement."""
    fill = log.fill[0]
    market = ledger.markets[fill.market]
    value = trade(ledger, log, fill)
    rate = fee_rate(market, 2 * fill.price, market.maker_fee)
    charge(ledger, market.settles, fill.maker, value, rate)
    if author_class != FORCED:  # a forced order pays its penalty instead
        rate = fee_rate(market, 2 * fill.price, market.taker_fee)
        charge(ledger, market.settles, fill.taker, value, rate)
    if market.settles != QUOTE:
        follow_parties(ledger, log, np.int64(fill.market), fill.taker, fill.maker)
    shift = displaced(book, log, np.int64(fill.market), author_class)
    log.cursor[0].fills += 1
    if is_tracing(log, step):
        trace_trade(log, step, fill, shift)
    return shift


@kernel
def sweep(book, ledger, log, message, lots):
    """Trade an incoming order as far as it goes; returns the lots that are left."""
    limit = limit_of(book, message)
    step = log.cursor[0].step
    while lots > 0:
        traded = match(book, message, limit, lots, log.fill[0])
        if traded == STOPPED:
            lots = 0
        if traded <= 0:
            break
        settle(book, ledger, log, step, message.author_class)
        lots -= traded
    displaced_alone(book, log, np.int64(message.market), message.author_class)
    return lots


@kernel
def bring(book, ledger, log, message):
    """Bring a new order to the market; returns the handle of what rests, or 0."""
    reason = refusal(book, ledger, message, log.cursor[0].step)
    lots = 0
    if reason == ACCEPTED:
        lots, reason = admitted(book, ledger, log, message, limit_of(book, message))
    log.counters[reason] += 1
    if reason != ACCEPTED:
        log.cursor[0].rejected += 1
        return 0
    book.pool[0].next_id += 1
    if ledger.markets[message.market].kind == POOLED:
        trade_with_pool(book, ledger, log, message, lots)
        return 0
    lots = sweep(book, ledger, log, message, lots)
    if lots == 0 or message.action == MARKET_ORDER or message.life != GOOD_TILL_CANCELLED:
        return 0
    if is_spot_sale(ledger, message):
        message.flags |= REDUCE_ONLY  # what rests never sells more than is still held
    slot = rest(book, message, lots)
    if slot < 0:
        log.counters[book.pool[0].reason] += 1
        log.cursor[0].rejected += 1
        return 0
    strain(ledger, message.account)
    displaced_alone(book, log, np.int64(message.market), message.author_class)
    return book.pool[0].next_id * SLOTS + slot


@kernel(inline=False)
def place(book, ledger, log, message):
    """Bring an order to the market where there are few: a function of its own compiles once."""
    return bring(book, ledger, log, message)


@kernel
def is_live(book, handle, account):
    """Tell whether a handle still names a resting order of an account."""
    slot = handle & (SLOTS - 1)
    if handle <= 0 or slot >= book.orders.shape[0]:
        return False
    order = book.orders[slot]
    return order.side >= 0 and order.id == handle >> 24 and order.account == account


@kernel
def cancel(book, log, message):
    """Cancel the order that a message names; tell whether there was one."""
    if not is_live(book, message.order, message.account):
        log.counters[UNKNOWN_ORDER] += 1
        log.cursor[0].rejected += 1
        return False
    slot = message.order & (SLOTS - 1)
    market = np.int64(book.orders[slot].market)
    author_class = message.author_class
    remove(book, slot)
    author_class = WITHDRAWAL if author_class == REFILL else author_class
    displaced_alone(book, log, market, author_class)
    return True


@kernel
def execute(book, ledger, log, message):
    """Execute a message of any kind; returns the handle of what rests, or 0.

    A replacement whose old order is gone is dropped, as it would stand twice otherwise.
    """
    log.cursor[0].messages += 1
    if message.action == CANCEL:
        cancel(book, log, message)
        return 0
    if message.action == REPLACE and not cancel(book, log, message):
        return 0
    return bring(book, ledger, log, message)
