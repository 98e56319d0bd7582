"""Option series as rows of an array: marks, implied volatilities, Greeks of series and accounts.

A series is a row of `SERIES`; the kernels here take all of them at once, and the Greeks of all
accounts are sums over their series in the order of the rows, which no batch changes.
"""

import math

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.options.black76 import (
    DAY,
    YEAR,
    black76,
    black76_greeks,
    implied_volatility,
)
from crossmargin.model.options.surface import surface_volatility

#: A European option series.
SERIES = np.dtype(
    [
        ("forward", "f8"),  # quote per unit, of its expiry
        ("strike", "f8"),  # quote per unit
        ("seconds", "f8"),  # to expiry
        ("volatility", "f8"),  # per root year, at which it is marked
        ("rate", "f8"),  # per year, at which its mark is discounted; 0 where venues do not
        ("lot", "f8"),  # units of the underlying of one contract
        ("mark", "f8"),  # quote per unit, present value
        ("price", "f8"),  # quote per unit, where a price is known from which to imply volatility
        ("confidence", "f8"),  # of its price feed, 0 to 1
        ("underlying", "i4"),  # row of the underlying
        ("expiry", "i4"),  # row of its expiry
        ("kind", "i4"),  # CALL 1, PUT -1
    ],
    align=True,
)


@kernel
def mark_of(s):
    """Mark of a series, present value in quote per unit."""
    years = s.seconds / YEAR
    price = black76(s.kind, s.forward, s.strike, years, s.volatility)
    return price * math.exp(-s.rate * years)


@kernel(python=True)
def mark_series(series):
    """Renew the mark of every series."""
    for i in range(series.shape[0]):
        series[i].mark = mark_of(series[i])
    return 0


@kernel(python=True)
def imply_volatility(series):
    """Renew the volatility of every series from its `price`; NaN where none gives it."""
    for i in range(series.shape[0]):
        s = series[i]
        years = s.seconds / YEAR
        undiscounted = s.price * math.exp(s.rate * years)
        s.volatility = implied_volatility(undiscounted, s.kind, s.forward, s.strike, years)
    return 0


@kernel(python=True)
def read_surface(series, smiles):
    """Renew the volatility of every series from the smile of its expiry, (n_expiries, 5)."""
    for i in range(series.shape[0]):
        s = series[i]
        smile = smiles[s.expiry]
        s.volatility = surface_volatility(smile, s.forward, s.strike, s.seconds / YEAR)
    return 0


@kernel
def greeks_of(s):
    """Delta, gamma, vega, theta, rho of one unit of a series.

    Delta in units of the underlying, gamma per quote of its price, vega in quote per 1.00 of
    volatility, theta in quote per day, rho in quote per 1.00 of the rate.
    """
    years = s.seconds / YEAR
    discount = math.exp(-s.rate * years)
    delta, gamma, vega, theta = black76_greeks(s.kind, s.forward, s.strike, years, s.volatility)
    present = discount * black76(s.kind, s.forward, s.strike, years, s.volatility)
    a_day = (discount * theta + s.rate * present) * DAY / YEAR
    return discount * delta, discount * gamma, discount * vega, a_day, -years * present


@kernel(python=True)
def series_greeks(series, greeks):
    """Greeks of one contract of every series into (n_series, 5) float64."""
    for i in range(series.shape[0]):
        found = greeks_of(series[i])
        for k in range(5):
            greeks[i, k] = found[k] * series[i].lot
    return 0


@kernel
def _flush(sums, out, row, u):
    """Add sums over neighbouring series to the Greeks of an account."""
    for k in range(5):
        out[row, u, k] += sums[k]


@kernel(python=True)
def account_greeks(options, greeks, series, out):
    """Greeks of every account by underlying into (n_accounts, n_underlyings, 5) float64.

    Parameters
    ----------
    options : (n_accounts, n_series) int64 or float64
        Contracts held.
    greeks : (n_series, 5) float64
        Of one contract.
    """
    n = series.shape[0]
    for row in range(options.shape[0]):
        a, b, c, d, e = 0.0, 0.0, 0.0, 0.0, 0.0
        for u in range(out.shape[1]):
            for k in range(5):
                out[row, u, k] = 0.0
        for i in range(n):
            held = options[row, i]
            if held != 0:
                a += held * greeks[i, 0]
                b += held * greeks[i, 1]
                c += held * greeks[i, 2]
                d += held * greeks[i, 3]
                e += held * greeks[i, 4]
            if i + 1 == n or series[i + 1].underlying != series[i].underlying:
                _flush((a, b, c, d, e), out, row, series[i].underlying)
                a, b, c, d, e = 0.0, 0.0, 0.0, 0.0, 0.0
    return 0
