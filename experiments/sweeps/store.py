"""The store of a sweep: finished runs go into files of hundreds, and a kill loses some seconds.

A writer fills one segment at a time. Every few seconds the segment's files are replaced by longer
ones, until it is full and the next begins; so there are few files, each whole at any moment. The
runs are written last: a run counts as done when it stands in a `runs` file, and its rows of
timing, series and events stand in the files of the same tag and number.
"""

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from crossmargin.experiments.sweeps.files import (
    StorageError,
    locked,
    read_table,
    size_of,
    tables,
    write_table,
)
from crossmargin.experiments.sweeps.reserve import Reserve
from crossmargin.experiments.sweeps.worker import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

#: A segment is full at so many runs, or so many bytes of series and events.
SEGMENT_RUNS, SEGMENT_BYTES = 512, 16 << 20
#: Longest time between two writings, s; more when writing takes more than a twentieth of it.
FLUSH_SECONDS = 2.0
FAILURES = "failures.parquet"


class Sink(Protocol):
    """Where outcomes go."""

    def add(self, outcome: Outcome) -> None:
        """Take an outcome."""

    def tick(self) -> None:
        """Write what was taken when it is time."""

    def flush(self) -> None:
        """Write what was taken."""

    def close(self) -> None:
        """Write what was taken, and leave nothing else behind."""


def column_types(points: pd.DataFrame) -> "dict[str, pa.DataType]":
    """Types of the factors' columns, from the whole design, so that all files agree."""
    import pyarrow as pa

    kinds = {"i": pa.int64(), "u": pa.int64(), "f": pa.float64(), "b": pa.bool_()}
    return {str(path): kinds.get(points[path].dtype.kind, pa.string()) for path in points.columns}


@dataclass
class Tables:
    """Tables of outcomes, with the factors' columns of one plan and one version of the model."""

    types: "dict[str, pa.DataType]"
    version: str = ""

    def runs(self, outcomes: list[Outcome]) -> "pa.Table":
        """One row a finished run: identity, factors, outcomes."""
        import pyarrow as pa

        columns = self._facts(outcomes)
        for name in dict.fromkeys(name for o in outcomes for name in o.values):
            columns[name] = pa.array([o.values.get(name) for o in outcomes], pa.float64())
        return pa.table(columns)

    def timing(self, outcomes: list[Outcome]) -> "pa.Table":
        """One row a finished run: how long it took, where and when, and what made it."""
        import pyarrow as pa

        finished = [round(1e6 * o.finished) for o in outcomes]
        return pa.table(
            {
                "run_id": pa.array([o.task.run_id for o in outcomes], pa.string()),
                "wall_seconds": pa.array([o.wall for o in outcomes], pa.float64()),
                "worker": pa.array([o.worker for o in outcomes], pa.string()),
                "attempts": pa.array([o.attempts for o in outcomes], pa.int64()),
                "finished": pa.array(finished, pa.timestamp("us", "UTC")),
                "model_version": pa.array([self.version] * len(outcomes), pa.string()),
            }
        )

    def failures(self, outcomes: list[Outcome]) -> "pa.Table":
        """One row a failed run, with where it failed and why."""
        import pyarrow as pa

        columns = self._facts(outcomes)
        for name in ("stage", "error", "traceback"):
            columns[name] = pa.array([getattr(o, name) for o in outcomes], pa.string())
        columns["attempts"] = pa.array([o.attempts for o in outcomes], pa.int64())
        return pa.table(columns)

    def _facts(self, outcomes: list[Outcome]) -> "dict[str, pa.Array]":
        import pyarrow as pa

        tasks = [outcome.task for outcome in outcomes]
        columns = {
            "run_id": pa.array([task.run_id for task in tasks], pa.string()),
            "point": pa.array([task.point for task in tasks], pa.int64()),
            "replicate": pa.array([task.replicate for task in tasks], pa.int64()),
            "seed": pa.array([task.seed for task in tasks], pa.int64()),
        }
        for place, (path, kind) in enumerate(self.types.items()):
            cells = [task.values[place] for task in tasks]
            is_text = pa.types.is_string(kind)
            columns[path] = pa.array([str(c) for c in cells] if is_text else cells, kind)
        return columns


class FolderSink:
    """Writes outcomes to a folder.

    Parameters
    ----------
    tag : str
        Of this writer; names of its files carry it, so that two writers never meet.
    """

    def __init__(self, folder: Path, shape: Tables, tag: str = "") -> None:
        self.folder, self.shape = folder, shape
        self.tag = f"{tag}x{os.urandom(4).hex()}" if tag else os.urandom(4).hex()
        self.sequence = self.size = 0
        self.open: list[Outcome] = []
        self.failed: list[Outcome] = []
        self.recovered: set[str] = set()
        self.known_failures = failed_ids(folder)
        self.is_dirty = False
        self.next_flush = time.monotonic() + FLUSH_SECONDS
        self.reserve = Reserve(folder, self.tag)

    def add(self, outcome: Outcome) -> None:
        """Take an outcome; writes when the segment is full."""
        self.is_dirty = True
        if outcome.status == "done":
            self.open.append(outcome)
            self.size += size_of(outcome.series) + size_of(outcome.events)
            self.recovered |= self.known_failures.intersection(outcome.task.names)
        else:
            self.failed.append(outcome)
            self.recovered |= self.known_failures.intersection(outcome.task.earlier)
        if len(self.open) >= SEGMENT_RUNS or self.size >= SEGMENT_BYTES:
            self.flush()
            self.open, self.size, self.sequence = [], 0, self.sequence + 1

    def tick(self) -> None:
        """Write when some seconds have passed since the last time."""
        if self.is_dirty and time.monotonic() >= self.next_flush:
            self.flush()

    def flush(self) -> None:
        """Write what was taken; `StorageError` when that fails, and files written stay."""
        began = time.monotonic()
        if self.is_dirty:
            try:
                self._write()
            except StorageError as error:
                self.reserve.record(error)
                raise
            self.is_dirty = False
        now = time.monotonic()
        self.next_flush = now + max(FLUSH_SECONDS, 20 * (now - began))

    def close(self) -> None:
        """Write what was taken, and give the room back that was kept."""
        try:
            self.flush()
        finally:
            self.reserve.release()

    def _write(self) -> None:
        if self.open:
            try:
                self._write_segment()
            except StorageError:
                self._drop_orphans()
                raise
        if self.failed or self.recovered:
            self._write_failures()

    def _drop_orphans(self) -> None:
        """Remove the files of a segment whose runs could not be written."""
        if not self._path("runs").exists():
            for kind in ("series", "events", "timing"):
                with contextlib.suppress(OSError):
                    self._path(kind).unlink(missing_ok=True)

    def _write_segment(self) -> None:
        for kind in ("series", "events"):
            found = [table for o in self.open if (table := getattr(o, kind)) is not None]
            if found:
                write_table(self._path(kind), joined(found))
        write_table(self._path("timing"), self.shape.timing(self.open))
        write_table(self._path("runs"), self.shape.runs(self.open))

    def _path(self, kind: str) -> Path:
        return self.folder / f"{kind}-{self.tag}-{self.sequence:06d}.parquet"

    def _write_failures(self) -> None:
        """Add to the failures of all writers, and take out the runs that have succeeded since."""
        replace_failures(self.folder, self.shape.failures(self.failed), self.recovered)
        self.known_failures |= {outcome.task.run_id for outcome in self.failed}
        self.known_failures -= self.recovered
        self.failed, self.recovered = [], set()


@dataclass
class MemorySink:
    """Keeps outcomes in memory, in columns, for a sweep without a folder."""

    shape: Tables
    open: list[Outcome] = field(default_factory=list)
    failed: list[Outcome] = field(default_factory=list)
    parts: "dict[str, list[pa.Table]]" = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Take an outcome."""
        (self.open if outcome.status == "done" else self.failed).append(outcome)
        if len(self.open) >= SEGMENT_RUNS:
            self.flush()

    def tick(self) -> None:
        """Nothing is ever due."""

    def flush(self) -> None:
        """Turn outcomes into columns."""
        if not self.open:
            return
        for kind in ("runs", "timing"):
            self.parts.setdefault(kind, []).append(getattr(self.shape, kind)(self.open))
        for kind in ("series", "events"):
            found = [table for o in self.open if (table := getattr(o, kind)) is not None]
            self.parts.setdefault(kind, []).extend(found)
        self.open = []

    def close(self) -> None:
        """Turn outcomes into columns."""
        self.flush()

    def frame(self, kind: str) -> pd.DataFrame:
        """`runs`, `timing`, `failures`, `series` or `events` as pandas."""
        self.flush()
        if kind == "failures":
            return self.shape.failures(self.failed).to_pandas()
        if self.parts.get(kind):
            return joined(self.parts[kind]).to_pandas()
        empty = kind in ("runs", "timing")
        return getattr(self.shape, kind)([]).to_pandas() if empty else pd.DataFrame()


def joined(found: "Iterable[pa.Table]") -> "pa.Table":
    """Tables one below the other; a column that some lack is empty there."""
    import pyarrow as pa

    return pa.concat_tables(found, promote_options="permissive")


def replace_failures(folder: Path, new: "pa.Table", gone: set[str]) -> None:
    """Write `failures.parquet` anew: with new rows, without those of some runs."""
    import pyarrow as pa
    import pyarrow.compute as pc

    with locked(folder):
        path = folder / FAILURES
        if path.is_file():
            old = read_table(path)
            dropped = pa.array(sorted(gone | set(new["run_id"].to_pylist())), pa.string())
            new = joined([old.filter(pc.invert(pc.is_in(old["run_id"], dropped))), new])
        write_table(path, new)


def failed_ids(folder: Path) -> set[str]:
    """Identities of the runs that failed."""
    path = folder / FAILURES
    return set(read_table(path, ["run_id"])["run_id"].to_pylist()) if path.is_file() else set()


def done_ids(folder: Path) -> set[str]:
    """Identities of the runs that are finished."""
    files = tables(folder, "runs")
    return {name for file in files for name in read_table(file, ["run_id"])["run_id"].to_pylist()}


def last_replicate(folder: Path) -> int:
    """Largest number of a replicate that is finished; -1 without any."""
    import pyarrow.compute as pc

    found = [read_table(file, ["replicate"])["replicate"] for file in tables(folder, "runs")]
    return max((pc.max(column).as_py() for column in found if len(column)), default=-1)


def stored_outcome(folder: Path, outcome: str) -> dict[str, float | None]:
    """Values of one outcome by run; nothing of a run that lacks it."""
    found: dict[str, Any] = {}
    for file in tables(folder, "runs"):
        columns = read_table(file, ["run_id", outcome]).to_pydict()
        values = columns.get(outcome, [None] * len(columns["run_id"]))
        found |= dict(zip(columns["run_id"], values, strict=True))
    return found
