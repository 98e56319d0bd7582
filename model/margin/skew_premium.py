r"""Fractions that rise in proportion to size, measured by what the market can carry.

.. math:: r = r_0 + \phi \frac{|q|}{K}, \qquad \text{requirement} = N r + b

with a scale K in base units and a charge b of each position.

References
----------
Synthetix v3, markets/perps-market (K is the skew scale; the maintenance rate is a multiple of the
entry rate). Deribit, futures: 2% plus 0.5% for each 100 coins.
"""

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import add
from crossmargin.model.margin.fractions import worst_size
from crossmargin.model.parts import Numbers, number


class Parameters(Numbers):
    """Rates of one market."""

    initial: float = number(..., "fraction", low=0, high=1, doc="Least entry rate.")
    slope: float = number(..., "fraction", low=0, doc="Added when the size is the scale.")
    scale: float = number(..., "base", above=0, doc="Size that adds `slope`.")
    maintenance: float | None = number(
        None, "fraction", low=0, high=1, doc="Least maintenance rate, where it is no multiple."
    )
    maintenance_slope: float | None = number(None, "fraction", low=0, doc="Of the same.")
    multiple: float = number(0.5, "fraction", low=0, high=1, doc="Maintenance over entry rate.")
    charge: float = number(0.0, "quote", low=0, doc="Of each position.")
    source: str = ""


#: Rates of one market.
SKEW = np.dtype(
    [
        ("initial", "f8"),  # fraction
        ("initial_slope", "f8"),  # per base unit
        ("maintenance", "f8"),  # fraction
        ("maintenance_slope", "f8"),  # per base unit
        ("charge", "f8"),  # quote
    ],
    align=True,
)


@kernel
def skew_of(holdings, terms, rules, row):
    """Five numbers of the fractions of an account."""
    initial, kept = 0.0, 0.0
    for m in range(rules.shape[0]):
        held, worst = worst_size(holdings, row, m)
        if worst == 0:
            continue
        perp, rule = terms.perps[m], rules[m]
        held, worst = held * perp.lot, worst * perp.lot
        rate = rule.initial + rule.initial_slope * worst
        initial += worst * perp.price * rate + rule.charge
        rate = rule.maintenance + rule.maintenance_slope * held
        kept += held * perp.price * rate + (rule.charge if held > 0.0 else 0.0)
    return 0.0, 0.0, 0.0, initial, kept


@kernel(python=True)
def charge_skew(holdings, terms, rules, numbers):
    """Add the requirements of every account; `rules` is (n_perps,) SKEW."""
    for row in range(numbers.shape[0]):
        add(numbers, row, skew_of(holdings, terms, rules, row))
    return 0
