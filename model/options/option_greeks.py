"""Sensitivities of options by population and underlying, and by series, every so many seconds.

Delta in units of the underlying, gamma per quote of its price, vega in quote per 1.00 of
volatility, theta in quote per day, rho in quote per 1.00 of the rate, at the marks of the block and
with the positions at its end. Beside them stand the base that the same accounts hold in coins and
perpetuals, on the venue and outside, and the value of the options at their marks.
"""

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import steps_of
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import OPTION

PHASE = "record"


class Parameters(Numbers):
    """How often."""

    interval: float = number(0.0, "s", low=0, high=1e9, doc="Between two records; 0: every block.")


P = slots(Parameters)


@kernel
def open_rows(state, step):
    """Open one row a population and underlying at the end of the chunk; returns the first."""
    log, n = state.log, state.options.surfaces.shape[0]
    first = log.cursor[0].greeks
    for k in range(log.unhedged_rows.shape[1] * n):
        row = log.greek_rows[first + k]
        row.step = step
        row.population = k // n
        row.underlying = k % n
        row.value = 0
        row.linear = 0.0
        row.greeks[:] = 0.0
    log.cursor[0].greeks += log.unhedged_rows.shape[1] * n
    return first


@kernel
def add_position(state, row, a, market):
    """Add what an account holds in a market to the row of its population and the underlying."""
    ledger, place = state.ledger, state.options.places[market]
    m, lots = ledger.markets[market], ledger.lots[a, market]
    row.linear += state.crowd.outside_lots[a, market] * m.lot
    if m.kind != OPTION:
        row.linear += lots * m.lot
        return 0
    row.value += lots * m.mark * m.half_unit
    for k in range(5):
        row.greeks[k] += lots * state.options.greeks[place, k]
    return 0


@kernel
def record_series(state, step):
    """Write one row a living series."""
    options, log = state.options, state.log
    for i in range(options.series.shape[0]):
        if options.expiries[options.series[i].expiry].settled == 1:
            continue
        row, s = log.series_rows[log.cursor[0].series], options.series[i]
        row.step = step
        row.market = options.markets[i]
        row.forward = s.forward
        row.volatility = s.volatility
        row.seconds = s.seconds
        for k in range(5):
            row.greeks[k] = options.greeks[i, k] / s.lot
        log.cursor[0].series += 1
    return 0


@kernel
def option_greeks(state, part, step):
    """Write the sensitivities of all populations and of all series."""
    seconds = state.params[part, P.interval]
    if seconds > 0.0 and step % steps_of(state, seconds) != 0:
        return 0
    ledger, n = state.ledger, state.options.surfaces.shape[0]
    first, begin = state.parts[part].first, open_rows(state, step)
    for a in range(first, first + state.parts[part].count):
        population = np.int64(ledger.accounts[a].population)
        for m in range(ledger.markets.shape[0]):
            if ledger.lots[a, m] != 0 or state.crowd.outside_lots[a, m] != 0:
                place = begin + population * n + ledger.markets[m].underlying
                add_position(state, state.log.greek_rows[place], a, m)
    record_series(state, step)
    return 1


KERNEL = option_greeks
