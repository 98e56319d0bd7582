"""Transfers that owners asked for: quote units that come in from outside or leave.

A deposit comes in whole. **Only free collateral leaves**, no more than the quote balance, and only
while the account is healthy: what a request asks beyond that is refused. An agent asks by writing
`crowd.requests[row]` (+ in, - out); the request is carried out at the start of the next block.
"""

from crossmargin.model.accounts import deposit
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, burn
from crossmargin.model.log import emit
from crossmargin.model.margin.locked_profit import locked_profit
from crossmargin.model.margin.numbers import free_collateral
from crossmargin.model.state import CLOSED, DEPOSIT, HEALTHY, OUTSIDE, WITHDRAW

PHASE = "scenario"


@kernel
def withdrawable(ledger, book, row):
    """Quote units that may leave an account now."""
    if ledger.accounts[row].state != HEALTHY:
        return 0
    free = free_collateral(ledger, book, row)
    if ledger.risk.shape[0] > 0:
        free -= locked_profit(ledger, row)
    return max(0, min(free, ledger.balances[row, QUOTE]))


@kernel
def bring_in(state, row, amount):
    """Deposit quote units and write the event; a closed account takes none."""
    if state.ledger.accounts[row].state == CLOSED:
        return 0
    deposit(state.ledger, row, amount)
    emit(state.log, state.clock[0], DEPOSIT, row, OUTSIDE).amount = amount
    return amount


@kernel
def take_out(state, row, asked):
    """Pay out what may leave, at most what was asked, quote units; returns what was paid."""
    paid = min(asked, withdrawable(state.ledger, state.book, row))
    if paid > 0:
        burn(state.ledger, QUOTE, row, paid)
        state.ledger.accounts[row].deposited -= paid
        emit(state.log, state.clock[0], WITHDRAW, row, OUTSIDE).amount = paid
    return paid


@kernel
def transfers(state, part, step):
    """Carry out and clear all requests; returns how many moved money."""
    requests = state.crowd.requests
    first = state.parts[part].first
    moved = 0
    for row in range(first, first + state.parts[part].count):
        asked = requests[row]
        if asked == 0:
            continue
        requests[row] = 0
        if asked > 0:
            moved += bring_in(state, row, asked) > 0
        else:
            moved += take_out(state, row, -asked) > 0
    return moved


KERNEL = transfers
