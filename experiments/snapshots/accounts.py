"""From cells to accounts in whole units: what an account holds, and everything that is wrong."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.explain import did_you_mean
from crossmargin.experiments.limits import LARGEST_SUM
from crossmargin.experiments.snapshots.exact import (
    EXACT,
    Integers,
    cost_of,
    decimals,
    units_of,
)
from crossmargin.experiments.snapshots.grid import Grid
from crossmargin.experiments.snapshots.reading import Sheet, is_empty, is_known, unknown
from crossmargin.experiments.snapshots.table import UNLABELLED
from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import SYSTEM_ROWS


@dataclass(frozen=True, eq=False)
class Accounts:
    """Accounts of a snapshot, in the order of the file.

    Attributes
    ----------
    ids, populations, owners : list of str
    only_market : (n,) int64, the market of an isolated account, -1 for cross margin
    balances : (n, n_assets) int64, units
    lots, cost, outside : (n, n_markets) int64, lots and quote units; spot markets have none
    notes : list of str, what reading changed
    """

    ids: list[str]
    populations: list[str]
    owners: list[str]
    only_market: Integers
    balances: Integers
    lots: Integers
    cost: Integers
    outside: Integers
    notes: list[str] = field(default_factory=list)

    @property
    def is_system(self) -> NDArray[np.bool_]:
        """Rows of the venue itself."""
        return np.array([name in SYSTEM_ROWS for name in self.populations], bool)

    def equity(self, grid: Grid) -> Integers:
        """Equity at the marks, quote units: balances, coins at the mark and unrealised profit."""
        total = self.balances[:, QUOTE] - self.cost.sum(axis=1)
        for m, market in enumerate(grid.markets):
            total += self.lots[:, m] * market.mark * market.half_unit
        for a, coin in enumerate(grid.assets[1:], 1):
            market = grid.markets[coin.market]
            total += self.balances[:, a] // market.lot_units * market.mark * market.half_unit
        return np.asarray(total)


def accounts_of(sheet: Sheet, grid: Grid) -> Accounts:
    """Accounts of a sheet; problems are noted there, and what they concern counts as 0."""
    _check_columns(sheet, grid)
    _check_names(sheet)
    found = Accounts(
        ids=sheet.texts("account"),
        populations=_populations(sheet, grid),
        owners=sheet.texts("owner"),
        only_market=_only_markets(sheet, grid),
        balances=np.zeros((sheet.n, len(grid.assets)), np.int64),
        lots=np.zeros((sheet.n, len(grid.markets)), np.int64),
        cost=np.zeros((sheet.n, len(grid.markets)), np.int64),
        outside=np.zeros((sheet.n, len(grid.markets)), np.int64),
    )
    for a in range(len(grid.assets)):
        _read_balances(sheet, grid, found, a)
    for m in range(len(grid.markets)):
        if not grid.markets[m].is_spot:
            _read_positions(sheet, grid, found, m)
        _read_outside(sheet, grid, found, m)
    return found


# Columns and names ------------------------------------------------------------------------------


def _check_columns(sheet: Sheet, grid: Grid) -> None:
    assets = [coin.name for coin in grid.assets]
    perpetuals = [market.name for market in grid.markets if not market.is_spot]
    markets = [market.name for market in grid.markets]
    known = {"balance": assets, "position": perpetuals, "entry": perpetuals, "outside": markets}
    for column in sheet.columns:
        kind, colon, name = column.partition(":")
        place = next((place for one, place in sheet.origin if one == column), None)
        if not is_known(column):
            sheet.say(unknown(column), column=column)
        elif colon and name not in known[kind]:
            what = "asset" if kind == "balance" else "market"
            is_spot = name in markets and kind != "balance"
            why = f"{name} is a spot market; what is held of it stands in balance:"
            near = did_you_mean(name, known[kind])
            sheet.say(why if is_spot else f"there is no {what} {name!r}; {near}", place, column)
    for market in perpetuals:
        if f"entry:{market}" in sheet.columns and f"position:{market}" not in sheet.columns:
            sheet.say(f"there is no column position:{market}", column=f"entry:{market}")


def _check_names(sheet: Sheet) -> None:
    first: dict[str, int] = {}
    for i, cell in enumerate(sheet.columns["account"]):
        if is_empty(cell):
            sheet.say("is empty", i, "account")
        elif str(cell) in first:
            sheet.say(f"stands in row {first[str(cell)] + 1} as well", i, "account")
        else:
            first[str(cell)] = i


def _populations(sheet: Sheet, grid: Grid) -> list[str]:
    names = sheet.texts("population", UNLABELLED)
    counts = Counter(names)
    unnamed = set(counts) - grid.populations - set(SYSTEM_ROWS)
    for i, name in enumerate(names):
        if name in unnamed:
            unnamed.remove(name)  # once is enough
            near = did_you_mean(name, grid.populations)
            sheet.say(f"there is no population {name!r}; {near}", i, "population")
        elif name in SYSTEM_ROWS and counts[name] > 1:
            sheet.say(f"the venue has one row {name}, not {counts[name]}", i, "population")
    return names


def _only_markets(sheet: Sheet, grid: Grid) -> Integers:
    found = np.full(sheet.n, -1, np.int64)
    for i, name in enumerate(sheet.texts("isolated_market")):
        if name:
            found[i] = grid.market(name)
            if found[i] < 0:
                near = did_you_mean(name, [market.name for market in grid.markets])
                sheet.say(f"there is no market {name!r}; {near}", i, "isolated_market")
    return found


# Amounts ----------------------------------------------------------------------------------------


def _amounts(sheet: Sheet, column: str) -> list[Decimal]:
    """Numbers of a column, with what is wrong noted; zeros where there is none."""
    if column not in sheet.columns:
        return [Decimal(0)] * sheet.n
    values, wrong = decimals(sheet.columns[column])
    for i, text in wrong.items():
        sheet.say(text, i, column)
    return values


def _whole(sheet: Sheet, column: str, values: list[Decimal], unit: Decimal) -> Integers:
    units, wrong = units_of(values, unit)
    for i, text in wrong.items():
        sheet.say(text, i, column)
    return units


def _read_balances(sheet: Sheet, grid: Grid, found: Accounts, a: int) -> None:
    """Balances of an asset; coins in whole lots of their market, rounded down."""
    coin = grid.assets[a]
    column = f"balance:{coin.name}"
    units = _whole(sheet, column, _amounts(sheet, column), coin.unit)
    if a != QUOTE:
        for i in np.flatnonzero((units < 0) & ~found.is_system):
            sheet.say(f"{units[i] * coin.unit} is negative: nobody borrows coins", int(i), column)
        lot = grid.markets[coin.market].lot_units
        rest = units % lot
        if rest.any():
            gone = int(rest.sum()) * coin.unit
            found.notes.append(
                f"{column}: rounded down to whole lots in {np.count_nonzero(rest)} rows, "
                f"{gone.normalize():f} {coin.name} in all"
            )
        units = units - rest
    found.balances[:, a] = units


def _read_outside(sheet: Sheet, grid: Grid, found: Accounts, m: int) -> None:
    column = f"outside:{grid.markets[m].name}"
    found.outside[:, m] = _whole(sheet, column, _amounts(sheet, column), grid.markets[m].lot)


def _read_positions(sheet: Sheet, grid: Grid, found: Accounts, m: int) -> None:
    """Positions of a perpetual in whole lots that sum to zero, and their cost."""
    market = grid.markets[m]
    column = f"position:{market.name}"
    before = len(sheet.problems)
    values = _amounts(sheet, column)
    lots = _whole(sheet, column, values, market.lot)
    if len(sheet.problems) == before:
        lots = _matched(sheet, grid, found, (m, column, values, lots))
    found.lots[:, m] = lots
    entry = f"entry:{market.name}"
    if entry in sheet.columns:
        found.cost[:, m] = _costs(sheet, grid, m, entry, lots)
        return
    found.cost[:, m] = lots * market.mark * market.half_unit
    if lots.any():
        found.notes.append(f"{entry}: is not there; positions count as opened at the mark")


def _matched(sheet: Sheet, grid: Grid, found: Accounts, what: Any) -> Integers:
    """Lots that sum to zero: what rounding leaves over is taken off the largest positions.

    A sum beyond one lot, or beyond a thousand millionth of the gross sum, is no rounding.
    """
    m, column, values, lots = what
    market = grid.markets[m]
    with localcontext(EXACT):
        total, gross = sum(values, Decimal(0)), sum(map(abs, values), Decimal(0))
        inexact = sum(1 for value in values if value and value % market.lot)
    if abs(total) > max(market.lot, gross * Decimal("1e-9")):
        large = int(np.argmax(np.abs(lots)))
        over = "longs exceed shorts" if total > 0 else "shorts exceed longs"
        sheet.say(
            f"positions do not sum to zero: {over} by {abs(total).normalize():f}; the largest of "
            f"{np.count_nonzero(lots)} positions is that of row {large + 1}, {values[large]}",
            large,
            column,
        )
        return lots
    if inexact:
        found.notes.append(f"{column}: rounded to whole lots in {inexact} rows")
    return _without_rest(lots)


def _without_rest(lots: Integers) -> Integers:
    """Lots less what they do not sum to zero by, one lot a position, the largest first."""
    lots = lots.copy()
    while rest := int(lots.sum()):
        sign = 1 if rest > 0 else -1
        heavy = np.argsort(-sign * lots, kind="stable")[: min(abs(rest), len(lots))]
        heavy = heavy[sign * lots[heavy] > 0]
        lots[heavy] -= sign
    return lots


def _costs(sheet: Sheet, grid: Grid, m: int, column: str, lots: Integers) -> Integers:
    """Cost of every position from its entry price."""
    market, unit = grid.markets[m], grid.assets[QUOTE].unit
    mark = Decimal(market.mark) * market.tick / 2
    cells, cost = sheet.columns[column], np.zeros(sheet.n, np.int64)
    for i in np.flatnonzero(lots):
        values, wrong = decimals([cells[i]])
        entry = values[0]
        if wrong or not mark / 1000 <= entry <= mark * 1000:
            text = wrong.get(0, f"{entry} is no price: the mark is {mark.normalize():f}")
            why = "is missing, and there is a position" if is_empty(cells[i]) else text
            sheet.say(why, int(i), column)
        else:
            exact = cost_of(int(lots[i]), entry, market.lot, unit)
            if abs(exact) >= LARGEST_SUM:
                sheet.say(f"a position of {exact * unit:.3g} is more than fits", int(i), column)
            else:
                cost[i] = exact
    return cost
