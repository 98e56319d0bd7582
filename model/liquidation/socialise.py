"""Socialised loss: what emptied accounts still owe is shared by all who have something.

The deficits of all queued accounts that are written off are summed, and every account with
positive equity pays its share: pro rata to equity, or to the notional it holds, capped at its
equity and then shared again among the others. Shares sum exactly. Who pays for whom is an event
each while that is few; else there is one a debtor (`other` -1), and `account.socialised` has the
totals.

Drift v2: perpetual losses by position, spot losses by deposit; Mango v4: by deposit.
"""

from typing import Literal

from crossmargin.model.accounts import gross_notional
from crossmargin.model.integers import split
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, transfer
from crossmargin.model.liquidation.episode import cover, open_event, owed_by, write_off
from crossmargin.model.margin.numbers import measure
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import CLOSED, SOCIALISED

PHASE = "liquidation"
BY_EQUITY, BY_NOTIONAL = range(2)
#: Rows of the work space: payers, what each can pay, what it is weighted by, what it pays now.
PAYERS, MEANS, WEIGHTS, SHARES = range(4)
#: After so many rounds of sharing by notional, the rest is shared by equity.
MOST_ROUNDS = 16


class Parameters(Numbers):
    """By what it is shared, and how much is written down."""

    by: Literal["equity", "notional"] = number(
        "equity", "choice", source="Drift v2: position; Mango v4: deposits"
    )
    most_events: int = number(
        10_000,
        "events a round",
        low=0,
        high=10**7,
        source="default of its own",
        doc="With more pairs of a payer and a debtor, one event a debtor.",
    )


P = slots(Parameters)


@kernel
def gather(state, part):
    """Write who can pay, how much and with which weight into the work space; returns how many."""
    ledger, work, by = state.ledger, state.work, state.params[part, P.by]
    first, n = state.parts[part].first, 0
    for row in range(first, first + state.parts[part].count):
        measure(ledger, state.book, row)
        equity = ledger.accounts[row].equity
        if equity > 0 and ledger.accounts[row].state != CLOSED:
            work[PAYERS, n] = row
            work[MEANS, n] = equity
            work[WEIGHTS, n] = equity if by == BY_EQUITY else gross_notional(ledger, row)
            n += 1
    return n


@kernel
def collect(state, n, row, total, is_told):
    """Share a total among n payers once, into a row; returns what is left of it."""
    work, ledger = state.work, state.ledger
    split(total, work[WEIGHTS, :n], work[SHARES, :n])
    for i in range(n):
        paid = min(work[SHARES, i], work[MEANS, i])
        if paid == 0:
            continue
        payer = work[PAYERS, i]
        work[MEANS, i] -= paid
        transfer(ledger, QUOTE, payer, row, paid)
        ledger.accounts[payer].socialised += paid
        if is_told:
            event = open_event(state, SOCIALISED, row, payer)
            event.amount = paid
        total -= paid
    return total


@kernel
def reweigh(state, n, by):
    """Weights of the next round: none for who has nothing left; by equity when `by` says so."""
    for i in range(n):
        if state.work[MEANS, i] == 0:
            state.work[WEIGHTS, i] = 0
        elif by == BY_EQUITY:
            state.work[WEIGHTS, i] = state.work[MEANS, i]


@kernel
def weight_of(state, n):
    """Sum of the weights."""
    total = 0
    for i in range(n):
        total += state.work[WEIGHTS, i]
    return total


@kernel(inline=False)
def share(state, n, row, total, is_told):
    """Collect a total from n payers into a row; returns what they could not pay."""
    rounds = 0
    while total > 0:
        if rounds == MOST_ROUNDS or weight_of(state, n) == 0:
            reweigh(state, n, BY_EQUITY)
            rounds = MOST_ROUNDS
        due = total
        if rounds == MOST_ROUNDS:
            due = min(total, weight_of(state, n))
        total -= due - collect(state, n, row, due, is_told)
        if rounds == MOST_ROUNDS:
            break
        reweigh(state, n, BY_NOTIONAL)
        rounds += 1
    return total


@kernel
def owed_in_queue(state):
    """Write off what is to be; returns what the queue owes, quote units, and how many owe."""
    total, debtors = 0, 0
    for i in range(state.clock[0].n_queue):
        write_off(state, state.queue[i])
        owed = owed_by(state.ledger, state.queue[i])
        total += owed
        debtors += owed > 0
    return total, debtors


@kernel
def pay_singly(state, n):
    """Collect for one account of the queue after the other, with an event a payer."""
    for i in range(state.clock[0].n_queue):
        row = state.queue[i]
        owed = owed_by(state.ledger, row)
        if owed > 0:
            left = share(state, n, row, owed, True)
            state.ledger.accounts[row].owed -= owed - left
            reweigh(state, n, BY_NOTIONAL)


@kernel
def pay_together(state, n, total):
    """Collect for the whole queue into its first debtor, who hands on what is not its own."""
    queue, ledger = state.queue, state.ledger
    first = 0
    while owed_by(ledger, queue[first]) == 0:
        first += 1
    got = total - share(state, n, queue[first], total, False)
    own = owed_by_before(ledger, queue[first], got)
    for i in range(first, state.clock[0].n_queue):
        row = queue[i]
        due = own if i == first else min(owed_by(ledger, row), got)
        if due <= 0:
            continue
        if i == first:
            ledger.accounts[row].owed -= due
        else:
            cover(ledger, queue[first], row, due)
        got -= due
        event = open_event(state, SOCIALISED, row, -1)
        event.amount = due


@kernel
def owed_by_before(ledger, row, got):
    """What an account owed before `got` quote units came in, at most those."""
    return min(ledger.accounts[row].owed, got)


@kernel
def socialise(state, part, step):
    """Share what the queue owes among all; returns 1 where anything was."""
    total, debtors = owed_in_queue(state)
    if total == 0:
        return 0
    n = gather(state, part)
    means = 0
    for i in range(n):
        means += state.work[MEANS, i]
    due = min(total, means)
    state.ledger.venue[0].socialised += due
    if n * debtors <= state.params[part, P.most_events]:
        pay_singly(state, n)
    elif due > 0:
        pay_together(state, n, due)
    return 1


KERNEL = socialise
