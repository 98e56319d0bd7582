r"""Funding of perpetuals: longs pay shorts when the perpetual is dearer than its index.

Premium, sampled every few seconds and averaged over the interval between two payments:

.. math:: P = \frac{\max(0, B - I) - \max(0, I - A)}{I}

with the prices :math:`B` and :math:`A` at which an impact notional could be sold and bought at once
and the index :math:`I`; a side too thin for it adds nothing. The rate of a period of 8 hours is

.. math:: F = P + \mathrm{clamp}(r - P, -c, +c)

and an interval pays its part of it, capped. What is paid is the rate on lots times index, in the
asset in which the market settles: the payer rounds up, the receiver down, all through the row
ROUNDING, whose balance therefore only grows.

References
----------
Hyperliquid docs, "Funding"; dYdX v4, x/perpetuals (|F| <= 600% of initial less maintenance rate).
"""

import math

import numpy as np

from crossmargin.model.contracts import contract_value, follow_all, worth
from crossmargin.model.integers import muldiv, muldiv_up
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, transfer
from crossmargin.model.levels import level_down, level_up
from crossmargin.model.markets import acts_on, steps_of
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import INVERSE, PERPETUAL, ROUNDING

#: Rates become whole numbers of this part before they meet money.
RATE = 10**12


class Parameters(Numbers):
    """How the premium is measured, and what is paid when."""

    interval: float = number(
        3600.0, "s", above=0, source="Hyperliquid docs", doc="Between payments."
    )
    period: float = number(
        28800.0, "s", above=0, source="Hyperliquid, dYdX, Binance", doc="That the rate refers to."
    )
    sample_seconds: float = number(
        5.0, "s", above=0, source="Hyperliquid docs", doc="Between two samples of the premium."
    )
    impact_notional: float = number(
        10000.0, "quote", above=0, source="dYdX v4, large-cap", doc="Walked through the book."
    )
    interest: float = number(
        0.0001, "per period", low=-0.01, high=0.01, source="0.01% per 8 h on all three venues"
    )
    clamp: float = number(
        0.0005, "per period", low=0, high=1, source="0.05%, Hyperliquid and Binance"
    )
    cap: float = number(
        0.04,
        "per interval",
        low=0,
        high=1,
        source="Hyperliquid: 4% an hour",
        doc="Largest payment.",
    )
    cap_multiple: float = number(
        0.0,
        "multiple of (initial - maintenance rate)",
        low=0,
        high=100,
        source="dYdX v4: 6",
        doc="Largest rate of a period; 0: no such cap.",
    )
    fewest: int = number(
        1, "samples", low=1, high=10000, source="dYdX v4: 15", doc="With fewer the premium is 0."
    )


P = slots(Parameters)


@kernel
def impact_price(book, market, side, wanted):
    """Average price of selling into the bids (side 0) or buying from the asks, ticks.

    `wanted` is the notional in tick-lots; 0 when the side does not hold as much.
    """
    tick = book.ladders[market].best[side]
    rest, lots = wanted, 0.0
    while 0 <= tick < book.table.shape[2] << 6:
        here = book.levels[book.table[market, side, tick >> 6], tick & 63].quantity
        if tick * here >= rest:
            return wanted / (lots + rest / tick) if tick > 0 else 0.0
        rest -= tick * here
        lots += here
        if side == 0:
            tick = level_down(book, market, 0, tick - 1)
        else:
            tick = level_up(book, market, 1, tick + 1)
    return 0.0


@kernel
def premium(state, part, market):
    """Premium of a market over its index, fraction."""
    row = state.ledger.markets[market]
    units = state.params[part, P.impact_notional] * 10.0 ** state.ledger.assets[QUOTE].decimals
    wanted = units / (2.0 * row.half_unit)
    if row.kind == INVERSE:
        wanted = units / row.face * 0.5 * row.index
    bid = 2.0 * impact_price(state.book, market, 0, wanted)
    ask = 2.0 * impact_price(state.book, market, 1, wanted)
    below = max(0.0, row.index - ask) if ask > 0.0 else 0.0
    return (max(0.0, bid - row.index) - below) / row.index


@kernel
def rate_of(state, part, market):
    """Rate of the interval that ends now, from the average premium; fraction of the notional."""
    row, numbers = state.ledger.markets[market], state.params[part]
    average = 0.0
    if row.premium_count >= numbers[P.fewest]:
        average = row.premium_sum / row.premium_count
    clamp = numbers[P.clamp]
    rate = average + max(-clamp, min(numbers[P.interest] - average, clamp))
    if numbers[P.cap_multiple] > 0.0:
        tier = state.ledger.tiers[market, 0]
        most = numbers[P.cap_multiple] * (tier.initial - tier.maintenance)
        rate = max(-most, min(rate, most))
    rate *= steps_of(state, numbers[P.interval]) * state.clock[0].block_seconds / numbers[P.period]
    return max(-numbers[P.cap], min(rate, numbers[P.cap]))


@kernel
def pay(ledger, market, rate):
    """Let every position pay or receive its funding; returns what was paid, units."""
    row = ledger.markets[market]
    share = np.int64(math.floor(abs(rate) * RATE + 0.5))
    sign = 1 if rate > 0.0 else -1
    paid = 0
    for a in range(ledger.lots.shape[0]):
        lots = ledger.lots[a, market]
        notional = abs(contract_value(row, lots, row.index))
        if lots * sign > 0:
            owed = muldiv_up(notional, share, RATE)
            transfer(ledger, row.settles, a, ROUNDING, owed)
            paid += owed
        elif lots != 0:
            transfer(ledger, row.settles, ROUNDING, a, muldiv(notional, share, RATE))
    row.funding_paid += worth(ledger, row.settles, paid)
    return paid


@kernel
def settle_funding(state, part, market, step):
    """Pay the interval that ends now and begin the next."""
    row = state.ledger.markets[market]
    if row.funding_due > 0:
        row.funding_rate = rate_of(state, part, market)
        pay(state.ledger, market, row.funding_rate)
        follow_all(state.ledger, state.log, market)
        row.premium_sum = 0.0
        row.premium_count = 0.0
    row.funding_due = step + steps_of(state, state.params[part, P.interval])


@kernel
def funding(state, part, step):
    """Sample premiums, and pay where an interval ends."""
    is_sample = step % steps_of(state, state.params[part, P.sample_seconds]) == 0
    for m in range(state.ledger.markets.shape[0]):
        row = state.ledger.markets[m]
        is_paid = row.kind == PERPETUAL or row.kind == INVERSE
        if not is_paid or row.index <= 0 or not acts_on(state, part, m):
            continue
        if row.funding_due <= step:
            settle_funding(state, part, m, step)
        if is_sample:
            row.premium_sum += premium(state, part, m)
            row.premium_count += 1.0
    return 0


PHASE = "marks"
KERNEL = funding
