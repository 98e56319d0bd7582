"""Queue: who is liquidated in this round, worst first.

An account is taken when it is below maintenance, its grace is over and its cooldown has passed. A
cooldown does not protect who is bankrupt, or has fallen below a share of its requirement (the
threshold of a backstop, say). A closed account comes back while it owes and the fund has money. The
unhealthy come from the margin phase, so that the healthy cost nothing here.

dYdX v4 sorts by the distance of the fillable price from the oracle, then by notional, and works
through at most 50 accounts a block; Hyperliquid takes all at once.
"""

from typing import Literal

import numpy as np

from crossmargin.model.accounts import gross_notional
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE
from crossmargin.model.liquidation.episode import write_off
from crossmargin.model.liquidation.ranking import sort_rows
from crossmargin.model.margin.numbers import health
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import BACKSTOP, BANKRUPT, CLOSED, INSURANCE, LIQUIDATING

PHASE = "liquidation"
BY_HEALTH, BY_NOTIONAL, BY_ROW = range(3)
#: Health is sorted in steps of a billionth, between these bounds.
STEPS, FURTHEST = 1e9, 1e9


class Parameters(Numbers):
    """Who comes first, and how many."""

    order: Literal["health", "notional", "row"] = number(
        "health", "choice", source="dYdX v4: worst first, then notional", doc="Who is worst."
    )
    urgent: float = number(
        2 / 3,
        "multiple of maintenance",
        low=0,
        high=1,
        source="Hyperliquid: backstop below 2/3",
        doc="Below it a cooldown no longer protects.",
    )
    most: int = number(
        0, "accounts a round", low=0, high=10**9, source="dYdX v4: 50 a block", doc="0: all."
    )


P = slots(Parameters)


@kernel
def is_ready(ledger, row, step, urgent):
    """Tell whether an unhealthy account is to be liquidated now."""
    account = ledger.accounts[row]
    if account.state < LIQUIDATING or account.state == CLOSED:
        return False
    if account.breach_step < 0 or account.breach_step + ledger.venue[0].grace > step:
        return False
    if account.cooldown <= step or account.state == BANKRUPT:
        return True
    return account.maintenance_equity < urgent * account.maintenance_requirement


@kernel
def recall_debtors(state, part, n):
    """Append the closed accounts that owe, while the fund has money; returns the new length."""
    ledger, venue = state.ledger, state.ledger.venue[0]
    owed = venue.bad_debt - venue.fund_paid - venue.socialised
    if owed <= 0 or ledger.balances[INSURANCE, QUOTE] <= 0:
        return n
    first = state.parts[part].first
    for row in range(first, first + state.parts[part].count):
        account = ledger.accounts[row]
        if account.state == CLOSED and account.owed > 0:
            state.queue[n] = row
            n += 1
    if ledger.accounts[BACKSTOP].state == CLOSED and ledger.accounts[BACKSTOP].owed > 0:
        state.queue[n] = BACKSTOP
        n += 1
    return n


@kernel
def rank_of(ledger, row, order):
    """Key of an account: the larger, the sooner."""
    if order == BY_HEALTH:
        worst = max(-FURTHEST, min(health(ledger.accounts[row]), FURTHEST))
        return -to_units(worst * STEPS)
    return gross_notional(ledger, row) if order == BY_NOTIONAL else 0


@kernel
def queue(state, part, step):
    """Keep of the unhealthy those to liquidate now, in order; returns how many."""
    ledger, numbers = state.ledger, state.params[part]
    n = 0
    for i in range(state.clock[0].n_queue):
        if is_ready(ledger, state.queue[i], step, numbers[P.urgent]):
            state.queue[n] = state.queue[i]
            n += 1
    n = recall_debtors(state, part, n)
    for i in range(n):
        row = np.int64(state.queue[i])
        write_off(state, row)
        state.work[0, row] = rank_of(ledger, row, numbers[P.order])
    sort_rows(state.queue, state.work[0], n)
    if numbers[P.most] > 0:
        n = min(n, int(numbers[P.most]))
    state.clock[0].n_queue = n
    return n


KERNEL = queue
