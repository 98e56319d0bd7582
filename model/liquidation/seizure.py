"""Seizure: collateral that is not the quote asset is sold on its own spot book to pay a debt.

It takes queued accounts with a negative quote balance, as soon as they are below maintenance or
only when no derivative position is left. The asset of the largest value goes first, and no more is
sold than covers a share of the debt at the mark, penalty included; what the book does not take
within the limit stays for the next round.

Aave v3: up to half the debt at once, all below a health of 0.95. Mango v4, Drift v2: token
liquidation after the perpetuals.
"""

import math
from typing import Literal

import numpy as np

from crossmargin.model.accounts import has_positions
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, Parcel
from crossmargin.model.liquidation.episode import lot_value
from crossmargin.model.liquidation.forced import close_out
from crossmargin.model.liquidation.prices import limit_half, slipped_half
from crossmargin.model.margin.numbers import is_unhealthy, measure
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import CLOSED, SEIZURE, SPOT

PHASE = "liquidation"
AFTER_POSITIONS, AT_ONCE = range(2)


class Parameters(Numbers):
    """When collateral is sold, how much and at which worst price."""

    when: Literal["after_positions", "at_once"] = number(
        "after_positions", "choice", source="Mango v4: perpetuals first"
    )
    share: float = number(
        1.0, "fraction of the debt", above=0, high=1, source="Aave v3: 50% above a health of 0.95"
    )
    slippage: float = number(
        0.1,
        "fraction of the mark",
        low=0,
        high=1,
        source="default of its own",
        doc="Worst price of a sale.",
    )


P = slots(Parameters)


@kernel
def next_collateral(ledger, row, tried):
    """Spot market of the collateral of largest value not yet tried, or -1."""
    found, most = -1, 0
    for m in range(ledger.markets.shape[0]):
        value = ledger.lots[row, m] * lot_value(ledger, m)
        if ledger.markets[m].kind == SPOT and value > most and (tried >> m) & 1 == 0:
            found, most = m, value
    return found


@kernel
def pick(state, part, row, tried):
    """Spot market to sell on, or -1 when the account owes nothing or may not be seized."""
    ledger = state.ledger
    if ledger.balances[row, QUOTE] >= 0 or ledger.accounts[row].state == CLOSED:
        return -1
    if state.params[part, P.when] == AFTER_POSITIONS and has_positions(ledger, row):
        return -1
    measure(ledger, state.book, row)
    return next_collateral(ledger, row, tried) if is_unhealthy(ledger.accounts[row]) else -1


@kernel
def lots_to_sell(ledger, row, market, debt):
    """Lots of a collateral that pay a debt at the mark, penalty included, quote units."""
    kept = lot_value(ledger, market) * (1.0 - ledger.venue[0].penalty_rate)
    return min(ledger.lots[row, market], to_units(math.ceil(debt / kept)))


@kernel
def seizure(state, part, step):
    """Sell collateral of all queued accounts that owe; returns how many orders were sent."""
    ledger, numbers, sent = state.ledger, state.params[part], 0
    for i in range(state.clock[0].n_queue):
        row = np.int64(state.queue[i])
        debt = -numbers[P.share] * ledger.balances[row, QUOTE]
        tried = 0
        market = pick(state, part, row, tried)
        while market >= 0 and debt > 0.0:
            tried |= 1 << market
            before = ledger.balances[row, QUOTE]
            lots = lots_to_sell(ledger, row, market, debt)
            limit = limit_half(lots, slipped_half(ledger, market, lots, numbers[P.slippage]))
            sent += close_out(state, row, SEIZURE, Parcel(market, lots, limit)) > 0
            debt -= ledger.balances[row, QUOTE] - before
            market = pick(state, part, row, tried)
    return sent


KERNEL = seizure
