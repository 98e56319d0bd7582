"""Backstop vault: it takes the whole account once equity has fallen well below maintenance.

Below a share of the requirement all derivative positions go to the vault at the mark, and what is
left in quote and collateral with them, less what the rules leave to the owner. The vault takes no
deficit unless told to, keeps a floor of equity, and holds no more notional than a multiple of its
equity; otherwise the account stays for the next parts.

Hyperliquid: below 2/3 of maintenance the liquidator vault takes all, and the user loses the
remaining margin; since March 2025 the vault may only hold a share of its capital.
"""

import numpy as np

from crossmargin.model.accounts import gross_notional, has_orders, has_positions
from crossmargin.model.contracts import worth
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, Parcel, move_spot, pay, transfer
from crossmargin.model.liquidation.episode import open_event, units_of
from crossmargin.model.liquidation.forced import hand_over
from crossmargin.model.margin.numbers import measure
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import (
    BACKSTOP,
    BACKSTOP_HANDOVER,
    CLOSED,
    LIQUIDATING,
    OUTSIDE,
    PENALTY,
    SPOT,
    TAKEOVER,
)

PHASE = "liquidation"


class Parameters(Numbers):
    """When the vault steps in, and how far it goes."""

    threshold: float = number(
        2 / 3, "multiple of maintenance", low=0, high=1, source="Hyperliquid: 2/3"
    )
    returned: float = number(
        0.0,
        "fraction of the equity left",
        low=0,
        high=1,
        source="Hyperliquid: 0",
        doc="What the owner keeps.",
    )
    floor: float = number(
        0.0, "quote", low=0, source="default of its own", doc="Equity that the vault keeps."
    )
    most_leverage: float = number(
        5.0,
        "multiple of its equity",
        low=0,
        high=1000,
        source="default of its own",
        doc="Notional that the vault may hold.",
    )
    takes_deficits: bool = number(
        False, "choice", source="Hyperliquid: bankrupt accounts are auto-deleveraged"
    )


P = slots(Parameters)


@kernel
def is_taken(state, part, row):
    """Tell whether the vault takes an account; both are measured."""
    ledger, numbers, account = state.ledger, state.params[part], state.ledger.accounts[row]
    if row == BACKSTOP or ledger.accounts[BACKSTOP].state >= LIQUIDATING:
        return False
    kept = numbers[P.threshold] * account.maintenance_requirement
    if account.state == CLOSED or account.maintenance_equity >= kept or has_orders(state.book, row):
        return False
    if account.equity < 0 and numbers[P.takes_deficits] == 0.0:
        return False
    after = ledger.accounts[BACKSTOP].equity + account.equity
    held = gross_notional(ledger, BACKSTOP) + gross_notional(ledger, row)
    floor = units_of(ledger, numbers[P.floor])
    return after >= floor and after > 0 and held <= numbers[P.most_leverage] * after


@kernel
def take_positions(state, row):
    """Move all derivative positions of an account to the vault at the mark.

    Those of an account that is spared go to the outside row: the vault would sell them.
    """
    ledger = state.ledger
    is_spared = ledger.accounts[row].off_book != 0
    kind, taker = (TAKEOVER, OUTSIDE) if is_spared else (BACKSTOP_HANDOVER, BACKSTOP)
    for m in range(ledger.markets.shape[0]):
        if ledger.markets[m].kind != SPOT and ledger.lots[row, m] != 0:
            event = open_event(state, kind, row, taker)
            hand_over(state, event, Parcel(m, ledger.lots[row, m], ledger.markets[m].mark))


@kernel
def take_collateral(state, row):
    """Move all collateral of an account to the vault; returns its value at the mark."""
    ledger, value = state.ledger, 0
    for m in range(ledger.markets.shape[0]):
        lots = ledger.lots[row, m]
        if ledger.markets[m].kind == SPOT and lots != 0:
            move_spot(ledger, state.log, row, BACKSTOP, Parcel(m, lots, 0))
            value += lots * ledger.markets[m].mark * ledger.markets[m].half_unit
        if ledger.markets[m].kind == SPOT:
            value += take_rest(state, row, ledger.markets[m].base)
    return value


@kernel
def take_rest(state, row, asset):
    """Move to the vault what is left of a coin below a lot; returns its value at the mark."""
    ledger = state.ledger
    rest = ledger.balances[row, asset]
    if rest == 0:
        return 0
    pay(ledger, state.log, asset, row, (BACKSTOP, rest))
    return worth(ledger, asset, rest)


@kernel
def take_margin(state, part, row):
    """Move what is left of an account to the vault, less what its owner keeps."""
    ledger = state.ledger
    equity = ledger.balances[row, QUOTE] + take_collateral(state, row)
    kept = to_units(max(0, equity) * state.params[part, P.returned])
    transfer(ledger, QUOTE, row, BACKSTOP, ledger.balances[row, QUOTE] - kept)
    event = open_event(state, PENALTY, row, BACKSTOP)
    event.amount = equity - kept
    ledger.venue[0].penalties += equity - kept


@kernel
def backstop(state, part, step):
    """Hand over the accounts of the queue that the vault takes; returns how many."""
    ledger, taken = state.ledger, 0
    for i in range(state.clock[0].n_queue):
        row = np.int64(state.queue[i])
        if not has_positions(ledger, row):
            continue
        measure(ledger, state.book, row)
        measure(ledger, state.book, BACKSTOP)
        if is_taken(state, part, row):
            take_positions(state, row)
            take_margin(state, part, row)
            measure(ledger, state.book, row)
            taken += 1
    return taken


KERNEL = backstop
