"""The backstop vault sells what it took over, a slice a block, as an ordinary reduce-only order.

A vault that kept its inventory would bet on the price with other people's money; one that sold it
at once would do what it was to prevent. So much notional a second at most, not worse than the mid
less (plus) the slippage; what the book does not take waits for the next block.

Hyperliquid's liquidator vault unwinds over time in the same way (hyperliquid docs, liquidations).
"""

import math

import numpy as np

from crossmargin.model.draws import ARRIVE, uniforms
from crossmargin.model.inbox import arrival, next_message
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.liquidation.episode import units_of
from crossmargin.model.liquidation.prices import option_slipped_half
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import (
    BACKSTOP,
    DISCRETIONARY,
    IMMEDIATE_OR_CANCEL,
    OPTION,
    REDUCE_ONLY,
)

PHASE = "liquidation"


class Parameters(Numbers):
    """How fast the vault sells, and how badly at most."""

    speed: float = number(20_000.0, "quote/s", above=0, doc="Most notional in each market.")
    slippage: float = number(
        0.005, "fraction of the mid", low=0, high=1, doc="Worst price that it takes."
    )
    option_slippage: float = number(
        0.0005, "fraction of the index", low=0, high=1, doc="The same of options, where further."
    )


P = slots(Parameters)


@kernel
def slice_of(state, part, market):
    """Lots that the vault closes in a market now, not signed."""
    ledger = state.ledger
    value = state.book.ladders[market].mid * ledger.markets[market].half_unit
    if value <= 0:
        return 0
    seconds = state.clock[0].block_seconds
    most = units_of(ledger, state.params[part, P.speed] * seconds) // value
    return min(abs(ledger.lots[BACKSTOP, market]), max(1, most))


@kernel
def sell(state, part, step, market):
    """Write the order of the vault in one market."""
    side = -1 if state.ledger.lots[BACKSTOP, market] > 0 else 1
    numbers, m = state.params[part], state.ledger.markets[market]
    worst = 0.5 * state.book.ladders[market].mid
    worst *= 1.0 + side * numbers[P.slippage]
    if m.kind == OPTION:
        shares = (numbers[P.slippage], numbers[P.option_slippage])
        mid = np.float64(state.book.ladders[market].mid)
        worst = 0.5 * option_slipped_half(m, mid, -side, shares)
    message = next_message(state.crowd, state.clock)
    message.account = BACKSTOP
    message.market = market
    message.side = side
    message.author_class = DISCRETIONARY
    message.life = IMMEDIATE_OR_CANCEL
    message.flags = REDUCE_ONLY
    message.quantity = slice_of(state, part, market)
    message.price = max(1, to_units(math.ceil(worst) if side < 0 else math.floor(worst)))
    uniform = uniforms(state.clock[0].seed, np.uint64(BACKSTOP), ARRIVE, step, market)[0]
    message.arrival = arrival(uniform, 0.0, state.clock[0].block_seconds)


@kernel
def unwind(state, part, step):
    """Send a slice of every position of the vault, once a block; returns the orders sent."""
    if state.clock[0].round > 0:
        return 0
    sent = 0
    for m in range(state.ledger.markets.shape[0]):
        if slice_of(state, part, m) > 0 and state.ledger.markets[m].halted_until <= step:
            sell(state, part, step, m)
            sent += 1
    return sent


KERNEL = unwind
