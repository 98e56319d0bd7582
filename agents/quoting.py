"""What quoting agents share: the theory of Avellaneda and Stoikov, margin room, messages.

With inventory q, risk aversion gamma, variance sigma^2 tau of the price over the horizon and
decay k of the arrival of orders with the distance from the mid (intensity A exp(-k delta)):

    reservation price   r = s - q gamma sigma^2 tau
    full spread         gamma sigma^2 tau + (2 / gamma) ln(1 + gamma / k)

References
----------
Avellaneda, Stoikov (2008), "High-frequency trading in a limit order book", Quantitative Finance
8(3), doi:10.1080/14697680701381228.
"""

import math
from typing import NamedTuple

import numpy as np

from crossmargin.model.inbox import next_message
from crossmargin.model.integers import to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import notional_of
from crossmargin.model.margin.numbers import initial_requirement
from crossmargin.model.state import CANCEL, REPLACE, SPOT
from crossmargin.model.trading import SLOTS, is_live


class Wanted(NamedTuple):
    """One order that should rest."""

    market: int
    side: int
    tick: int
    lots: int
    flags: int
    slack: float  # ticks that it may be off
    refill: float  # share of its lots that must be left
    moment: int  # of arrival
    later: int  # of arrival, when the price improves
    author_class: int


@kernel
def optimal_spread(gamma, variance, k):
    """Full spread around the reservation price, in the unit of the price."""
    if gamma <= 0.0:
        return 2.0 / k
    return gamma * variance + 2.0 / gamma * math.log1p(gamma / k)


@kernel
def reservation_shift(inventory, gamma, variance):
    """Distance of the reservation price from the fair price, in the unit of the price."""
    return -inventory * gamma * variance


@kernel
def whole_units(ledger):
    """Quote units of one whole quote."""
    return 10.0 ** ledger.assets[0].decimals


@kernel
def order_margin(ledger, market, notional):
    """Initial margin that an order of a notional would need on its own, quote units."""
    m = ledger.markets[market]
    if m.kind == SPOT:
        return to_units_up(notional * (1.0 - ledger.assets[m.base].initial_weight))
    return initial_requirement(ledger, market, notional)


@kernel
def unordered_margin(ledger, row):
    """Initial equity less the requirement of positions alone, resting orders left out."""
    free = ledger.accounts[row].initial_equity
    for m in range(ledger.markets.shape[0]):
        lots = ledger.lots[row, m]
        if lots != 0 and ledger.markets[m].kind != SPOT:
            notional = notional_of(ledger, m, lots, ledger.markets[m].mark)
            free -= initial_requirement(ledger, m, notional)
    return free


@kernel
def unused_margin(account):
    """Initial equity less initial requirement when margins were last measured, quote units."""
    return account.initial_equity - account.initial_requirement


@kernel
def write_message(state, row, market, author_class):
    """Open a message of an account to a market; side, price, quantity and arrival are missing."""
    message = next_message(state.crowd, state.clock)
    message.account = row
    message.market = market
    message.author_class = author_class
    return message


@kernel
def renew(state, row, place, want):
    """Bring one resting order to what is wanted; returns messages sent, 0 or 1."""
    handle = state.crowd.handles[place]
    is_resting = is_live(state.book, handle, row)
    if is_resting and want.lots > 0:
        order = state.book.orders[handle & (SLOTS - 1)]
        left, is_near = np.float64(order.quantity), abs(order.price - want.tick) <= want.slack
        if is_near and want.refill * want.lots <= left and want.refill * left <= want.lots:
            return 0
    if not is_resting and want.lots == 0:
        return 0
    message = write_message(state, row, want.market, want.author_class)
    message.side = want.side
    message.price = want.tick
    message.quantity = want.lots
    message.arrival = want.later
    message.flags = want.flags
    message.slot = place + 1
    if is_resting:
        message.action = REPLACE if want.lots > 0 else CANCEL
        message.order = handle
        price = state.book.orders[handle & (SLOTS - 1)].price
        if want.lots == 0 or (want.tick - price) * want.side <= 0:
            message.arrival = want.moment
    return 1
