r"""Hedgers: miners, treasuries and stakers who own coins that they will not sell and short a part.

An agent owns :math:`C` coins outside the venue, or on it, and wants a short of :math:`h\,C`, with

.. math:: h = \min(1, h_0 + g \max(0, d - d_0))

where :math:`h_0` is the share that it hedges in calm times and :math:`d` the log fall of the
outside price over its look-back: beyond :math:`d_0` it adds :math:`g` for each unit of the fall.
It looks at times of its own and closes a share of the gap, so that it is slow. A position that it
has from the start tells how many coins it owns; without one it draws them. Its collateral is not
its wealth: when leverage on the venue is beyond its limit it brings in money from a reserve, and
while that does not suffice it closes what it cannot carry.

References
----------
Hirshleifer (1990), "Hedging pressure and futures price movements in a general equilibrium model",
Econometrica 58(2), doi:10.2307/2938209.
Jin, Jorion (2006), "Firm value and hedging: evidence from U.S. oil and gas producers", J. Finance
61(2), doi:10.1111/j.1540-6261.2006.00858.x: 33% of oil and 41% of gas production is hedged.
"""

import numpy as np

from crossmargin.agents.acting import means_of
from crossmargin.agents.taking import (
    Intent,
    coins,
    log_return,
    perpetual_of,
    send,
    spot_lots,
    spot_of,
    value_of,
    wakes,
)
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import DISCRETIONARY
from crossmargin.model.traits import Distribution, trait

PHASE = "decisions"


class Parameters(Numbers):
    """What all hedgers of the population share."""

    adjustment: float = number(0.25, "share of the gap", above=0, high=1, doc="Closed at one look.")
    band: float = number(
        0.02, "share of the coins", low=0, high=1, doc="A smaller gap is left alone."
    )
    lookback: float = number(
        86400.0, "s", above=0, source="default of its own", doc="Over which a fall is seen."
    )
    threshold: float = number(
        0.05, "log return", low=0, high=5, source="default of its own", doc="Fall that is not yet."
    )
    leverage: float = number(
        3.0, "notional over venue equity", above=0, high=100, doc="Above it margin is brought in."
    )
    slippage: float = number(0.005, "fraction of the mid", low=0, high=1, doc="Worst price taken.")
    latency: float = number(0.5, "s", low=0, high=3600, doc="From decision to arrival.")


class Traits(Numbers):
    """What each hedger draws for itself."""

    coins: Distribution = trait(
        {"lognormal": [4.0, 0.5]},
        "value over the first equity",
        doc="Owned, where no position at the start tells it.",
    )
    share: Distribution = trait(
        {"uniform": [0.1, 0.5]},
        "share of the coins",
        source="around Jin, Jorion (2006): producers hedge 33% of oil, 41% of gas",
        doc="Hedged in calm times.",
    )
    gain: Distribution = trait(
        {"exponential": 2.0},
        "share of the coins per log return",
        source="default of its own",
        doc="Added in a fall.",
    )
    interval: Distribution = trait({"lognormal": [3600.0, 0.5]}, "s", doc="Between two looks.")
    reserve: Distribution = trait(
        {"exponential": 1.0}, "fraction of the first equity", doc="Money held outside the venue."
    )


P, T = slots(Parameters), slots(Traits)

#: Places in memory: step of the next look; quote units left in reserve; whether stock was taken.
NEXT, RESERVE, BEGUN = range(3)


#: An agent acts in one of these markets, by its place in the population.
ONE_MARKET = "perpetual"


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles a hedger needs: none, its orders do not rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages a hedger sends in a step."""
    return 1


@kernel
def begin(state, part, row, market):
    """Count coins and reserve before the first decision; tell whether that has been done.

    What the agent has on the venue is part of its coins, the rest is outside.
    """
    memory, traits = state.crowd.memory[row], state.crowd.traits[row]
    if memory[BEGUN] != 0.0:
        return True
    equity, short = means_of(state, row), -state.ledger.lots[row, market]
    if equity <= 0:
        return False
    owned = to_units(traits[T.coins] * equity / value_of(state, market))
    if short > 0 and traits[T.share] > 0.0:
        owned = to_units(short / traits[T.share])
    there = spot_lots(state, row, market, spot_of(state, part, market))
    state.crowd.outside_lots[row, market] = max(0, owned - there)
    memory[RESERVE] = to_units(traits[T.reserve] * equity)
    memory[BEGUN] = 1.0
    return True


@kernel
def hedged_share(share, gain, fall, threshold):
    """Share of the coins that an agent wants to be short after a log fall."""
    return min(1.0, share + gain * max(0.0, fall - threshold))


@kernel
def bring_in(state, part, row, notional):
    """Ask for the equity that the leverage limit lacks, as far as the reserve goes; what it is."""
    memory = state.crowd.memory[row]
    missing = to_units(notional / state.params[part, P.leverage]) - means_of(state, row)
    amount = max(0, min(missing, to_units(memory[RESERVE])))
    memory[RESERVE] -= amount
    state.crowd.requests[row] += amount
    return amount


@kernel
def wanted_short(state, part, row, market):
    """Lots that an agent wants to be short now, within what its equity carries."""
    params, traits = state.params[part], state.crowd.traits[row]
    line = np.int64(state.ledger.markets[market].underlying)
    change = log_return(state, line, params[P.lookback])[0]
    share = hedged_share(traits[T.share], traits[T.gain], -change, params[P.threshold])
    owned = coins(state, row, market, spot_of(state, part, market))
    wanted = share * max(0, owned)
    value = value_of(state, market)
    equity = means_of(state, row) + bring_in(state, part, row, wanted * value)
    return to_units(min(wanted, params[P.leverage] * max(0, equity) / value))


@kernel
def look(state, part, row, market):
    """Close a share of the gap between the short and what is wanted; returns messages."""
    params = state.params[part]
    gap = -wanted_short(state, part, row, market) - state.ledger.lots[row, market]
    owned = state.crowd.outside_lots[row, market]
    if abs(gap) <= params[P.band] * owned:
        return 0
    size = to_units(params[P.adjustment] * abs(gap) + 0.5)
    lots = size if gap > 0 else -size
    intent = Intent(market, lots, params[P.slippage], params[P.latency], DISCRETIONARY)
    return send(state, row, intent)


@kernel
def decide(state, part, step):
    """Let every hedger of the population decide; returns messages sent."""
    first = state.parts[part].first
    sent = 0
    for row in range(first, first + state.parts[part].count):
        market = perpetual_of(state, part, row)
        if market < 0 or not begin(state, part, row, market):
            continue
        if wakes(state, row, NEXT, state.crowd.traits[row, T.interval]):
            sent += look(state, part, row, market)
    return sent


KERNEL = decide
