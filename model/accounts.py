"""Accounts: what one holds, and what comes in from its owner.

An account is a row of the ledger's matrices and a record with its owner, its state and its five
margin numbers (`ACCOUNT` in `state.py`). An owner may have several: a cross account pools all that
it holds, an isolated one is an account of its own that may trade one market (`only_market`).
Withdrawals go by requests that the next block grants as far as collateral is free: `transfers.py`.
"""

from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, mint, notional_of
from crossmargin.model.state import SPOT


@kernel
def gross_notional(ledger, row):
    """Notional of all derivative positions at the mark, quote units."""
    total = 0
    for m in range(ledger.markets.shape[0]):
        if ledger.markets[m].kind != SPOT and ledger.lots[row, m] != 0:
            total += notional_of(ledger, m, ledger.lots[row, m], ledger.markets[m].mark)
    return total


@kernel
def has_positions(ledger, row):
    """Tell whether an account holds a derivative position."""
    for m in range(ledger.markets.shape[0]):
        if ledger.markets[m].kind != SPOT and ledger.lots[row, m] != 0:
            return True
    return False


@kernel
def has_orders(book, row):
    """Tell whether an account has resting orders."""
    for m in range(book.open_lots.shape[1]):
        if book.open_lots[row, m, 0] != 0 or book.open_lots[row, m, 1] != 0:
            return True
    return False


@kernel
def is_empty(book, ledger, row):
    """Tell whether there is nothing left to close or sell: no position, collateral or order."""
    for m in range(ledger.markets.shape[0]):
        if ledger.lots[row, m] != 0:
            return False
    return not has_orders(book, row)


@kernel
def deposit(ledger, row, amount):
    """Bring quote units in from outside for an account."""
    mint(ledger, QUOTE, row, amount)
    ledger.accounts[row].deposited += amount
