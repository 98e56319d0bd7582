r"""Netting of positions that offset one another across perpetuals, options and spot.

Deltas of one underlying, each instrument on its own side, long L and short K; coins held cover
shorts that are left. With M = min(L, K) matched,

.. math:: R = r S (|L - K| + \theta M)

A book that is fully offset needs the residual fraction alone, of what it would need leg by leg.

References
----------
Offsets within a risk unit: OKX, portfolio margin; Paradex, portfolio margin.
"""

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import add, options_value
from crossmargin.model.parts import Numbers, number


class Parameters(Numbers):
    """Rates of one underlying."""

    initial: float = number(..., "fraction", above=0, high=1, doc="Of what is not matched.")
    maintenance: float = number(..., "fraction", above=0, high=1, doc="The same, liquidation.")
    residual: float = number(0.1, "fraction", low=0, high=1, doc="Of what is matched.")
    coins: bool = number(True, "", doc="Coins held cover shorts.")
    source: str = ""


#: Rates of one underlying.
NETTING = np.dtype(
    [
        ("initial", "f8"),  # fraction
        ("maintenance", "f8"),  # fraction
        ("residual", "f8"),  # fraction of what is matched
        ("coins", "i4"),  # 1 where coins cover shorts
    ],
    align=True,
)


@kernel
def _sides(holdings, terms, deltas, u, row):
    """Long and short deltas of perpetuals and options of an underlying, base."""
    long, short = 0.0, 0.0
    for m in range(terms.perps.shape[0]):
        if terms.perps[m].underlying == u:
            held = holdings.perps[row, m] * terms.perps[m].lot
            long += max(held, 0.0)
            short += max(-held, 0.0)
    for i in range(terms.series.shape[0]):
        if terms.series[i].underlying == u and holdings.options[row, i] != 0:
            held = holdings.options[row, i] * terms.series[i].lot * deltas[i]
            long += max(held, 0.0)
            short += max(-held, 0.0)
    return long, short


@kernel
def _coins(holdings, terms, u, row):
    """Coins of an underlying, base."""
    held = 0.0
    for a in range(terms.coins.shape[0]):
        if terms.coins[a].underlying == u:
            held += max(holdings.coins[row, a] * terms.coins[a].lot, 0.0)
    return held


@kernel
def netted_of(holdings, terms, rules, deltas, row):
    """Five numbers of an account: options at their marks, requirements of what is left."""
    initial, kept = 0.0, 0.0
    for u in range(rules.shape[0]):
        rule = rules[u]
        long, short = _sides(holdings, terms, deltas, u, row)
        if rule.coins == 1:
            long += min(_coins(holdings, terms, u, row), max(short - long, 0.0))
        counted = abs(long - short) + rule.residual * min(long, short)
        initial += rule.initial * terms.spot[u] * counted
        kept += rule.maintenance * terms.spot[u] * counted
    value = options_value(holdings.options, terms.series, row)
    return value, value, value, initial, kept


@kernel(python=True)
def charge_netted(holdings, terms, rules, deltas, numbers):
    """Add options at their marks and the requirements of every account.

    Parameters
    ----------
    rules : (n_underlyings,) NETTING
    deltas : (n_series,) float64
        Of one base unit.
    """
    for row in range(numbers.shape[0]):
        add(numbers, row, netted_of(holdings, terms, rules, deltas, row))
    return 0
