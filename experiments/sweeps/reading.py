"""The files of a sweep's folder as tables: every file once, every run once, in the plan's order."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from crossmargin.experiments.sweeps.plan import Plan
from crossmargin.model.errors import ScenarioError

if TYPE_CHECKING:
    import pyarrow

Found = TypeVar("Found")

#: Times that a folder is looked into whose files vanish while they are read.
LOOKS = 3
#: Bytes of a file from which its columns are read by several threads: for small ones they cost.
LARGE = 4_000_000
#: Columns of a run that are neither factors nor outcomes.
IDENTITY = ("run_id", "point", "replicate", "seed")
#: Columns of the other tables when there is no file of them.
EMPTY = {
    "timing": ("run_id", "wall_seconds", "worker", "attempts", "finished", "model_version"),
    "failures": ("run_id", "point", "replicate", "seed", "stage", "error", "traceback", "attempts"),
    "series": ("run_id", "step", "seconds"),
    "events": ("run_id", "id", "step", "seconds"),
}


def read_record(folder: Path) -> dict[str, Any]:
    """Content of `plan.json`: the plan, the versions and the machine that the sweep began with.

    Raises
    ------
    ScenarioError
        When it is missing or broken.
    """
    path = folder / "plan.json"
    if not folder.is_dir():
        raise ScenarioError(f"{folder}: there is no such folder")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ScenarioError(f"{folder}: holds no sweep: there is no plan.json in it") from None
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ScenarioError(f"{path}: is no JSON: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("plan"), dict):
        raise ScenarioError(f"{path}: is no record of a sweep: it has no table 'plan'")
    return found


def read_plan(folder: Path, record: dict[str, Any]) -> Plan:
    """Plan of a record, without its scenario: results are read where that is not at hand."""
    from pydantic import ValidationError

    try:
        return Plan.model_validate(record["plan"])
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "plan"
        raise ScenarioError(f"{folder / 'plan.json'}: {key}: {first['msg']}") from None


def files(folder: Path, kind: str) -> list[Path]:
    """Finished files of a kind in the order of their names; those being written have others."""
    return sorted([*folder.glob(f"{kind}-*.parquet"), *folder.glob(f"{kind}.parquet")])


def columns_of(folder: Path, kind: str) -> tuple[str, ...]:
    """Names of the columns of all files of a kind, in the order of their first appearance."""
    import pyarrow.parquet

    found = _each(folder, kind, lambda path: pyarrow.parquet.read_schema(path).names)
    return tuple(dict.fromkeys(name for names in found for name in names))


def _each(folder: Path, kind: str, take: "Callable[[Path], Found]") -> "list[Found]":
    """What all files of a kind hold; looks again when some were merged into others meanwhile."""
    for _ in range(LOOKS):
        with suppress(FileNotFoundError):
            return [_taken(path, take) for path in files(folder, kind)]
    raise ScenarioError(f"{folder}: its files change all the time; read them later")


def _taken(path: Path, take: "Callable[[Path], Found]") -> "Found":
    with _readable(path):
        return take(path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except FileNotFoundError:
        raise
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ScenarioError(
            f"{path}: cannot be read: {reason}. Move it away and run the sweep again: it makes the "
            "runs anew that were in it"
        ) from None


def _table(path: Path, columns: Sequence[str] | None) -> "pyarrow.Table":
    """One file; columns that it does not have are left out."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        own = None if columns is None else [name for name in columns if name in names]
        return file.read(columns=own, use_threads=path.stat().st_size > LARGE)


def read(folder: Path, kind: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Rows of all files of a kind, some of the columns or all; empty without a file.

    Raises
    ------
    ScenarioError
        When a file is broken.
    """
    import pyarrow

    tables = _each(folder, kind, lambda path: _table(path, columns))
    if not tables:
        return pd.DataFrame({name: [] for name in EMPTY.get(kind, columns or IDENTITY)})
    return pyarrow.concat_tables(tables, promote_options="permissive").to_pandas()


def read_rows(folder: Path, kind: str) -> pd.DataFrame:
    """Rows of series or events, of each run those of one file.

    A run that a stopped writer began and another one made again stands in two files.
    """
    import pyarrow
    import pyarrow.compute

    seen: set[str] = set()
    tables = []
    for table in _each(folder, kind, lambda path: _table(path, None)):
        own = set(table["run_id"].unique().to_pylist())
        if own & seen:
            again = pyarrow.compute.is_in(table["run_id"], pyarrow.array(own & seen))
            tables.append(table.filter(pyarrow.compute.invert(again)))
        else:
            tables.append(table)
        seen |= own
    if not tables:
        return read(folder, kind)
    return pyarrow.concat_tables(tables, promote_options="permissive").to_pandas()


def timing(folder: Path, runs: Collection[str]) -> pd.DataFrame:
    """Timing of some finished runs, of each the first row."""
    return first_of(read(folder, "timing"), runs)


def first_of(found: pd.DataFrame, runs: Collection[str]) -> pd.DataFrame:
    """First row of timing of each finished run.

    A stopped writer may have left the timing of runs that it did not finish writing.
    """
    found = found[found["run_id"].isin(runs)].drop_duplicates("run_id", ignore_index=True)
    return found if "model_version" in found else found.assign(model_version=None)


def versions_of(timing: pd.DataFrame) -> dict[str, int]:
    """Runs by the version of the model that made them."""
    found = timing["model_version"].dropna().value_counts().sort_index()
    return {str(version): int(count) for version, count in found.items()}


def mixed(versions: Mapping[str, int]) -> str:
    """`runs of 2 versions of the model stand together (a: 4, b: 2)`."""
    counts = ", ".join(f"{version}: {count:,}" for version, count in versions.items())
    return f"runs of {len(versions)} versions of the model stand together ({counts})"


def of_runs(rows: pd.DataFrame, runs: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Rows that belong to runs, with some columns of the run in front of them."""
    own = runs[["run_id", *columns]]
    return own.merge(rows, on="run_id", how="inner", sort=False, suffixes=("", "_row"))
