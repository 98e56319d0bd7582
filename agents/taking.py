"""Kernels of populations that look at times of their own and trade by taking.

Looks are a Poisson process; a gap between what is held and what is wanted is closed at a rate per
second, so that neither depends on the length of a block. Each agent acts in one perpetual.
"""

import math
from typing import NamedTuple

import numpy as np

from crossmargin.agents.acting import market_at, mid_of, own_market, take_at_once, wait
from crossmargin.model.contracts import lot_notional
from crossmargin.model.draws import ARRIVE, DECIDE, uniforms
from crossmargin.model.inbox import arrival
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.state import CLOSED, MARGIN_CALL, REDUCE_ONLY, SPOT


class Intent(NamedTuple):
    """A trade that an agent wants at once: lots signed, worst price as a fraction from the mid."""

    market: int
    lots: int
    slippage: float
    latency: float
    author_class: int


@kernel
def perpetual_of(state, part, row):
    """Perpetual in which an agent acts: that of its account, or one by its place; -1 for none."""
    only, n = np.int64(state.ledger.accounts[row].only_market), 0
    if only >= 0:
        return only if state.ledger.markets[only].kind != SPOT else -1
    mask = 0
    for m in range(state.ledger.markets.shape[0]):
        if (state.parts[part].markets >> m) & 1 and state.ledger.markets[m].kind != SPOT:
            mask |= 1 << m
            n += 1
    index = np.int64(state.ledger.accounts[row].index)
    if n == 0:
        return -1
    return own_market(state, row, market_at(mask, state.ledger.markets.shape[0], index % n))


@kernel
def spot_of(state, part, market):
    """First spot market of a part on the underlying of a market; -1 for none."""
    markets = state.ledger.markets
    for m in range(markets.shape[0]):
        is_same = markets[m].underlying == markets[market].underlying
        if (state.parts[part].markets >> m) & 1 and markets[m].kind == SPOT and is_same:
            return m
    return -1


@kernel
def spot_lots(state, row, market, spot):
    """Coins on the venue, in lots of the perpetual."""
    if spot < 0:
        return 0
    markets = state.ledger.markets
    return to_units(state.ledger.lots[row, spot] * markets[spot].lot / markets[market].lot + 1e-6)


@kernel
def coins(state, row, market, spot):
    """Coins on the venue and outside, in lots of the perpetual."""
    return state.crowd.outside_lots[row, market] + spot_lots(state, row, market, spot)


@kernel
def wakes(state, row, place, interval):
    """Tell whether an agent looks now; its next look is kept in a place of its memory.

    The first call only draws when the first look will be.
    """
    memory, clock = state.crowd.memory[row], state.clock[0]
    due = memory[place]
    if due > clock.step:
        return False
    key = state.ledger.accounts[row].key
    uniform = uniforms(clock.seed, key, DECIDE, clock.step, 1)[0]
    memory[place] = clock.step + wait(uniform, 1.0 / interval, clock.block_seconds)
    return due > 0.0


@kernel
def closed_share(state, seconds):
    """Share of a gap that is closed in a block when it decays with a time constant."""
    return -math.expm1(-state.clock[0].block_seconds / seconds)


@kernel
def slice_of(state, lots, seconds):
    """Part of signed lots to trade in this block, one lot at least while there are any."""
    if lots == 0:
        return 0
    size = max(1, to_units(abs(lots) * closed_share(state, seconds)))
    return np.int64(size if lots > 0 else -size)


@kernel
def price_of(state, market):
    """Mid price, quote per base."""
    return 0.5 * mid_of(state, market) * state.ledger.markets[market].tick


@kernel
def value_of(state, market):
    """Value of one lot at the mid, quote units as a float."""
    return np.float64(lot_notional(state.ledger.markets[market], mid_of(state, market)))


@kernel
def may_trade(state, row, market, lots):
    """Tell whether an account may trade signed lots of a market now."""
    account, m = state.ledger.accounts[row], state.ledger.markets[market]
    if account.state == CLOSED or m.halted_until > state.clock[0].step or m.index == 0:
        return False
    return account.state <= MARGIN_CALL or lots * state.ledger.lots[row, market] < 0


@kernel
def send(state, row, intent):
    """Send an order that takes what it can at once; returns the number of messages.

    It is reduce-only where it closes a perpetual position, so that it needs no margin.
    """
    lots, market = intent.lots, intent.market
    if lots == 0 or not may_trade(state, row, market, lots):
        return 0
    held, clock = state.ledger.lots[row, market], state.clock[0]
    side = 1 if lots > 0 else -1
    worst = mid_of(state, market) * (1.0 + side * intent.slippage)
    message = take_at_once(state, row, market, lots, worst)
    is_closing = lots * held < 0 and abs(lots) <= abs(held)
    if is_closing and state.ledger.markets[market].kind != SPOT:
        message.flags = REDUCE_ONLY
    message.author_class = intent.author_class
    key = state.ledger.accounts[row].key
    moment = uniforms(clock.seed, key, ARRIVE, clock.step, market)[0]
    message.arrival = arrival(moment, intent.latency, clock.block_seconds)
    return 1


@kernel
def log_return(state, line, seconds):
    """Log return of a line of the trail up to the last block, and the seconds it took.

    The trail reaches back a limited number of blocks; a longer look-back is cut to it.
    """
    trail, clock = state.outside.trail, state.clock[0]
    window = trail.shape[1]
    lag = min(to_units(seconds / clock.block_seconds + 0.5), clock.step - 1, window - 2)
    if lag < 1:
        return 0.0, 0.0
    now, then = trail[line, (clock.step - 1) % window], trail[line, (clock.step - 1 - lag) % window]
    return now - then, lag * clock.block_seconds
