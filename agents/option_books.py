"""What makers and traders of options share: their sensitivities, the perpetual, orders by value."""

import math
from typing import NamedTuple

import numpy as np

from crossmargin.agents.acting import take_at_once
from crossmargin.agents.taking import may_trade
from crossmargin.model.draws import ARRIVE, uniforms
from crossmargin.model.inbox import arrival
from crossmargin.model.kernel import kernel
from crossmargin.model.state import OPTION, PERPETUAL, REDUCE_ONLY, SPOT


class Leg(NamedTuple):
    """Options or perpetuals to trade at once: lots signed, worst price, author class."""

    market: int
    lots: int
    half_price: float
    latency: float
    author_class: int


@kernel
def acts_in(state, part, market):
    """Tell whether a market is one of a population's."""
    return (state.parts[part].markets >> market) & 1 == 1


@kernel
def first_of_kind(state, part, underlying, kind):
    """First market of a kind on an underlying among those of a population, or -1."""
    markets = state.ledger.markets
    for m in range(markets.shape[0]):
        is_it = markets[m].kind == kind and markets[m].underlying == underlying
        if is_it and acts_in(state, part, m):
            return m
    return -1


@kernel
def greek_of(state, row, underlying, k):
    """One sensitivity of all options that an account holds on an underlying."""
    options, total = state.options, 0.0
    for i in range(options.series.shape[0]):
        if options.series[i].underlying == underlying:
            total += state.ledger.lots[row, options.markets[i]] * options.greeks[i, k]
    return total


@kernel
def linear_of(state, row, underlying):
    """Base that an account holds in coins and perpetuals, on the venue and outside."""
    markets, total = state.ledger.markets, 0.0
    for m in range(markets.shape[0]):
        if markets[m].underlying == underlying:
            lots = state.ledger.lots[row, m] if markets[m].kind != OPTION else 0
            total += (lots + state.crowd.outside_lots[row, m]) * markets[m].lot
    return total


@kernel
def unit_vega(state, i):
    """Value of a whole point of volatility, 1.00, in one unit of a series, half ticks."""
    m = state.ledger.markets[state.options.markets[i]]
    return 2.0 * state.options.greeks[i, 2] / (state.options.series[i].lot * m.tick)


@kernel
def value_room(state, i, points, ticks):
    """Distance from the mark in points of volatility, so many ticks at least, half ticks."""
    return max(points * unit_vega(state, i), 2.0 * ticks)


@kernel
def send_leg(state, row, leg):
    """Send an order that takes what it can at once; returns messages, 0 or 1.

    It is reduce-only where it closes a position.
    """
    clock, held = state.clock[0], state.ledger.lots[row, leg.market]
    if leg.lots == 0 or not may_trade(state, row, leg.market, leg.lots):
        return 0
    message = take_at_once(state, row, leg.market, leg.lots, leg.half_price)
    is_closing = leg.lots * held < 0 and abs(leg.lots) <= abs(held)
    if is_closing and state.ledger.markets[leg.market].kind != SPOT:
        message.flags = REDUCE_ONLY
    message.author_class = leg.author_class
    key = state.ledger.accounts[row].key
    moment = uniforms(clock.seed, key, ARRIVE, clock.step, leg.market)[0]
    message.arrival = arrival(moment, leg.latency, clock.block_seconds)
    return 1


@kernel
def perpetual_of(state, part, underlying):
    """Perpetual of a population on an underlying, or -1."""
    return first_of_kind(state, part, underlying, PERPETUAL)


@kernel
def whole_lots(base, lot):
    """Nearest whole lots of a signed base quantity."""
    return np.int64(math.floor(base / lot + 0.5))
