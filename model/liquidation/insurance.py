"""Insurance fund: it pays the deficit of emptied accounts, as far as it goes.

An account with no position, no collateral and a negative balance is written off: one bad-debt event
with the full deficit. The fund pays up to its balance and up to a cap an account; what it does not
pay stays for the next parts, and is asked again when the fund has money.

dYdX v4 caps what an account may cost the fund in a block at 1M, Drift v2 by tier of market.
"""

from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE
from crossmargin.model.liquidation.episode import cover, open_event, owed_by, units_of, write_off
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import FUND_PAYMENT, INSURANCE

PHASE = "liquidation"


class Parameters(Numbers):
    """How far the fund goes."""

    cap: float = number(
        0.0,
        "quote",
        low=0,
        source="dYdX v4: 1M an account and block; here each round",
        doc="Most it pays for an account at once; 0: no cap.",
    )


P = slots(Parameters)


@kernel
def pay_for(state, row, cap):
    """Let the fund pay what an account owes; returns quote units."""
    ledger = state.ledger
    paid = min(owed_by(ledger, row), max(0, ledger.balances[INSURANCE, QUOTE]))
    if cap > 0:
        paid = min(paid, cap)
    if paid > 0:
        event = open_event(state, FUND_PAYMENT, row, INSURANCE)
        event.amount = paid
        cover(ledger, INSURANCE, row, paid)
        ledger.venue[0].fund_paid += paid
    return paid


@kernel
def insurance(state, part, step):
    """Write off and pay for emptied accounts of the queue; returns for how many it paid."""
    cap = units_of(state.ledger, state.params[part, P.cap])
    count = 0
    for i in range(state.clock[0].n_queue):
        row = state.queue[i]
        write_off(state, row)
        count += pay_for(state, row, cap) > 0
    return count


KERNEL = insurance
