"""A scheduled halt of markets: new orders, forced ones too, are refused; cancels pass.

What needs no book goes on: keepers, the backstop and auto-deleveraging take over at the mark.
"""

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import acts_on, first_step_after, steps_of
from crossmargin.model.parts import number, slots
from crossmargin.model.shocks.schedule import Scheduled, emit_shock


class Parameters(Scheduled):
    """How long."""

    duration: float = number(600.0, "s", above=0, doc="Of the halt.")


P = slots(Parameters)


@kernel
def halt(state, part, step):
    """Halt the markets of the part when the moment has come."""
    numbers = state.params[part]
    if step != first_step_after(state, numbers[P.at]):
        return 0
    for m in range(state.ledger.markets.shape[0]):
        if acts_on(state, part, m):
            row = state.ledger.markets[m]
            row.halted_until = max(row.halted_until, step + steps_of(state, numbers[P.duration]))
            row.halts += 1
            emit_shock(state, m)
    return 1


PHASE = "scenario"
KERNEL = halt
