r"""Stale-price arbitrageurs: they trade against a venue whose index or mark lags the outside price.

Where the outside price is :math:`P` and the venue still reads :math:`I`, the gap is
:math:`g = \ln(P/I)`. Makers quote around what the venue reads, and margin is judged by it. When
:math:`|g|` exceeds a threshold of the agent's own it takes what the book offers on the stale side,
no further than where the outside price leaves it its costs, and waits: the venue will catch up. It
closes once the gap has fallen below a share of the threshold, or when it has held for as long as it
cares to. It needs no hedge outside and holds none, unlike an arbitrageur: it bets on the update.

References
----------
Eskandari, Salehi, Gu, Clark (2021), "SoK: Oracles from the ground truth to market manipulation",
AFT '21, doi:10.1145/3479722.3480994.
Budish, Cramton, Shim (2015), "The high-frequency trading arms race", QJE 130(4),
doi:10.1093/qje/qjv027: stale quotes are sniped.
"""

import math
from typing import Literal

import numpy as np

from crossmargin.agents.acting import mid_of
from crossmargin.agents.arbitrageurs import reference_price
from crossmargin.agents.taking import Intent, perpetual_of, send, slice_of, value_of
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import ARBITRAGE
from crossmargin.model.traits import Distribution, trait

PHASE = "decisions"
INDEX, MARK, EITHER = range(3)


class Parameters(Numbers):
    """What all agents of the population share."""

    reads: Literal["index", "mark", "either"] = number(
        "either", "choice", doc="Price of the venue that is watched; of two the staler."
    )
    cost: float = number(
        0.001, "fraction of the price", low=0, high=0.5, doc="Wanted between book and outside."
    )
    leave: float = number(
        0.3, "share of the threshold", low=0, high=1, doc="Gap at which a position is closed."
    )
    leverage: float = number(5.0, "notional over equity", above=0, high=100, doc="Limit.")
    speed: float = number(
        5.0, "s", above=0, doc="Time constant in which a position is built or closed."
    )
    slippage: float = number(0.005, "fraction of the mid", low=0, high=1, doc="When closing.")


class Traits(Numbers):
    """What each agent draws for itself."""

    threshold: Distribution = trait(
        {"lognormal": [0.005, 0.5]},
        "log price",
        source="Chainlink BTC/USD and ETH/USD: deviation 0.5%; a wider gap is a fault",
        doc="Gap that is worth a trade.",
    )
    patience: Distribution = trait(
        {"lognormal": [1800.0, 0.5]}, "s", doc="Longest time that a position is held."
    )
    latency: Distribution = trait({"exponential": 0.2}, "s", doc="From decision to arrival.")
    size: Distribution = trait(
        {"uniform": [0.3, 1.0]}, "share of the leverage limit", doc="Of a full position."
    )


P, T = slots(Parameters), slots(Traits)

#: Place in memory: one plus the step in which the position began, 0 without one, negative once it
#: was held too long: until the gap has closed no new one is begun.
SINCE = 0


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles an agent needs: none, its orders do not rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages an agent sends in a step."""
    return 1


@kernel
def gap_of(state, part, market):
    """Log of the outside price over what the venue reads; of two readings the larger gap."""
    m, reads = state.ledger.markets[market], state.params[part, P.reads]
    outside = math.log(2.0 * reference_price(state, market) / m.tick)
    by_index = outside - math.log(m.index)
    by_mark = outside - math.log(m.mark)
    if reads == INDEX or (reads == EITHER and abs(by_index) >= abs(by_mark)):
        return by_index
    return by_mark


@kernel
def entry(state, part, row, market, gap):
    """Take towards a full position while the book leaves the costs; returns messages."""
    params, traits = state.params[part], state.crowd.traits[row]
    side = 1 if gap > 0.0 else -1
    equity = max(0, state.ledger.accounts[row].equity)
    full = to_units(traits[T.size] * params[P.leverage] * equity / value_of(state, market))
    missing = side * full - state.ledger.lots[row, market]
    if missing * side <= 0:
        return 0
    worst = 2.0 * reference_price(state, market) / state.ledger.markets[market].tick
    room = side * (worst * (1.0 - side * params[P.cost]) / mid_of(state, market) - 1.0)
    if room <= 0.0:
        return 0
    lots = slice_of(state, missing, params[P.speed])
    return send(state, row, Intent(market, lots, room, traits[T.latency], ARBITRAGE))


@kernel
def leave(state, part, row, market):
    """Close a slice of the position; returns messages."""
    params, held = state.params[part], state.ledger.lots[row, market]
    lots = slice_of(state, -held, params[P.speed])
    latency = state.crowd.traits[row, T.latency]
    return send(state, row, Intent(market, lots, params[P.slippage], latency, ARBITRAGE))


@kernel
def is_over(state, part, row, gap, held):
    """Tell whether a position has done its work, or had its time."""
    memory, traits = state.crowd.memory[row], state.crowd.traits[row]
    sign = 1.0 if held > 0 else -1.0
    if sign * gap < state.params[part, P.leave] * traits[T.threshold]:
        return True
    waited = (state.clock[0].step + 1.0 - memory[SINCE]) * state.clock[0].block_seconds
    if memory[SINCE] > 0.0 and waited >= traits[T.patience]:
        memory[SINCE] = -1.0
    return memory[SINCE] < 0.0


@kernel
def act(state, part, row, market):
    """Let one agent enter, hold or leave; returns the number of messages."""
    memory, gap = state.crowd.memory[row], gap_of(state, part, market)
    held, threshold = state.ledger.lots[row, market], state.crowd.traits[row, T.threshold]
    if held != 0:
        if memory[SINCE] == 0.0:
            memory[SINCE] = state.clock[0].step + 1.0
        if is_over(state, part, row, gap, held):
            return leave(state, part, row, market)
    elif memory[SINCE] >= 0.0 or abs(gap) < state.params[part, P.leave] * threshold:
        memory[SINCE] = 0.0
    if abs(gap) <= threshold or memory[SINCE] < 0.0:
        return 0
    return entry(state, part, row, market, gap)


@kernel
def decide(state, part, step):
    """Let every agent of the population decide; returns messages sent."""
    first = state.parts[part].first
    sent = 0
    for row in range(first, first + state.parts[part].count):
        market = perpetual_of(state, part, row)
        if market < 0:
            continue
        m = state.ledger.markets[np.int64(market)]
        if m.index > 0 and m.mark > 0:
            sent += act(state, part, row, market)
    return sent


KERNEL = decide
