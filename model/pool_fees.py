r"""Funding and borrowing of markets against a pool.

velocity  the rate itself moves: :math:`dr/dt = v \, \mathrm{clamp}(s / K, -1, 1)` with the skew s,
          its scale K and the largest velocity v; every position pays :math:`r \, dt` of its
          notional, the mean of both ends of the interval, and the pool, which holds the other side
          of the skew, pays or gets the difference (Synthetix)
balance   the larger side pays :math:`f |L - S|^e / (L + S)` a second, and the smaller gets all of
          it, pro rata; nothing while a side is empty (GMX)

Borrowing is a rate per year times a power of the utilisation, the notional of the larger side over
the pool's capital, that every trader pays to the pool (GMX). Payers round up, receivers down,
through the row ROUNDING. The daily rate stands in `premium_sum` of the market.

References
----------
Synthetix SIP-279: funding velocity. GMX v2, market/MarketUtils.sol: funding and borrowing.
"""

import math
from typing import Literal

import numpy as np

from crossmargin.model.funding import RATE, pay
from crossmargin.model.integers import muldiv, muldiv_up
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, transfer
from crossmargin.model.markets import YEAR, acts_on, steps_of
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.pools import pool_capital, sides_of, skew_of
from crossmargin.model.state import POOLED, ROUNDING

PHASE = "marks"
BY_VELOCITY, BY_BALANCE = range(2)
DAY = 86400.0


class Parameters(Numbers):
    """How positions pay each other, and what they pay the pool."""

    funding: Literal["velocity", "balance"] = number(
        "velocity", "choice", source="Synthetix v3: velocity; GMX v2: balance"
    )
    max_velocity: float = number(
        9.0,
        "per day and day",
        low=0,
        high=1000,
        source="Synthetix SCCP-298 and SCCP-359: 9, later 4 for ETH and BTC",
        doc="Of the daily rate, at a skew of the scale or more.",
    )
    funding_factor: float = number(
        2e-8, "per s", low=0, high=1, source="GMX v2 markets.ts: 2e-8", doc="Of `balance`."
    )
    funding_exponent: float = number(1.0, "power", low=0, high=4, source="GMX v2: 1")
    borrowing: float = number(
        0.3, "per year", low=0, high=100, source="GMX v2: tens of per cent at full use"
    )
    borrowing_exponent: float = number(1.0, "power", low=0, high=4, source="GMX v2: 1")
    interval: float = number(60.0, "s", above=0, doc="Between two payments.")


P = slots(Parameters)


@kernel
def velocity_of(skew, scale, most):
    """Change of the daily funding rate in a day, per day and day."""
    return max(-1.0, min(skew / scale, 1.0)) * most


@kernel
def balance_rate(larger, smaller, factor, exponent):
    """Rate that the larger side pays, per second; sides in quote."""
    if smaller <= 0.0:
        return 0.0
    return factor * (larger - smaller) ** exponent / (larger + smaller)


@kernel
def pay_by_velocity(state, part, market, days):
    """Let the rate move for some days, and pay what it was on average; returns the rate paid."""
    ledger, row = state.ledger, state.ledger.markets[market]
    most = state.params[part, P.max_velocity]
    scale = ledger.pools[row.pool].skew_scale
    before = row.premium_sum  # the daily rate now
    row.premium_sum += velocity_of(np.float64(skew_of(ledger, market)), scale, most) * days
    rate = 0.5 * (before + row.premium_sum) * days
    pay(ledger, market, rate)
    return rate


@kernel
def pay_across(state, market, rate, back):
    """Let longs pay a rate above 0, shorts one below; the other side gets `back` of its notional.

    The pool pays and gets nothing.
    """
    ledger, row = state.ledger, state.ledger.markets[market]
    share = np.int64(math.floor(abs(rate) * RATE + 0.5))
    given = np.int64(math.floor(back * share))
    sign, pool = (1 if rate > 0.0 else -1), ledger.pools[row.pool].row
    for a in range(ledger.lots.shape[0]):
        lots = ledger.lots[a, market]
        notional = abs(lots) * row.index * row.half_unit
        if lots == 0 or a == pool:
            continue
        if lots * sign > 0:
            owed = muldiv_up(notional, share, RATE)
            transfer(ledger, QUOTE, a, ROUNDING, owed)
            row.funding_paid += owed
        else:
            transfer(ledger, QUOTE, ROUNDING, a, muldiv(notional, given, RATE))


@kernel
def pay_by_balance(state, part, market, days):
    """Let the larger side pay the smaller; returns the rate, positive when longs pay."""
    ledger, row = state.ledger, state.ledger.markets[market]
    longs, shorts = sides_of(ledger, market)
    larger, smaller = max(longs, shorts), min(longs, shorts)
    whole = row.index * row.half_unit / 10.0 ** ledger.assets[QUOTE].decimals
    numbers = state.params[part]
    factor, exponent = numbers[P.funding_factor], numbers[P.funding_exponent]
    rate = balance_rate(larger * whole, smaller * whole, factor, exponent) * days * DAY
    rate = rate if longs > shorts else -rate
    if rate != 0.0:
        pay_across(state, market, rate, larger / smaller)
    return rate


@kernel
def utilisation(ledger, market):
    """Notional of the larger side at the index over the pool's capital, at most 1."""
    m = ledger.markets[market]
    longs, shorts = sides_of(ledger, market)
    capital = pool_capital(ledger, market)
    value = max(longs, shorts) * m.index * m.half_unit
    return min(1.0, value / capital) if capital > 0 else 1.0


@kernel
def charge_borrowing(state, part, market, days):
    """Charge every trader what the pool's capital costs; returns quote units."""
    ledger, row, numbers = state.ledger, state.ledger.markets[market], state.params[part]
    used = utilisation(ledger, market) ** numbers[P.borrowing_exponent]
    rate = numbers[P.borrowing] * used * days * DAY / YEAR
    share = np.int64(math.floor(rate * RATE + 0.5))
    pool, paid = ledger.pools[row.pool], 0
    for a in range(ledger.lots.shape[0]):
        lots = ledger.lots[a, market]
        if lots != 0 and a != pool.row:
            owed = muldiv_up(abs(lots) * row.index * row.half_unit, share, RATE)
            transfer(ledger, QUOTE, a, pool.row, owed)
            paid += owed
    pool.borrowed += paid
    return paid


@kernel
def pool_fees(state, part, step):
    """Settle funding and borrowing of every pool at the end of an interval."""
    every = steps_of(state, state.params[part, P.interval])
    if step == 0 or step % every != 0:
        return 0
    days = every * state.clock[0].block_seconds / DAY
    for m in range(state.ledger.markets.shape[0]):
        row = state.ledger.markets[m]
        if row.kind != POOLED or row.index <= 0 or not acts_on(state, part, m):
            continue
        if state.params[part, P.funding] == BY_VELOCITY:
            row.funding_rate = pay_by_velocity(state, part, m, days)
        else:
            row.funding_rate = pay_by_balance(state, part, m, days)
            row.premium_sum = row.funding_rate / days
        if row.open_interest > 0:
            charge_borrowing(state, part, m, days)
    return 0


KERNEL = pool_fees
