"""A snapshot as files, written whole or not at all."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from crossmargin.experiments.snapshots.accounts import Accounts
from crossmargin.experiments.snapshots.exact import ENTRY_DIGITS, columns_of, mean_price, step_of
from crossmargin.experiments.snapshots.grid import Grid
from crossmargin.experiments.snapshots.table import ACCOUNTS, DEPTH, DEPTH_COLUMNS, PARAMETERS
from crossmargin.experiments.store import staged
from crossmargin.model.errors import ScenarioError
from crossmargin.model.ledger import QUOTE


def write_folder(
    folder: Path, accounts: Accounts, grid: Grid, table: dict[str, Any], depth: Iterable[Any]
) -> Path:
    """Write accounts, parameters and, where there are any, rows of depth.

    Raises
    ------
    ScenarioError
        When the folder holds a snapshot already, or cannot be written.
    """
    import pyarrow.parquet
    import tomli_w

    check_free(folder)
    rows = list(depth)
    with staged(folder) as stage:
        pyarrow.parquet.write_table(table_of(accounts, grid), stage / ACCOUNTS, compression="zstd")
        (stage / PARAMETERS).write_text(tomli_w.dumps(table), encoding="utf-8")
        if rows:
            lines = [",".join(DEPTH_COLUMNS), *(",".join(map(_word, row)) for row in rows)]
            (stage / DEPTH).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def check_free(folder: Path) -> None:
    """Refuse a folder that holds a snapshot.

    Raises
    ------
    ScenarioError
        With the file that is there.
    """
    for name in (PARAMETERS, ACCOUNTS, DEPTH):
        if (folder / name).exists():
            raise ScenarioError(f"--out {folder}: holds {name} already; give another folder")


def _word(cell: Any) -> str:
    return repr(cell) if isinstance(cell, float) else f"{cell}"


def table_of(accounts: Accounts, grid: Grid) -> Any:
    """Accounts as an Arrow table: texts, and exact decimals in natural units."""
    import pyarrow as pa

    names = [market.name for market in grid.markets]
    isolated = [names[m] if m >= 0 else None for m in accounts.only_market]
    columns = {
        "account": pa.array(accounts.ids, pa.string()),
        "population": pa.array(accounts.populations, pa.string()),
        "owner": pa.array([owner or None for owner in accounts.owners], pa.string()),
        "isolated_market": pa.array(isolated, pa.string()),
    }
    for a, coin in enumerate(grid.assets):
        digits = -int(coin.unit.as_tuple().exponent)
        columns[f"balance:{coin.name}"] = columns_of(accounts.balances[:, a], digits)
    for m, market in enumerate(grid.markets):
        if not market.is_spot:
            columns[f"position:{market.name}"] = _base(accounts.lots[:, m], grid, m)
            columns[f"entry:{market.name}"] = _entries(accounts, grid, m)
        if accounts.outside[:, m].any():
            columns[f"outside:{market.name}"] = _base(accounts.outside[:, m], grid, m)
    return pa.table(columns)


def _base(lots: np.ndarray, grid: Grid, m: int) -> Any:
    """Lots as base quantities."""
    lot = step_of(float(grid.markets[m].lot)).normalize()
    digits = max(0, -int(lot.as_tuple().exponent))
    return columns_of(lots * int(lot.scaleb(digits)), digits)


def _entries(accounts: Accounts, grid: Grid, m: int) -> Any:
    """Entry prices; none without a position."""
    import pyarrow as pa

    lot, unit = grid.markets[m].lot, grid.assets[QUOTE].unit
    kind = pa.decimal128(38, ENTRY_DIGITS)
    prices = [
        mean_price(cost, lots, lot, unit) if lots else None
        for cost, lots in zip(accounts.cost[:, m], accounts.lots[:, m], strict=True)
    ]
    return pa.array(prices, kind)
