"""Margin phase: the numbers of all accounts, then the state that follows from them.

healthy -> margin call -> reduce only -> liquidating -> bankrupt. An account that comes back above
its requirement is healthy again and its liquidation episode ends.
"""

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.numbers import is_unhealthy, measure, renew
from crossmargin.model.state import (
    BACKSTOP,
    BANKRUPT,
    CLOSED,
    HEALTHY,
    LIQUIDATING,
    MARGIN_CALL,
    REDUCE_ONLY_STATE,
)


@kernel
def _healthy_state(account, venue):
    kept = account.maintenance_requirement
    if kept > 0 and account.maintenance_equity < venue.reduce_only_ratio * kept:
        return REDUCE_ONLY_STATE
    if kept > 0 and account.maintenance_equity < venue.call_ratio * kept:
        return MARGIN_CALL
    return HEALTHY


@kernel
def judge(account, venue, step, trigger):
    """Move an account to the state that its numbers call for; tell whether it is unhealthy.

    `trigger` is the forced order since the last judgement, -1 when there was none: whatever broke
    the account then came from elsewhere.
    """
    if account.state == CLOSED:
        return 0
    if not is_unhealthy(account):
        account.state = _healthy_state(account, venue)
        account.breach_step = -1
        account.episode = 0
        account.stage = 0
        return 0
    if account.breach_step < 0:
        account.breach_step = step
        account.trigger = trigger
    if account.state < LIQUIDATING and step % venue.check_every != 0:
        return 0  # the venue has not looked yet
    account.state = BANKRUPT if account.equity < 0 else LIQUIDATING
    return 1


@kernel
def states(state, part, step):
    """Margin numbers and state of every account and of the vault; the unhealthy are the queue."""
    ledger = state.ledger
    first = state.parts[part].first
    venue = ledger.venue[0]
    cursor = state.log.cursor[0]
    trigger = cursor.last_forced if cursor.last_forced != cursor.judged_forced else -1
    cursor.judged_forced = cursor.last_forced
    cursor.judged_step = step
    unhealthy = 0
    for row in range(first, first + state.parts[part].count):
        renew(ledger, state.book, row)
        if judge(ledger.accounts[row], venue, step, trigger) == 1:
            state.queue[unhealthy] = row
            unhealthy += 1
    measure(ledger, state.book, BACKSTOP)  # the vault can fail like anyone else
    if judge(ledger.accounts[BACKSTOP], venue, step, trigger) == 1:
        state.queue[unhealthy] = BACKSTOP
        unhealthy += 1
    state.clock[0].n_queue = unhealthy
    return unhealthy


PHASE = "margin"
KERNEL = states
