r"""Margin from Greeks: a move of spot, the curvature of shorts, a move of volatility.

.. math:: R = |\Delta| S m + \frac{c}{2} \max(-\Gamma, 0) (S m)^2 + |\nu| v

for each underlying, with moves m of spot and v of volatility, and c times the curvature of what
loses by it; curvature that gains gives no credit.

References
----------
Bank for International Settlements (2019), Minimum capital requirements for market risk, MAR21
(delta, vega and curvature risk).
"""

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import add
from crossmargin.model.margin.span import linear_delta
from crossmargin.model.parts import Numbers, number


class Parameters(Numbers):
    """Moves of one underlying."""

    spot: float = number(0.1, "fraction", above=0, high=1, doc="Move of spot.")
    volatility: float = number(0.2, "per root year", low=0, high=5, doc="Move of volatility.")
    gamma_charge: float = number(1.0, "multiple", low=0, high=10, doc="Of short curvature.")
    initial_factor: float = number(1.3, "multiple", above=0, high=10, doc="Entry over risk.")
    source: str = ""


#: Moves of one underlying.
MOVES = np.dtype(
    [
        ("spot", "f8"),  # fraction
        ("volatility", "f8"),  # per root year
        ("gamma_charge", "f8"),  # multiple of short curvature
        ("initial_factor", "f8"),  # entry over risk
    ],
    align=True,
)


@kernel
def _greeks(holdings, terms, greeks, u, row):
    """Delta, gamma and vega of an account in an underlying, and the value of its options."""
    delta, gamma, vega, value = linear_delta(holdings, terms, u, row), 0.0, 0.0, 0.0
    for i in range(terms.series.shape[0]):
        held = holdings.options[row, i]
        if held != 0 and terms.series[i].underlying == u:
            delta += held * greeks[i, 0]
            gamma += held * greeks[i, 1]
            vega += held * greeks[i, 2]
            value += held * terms.series[i].lot * terms.series[i].mark
    return delta, gamma, vega, value


@kernel
def greeks_margin_of(holdings, terms, moves, greeks, row):
    """Five numbers of an account: options at their marks, requirements by Greeks."""
    total, initial, kept = 0.0, 0.0, 0.0
    for u in range(moves.shape[0]):
        delta, gamma, vega, value = _greeks(holdings, terms, greeks, u, row)
        move = terms.spot[u] * moves[u].spot
        risk = abs(delta) * move + abs(vega) * moves[u].volatility
        risk += 0.5 * moves[u].gamma_charge * max(-gamma, 0.0) * move * move
        total += value
        initial += risk * moves[u].initial_factor
        kept += risk
    return total, total, total, initial, kept


@kernel(python=True)
def charge_greeks(holdings, terms, moves, greeks, numbers):
    """Add options at their marks and the requirements of every account.

    Parameters
    ----------
    moves : (n_underlyings,) MOVES
    greeks : (n_series, 5) float64
        Of one contract.
    """
    for row in range(numbers.shape[0]):
        add(numbers, row, greeks_margin_of(holdings, terms, moves, greeks, row))
    return 0
