"""A change of the margin rates of markets: every bracket is multiplied, for good.

The credits of the brackets scale with their rates, so that the requirement stays continuous. The
rates of short options are multiplied likewise.
"""

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import acts_on, first_step_after
from crossmargin.model.parts import number, slots
from crossmargin.model.shocks.schedule import Scheduled, emit_shock


class Parameters(Scheduled):
    """By how much the requirements are tightened (above 1) or relaxed."""

    initial: float = number(2.0, "multiple", above=0, high=100, doc="Of the initial rates.")
    maintenance: float = number(2.0, "multiple", above=0, high=100, doc="Of the maintenance rates.")


P = slots(Parameters)


@kernel
def scale_tiers(tiers, initial, maintenance):
    """Multiply the rates of all brackets of a market."""
    for t in range(tiers.shape[0]):
        tiers[t].initial *= initial
        tiers[t].initial_credit *= initial
        tiers[t].maintenance *= maintenance
        tiers[t].maintenance_credit *= maintenance


@kernel
def scale_shorts(market, initial, maintenance):
    """Multiply the rates of short options of a market, which are zero for what is no option."""
    market.short_initial *= initial
    market.short_floor *= initial
    market.short_maintenance *= maintenance


@kernel
def margin_change(state, part, step):
    """Change the rates of the markets of the part when the moment has come."""
    numbers = state.params[part]
    if step != first_step_after(state, numbers[P.at]):
        return 0
    for m in range(state.ledger.markets.shape[0]):
        if acts_on(state, part, m):
            scale_tiers(state.ledger.tiers[m], numbers[P.initial], numbers[P.maintenance])
            scale_shorts(state.ledger.markets[m], numbers[P.initial], numbers[P.maintenance])
            if numbers[P.initial] != 1.0 or numbers[P.maintenance] != 1.0:
                emit_shock(state, m)
    return 1


PHASE = "scenario"
KERNEL = margin_change
