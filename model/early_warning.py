r"""Early warning: how many forced sales a forced sale would bring about, before any happens.

A type is a market and a direction: the price falls (and longs are closed) or rises (and shorts).
With :math:`F_{ab}` the notional of type b that a move of type a by the bandwidth h would close,
alone and at frozen positions, and :math:`D_b` what rests in the book within h of the best price on
the side that such sales meet (an empty side counts as one lot),

.. math:: \ell_{ab} = F_{ab} / h, \qquad \kappa_b = g\, 2^{-\tau/\tau_r}\, h / D_b, \qquad
          K_{ba} = \kappa_b\, \ell_{ab}

with g the share of a move of the mid that reaches the mark and a refill that halves the impact
every :math:`\tau_r` over the horizon :math:`\tau`. The reproduction number is the spectral radius
of K: quote sold by force in the next generation for each quote in this one. Since the map from
prices to sales is a staircase, the band is the least and the largest at h/2, h and 2h.

An account counts when it is healthy and a move of one market alone would bring its maintenance
equity below its requirement; of coins, only what would be sold for a debt counts as sold. It is a
reading of one moment: nobody adds margin, quotes or withdraws in it, and moves of several markets
together are left to the matrix. `networks.branching_matrix` computes the same from arrays.

References
----------
Caccioli, F., Shrestha, M., Moore, C. and Farmer, J. D. (2014), "Stability analysis of financial
contagion due to overlapping portfolios", J. Banking Finance 46:233.
https://doi.org/10.1016/j.jbankfin.2014.05.021 (the branching matrix of which this is the analogue).
Diekmann, O., Heesterbeek, J. A. P. and Roberts, M. G. (2010), "The construction of next-generation
matrices", J. R. Soc. Interface 7:873. https://doi.org/10.1098/rsif.2009.0386
"""

import numpy as np

from crossmargin.model.depth import depth_within
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, notional_of
from crossmargin.model.margin.numbers import tier_of
from crossmargin.model.markets import steps_of
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import PERPETUAL, SPOT

PHASE = "record"
#: Bandwidths at which the number is taken, as multiples of the one that is stated.
BANDS = (0.5, 1.0, 2.0)
MOST_TURNS = 256


class Parameters(Numbers):
    """When the reproduction number is taken, and what it assumes."""

    every: float = number(
        60.0, "s", low=0, source="default of its own", doc="Between two rows; 0 takes none."
    )
    bandwidth: float = number(
        0.05,
        "fraction of the price",
        above=0,
        high=0.25,
        source="that of near_liquidation_over_depth",
        doc="Move of a price over which sales and depth are counted.",
    )
    horizon: float = number(
        0.0, "s", low=0, source="default of its own", doc="From a sale to its impact; 0: no refill."
    )
    refill_half_life: float = number(
        60.0, "s", above=0, source="default of its own", doc="Of the impact of a sale."
    )
    pass_through: float = number(
        1.0,
        "fraction",
        low=0,
        high=1,
        source="default of its own",
        doc="Share of a move of the mid that the mark follows within the horizon.",
    )
    closed: float = number(
        1.0,
        "fraction",
        above=0,
        high=1,
        source="default of its own",
        doc="Share of a position that its liquidation closes.",
    )


P = slots(Parameters)


@kernel
def exposure(ledger, row, m):
    """Loss of health for a move of a market by its whole price, quote units; and its direction.

    Direction 0: by a fall, 1: by a rise. Nothing where nothing is held, or the kind has no book.
    """
    market, lots = ledger.markets[m], ledger.lots[row, m]
    if lots == 0 or (market.kind != SPOT and market.kind != PERPETUAL):
        return 0.0, 0
    value = float(notional_of(ledger, m, lots, market.mark))
    if market.kind == SPOT:
        return value * ledger.assets[market.base].maintenance_weight, 0
    rate = ledger.tiers[m, tier_of(ledger.tiers[m], np.int64(value))].maintenance
    return (value * (1.0 - rate), 0) if lots > 0 else (value * (1.0 + rate), 1)


@kernel
def sold(ledger, row, m, closed):
    """What a liquidation of an account would trade in a market, quote units, and its direction."""
    market, lots = ledger.markets[m], ledger.lots[row, m]
    if lots == 0 or (market.kind != SPOT and market.kind != PERPETUAL):
        return 0.0, 0
    value = float(notional_of(ledger, m, lots, market.mark))
    if market.kind == SPOT:
        return min(value, float(max(0, -ledger.balances[row, QUOTE]))), 0
    return closed * value, 0 if lots > 0 else 1


@kernel
def count_account(state, part, row, distance):
    """Enter what an account would sell under every type that breaks it; 1 within the bandwidth."""
    ledger, params, near = state.ledger, state.params[part], 0
    n = ledger.markets.shape[0]
    for m in range(n):
        loss, direction = exposure(ledger, row, m)
        for k in range(3):
            if loss <= 0.0 or distance > loss * params[P.bandwidth] * BANDS[k]:
                continue
            near = 1 if k <= 1 else near
            for other in range(n):
                amount, side = sold(ledger, row, other, params[P.closed])
                state.log.generations[k, direction * n + m, side * n + other] += amount
    return near


@kernel
def count_all(state, part, warning):
    """Fill the sales of every type by every type, over all healthy accounts."""
    ledger, n = state.ledger, state.ledger.markets.shape[0]
    state.log.generations[:] = 0.0
    warning.near, warning.at_risk = 0, 0.0
    first = state.parts[part].first
    for row in range(first, first + state.parts[part].count):
        account = ledger.accounts[row]
        distance = account.maintenance_equity - account.maintenance_requirement
        if account.maintenance_requirement <= 0 and ledger.balances[row, QUOTE] >= 0:
            continue
        if distance >= 0 and count_account(state, part, row, distance) == 1:
            warning.near += 1
            for m in range(n):
                warning.at_risk += sold(ledger, row, m, state.params[part, P.closed])[0]


@kernel
def measure_depth(state, part):
    """Fill what rests within every bandwidth of the best price, quote units; one lot at least."""
    markets, book = state.ledger.markets, state.book
    n = markets.shape[0]
    for m in range(n):
        unit = float(markets[m].mark * markets[m].half_unit)
        for k in range(3):
            band = state.params[part, P.bandwidth] * BANDS[k]
            for side in range(2):
                best = book.ladders[m].best[side]
                edge = np.int64(best * (1.0 - band if side == 0 else 1.0 + band))
                lots = depth_within(book, m, side, edge)
                state.log.generations[k, 2 * n, side * n + m] = max(1, lots) * unit


@kernel
def spectral_radius(table, first, last, gain):
    """Spectral radius of the types from `first` up to `last` of one bandwidth.

    Power iteration on K shifted by the radius found so far, which no cycle of K keeps from
    settling. `gain` is the share of the impact that counts. Where types of nearly equal radius feed
    one another in one direction alone it settles slowly, and the third digit may be wrong.
    """
    n = table.shape[1]
    depth, x, y = table[n], table[n + 1], table[n + 2]
    x[first:last] = 1.0 / (last - first)
    radius = 0.0
    for _turn in range(MOST_TURNS):
        total = 0.0
        for b in range(first, last):
            y[b] = radius * x[b]
            for a in range(first, last):
                y[b] += gain * table[a, b] / depth[b] * x[a]
            total += y[b]
        if total <= 0.0:
            return 0.0
        for b in range(first, last):
            x[b] = y[b] / total
        before, radius = radius, max(0.0, total - radius)
        if abs(radius - before) <= 1e-12 * radius:
            break
    return radius


@kernel
def early_warning(state, part, step):
    """Take the reproduction number at the end of a block; returns the accounts near liquidation."""
    params, n = state.params[part], state.ledger.markets.shape[0]
    if step % steps_of(state, params[P.every]) != 0:
        return 0
    cursor, tables = state.log.cursor[0], state.log.generations
    warning = state.log.warnings[cursor.warnings]
    count_all(state, part, warning)
    measure_depth(state, part)
    gain = params[P.pass_through] * 2.0 ** (-params[P.horizon] / params[P.refill_half_life])
    warning.step = step
    warning.falling = spectral_radius(tables[1], 0, n, gain)
    warning.rising = spectral_radius(tables[1], n, 2 * n, gain)
    warning.reproduction = spectral_radius(tables[1], 0, 2 * n, gain)
    warning.low, warning.high = warning.reproduction, warning.reproduction
    for k in range(0, 3, 2):
        other = spectral_radius(tables[k], 0, 2 * n, gain)
        warning.low = min(warning.low, other)
        warning.high = max(warning.high, other)
    cursor.warnings += 1
    return warning.near


KERNEL = early_warning
