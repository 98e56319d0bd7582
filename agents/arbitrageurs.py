"""Arbitrageurs who carry price between the venue and the external market with finite capital.

Where the best bid stands above the reference by more than all costs they sell on the venue, down
to the price at which nothing is left, and buy outside; and the reverse. **What the venue position
becomes, the outside position mirrors**: each block the change of venue lots, whatever made it (a
forced order too), is hedged at the reference price and adds to the flow that moves the reference.
A position is closed at a part of the gap that it took to open it.

They are bounded by the margin they have on the venue, a cap and a speed, and share one account
between all their markets. When its equity runs low they bring in what they can spare outside, after
a delay; profit beyond a bound they take out. In spot markets they sell what they hold and buy with
the quote they have; what they held at the start counts as hedged.
"""

import math
from typing import NamedTuple

import numpy as np

from crossmargin.agents.quoting import (
    order_margin,
    unused_margin,
    whole_units,
    write_message,
)
from crossmargin.model.draws import ARRIVE, uniforms
from crossmargin.model.inbox import arrival
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE
from crossmargin.model.markets import acts_on
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import (
    ARBITRAGE,
    CLOSED,
    IMMEDIATE_OR_CANCEL,
    MARGIN_CALL,
    REDUCE_ONLY,
    SPOT,
)
from crossmargin.model.traits import Distribution, trait

PHASE = "decisions"
AUTHOR_CLASS = ARBITRAGE
#: They act in all their markets from one account.
CROSS_ONLY = True


class Parameters(Numbers):
    """What arbitrageurs of a population pay, want and have."""

    cost: float = number(
        0.0005, "fraction of the price", low=0, high=0.5, doc="Of the outside leg, paid each time."
    )
    profit: float = number(
        0.0005, "fraction of the price", low=0, high=0.5, doc="Wanted beyond cost and taker fee."
    )
    unwind: float = number(
        0.5, "share", low=0, high=1, doc="Of the opening gap, at which a position is closed."
    )
    position_cap: float = number(1_000_000.0, "quote", above=0, doc="In each market.")
    capacity: float = number(
        0.1,
        "daily volumes outside",
        above=0,
        high=1e9,
        source="default of its own",
        doc="Largest position of all of them together.",
    )
    speed: float = number(50_000.0, "quote/s", above=0, doc="Most notional in each market.")
    margin_use: float = number(0.8, "share of free collateral", above=0, high=1)
    outside_capital: float = number(
        1.0, "venue equity at the start", low=0, high=1000, doc="Cash outside at the start."
    )
    outside_leverage: float = number(
        5.0, "ratio", low=1, doc="Outside notional over the capital that has to stay there."
    )
    top_up_below: float = number(
        0.7, "equity at the start", low=0, high=1, doc="Equity on the venue that calls for more."
    )
    take_out_above: float = number(
        1.5, "equity at the start", low=1, doc="Equity on the venue that is more than needed."
    )
    transfer_delay: float = number(
        1200.0,
        "s",
        low=0,
        source="CCTP standard transfer, 13 to 19 minutes: developers.circle.com/cctp",
    )


class Traits(Numbers):
    """How arbitrageurs of a population differ."""

    size: Distribution = trait({"lognormal": [1.0, 0.5]}, "multiple of cap and speed")
    latency: Distribution = trait({"exponential": 0.3}, "s", doc="From decision to arrival.")


P = slots(Parameters)
T = slots(Traits)

#: Places in memory: outside cash and equity on the venue at the start, quote units; step at which a
#: transfer is due and its amount. Cash outside now is CASH less `deposited` of the account.
CASH, START, DUE, AMOUNT = range(4)


class Offer(NamedTuple):
    """An order on the venue."""

    market: int
    side: int
    tick: int
    lots: int
    is_closing: int


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles an arbitrageur needs: none, its orders never rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages that an arbitrageur sends in a step: one a market."""
    return n_markets


@kernel
def reference_price(state, market):
    """External price of a market's underlying, quote per base."""
    return state.outside.references[state.ledger.markets[market].underlying].price


@kernel
def lot_value(state, market):
    """Value of one lot at the reference price, quote units as a float."""
    lot = state.ledger.markets[market].lot
    return reference_price(state, market) * lot * whole_units(state.ledger)


@kernel
def begin(state, part, row):
    """Take stock before the first decision; tell whether there is any capital."""
    memory, equity = state.crowd.memory[row], state.ledger.accounts[row].equity
    if memory[START] == 0.0 and equity > 0:
        memory[START] = equity
        memory[CASH] = state.params[part, P.outside_capital] * equity
        for m in range(state.ledger.markets.shape[0]):
            if acts_on(state, part, m):
                state.crowd.outside_lots[row, m] = -state.ledger.lots[row, m]
                memory[CASH] += state.ledger.lots[row, m] * lot_value(state, m)
    return memory[START] > 0.0


@kernel
def hedge(state, part, row):
    """Mirror the changes of venue positions outside; they add to the flow there."""
    outside = state.crowd.outside_lots
    for m in range(state.ledger.markets.shape[0]):
        change = state.ledger.lots[row, m] + outside[row, m]
        if change == 0 or not acts_on(state, part, m):
            continue
        market = state.ledger.markets[m]
        state.outside.references[market.underlying].flow -= change * market.lot
        paid = abs(change) * state.params[part, P.cost]
        state.crowd.memory[row, CASH] += (change - paid) * lot_value(state, m)
        outside[row, m] -= change


@kernel
def spare_outside(state, part, row):
    """Quote units that could leave the external market: equity there less what positions need."""
    spare = state.crowd.memory[row, CASH] - state.ledger.accounts[row].deposited
    for m in range(state.ledger.markets.shape[0]):
        value = state.crowd.outside_lots[row, m] * lot_value(state, m)
        spare += value - abs(value) / state.params[part, P.outside_leverage]
    return max(0.0, spare)


@kernel
def move_capital(state, part, row, step):
    """Ask for the transfer that is due, or plan one when equity on the venue is low or high."""
    memory, params = state.crowd.memory[row], state.params[part]
    equity, start = state.ledger.accounts[row].equity, memory[START]
    if memory[AMOUNT] != 0.0:
        if step >= memory[DUE]:
            state.crowd.requests[row] += to_units(memory[AMOUNT])
            memory[AMOUNT] = 0.0
        return
    if equity < params[P.top_up_below] * start:
        memory[AMOUNT] = math.floor(min(start - equity, spare_outside(state, part, row)))
    elif equity > params[P.take_out_above] * start:
        memory[AMOUNT] = start - equity
    memory[DUE] = step + math.ceil(params[P.transfer_delay] / state.clock[0].block_seconds)


@kernel
def limit_tick(state, part, row, market, side):
    """Worst price at which a side is worth while, ticks."""
    params, m = state.params[part], state.ledger.markets[market]
    gap = params[P.cost] + params[P.profit] + max(0.0, m.taker_fee)
    if m.kind != SPOT and state.ledger.lots[row, market] * side < 0:
        gap *= params[P.unwind]
    ticks = reference_price(state, market) * (1.0 - side * gap) / m.tick
    return np.int64(math.floor(ticks) if side > 0 else math.ceil(ticks))


@kernel
def opportunity(state, part, row, market):
    """Side on which the book offers a gap, 0 for none, and the limit of the order."""
    best = state.book.ladders[market].best
    tick = limit_tick(state, part, row, market, -1)
    if best[0] >= tick:
        return -1, tick
    tick = limit_tick(state, part, row, market, 1)
    if best[1] <= tick:
        return 1, tick
    return 0, 0


@kernel
def outside_room(state, part, market, side):
    """Quote units that an arbitrageur can hedge outside before all like it have closed the gap.

    A daily volume bought outside moves the log price there by one, as it believes.
    """
    m = state.ledger.markets[market]
    reference = state.outside.references[m.underlying]
    best = state.book.ladders[market].best[0 if side < 0 else 1]
    if reference.turnover <= 0.0:
        return np.inf
    gap = abs(math.log(best * m.tick / reference.price))
    return gap * reference.turnover * whole_units(state.ledger) / state.parts[part].count


@kernel
def most_held(state, part, row, market):
    """Quote units of an arbitrageur's largest position: its cap, and what outside could take."""
    params = state.params[part]
    most = state.crowd.traits[row, T.size] * params[P.position_cap]
    turnover = state.outside.references[state.ledger.markets[market].underlying].turnover
    if turnover > 0.0:
        most = min(most, params[P.capacity] * turnover / state.parts[part].count)
    return most * whole_units(state.ledger)


@kernel
def room(state, part, row, market, side):
    """Lots that speed, the market outside, cap and holdings leave room for, before margin."""
    params, value = state.params[part], lot_value(state, market)
    held = state.ledger.lots[row, market]
    size = state.crowd.traits[row, T.size] * whole_units(state.ledger)
    fast = size * params[P.speed] * state.clock[0].block_seconds
    lots = to_units(min(fast, outside_room(state, part, market, side)) / value)
    if held * side < 0:
        return min(lots, abs(held))
    lots = min(lots, to_units(most_held(state, part, row, market) / value) - abs(held))
    if state.ledger.markets[market].kind == SPOT:
        lots = min(lots, to_units(state.ledger.balances[row, QUOTE] / value)) if side > 0 else 0
    return max(0, lots)


@kernel
def affordable(state, market, lots, free):
    """Lots that free collateral carries, and the margin they take."""
    notional = lots * lot_value(state, market)
    needed = order_margin(state.ledger, market, to_units(notional))
    if needed <= free or needed <= 0:
        return lots, float(needed)
    return to_units(lots * max(0.0, free) / needed), free


@kernel
def submit(state, row, latency, offer, step):
    """Send an immediate-or-cancel order."""
    clock = state.clock[0]
    uniform = uniforms(clock.seed, state.ledger.accounts[row].key, ARRIVE, step, offer.market)[0]
    message = write_message(state, row, offer.market, AUTHOR_CLASS)
    message.side = offer.side
    message.price = offer.tick
    message.quantity = offer.lots
    message.life = IMMEDIATE_OR_CANCEL
    message.flags = REDUCE_ONLY if offer.is_closing else 0
    message.arrival = arrival(uniform, latency, clock.block_seconds)


@kernel
def trade_market(state, part, row, market, free):
    """What to send to one market, and the margin it takes."""
    side, tick = opportunity(state, part, row, market)
    if side == 0:
        return Offer(market, 0, 0, 0, 0), 0.0
    lots = room(state, part, row, market, side)
    if state.ledger.lots[row, market] * side < 0:
        is_perpetual = state.ledger.markets[market].kind != SPOT
        return Offer(market, side, tick, lots, int(is_perpetual)), 0.0
    if state.ledger.accounts[row].state > MARGIN_CALL:
        return Offer(market, 0, 0, 0, 0), 0.0
    lots, taken = affordable(state, market, lots, free)
    return Offer(market, side, tick, lots, 0), taken


@kernel
def act(state, part, row, step):
    """Trade every open market of one arbitrageur; returns messages sent."""
    account = state.ledger.accounts[row]
    free = state.params[part, P.margin_use] * max(0, unused_margin(account))
    sent = 0
    for m in range(state.ledger.markets.shape[0]):
        if not acts_on(state, part, m) or state.ledger.markets[m].halted_until > step:
            continue
        offer, taken = trade_market(state, part, row, m, free)
        free -= taken
        if offer.lots > 0:
            submit(state, row, state.crowd.traits[row, T.latency], offer, step)
            sent += 1
    return sent


@kernel
def decide(state, part, step):
    """Let every arbitrageur hedge, move capital and trade; returns messages sent."""
    first = state.parts[part].first
    sent = 0
    for row in range(first, first + state.parts[part].count):
        if not begin(state, part, row):
            continue
        hedge(state, part, row)
        if state.ledger.accounts[row].state != CLOSED:
            move_capital(state, part, row, step)
            sent += act(state, part, row, step)
    return sent


KERNEL = decide
