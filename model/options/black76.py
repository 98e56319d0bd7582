r"""Black's 1976 formula for European options on a forward, without discounting.

.. math::
    C = F N(d_1) - K N(d_2), \quad P = K N(-d_2) - F N(-d_1), \quad
    d_{1,2} = \frac{\ln(F/K)}{\sigma\sqrt T} \pm \frac{\sigma\sqrt T}{2}

Present value is the price times the discount factor; venues that settle in the quote asset use the
price itself. Time is in years of 365 days, volatility per square root of a year. Without time or
without volatility the price is the intrinsic value and every sensitivity is that of the forward.

References
----------
Black, F. (1976), The pricing of commodity contracts, J. Financial Economics 3,
doi:10.1016/0304-405X(76)90024-6. Haug, E. G. (2007), The Complete Guide to Option Pricing Formulas,
chapters 1.1.3 and 2.
"""

import math

import numpy as np

from crossmargin.model.kernel import kernel

#: Kind of an option; the sign of its sensitivity to the forward.
CALL, PUT = 1, -1
YEAR = 365.0 * 86400.0
DAY = 86400.0

#: Sensitivities in the order in which they are kept.
GREEKS = ("delta", "gamma", "vega", "theta", "rho")

_ROOT_HALF = math.sqrt(0.5)
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
#: Standard deviations of the logarithm below which a price is intrinsic to the last bit.
_LEAST = 1e-12
_LARGEST = 1e300
_HIGHEST_VOLATILITY = 1e3


@kernel
def normal_below(x):
    """Probability that a standard normal is at most x; exact to the last bits in both tails."""
    return 0.5 * math.erfc(-x * _ROOT_HALF)


@kernel
def normal_density(x):
    """Density of the standard normal."""
    return math.exp(-0.5 * x * x) / _ROOT_TWO_PI


@kernel
def intrinsic(kind, forward, strike):
    """Value of an option that is exercised against a forward."""
    return max(kind * (forward - strike), 0.0)


@kernel
def log_ratio(forward, strike):
    """Logarithm of forward over strike, where their ratio itself may leave the floats."""
    ratio = forward / strike
    if 0.0 < ratio < np.inf:
        return math.log(ratio)
    return math.log(forward) - math.log(strike)


@kernel
def black76(kind, forward, strike, years, volatility):
    """Price of a European option on a forward, undiscounted, quote per unit.

    Parameters
    ----------
    kind : int
        CALL or PUT.
    forward, strike : float
        Quote per unit, positive; a forward of 0 gives the limit.
    years : float
        To expiry, years of 365 days.
    volatility : float
        Per square root of a year.
    """
    spread = volatility * math.sqrt(max(years, 0.0))
    if not spread > _LEAST or forward <= 0.0 or strike <= 0.0:
        return intrinsic(kind, max(forward, 0.0), strike)
    first = log_ratio(forward, strike) / spread + 0.5 * spread
    paid = strike * normal_below(kind * (first - spread))
    return max(kind * (forward * normal_below(kind * first) - paid), 0.0)


@kernel
def black76_greeks(kind, forward, strike, years, volatility):
    """Delta, gamma, vega and theta of an undiscounted option.

    Delta per unit of the forward, gamma per unit squared, vega per 1.00 of volatility, theta per
    year that passes (negative for what loses value).
    """
    root = math.sqrt(max(years, 0.0))
    spread = volatility * root
    if not spread > _LEAST or forward <= 0.0 or strike <= 0.0:
        inside = 1.0 if kind * (forward - strike) > 0.0 else 0.0
        if forward == strike:
            inside = 0.5
        return kind * inside, 0.0, 0.0, 0.0
    first = log_ratio(forward, strike) / spread + 0.5 * spread
    density = normal_density(first)
    delta = kind * normal_below(kind * first)
    gamma = min(density / (forward * spread), _LARGEST)
    theta = max(-0.5 * forward * density * volatility / root, -_LARGEST)
    return delta, gamma, forward * density * root, theta


@kernel
def implied_volatility(price, kind, forward, strike, years):
    """Volatility at which Black's formula gives an undiscounted price; NaN when none does.

    Newton's method inside a bracket that shrinks at every step, so that it settles wherever a
    volatility exists at all; prices within rounding of the intrinsic value have volatility 0.
    """
    floor, limit = intrinsic(kind, forward, strike), forward if kind == CALL else strike
    if not (years > 0.0 and forward > 0.0 and strike > 0.0 and floor <= price < limit):
        return np.nan
    low, high = 0.0, _HIGHEST_VOLATILITY
    guess = math.sqrt(2.0 * abs(log_ratio(forward, strike)) / years)  # where vega is largest
    guess = min(max(guess, 0.1), 10.0)
    for _ in range(200):
        gap = black76(kind, forward, strike, years, guess) - price
        if gap > 0.0:
            high = guess
        else:
            low = guess
        vega = black76_greeks(kind, forward, strike, years, guess)[2]
        better = guess - gap / vega if vega > 0.0 else -1.0
        if not low < better < high:
            better = 0.5 * (low + high)
        if abs(better - guess) <= 1e-14 * guess or high - low <= 1e-15:
            break
        guess = better
    return guess
