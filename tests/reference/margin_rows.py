"""Accounts drawn at random for the parts of risk models, and what those parts need."""

from typing import Any

import numpy as np

from crossmargin.model.margin.arrays import COIN, PERPETUAL, SERIES, Holdings, Terms
from crossmargin.model.margin.scenario import UNIT, Grid
from crossmargin.model.margin.scenario_grid import (
    BASIS,
    SHOCK,
    VOLATILITY,
    columns_of,
    in_columns,
    series_deltas,
    value_scenarios,
)
from crossmargin.model.margin.span import CREDIT
from crossmargin.model.margin.standard_options import EXPIRY
from crossmargin.model.options.black76 import DAY
from crossmargin.model.options.series import mark_series
from crossmargin.model.state import Array

N_UNDERLYINGS, N_PERPS, EXPIRIES = 2, 3, 2


def drawn_terms(rng: np.random.Generator, n_strikes: int = 3) -> Terms:
    """Three coins (cash, one of each underlying), three perpetuals, calls and puts."""
    spot = np.array([60000.0, 3000.0]) * rng.uniform(0.5, 2.0, 2)
    coins = np.zeros(3, COIN)
    coins["lot"], coins["confidence"], coins["scale"], coins["owed_scale"] = 1.0, 1.0, 1.0, 1.0
    coins["price"] = coins["low"] = coins["high"] = [1.0, *spot]
    coins["initial"], coins["maintenance"] = [1.0, 0.8, 0.7], [1.0, 0.9, 0.85]
    coins["owed_initial"], coins["owed_maintenance"] = [1.0, 1.2, 1.3], [1.0, 1.1, 1.2]
    coins["size_discount"] = [0.0, 0.02, 0.0]
    coins["underlying"] = [-1, 0, 1]
    perps = np.zeros(N_PERPS, PERPETUAL)
    perps["lot"], perps["confidence"] = 1.0, rng.uniform(0, 1, N_PERPS)
    perps["underlying"] = [0, 0, 1]
    perps["price"] = spot[perps["underlying"]] * rng.uniform(0.99, 1.01, N_PERPS)
    perps["low"] = perps["high"] = perps["price"]
    return Terms(coins, perps, drawn_series(rng, spot, n_strikes), spot)


def drawn_series(rng: np.random.Generator, spot: Array, n_strikes: int) -> Array:
    """Calls and puts of every strike of two expiries of two underlyings, in the order of series."""
    rows = [
        (u, e, k, kind)
        for u in range(N_UNDERLYINGS)
        for e in range(EXPIRIES)
        for k in range(n_strikes)
        for kind in (1, -1)
    ]
    series = np.zeros(len(rows), SERIES)
    for s, (u, e, k, kind) in zip(series, rows, strict=True):
        s["underlying"], s["expiry"], s["kind"] = u, u * EXPIRIES + e, kind
        s["strike"] = spot[u] * (0.8 + 0.4 * k / max(n_strikes - 1, 1))
        s["seconds"], s["lot"] = (7 + 60 * e) * DAY, 1.0
        s["forward"] = spot[u] * (1 + 0.01 * e)
    series["volatility"] = rng.uniform(0.3, 1.2, len(series))
    series["confidence"] = rng.uniform(0, 1, len(series))
    mark_series(series)
    return series


def drawn_holdings(rng: np.random.Generator, terms: Terms, n: int = 9) -> Holdings:
    """Accounts that hold some of everything, many of them nothing of a kind."""

    def some(width: int, scale: float) -> Array:
        return rng.normal(0, scale, (n, width)) * rng.integers(0, 2, (n, width))

    perps = some(len(terms.perps), 2.0)
    return Holdings(
        coins=some(len(terms.coins), 3.0) * np.array([20000.0, 1.0, 5.0]),
        perps=perps,
        cost=perps * terms.perps["price"] * rng.uniform(0.8, 1.2, (n, len(terms.perps))),
        bids=np.abs(some(len(terms.perps), 1.0)),
        asks=np.abs(some(len(terms.perps), 1.0)),
        options=np.round(some(len(terms.series), 2.0)),
    )


def expiries_of(terms: Terms) -> Array:
    """(n_expiries,) EXPIRY with discounts that show."""
    found = np.zeros(len(np.unique(terms.series["expiry"])), EXPIRY)
    for e, row in enumerate(found):
        own = np.flatnonzero(terms.series["expiry"] == e)
        row["first"], row["count"] = own[0], len(own)
        row["underlying"] = terms.series["underlying"][own[0]]
        row["seconds"] = terms.series["seconds"][own[0]]
    found["when_positive"], found["when_negative"], found["basis_weight"] = 0.93, 1.02, 0.3
    return found


#: Change of spot, moves of volatility, days, damping.
SCENARIOS = (
    (-0.3, 1.0, 0.0, 0.4),
    (-0.15, 1.0, 0.0, 1.0),
    (-0.15, -1.0, 0.0, 1.0),
    (0.0, 1.0, 1.0, 1.0),
    (0.0, -1.0, 0.0, 1.0),
    (0.15, 1.0, 0.0, 1.0),
    (0.15, 0.0, 0.0, 1.0),
    (0.5, 0.0, 0.0, 0.2),
)


def grid_of(terms: Terms, **charges: Any) -> Grid:
    """Those scenarios for both underlyings; keywords are fields of UNIT."""
    n, units = len(SCENARIOS), np.zeros(N_UNDERLYINGS, UNIT)
    units["initial_factor"], units["maintenance_factor"] = 1.3, 1.0
    for name, value in charges.items():
        units[name] = value
    shocks = np.zeros((N_UNDERLYINGS, n), SHOCK)
    damping = np.zeros((N_UNDERLYINGS, n))
    for s, (spot, volatility, days, damped) in enumerate(SCENARIOS):
        shocks[:, s] = (spot, volatility, days)
        damping[:, s] = damped
    rules, basis = np.zeros(N_UNDERLYINGS, VOLATILITY), np.zeros(N_UNDERLYINGS, BASIS)
    rules[:] = (0.45, 0.3, 0.3, 0.13, 1.0, 0.0, 0)
    basis["shock"] = 0.05
    values, deltas = np.zeros((len(terms.series), columns_of(n))), np.zeros(len(terms.series))
    value_scenarios(terms.series, shocks, rules, basis, values)
    series_deltas(terms.series, deltas)
    return Grid(
        units=units,
        expiries=expiries_of(terms),
        values=values,
        moves=in_columns(shocks["spot"]),
        damping=in_columns(damping),
        deltas=deltas,
        steps=np.zeros((0, 2)),
        credits=np.zeros(0, CREDIT),
        work=np.zeros((2, columns_of(n))),
        risk=np.zeros((N_UNDERLYINGS, 2)),
    )
