"""Circuit breaker: a market whose index or mid moved too far, too fast is halted for a while.

The move is the distance of the log price now from the farthest one within the window.

References
----------
Limit Up-Limit Down plan of the US equity exchanges: bands around the price of five minutes, pauses
of five minutes.
"""

from typing import Literal

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.log import emit
from crossmargin.model.markets import acts_on, log_price, steps_of
from crossmargin.model.oracle.index import index_row
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import HALT


class Parameters(Numbers):
    """What trips it and for how long."""

    threshold: float = number(
        0.1, "log price", above=0, high=10, source="limit up-limit down: 5% to 20%"
    )
    window: float = number(300.0, "s", above=0, source="limit up-limit down: 5 min")
    halt_seconds: float = number(300.0, "s", above=0, source="limit up-limit down: 5 min")
    cooldown: float = number(
        300.0, "s", low=0, doc="From the end of a halt until the next one may begin."
    )
    watch: Literal["either", "index", "mid"] = number("either", "choice", doc="What may trip it.")


P = slots(Parameters)
EITHER, INDEX, MID = range(3)


@kernel
def largest_move(trail, row, step, back, now):
    """Distance of a log price from the farthest of the last `back` blocks; 0 where unknown."""
    largest = 0.0
    for age in range(1, min(back, step, trail.shape[1] - 1) + 1):
        distance = abs(now - trail[row, (step - age) % trail.shape[1]])
        if distance > largest:
            largest = distance
    return largest


@kernel
def is_too_far(state, part, market, step):
    """Tell whether a watched price of a market moved more than the threshold in the window."""
    numbers, trail = state.params[part], state.outside.trail
    back, watch, moved = steps_of(state, numbers[P.window]), numbers[P.watch], 0.0
    if watch != MID:
        now = log_price(state, market, state.ledger.markets[market].index)
        moved = largest_move(trail, index_row(state, market), step, back, now)
    if watch != INDEX:
        now = log_price(state, market, state.book.ladders[market].mid)
        row = state.outside.references.shape[0] + market
        moved = max(moved, largest_move(trail, row, step, back, now))
    return moved > numbers[P.threshold]


@kernel
def halt_market(state, market, until):
    """Halt a market until a step and log it."""
    row = state.ledger.markets[market]
    row.halted_until = max(row.halted_until, until)
    row.halts += 1
    event = emit(state.log, state.clock[0], HALT, -1, -1)
    event.market = market
    event.price = row.index
    return 0


@kernel
def circuit_breaker(state, part, step):
    """Halt what moved too far; returns how many markets."""
    numbers, halted = state.params[part], 0
    pause = np.int64(numbers[P.cooldown] / state.clock[0].block_seconds + 0.5)
    for m in range(state.ledger.markets.shape[0]):
        row = state.ledger.markets[m]
        rests = row.halts > 0 and step < row.halted_until + pause
        if acts_on(state, part, m) and not rests and is_too_far(state, part, m, step):
            halt_market(state, m, step + steps_of(state, numbers[P.halt_seconds]))
            halted += 1
    return halted


PHASE = "oracles"
KERNEL = circuit_breaker
