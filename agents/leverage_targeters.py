r"""Traders who keep their leverage within a band: they buy what rises and sell what falls.

With signed notional :math:`N` in one market and weighted equity :math:`E`, a long's leverage
:math:`N/E` falls when the price rises and rises when it falls. Outside the band
:math:`[L^*(1-b), L^*(1+b)]` it trades a share :math:`\alpha` of what is missing,
:math:`\alpha (L^* E - N)`, at times of its own. Shorts mirror it. That feeds back on the price with
a positive sign.

The market is the one with its largest position. An agent without a position takes the side it last
held, or the sign of its target when it never held any; its market is then chosen by its place in
the population.

References
----------
Adrian, Shin (2010), "Liquidity and leverage", J. Financial Intermediation 19(3),
doi:10.1016/j.jfi.2008.12.002.
Greenwood, Landier, Thesmar (2015), "Vulnerable banks", JFE 115(3),
doi:10.1016/j.jfineco.2014.11.006 (sales that return leverage to target).
"""

import math

import numpy as np

from crossmargin.agents.acting import (
    draws_of,
    largest_position,
    market_at,
    means_of,
    mid_of,
    n_markets_of,
    own_market,
    take_at_once,
)
from crossmargin.model.contracts import lot_notional
from crossmargin.model.inbox import arrival
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import CLOSED, MARGIN_CALL, REDUCE_ONLY, SPOT
from crossmargin.model.traits import Distribution, trait


class Parameters(Numbers):
    """What all agents of the population share."""

    adjustment: float = number(
        0.5,
        "share of the distance to the target",
        above=0,
        high=1,
        doc="Traded at one rebalancing.",
    )
    slippage: float = number(
        0.01, "fraction of the mid", low=0, high=1, doc="Worst price accepted."
    )
    latency: float = number(
        0.2, "seconds", low=0, high=3600, doc="From decision to the earliest arrival."
    )


class Traits(Numbers):
    """What each agent draws for itself."""

    target: Distribution = trait(
        {"uniform": [2.0, 5.0]},
        "notional over weighted equity",
        doc="Leverage it returns to; a negative one means short for agents without a position.",
    )
    band: Distribution = trait(
        {"uniform": [0.1, 0.3]}, "fraction of the target", doc="Half width of the band."
    )
    interval: Distribution = trait(
        {"lognormal": [900.0, 0.5]}, "seconds", doc="Time between two looks at its leverage."
    )


P, T = slots(Parameters), slots(Traits)

#: Places in an agent's memory: side it last held, one plus the step of its next look (0: not set).
SIDE, NEXT = range(2)


#: An agent acts in one of these markets, by its place in the population.
ONE_MARKET = "any"


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles an agent needs: none, its orders do not rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages an agent sends in a step."""
    return 1


@kernel
def is_looking(state, row, step):
    """Tell whether an agent looks at its leverage now; the first look is at a time drawn."""
    memory, clock = state.crowd.memory[row], state.clock[0]
    interval = max(1.0, state.crowd.traits[row, T.interval] / clock.block_seconds)
    if memory[NEXT] == 0.0:
        memory[NEXT] = step + 1.0 + math.floor(draws_of(state, row, step)[0] * interval)
    if step + 1.0 < memory[NEXT]:
        return False
    memory[NEXT] += max(1.0, math.floor(interval + 0.5))
    return True


@kernel
def market_of(state, part, row):
    """Market that an agent trades: that of its largest position, or by its place; -1 for none."""
    held = largest_position(state, part, row)
    only = np.int64(state.ledger.accounts[row].only_market)
    p, n = state.parts[part], state.ledger.markets.shape[0]
    if held >= 0 or only >= 0:
        return held if held >= 0 else only
    acting = n_markets_of(p.markets, n)
    index = np.int64(state.ledger.accounts[row].index)
    return own_market(state, row, market_at(p.markets, n, index % acting)) if acting > 0 else -1


@kernel
def side_of(state, row, market):
    """Side of an agent: what it holds, what it last held, or the sign of its target."""
    memory, lots = state.crowd.memory[row], state.ledger.lots[row, market]
    if lots != 0:
        memory[SIDE] = 1.0 if lots > 0 else -1.0
    if memory[SIDE] == 0.0:
        memory[SIDE] = 1.0 if state.crowd.traits[row, T.target] > 0.0 else -1.0
    return memory[SIDE]


@kernel
def lots_missing(state, part, row, market):
    """Lots to trade, signed; 0 inside the band."""
    traits, m = state.crowd.traits[row], state.ledger.markets[market]
    side = side_of(state, row, market)
    account = state.ledger.accounts[row]
    equity = max(0, account.initial_equity + means_of(state, row) - account.equity)
    unit = lot_notional(m, mid_of(state, market))
    held = side * state.ledger.lots[row, market] * unit
    target = abs(traits[T.target]) * equity
    if abs(held - target) <= traits[T.band] * target:
        return 0
    wanted = to_units(state.params[part, P.adjustment] * abs(target - held) / unit)
    return np.int64(wanted if (target > held) == (side > 0.0) else -wanted)


@kernel
def rebalance(state, part, row, market):
    """Send the order of an agent whose leverage left the band; returns the number of messages."""
    lots = lots_missing(state, part, row, market)
    is_reducing = lots * state.ledger.lots[row, market] < 0
    if lots == 0 or (state.ledger.accounts[row].state > MARGIN_CALL and not is_reducing):
        return 0
    side = 1 if lots > 0 else -1
    worst = mid_of(state, market) * (1.0 + side * state.params[part, P.slippage])
    message = take_at_once(state, row, market, lots, worst)
    message.flags = REDUCE_ONLY if is_reducing else 0
    moment = draws_of(state, row, state.clock[0].step)[3]
    latency = state.params[part, P.latency]
    message.arrival = arrival(moment, latency, state.clock[0].block_seconds)
    return 1


@kernel
def act(state, part, row, step):
    """Let one agent decide; returns the number of messages."""
    if state.ledger.accounts[row].state == CLOSED or not is_looking(state, row, step):
        return 0
    market = market_of(state, part, row)
    if market < 0:
        return 0
    m = state.ledger.markets[market]
    if m.kind == SPOT or m.index == 0 or m.halted_until > step:
        return 0
    return rebalance(state, part, row, market)


@kernel
def decide(state, part, step):
    """Let every agent of the population decide; returns the number of messages."""
    first = state.parts[part].first
    sent = 0
    for row in range(first, first + state.parts[part].count):
        sent += act(state, part, row, step)
    return sent


PHASE = "decisions"
KERNEL = decide
