r"""The five margin numbers of an account, quote units.

With quote balance :math:`c`, collateral values :math:`v_a` at the mark, profit :math:`u_m` and
notional :math:`N_m` of derivative positions:

raw equity                 :math:`E = c + \sum v_a + \sum u_m`
weighted equity            :math:`E^w = c + \sum \lfloor w_a v_a \rfloor + \sum u_m`
requirement                :math:`R = \sum \lceil r(N_m) N_m \rceil - d(N_m)`

each with the initial and the maintenance weights and tiers. The initial requirement counts the
worst case of resting orders: the larger of what is held if all bids or all asks fill. Entry is
judged on the initial pair, liquidation on the maintenance pair, bankruptcy on raw equity. Options
have a rule of their own (`option_rule`).

Profit of inverse contracts is coins: it adds to the account's balance of the coin, and what the sum
is worth counts with the weight of the coin, so that collateral falls with the long that it
supports. A debt of coins counts whole.

A venue with a risk model of its own has `Ledger.risk`, and `live_numbers.py` measures its accounts.

References
----------
Tiers with a continuous requirement: Hyperliquid docs, "Margin tiers" (maintenance = rate x
notional - deduction). Initial rate raised by open interest: dYdX v4, x/perpetuals/lib.
"""

import numpy as np

from crossmargin.model.calling import NUMBERS, address_at, call_numbers
from crossmargin.model.contracts import worth
from crossmargin.model.integers import to_units, to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, notional_of, unrealised
from crossmargin.model.margin.option_rule import option_numbers
from crossmargin.model.state import INVERSE, OPTION, SPOT

#: Requirement of every account while the code of a risk model is not loaded, quote units.
UNREADY = 10**18


@kernel
def tier_of(tiers, notional):
    """Index of the bracket of a notional; brackets rise in `lower`, the first begins at 0."""
    found = 0
    for t in range(1, tiers.shape[0]):
        if notional >= tiers[t].lower:
            found = t
    return found


@kernel
def initial_requirement(ledger, market, notional):
    """Initial margin of a notional in a market, quote units, rounded up."""
    tier = ledger.tiers[market, tier_of(ledger.tiers[market], notional)]
    asked = notional * tier.initial - tier.initial_credit
    return to_units_up(max(asked, notional * ledger.markets[market].initial_floor))


@kernel
def maintenance_requirement(ledger, market, notional):
    """Maintenance margin of a notional in a market, quote units, rounded up."""
    tier = ledger.tiers[market, tier_of(ledger.tiers[market], notional)]
    return to_units_up(notional * tier.maintenance - tier.maintenance_credit)


@kernel
def _spot_numbers(ledger, book, row, asset):
    """Value of a collateral asset, its two weighted values and what its resting bids take."""
    a = ledger.assets[asset]
    m = ledger.markets[a.market]
    if ledger.lots[row, a.market] == 0 and book.open_lots[row, a.market, 0] == 0:
        return 0, 0, 0, 0
    value = ledger.lots[row, a.market] * m.mark * m.half_unit
    bids = notional_of(ledger, a.market, book.open_lots[row, a.market, 0], m.mark)
    return (
        value,
        to_units(value * a.initial_weight),
        to_units(value * a.maintenance_weight),
        to_units_up(bids * (1.0 - a.initial_weight)),
    )


@kernel
def coins_of(ledger, row, asset):
    """Units of a coin that an account has: balance and profit of contracts settled in it."""
    units = ledger.balances[row, asset]
    for m in range(ledger.markets.shape[0]):
        if ledger.markets[m].settles == asset and ledger.lots[row, m] != 0:
            units += unrealised(ledger, row, m)
    return units


@kernel(inline=False)
def _settling_numbers(ledger, book, row, asset):
    """What `_spot_numbers` gives, of a coin in which contracts settle."""
    a = ledger.assets[asset]
    m = ledger.markets[a.market]
    value = worth(ledger, asset, coins_of(ledger, row, asset))
    bids = notional_of(ledger, a.market, book.open_lots[row, a.market, 0], m.mark)
    return (
        value,
        to_units(value * a.initial_weight) if value > 0 else value,
        to_units(value * a.maintenance_weight) if value > 0 else value,
        to_units_up(bids * (1.0 - a.initial_weight)),
    )


@kernel
def _collateral_numbers(ledger, book, row, asset):
    """Value of a coin, its two weighted values and what its resting bids take."""
    if ledger.assets[asset].settles != 0:
        return _settling_numbers(ledger, book, row, asset)
    return _spot_numbers(ledger, book, row, asset)


@kernel
def tiered_numbers(ledger, book, row):
    """Five numbers of an account where weights and tiers are all that the venue has."""
    equity = ledger.balances[row, QUOTE]
    initial, maintenance = equity, equity
    asked, kept = 0, 0
    for asset in range(1, ledger.assets.shape[0]):
        value, first, second, bids = _collateral_numbers(ledger, book, row, asset)
        equity += value
        initial += first
        maintenance += second
        asked += bids
    for m in range(ledger.markets.shape[0]):
        lots = ledger.lots[row, m]
        worst = max(abs(lots + book.open_lots[row, m, 0]), abs(lots - book.open_lots[row, m, 1]))
        if worst == 0 or ledger.markets[m].kind == SPOT:
            continue
        if ledger.markets[m].kind == OPTION:
            found = option_numbers(ledger, book, row, m)
            equity += found[0]
            initial += found[1]
            maintenance += found[2]
            asked += found[3]
            kept += found[4]
            continue
        gain = unrealised(ledger, row, m) if ledger.markets[m].kind != INVERSE else 0
        mark = ledger.markets[m].mark
        equity += gain
        initial += gain
        maintenance += gain
        asked += initial_requirement(ledger, m, notional_of(ledger, m, worst, mark))
        if lots != 0:
            kept += maintenance_requirement(ledger, m, notional_of(ledger, m, lots, mark))
    return equity, initial, maintenance, asked, kept


@kernel(inline=False)
def risk_numbers(ledger, open_lots, row):
    """Five numbers of an account under the venue's risk model; out of reach until it is ready."""
    address = address_at(NUMBERS)
    if address == 0:
        return 0, 0, 0, UNREADY, UNREADY
    return call_numbers(address, ledger, open_lots, row)


@kernel
def margin_numbers(ledger, book, row):
    """Raw, initial and maintenance equity, initial and maintenance requirement of an account."""
    if ledger.risk.shape[0] > 0:
        return risk_numbers(ledger, book.open_lots, row)
    return tiered_numbers(ledger, book, row)


@kernel
def renew(ledger, book, row):
    """Renew the five margin numbers of an account; for a loop over many of them."""
    account = ledger.accounts[row]
    numbers = margin_numbers(ledger, book, row)
    account.equity = numbers[0]
    account.initial_equity = numbers[1]
    account.maintenance_equity = numbers[2]
    account.initial_requirement = numbers[3]
    account.maintenance_requirement = numbers[4]
    account.spare = numbers[1] - numbers[3]
    return 0


@kernel
def measure(ledger, book, row):
    """Renew the five margin numbers of an account."""
    return renew(ledger, book, row)


@kernel
def free_collateral(ledger, book, row):
    """Initial equity less initial requirement now, resting orders counted, quote units."""
    _, initial, _, asked, _ = margin_numbers(ledger, book, row)
    return initial - asked


@kernel
def is_unhealthy(account):
    """Below maintenance: weighted equity smaller than the requirement."""
    return account.maintenance_equity < account.maintenance_requirement


@kernel
def health(account):
    """Maintenance equity over maintenance requirement; infinite without a requirement."""
    if account.maintenance_requirement == 0:
        return np.inf if account.maintenance_equity >= 0 else -np.inf
    return account.maintenance_equity / account.maintenance_requirement


@kernel(python=True)
def measure_all(ledger, book):
    """Renew the margin numbers of every row."""
    for row in range(ledger.accounts.shape[0]):
        renew(ledger, book, row)
    return 0
