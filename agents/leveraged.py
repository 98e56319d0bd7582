"""Leveraged longs and shorts who sit on a position and answer a margin call, or do not.

The position is theirs from the start. On a margin call, which they notice when their health falls
below the venue's or their own threshold, and after a delay of their own,

* some **add margin** from a reserve outside the venue, as much as brings health back to a target
  and as long as the reserve lasts; when it is gone they reduce like the next ones,
* some **reduce** a share of their largest position with a reduce-only order,
* the others **wait** for the liquidation.

Who is which is a trait: a uniform that is compared with the two shares. A profit target closes the
largest position.

Nobody opens a new position, unless `renewal` lets others come in the place of those who are gone:
an account whose position fell below half of what its first equity carried at its first leverage has
a new owner after an exponential time. The owner brings equity back to the first one, has a reserve
of its own, and builds the position up on the same side, at the same leverage, in slices. Without
that leveraged positions die out over weeks: on BitMEX in 2018 and 2019 forced liquidations closed
3.5% of longs and 1.9% of shorts a day (cointelegraph.com).

References
----------
Brunnermeier, Pedersen (2009), "Market liquidity and funding liquidity", RFS 22(6),
doi:10.1093/rfs/hhn098 (margin calls met from funding liquidity, or by selling).
"""

import math

import numpy as np

from crossmargin.agents.acting import draws_of, largest_position, mid_of, take_at_once
from crossmargin.agents.taking import (
    Intent,
    closed_share,
    perpetual_of,
    send,
    slice_of,
    value_of,
)
from crossmargin.model.inbox import arrival
from crossmargin.model.integers import to_units, to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import unrealised
from crossmargin.model.margin.numbers import health
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import CLOSED, DISCRETIONARY, HEALTHY, REDUCE_ONLY
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
    renewal: float = number(
        0.0,
        "s",
        low=0,
        high=1e9,
        source="default of its own",
        doc="Mean time until an account whose position is gone has a new owner; 0 never.",
    )
    opening: float = number(
        14400.0, "s", above=0, high=1e9, doc="In which a new owner builds its position up."
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

#: Places in an agent's memory: reserve that is left and first equity, quote units; one plus the
#: step since which it is called, 0 when it is not, less than 0 the step until which it opens;
#: signed notional over equity at first.
RESERVE, FIRST, CALLED, LEVERAGE = range(4)
#: A position below this share of the one at first is gone.
GONE = 0.5
#: Time constants, of `opening`, in which a position is built up; about 5% of it are left then.
CONSTANTS = 3.0


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles an agent needs: none, its orders do not rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages an agent sends in a step."""
    return 1


@kernel
def count_reserve(state, row, market):
    """Take stock once: what an agent begins with, and the reserve that goes with it."""
    memory, account = state.crowd.memory[row], state.ledger.accounts[row]
    if memory[FIRST] == 0.0 and account.equity > 0:
        memory[FIRST] = account.equity
        memory[RESERVE] = math.floor(state.crowd.traits[row, T.reserve] * account.equity)
        if market >= 0:
            held = state.ledger.lots[row, market] * value_of(state, market)
            memory[LEVERAGE] = held / account.equity


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
def missing_lots(state, row, market):
    """Signed lots between the position that an account was opened with and what it holds."""
    memory = state.crowd.memory[row]
    wanted = to_units(abs(memory[LEVERAGE]) * memory[FIRST] / value_of(state, market))
    side = 1 if memory[LEVERAGE] > 0.0 else -1
    return np.int64(side * wanted - state.ledger.lots[row, market])


@kernel
def is_gone(state, row, market):
    """Tell whether little is left of the position that an account was opened with."""
    memory = state.crowd.memory[row]
    first = memory[LEVERAGE] * memory[FIRST]
    held = state.ledger.lots[row, market] * value_of(state, market)
    return abs(first) > 0.0 and held * np.sign(first) < GONE * abs(first)


@kernel
def hand_over(state, part, row, step):
    """Let a new owner come: equity as at first, a new reserve, and time to open."""
    memory, seconds = state.crowd.memory[row], state.clock[0].block_seconds
    missing = to_units(memory[FIRST]) - state.ledger.accounts[row].equity
    state.crowd.requests[row] += max(0, missing)
    memory[RESERVE] = math.floor(state.crowd.traits[row, T.reserve] * memory[FIRST])
    memory[CALLED] = -(step + math.ceil(CONSTANTS * state.params[part, P.opening] / seconds))
    return 0


@kernel
def open_slice(state, part, row, market):
    """Send the next slice of the position that a new owner builds up; returns messages."""
    lots = slice_of(state, missing_lots(state, row, market), state.params[part, P.opening])
    if lots * state.crowd.memory[row, LEVERAGE] <= 0.0:
        return 0
    params = state.params[part]
    intent = Intent(market, lots, params[P.slippage], params[P.latency], DISCRETIONARY)
    return send(state, row, intent)


@kernel
def renew(state, part, row, step):
    """Let new owners come and open; tells whether this account is theirs now, and messages."""
    memory = state.crowd.memory[row]
    market = perpetual_of(state, part, row)
    is_healthy = state.ledger.accounts[row].state == HEALTHY
    if memory[CALLED] < 0.0:
        if is_healthy and step < -memory[CALLED]:
            return True, open_slice(state, part, row, market)
        memory[CALLED] = 0.0
    if market < 0 or not is_healthy:
        return False, 0
    chance = closed_share(state, state.params[part, P.renewal])
    if is_gone(state, row, market) and draws_of(state, row, step)[0] < chance:
        return True, hand_over(state, part, row, step)
    return False, 0


@kernel
def act(state, part, row, step):
    """Let one agent decide; returns the number of messages."""
    account = state.ledger.accounts[row]
    if state.params[part, P.renewal] > 0.0:
        is_new, sent = renew(state, part, row, step)
        if is_new:
            return sent
    if account.state == CLOSED or account.maintenance_requirement == 0:
        state.crowd.memory[row, CALLED] = 0.0
        return 0
    market = largest_position(state, part, row)
    if market < 0 or state.ledger.markets[market].halted_until > step:
        return 0
    count_reserve(state, row, perpetual_of(state, part, row))
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
