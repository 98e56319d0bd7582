"""Leveraged longs and shorts who sit on a position and answer a margin call, or do not.

The position is theirs from the start. On a margin call, which they notice when their health falls
below the venue's or their own threshold, and after a delay of their own,

* some **add margin** from a reserve outside the venue, as much as brings health back to a target
  and as long as the reserve lasts; when it is gone they reduce like the next ones,
* some **reduce** a share of their largest position with a reduce-only order,
* the others **wait** for the liquidation.

Who is which is a trait: a uniform that is compared with the two shares. A profit target closes the
largest position; nobody opens a new one.

References
----------
Brunnermeier, Pedersen (2009), "Market liquidity and funding liquidity", RFS 22(6),
doi:10.1093/rfs/hhn098 (margin calls met from funding liquidity, or by selling).
"""

import math

import numpy as np

from crossmargin.agents.acting import draws_of, largest_position, mid_of, take_at_once
from crossmargin.model.inbox import arrival
from crossmargin.model.integers import to_units, to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import unrealised
from crossmargin.model.margin.numbers import health
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import CLOSED, HEALTHY, REDUCE_ONLY
from crossmargin.model.traits import Distribution, trait


class Parameters(Numbers):
    """What all agents of the population share."""

    add_share: float = number(
        0.3, "share of agents", low=0, high=1, doc="Who adds margin, as long as the reserve lasts."
    )
    reduce_share: float = number(
        0.2, "share of agents", low=0, high=1, doc="Who reduces; the rest waits."
    )
    target_health: float = number(
        2.0,
        "maintenance equity over requirement",
        above=1,
        high=100,
        doc="Health that added margin restores.",
    )
    reduce_fraction: float = number(
        0.5, "fraction of the largest position", above=0, high=1, doc="Closed by one response."
    )
    slippage: float = number(
        0.02, "fraction of the mid", low=0, high=1, doc="Worst price accepted when closing."
    )
    latency: float = number(
        0.5, "seconds", low=0, high=3600, doc="From decision to the earliest arrival."
    )


class Traits(Numbers):
    """What each agent draws for itself."""

    temper: Distribution = trait(
        {"uniform": [0.0, 1.0]}, "uniform", doc="Below add_share adds, next reduce_share reduces."
    )
    threshold: Distribution = trait(
        {"uniform": [1.0, 1.3]},
        "maintenance equity over requirement",
        doc="Health below which it answers, even before the venue calls.",
    )
    delay: Distribution = trait(
        {"lognormal": [600.0, 1.0]},
        "seconds",
        doc="From a call to the answer, and between answers.",
    )
    reserve: Distribution = trait(
        {"exponential": 0.5}, "fraction of the first equity", doc="Wealth held outside the venue."
    )
    take_profit: Distribution = trait(
        0.0, "fraction of the cost", doc="Gain at which it closes its largest position; 0 never."
    )


P, T = slots(Parameters), slots(Traits)

#: Places in an agent's memory: reserve that is left in quote units, whether it was counted, and
#: one plus the step since which it is called, 0 when it is not.
RESERVE, COUNTED, CALLED = range(3)


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles an agent needs: none, its orders do not rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages an agent sends in a step."""
    return 1


@kernel
def count_reserve(state, row):
    """Set the reserve once, from the equity with which an agent begins."""
    memory, account = state.crowd.memory[row], state.ledger.accounts[row]
    if memory[COUNTED] == 0.0 and account.equity > 0:
        memory[COUNTED] = 1.0
        memory[RESERVE] = math.floor(state.crowd.traits[row, T.reserve] * account.equity)


@kernel
def is_answering(state, row, step):
    """Tell whether an agent has known of a margin call for as long as it takes to answer."""
    account, memory = state.ledger.accounts[row], state.crowd.memory[row]
    is_low = health(account) < state.crowd.traits[row, T.threshold]
    if account.maintenance_requirement == 0 or not (is_low or account.state != HEALTHY):
        memory[CALLED] = 0.0
        return False
    if memory[CALLED] == 0.0:
        memory[CALLED] = step + 1.0
    waited = (step + 1.0 - memory[CALLED]) * state.clock[0].block_seconds
    return waited >= state.crowd.traits[row, T.delay]


@kernel
def add_margin(state, part, row):
    """Ask for a transfer that restores health, as far as the reserve goes; returns its amount."""
    account, memory = state.ledger.accounts[row], state.crowd.memory[row]
    wanted = state.params[part, P.target_health] * account.maintenance_requirement
    missing = to_units_up(wanted - account.maintenance_equity)
    amount = max(0, min(missing, to_units(memory[RESERVE])))
    memory[RESERVE] -= amount
    state.crowd.requests[row] += amount
    return amount


@kernel
def close_share(state, part, row, market, fraction):
    """Send a reduce-only order for a share of a position, one lot at least; returns 1."""
    lots = state.ledger.lots[row, market]
    closed = max(1, to_units_up(fraction * abs(lots)))
    side = -1 if lots > 0 else 1
    worst = mid_of(state, market) * (1.0 + side * state.params[part, P.slippage])
    message = take_at_once(state, row, market, side * closed, worst)
    message.flags = REDUCE_ONLY
    moment = draws_of(state, row, state.clock[0].step)[3]
    latency = state.params[part, P.latency]
    message.arrival = arrival(moment, latency, state.clock[0].block_seconds)
    return 1


@kernel
def answer(state, part, row, market):
    """Add margin, reduce or wait; returns the number of messages."""
    temper, adds = state.crowd.traits[row, T.temper], state.params[part, P.add_share]
    if temper < adds and add_margin(state, part, row) > 0:
        return 0
    if temper < adds + state.params[part, P.reduce_share]:
        return close_share(state, part, row, market, state.params[part, P.reduce_fraction])
    return 0


@kernel
def is_at_target(state, row, market):
    """Tell whether the gain of a position has reached the agent's profit target."""
    target = state.crowd.traits[row, T.take_profit]
    cost = abs(state.ledger.cost[row, market])
    return target > 0.0 and unrealised(state.ledger, row, market) >= target * cost


@kernel
def act(state, part, row, step):
    """Let one agent decide; returns the number of messages."""
    account = state.ledger.accounts[row]
    if account.state == CLOSED or account.maintenance_requirement == 0:
        state.crowd.memory[row, CALLED] = 0.0
        return 0
    count_reserve(state, row)
    market = largest_position(state, part, row)
    if market < 0 or state.ledger.markets[market].halted_until > step:
        return 0
    if is_answering(state, row, step):
        state.crowd.memory[row, CALLED] = step + 1.0
        return answer(state, part, row, np.int64(market))
    if is_at_target(state, row, market):
        return close_share(state, part, row, market, 1.0)
    return 0


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
