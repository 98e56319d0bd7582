r"""Trend funds: time-series momentum at a volatility target, executed slowly, with herding.

A fund with look-back :math:`H` sees the log return :math:`r_H` of the outside price and the
volatility :math:`\sigma` a root second, and has the signal

.. math:: s = (1-w)\, \phi\Big(\frac{r_H}{\sigma\sqrt H}\Big)
    + w\, k, \qquad \phi(z) = \max(-1, \min(1, z / z_1)).

The herding :math:`w` is the weight of what others are doing now: :math:`k` is :math:`\phi` of the
move of the venue's own mid over a short time, or the net flow on its book since the last look,
what takers bought less what they sold over all they traded. The position that it wants has the
notional

.. math:: N = s\, \min\Big(E L, E \frac{\sigma^*}{\sigma\sqrt Y}, c V\Big)

with equity :math:`E`, leverage limit :math:`L`, target volatility :math:`\sigma^*` a year
:math:`Y`, and a capacity :math:`c` in the volume :math:`V` that is traded a day outside: no fund
holds more than it could sell there. Without capacity a fund in a small market buys with the gains
that its own purchases make, and the price has no bound. The gap to the position is closed in
slices: each look trades the part that its execution time allows.

**Fast momentum traders** are a second population of this kind with other numbers: a look-back of
minutes, an execution time of seconds, a higher volatility target (the traits of
`momentum_numbers`). Look-backs are cut to what the trail of prices holds, 4096 blocks.

References
----------
Moskowitz, Ooi, Pedersen (2012), "Time series momentum", JFE 104(2),
doi:10.1016/j.jfineco.2011.11.003: sign of the past return, each position at 40% volatility.
Lempérière et al. (2014), "Two centuries of trend following", arXiv:1404.3274: signal in units of
volatility, saturating.
Lux, Marchesi (1999), "Scaling and criticality in a stochastic multi-agent model of a financial
market", Nature 397, doi:10.1038/17290: herding on price trend and on the acts of others.
"""

import math
from typing import Any, Literal

import numpy as np

from crossmargin.agents.acting import means_of
from crossmargin.agents.quoting import whole_units
from crossmargin.agents.taking import (
    Intent,
    log_return,
    perpetual_of,
    send,
    value_of,
    wakes,
)
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.markets import YEAR
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import DISCRETIONARY
from crossmargin.model.traits import Distribution, trait

PHASE = "decisions"


class Parameters(Numbers):
    """What all funds of the population share."""

    leverage: float = number(3.0, "notional over equity", above=0, high=100, doc="Limit.")
    capacity: float = number(
        0.02,
        "daily volumes outside",
        above=0,
        high=1e9,
        source="default of its own",
        doc="Largest position of a fund.",
    )
    saturation: float = number(
        1.0, "standard deviations", above=0, high=100, doc="Return with the full signal."
    )
    herding: float = number(
        0.2, "weight", low=0, high=1, source="default of its own", doc="Of what others do now."
    )
    watched: Literal["price", "flow"] = number(
        "price", "choice", doc="Trace of what others do: the mid's move, or the net flow."
    )
    herding_window: float = number(300.0, "s", above=0, doc="Of the move of the mid.")
    least_volatility: float = number(
        0.05, "per root year", above=0, high=20, doc="Taken where the estimate is lower."
    )
    band: float = number(
        0.05, "fraction of the equity", low=0, high=10, doc="A smaller gap is left alone."
    )
    slippage: float = number(0.005, "fraction of the mid", low=0, high=1, doc="Worst price taken.")
    latency: float = number(0.3, "s", low=0, high=3600, doc="From decision to arrival.")


class Traits(Numbers):
    """What each fund draws for itself."""

    lookback: Distribution = trait(
        {"lognormal": [86400.0, 1.0]},
        "s",
        source="MOP 2012 use 1 to 12 months; crypto trends are looked at over days",
        doc="Of the return that is followed.",
    )
    target: Distribution = trait(
        {"lognormal": [0.4, 0.3]}, "per root year", source="MOP 2012: 40%", doc="Volatility."
    )
    interval: Distribution = trait({"lognormal": [60.0, 0.3]}, "s", doc="Between two slices.")
    execution: Distribution = trait(
        {"lognormal": [3600.0, 0.5]}, "s", doc="Time constant in which a gap is closed."
    )


P, T = slots(Parameters), slots(Traits)

PRICE, FLOW = range(2)
#: Places in memory: step of the next slice; lots traded in all, and bought less sold, at the last.
NEXT, VOLUME, SIGNED = range(3)


def momentum_numbers() -> dict[str, dict[str, Any]]:
    """Behaviour and traits of fast momentum traders, as a scenario would state them."""
    return {
        "behaviour": {"leverage": 5.0, "herding": 0.5, "herding_window": 30.0, "latency": 0.05},
        "traits": {
            "lookback": {"lognormal": [300.0, 0.7]},
            "target": {"lognormal": [1.5, 0.3]},
            "interval": {"lognormal": [10.0, 0.3]},
            "execution": {"lognormal": [30.0, 0.5]},
        },
    }


#: An agent acts in one of these markets, by its place in the population.
ONE_MARKET = "perpetual"


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles a fund needs: none, its orders do not rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages a fund sends in a step."""
    return 1


@kernel
def score(change, seconds, volatility, saturation):
    """Signal of a log return over some seconds, -1 to 1."""
    if seconds <= 0.0:
        return 0.0
    z = change / (volatility * math.sqrt(seconds) * saturation)
    return max(-1.0, min(1.0, z))


@kernel
def volatility_of(state, part, market):
    """Volatility of the underlying per root second, no less than the least one."""
    seen = state.outside.references[state.ledger.markets[market].underlying].volatility
    return max(seen, state.params[part, P.least_volatility] / math.sqrt(YEAR))


@kernel
def net_flow(state, row, market):
    """Lots that takers bought less those that they sold, over all, since the last look."""
    memory, ladder = state.crowd.memory[row], state.book.ladders[market]
    traded, signed = ladder.volume - memory[VOLUME], ladder.signed_volume - memory[SIGNED]
    memory[VOLUME], memory[SIGNED] = ladder.volume, ladder.signed_volume
    return signed / traded if traded > 0.0 else 0.0


@kernel
def herd(state, part, row, market):
    """What others are doing now, -1 to 1."""
    params = state.params[part]
    if params[P.watched] == FLOW:
        return net_flow(state, row, market)
    line = state.outside.references.shape[0] + market
    change, seconds = log_return(state, line, params[P.herding_window])
    return score(change, seconds, volatility_of(state, part, market), params[P.saturation])


@kernel
def signal(state, part, row, market):
    """Trend that a fund follows, its own and that of others, -1 to 1."""
    params, volatility = state.params[part], volatility_of(state, part, market)
    line = np.int64(state.ledger.markets[market].underlying)
    change, seconds = log_return(state, line, state.crowd.traits[row, T.lookback])
    own = score(change, seconds, volatility, params[P.saturation])
    others = herd(state, part, row, market)
    return (1.0 - params[P.herding]) * own + params[P.herding] * others


@kernel
def wanted_notional(state, part, row, market):
    """Signed notional that a fund wants, quote units as a float."""
    traits, equity = state.crowd.traits[row], max(0, means_of(state, row))
    yearly = volatility_of(state, part, market) * math.sqrt(YEAR)
    most = equity * min(state.params[part, P.leverage], traits[T.target] / yearly)
    turnover = state.outside.references[state.ledger.markets[market].underlying].turnover
    if turnover > 0.0:
        most = min(most, state.params[part, P.capacity] * turnover * whole_units(state.ledger))
    return most * signal(state, part, row, market)


@kernel
def slice_lots(state, part, row, market):
    """Signed lots of the next slice; 0 inside the band."""
    traits, value = state.crowd.traits[row], value_of(state, market)
    gap = wanted_notional(state, part, row, market) - state.ledger.lots[row, market] * value
    if abs(gap) <= state.params[part, P.band] * max(0, means_of(state, row)):
        return 0
    share = -math.expm1(-traits[T.interval] / traits[T.execution])
    size = to_units(share * abs(gap) / value + 0.5)
    return np.int64(size if gap > 0.0 else -size)


@kernel
def decide(state, part, step):
    """Let every fund of the population trade its slice; returns messages sent."""
    first, params = state.parts[part].first, state.params[part]
    sent = 0
    for row in range(first, first + state.parts[part].count):
        market = perpetual_of(state, part, row)
        if market < 0 or not wakes(state, row, NEXT, state.crowd.traits[row, T.interval]):
            continue
        lots = slice_lots(state, part, row, market)
        intent = Intent(market, lots, params[P.slippage], params[P.latency], DISCRETIONARY)
        sent += send(state, row, intent)
    return sent


KERNEL = decide
