"""What must hold of accounts beyond each cell: worth, isolation, room in the ledger."""

import numpy as np

from crossmargin.experiments.limits import LARGEST_SUM
from crossmargin.experiments.snapshots.accounts import Accounts
from crossmargin.experiments.snapshots.grid import Grid
from crossmargin.experiments.snapshots.reading import Sheet
from crossmargin.model.ledger import QUOTE


def check_accounts(sheet: Sheet, grid: Grid, found: Accounts, *, keeps_negative: bool) -> None:
    """Note what is wrong with accounts whose cells are all right."""
    _check_worth(sheet, grid, found)
    if sheet.problems:  # equity would not mean anything
        return
    _check_isolated(sheet, grid, found)
    if not keeps_negative:
        _check_equity(sheet, grid, found)


def _check_worth(sheet: Sheet, grid: Grid, found: Accounts) -> None:
    """Refuse positions and coins whose value leaves the ledger no room, as wrong units do."""
    one = grid.assets[QUOTE].unit
    for m, market in enumerate(grid.markets):
        column = f"position:{market.name}"
        lots = found.lots[:, m]
        if market.is_spot:
            a = next(a for a, coin in enumerate(grid.assets) if a and coin.market == m)
            column = f"balance:{grid.assets[a].name}"
            lots = found.balances[:, a] // market.lot_units
        worth = np.abs(lots.astype(float)) * market.mark * market.half_unit
        for i in np.flatnonzero(worth >= LARGEST_SUM):
            sheet.say(
                f"is worth {worth[i] * float(one):.3g} {grid.assets[QUOTE].name} at the mark; "
                f"below {LARGEST_SUM * float(one):.3g} is allowed",
                int(i),
                column,
            )


def _check_isolated(sheet: Sheet, grid: Grid, found: Accounts) -> None:
    for i in np.flatnonzero(found.only_market >= 0):
        own = grid.markets[found.only_market[i]].name
        for m in np.flatnonzero(found.lots[i]):
            if m != found.only_market[i]:
                column = f"position:{grid.markets[m].name}"
                sheet.say(f"the account is isolated to {own}", int(i), column)


def _check_equity(sheet: Sheet, grid: Grid, found: Accounts) -> None:
    quote = grid.assets[QUOTE]
    equity = found.equity(grid)
    for i in np.flatnonzero((equity < 0) & ~found.is_system):
        sheet.say(
            f"its equity at the marks is {int(equity[i]) * quote.unit} {quote.name}, below zero; "
            'snapshot.negative_equity = "keep" takes such accounts as they are',
            int(i),
            f"balance:{quote.name}",
        )
