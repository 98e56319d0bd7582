"""A scheduled fault of the oracle of an underlying: no report is taken, the index stands still."""

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import concerns, first_step_after, steps_of
from crossmargin.model.parts import number, slots
from crossmargin.model.shocks.schedule import Scheduled, emit_shock, first_market_of


class Parameters(Scheduled):
    """How long."""

    duration: float = number(600.0, "s", above=0, doc="Of the fault.")


P = slots(Parameters)


@kernel
def _freeze(state, underlying, until):
    reference = state.outside.references[underlying]
    reference.frozen_until = max(reference.frozen_until, until)
    market = first_market_of(state, underlying)
    if market >= 0:
        emit_shock(state, market)


@kernel
def oracle_freeze(state, part, step):
    """Freeze the oracles of underlyings when the moment has come."""
    numbers = state.params[part]
    if step != first_step_after(state, numbers[P.at]):
        return 0
    for u in range(state.outside.references.shape[0]):
        if concerns(state, part, u):
            _freeze(state, u, step + steps_of(state, numbers[P.duration]))
    return 1


PHASE = "scenario"
KERNEL = oracle_freeze
