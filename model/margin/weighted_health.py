r"""Health as a sum of weighted values: coins, unsettled perpetuals and resting orders together.

A coin held counts with its asset weight, a coin owed with its liability weight. A perpetual's
profit joins the balance of the coin in which it settles: base at the asset or the liability weight
by its sign, resting orders by the worse of all bids or all asks filled, times an overall weight
when that is positive. What resting spot orders hold back counts as whichever of the two coins makes
health smaller; the last of it is what turns a debt into an asset. Health is the assets less the
debts: assets count as equity, debts as requirement.

References
----------
Mango v4, programs/mango-v4/src/health/cache.rs.
"""

from typing import NamedTuple

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import add
from crossmargin.model.margin.weights import held_weights, owed_weights
from crossmargin.model.parts import Numbers, number
from crossmargin.model.state import Array


class Parameters(Numbers):
    """Weights of one perpetual."""

    initial_asset: float = number(..., "fraction", low=0, high=1, doc="Of a long, entry.")
    initial_owed: float = number(..., "multiple", low=1, high=10, doc="Of a short, entry.")
    maintenance_asset: float = number(..., "fraction", low=0, high=1, doc="Of a long.")
    maintenance_owed: float = number(..., "multiple", low=1, high=10, doc="Of a short.")
    overall_initial: float = number(1.0, "fraction", low=0, high=1, doc="Of what is positive.")
    overall_maintenance: float = number(1.0, "fraction", low=0, high=1, doc="The same.")
    source: str = ""


#: Weights of one perpetual; pairs are (entry, liquidation).
HEALTH = np.dtype(
    [
        ("asset", "f8", (2,)),  # fraction, of a long
        ("owed", "f8", (2,)),  # multiple, of a short
        ("overall", "f8", (2,)),  # fraction, of a positive sum
        ("settle", "i4"),  # coin in which it settles
    ],
    align=True,
)

#: A spot market with resting orders.
PAIR = np.dtype(
    [
        ("base", "i4"),  # coin
        ("quote", "i4"),  # coin
        ("bid", "f8"),  # quote coin per base coin, highest bid of the account; 0 none
        ("ask", "f8"),  # lowest ask; 0 none
    ],
    align=True,
)


class Resting(NamedTuple):
    """Spot orders, and the working place of one account."""

    pairs: Array  # (n_accounts, n_pairs) PAIR
    reserved: Array  # (n_accounts, n_pairs, 2) float64, base and quote coins held back
    balance: Array  # (n_coins, 2) float64, balance, and the most that orders could add


@kernel
def _prices(coin, kind):
    """Price of a coin as an asset and as a debt: for entry (0) or liquidation (1)."""
    if kind == 0:
        return coin.low, coin.high
    return coin.price, coin.price


@kernel
def _coin_value(coin, amount, kind):
    """Weighted value of an amount of a coin, quote, signed."""
    low, high = _prices(coin, kind)
    if amount >= 0.0:
        return amount * low * held_weights(coin, amount)[kind]
    return amount * high * owed_weights(coin, -amount)[kind]


@kernel
def _if_filled(perp, rule, position, filled, kind):
    """Weighted base of a perpetual when resting orders fill, less what they pay, quote."""
    low, high = (perp.low, perp.high) if kind == 0 else (perp.price, perp.price)
    paid = filled * (high if filled > 0.0 else low)
    base = position + filled
    weight = low * rule.asset[kind] if base >= 0.0 else high * rule.owed[kind]
    return base * weight - paid


@kernel
def perp_health(holdings, perp, rule, place, kind):
    """What a perpetual brings to the balance of its coin, quote; `place` is (row, market)."""
    row, m = place
    position = holdings.perps[row, m] * perp.lot
    bids = _if_filled(perp, rule, position, holdings.bids[row, m] * perp.lot, kind)
    asks = _if_filled(perp, rule, position, -holdings.asks[row, m] * perp.lot, kind)
    found = min(bids, asks) - holdings.cost[row, m]
    return found * rule.overall[kind] if found > 0.0 else found


@kernel
def _all_reserved(resting, coins, place, kind):
    """All that a pair holds back, as base coins and as quote coins."""
    row, p = place
    pair = resting.pairs[row, p]
    base, quote = resting.reserved[row, p, 0], resting.reserved[row, p, 1]
    base_low, base_high = _prices(coins[pair.base], kind)
    quote_low, quote_high = _prices(coins[pair.quote], kind)
    as_base, as_quote = quote * quote_low / base_high, base * base_low / quote_high
    if pair.bid > 0.0:
        as_base = min(as_base, quote / pair.bid)
    if pair.ask > 0.0:
        as_quote = min(as_quote, base * pair.ask)
    return base + as_base, quote + as_quote


@kernel
def _effect(coin, balance, reserved, kind):
    """What health gains when all that a pair holds back turns into one coin."""
    low, high = _prices(coin, kind)
    whole = balance[0] + balance[1]
    asset = min(max(whole, 0.0), reserved)
    gained = asset * low * held_weights(coin, asset)[kind]
    return gained + (reserved - asset) * high * owed_weights(coin, reserved - asset)[kind]


@kernel
def _counted(value, sums):
    """Sums of assets and of debts after one more weighted value."""
    if value >= 0.0:
        return sums[0] + value, sums[1]
    return sums[0], sums[1] - value


@kernel
def _settle(holdings, terms, rules, balance, place):
    """Balances of the coins of an account with the profit of its perpetuals."""
    row, kind = place
    for a in range(terms.coins.shape[0]):
        balance[a, 0] = holdings.coins[row, a] * terms.coins[a].lot
        balance[a, 1] = 0.0
    for m in range(terms.perps.shape[0]):
        if holdings.perps[row, m] != 0 or holdings.bids[row, m] != 0 or holdings.asks[row, m] != 0:
            found = perp_health(holdings, terms.perps[m], rules[m], (row, m), kind)
        else:
            found = -holdings.cost[row, m]
        balance[rules[m].settle, 0] += found
    return 0


@kernel
def _add_pairs(terms, resting, place, sums):
    """Sums after what resting spot orders bring; `place` is (row, kind)."""
    row, kind = place
    for p in range(resting.pairs.shape[1]):
        pair = resting.pairs[row, p]
        as_base, as_quote = _all_reserved(resting, terms.coins, (row, p), kind)
        resting.balance[pair.base, 1] += as_base
        resting.balance[pair.quote, 1] += as_quote
    for p in range(resting.pairs.shape[1]):
        pair = resting.pairs[row, p]
        as_base, as_quote = _all_reserved(resting, terms.coins, (row, p), kind)
        first = _effect(terms.coins[pair.base], resting.balance[pair.base], as_base, kind)
        other = _effect(terms.coins[pair.quote], resting.balance[pair.quote], as_quote, kind)
        sums = _counted(min(first, other), sums)
    return sums


@kernel
def _equity_of(holdings, terms, resting, row):
    """Raw equity: coins, profits, and what orders hold back."""
    value = 0.0
    for a in range(terms.coins.shape[0]):
        value += holdings.coins[row, a] * terms.coins[a].lot * terms.coins[a].price
    for m in range(terms.perps.shape[0]):
        perp = terms.perps[m]
        value += holdings.perps[row, m] * perp.lot * perp.price - holdings.cost[row, m]
    for p in range(resting.pairs.shape[1]):
        pair = resting.pairs[row, p]
        value += resting.reserved[row, p, 0] * terms.coins[pair.base].price
        value += resting.reserved[row, p, 1] * terms.coins[pair.quote].price
    return value


@kernel
def _weighted_of(holdings, terms, rules, resting, place):
    """Assets and debts of an account, quote; `place` is (row, kind)."""
    _settle(holdings, terms, rules, resting.balance, place)
    sums = (0.0, 0.0)
    for a in range(terms.coins.shape[0]):
        sums = _counted(_coin_value(terms.coins[a], resting.balance[a, 0], place[1]), sums)
    return _add_pairs(terms, resting, place, sums)


@kernel
def health_of(holdings, terms, rules, resting, row):
    """Five numbers of an account: assets as equity, debts as requirement."""
    initial, asked = _weighted_of(holdings, terms, rules, resting, (row, 0))
    kept = _weighted_of(holdings, terms, rules, resting, (row, 1))
    return _equity_of(holdings, terms, resting, row), initial, kept[0], asked, kept[1]


@kernel(python=True)
def weigh_health(holdings, terms, rules, resting, numbers):
    """Add the weighted health of every account; `rules` is (n_perps,) HEALTH."""
    for row in range(numbers.shape[0]):
        add(numbers, row, health_of(holdings, terms, rules, resting, row))
    return 0
