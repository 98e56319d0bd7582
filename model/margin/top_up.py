"""Automatic top-up: what an owner keeps apart flows to its account that is short of margin.

An account whose maintenance equity is below a multiple of its requirement gets what brings it to
another multiple, out of the quote balance that its owner keeps apart, as far as that and the limit
for the run go. It is a transfer between two rows of one owner, written as an event. Accounts of an
owner are served in the order of their rows, before the venue judges anybody.
"""

from crossmargin.model.integers import to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, transfer
from crossmargin.model.log import emit
from crossmargin.model.margin.numbers import measure
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import CLOSED, TOP_UP


class Parameters(Numbers):
    """When an account is topped up, and how far."""

    below: float = number(
        1.0,
        "multiple of maintenance",
        above=0,
        high=100,
        source="default of its own: at the last moment",
        doc="Maintenance equity below this calls for a top-up.",
    )
    to: float = number(
        1.0,
        "multiple of maintenance",
        above=0,
        high=100,
        source="default of its own: no more than it takes",
        doc="Maintenance equity after it.",
    )


P = slots(Parameters)

PHASE = "margin"


@kernel
def spare_of(ledger, purse):
    """Quote units that may still leave what an owner keeps apart."""
    return max(0, min(ledger.balances[purse, QUOTE], ledger.accounts[purse].allowance))


@kernel
def amount_for(ledger, params, row):
    """Quote units that an account gets, its margin numbers being new."""
    account = ledger.accounts[row]
    asked = account.maintenance_requirement
    if asked == 0 or account.maintenance_equity >= params[P.below] * asked:
        return 0
    missing = to_units_up(params[P.to] * asked) - account.maintenance_equity
    return max(0, min(missing, spare_of(ledger, account.purse)))


@kernel
def top_up(state, part, step):
    """Serve every account whose owner keeps something apart; returns how many got anything."""
    ledger, served = state.ledger, 0
    first = state.parts[part].first
    for row in range(first, first + state.parts[part].count):
        account = ledger.accounts[row]
        if account.purse < 0 or account.state == CLOSED or spare_of(ledger, account.purse) == 0:
            continue
        measure(ledger, state.book, row)
        amount = amount_for(ledger, state.params[part], row)
        if amount > 0:
            ledger.accounts[account.purse].allowance -= amount
            transfer(ledger, QUOTE, account.purse, row, amount)
            emit(state.log, state.clock[0], TOP_UP, account.purse, row).amount = amount
            served += 1
    return served


KERNEL = top_up
