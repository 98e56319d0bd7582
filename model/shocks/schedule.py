"""When a shock happens, and its entry in the log."""

from crossmargin.model.kernel import kernel
from crossmargin.model.log import emit
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import SHOCK


class Scheduled(Numbers):
    """What all shocks share."""

    at: float = number(0.0, "s", low=0, doc="Moment, from the start of the run.")


A = slots(Scheduled)


@kernel
def emit_shock(state, market):
    """Append the event of a shock that shows in a market, and return its record."""
    event = emit(state.log, state.clock[0], SHOCK, -1, -1)
    event.market = market
    event.price = state.ledger.markets[market].index
    return event


@kernel
def first_market_of(state, underlying):
    """First market on an underlying, or -1."""
    for m in range(state.ledger.markets.shape[0]):
        if state.ledger.markets[m].underlying == underlying:
            return m
    return -1
