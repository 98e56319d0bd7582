r"""Volatility surface: per expiry a level, a skew and a curvature.

.. math::
    \sigma(K) = a + b x + c x^2, \qquad x = \ln(K / F) / \sqrt T

held between a floor and a cap. In units of :math:`\sqrt T` smiles of different expiries lie on one
another, so that one skew does for a whole surface where nothing better is known.

References
----------
Gatheral, J. (2006), The Volatility Surface, chapter 7; Backus, Foresi and Wu (2004), Accounting for
biases in Black-Scholes, doi:10.2139/ssrn.585623 (level, skew and curvature of smiles).
"""

import math

from crossmargin.model.kernel import kernel
from crossmargin.model.options.black76 import YEAR
from crossmargin.model.parts import Numbers, number, slots

#: Least time over which moneyness is scaled: an hour.
_LEAST_YEARS = 3600.0 / YEAR


class Parameters(Numbers):
    """Smile of one expiry."""

    level: float = number(0.6, "per root year", above=0, high=10, doc="At the money.")
    skew: float = number(-0.05, "per root year", low=-5, high=5, doc="Slope in x at the money.")
    curvature: float = number(0.05, "per root year", low=0, high=5, doc="Of x squared.")
    floor: float = number(0.05, "per root year", above=0, high=10, doc="Least volatility.")
    cap: float = number(5.0, "per root year", above=0, high=100, doc="Largest volatility.")


P = slots(Parameters)


@kernel
def moneyness(forward, strike, years):
    """Logarithm of strike over forward in units of the root of time."""
    return math.log(strike / forward) / math.sqrt(max(years, _LEAST_YEARS))


@kernel
def surface_volatility(smile, forward, strike, years):
    """Volatility of a strike, from the numbers of its expiry.

    Parameters
    ----------
    smile : (5,) float64
        Level, skew, curvature, floor, cap, as in `Parameters`.
    """
    x = moneyness(forward, strike, years)
    raw = smile[P.level] + smile[P.skew] * x + smile[P.curvature] * x * x
    return min(max(raw, smile[P.floor]), smile[P.cap])
