r"""Collateral that falls with the positions that it supports counts less.

A coin of value v, next to positions whose notional in its own direction is N (each position with
the correlation of its underlying), loses a share of its weight:

.. math:: \text{lost} = \kappa\, \min(v, \max(0, \textstyle\sum_m \rho_m N_m))

References
----------
Wrong-way risk of collateral: BCBS-IOSCO (2020), Margin requirements for non-centrally cleared
derivatives, element 4.
"""

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import add
from crossmargin.model.parts import Numbers, number


class Parameters(Numbers):
    """How much of the value that moves with the positions does not count."""

    strength: float = number(0.5, "fraction", low=0, high=1, doc="Of value matched by positions.")
    correlation: float = number(
        0.0, "correlation", low=-1, high=1, doc="Between different underlyings."
    )
    source: str = ""


@kernel
def _supported(holdings, terms, correlation, u, row):
    """Notional of positions that moves with an underlying, signed, quote."""
    total = 0.0
    for m in range(terms.perps.shape[0]):
        perp = terms.perps[m]
        part = holdings.perps[row, m] * perp.lot * perp.price
        total += part * correlation[u, perp.underlying]
    return total


@kernel
def wrong_way_of(holdings, terms, correlation, strength, row):
    """Five numbers of what an account loses of its weighted equity."""
    initial, maintenance = 0.0, 0.0
    for a in range(terms.coins.shape[0]):
        coin = terms.coins[a]
        value = holdings.coins[row, a] * coin.lot * coin.price
        if coin.underlying < 0 or value <= 0.0:
            continue
        support = _supported(holdings, terms, correlation, coin.underlying, row)
        lost = strength * min(value, max(support, 0.0))
        initial -= lost * coin.initial * coin.scale
        maintenance -= lost * coin.maintenance
    return 0.0, initial, maintenance, 0.0, 0.0


@kernel(python=True)
def discount_wrong_way(holdings, terms, correlation, strength, numbers):
    """Take from the weighted equity of every account.

    Parameters
    ----------
    correlation : (n_underlyings, n_underlyings) float64
    strength : float
        Fraction of the value matched that does not count.
    """
    for row in range(numbers.shape[0]):
        add(numbers, row, wrong_way_of(holdings, terms, correlation, strength, row))
    return 0
