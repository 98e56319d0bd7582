"""All that the files of a snapshot say, read once for every scenario that uses them."""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

from crossmargin.experiments.snapshots.accounts import Accounts, accounts_of
from crossmargin.experiments.snapshots.checking import check_accounts
from crossmargin.experiments.snapshots.depth import Curve, read_depth
from crossmargin.experiments.snapshots.grid import Grid
from crossmargin.experiments.snapshots.problems import SnapshotError, refuse
from crossmargin.experiments.snapshots.reading import read_sheet
from crossmargin.experiments.snapshots.table import Snapshot
from crossmargin.model.errors import ScenarioError


@dataclass(frozen=True, eq=False)
class Content:
    """Accounts and depth curves of a folder."""

    accounts: Accounts
    curves: list[Curve]


def files_of(snapshot: Snapshot) -> list[Path]:
    """Files that a snapshot consists of.

    Raises
    ------
    ScenarioError
        When one is missing.
    """
    folder = Path(snapshot.folder)
    named = [snapshot.accounts, snapshot.balances, snapshot.positions]
    named.append(snapshot.depth.file if snapshot.depth is not None else None)
    files = [folder / name for name in named if name is not None]
    for file in files:
        if not file.is_file():
            raise ScenarioError(f"{file}: there is no such file")
    return files


def digest_of(snapshot: Snapshot) -> str:
    """Hash of the files of a snapshot, wherever they lie, 16 hex digits."""
    total = hashlib.sha256()
    for file in files_of(snapshot):
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:16]


def read(snapshot: Snapshot, grid: Grid) -> Content:
    """Content of a snapshot, checked.

    Raises
    ------
    SnapshotError
        With everything that is wrong, by file, row and column.
    """
    stamps = tuple((file.stat().st_mtime_ns, file.stat().st_size) for file in files_of(snapshot))
    return _read(snapshot.model_dump_json(), stamps, grid)


@functools.lru_cache(maxsize=4)
def _read(text: str, stamps: tuple[tuple[int, int], ...], grid: Grid) -> Content:
    snapshot = Snapshot.model_validate_json(text)
    if snapshot.digest and snapshot.digest != digest_of(snapshot):
        raise SnapshotError(
            f"{snapshot.folder}: its files are not those that were imported: import it again, or "
            "take snapshot.digest out of the scenario"
        )
    folder = Path(snapshot.folder)
    sheet = read_sheet(folder, snapshot)
    if "account" not in sheet.columns:
        refuse(folder, sheet.problems)
    accounts = accounts_of(sheet, grid)
    keeps = snapshot.negative_equity == "keep"
    check_accounts(sheet, grid, accounts, keeps_negative=keeps)
    curves: list[Curve] = []
    problems = sheet.problems
    if snapshot.depth is not None:
        curves, more = read_depth(folder, snapshot.depth, grid)
        problems = problems + more
    refuse(folder, problems)
    return Content(accounts, curves)
