"""Kernels that the trader populations share: who acts, in which market, how much there is room for.

Agents write to the inbox alone. What they look at is the state as the block found it.
"""

import math

import numpy as np

from crossmargin.model.contracts import lot_notional
from crossmargin.model.draws import DECIDE, exponential, uniforms
from crossmargin.model.inbox import next_message
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import DISCRETIONARY, IMMEDIATE_OR_CANCEL, SPOT


@kernel
def draws_of(state, row, step):
    """Four uniforms of an agent's decision in a step."""
    key = state.ledger.accounts[row].key
    return uniforms(state.clock[0].seed, key, DECIDE, step, 0)


@kernel
def wait(uniform, rate, seconds):
    """Blocks from one action of an agent to the next, 1 or more, its rate being per second.

    A Poisson process looked at once a block: each block is an active one with probability
    1 - exp(-rate x seconds), whatever went before, so behaviour does not depend on its length.
    """
    mean = rate * seconds
    if uniform < mean * (1.0 - uniform):  # -log(1 - u) <= u / (1 - u): no logarithm is needed
        return 1.0
    return 1.0 + np.floor(exponential(uniform) / mean) if mean > 0.0 else np.inf


@kernel
def n_markets_of(mask, n_markets):
    """Number of markets in a bit mask."""
    n = 0
    for m in range(n_markets):
        n += (mask >> m) & 1
    return n


@kernel
def market_at(mask, n_markets, place):
    """Market number `place` of a bit mask, counted from 0; -1 past the last."""
    for m in range(n_markets):
        if (mask >> m) & 1:
            if place == 0:
                return m
            place -= 1
    return -1


@kernel
def own_market(state, row, market):
    """Market that an agent chose where its account may trade it, else -1.

    The accounts of one owner draw the same choice, so that one of them acts on it and not all.
    """
    if market < 0 or (state.ledger.accounts[row].markets >> market) & 1 == 0:
        return -1
    return np.int64(market)


@kernel
def means_of(state, row):
    """Equity of an account with its share of what its owner keeps apart, quote units."""
    account, apart = state.ledger.accounts[row], 0
    if account.purse >= 0:
        purse = np.int64(account.purse)
        apart = state.ledger.balances[purse, QUOTE] // max(1, account.siblings)
    return account.equity + apart


@kernel
def mid_of(state, market):
    """Mid price, half ticks; the index while the book has never had both sides."""
    mid = state.book.ladders[market].mid
    return mid if mid > 0 else state.ledger.markets[market].index


@kernel
def worst_notional(ledger, book, row, market):
    """Notional of a derivative position if all bids or all asks fill, quote units at the mark."""
    m = ledger.markets[market]
    if m.kind == SPOT:
        return 0
    lots = ledger.lots[row, market]
    bids, asks = book.open_lots[row, market, 0], book.open_lots[row, market, 1]
    return max(abs(lots + bids), abs(lots - asks)) * lot_notional(m, m.mark)


@kernel
def room_for(state, row, market, side, leverage):
    """Quote units by which an agent may add to one side of a market within its leverage.

    An order of its own that rests in this market counts as replaced. In a spot market a buyer has
    its quote balance and a seller what it holds.
    """
    ledger, book = state.ledger, state.book
    m = ledger.markets[market]
    lots = ledger.lots[row, market]
    if m.kind == SPOT:
        held = lots * mid_of(state, market) * m.half_unit
        return max(0, ledger.balances[row, QUOTE]) if side > 0 else held
    used = lots * lot_notional(m, m.mark) * side
    for other in range(ledger.markets.shape[0]):
        if other != market:
            used += worst_notional(ledger, book, row, other)
    return max(0, to_units(leverage * ledger.accounts[row].initial_equity) - used)


@kernel
def own_message(state, row, market, side):
    """Next free message of the inbox, signed by a discretionary trader."""
    message = next_message(state.crowd, state.clock)
    message.account = row
    message.market = market
    message.side = side
    message.author_class = DISCRETIONARY
    message.price = 0
    message.quantity = 0
    return message


@kernel
def tick_of(half_price, side):
    """Tick at or inside a price in half ticks: buys round down, sells up."""
    return side * np.int64(math.floor(side * 0.5 * half_price))


@kernel
def largest_position(state, part, row):
    """Market of the part with an account's largest derivative position at the mark, or -1."""
    ledger, found, most = state.ledger, -1, 0
    for m in range(ledger.markets.shape[0]):
        market = ledger.markets[m]
        size = abs(ledger.lots[row, m]) * lot_notional(market, market.mark)
        if (state.parts[part].markets >> m) & 1 and market.kind != SPOT and size > most:
            found, most = m, size
    return found


@kernel
def take_at_once(state, row, market, lots, worst):
    """Write an order that takes what it can at once, `lots` signed, at a worst price in half ticks.

    The caller sets its arrival, and flags where it has any.
    """
    side = 1 if lots > 0 else -1
    message = own_message(state, row, market, side)
    message.life = IMMEDIATE_OR_CANCEL
    message.quantity = abs(lots)
    message.price = max(1, min(tick_of(worst, side), (state.book.table.shape[2] << 6) - 1))
    return message
