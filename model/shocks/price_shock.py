r"""A shock to the outside price of an underlying.

The log price moves by :math:`\log(1 + c)`, at once or in a straight line over `spread` seconds, and
stays there or decays with a half-life once it is complete. At any moment the effect of a shock
is a function of time alone; a block adds what it grew by, so that shocks sum.
"""

import math

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import concerns, first_step_after
from crossmargin.model.parts import number, slots
from crossmargin.model.shocks.schedule import Scheduled, emit_shock, first_market_of


class Parameters(Scheduled):
    """How far, how fast, and for how long."""

    change: float = number(-0.1, "fraction of the price", above=-1, high=100, doc="Of the price.")
    spread: float = number(0.0, "s", low=0, doc="Time that it takes; 0: one block.")
    half_life: float = number(0.0, "s", low=0, doc="Of its decay once complete; 0: it lasts.")


P = slots(Parameters)


@kernel
def effect(numbers, elapsed):
    """Log price moved by a shock that began some seconds ago."""
    if elapsed < 0.0:
        return 0.0
    total, spread = math.log1p(numbers[P.change]), numbers[P.spread]
    if elapsed < spread:
        return total * elapsed / spread
    if numbers[P.half_life] > 0.0:
        return total * 0.5 ** ((elapsed - spread) / numbers[P.half_life])
    return total


@kernel
def _announce(state, part, underlying):
    market = first_market_of(state, underlying)
    if market >= 0 and state.params[part, P.change] != 0.0:
        event = emit_shock(state, market)
        event.shift = np.int64(math.floor(event.price * state.params[part, P.change] + 0.5))


@kernel
def price_shock(state, part, step):
    """Add to the shock of an underlying what this one grew by since the last block."""
    first = first_step_after(state, state.params[part, P.at])
    if step < first:
        return 0
    seconds = state.clock[0].block_seconds
    elapsed = (step - first) * seconds
    grown = effect(state.params[part], elapsed) - effect(state.params[part], elapsed - seconds)
    for u in range(state.outside.references.shape[0]):
        if concerns(state, part, u):
            state.outside.references[u].shock += grown
            if step == first:
                _announce(state, part, u)
    return 1


PHASE = "scenario"
KERNEL = price_shock
