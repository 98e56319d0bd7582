r"""Fractions that rise with the square root of size, as the cost of closing does.

.. math:: r = \max\left(r_0,\; k r_0 + f \sqrt{|q|}\right)

for a position of q base units, entry and maintenance alike.

References
----------
Drift v2, programs/drift/src/math/margin.rs (k = 0.8). The square-root law of impact: Toth et al.
(2011), doi:10.1103/PhysRevX.1.021006.
"""

import math

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import add
from crossmargin.model.margin.fractions import worst_size
from crossmargin.model.parts import Numbers, number


class Parameters(Numbers):
    """Rates of one market."""

    initial: float = number(..., "fraction", above=0, high=1, doc="Of small positions, entry.")
    maintenance: float = number(..., "fraction", above=0, high=1, doc="The same, liquidation.")
    slope: float = number(0.0, "per root base unit", low=0, doc="Of the rate in the root of size.")
    keep: float = number(0.8, "fraction", low=0, high=1, doc="Of the rate, to which it adds.")
    source: str = ""


#: Rates of one market.
PREMIUM = np.dtype(
    [
        ("initial", "f8"),  # fraction
        ("maintenance", "f8"),  # fraction
        ("slope", "f8"),  # per root base unit
        ("keep", "f8"),  # fraction
    ],
    align=True,
)


@kernel
def premium_rate(rule, rate, size):
    """Rate of a position of `size` base units."""
    return max(rate, rule.keep * rate + rule.slope * math.sqrt(size))


@kernel
def premium_of(holdings, terms, rules, row):
    """Five numbers of the fractions of an account."""
    initial, kept = 0.0, 0.0
    for m in range(rules.shape[0]):
        held, worst = worst_size(holdings, row, m)
        if worst == 0:
            continue
        perp, rule = terms.perps[m], rules[m]
        held, worst = held * perp.lot, worst * perp.lot
        initial += worst * perp.price * premium_rate(rule, rule.initial, worst)
        kept += held * perp.price * premium_rate(rule, rule.maintenance, held)
    return 0.0, 0.0, 0.0, initial, kept


@kernel(python=True)
def charge_premium(holdings, terms, rules, numbers):
    """Add the requirements of every account; `rules` is (n_perps,) PREMIUM."""
    for row in range(numbers.shape[0]):
        add(numbers, row, premium_of(holdings, terms, rules, row))
    return 0
