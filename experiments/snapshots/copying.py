"""An anonymised copy of the folder of a snapshot."""

from pathlib import Path

from crossmargin.experiments.load import read_toml
from crossmargin.experiments.snapshots.accounts import Accounts
from crossmargin.experiments.snapshots.anonymising import Disguise, anonymise
from crossmargin.experiments.snapshots.exporting import forget
from crossmargin.experiments.snapshots.importing import Imported
from crossmargin.experiments.snapshots.reading import read_cells
from crossmargin.experiments.snapshots.table import DEPTH_COLUMNS, PARAMETERS
from crossmargin.experiments.snapshots.writing import write_folder

#: Keys of `[snapshot]` that name files and columns, which the copy has in their usual form.
NAMING = ("folder", "accounts", "balances", "positions", "columns", "digest")


def write_copy(found: Imported, out: Path, disguise: Disguise) -> Accounts:
    """Write a copy and return the accounts that are in it.

    Parameters and depth are copied as they are; words in them too.
    """
    changed = anonymise(found.content.accounts, found.grid, disguise)
    table = read_toml(found.folder / PARAMETERS)
    forget(table, changed)
    for row in table["population"]:
        row.pop("count", None) if row["name"] in set(changed.populations) else None
    kept = {k: v for k, v in table.get("snapshot", {}).items() if k not in NAMING}
    depth = []
    snapshot = found.scenario.snapshot
    if snapshot is not None and snapshot.depth is not None:
        cells = read_cells(found.folder / snapshot.depth.file)
        depth = list(zip(*(cells[name] for name in DEPTH_COLUMNS), strict=True))
        kept["depth"] = {k: v for k, v in kept.get("depth", {}).items() if k != "file"}
    write_folder(out, changed, found.grid, {**table, "snapshot": kept}, depth)
    return changed
