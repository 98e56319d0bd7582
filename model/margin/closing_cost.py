r"""Equity after what closing would cost: fees, and impact on a pool that is the counterparty.

With long less short open interest d, closing moves it to d'. The pool pays or takes

.. math:: f\,(|d|^e - |d'|^e)

with the factor f- when closing widens the imbalance and f+ when it narrows it; crossing zero takes
each factor for its side. A cost counts up to a cap of the notional; a gain does not count.

References
----------
GMX v2, contracts/pricing/PricingUtils.sol and position/PositionUtils.sol.
"""

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import add
from crossmargin.model.parts import Numbers, number


class Parameters(Numbers):
    """Costs of closing in one market."""

    fee: float = number(0.0, "fraction", low=0, high=0.1, doc="Of the notional closed.")
    positive: float = number(0.0, "quote per quote**e", low=0, doc="Factor that narrows.")
    negative: float = number(0.0, "quote per quote**e", low=0, doc="Factor that widens.")
    exponent: float = number(2.0, "power", low=1, high=4, doc="Of the imbalance.")
    cap: float = number(0.005, "fraction", low=0, high=1, doc="Largest cost, of the notional.")
    source: str = ""


#: Costs of closing in one market.
CLOSING = np.dtype(
    [
        ("fee", "f8"),  # fraction
        ("positive", "f8"),  # factor that narrows
        ("negative", "f8"),  # factor that widens
        ("exponent", "f8"),  # power
        ("cap", "f8"),  # fraction
        ("imbalance", "f8"),  # long less short open interest, quote
    ],
    align=True,
)


@kernel
def pool_impact(rule, before, after):
    """What a pool pays when open interest goes from one imbalance to another, quote, signed."""
    if before * after < 0.0:  # it crosses zero
        gained = rule.positive * abs(before) ** rule.exponent
        return gained - rule.negative * abs(after) ** rule.exponent
    factor = rule.negative if abs(after) > abs(before) else rule.positive
    return factor * (abs(before) ** rule.exponent - abs(after) ** rule.exponent)


@kernel
def closing_of(holdings, terms, rules, row):
    """Five numbers of what closing would cost an account."""
    cost = 0.0
    for m in range(rules.shape[0]):
        if holdings.perps[row, m] == 0:
            continue
        perp, rule = terms.perps[m], rules[m]
        notional = holdings.perps[row, m] * perp.lot * perp.price
        impact = min(pool_impact(rule, rule.imbalance, rule.imbalance - notional), 0.0)
        cost += rule.fee * abs(notional) - max(impact, -rule.cap * abs(notional))
    return 0.0, -cost, -cost, 0.0, 0.0


@kernel(python=True)
def charge_closing(holdings, terms, rules, numbers):
    """Take the costs of closing from every account; `rules` is (n_perps,) CLOSING."""
    for row in range(numbers.shape[0]):
        add(numbers, row, closing_of(holdings, terms, rules, row))
    return 0
