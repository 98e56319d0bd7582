r"""Marks of option series: Black's formula on a forward and on a surface that moves, half ticks.

The forward is the index of the underlying, or the mark of its perpetual. The smile of an expiry has
the numbers of the scenario; its level :math:`a_0` moves with the realised variance :math:`v` of the
reference (a moving average) and with what makers are short of vega, :math:`V`:

.. math:: a = a_0 \sqrt{1 + s (r - 1)}\; e^{-p V}, \qquad
    \dot r = (v / v_0 - r) / \tau, \quad s = s_0 \min(1, (T_0 / T)^\theta)

held within a multiple of :math:`a_0`. An option pays by the average of the index over a window
:math:`W` before expiry: what is left of the variance until then is :math:`\sigma^2 (T - 2 W / 3)`,
and within the window, of which a share :math:`x` is to come, the forward is that average as far as
it is known and :math:`x` times the forward for the rest, its variance
:math:`x^2 \sigma^2 T / 3`. A mark is at least half a tick while the series lives.

References
----------
Black (1976), doi:10.1016/0304-405X(76)90024-6. Garleanu, Pedersen, Poteshman (2009), "Demand-based
option pricing", Review of Financial Studies 22(10), doi:10.1093/rfs/hhp005. Kemna, Vorst (1990), "A
pricing method for options based on average asset values", J. Banking and Finance 14(1),
doi:10.1016/0378-4266(90)90039-5 (a third of the variance is left in an average).
"""

import math
from typing import Literal

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import YEAR, nearest
from crossmargin.model.marks.legs import is_new_block
from crossmargin.model.options.black76 import DAY
from crossmargin.model.options.series import greeks_of, mark_of
from crossmargin.model.options.surface import P as SMILE
from crossmargin.model.options.surface import surface_volatility
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import PERPETUAL

PHASE = "marks"
AT_INDEX, AT_PERPETUAL = range(2)
#: Quote of vega that the pressure is told for.
VEGA = 1e6


class Parameters(Numbers):
    """Where the forward comes from, and how the surface moves."""

    forward: Literal["index", "perpetual"] = number(
        "index",
        "choice",
        source="Derive: forward of the expiry; Deribit: synthetic future",
        doc="What it is; without a perpetual the index.",
    )
    half_life: float = number(
        21600.0,
        "s",
        above=0,
        source="default of its own; RiskMetrics (1996): 0.94 a day, a half-life of 11 days",
        doc="Of the moving average of squared returns.",
    )
    response: float = number(
        0.5, "share", low=0, high=1, doc="Of realised variance in that of the level; 0: it stays."
    )
    reversion: float = number(
        1800.0, "s", above=0, source="default of its own", doc="In which the level follows."
    )
    term: float = number(
        0.3,
        "power",
        low=0,
        high=2,
        source="Deribit portfolio margin: vega power 0.3 of short expiries",
        doc="By which long expiries follow less.",
    )
    term_days: float = number(
        30.0, "days", above=0, source="Deribit portfolio margin: 30 days", doc="From which they do."
    )
    pressure: float = number(
        0.0,
        "log level per 1e6 quote of vega",
        low=0,
        high=10,
        doc="By which the level rises with what makers are short of vega.",
    )
    most: float = number(
        4.0, "multiple", low=1, high=100, doc="Level over that at the start, at most, or below it."
    )


P = slots(Parameters)


@kernel
def seconds_left(state, expiry):
    """Seconds to an expiry at the begin of this block; before the run those at its start."""
    clock = state.clock[0]
    return (expiry.step - max(0, clock.step - clock.first)) * clock.block_seconds


@kernel
def renew_variance(state, part, u):
    """Advance realised variance of an underlying by a block, and what the surface made of it."""
    surface, numbers = state.options.surfaces[u], state.params[part]
    seconds, now = state.clock[0].block_seconds, math.log(state.outside.references[u].price)
    kept = 0.5 ** (seconds / numbers[P.half_life])
    squared = (now - surface.last_log) ** 2 * YEAR / seconds
    surface.variance = kept * surface.variance + (1.0 - kept) * squared
    surface.last_log = now
    if surface.first_variance > 0.0:
        gap = surface.variance / surface.first_variance - surface.ratio
        surface.ratio -= gap * math.expm1(-seconds / numbers[P.reversion])
    return 0


@kernel
def level_of(numbers, expiry, ratio, seconds):
    """Level of an expiry's smile now, per root year."""
    share = numbers[P.response]
    share *= min(1.0, (numbers[P.term_days] * DAY / seconds) ** numbers[P.term])
    pushed = min(50.0, max(-50.0, -numbers[P.pressure] * expiry.pressing / VEGA))
    level = expiry.level * math.sqrt(1.0 + share * (ratio - 1.0)) * math.exp(pushed)
    most = numbers[P.most] * expiry.level
    return max(expiry.level / numbers[P.most], min(level, most))


@kernel
def renew_expiry(state, part, e):
    """Renew the level of an expiry, and how much of its average is to come."""
    options, expiry = state.options, state.options.expiries[e]
    seconds = seconds_left(state, expiry)
    if is_new_block(state, part):
        expiry.pressing = expiry.vega
        expiry.vega = 0.0
    ratio = options.surfaces[expiry.underlying].ratio
    options.smiles[e, SMILE.level] = level_of(state.params[part], expiry, ratio, seconds)
    window = expiry.window * state.clock[0].block_seconds
    expiry.remaining = 1.0 - expiry.samples / max(1, expiry.window)
    if seconds >= window:
        expiry.spread = math.sqrt(max(0.0, 1.0 - 2.0 * window / (3.0 * seconds)))
    else:
        expiry.spread = expiry.remaining / math.sqrt(3.0)
    return 0


@kernel
def forward_of(state, part, market):
    """Forward of an underlying, quote per unit: its index, or the mark of its first perpetual."""
    markets = state.ledger.markets
    if state.params[part, P.forward] == AT_PERPETUAL:
        for m in range(markets.shape[0]):
            is_same = markets[m].underlying == markets[market].underlying
            if markets[m].kind == PERPETUAL and is_same:
                return 0.5 * markets[m].mark * markets[m].tick
    return 0.5 * markets[market].index * markets[market].tick


@kernel
def expected_average(expiry, forward, tick):
    """Average of the index that is expected at expiry, quote per unit."""
    if expiry.samples == 0:
        return forward
    known = 0.5 * tick * expiry.sum / expiry.samples
    return (1.0 - expiry.remaining) * known + expiry.remaining * forward


@kernel
def keep_greeks(state, i, expiry):
    """Write the sensitivities of one lot of a series, to the forward and to its own volatility."""
    s, greeks = state.options.series[i], state.options.greeks[i]
    delta, gamma, vega, theta, rho = greeks_of(s)
    greeks[0] = delta * expiry.remaining * s.lot
    greeks[1] = gamma * expiry.remaining**2 * s.lot
    greeks[2] = vega * expiry.spread * s.lot
    greeks[3] = theta * s.lot
    greeks[4] = rho * s.lot
    return 0


@kernel
def mark_option(state, part, i):
    """Renew forward, volatility and mark of a series, and the mark of its market."""
    s = state.options.series[i]
    expiry = state.options.expiries[s.expiry]
    m = state.ledger.markets[state.options.markets[i]]
    forward = forward_of(state, part, state.options.markets[i])
    s.forward = expected_average(expiry, forward, m.tick)
    s.seconds = seconds_left(state, expiry)
    smile = state.options.smiles[s.expiry]
    surface = surface_volatility(smile, s.forward, s.strike, s.seconds / YEAR)
    s.volatility = surface * expiry.spread
    s.mark = mark_of(s)
    m.mark = nearest(2.0 * s.mark / m.tick)
    keep_greeks(state, i, expiry)
    return 0


@kernel
def option_marks(state, part, step):
    """Renew the surfaces and all marks of living series; returns how many."""
    options, marked = state.options, 0
    for u in range(options.surfaces.shape[0]):
        if is_new_block(state, part):
            renew_variance(state, part, u)
    for e in range(options.expiries.shape[0]):
        if options.expiries[e].settled == 0:
            renew_expiry(state, part, e)
    for i in range(options.series.shape[0]):
        if options.expiries[options.series[i].expiry].settled == 0:
            mark_option(state, part, i)
            marked += 1
    return marked


KERNEL = option_marks
