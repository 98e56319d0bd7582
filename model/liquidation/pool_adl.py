"""Winners against a pool are closed before it cannot pay them, and are paid in part when it cannot.

Every block, for each side of each pool: when what the side has gained passes a share of the pool's
capital, its most profitable positions are closed at the index, largest gain first, until it is
below a second share. A pool whose equity is gone **fails**: what it lacks is taken off the gains of
all who have any, pro rata (`split`, so that the shares sum exactly), all positions are closed at
the index, and its market never opens again. Nobody gives more than was gained; the pool is left
with nothing and owes nothing, unless losers of its market owed it more than all gains.

GMX v2, adl/AdlUtils.sol: above 85% of the pool until 77%; gains beyond a cap are not paid.
"""

import numpy as np

from crossmargin.model.integers import split
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, Parcel, transfer, unrealised
from crossmargin.model.liquidation.episode import open_event
from crossmargin.model.liquidation.forced import hand_over
from crossmargin.model.liquidation.ranking import make_heap, pop
from crossmargin.model.log import emit
from crossmargin.model.margin.numbers import measure
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.pools import pool_capital, pool_equity
from crossmargin.model.state import ADL, FORCED, HAIRCUT, POOLED

PHASE = "liquidation"
#: Rows of the work space: winners, their gains by row, gains in line, and what each gives.
WINNERS, KEYS, GAINS, GIVEN = range(4)
#: A market that never opens again.
NEVER = 1 << 40


class Parameters(Numbers):
    """When winners are closed, and how far."""

    threshold: float = number(
        0.85, "share of the pool", above=0, high=1, source="GMX v2: 85%, 55% synthetic markets"
    )
    until: float = number(
        0.77, "share of the pool", above=0, high=1, source="GMX v2: 77%, 50% synthetic markets"
    )


P = slots(Parameters)


@kernel
def gather(state, market, side):
    """Write who has gained on a side (0: either) into the work space; returns how many, and all.

    The sum is of gains less losses of the side.
    """
    ledger, work, n, total = state.ledger, state.work, 0, 0
    for row in range(ledger.lots.shape[0]):
        lots = ledger.lots[row, market]
        if lots == 0 or row == ledger.pools[ledger.markets[market].pool].row or lots * side < 0:
            continue
        gain = unrealised(ledger, row, market)
        total += gain
        if gain > 0:
            work[WINNERS, n] = row
            work[KEYS, row] = gain
            n += 1
    return n, total


@kernel
def close_at_index(state, row, market):
    """Close a position against its pool at the mark, which is the index."""
    ledger = state.ledger
    pool = ledger.pools[ledger.markets[market].pool]
    measure(ledger, state.book, row)
    event = open_event(state, ADL, row, pool.row)
    mark = ledger.markets[market].mark
    entry = hand_over(state, event, Parcel(market, ledger.lots[row, market], mark))
    ledger.venue[0].adl_notional += entry.notional
    measure(ledger, state.book, row)


@kernel
def deleverage(state, part, market, side):
    """Close the largest winners of a side while it has gained too much; returns how many."""
    ledger, numbers = state.ledger, state.params[part]
    n, total = gather(state, market, side)
    if total <= numbers[P.threshold] * pool_capital(ledger, market):
        return 0
    make_heap(state.work[WINNERS], state.work[KEYS], n)
    closed = 0
    while n > 0 and total > numbers[P.until] * pool_capital(ledger, market):
        row = np.int64(pop(state.work[WINNERS], state.work[KEYS], n))
        n -= 1
        total -= unrealised(ledger, row, market)
        close_at_index(state, row, market)
        closed += 1
    return closed


@kernel
def cut_gains(state, market, missing):
    """Take what a pool lacks off the gains of its winners; returns what was taken."""
    ledger, work = state.ledger, state.work
    pool = ledger.pools[ledger.markets[market].pool]
    n, _ = gather(state, market, 0)
    most = 0
    for i in range(n):
        work[GAINS, i] = work[KEYS, work[WINNERS, i]]
        most += work[GAINS, i]
    missing = min(missing, most)
    left = split(missing, work[GAINS, :n], work[GIVEN, :n])
    for i in range(n):
        if work[GIVEN, i] > 0:
            transfer(ledger, QUOTE, work[WINNERS, i], pool.row, work[GIVEN, i])
            event = emit(state.log, state.clock[0], HAIRCUT, pool.row, work[WINNERS, i])
            event.author_class = FORCED
            event.market = market
            event.amount = work[GIVEN, i]
    pool.haircut += missing - left
    return missing - left


@kernel
def fail(state, market):
    """Wind a pool up: pay gains in part, close everybody, close the market."""
    ledger = state.ledger
    pool = ledger.pools[ledger.markets[market].pool]
    cut_gains(state, market, -pool_equity(ledger, market))
    for row in range(ledger.lots.shape[0]):
        if row != pool.row and ledger.lots[row, market] != 0:
            close_at_index(state, row, market)
    pool.failed_step = state.clock[0].step
    ledger.markets[market].halted_until = NEVER


@kernel
def pool_adl(state, part, step):
    """Look after every pool that stands; returns how many positions or pools were closed."""
    ledger, closed = state.ledger, 0
    for m in range(ledger.markets.shape[0]):
        market = ledger.markets[m]
        if market.kind != POOLED or ledger.pools[market.pool].failed_step >= 0:
            continue
        if pool_equity(ledger, m) < 0:
            fail(state, m)
            closed += 1
            continue
        closed += deleverage(state, part, m, 1) + deleverage(state, part, m, -1)
    return closed


KERNEL = pool_adl
