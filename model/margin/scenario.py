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
from crossmargin.model.margin.arrays import add
from crossmargin.model.margin.scenario_grid import FIRST
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
    """Scenarios, made once a step, and the working place of one account.

    Columns are the basis up and down, the scenarios, and nothing up to `columns_of` them.
    """

    units: Array  # (n_underlyings,) UNIT
    expiries: Array  # (n_expiries,) EXPIRY
    values: Array  # (n_series, n_columns) float64, quote per base
    moves: Array  # (n_underlyings, n_columns) float64, relative change of spot
    damping: Array  # (n_underlyings, n_columns) float64, fraction of a loss that counts
    deltas: Array  # (n_series,) float64, per base unit, now
    steps: Array  # (n_steps, 2) float64, raw least charge from which a multiple holds, multiple
    credits: Array  # (n_credits,) CREDIT between underlyings
    work: Array  # (2, n_columns) float64
    risk: Array  # (n_underlyings, 2) float64: risk, delta


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
def _first_held(options, expiry, row):
    """First series of an expiry that an account holds, -1 none."""
    for i in range(expiry.first, expiry.first + expiry.count):
        if options[row, i] != 0:
            return i
    return -1


@kernel
def _add_one(values, held, shocked):
    """Add a position under all scenarios."""
    for s in range(values.shape[0]):
        values[s] += held * shocked[s]


@kernel
def _add_two(values, held, shocked, held_too, shocked_too):
    """Add two positions under all scenarios, one after the other: the bits are those of that."""
    for s in range(values.shape[0]):
        values[s] = values[s] + held * shocked[s] + held_too * shocked_too[s]


@kernel
def _value_expiry(options, terms, grid, place, row):
    """Values of an expiry under all scenarios into the working place; mark, naked, short base.

    `place` is the first series held and the first of the next expiry. Calls and puts of one strike
    net against each other before a short is naked.
    """
    values, before = grid.work[1], -1
    mark, naked, short, net, strike, owed = 0.0, 0.0, 0.0, 0.0, -1.0, 0.0
    values[:] = 0.0
    for i in range(place[0], place[1]):
        if options[row, i] == 0:
            continue
        series = terms.series[i]
        held = options[row, i] * series.lot
        if before < 0:
            before, owed = i, held
        else:
            _add_two(values, owed, grid.values[before], held, grid.values[i])
            before = -1
        mark += held * series.mark
        short -= held if held < 0.0 else 0.0
        if series.strike != strike:
            naked -= net if net < 0.0 else 0.0
            net, strike = 0.0, series.strike
        net += held
    if before >= 0:
        _add_one(values, owed, grid.values[before])
    return mark, naked - (net if net < 0.0 else 0.0), short


@kernel
def _add_expiry(options, terms, grid, e, row):
    """Add the gain of an expiry under all scenarios; mark, naked, short base, loss by basis."""
    expiry = grid.expiries[e]
    first = _first_held(options, expiry, row)
    if first < 0:
        return 0.0, 0.0, 0.0, 0.0
    place = first, expiry.first + expiry.count
    mark, naked, short = _value_expiry(options, terms, grid, place, row)
    total, values = grid.work[0], grid.work[1]
    basis = max(mark - values[0], mark - values[1], 0.0) * expiry.basis_weight
    above, below = expiry.when_positive, expiry.when_negative
    for s in range(values.shape[0]):
        value = values[s]
        total[s] += value * (above if value > 0.0 else below) - mark
    return mark, naked, short, basis


@kernel
def _worst(total, damping):
    """Largest damped loss, not negative; columns come in multiples of four."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for s in range(0, damping.shape[0], 4):
        one, two = -total[s] * damping[s], -total[s + 1] * damping[s + 1]
        three, four = -total[s + 2] * damping[s + 2], -total[s + 3] * damping[s + 3]
        a = one if one > a else a
        b = two if two > b else b
        c = three if three > c else c
        d = four if four > d else d
    return max(max(a, b), max(c, d))


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
def unit_risk(holdings, terms, grid, u, row):
    """Risk of one underlying into `grid.risk[u]`, quote; its least requirement, value of options.

    The working place is left with the gain under every scenario.
    """
    unit, total = grid.units[u], grid.work[0]
    linear = _linear(holdings, terms, u, row)
    for s in range(total.shape[0]):
        total[s] = linear * grid.moves[u, s]
    value, naked, short, basis = 0.0, 0.0, 0.0, 0.0
    for e in range(grid.expiries.shape[0]):
        if grid.expiries[e].underlying == u:
            found = _add_expiry(holdings.options, terms, grid, e, row)
            value += found[0]
            naked += found[1]
            short += found[2]
            basis += found[3]
    loss = _worst(total, grid.damping[u])
    charge, least = _linear_charges(holdings, terms, unit, u, row)
    charge += naked * unit.option_charge
    if unit.calendar_charge > 0.0:
        charge += spread_charge(holdings, terms, grid, u, row)
    loss = loss + basis if unit.basis_adds == 1 else max(loss, basis)
    grid.risk[u, 0] = loss + charge * terms.spot[u]
    return (least + short * unit.option_minimum) * terms.spot[u], value


@kernel
def _requirements(grid, least):
    """Entry and maintenance requirement from the risks of an account, quote."""
    initial, kept = 0.0, 0.0
    for u in range(grid.units.shape[0]):
        initial += grid.risk[u, 0] * grid.units[u].initial_factor
        kept += grid.risk[u, 0] * grid.units[u].maintenance_factor
    if least > 0.0:
        factor = grid.units[0].initial_factor / grid.units[0].maintenance_factor
        least = _least_charge(grid.steps, least)
        return max(initial, least * factor), max(kept, least)
    return initial, kept


@kernel
def scenarios_of(holdings, terms, grid, row):
    """Five numbers of an account: options at their marks, requirements."""
    value, least = 0.0, 0.0
    for u in range(grid.units.shape[0]):
        found = unit_risk(holdings, terms, grid, u, row)
        least += found[0]
        value += found[1]
    if grid.credits.shape[0] > 0:
        give_credits(holdings, terms, grid, row)
    initial, kept = _requirements(grid, least)
    for u in range(grid.units.shape[0]):
        if grid.units[u].distrust > 0.0:
            doubt = _distrust(holdings, terms, grid.units[u], u, row)
            initial += doubt * terms.spot[u]
    return value, value, value, initial, kept


@kernel(python=True)
def charge_scenarios(holdings, terms, grid, numbers):
    """Add options at their marks and the requirements of every account."""
    for row in range(numbers.shape[0]):
        add(numbers, row, scenarios_of(holdings, terms, grid, row))
    return 0


@kernel(python=True)
def scenario_gains(holdings, terms, grid, row, gains):
    """Gain of one account under every scenario and underlying, (n_underlyings, n_scenarios)."""
    for u in range(grid.units.shape[0]):
        unit_risk(holdings, terms, grid, u, row)
        for s in range(gains.shape[1]):
            gains[u, s] = grid.work[0, FIRST + s]
    return 0
