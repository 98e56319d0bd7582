"""Keepers take over positions at the mark less a fixed spread, with their own capital and margin.

A keeper bids by its memory: capital for this block (quote units, 0 for none), the least discount
it wants, and its latency. Bids come in order of arrival, latency first and chance after; of several
populations of keepers the first in the scenario comes first. A keeper
takes as much of a position as the rules of the part allow, as its capital pays, and as it can hold
with initial margin left; its capital shrinks by the notional taken. The spread is what it earns,
never more than the account's remaining equity; the fund gets its share of the penalty on top.

Drift v2: the liquidator takes the position at the oracle less a fee. Aave v3: a bonus of 5%.
"""

import math
from typing import NamedTuple

import numpy as np

from crossmargin.model.contracts import conceded_half, contract_value
from crossmargin.model.draws import BID, uniforms
from crossmargin.model.inbox import MOMENTS, arrival
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import Parcel, notional_of
from crossmargin.model.liquidation.book_orders import BY_REQUIREMENT, next_position
from crossmargin.model.liquidation.episode import lot_value, open_event, penalise, units_of
from crossmargin.model.liquidation.forced import hand_over
from crossmargin.model.liquidation.ranking import sort_rows
from crossmargin.model.liquidation.sizes import Sizing, closing_lots
from crossmargin.model.margin.numbers import free_collateral, is_unhealthy, measure
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import CLOSED, KEEPER_TAKEOVER, OUTSIDE, TAKEOVER

PHASE = "liquidation"
#: Places of a bid in `crowd.memory`: capital in quote units, least discount, latency in seconds.
CAPITAL, DISCOUNT, LATENCY = range(3)
#: Rows of the work space: keepers in order of arrival, and their keys.
KEEPERS, KEYS = 0, 1


class Parameters(Numbers):
    """The spread, how much of a position goes, and who the keepers are."""

    spread: float = number(
        0.01, "fraction of the mark", low=0, high=0.5, source="Aave v3: bonus of 5%; Drift v2: fee"
    )
    fraction: float = number(
        1.0, "fraction of the position", above=0, high=1, source="Aave v3: 50% above 0.95"
    )
    whole_below: float = number(
        2000.0, "quote", low=0, source="Aave v3.3: 2,000", doc="Smaller positions go whole."
    )
    target: float = number(
        0.0,
        "multiple of maintenance",
        low=0,
        high=100,
        source="Drift v2: 1.02",
        doc="Take no more than this health needs; 0: all that the fraction allows.",
    )
    minimum: float = number(
        100.0,
        "quote",
        low=0,
        source="default of its own",
        doc="Least notional worth a keeper's gas.",
    )
    keepers_first: int = number(0, "row", low=0, doc="First row of the keepers.")
    keepers_count: int = number(0, "rows", low=0, doc="How many there are.")


P = slots(Parameters)


class Terms(NamedTuple):
    """What is offered: how much of a position, at which spread."""

    sizing: Sizing
    spread: float


@kernel
def line_up(state, part):
    """Write the keepers that bid into the work space, first to arrive first; returns how many."""
    clock, crowd, work = state.clock[0], state.crowd, state.work
    first = to_units(state.params[part, P.keepers_first])
    n = 0
    for row in range(first, first + to_units(state.params[part, P.keepers_count])):
        if crowd.memory[row, CAPITAL] > 0.0:
            key = state.ledger.accounts[row].key
            draws = uniforms(clock.seed, key, BID, clock.step, clock.round)
            moment = np.int64(arrival(draws[0], crowd.memory[row, LATENCY], clock.block_seconds))
            work[KEEPERS, n] = row
            work[KEYS, row] = -(moment * MOMENTS + to_units(draws[1] * MOMENTS))
            n += 1
    sort_rows(work[KEEPERS], work[KEYS], n)
    return n


@kernel
def discounted_half(ledger, row, market, spread):
    """Price of a take-over, half ticks: the mark less the spread, or what equity is left of it."""
    m, lots = ledger.markets[market], ledger.lots[row, market]
    notional = notional_of(ledger, market, lots, m.mark)
    given = min(spread, max(0, ledger.accounts[row].equity) / notional)
    half_price = conceded_half(m, lots, given)
    return to_units(math.ceil(half_price) if lots > 0 else half_price)


@kernel
def can_hold(state, keeper, parcel):
    """Tell whether a keeper has initial margin left after taking a parcel."""
    ledger, market = state.ledger, parcel.market
    value = contract_value(ledger.markets[market], parcel.lots, parcel.half_price)
    ledger.lots[keeper, market] += parcel.lots
    ledger.cost[keeper, market] += value
    free = free_collateral(ledger, state.book, keeper)
    ledger.lots[keeper, market] -= parcel.lots
    ledger.cost[keeper, market] -= value
    return free >= 0


@kernel
def bid_of(state, keeper, parcel, minimum):
    """Lots that a keeper takes of a parcel, with its sign; 0 for none."""
    ledger, market = state.ledger, parcel.market
    mark, value = ledger.markets[market].mark, lot_value(ledger, market)
    sign = 1 if parcel.lots > 0 else -1
    discount = sign * (mark - parcel.half_price)
    if discount + 1 < state.crowd.memory[keeper, DISCOUNT] * mark:  # the price is rounded
        return 0
    lots = min(abs(parcel.lots), to_units(state.crowd.memory[keeper, CAPITAL]) // value)
    while lots > 0 and lots * value >= min(minimum, abs(parcel.lots) * value):
        if can_hold(state, keeper, Parcel(market, sign * lots, parcel.half_price)):
            return sign * lots
        lots //= 2
    return 0


@kernel
def settle_bid(state, row, keeper, parcel):
    """Hand a parcel to a keeper and write what happened."""
    ledger = state.ledger
    event = open_event(state, KEEPER_TAKEOVER, row, keeper)
    entry = hand_over(state, event, parcel)
    state.crowd.memory[keeper, CAPITAL] -= abs(parcel.lots) * lot_value(ledger, parcel.market)
    entry.penalty = penalise(state, row, parcel.market, entry.notional, -1)
    measure(ledger, state.book, keeper)


@kernel
def take_off_book(state, row, parcel):
    """Hand a parcel to the outside row at the mark, for an account spared; returns the lots."""
    event = open_event(state, TAKEOVER, row, OUTSIDE)
    entry = hand_over(state, event, parcel)
    entry.penalty = penalise(state, row, parcel.market, entry.notional, -1)
    return abs(parcel.lots)


@kernel(inline=False)
def offer(state, row, market, n, terms):
    """Offer a position to the keepers in turn; returns the lots taken."""
    ledger, taken = state.ledger, 0
    left = closing_lots(ledger, row, market, terms.sizing)
    sign = 1 if ledger.lots[row, market] > 0 else -1
    if ledger.accounts[row].off_book != 0:
        parcel = Parcel(market, sign * left, ledger.markets[market].mark)
        return take_off_book(state, row, parcel) if left > 0 else 0
    for k in range(n):
        keeper = state.work[KEEPERS, k]
        if left == 0 or keeper == row:
            continue
        half_price = discounted_half(ledger, row, market, terms.spread)
        lots = bid_of(state, keeper, Parcel(market, sign * left, half_price), terms.sizing.minimum)
        if lots != 0:
            settle_bid(state, row, keeper, Parcel(market, lots, half_price))
            left -= abs(lots)
            taken += abs(lots)
    return taken


@kernel
def keepers_takeover(state, part, step):
    """Offer the positions of all queued accounts; returns how many positions found a keeper."""
    ledger, numbers, count = state.ledger, state.params[part], 0
    n = line_up(state, part) if state.clock[0].n_queue > 0 else 0
    minimum = units_of(ledger, numbers[P.minimum])
    whole_below = units_of(ledger, numbers[P.whole_below])
    rules = Sizing(numbers[P.fraction], whole_below, minimum, numbers[P.target])
    for i in range(state.clock[0].n_queue):
        row = np.int64(state.queue[i])
        tried = 0
        while ledger.accounts[row].state != CLOSED:
            measure(ledger, state.book, row)
            market = next_position(ledger, row, tried, BY_REQUIREMENT)
            if market < 0 or not is_unhealthy(ledger.accounts[row]):
                break
            tried |= 1 << market
            if lot_value(ledger, market) > 0:
                count += offer(state, row, market, n, Terms(rules, numbers[P.spread])) > 0
    return count


KERNEL = keepers_takeover
