"""A run on disk: Parquet tables and a JSON sidecar, written whole or not at all.

Wall times stand in `run.json` alone, so that two runs of one seed have equal tables.
"""

import hashlib
import importlib
import importlib.metadata
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import crossmargin
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import TABLES as TABLES
from crossmargin.experiments.run import Run, simulate, tables_of
from crossmargin.experiments.schema import Scenario
from crossmargin.experiments.versions import VERSIONED
from crossmargin.model.errors import ScenarioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Relative difference within which another machine or other versions count as the same.
TOLERANCE = 1e-6


def scenario_hash(scenario: Scenario) -> str:
    """Hash of everything that a scenario says, 16 hex digits."""
    return hashlib.sha256(scenario.model_dump_json().encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Versions of this package, of Python and of what a result depends on."""
    found = {name: importlib.metadata.version(name) for name in VERSIONED}
    return {
        "crossmargin": crossmargin.__version__,
        "python": platform.python_version(),
        **found,
    }


def machine() -> dict[str, str]:
    """Processor family and system, as far as they can change the last bits of a float."""
    return {"machine": platform.machine(), "system": platform.system(), "processor": _family()}


def _family() -> str:
    """Vendor, family and model of the processor where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    cleaned = {key.strip(): value.strip() for key, value in found.items()}
    keys = ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")
    return " ".join(cleaned[key] for key in keys if key in cleaned)


def sidecar(run: Run) -> dict[str, Any]:
    """Content of `run.json`."""
    return {
        "scenario_name": run.scenario.name,
        "seed": run.seed,
        "steps": run.steps,
        "scenario_hash": scenario_hash(run.scenario),
        "versions": versions(),
        "machine": machine(),
        "wall_seconds": {name: round(value, 4) for name, value in run.wall.items()},
        **({"burn_in": _burn_in(run)} if "burn_in" in run.world.notes else {}),
        "summary": run.summary,
        "scenario": run.scenario.model_dump(mode="json", exclude_none=True),
    }


def _burn_in(run: Run) -> dict[str, Any]:
    """What was run before step 0, and whether it was found in the cache."""
    return {**run.world.notes["burn_in"], **run.world.notes["burn_in_cache"]}


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be written before anything is run.

    Raises
    ------
    ScenarioError
        With the folder and the reason.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise ScenarioError(f"--out {folder}: is a file, not a folder")
        existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
        with tempfile.TemporaryDirectory(dir=existing, prefix=".crossmargin-"):
            pass
    except OSError as error:
        raise ScenarioError(f"--out {folder}: cannot be written: {error.strerror}") from None


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Folder beside the target whose files move into place when all of them are written."""
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(dir=folder, prefix=".partial-"))
    except OSError as error:
        raise ScenarioError(f"--out {folder}: cannot be written: {error.strerror}") from None
    try:
        yield stage
        files = sorted(stage.iterdir(), key=lambda file: (file.suffix == ".json", file.name))
        for file in files:
            if (folder / file.name).is_dir():
                raise ScenarioError(f"--out {folder}: {file.name} is a folder there")
        for file in files:  # run.json last: it says that the others are there
            os.replace(file, folder / file.name)
    except OSError as error:
        raise ScenarioError(f"--out {folder}: cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if is_new and not any(folder.iterdir()):
            folder.rmdir()


def save(run: Run, folder: Path, *, report: bool = False) -> Path:
    """Write the tables and `run.json` of a run, and `report.html` if asked."""
    with staged(folder) as stage:
        for name in tables_of(run.scenario):
            getattr(run, name).to_parquet(
                stage / f"{name}.parquet", compression="zstd", index=False
            )
        text = json.dumps(sidecar(run), indent=2, default=_plain)
        (stage / "run.json").write_text(text + "\n", encoding="utf-8")
        if report:
            _write_report(run, stage / "report.html")
    if not report:
        (folder / "report.html").unlink(missing_ok=True)  # of an earlier run, not of this one
    return folder


def _write_report(run: Run, path: Path) -> None:
    # the report lies above this folder: it is looked up by name, so that imports run one way
    importlib.import_module("crossmargin.dashboards.report").write_report(run, path)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def read_sidecar(folder: Path) -> dict[str, Any]:
    """`run.json` of a folder.

    Raises
    ------
    ScenarioError
        When it is missing or broken.
    """
    path = folder / "run.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ScenarioError(f"{path}: is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ScenarioError(f"{path}: is no record of a run")
    missing = {"seed", "steps", "scenario", "versions", "machine"} - set(found)
    if missing:
        raise ScenarioError(f"{path}: lacks {', '.join(sorted(missing))}")
    wrong = [key for key in ("scenario", "versions", "machine") if not isinstance(found[key], dict)]
    if wrong:
        raise ScenarioError(f"{path}: {wrong[0]} is no table")
    return found


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """One table of a run's folder.

    Raises
    ------
    ScenarioError
        When it is missing or broken.
    """
    path = folder / f"{name}.parquet"
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None


def reproduce(folder: Path) -> tuple[bool, bool, list[str]]:
    """Run a saved run again and compare every table.

    Returns
    -------
    is_equal : bool
        Every table is equal bit for bit.
    is_near : bool
        Every table is equal within `TOLERANCE`.
    notes : list of str
        What differs: versions, processor, tables.
    """
    record = read_sidecar(folder)
    scenario = load_scenario(record["scenario"])
    tables = {name: read_table(folder, name) for name in tables_of(scenario)}
    run = simulate(scenario, seed=record["seed"], steps=record["steps"])
    notes = _environment_notes(record)
    is_equal = is_near = True
    for name, old in tables.items():
        new = getattr(run, name)
        if not same(old, new):
            is_equal = False
            near = close(old, new)
            is_near = is_near and near
            notes.append(f"{name}: " + ("equal within tolerance" if near else "differs"))
    return is_equal, is_near, notes


def _environment_notes(record: dict[str, Any]) -> list[str]:
    notes = []
    for kind, here in (("versions", versions()), ("machine", machine())):
        for key, value in here.items():
            if record[kind].get(key) != value:
                notes.append(f"{key}: was {record[kind].get(key)}, is {value}")
    return notes


def same_environment(folder: Path) -> bool:
    """Tell whether a run was made on this processor family with these versions."""
    return not _environment_notes(read_sidecar(folder))


def same(old: pd.DataFrame, new: pd.DataFrame) -> bool:
    """Tell whether two tables are equal bit for bit; NaN equals NaN."""
    if list(old.columns) != list(new.columns) or len(old) != len(new):
        return False
    return all(_bits(old[name]) == _bits(new[name]) for name in old.columns)


def _bits(column: "pd.Series[Any]") -> bytes:
    if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == object:
        return "\0".join(map(str, column.tolist())).encode()
    return column.to_numpy().tobytes()


def close(old: pd.DataFrame, new: pd.DataFrame) -> bool:
    """Tell whether two tables are equal within `TOLERANCE`."""
    if list(old.columns) != list(new.columns) or len(old) != len(new):
        return False
    return all(_near(old[name], new[name]) for name in old.columns)


def _near(old: "pd.Series[Any]", new: "pd.Series[Any]") -> bool:
    if not pd.api.types.is_numeric_dtype(old.dtype):
        return _bits(old) == _bits(new)
    left: NDArray[np.float64] = old.to_numpy(float)
    right: NDArray[np.float64] = new.to_numpy(float)
    return bool(np.allclose(left, right, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))
