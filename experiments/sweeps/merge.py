"""Several folders of one plan, such as the shards of a job array, become one with few files."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossmargin.experiments.sweeps import header
from crossmargin.experiments.sweeps.files import read_table, tables, write_table
from crossmargin.experiments.sweeps.store import FAILURES, joined, replace_failures
from crossmargin.model.errors import ScenarioError

if TYPE_CHECKING:
    import pyarrow as pa

#: A file is full at so many runs, or so many bytes of all its kinds.
RUNS, BYTES = 20_000, 128 << 20
KINDS = ("series", "events", "timing", "runs")  # the runs last: then they count


def merge(target: Path, sources: list[Path]) -> int:
    """Bring the runs of some folders into one, each once, in few files; the sources stay.

    Of a run that two versions of the model made, that of the folder named first is taken.

    Without sources the target's own files are joined; a target that holds no sweep takes those of
    its subfolders. Let no sweep write to the folders meanwhile.

    Returns
    -------
    int
        Runs in the target.

    Raises
    ------
    ScenarioError
        When the folders hold sweeps of different plans.
    """
    is_old = (target / header.NAME).is_file()
    if not sources and not is_old:
        sources = sorted(path.parent for path in target.glob(f"*/{header.NAME}"))
    folders = [target, *sources] if is_old else sources
    if not folders:
        raise ScenarioError(f"{target}: holds no sweep, nor does a folder in it")
    head = _common_header(folders)
    target.mkdir(parents=True, exist_ok=True)
    head.write(target)
    own = _marks(target)
    merged = _Merged(target, _paths(head) if head.other_versions else None)
    for folder in folders:
        for name in _segments(folder):
            merged.add({kind: _segment(folder, kind, name) for kind in KINDS})
    merged.write()
    for file, mark in own.items():
        if _mark(file) == mark:  # nobody wrote to it since it was read
            file.unlink()
    _merge_failures(target, folders, merged)
    return merged.count


def _common_header(folders: list[Path]) -> header.Header:
    first = header.read_header(folders[0])
    versions = list(first.other_versions)
    for folder in folders[1:]:
        other = header.read_header(folder)
        versions += other.other_versions
        facts = ("scenario_digest", "model_version")
        unlike = [fact for fact in facts if getattr(first, fact) != getattr(other, fact)]
        if header.is_extended(first.plan, other.plan):
            unlike.append("plan")
        if unlike:
            raise ScenarioError(
                f"{folder} and {folders[0]}: differ in {', '.join(unlike)}; only folders of one "
                "plan and one version can be merged"
            )
    return replace(first, other_versions=list(dict.fromkeys(versions)))


def _paths(head: header.Header) -> list[str]:
    """Columns that tell a run whatever version of the model made it."""
    return [*(row["path"] for row in head.plan.get("factor", ())), "seed"]


def _segments(folder: Path) -> list[str]:
    """Tags and numbers of the files of runs."""
    return [path.stem.partition("-")[2] for path in tables(folder, "runs")]


def _segment(folder: Path, kind: str, name: str) -> "pa.Table | None":
    path = folder / f"{kind}-{name}.parquet"
    return read_table(path) if path.is_file() else None


def _marks(folder: Path) -> dict[Path, Any]:
    return {file: _mark(file) for kind in KINDS for file in tables(folder, kind)}


def _mark(file: Path) -> Any:
    with contextlib.suppress(OSError):
        facts = file.stat()
        return facts.st_mtime_ns, facts.st_size, facts.st_ino
    return None


@dataclass
class _Merged:
    """Files of a target as they grow.

    Attributes
    ----------
    columns : list of str, optional
        What tells a run where its identity does not, as several versions made runs.
    seen : set
        Runs that were taken, by these columns, or by their identities.
    """

    folder: Path
    columns: list[str] | None
    tag: str = field(default_factory=lambda: f"m{os.urandom(4).hex()}")
    seen: set[Any] = field(default_factory=set)
    parts: "dict[str, list[pa.Table]]" = field(default_factory=dict)
    runs: int = 0
    size: int = 0
    sequence: int = 0

    def add(self, segment: "dict[str, Any]") -> None:
        """Take the runs of a segment that are new, with what belongs to them."""
        new = self.unseen(segment["runs"])
        self.seen |= new.keys()
        for kind, table in segment.items():
            if table is not None and new:
                ids = set(new.values())
                kept = _once(_of(table, ids)) if kind in ("runs", "timing") else _of(table, ids)
                self.parts.setdefault(kind, []).append(kept)
                self.size += kept.nbytes
        self.runs += len(new)
        if self.runs >= RUNS or self.size >= BYTES:
            self.write()

    @property
    def count(self) -> int:
        """Runs that were taken."""
        return len(self.seen)

    def unseen(self, table: "pa.Table") -> dict[Any, str]:
        """Identities of the runs of a table that are new, by what tells them apart."""
        names = table["run_id"].to_pylist()
        keys: Iterable[Any] = names
        if self.columns is not None:
            keys = zip(*(table[column].to_pylist() for column in self.columns), strict=True)
        pairs = zip(keys, names, strict=True)
        return {key: name for key, name in reversed([*pairs]) if key not in self.seen}

    def write(self) -> None:
        """Write what was taken since the last time."""
        for kind in KINDS:
            if self.parts.get(kind):
                path = self.folder / f"{kind}-{self.tag}-{self.sequence:06d}.parquet"
                write_table(path, joined(self.parts[kind]))
        self.parts, self.runs, self.size = {}, 0, 0
        self.sequence += 1


def _of(table: "pa.Table", ids: set[str]) -> "pa.Table":
    """Rows of some runs."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return table.filter(pc.is_in(table["run_id"], pa.array(sorted(ids), pa.string())))


def _once(table: "pa.Table") -> "pa.Table":
    """First row of every run."""
    import pyarrow as pa

    names = table["run_id"].to_pylist()
    first = {name: i for i, name in reversed(list(enumerate(names)))}
    return table.take(pa.array(sorted(first.values()), pa.int64()))


def _failures(folders: list[Path]) -> Iterator["pa.Table"]:
    for folder in folders:
        if (folder / FAILURES).is_file():
            yield read_table(folder / FAILURES)


def _merge_failures(target: Path, folders: list[Path], merged: _Merged) -> None:
    found = list(_failures(folders))
    if found:
        every = joined(found)
        left = set(merged.unseen(every).values())
        replace_failures(target, _once(_of(every, left)), set(every["run_id"].to_pylist()) - left)
