"""Credit for unrealised profit: what counts of a gain that nobody has paid out yet.

A loss counts whole. A gain counts with a weight, up to a cap a market; what may be withdrawn of it
is a fraction of its own.

References
----------
Weight and cap of positive profit for entry: Drift v2, programs/drift/src/math/margin.rs.
"""

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import add
from crossmargin.model.parts import Numbers, number


class Parameters(Numbers):
    """What counts of unrealised profit."""

    initial: float = number(1.0, "fraction", low=0, high=1, doc="Of a gain, for entry.")
    maintenance: float = number(1.0, "fraction", low=0, high=1, doc="Of a gain, liquidation.")
    cap: float = number(
        1e300, "quote per market", low=0, doc="Most that counts for entry in a market."
    )
    withdrawable: float = number(1.0, "fraction", low=0, high=1, doc="Of what counts for entry.")
    source: str = ""


#: What counts of the gain of one market.
CREDIT = np.dtype(
    [
        ("initial", "f8"),  # fraction, entry
        ("maintenance", "f8"),  # fraction, liquidation
        ("cap", "f8"),  # quote, entry
    ],
    align=True,
)


@kernel
def gain_of(holdings, perp, row, m):
    """Unrealised profit of a position at the mark, quote."""
    return holdings.perps[row, m] * perp.lot * perp.price - holdings.cost[row, m]


@kernel
def profit_of(holdings, terms, credit, row):
    """Five numbers of the unrealised profit of an account."""
    equity, initial, maintenance = 0.0, 0.0, 0.0
    for m in range(terms.perps.shape[0]):
        gain = gain_of(holdings, terms.perps[m], row, m)
        lost, gained = min(gain, 0.0), max(gain, 0.0)
        equity += gain
        initial += lost + min(gained * credit[m].initial, credit[m].cap)
        maintenance += lost + gained * credit[m].maintenance
    return equity, initial, maintenance, 0.0, 0.0


@kernel(python=True)
def credit_profit(holdings, terms, credit, numbers):
    """Add the unrealised profit of every account; `credit` is (n_perps,) CREDIT."""
    for row in range(numbers.shape[0]):
        add(numbers, row, profit_of(holdings, terms, credit, row))
    return 0
