r"""Leveraged traders who watch their health: some cut early, some bring money late and ever less.

With health :math:`h`, maintenance equity over maintenance requirement, an agent has a floor of its
own, above the venue's, and a goal above that. It looks at times drawn from a Poisson process. When
its health is below the floor,

* a **cutter** closes at once the share :math:`1 - h / g` of its largest position with a reduce-only
  order, which brings health to the goal :math:`g` when that is its only position;
* a **payer** waits, and once health has been low for its delay brings in a part of what is missing
  to the goal, from a budget outside the venue. It tires: after :math:`n` payments the delay is
  :math:`\phi^{-n}` times as long and the part :math:`\phi^n`, with a fatigue :math:`\phi` of its
  own. When the budget is spent it waits for the liquidation;
* the others do nothing.

Who is which is a trait, a uniform that is compared with the two shares. Nobody opens a position.
Who begins below the floor cuts at once, so it should be drawn below the first health of the
population. What saves one cutter need not save a crowd of them: in a thin book their sales can
bring down more accounts than would have fallen without.

References
----------
Brunnermeier, Pedersen (2009), "Market liquidity and funding liquidity", RFS 22(6),
doi:10.1093/rfs/hhn098 (margin spirals: selling to keep a margin).
Heimer, Imas (2022), "Biased by choice: how financial constraints can reduce financial mistakes",
RFS 35(4), doi:10.1093/rfs/hhab077 (leveraged traders hold on to losing positions until a margin
call).
"""

import numpy as np

from crossmargin.agents.acting import draws_of, largest_position, mid_of, take_at_once, wait
from crossmargin.model.inbox import arrival
from crossmargin.model.integers import to_units, to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.margin.numbers import health
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import CLOSED, REDUCE_ONLY
from crossmargin.model.traits import Distribution, trait


class Parameters(Numbers):
    """What all agents of the population share."""

    cut_share: float = number(0.5, "share of agents", low=0, high=1, doc="Who cuts.")
    pay_share: float = number(
        0.35, "share of agents", low=0, high=1, doc="Who brings money; the rest does nothing."
    )
    slippage: float = number(
        0.02, "fraction of the mid", low=0, high=1, doc="Worst price accepted when cutting."
    )
    latency: float = number(
        0.5, "seconds", low=0, high=3600, doc="From decision to the earliest arrival."
    )


class Traits(Numbers):
    """What each agent draws for itself; defaults are of its own."""

    temper: Distribution = trait(
        {"uniform": [0.0, 1.0]}, "uniform", doc="Below cut_share cuts, next pay_share pays."
    )
    floor: Distribution = trait(
        {"uniform": [1.3, 3.0]},
        "maintenance equity over requirement",
        doc="Health below which it acts; a venue's margin call is at 1.5 by default.",
    )
    relief: Distribution = trait(
        {"uniform": [1.1, 1.8]}, "multiple of the floor", doc="Goal to which it brings its health."
    )
    rate: Distribution = trait(
        {"lognormal": [0.02, 1.0]}, "looks a second", doc="Attention as a Poisson process."
    )
    delay: Distribution = trait(
        {"lognormal": [900.0, 1.0]}, "seconds", doc="From low health to the first payment."
    )
    budget: Distribution = trait(
        {"exponential": 0.5}, "fraction of the first equity", doc="Wealth held outside the venue."
    )
    fatigue: Distribution = trait({"uniform": [0.4, 0.9]}, "factor a payment", doc="1 never tires.")


P, T = slots(Parameters), slots(Traits)

#: Places in an agent's memory: step in which it looks next (0: not set), one plus what is left of
#: its budget in quote units (0: not counted), one plus the step since when health was low or the
#: last payment (0: it is not low), payments so far.
NEXT, BUDGET, LOW, PAID = range(4)


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles an agent needs: none, its orders do not rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages an agent sends in a step."""
    return 1


@kernel
def is_looking(state, row, step):
    """Tell whether an agent looks at its health now, and draw when it looks next."""
    memory, clock = state.crowd.memory[row], state.clock[0]
    rate = state.crowd.traits[row, T.rate]
    uniform = draws_of(state, row, step)[0]
    if memory[NEXT] == 0.0:
        memory[NEXT] = step - 1.0 + wait(uniform, rate, clock.block_seconds)
        memory[BUDGET] = 1.0 + max(
            0, to_units(state.crowd.traits[row, T.budget] * state.ledger.accounts[row].equity)
        )
        uniform = draws_of(state, row, step)[1]
    if step < memory[NEXT]:
        return False
    memory[NEXT] = step + wait(uniform, rate, clock.block_seconds)
    return True


@kernel
def share_to_cut(now, goal):
    """Share of a position whose closing brings health to a goal; all of it without equity."""
    return min(1.0, max(0.0, 1.0 - now / goal))


@kernel
def cut(state, part, row, market):
    """Close what brings health to the goal, one lot at least; returns the number of messages."""
    traits, lots = state.crowd.traits[row], state.ledger.lots[row, market]
    share = share_to_cut(health(state.ledger.accounts[row]), traits[T.floor] * traits[T.relief])
    side = -1 if lots > 0 else 1
    worst = mid_of(state, market) * (1.0 + side * state.params[part, P.slippage])
    closed = max(1, min(abs(lots), to_units_up(share * abs(lots))))
    message = take_at_once(state, row, market, side * closed, worst)
    message.flags = REDUCE_ONLY
    moment = draws_of(state, row, state.clock[0].step)[3]
    message.arrival = arrival(moment, state.params[part, P.latency], state.clock[0].block_seconds)
    return 1


@kernel
def payment(account, goal, willing):
    """Quote units that a payer brings: a part of what is missing to the goal."""
    missing = goal * account.maintenance_requirement - account.maintenance_equity
    return to_units_up(willing * max(0.0, missing))


@kernel
def pay(state, row):
    """Ask for a transfer once the delay is over; returns its amount, quote units."""
    traits, memory, clock = state.crowd.traits[row], state.crowd.memory[row], state.clock[0]
    willing = traits[T.fatigue] ** memory[PAID]
    waited = (clock.step + 1.0 - memory[LOW]) * clock.block_seconds
    if waited * willing < traits[T.delay]:
        return 0
    wanted = payment(state.ledger.accounts[row], traits[T.floor] * traits[T.relief], willing)
    amount = min(wanted, to_units(memory[BUDGET] - 1.0))
    if amount > 0:
        memory[BUDGET] -= amount
        memory[PAID] += 1.0
        memory[LOW] = clock.step + 1.0
        state.crowd.requests[row] += amount
    return amount


@kernel
def is_low(state, row, step):
    """Tell whether health is below the agent's floor, and remember since when."""
    account, memory = state.ledger.accounts[row], state.crowd.memory[row]
    if account.maintenance_requirement == 0 or health(account) >= state.crowd.traits[row, T.floor]:
        memory[LOW] = 0.0
        return False
    if memory[LOW] == 0.0:
        memory[LOW] = step + 1.0
    return True


@kernel
def act(state, part, row, step):
    """Let one agent decide; returns the number of messages."""
    if not is_looking(state, row, step) or state.ledger.accounts[row].state == CLOSED:
        return 0
    market = np.int64(largest_position(state, part, row))
    if market < 0 or not is_low(state, row, step):
        return 0
    numbers, temper = state.params[part], state.crowd.traits[row, T.temper]
    if temper < numbers[P.cut_share]:
        is_open = state.ledger.markets[market].halted_until <= step
        return cut(state, part, row, market) if is_open else 0
    if temper < numbers[P.cut_share] + numbers[P.pay_share]:
        pay(state, row)
    return 0


@kernel
def decide(state, part, step):
    """Let every agent of the population decide; returns the number of messages."""
    first = state.parts[part].first
    sent = 0
    for row in range(first, first + state.parts[part].count):
        if state.crowd.memory[row, NEXT] <= step:
            sent += act(state, part, row, step)
    return sent


PHASE = "decisions"
KERNEL = decide
