"""A shock to the volatility of a simulated underlying: multiplied for a while.

It acts on the diffusion of the simulated paths, not on a recorded one.
"""

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import concerns, first_step_after
from crossmargin.model.parts import number, slots
from crossmargin.model.shocks.schedule import Scheduled, emit_shock, first_market_of


class Parameters(Scheduled):
    """How much and how long."""

    factor: float = number(3.0, "multiple", low=0, high=100, doc="Of the volatility.")
    duration: float = number(3600.0, "s", low=0, doc="Then it ends; 0: it lasts.")


P = slots(Parameters)


@kernel
def _raise(state, part, underlying, sign):
    added = state.params[part, P.factor] - 1.0
    state.outside.references[underlying].turbulence += sign * added
    market = first_market_of(state, underlying)
    if market >= 0 and sign > 0.0 and added != 0.0:
        emit_shock(state, market)


@kernel
def volatility_shock(state, part, step):
    """Raise the turbulence of underlyings when the shock begins, take it back at its end."""
    at, duration = state.params[part, P.at], state.params[part, P.duration]
    first = first_step_after(state, at)
    last = max(first + 1, first_step_after(state, at + duration))
    for u in range(state.outside.references.shape[0]):
        if concerns(state, part, u) and step == first:
            _raise(state, part, u, 1.0)
        if concerns(state, part, u) and step == last and duration > 0.0:
            _raise(state, part, u, -1.0)
    return 0


PHASE = "scenario"
KERNEL = volatility_shock
