r"""Scenario margin: the worst of any list of shocks to spot and volatility, and add-ons.

For each underlying, with q positions, V(s) values under scenario s and V marks,

.. math::
    L = \max_s\; d_s \left(\sum q V - \sum_e D_e\left(\textstyle\sum_{i \in e} q_i V_i(s)\right)
        - \ldots\right), \qquad R = \max(L, B) + C \quad\text{or}\quad L + B + C

where a tail scenario is damped by d, the value of an expiry is discounted by D when positive, B is
the loss by a shift of forwards against spot, and C are contingencies: fractions of what is held and
of shorts per strike. The entry requirement is a multiple of R, with a charge where a price feed is
not trusted. Different underlyings do not offset one another but by the credits of `span.py`.

Values under scenarios are made once a step (`scenario_grid.py`); an account costs one
multiplication for each scenario and instrument that it holds.

References
----------
Derive v2-core, PMRM (portfolio margin risk manager); Deribit, portfolio margin; OKX, portfolio
margin; CME, SPAN.
"""

from typing import NamedTuple

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import add, require
from crossmargin.model.margin.span import give_credits, spread_charge
from crossmargin.model.state import Array

#: What is added to the worst scenario of one underlying.
UNIT = np.dtype(
    [
        ("initial_factor", "f8"),  # entry requirement over risk
        ("maintenance_factor", "f8"),  # maintenance requirement over risk
        ("perpetual_charge", "f8"),  # fraction of the index, of every perpetual
        ("coin_charge", "f8"),  # fraction of the index, of coins
        ("option_charge", "f8"),  # fraction of the index, of shorts net by strike
        ("offset_charge", "f8"),  # fraction of the index, of perpetuals that offset one another
        ("option_minimum", "f8"),  # fraction of the index, of each short: least requirement
        ("perpetual_minimum", "f8"),  # fraction of the index, of each perpetual: the same
        ("calendar_charge", "f8"),  # fraction of the index, of deltas offset between expiries
        ("threshold", "f8"),  # confidence below which a feed is not trusted
        ("distrust", "f8"),  # fraction of the index, times one less confidence
        ("basis_adds", "i4"),  # 1 where the loss by basis adds, 0 where the larger counts
    ],
    align=True,
)


class Grid(NamedTuple):
    """Scenarios, made once a step, and the working place of one account."""

    units: Array  # (n_underlyings,) UNIT
    expiries: Array  # (n_expiries,) EXPIRY
    values: Array  # (n_series, n_scenarios + 2) float64, quote per base; last two: basis up, down
    moves: Array  # (n_underlyings, n_scenarios) float64, relative change of spot
    damping: Array  # (n_underlyings, n_scenarios) float64, fraction of a loss that counts
    deltas: Array  # (n_series,) float64, per base unit, now
    steps: Array  # (n_steps, 2) float64, raw least charge from which a multiple holds, multiple
    credits: Array  # (n_credits,) CREDIT between underlyings
    work: Array  # (2, n_scenarios + 2) float64
    risk: Array  # (n_underlyings, 3) float64: risk, delta, the row that binds


@kernel
def _linear(holdings, terms, u, row):
    """Value of coins and perpetuals of an underlying that moves with spot, quote."""
    value = 0.0
    for a in range(terms.coins.shape[0]):
        if terms.coins[a].underlying == u:
            value += holdings.coins[row, a] * terms.coins[a].lot * terms.coins[a].price
    for m in range(terms.perps.shape[0]):
        if terms.perps[m].underlying == u:
            value += holdings.perps[row, m] * terms.perps[m].lot * terms.perps[m].price
    return value


@kernel
def _value_expiry(options, terms, grid, expiry, row):
    """Values of the options of an expiry under all scenarios; their mark, and whether any."""
    values = grid.work[1]
    mark, any_held = 0.0, False
    for i in range(expiry.first, expiry.first + expiry.count):
        if options[row, i] == 0:
            continue
        held = options[row, i] * terms.series[i].lot
        shocked = grid.values[i]
        if any_held:
            for s in range(values.shape[0]):
                values[s] += held * shocked[s]
        else:
            for s in range(values.shape[0]):
                values[s] = held * shocked[s]
        mark += held * terms.series[i].mark
        any_held = True
    return mark, any_held


@kernel
def _add_expiry(options, terms, grid, e, row):
    """Add the gain of an expiry under all scenarios; returns its loss by basis, not negative."""
    expiry = grid.expiries[e]
    mark, any_held = _value_expiry(options, terms, grid, expiry, row)
    if not any_held:
        return 0.0
    total, values = grid.work[0], grid.work[1]
    n = grid.moves.shape[1]
    above, below = expiry.when_positive, expiry.when_negative
    for s in range(n):
        value = values[s]
        total[s] += value * (above if value > 0.0 else below) - mark
    return max(mark - values[n], mark - values[n + 1], 0.0) * expiry.basis_weight


@kernel
def _worst(grid, u):
    """Largest damped loss of an underlying, not negative, and the scenario in which it is."""
    total, damping = grid.work[0], grid.damping[u]
    loss, place = 0.0, -1
    for s in range(damping.shape[0]):
        found = -total[s] * damping[s]
        if found > loss:
            loss, place = found, s
    return loss, place


@kernel
def naked_shorts(options, series, expiry, row):
    """Shorts of an expiry, base: calls and puts of one strike net against each other."""
    naked, net, strike = 0.0, 0.0, -1.0
    for i in range(expiry.first, expiry.first + expiry.count):
        if options[row, i] == 0:
            continue
        if series[i].strike != strike:
            naked += max(-net, 0.0)
            net, strike = 0.0, series[i].strike
        net += options[row, i] * series[i].lot
    return naked + max(-net, 0.0)


@kernel
def _linear_charges(holdings, terms, unit, u, row):
    """Contingency of coins and perpetuals and the least charge of the latter, over the index."""
    coins, gross, net = 0.0, 0.0, 0.0
    for a in range(terms.coins.shape[0]):
        if terms.coins[a].underlying == u:
            coins += abs(holdings.coins[row, a] * terms.coins[a].lot)
    for m in range(terms.perps.shape[0]):
        if terms.perps[m].underlying == u:
            gross += abs(holdings.perps[row, m] * terms.perps[m].lot)
            net += holdings.perps[row, m] * terms.perps[m].lot
    charge = coins * unit.coin_charge + gross * unit.perpetual_charge
    charge += 0.5 * (gross - abs(net)) * unit.offset_charge
    return charge, gross * unit.perpetual_minimum


@kernel
def _distrust(holdings, terms, unit, u, row):
    """Entry charge of what is priced by feeds that are not trusted, over the index."""
    charge = 0.0
    for a in range(terms.coins.shape[0]):
        coin = terms.coins[a]
        if coin.underlying == u and coin.confidence < unit.threshold:
            charge += (1.0 - coin.confidence) * abs(holdings.coins[row, a] * coin.lot)
    for m in range(terms.perps.shape[0]):
        perp = terms.perps[m]
        if perp.underlying == u and perp.confidence < unit.threshold:
            charge += (1.0 - perp.confidence) * abs(holdings.perps[row, m] * perp.lot)
    for i in range(terms.series.shape[0]):
        s = terms.series[i]
        if s.underlying == u and s.confidence < unit.threshold:
            charge += (1.0 - s.confidence) * abs(holdings.options[row, i] * s.lot)
    return charge * unit.distrust


@kernel
def _least_charge(steps, raw):
    """Least requirement from a raw charge: a multiple that rises with it."""
    multiple = 1.0
    for k in range(steps.shape[0]):
        if raw > steps[k, 0]:
            multiple = steps[k, 1]
    return raw * multiple


@kernel
def _short_lots(options, series, expiry, row):
    """Shorts of an expiry, base, nothing netted."""
    short = 0.0
    for i in range(expiry.first, expiry.first + expiry.count):
        if options[row, i] < 0:
            short -= options[row, i] * series[i].lot
    return short


@kernel
def unit_risk(holdings, terms, grid, u, row):
    """Risk of one underlying into `grid.risk[u]`, quote; returns its least requirement."""
    unit, total = grid.units[u], grid.work[0]
    linear = _linear(holdings, terms, u, row)
    for s in range(grid.moves.shape[1]):
        total[s] = linear * grid.moves[u, s]
    basis, naked, short = 0.0, 0.0, 0.0
    for e in range(grid.expiries.shape[0]):
        expiry = grid.expiries[e]
        if expiry.underlying == u:
            basis += _add_expiry(holdings.options, terms, grid, e, row)
            naked += naked_shorts(holdings.options, terms.series, expiry, row)
            short += _short_lots(holdings.options, terms.series, expiry, row)
    loss, place = _worst(grid, u)
    charge, least = _linear_charges(holdings, terms, unit, u, row)
    charge += naked * unit.option_charge
    if unit.calendar_charge > 0.0:
        charge += spread_charge(holdings, terms, grid, u, row)
    loss = loss + basis if unit.basis_adds == 1 else max(loss, basis)
    grid.risk[u, 0] = loss + charge * terms.spot[u]
    grid.risk[u, 2] = place
    return (least + short * unit.option_minimum) * terms.spot[u]


@kernel
def _account_margin(holdings, terms, grid, numbers, row):
    """Requirements of one account."""
    least = 0.0
    for u in range(grid.units.shape[0]):
        least += unit_risk(holdings, terms, grid, u, row)
    if grid.credits.shape[0] > 0:
        give_credits(holdings, terms, grid, row)
    initial, kept = 0.0, 0.0
    for u in range(grid.units.shape[0]):
        unit = grid.units[u]
        initial += grid.risk[u, 0] * unit.initial_factor
        kept += grid.risk[u, 0] * unit.maintenance_factor
    if least > 0.0:
        factor = grid.units[0].initial_factor / grid.units[0].maintenance_factor
        least = _least_charge(grid.steps, least)
        initial, kept = max(initial, least * factor), max(kept, least)
    for u in range(grid.units.shape[0]):
        if grid.units[u].distrust > 0.0:
            found = _distrust(holdings, terms, grid.units[u], u, row)
            initial += found * terms.spot[u]
    require(numbers, row, initial, kept)
    return 0


@kernel(python=True)
def charge_scenarios(holdings, terms, grid, numbers):
    """Add options at their marks and the requirements of every account."""
    for row in range(numbers.shape[0]):
        value = 0.0
        for i in range(terms.series.shape[0]):
            if holdings.options[row, i] != 0:
                value += holdings.options[row, i] * terms.series[i].lot * terms.series[i].mark
        add(numbers, row, value, value, value)
        _account_margin(holdings, terms, grid, numbers, row)
    return 0


@kernel(python=True)
def scenario_gains(holdings, terms, grid, row, gains):
    """Gain of one account under every scenario and underlying, (n_underlyings, n_scenarios)."""
    for u in range(grid.units.shape[0]):
        unit_risk(holdings, terms, grid, u, row)
        for s in range(grid.moves.shape[1]):
            gains[u, s] = grid.work[0, s]
    return 0
