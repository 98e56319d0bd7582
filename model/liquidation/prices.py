r"""Prices at which positions are closed, half ticks.

Bankruptcy price of a position with value :math:`N_i` at the mark: the account's equity is split pro
rata to maintenance margin, and the price is the one at which the position's part is used up,

.. math:: N_i - E \, M_i / \sum_j M_j

over its lots; for inverse contracts the price at which they are worth so many coins less than at
the mark as the part buys. A long closed at it, a short bought back at it, leaves nothing and owes
nothing. Rounded in the account's favour by less than half a tick. Fillable price, the worst that a
liquidation may trade at:

.. math:: (N_i - a \, s \, M_i) / q_i, \quad a = \mathrm{clamp}(b (1 - E / \sum_j M_j), 0, 1)

with the spread to maintenance ratio s and the bankruptcy adjustment b.

References
----------
dYdX v4, x/clob/keeper/liquidations.go: bankruptcy and fillable price.
"""

import math

import numpy as np

from crossmargin.model.contracts import coins_for, conceded_half, contract_value
from crossmargin.model.integers import muldiv_up, signed_muldiv, to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import notional_of
from crossmargin.model.margin.numbers import maintenance_requirement
from crossmargin.model.margin.option_rule import option_requirement
from crossmargin.model.state import INVERSE, OPTION, SPOT

#: No bankruptcy price of an inverse short is further above the mark than so many times.
HIGHEST = 1000


@kernel
def requirement_of(ledger, row, market):
    """Maintenance margin of one position, quote units."""
    if ledger.markets[market].kind == OPTION:
        return option_requirement(ledger, row, market)
    notional = notional_of(ledger, market, ledger.lots[row, market], ledger.markets[market].mark)
    return maintenance_requirement(ledger, market, notional)


@kernel
def requirements_of(ledger, row):
    """Maintenance margin over which equity is split, quote units; the account is measured.

    Where a risk model lets positions offset one another, the sum of what each needs by itself.
    """
    if ledger.risk.shape[0] == 0:
        return ledger.accounts[row].maintenance_requirement
    total = 0
    for m in range(ledger.markets.shape[0]):
        if ledger.lots[row, m] != 0 and ledger.markets[m].kind != SPOT:
            total += requirement_of(ledger, row, m)
    return total


@kernel
def equity_part(ledger, row, market):
    """Part of the account's raw equity that falls to one position, rounded down, quote units."""
    account = ledger.accounts[row]
    kept, whole = requirement_of(ledger, row, market), requirements_of(ledger, row)
    if whole <= 0 or kept >= whole:
        return np.int64(account.equity)
    if account.equity < 0:
        return -muldiv_up(-account.equity, kept, whole)
    return signed_muldiv(account.equity, kept, whole)


@kernel
def inverse_bankruptcy_half(ledger, market, lots, part):
    r"""Price at which inverse contracts lose a part of equity against the mark, half ticks.

    :math:`|N| K / p = |N| K / m \pm c` with the coins c that the part buys at their mark, plus for
    a long; where no price is high enough, the highest that is allowed.
    """
    m = ledger.markets[market]
    coins = coins_for(ledger, m.settles, abs(part))
    coins = coins if part > 0 else -coins
    left = abs(contract_value(m, lots, m.mark)) + (coins if lots > 0 else -coins)
    if left <= 0:
        return HIGHEST * m.mark
    whole = abs(lots) * np.float64(m.coin_face)
    price = min(whole / left, np.float64(HIGHEST) * m.mark)
    return max(1, to_units(math.ceil(price) if lots > 0 else price))


@kernel
def bankruptcy_half(ledger, row, market):
    """Bankruptcy price of a position, half ticks, never below 0; the account is measured."""
    m, lots = ledger.markets[market], ledger.lots[row, market]
    part = equity_part(ledger, row, market)
    if m.kind == INVERSE:
        return inverse_bankruptcy_half(ledger, market, lots, part)
    unit = abs(lots) * m.half_unit
    value = abs(lots) * m.mark * m.half_unit
    if lots > 0:
        return max(0, -((part - value) // unit))
    return max(0, (value + part) // unit)


@kernel
def fillable_half(ledger, row, market, spread, adjustment):
    """Fillable price of a position, half ticks as a float; the account is measured."""
    m, lots, account = ledger.markets[market], ledger.lots[row, market], ledger.accounts[row]
    whole = account.maintenance_requirement
    ratio = account.maintenance_equity / whole if whole > 0 else 0.0
    share = max(0.0, min(adjustment * (1.0 - ratio), 1.0))
    sign = 1.0 if lots > 0 else -1.0
    concession = share * spread * requirement_of(ledger, row, market)
    if m.kind == INVERSE:
        return conceded_half(m, lots, concession / (abs(lots) * m.face))
    return m.mark - sign * concession / (abs(lots) * m.half_unit)


@kernel
def slipped_half(ledger, market, lots, slippage):
    """Mark less (for a long) or plus the slippage allowed, half ticks as a float."""
    mark = np.float64(ledger.markets[market].mark)
    return mark * (1.0 - slippage) if lots > 0 else mark * (1.0 + slippage)


@kernel
def option_slipped_half(m, half_price, lots, shares):
    """Price of an option that is worse by the slippage allowed, half ticks as a float.

    `shares` are one of the price and, as that may be close to nothing, one of the index: the larger
    counts, a tick at least. Nobody sells below a tick.
    """
    room = max(half_price * shares[0], m.index * shares[1], 2.0)
    return max(2.0, half_price - room) if lots > 0 else half_price + room


@kernel
def limit_half(lots, half_price):
    """Whole tick, in half ticks, that is no worse for the account than a price: its limit."""
    nudge = 1e-9 * half_price
    if lots > 0:
        return 2 * to_units(math.ceil((half_price - nudge) / 2.0))
    return 2 * to_units((half_price + nudge) / 2.0)
