r"""Add-on for what closing takes: the book that must be crossed, the time that it needs.

Closing q at a share p of the volume V takes T = q / (p V) days. What is sold each day walks a book
with depth D within one per cent, and the rest is held in the meantime, falling evenly:

.. math:: A = N \min\left(1, h + 0.005 \frac{N}{D \max(T, 1)} + z \sigma \sqrt{T / 3}\right)

References
----------
Almgren and Chriss (2001), doi:10.21314/JOR.2001.041 (a position sold evenly has a third of its
variance); European Commission RTS 153/2013, article 53 (liquidity and concentration add-ons).
"""

import math

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import add
from crossmargin.model.parts import Numbers, number


class Parameters(Numbers):
    """Liquidity of one market."""

    volume: float = number(..., "base per day", above=0, doc="Traded in the market.")
    depth: float = number(..., "quote", above=0, doc="On one side within one per cent of the mid.")
    participation: float = number(0.1, "fraction", above=0, high=1, doc="Share of the volume.")
    volatility: float = number(0.6, "per root year", low=0, high=10, doc="Of the price.")
    multiple: float = number(2.33, "deviations", low=0, high=10, doc="Of the price held at risk.")
    half_spread: float = number(0.0002, "fraction", low=0, high=1, doc="Of the price.")
    free_days: float = number(0.0, "days", low=0, doc="Already covered by the requirement.")
    initial_factor: float = number(1.0, "multiple", above=0, high=10, doc="Entry over add-on.")
    measured: bool = number(
        False, "choice", doc="A running market measures volume and depth, beginning from these."
    )
    memory_days: float = number(
        1.0, "days", above=0, high=365, doc="Over which it averages them, by falling weights."
    )
    source: str = ""


#: Liquidity of one market.
DEPTH = np.dtype(
    [
        ("volume", "f8"),  # base per day
        ("depth", "f8"),  # quote within one per cent
        ("participation", "f8"),  # fraction of the volume
        ("daily", "f8"),  # deviations times volatility per root day
        ("half_spread", "f8"),  # fraction
        ("free_days", "f8"),  # days that need no add-on
        ("initial_factor", "f8"),  # entry over add-on
    ],
    align=True,
)


@kernel
def closing_days(rule, size):
    """Days that it takes to close a position of `size` base units."""
    return size / (rule.participation * rule.volume)


@kernel
def closing_add_on(rule, size, price):
    """Add-on of a position, quote; it rises faster than the position."""
    days = closing_days(rule, size)
    walked = 0.005 * size * price / (rule.depth * max(days, 1.0))
    held = rule.daily * math.sqrt(max(days - rule.free_days, 0.0) / 3.0)
    return size * price * min(rule.half_spread + walked + held, 1.0)


@kernel
def liquidity_of(holdings, terms, rules, row):
    """Five numbers of the add-ons of an account."""
    initial, kept = 0.0, 0.0
    for m in range(rules.shape[0]):
        size = abs(holdings.perps[row, m]) * terms.perps[m].lot
        if size > 0.0:
            found = closing_add_on(rules[m], size, terms.perps[m].price)
            initial += found * rules[m].initial_factor
            kept += found
    return 0.0, 0.0, 0.0, initial, kept


@kernel(python=True)
def charge_liquidity(holdings, terms, rules, numbers):
    """Add the add-ons of every account; `rules` is (n_perps,) DEPTH."""
    for row in range(numbers.shape[0]):
        add(numbers, row, liquidity_of(holdings, terms, rules, row))
    return 0
