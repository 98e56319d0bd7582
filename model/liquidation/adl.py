r"""Auto-deleveraging: positions of bankrupt accounts are closed against their counterparties.

It takes accounts with negative raw equity whose positions the book did not close, and settles them
with opposite positions at the bankruptcy price (the deficit is then borne by those counterparties
out of what they gain) or at the mark (the deficit stays). Counterparties come

ranked         by profit times leverage, :math:`(mark / entry) (notional / equity)` for a long and
               the inverse first factor for a short (Hyperliquid)
pro_rata       all at once, by the size of their positions
pseudo_random  in the order of rows, from a drawn one (dYdX v4)

None is closed beyond its position, and none so far that the price alone would bankrupt it: it is
then passed over, as dYdX v4 does. One event a counterparty.
"""

from typing import Literal

import numpy as np

from crossmargin.model.contracts import contract_value, worth
from crossmargin.model.draws import RANK, uniforms
from crossmargin.model.integers import split, to_units, to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, Parcel, notional_of
from crossmargin.model.liquidation.episode import open_event
from crossmargin.model.liquidation.forced import hand_over
from crossmargin.model.liquidation.prices import bankruptcy_half
from crossmargin.model.liquidation.ranking import make_heap, pop
from crossmargin.model.margin.numbers import measure
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import ADL, BANKRUPT, CLOSED, INSURANCE, INVERSE, POOLED, SPOT

PHASE = "liquidation"
RANKED, PRO_RATA, PSEUDO_RANDOM = range(3)
AT_BANKRUPTCY, AT_MARK = range(2)
BANKRUPTS, BEYOND_FUND = range(2)
#: Rows of the work space: the heap of counterparties, their keys, and lots still asked of each.
HEAP, KEYS, QUOTA = 0, 1, 2
#: Scores are ranked in steps of a millionth, up to this one.
STEPS, HIGHEST = 1e6, 1e12


class Parameters(Numbers):
    """Against whom, at which price and when."""

    choice: Literal["ranked", "pro_rata", "pseudo_random"] = number(
        "ranked", "choice", source="Hyperliquid: ranked; dYdX v4: pseudo_random"
    )
    price: Literal["bankruptcy", "mark"] = number(
        "bankruptcy", "choice", source="dYdX v4: bankruptcy price; Hyperliquid: previous mark"
    )
    trigger: Literal["bankrupt", "beyond_fund"] = number(
        "beyond_fund",
        "choice",
        source="Hyperliquid, without a fund: equity below 0",
        doc="`beyond_fund`: only when the deficits in the queue exceed what the fund holds.",
    )


P = slots(Parameters)


@kernel
def is_due(state, part):
    """Measure the queue and tell whether any of it is to be deleveraged."""
    ledger, deficits = state.ledger, 0
    for i in range(state.clock[0].n_queue):
        row = state.queue[i]
        measure(ledger, state.book, row)
        deficits += max(0, -ledger.accounts[row].equity)
    if state.params[part, P.trigger] == BANKRUPTS:
        return deficits > 0
    return deficits > max(0, ledger.balances[INSURANCE, QUOTE])


@kernel
def is_deleveraged(ledger, row, market, side):
    """Tell whether an account's position on a side of a market is to be closed; it is measured."""
    account = ledger.accounts[row]
    is_open = ledger.lots[row, market] * side > 0
    return is_open and account.equity < 0 and account.state != CLOSED


@kernel
def asked_lots(state, market, side):
    """Lots of a side of a market that are to be closed, over the whole queue."""
    total = 0
    for i in range(state.clock[0].n_queue):
        if is_deleveraged(state.ledger, state.queue[i], market, side):
            total += abs(state.ledger.lots[state.queue[i], market])
    return total


@kernel
def score(ledger, row, market):
    """Rank of a counterparty: profit ratio times leverage."""
    m, lots, cost = ledger.markets[market], ledger.lots[row, market], ledger.cost[row, market]
    notional = notional_of(ledger, market, lots, m.mark)
    value, entry = abs(contract_value(m, lots, m.mark)), cost if lots > 0 else -cost
    if m.kind == INVERSE:
        value, entry = -entry, value  # coins are worth the more of them the lower the price
    if entry <= 0 or value <= 0:
        return 0.0
    ratio = value / entry if lots > 0 else entry / value
    return ratio * notional / max(1, ledger.accounts[row].equity)


@kernel
def gather(state, part, market, side):
    """Write the counterparties that hold the other side into the work space; returns how many."""
    ledger, work = state.ledger, state.work
    first, n = state.parts[part].first, 0
    for row in range(first, first + state.parts[part].count):
        account = ledger.accounts[row]
        if ledger.lots[row, market] * side < 0 and account.equity > 0 and account.state < BANKRUPT:
            work[HEAP, n] = row
            n += 1
    return n


@kernel
def share_quotas(state, market, n, total):
    """Ask every counterparty for its share of the total, by the size of its position."""
    heap, lots, asked = state.work[HEAP, :n], state.work[KEYS, :n], state.work[3, :n]
    held = 0
    for i in range(n):
        lots[i] = abs(state.ledger.lots[heap[i], market])
        held += lots[i]
    split(min(total, held), lots, asked)
    for i in range(n):
        state.work[QUOTA, heap[i]] = asked[i]


@kernel
def rank(state, part, market, n, total):
    """Give each counterparty its key and its quota, and make the heap."""
    ledger, work, choice = state.ledger, state.work, state.params[part, P.choice]
    first, count = state.parts[part].first, state.parts[part].count
    if choice == PRO_RATA:
        share_quotas(state, market, n, total)
    clock = state.clock[0]
    key = ledger.accounts[state.queue[0]].key
    drawn = uniforms(clock.seed, key, RANK, clock.step, clock.round)[0]
    start = to_units(drawn * count) if choice == PSEUDO_RANDOM else 0
    for i in range(n):
        row = work[HEAP, i]
        if choice != PRO_RATA:
            work[QUOTA, row] = abs(ledger.lots[row, market])
        if choice == RANKED:
            work[KEYS, row] = to_units(min(score(ledger, row, market), HIGHEST) * STEPS)
        else:
            work[KEYS, row] = -((row - first - start + count) % count)
    make_heap(work[HEAP], work[KEYS], n)


@kernel
def loss_a_lot(ledger, parcel):
    """Loss against the mark of taking a lot of a parcel at its price, quote units, rounded up."""
    m = ledger.markets[parcel.market]
    side = 1 if parcel.lots > 0 else -1
    if m.kind == INVERSE:
        coins = side * m.coin_face * (1.0 / m.mark - 1.0 / max(1, parcel.half_price))
        loss = to_units_up(coins)
        return 1 - worth(ledger, m.settles, -loss) if loss > 0 else 0
    return side * (parcel.half_price - m.mark) * m.half_unit


@kernel
def affordable(state, row, parcel):
    """Lots that a counterparty can give at a price without losing more than its equity."""
    ledger = state.ledger
    loss = loss_a_lot(ledger, parcel)
    most = min(abs(parcel.lots), state.work[QUOTA, row])
    if loss <= 0:
        return most
    measure(ledger, state.book, row)
    return min(most, max(0, ledger.accounts[row].equity) // loss)


@kernel
def settle_with(state, row, counterparty, parcel):
    """Close a parcel of a bankrupt account against a counterparty and write what happened."""
    ledger, venue = state.ledger, state.ledger.venue[0]
    event = open_event(state, ADL, row, counterparty)
    entry = hand_over(state, event, parcel)
    venue.adl_notional += entry.notional
    venue.adl_loss += max(0, -entry.slippage)
    state.work[QUOTA, counterparty] -= abs(parcel.lots)
    measure(ledger, state.book, counterparty)
    measure(ledger, state.book, row)


@kernel
def deleverage(state, part, row, market, n):
    """Close one account's position against the heap of n counterparties; returns how many are left.

    The price is fixed when it begins.
    """
    ledger, work = state.ledger, state.work
    price = ledger.markets[market].mark
    if state.params[part, P.price] == AT_BANKRUPTCY:
        price = bankruptcy_half(ledger, row, market)
    while n > 0 and ledger.lots[row, market] != 0:
        counterparty = work[HEAP, 0]
        lots = affordable(state, counterparty, Parcel(market, ledger.lots[row, market], price))
        if lots > 0:
            sign = 1 if ledger.lots[row, market] > 0 else -1
            settle_with(state, row, counterparty, Parcel(market, sign * lots, price))
        if lots == 0 or work[QUOTA, counterparty] == 0:
            pop(work[HEAP], work[KEYS], n)
            n -= 1
    return n


@kernel
def deleverage_side(state, part, market, side):
    """Close all bankrupt positions of a side of a market; returns the notional, quote units."""
    before = state.ledger.venue[0].adl_notional
    total = asked_lots(state, market, side)
    if total > 0:
        n = gather(state, part, market, side)
        rank(state, part, market, n, total)
        for i in range(state.clock[0].n_queue):
            row = np.int64(state.queue[i])
            if is_deleveraged(state.ledger, row, market, side):
                n = deleverage(state, part, row, market, n)
    return state.ledger.venue[0].adl_notional - before


@kernel
def adl(state, part, step):
    """Auto-deleverage the bankrupt accounts of the queue; returns 1 where any was."""
    moved = 0
    if not is_due(state, part):
        return 0
    for market in range(state.ledger.markets.shape[0]):
        kind = state.ledger.markets[market].kind
        if kind != SPOT and kind != POOLED:  # a pool closes whoever asks, at the index
            for side in (1, -1):
                moved += deleverage_side(state, part, market, side)
    return 1 if moved > 0 else 0


KERNEL = adl
