"""The index price of markets: published, kept, remembered."""

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import log_price, nearest


@kernel
def is_frozen(state, underlying, step):
    """Tell whether a scheduled fault keeps the oracle of an underlying from being renewed."""
    return step < state.outside.references[underlying].frozen_until


@kernel
def publish_index(state, underlying, price, step):
    """Set the index of all markets of an underlying to a price in quote per base."""
    for m in range(state.ledger.markets.shape[0]):
        market = state.ledger.markets[m]
        if market.underlying == underlying:
            market.index = nearest(2.0 * price / market.tick)
            market.index_step = step


@kernel
def index_row(state, market):
    """Row of `outside.trail` that holds the log index of a market."""
    return state.outside.references.shape[0] + state.ledger.markets.shape[0] + market


@kernel
def remember_index(state, step):
    """Write the log index of all markets to the trail; the first one fills its whole row."""
    trail = state.outside.trail
    for m in range(state.ledger.markets.shape[0]):
        value = log_price(state, m, state.ledger.markets[m].index)
        if step == 0:
            trail[index_row(state, m), :] = value
        trail[index_row(state, m), step % trail.shape[1]] = value
