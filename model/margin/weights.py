r"""Collateral weights: what a coin counts, by size held and by what all accounts hold of it.

.. math::
    w = \min\left(w_0 s, \frac{1.1}{1 + f \sqrt{a}}\right), \qquad
    l = \max\left(l_0, 0.8\, l_0 + f \sqrt{a}\right) s'

for an amount a held or owed. The scales s and s' are those of a whole venue: deposits beyond a
limit and debts beyond one count worse, and a volatile coin counts less.

References
----------
Size discount and premium: Drift v2, programs/drift/src/math/margin.rs. Scales by deposits and
borrows: Mango v4, programs/mango-v4/src/state/bank.rs.
"""

import math

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import add
from crossmargin.model.parts import Numbers, number


class Parameters(Numbers):
    """What one asset counts."""

    initial: float = number(..., "fraction", low=0, high=2, doc="Of its value, for entry.")
    maintenance: float = number(..., "fraction", low=0, high=2, doc="Against liquidation.")
    owed_initial: float = number(1.0, "multiple", low=0, high=10, doc="Of a debt, for entry.")
    owed_maintenance: float = number(1.0, "multiple", low=0, high=10, doc="The same, liquidation.")
    size_discount: float = number(0.0, "per root coin", low=0, doc="Large holdings count less.")
    deposit_start: float = number(
        0.0, "quote", low=0, doc="All deposits beyond which entry weights fall; 0 never."
    )
    borrow_start: float = number(
        0.0, "quote", low=0, doc="All debts beyond which their entry weight rises; 0 never."
    )
    calm_volatility: float = number(
        0.0, "per root year", low=0, doc="Volatility above which entry weights fall; 0 never."
    )
    volatility_slope: float = number(
        1.0, "fraction per multiple", low=0, doc="Weight lost for each multiple of calm above one."
    )
    source: str = ""


def deposit_scale(start: float, deposits: float) -> float:
    """Multiple of an entry weight when all deposits are worth `deposits`, quote (Mango v4)."""
    return 1.0 if start <= 0 or deposits <= start else start / deposits


def borrow_scale(start: float, borrows: float) -> float:
    """Multiple of the entry weight of a debt when all debts are worth `borrows`, quote."""
    return 1.0 if start <= 0 else max(1.0, borrows / start)


def volatility_scale(calm: float, slope: float, volatility: float) -> float:
    """Multiple of an entry weight at a realised volatility, per root year."""
    return 1.0 if calm <= 0 else max(0.0, 1.0 - slope * max(0.0, volatility / calm - 1.0))


@kernel
def held_weights(coin, amount):
    """Entry and maintenance weight of an amount held, whole coins."""
    limit = np.inf
    if coin.size_discount > 0.0:
        limit = 1.1 / (1.0 + coin.size_discount * math.sqrt(amount))
    return min(coin.initial * coin.scale, limit), min(coin.maintenance, limit)


@kernel
def owed_weights(coin, amount):
    """Entry and maintenance multiple of an amount owed, whole coins."""
    extra = coin.size_discount * math.sqrt(amount)
    initial, maintenance = coin.owed_initial, coin.owed_maintenance
    if extra > 0.0:
        initial = max(initial, 0.8 * initial + extra)
        maintenance = max(maintenance, 0.8 * maintenance + extra)
    return initial * coin.owed_scale, maintenance


@kernel
def coin_numbers(coin, held):
    """Five numbers of one coin."""
    amount = held * coin.lot
    value = amount * coin.price
    if amount >= 0.0:
        initial, maintenance = held_weights(coin, amount)
        return value, amount * coin.low * initial, value * maintenance, 0.0, 0.0
    initial, maintenance = owed_weights(coin, -amount)
    initial, maintenance = amount * coin.high * initial, value * maintenance
    if coin.owed_is_required == 1:
        return value, 0.0, 0.0, -initial, -maintenance
    return value, initial, maintenance, 0.0, 0.0


@kernel
def coins_of(holdings, terms, row):
    """Five numbers of the coins of an account."""
    a, b, c, d, e = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(terms.coins.shape[0]):
        held = holdings.coins[row, k]
        if held != 0:
            found = coin_numbers(terms.coins[k], held)
            a += found[0]
            b += found[1]
            c += found[2]
            d += found[3]
            e += found[4]
    return a, b, c, d, e


@kernel(python=True)
def weigh_coins(holdings, terms, numbers):
    """Add the coins of every account."""
    for row in range(numbers.shape[0]):
        add(numbers, row, coins_of(holdings, terms, row))
    return 0
