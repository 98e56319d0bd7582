"""Folders of snapshots for tests: a small venue, changed cell by cell."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from crossmargin.experiments.snapshots.importing import Imported, load_folder
from crossmargin.experiments.snapshots.problems import SnapshotError
from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import State
from crossmargin.model.world import World

VENUE = Path(__file__).parent / "venue"
Cells = dict[str, list[Any]]


def venue(folder: Path, change: Callable[[Cells], Any] | None = None, **files: str) -> Path:
    """Copy of the small venue; accounts changed in place, other files by their stem."""
    shutil.copytree(VENUE, folder, dirs_exist_ok=True)
    if change is not None:
        cells = pyarrow.parquet.read_table(VENUE / "accounts.parquet").to_pydict()
        change(cells)
        write(folder / "accounts.parquet", cells)
    for stem, text in files.items():
        (folder / f"{stem}.{'toml' if stem == 'market' else 'csv'}").write_text(text)
    return folder


def write(file: Path, cells: Cells) -> None:
    """Write columns as they are; a column of mixed kinds as text."""
    arrays = {}
    for name, values in cells.items():
        try:
            arrays[name] = pa.array(values, from_pandas=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            arrays[name] = pa.array([None if v is None else str(v) for v in values])
    pyarrow.parquet.write_table(pa.table(arrays), file)


def problems(folder: Path) -> list[str]:
    """Everything that is wrong with a folder, in words; it must be refused."""
    try:
        load_folder(folder)
    except SnapshotError as error:
        return [str(problem) for problem in error.problems] or [str(error)]
    raise AssertionError(f"{folder} was taken")


def row_of(found: Imported, account: str) -> int:
    """Row of the ledger of an account."""
    accounts = found.content.accounts
    place = accounts.ids.index(account)
    population = accounts.populations[place]
    before = accounts.populations[:place].count(population)
    number = found.world.names.populations.index(population)
    rows = np.flatnonzero(found.world.state.ledger.accounts["population"] == number)
    return int(rows[before])


def unrealised(state: State, row: int, market: int) -> int:
    """Profit of a position at the mark, quote units."""
    listed = state.ledger.markets[market]
    worth = int(state.ledger.lots[row, market]) * int(listed["mark"]) * int(listed["half_unit"])
    return worth - int(state.ledger.cost[row, market])


def depth(world: World, market: int, side: int, bps: float) -> float:
    """Base quantity that rests within a distance of the mid."""
    orders, mid = world.state.book.orders, int(world.state.book.ladders[market]["mid"])
    own = orders[(orders["side"] == side) & (orders["market"] == market)]
    away = np.abs(2.0 * own["price"] - mid) / mid * 1e4
    lots = int(own["quantity"][away <= bps * (1.0 + 1e-9)].sum())
    return lots * float(world.state.ledger.markets[market]["lot"])


__all__ = ["QUOTE", "VENUE", "depth", "problems", "row_of", "unrealised", "venue", "write"]
