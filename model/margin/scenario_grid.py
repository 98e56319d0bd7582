r"""Values of option series under scenarios, made once a step for all accounts.

Volatility moves by :math:`k (30 / \max(t, t_0))^p`, t days to expiry, with one power below thirty
days and another above: short expiries move more. A scenario says how many such moves; they multiply
volatility (`1 + n k ...`) or add to it. Forwards move with spot.

References
----------
Derive v2-core, PMRM; Deribit, portfolio margin (the same law).
"""

import math

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.options.black76 import DAY, YEAR, black76, black76_greeks
from crossmargin.model.state import Array

#: Column of the first scenario; those before it are the basis up and down.
FIRST = 2
#: Columns come in multiples of this, so that loops over them are whole vectors.
_WIDTH = 16

#: How volatility moves in one underlying.
VOLATILITY = np.dtype(
    [
        ("up", "f8"),  # of one move up at thirty days
        ("down", "f8"),  # of one move down at thirty days
        ("short_power", "f8"),  # below thirty days
        ("long_power", "f8"),  # above
        ("least_days", "f8"),  # shorter expiries move as this one
        ("floor_up", "f8"),  # per root year, least volatility after a move up
        ("adds", "i4"),  # 1 where moves add to volatility, 0 where they multiply it
    ],
    align=True,
)

#: One scenario of one underlying.
SHOCK = np.dtype(
    [
        ("spot", "f8"),  # relative change of spot and forwards
        ("volatility", "f8"),  # moves of volatility, up positive
        ("days", "f8"),  # that pass
    ],
    align=True,
)

#: How forwards move against spot in one underlying.
BASIS = np.dtype(
    [
        ("shock", "f8"),  # relative change of forwards
        ("a_year", "f8"),  # the same, for each year to expiry
    ],
    align=True,
)


def columns_of(n_scenarios: int) -> int:
    """Columns that a grid of some scenarios has."""
    return -(-(FIRST + n_scenarios) // _WIDTH) * _WIDTH


def in_columns(table: Array) -> Array:
    """(n, n_scenarios) numbers in the columns of a grid, zero where there is no scenario."""
    found = np.zeros((len(table), columns_of(table.shape[1])))
    found[:, FIRST : FIRST + table.shape[1]] = table
    return found


@kernel
def shocked_volatility(rule, s, moves):
    """Volatility of a series after some moves."""
    days = max(s.seconds / DAY, rule.least_days)
    power = rule.short_power if days <= 30.0 else rule.long_power
    size = (rule.up if moves > 0.0 else rule.down) * moves * (30.0 / days) ** power
    if rule.adds == 1:
        shocked = max(s.volatility + size, 0.0)
    else:
        shocked = s.volatility * max(1.0 + size, 0.0)
    return max(shocked, rule.floor_up) if moves > 0.0 and rule.floor_up > 0.0 else shocked


@kernel
def _value(s, spot, volatility, days):
    """Present value of a series when spot has changed and days have passed, quote per base."""
    years = max(s.seconds / YEAR - days * DAY / YEAR, 0.0)
    price = black76(s.kind, s.forward * (1.0 + spot), s.strike, years, volatility)
    return price * math.exp(-s.rate * years)


@kernel(python=True)
def value_scenarios(series, shocks, rules, basis, values):
    """Values of all series under all scenarios, and with forwards moved up and down.

    Parameters
    ----------
    shocks : (n_underlyings, n_scenarios) SHOCK
    rules : (n_underlyings,) VOLATILITY
    basis : (n_underlyings,) BASIS
    values : (n_series, n_columns) float64
        Written, quote per base: basis up and down, then the scenarios.
    """
    n = shocks.shape[1]
    for i in range(series.shape[0]):
        s = series[i]
        for k in range(n):
            shock = shocks[s.underlying, k]
            volatility = shocked_volatility(rules[s.underlying], s, shock.volatility)
            values[i, FIRST + k] = _value(s, shock.spot, volatility, shock.days)
        move = basis[s.underlying].shock + basis[s.underlying].a_year * s.seconds / YEAR
        values[i, 0] = _value(s, move, s.volatility, 0.0)
        values[i, 1] = _value(s, -move, s.volatility, 0.0)
    return 0


@kernel(python=True)
def series_deltas(series, deltas):
    """Delta of one base unit of every series."""
    for i in range(series.shape[0]):
        s = series[i]
        years = s.seconds / YEAR
        found = black76_greeks(s.kind, s.forward, s.strike, years, s.volatility)
        deltas[i] = found[0] * math.exp(-s.rate * years)
    return 0
