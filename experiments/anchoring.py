"""Files that a scenario names are found from anywhere: they lie beside it, or in this package."""

from pathlib import Path
from typing import Any

from crossmargin.experiments.recordings import is_there

#: Scenarios that come with the package; the files that they name lie in `experiments/data`.
SCENARIOS = Path(__file__).parent / "scenarios"


def anchor_files(path: Path, table: dict[str, Any]) -> None:
    """Give every recording and history that a scenario's table names its whole path.

    Parameters
    ----------
    path : Path
        File of the scenario.
    table : dict
        Its content, not yet checked; changed in place.
    """
    for underlying in rows_of(table, "underlying"):
        anchor(path, underlying.get("recording") if isinstance(underlying, dict) else None, "file")
    for history in rows_of(table.get("initial"), "volume_at_price"):
        anchor(path, history, "file")
        anchor(path, history, "candles")


def rows_of(table: Any, key: str) -> list[Any]:
    """Rows under a key; none where the table is wrong, which the schema says later, by its key."""
    rows = table.get(key) if isinstance(table, dict) else None
    return rows if isinstance(rows, list) else []


def anchor(path: Path, table: Any, key: str) -> None:
    """A CSV named without a folder lies in experiments/data or beside the scenario."""
    if isinstance(table, dict) and isinstance(table.get(key), str):
        beside = path.parent / table[key]
        if is_there(beside) and path.parent != SCENARIOS:
            table[key] = str(beside.resolve())


def anchor_folder(beside: Path, snapshot: dict[str, Any]) -> None:
    """Let the folder of a snapshot be found from anywhere: it lies beside the scenario."""
    folder = snapshot.get("folder", ".")
    if isinstance(folder, str):
        snapshot["folder"] = str((beside / folder).resolve())
