"""The tables of a snapshot as they lie in files, wide or long, CSV or Parquet."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crossmargin.experiments.explain import did_you_mean
from crossmargin.experiments.snapshots.problems import Problem
from crossmargin.experiments.snapshots.table import COLUMNS, LONG_COLUMNS, Snapshot
from crossmargin.model.errors import ScenarioError


@dataclass
class Sheet:
    """Accounts in wide form: columns of cells, and where each cell of a long form stood."""

    file: str
    columns: dict[str, list[Any]]
    origin: dict[tuple[str, int], tuple[str, int, str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Number of accounts."""
        return len(self.columns.get("account", ()))

    def say(self, text: str, place: int | None = None, column: str = "") -> None:
        """Note a problem of a cell, where it stands in the files."""
        file, row, name = self.file, None if place is None else place + 1, column
        account = "" if place is None else str(self.columns["account"][place])
        if place is not None and (column, place) in self.origin:
            file, row, name = self.origin[column, place]
        self.problems.append(Problem(file, text, row, name, account))

    def texts(self, column: str, default: str = "") -> list[str]:
        """Cells of a column of text; a cell that is empty or not there has the default."""
        cells = self.columns.get(column)
        if cells is None:
            return [default] * self.n
        return [default if is_empty(cell) else str(cell) for cell in cells]


def is_empty(cell: Any) -> bool:
    """Tell whether a cell says nothing."""
    return cell is None or cell == "" or cell != cell  # NaN


def read_cells(path: Path) -> dict[str, list[Any]]:
    """Columns of a Parquet or CSV file, cells as they are.

    Raises
    ------
    ScenarioError
        When it cannot be read as what it is called.
    """
    if not path.is_file():
        raise ScenarioError(f"{path}: there is no such file")
    try:
        return _csv(path) if path.suffix.lower() == ".csv" else _parquet(path)
    except (OSError, ValueError) as error:  # errors of pyarrow and pandas are ValueErrors
        kind = "CSV" if path.suffix.lower() == ".csv" else "Parquet"
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ScenarioError(f"{path}: cannot be read as {kind}: {line}") from None


def _parquet(path: Path) -> dict[str, list[Any]]:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    twice = [name for name, n in Counter(table.column_names).items() if n > 1]
    if twice:
        raise ValueError(f"column {twice[0]} stands twice")
    return {name: table.column(name).to_pylist() for name in table.column_names}


def _csv(path: Path) -> dict[str, list[Any]]:
    import pandas as pd

    table = pd.read_csv(path, dtype=str, keep_default_na=False, skip_blank_lines=False)
    return {str(name).strip(): [cell.strip() for cell in table[name]] for name in table.columns}


def read_sheet(folder: Path, snapshot: Snapshot) -> Sheet:
    """Accounts of a folder in wide form, whatever form they have there.

    Raises
    ------
    ScenarioError
        When a file is missing or broken.
    """
    sheet = Sheet(snapshot.accounts, read_cells(folder / snapshot.accounts))
    _rename(sheet, snapshot.columns)
    if "account" not in sheet.columns:
        near = did_you_mean("account", sheet.columns)
        sheet.say(f"there is no column account; {near}; see snapshot.columns")
        return sheet
    if sheet.n == 0:
        sheet.say("has no rows")
    for kind in LONG_COLUMNS:
        file = getattr(snapshot, kind)
        if file is not None:
            _widen(sheet, kind, file, read_cells(folder / file))
    return sheet


def _rename(sheet: Sheet, names: Mapping[str, str]) -> None:
    """Give columns the names that they have here."""
    for here, there in names.items():
        if not is_known(here):
            sheet.say(f"snapshot.columns.{here}: {unknown(here)}")
        elif there not in sheet.columns:
            near = did_you_mean(there, sheet.columns)
            sheet.say(f"snapshot.columns.{here} = {there!r}: there is no such column; {near}")
        else:
            sheet.columns[here] = sheet.columns.pop(there)


def is_known(column: str) -> bool:
    """Tell whether a column is one of accounts."""
    kind, colon, name = column.partition(":")
    return kind + colon in COLUMNS and bool(name) == bool(colon)


def unknown(column: str) -> str:
    """Words about a column that is none of accounts."""
    shown = [name if not name.endswith(":") else f"{name}NAME" for name in COLUMNS]
    return f"unknown column; {did_you_mean(column, shown)}"


def _widen(sheet: Sheet, kind: str, file: str, cells: dict[str, list[Any]]) -> None:
    """Spread the rows of a long table over the columns of the wide one."""
    names = LONG_COLUMNS[kind]
    if _is_misshapen(sheet, kind, file, cells):
        return
    rows = {str(name): i for i, name in enumerate(sheet.columns["account"])}
    seen: set[tuple[str, str]] = set()
    for r in range(len(cells["account"])):
        account, what = str(cells["account"][r]), str(cells[names[1]][r])
        if account not in rows:
            text = f"there is no account {account!r} in {sheet.file}"
            sheet.problems.append(Problem(file, text, r + 1, "account"))
        elif (account, what) in seen:
            text = f"a second row of {what}"
            sheet.problems.append(Problem(file, text, r + 1, names[1], account))
        else:
            seen.add((account, what))
            for name in names[2:]:
                if name in cells:
                    _put(sheet, f"{name}:{what}", rows[account], cells[name][r], (file, r + 1))


def _is_misshapen(sheet: Sheet, kind: str, file: str, cells: Iterable[str]) -> bool:
    """Note what a long table lacks or has too much, or that it says again what stands elsewhere."""
    names = LONG_COLUMNS[kind]
    before = len(sheet.problems)
    for name in names[:3]:
        if name not in cells:
            sheet.problems.append(Problem(file, f"there is no column {name}"))
    for name in set(cells) - set(names):
        sheet.problems.append(
            Problem(file, f"unknown column; {did_you_mean(name, names)}", column=name)
        )
    for name in names[2:]:
        if any(column.startswith(f"{name}:") for column in sheet.columns):
            sheet.say(f"{name} stands in {file} as well; give one of the two", column=f"{name}:")
    return len(sheet.problems) > before


def _put(sheet: Sheet, column: str, place: int, cell: Any, origin: tuple[str, int]) -> None:
    """Set a cell of the wide table that comes from a row of a long one."""
    if column not in sheet.columns:
        sheet.columns[column] = [None if column.startswith("entry:") else 0] * sheet.n
    sheet.columns[column][place] = cell
    sheet.origin[column, place] = (*origin, column.partition(":")[0])
