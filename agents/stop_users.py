r"""Leveraged traders who hold a position behind stop orders: stop-loss, take-profit, or both.

The position is theirs from the start and they open no other. At times of their own they look at
their largest position; where a stop-loss or take-profit that they use is missing, they place it,
reduce-only, for the whole position, at a distance from the mark

.. math:: d = x E / N \quad (\text{measure "equity"}) \qquad d = x \quad (\text{"price"})

with the equity :math:`E`, the notional :math:`N` and a draw :math:`x` for each of the two. So by
default they decide which share of their equity to lose or to win, and the higher the leverage, the
nearer the stop. Some choose round numbers: a take-profit stands at the nearest one, a stop-loss
just beyond it, which makes stops cluster. Some add a limit and so may be left unfilled in a fall.

References
----------
Osler (2003), "Currency orders and exchange rate dynamics: an explanation for the predictive success
of technical analysis", J. Finance 58(5), doi:10.1111/1540-6261.00588 (where stops stand).
Osler (2005), "Stop-loss orders and price cascades in currency markets", J. International Money and
Finance 24(2), doi:10.1016/j.jimonfin.2004.12.002.
Fischbacher, Hoffmann, Schudy (2017), "The causal effect of stop-loss and take-gain orders on the
disposition effect", RFS 30(6), doi:10.1093/rfs/hhx016.
"""

import math
from typing import Literal

import numpy as np

from crossmargin.agents.acting import (
    draws_of,
    largest_position,
    means_of,
    own_message,
    tick_of,
)
from crossmargin.model.inbox import arrival
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import notional_of
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import CLOSED, ON_LAST, REDUCE_ONLY, RISING, STOP_ORDER
from crossmargin.model.stop_orders import is_armed
from crossmargin.model.trading import is_live
from crossmargin.model.traits import Distribution, trait


class Parameters(Numbers):
    """What all agents of the population share."""

    stop_share: float = number(0.7, "share of agents", low=0, high=1, doc="Who uses a stop-loss.")
    profit_share: float = number(
        0.4, "share of agents", low=0, high=1, doc="Who uses a take-profit."
    )
    limit_share: float = number(
        0.2, "share of agents", low=0, high=1, doc="Whose stops have a limit."
    )
    limit_offset: float = number(
        0.003, "fraction of the trigger", low=0, high=1, doc="Limit, worse than the trigger."
    )
    last_share: float = number(
        0.3, "share of agents", low=0, high=1, doc="Whose stops watch the last price."
    )
    round_share: float = number(
        0.3,
        "share of agents",
        low=0,
        high=1,
        source="Osler (2003): stops cluster at round numbers; the share is a default of its own",
        doc="Who chooses round numbers.",
    )
    figures: int = number(2, "significant figures", low=1, high=8, doc="Of a round number.")
    beyond: float = number(
        0.0005,
        "fraction of the price",
        low=0,
        high=0.1,
        source="Osler (2003): stop-losses stand just beyond round numbers, take-profits on them",
        doc="From a round number to the stop-loss behind it.",
    )
    measure: Literal["equity", "price"] = number(
        "equity", "choice", doc="Whether distances are shares of equity or of the price."
    )
    latency: float = number(
        0.2, "seconds", low=0, high=3600, doc="From decision to the earliest arrival."
    )


class Traits(Numbers):
    """What each agent draws for itself."""

    protects: Distribution = trait(
        {"uniform": [0.0, 1.0]}, "uniform", doc="Below stop_share it uses a stop-loss."
    )
    aims: Distribution = trait(
        {"uniform": [0.0, 1.0]}, "uniform", doc="Below profit_share it uses a take-profit."
    )
    loss: Distribution = trait(
        {"uniform": [0.2, 0.7]}, "fraction of equity or price", doc="Distance of the stop-loss."
    )
    gain: Distribution = trait(
        {"lognormal": [0.8, 0.5]}, "fraction of equity or price", doc="Distance of the take-profit."
    )
    pause: Distribution = trait(
        {"lognormal": [600.0, 1.0]}, "seconds", doc="Between two looks; the first comes sooner."
    )
    form: Distribution = trait(
        {"uniform": [0.0, 1.0]}, "uniform", doc="Below limit_share its stops have a limit."
    )
    watch: Distribution = trait(
        {"uniform": [0.0, 1.0]}, "uniform", doc="Below last_share they watch the last price."
    )
    roundness: Distribution = trait(
        {"uniform": [0.0, 1.0]}, "uniform", doc="Below round_share it chooses round numbers."
    )


P, T = slots(Parameters), slots(Traits)
BY_EQUITY = 0
#: The two stops of an agent, also the places of their handles.
LOSS, PROFIT = range(2)
#: Handles of the stop-loss and the take-profit that a scenario lets an agent have from the start.
STOP_SLOTS = (LOSS, PROFIT)
#: Place in an agent's memory: one plus the step of its next look (0: not set).
NEXT = 0
#: No trigger is nearer or further from the mark than this.
NEAREST, FURTHEST = 1e-4, 0.95


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles an agent needs: of its stop-loss and its take-profit."""
    return 2


def stops_needed(numbers: Parameters, n_markets: int) -> int:
    """Most stop orders of an agent that wait at a time."""
    return 2


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages an agent sends in a step."""
    return 2


@kernel
def uses(state, part, row, which):
    """Tell whether an agent uses a stop-loss, or a take-profit."""
    traits, numbers = state.crowd.traits[row], state.params[part]
    if which == LOSS:
        return traits[T.protects] < numbers[P.stop_share]
    return traits[T.aims] < numbers[P.profit_share]


@kernel
def distance_of(state, part, row, market, which):
    """Distance of a trigger from the mark, as a fraction of it."""
    traits, ledger = state.crowd.traits[row], state.ledger
    drawn = traits[T.loss] if which == LOSS else traits[T.gain]
    if state.params[part, P.measure] == BY_EQUITY:
        notional = notional_of(
            ledger, market, ledger.lots[row, market], ledger.markets[market].mark
        )
        drawn *= max(0, means_of(state, row)) / notional
    return max(NEAREST, min(FURTHEST, drawn))


@kernel
def round_number(price, figures):
    """Nearest number with so many significant figures."""
    unit = 10.0 ** (math.floor(math.log10(price)) + 1.0 - figures)
    return math.floor(price / unit + 0.5) * unit


@kernel
def rounded(state, part, market, exact, away):
    """Trigger at a round number or just beyond it; as it was where that is on the wrong side.

    `away` is +1 for a trigger above the mark, -1 for one below; beyond the number lies further
    from the mark. Half ticks.
    """
    m, numbers = state.ledger.markets[market], state.params[part]
    half = 0.5 * m.tick
    found = round_number(exact * half, numbers[P.figures]) / half
    return found if (found - m.mark) * away > 0.0 else exact


@kernel
def trigger_of(state, part, row, market, which):
    """Price that sets a stop of an agent off, half ticks."""
    numbers, mark = state.params[part], state.ledger.markets[market].mark
    side = 1.0 if state.ledger.lots[row, market] > 0 else -1.0
    away = -side if which == LOSS else side
    exact = mark * (1.0 + away * distance_of(state, part, row, market, which))
    if state.crowd.traits[row, T.roundness] < numbers[P.round_share]:
        exact = rounded(state, part, market, exact, away)
        exact *= 1.0 + away * numbers[P.beyond] if which == LOSS else 1.0
    last = (state.book.table.shape[2] << 7) - 1
    return max(1, min(np.int64(math.floor(exact + 0.5)), last))


@kernel
def place_stop(state, part, row, market, which):
    """Send one stop order for the whole position; returns 1."""
    p, numbers, traits = state.parts[part], state.params[part], state.crowd.traits[row]
    side = -1 if state.ledger.lots[row, market] > 0 else 1
    trigger = trigger_of(state, part, row, market, which)
    message = own_message(state, row, market, side)
    message.action = STOP_ORDER
    message.order = trigger
    message.flags = REDUCE_ONLY
    if trigger > state.ledger.markets[market].mark:
        message.flags |= RISING
    if traits[T.watch] < numbers[P.last_share]:
        message.flags |= ON_LAST
    if traits[T.form] < numbers[P.limit_share]:
        message.price = max(1, tick_of(trigger * (1.0 + side * numbers[P.limit_offset]), side))
    message.slot = p.first_slot + (row - p.first) * p.slots + which + 1
    moment = draws_of(state, row, state.clock[0].step)[which]
    message.arrival = arrival(moment, numbers[P.latency], state.clock[0].block_seconds)
    return 1


@kernel
def is_missing(state, part, row, which):
    """Tell whether neither a stop of an agent waits nor the order that it sent rests."""
    p = state.parts[part]
    handle = state.crowd.handles[p.first_slot + (row - p.first) * p.slots + which]
    return not is_armed(state.stops, handle, row) and not is_live(state.book, handle, row)


@kernel
def is_looking(state, part, row, step):
    """Tell whether an agent looks at its position now; who uses no stops never does."""
    memory, clock = state.crowd.memory[row], state.clock[0]
    pause = max(1.0, math.floor(state.crowd.traits[row, T.pause] / clock.block_seconds + 0.5))
    if memory[NEXT] == 0.0:
        memory[NEXT] = step + 1.0 + math.floor(draws_of(state, row, step)[2] * pause)
        if not uses(state, part, row, LOSS) and not uses(state, part, row, PROFIT):
            memory[NEXT] = np.inf
    if step + 1.0 < memory[NEXT]:
        return False
    memory[NEXT] = step + 1.0 + pause
    return True


@kernel
def act(state, part, row, step):
    """Let one agent see to its stops; returns the number of messages."""
    if not is_looking(state, part, row, step) or state.ledger.accounts[row].state == CLOSED:
        return 0
    market = np.int64(largest_position(state, part, row))
    if market < 0:
        return 0
    sent = 0
    for which in range(2):
        if uses(state, part, row, which) and is_missing(state, part, row, which):
            sent += place_stop(state, part, row, market, which)
    return sent


@kernel
def decide(state, part, step):
    """Let every agent of the population decide; returns the number of messages."""
    first = state.parts[part].first
    sent = 0
    for row in range(first, first + state.parts[part].count):
        if state.crowd.memory[row, NEXT] <= step + 1.0:
            sent += act(state, part, row, step)
    return sent


PHASE = "decisions"
KERNEL = decide
