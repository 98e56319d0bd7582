"""The folder of a sweep before its first run: whether the plan may add to it, and what it holds."""

from pathlib import Path
from typing import Any

from crossmargin.experiments.sweeps import header, store
from crossmargin.experiments.sweeps.files import clear_partial, read_table, tables
from crossmargin.experiments.sweeps.header import Header
from crossmargin.experiments.sweeps.identity import run_id
from crossmargin.experiments.sweeps.replications import Rounds
from crossmargin.experiments.sweeps.tasks import Task
from crossmargin.experiments.sweeps.work import Work
from crossmargin.model.errors import ScenarioError


def admitted(work: Work, out: Path | None, *, resume: bool, other_version: bool) -> Header | None:
    """Header under which the work may be done in a folder; nothing is written yet.

    The work learns what the folder holds, and under which versions of the model.

    Raises
    ------
    ScenarioError
        When the folder cannot be written, or the plan may not add to it.
    """
    if out is None:
        return None
    from crossmargin.experiments.store import check_folder

    check_folder(out)
    new = header.new_header(work.plan, work.digest, work.version, work.folders)
    kept = header.admit(out, new, other_version=other_version)
    work.earlier = tuple(v for v in kept.model_versions if v != work.version)
    if not resume and tables(out, "runs"):
        raise ScenarioError(f"{out}: holds runs already; take another folder, or resume = True")
    _check_extension(work, out, kept.plan)
    work.done, work.failed = store.done_ids(out), store.failed_ids(out)
    if work.plan.errors.on_error == "raise":
        work.failed = set()  # the first to fail again stops the sweep again
    return kept


def sink_of(work: Work, out: Path | None, kept: Header | None) -> store.Sink:
    """Sink of the work, in memory or in a folder, which is made."""
    shape = store.Tables(store.column_types(work.points), work.version)
    if out is None or kept is None:
        return store.MemorySink(shape)
    out.mkdir(parents=True, exist_ok=True)
    clear_partial(out)
    kept.write(out)
    return store.FolderSink(out, shape, work.shard.tag if work.shard else "")


def _check_extension(work: Work, out: Path, new: dict[str, Any]) -> None:
    """Refuse a plan that is neither that of the folder nor a larger one."""
    if not (out / header.NAME).is_file():
        return
    if not header.is_extended(header.read_header(out).plan, new):
        return
    last = store.last_replicate(out)
    rounds = Rounds(work.plan, work.points, work.version, work.digest, {}, work.earlier)
    last = min(last, rounds.ceiling - 1)
    ids = (name for task in rounds.make(work.points, 0, last + 1) for name in task.names)
    header.check_members(out, store.done_ids(out), ids)


def failed_tasks(work: Work, folder: Path) -> list[Task]:
    """Tasks of the runs that failed in a folder and have not succeeded since."""
    path = folder / store.FAILURES
    if not path.is_file():
        return []
    found = [_again(work, row) for row in read_table(path).to_pylist()]
    return [task for task in found if work.done.isdisjoint(task.names)]


def _again(work: Work, row: dict[str, Any]) -> Task:
    """Task of a failed run, under the version of the model that does it now."""
    facts = {path: row[path] for path in work.plan.paths}
    names = [row["run_id"]]
    if work.earlier:
        versions = (work.version, *work.earlier)
        known = [run_id(work.digest, facts, row["seed"], version) for version in versions]
        names = list(dict.fromkeys([*known, *names]))
    place = (row["point"], row["replicate"], row["seed"])
    return Task(names[0], *place, tuple(facts.values()), tuple(names[1:]))
