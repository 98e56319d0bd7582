"""Interest on negative balances, of quote or of a coin, paid to the row LENDERS in what is owed.

A balance owes `rate x balance x time / year` for the time since the last payment, rounded up. The
rate per year is the venue's; interest is simple within an interval and compounds from one to the
next. A closed account pays none: its debt is bad.
"""

import math

import numpy as np

from crossmargin.model.integers import muldiv_up
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, pay, transfer
from crossmargin.model.markets import YEAR, steps_of
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import CLOSED, LENDERS

#: The rate of an interval becomes a whole number of this part before it meets money.
RATE = 10**15


class Parameters(Numbers):
    """When interest is paid."""

    interval: float = number(3600.0, "s", above=0, doc="Between two payments.")


P = slots(Parameters)


@kernel
def owed(balance, share):
    """Interest on a balance for one interval, its units; `share` is the rate times `RATE`."""
    return muldiv_up(-balance, share, RATE) if balance < 0 else 0


@kernel
def charge_coins(state, asset, share):
    """Charge all accounts of populations that owe a coin, in that coin."""
    ledger = state.ledger
    for a in range(ledger.accounts.shape[0]):
        account = ledger.accounts[a]
        if account.population >= 0 and ledger.balances[a, asset] < 0:
            amount = owed(ledger.balances[a, asset], share)
            pay(ledger, state.log, asset, a, (LENDERS, amount))


@kernel
def interest(state, part, step):
    """Charge all accounts of populations at the end of an interval; returns quote units paid."""
    ledger, every = state.ledger, steps_of(state, state.params[part, P.interval])
    if step == 0 or step % every != 0:
        return 0
    rate = ledger.venue[0].interest_rate * every * state.clock[0].block_seconds / YEAR
    share = np.int64(math.floor(rate * RATE + 0.5))
    paid = 0
    for a in range(ledger.accounts.shape[0]):
        account = ledger.accounts[a]
        if account.population >= 0 and account.state != CLOSED:
            amount = owed(ledger.balances[a, QUOTE], share)
            transfer(ledger, QUOTE, a, LENDERS, amount)
            paid += amount
    for asset in range(1, ledger.assets.shape[0]):
        if ledger.assets[asset].settles != 0:
            charge_coins(state, asset, share)
    return paid


PHASE = "marks"
KERNEL = interest
