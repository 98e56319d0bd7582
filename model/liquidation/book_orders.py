"""Close positions through the book, in part or in stages, at a limit price.

One order a position and round, as long as the account stays below maintenance. In the first stage
of an episode a fraction of the position is closed, later another (or all); a closing in part
starts the cooldown. The limit is the mark less (plus) the slippage allowed, the bankruptcy price,
or dYdX's fillable price; what the book does not take within it stays for the next parts of the
waterfall. With `venue.is_takeover` the same lots go to the outside row at the mark, without
impact.

Hyperliquid: 20% of a position above 100k first, then all after 30 s. dYdX v4: 10% of a position and
100,000 a block at the fillable price, 1,000 at least. Drift v2: to 2% above maintenance, at once.
"""

from typing import Literal

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import Parcel, profit
from crossmargin.model.liquidation.episode import units_of
from crossmargin.model.liquidation.forced import close_out
from crossmargin.model.liquidation.prices import (
    bankruptcy_half,
    fillable_half,
    limit_half,
    option_slipped_half,
    requirement_of,
    slipped_half,
)
from crossmargin.model.liquidation.sizes import Sizing, closing_lots, within_cap
from crossmargin.model.margin.numbers import is_unhealthy, measure
from crossmargin.model.markets import steps_of
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import CLOSED, FORCED_ORDER, OPTION, SPOT

PHASE = "liquidation"
AT_MARK, AT_BANKRUPTCY, AT_FILLABLE = range(3)
BY_REQUIREMENT, BY_LOSS, BY_PROFIT = range(3)


class Parameters(Numbers):
    """Sizes, limit price and order of positions."""

    fraction: float = number(
        0.2, "fraction of the position", above=0, high=1, source="Hyperliquid: 20%; dYdX v4: 10%"
    )
    later_fraction: float = number(
        1.0,
        "fraction of the position",
        above=0,
        high=1,
        source="Hyperliquid: all; dYdX v4: 10%",
        doc="After the first stage.",
    )
    whole_below: float = number(
        100_000.0, "quote", low=0, source="Hyperliquid: 100k", doc="Smaller positions go at once."
    )
    minimum: float = number(0.0, "quote", low=0, source="dYdX v4: 1,000", doc="Least notional.")
    block_cap: float = number(
        0.0,
        "quote",
        low=0,
        source="dYdX v4: 100,000 a block",
        doc="Of an account a block; 0: none.",
    )
    target: float = number(
        0.0,
        "multiple of maintenance",
        low=0,
        high=100,
        source="Drift v2: 1.02",
        doc="Close no more than this health needs; 0: the whole stage.",
    )
    cooldown: float = number(
        30.0, "s", low=0, source="Hyperliquid: 30 s", doc="After a closing in part."
    )
    limit: Literal["mark", "bankruptcy", "fillable"] = number("mark", "choice", source="see above")
    slippage: float = number(
        0.05,
        "fraction of the mark",
        low=0,
        high=1,
        source="default of its own",
        doc="Worst price of the limit `mark`.",
    )
    spread: float = number(
        1.5,
        "multiple of maintenance",
        low=0,
        high=10,
        source="dYdX v4: 150%",
        doc="Spread to maintenance ratio of the fillable price.",
    )
    adjustment: float = number(
        1.0, "factor", low=0, high=10, source="dYdX v4: 1", doc="Bankruptcy adjustment, fillable."
    )
    first: Literal["requirement", "loss", "profit"] = number(
        "requirement", "choice", source="default of its own", doc="Which position goes first."
    )
    option_slippage: float = number(
        0.005,
        "fraction of the index",
        low=0,
        high=1,
        source="default of its own",
        doc="Worst price of an option under the limit `mark`, where that is further.",
    )


P = slots(Parameters)


@kernel
def urgency(ledger, row, market, first):
    """Key of a position: the larger, the sooner, quote units."""
    if first == BY_REQUIREMENT:
        return requirement_of(ledger, row, market)
    gain = profit(ledger, row, market)
    return -gain if first == BY_LOSS else gain


@kernel
def next_position(ledger, row, tried, first):
    """Market of the most urgent position not yet tried, or -1; `tried` is a bit mask."""
    found, most = -1, 0
    for m in range(ledger.markets.shape[0]):
        if ledger.markets[m].kind == SPOT or ledger.lots[row, m] == 0 or (tried >> m) & 1 == 1:
            continue
        key = urgency(ledger, row, m, first)
        if found < 0 or key > most:
            found, most = m, key
    return found


@kernel
def limit_price(ledger, numbers, row, market):
    """Worst price of the order that closes a position, half ticks."""
    lots = ledger.lots[row, market]
    if numbers[P.limit] == AT_BANKRUPTCY:
        return limit_half(lots, bankruptcy_half(ledger, row, market))
    if numbers[P.limit] == AT_FILLABLE:
        spread, adjustment = numbers[P.spread], numbers[P.adjustment]
        return limit_half(lots, fillable_half(ledger, row, market, spread, adjustment))
    m, slippage = ledger.markets[market], numbers[P.slippage]
    if m.kind == OPTION:
        shares = (slippage, numbers[P.option_slippage])
        return limit_half(lots, option_slipped_half(m, np.float64(m.mark), lots, shares))
    return limit_half(lots, slipped_half(ledger, market, lots, slippage))


@kernel
def sizing_of(state, part, row):
    """Rules of the account's current stage."""
    numbers, ledger = state.params[part], state.ledger
    is_first = ledger.accounts[row].stage == 0
    return Sizing(
        numbers[P.fraction] if is_first else numbers[P.later_fraction],
        units_of(ledger, numbers[P.whole_below]),
        units_of(ledger, numbers[P.minimum]),
        numbers[P.target],
    )


@kernel
def lots_now(state, part, row, market, sizing):
    """Lots to close of a position, with its sign; the account is measured."""
    ledger = state.ledger
    lots = closing_lots(ledger, row, market, sizing)
    cap = units_of(ledger, state.params[part, P.block_cap])
    lots = min(lots, within_cap(ledger, row, market, state.clock[0].step, cap))
    return lots if ledger.lots[row, market] > 0 else -lots


@kernel
def begin_cooldown(state, part, row):
    """Let the account wait after a closing in part."""
    seconds = state.params[part, P.cooldown]
    if seconds > 0.0:
        state.ledger.accounts[row].cooldown = state.clock[0].step + steps_of(state, seconds)


@kernel
def pick(state, part, row, tried):
    """Market of the position to close next, or -1 when the account needs no more closing."""
    ledger = state.ledger
    if ledger.accounts[row].state == CLOSED:
        return -1
    measure(ledger, state.book, row)
    if not is_unhealthy(ledger.accounts[row]):
        return -1
    return next_position(ledger, row, tried, state.params[part, P.first])


@kernel
def book_orders(state, part, step):
    """Close positions of all queued accounts, the most urgent first; returns how many orders."""
    ledger, numbers, sent = state.ledger, state.params[part], 0
    for i in range(state.clock[0].n_queue):
        row = np.int64(state.queue[i])
        sizing = sizing_of(state, part, row)
        tried, in_part = 0, False
        market = pick(state, part, row, tried)
        while market >= 0:
            tried |= 1 << market
            held = ledger.lots[row, market]
            lots = lots_now(state, part, row, market, sizing)
            parcel = Parcel(market, lots, limit_price(ledger, numbers, row, market))
            closed = close_out(state, row, FORCED_ORDER, parcel)
            sent += closed > 0
            in_part |= closed > 0 and abs(lots) < abs(held)
            market = pick(state, part, row, tried)
        if in_part:
            begin_cooldown(state, part, row)
    return sent


KERNEL = book_orders
