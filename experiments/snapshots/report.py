"""What `crossmargin import` prints about a book."""

from collections import Counter
from pathlib import Path

import numpy as np
from rich.table import Table

from crossmargin.experiments.console import console, money
from crossmargin.experiments.snapshots.accounts import Accounts
from crossmargin.experiments.snapshots.anonymising import comparison, gross_notional
from crossmargin.experiments.snapshots.exporting import accounts_in, depth_rows
from crossmargin.experiments.snapshots.grid import Grid, grid_of
from crossmargin.experiments.snapshots.importing import Imported, load_folder
from crossmargin.model.depth import depth_within
from crossmargin.model.kernel import from_python
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import STATES
from crossmargin.model.world import World


def print_imported(found: Imported) -> None:
    """Print accounts by population, markets, what reading changed and who is in trouble."""
    out = console()
    out.print(_populations(found))
    out.print(_markets(found))
    for line in [*found.content.accounts.notes, *_minted(found), *_troubles(found)]:
        out.print(line, markup=False)


def _table(*names: str) -> Table:
    table = Table(box=None)
    for name in names:
        table.add_column(name, justify="left" if name == names[0] else "right")
    return table


def _populations(found: Imported) -> Table:
    accounts, one = found.content.accounts, float(found.grid.assets[0].unit)
    kinds = {row.name: row.kind for row in found.scenario.population}
    table = _table("population", "behaviour", "accounts", "equity", "notional")
    equity, notional = accounts.equity(found.grid), gross_notional(accounts, found.grid)
    names = np.array(accounts.populations, object)
    for name, count in Counter(accounts.populations).items():
        own = names == name
        sums = [money(float(values[own].sum()) * one) for values in (equity, notional)]
        table.add_row(name, kinds.get(name, "the venue"), f"{count:,}", *sums)
    return table


def _markets(found: Imported) -> Table:
    world, units = found.world, found.grid.markets
    table = _table("market", "mark", "open interest", "longs", "shorts", "bids 2%", "asks 2%")
    for m, market in enumerate(units):
        lots = found.content.accounts.lots[:, m]
        mid, lot = int(world.state.book.ladders[m]["mid"]), float(market.lot)
        limits = (-(-mid * 49 // 100), mid * 51 // 100)  # ticks: half of the mid, 2% away
        depth = [
            int(from_python(depth_within)(world.state.book, m, side, limits[side])) * lot
            for side in range(2)
        ]
        table.add_row(
            market.name,
            f"{float(market.mark * market.tick) / 2:,.6g}",
            f"{np.abs(lots).sum() / 2 * lot:,.6g}",
            f"{np.count_nonzero(lots > 0):,}",
            f"{np.count_nonzero(lots < 0):,}",
            *(f"{base:,.6g}" for base in depth),
        )
    return table


def _minted(found: Imported) -> list[str]:
    """What the depth curve brings, which no account of the snapshot has."""
    snapshot = found.scenario.snapshot
    if snapshot is None or snapshot.depth is None:
        return []
    ledger, names = found.world.state.ledger, found.world.names.populations
    own = ledger.accounts["population"] == names.index(snapshot.depth.population)
    held = ledger.balances[own].sum(axis=0)
    amounts = [
        f"{money(float(units * coin.unit))} {coin.name}"
        for units, coin in zip(held.tolist(), found.grid.assets, strict=True)
        if units
    ]
    return [f"the depth curve brings {' and '.join(amounts)} of its own"]


def _troubles(found: Imported) -> list[str]:
    """Lines about accounts that the venue would act on at once."""
    ledger = found.world.state.ledger
    measure_all(ledger, found.world.state.book)
    own = ledger.accounts[ledger.accounts["population"] >= 0]
    failing = own["maintenance_equity"] < own["maintenance_requirement"]
    bankrupt = int((own["equity"] < 0).sum())
    lines = [f"below maintenance: {int(failing.sum()):,} of {len(own):,} accounts"]
    return lines + ([f"{STATES[4]}: {bankrupt:,} with negative equity"] if bankrupt else [])


def print_comparison(before: Accounts, after: Accounts, grid: Grid) -> None:
    """Print what anonymised accounts preserve."""
    table = _table("", "before", "after")
    for name, old, new in comparison(before, after, grid):
        table.add_row(name, f"{old:,.6g}", f"{new:,.6g}")
    console().print(table)
    for line in after.notes:
        console().print(line, markup=False)


def print_exported(world: World, folder: Path, *, is_changed: bool, has_depth: bool) -> None:
    """Print which books have no curve, and what anonymised accounts preserve."""
    grid = grid_of(world.state, world.scenario)
    curves = {name for name, *_ in depth_rows(world, grid)}
    bare = [market.name for market in grid.markets if market.name not in curves]
    if has_depth and bare:
        console().print(
            f"note: {', '.join(bare)}: a side of the book is empty at this step, so there is no "
            "depth curve; --keep-makers lets makers quote again"
        )
    if is_changed:
        after = load_folder(folder).content.accounts
        print_comparison(accounts_in(world, {}), after, grid)
