"""Sweeps: do the runs of a plan that are not done yet, wherever there is room, and keep them.

Results do not depend on where, in which order or in how many pieces the runs were done.
"""

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossmargin.experiments.checks import checked_count
from crossmargin.experiments.sweeps import header, store
from crossmargin.experiments.sweeps.driver import Driver
from crossmargin.experiments.sweeps.executors import pool_of
from crossmargin.experiments.sweeps.files import StorageError
from crossmargin.experiments.sweeps.functions import importing_from
from crossmargin.experiments.sweeps.header import Header
from crossmargin.experiments.sweeps.opening import admitted, failed_tasks, sink_of
from crossmargin.experiments.sweeps.plan import Plan, find_plan, load_plan
from crossmargin.experiments.sweeps.progress import Calm, Progress, Report, reporting
from crossmargin.experiments.sweeps.tasks import Shard, parse_shard
from crossmargin.experiments.sweeps.work import Selection, Work, prepare
from crossmargin.experiments.sweeps.worker import job_of
from crossmargin.model.errors import CrossmarginError

if TYPE_CHECKING:
    from crossmargin.experiments.sweeps.results import Sweep


@dataclass
class Conducted:
    """A sweep that was done, and what came of it."""

    plan: Plan
    folder: Path | None
    progress: Progress
    sink: store.Sink

    def sweep(self) -> "Sweep":
        """Its results."""
        from crossmargin.experiments.sweeps.results import Sweep

        if isinstance(self.sink, store.MemorySink):
            kinds = ("runs", "failures", "timing", "series", "events")
            return Sweep.of(self.plan, **{kind: self.sink.frame(kind) for kind in kinds})
        return Sweep(self.folder, self.plan)


def sweep(
    plan: str | Path | Mapping[str, Any] | Plan,
    *,
    out: str | Path | None = None,
    jobs: int | None = None,
    executor: Any = None,
    dask: Any = None,
    shard: str | None = None,
    limit: int | None = None,
    progress: bool | Report | None = None,
    resume: bool = True,
    allow_other_version: bool = False,
) -> "Sweep":
    """Do the runs of a plan that are not done yet.

    Parameters
    ----------
    plan : str, Path, mapping or Plan
        TOML file, name of a plan that comes along, or the plan itself.
    out : str or Path, optional
        Folder of the results; an interrupted sweep goes on from it, and a plan with more points or
        replications adds to it. Without it results are in memory only.
    jobs : int, optional
        Workers; all cores by default.
    executor : str or object, optional
        `processes`, `threads`, `serial`, or an object with `submit(function, *arguments)`, such as
        one of `mpi4py.futures`. By default the first run tells (see `choice.py`).
    dask : str or Client, optional
        Address of a Dask scheduler, or a client.
    shard : str, optional
        `i/n`: the i-th of n parts, i from 1.
    limit : int, optional
        The first so many runs of the plan.
    progress : bool or callable, optional
        A bar, or a function of `Progress`; by default a bar where somebody looks.
    resume : bool
        False refuses a folder that holds runs already.
    allow_other_version : bool
        Go on in a folder that another version of the model began. Runs that it holds are kept,
        count as done and are not done again; this version does what is missing. A run's identity
        carries the version that made it, as does `.timing`; `.summary` warns where they are mixed.

    Returns
    -------
    Sweep

    Raises
    ------
    ScenarioError, ParameterError
        When the plan or the folder cannot be used, before anything is run.
    RunError
        When a run failed and the plan says `on_error = "raise"`.
    StorageError
        When results cannot be written; those already written are whole.
    """
    with reporting(progress) as report:
        found = conduct(
            plan,
            out=None if out is None else Path(out),
            jobs=jobs,
            executor=executor,
            dask=dask,
            shard=parse_shard(shard),
            limit=limit,
            report=report,
            resume=resume,
            other_version=allow_other_version,
        )
    if found.progress.failed:
        warnings.warn(f"{found.progress.told_failures}: see .failures", stacklevel=2)
    return found.sweep()


def conduct(
    plan: str | Path | Mapping[str, Any] | Plan,
    *,
    out: Path | None,
    jobs: int | None = None,
    executor: Any = None,
    dask: Any = None,
    shard: Shard | None = None,
    limit: int | None = None,
    report: Report | None = None,
    resume: bool = True,
    other_version: bool = False,
) -> Conducted:
    """Sweep of a plan, with the counts of it; see `sweep`."""
    home = find_plan(plan).parent.resolve() if isinstance(plan, str | Path) else Path.cwd()
    limit = None if limit is None else checked_count("limit", limit, 1)
    with importing_from(home):
        work = replace(prepare(load_plan(plan), (str(home),)), shard=shard, limit=limit)
        kept = admitted(work, out, resume=resume, other_version=other_version)
        progress = Progress()
        selection = Selection(work, progress)
        where = {"executor": executor, "jobs": jobs, "dask": dask}
        with _driver(work, (out, kept), progress, report, where) as driver:
            driver.values |= _watched_values(work, out)
            for one in work.rounds(driver.values).each():
                driver.run(selection.of(one))
                if selection.is_full:
                    break
    return Conducted(work.plan, out, progress, driver.sink)


def retry(
    folder: Path, *, report: Report | None = None, other_version: bool = False, **where: Any
) -> Conducted:
    """Do the failed runs of a folder again.

    Parameters
    ----------
    other_version : bool
        Do them with this version of the model in a folder that another one began.
    where
        `executor`, `jobs` and `dask` as in `sweep`.
    """
    old = header.read_header(folder)
    with contextlib.ExitStack() as stack:
        for home in old.folders:
            stack.enter_context(importing_from(home))
        work = prepare(load_plan(header.plan_of(old)), tuple(old.folders))
        kept = admitted(work, folder, resume=True, other_version=other_version)
        tasks = failed_tasks(work, folder)
        progress = Progress(total=len(tasks))
        with _driver(work, (folder, kept), progress, report, where) as driver:
            driver.run(iter(tasks))
    return Conducted(work.plan, folder, progress, driver.sink)


def _watched_values(work: Work, out: Path | None) -> dict[str, float | None]:
    """Values that replications look at, of the runs that are there already."""
    until = work.plan.replications.until
    return {} if until is None or out is None else store.stored_outcome(out, until.outcome)


@contextlib.contextmanager
def _driver(
    work: Work,
    place: tuple[Path | None, Header | None],
    progress: Progress,
    report: Report | None,
    where: Mapping[str, Any],
) -> Iterator[Driver]:
    """Driver with a pool that is closed at the end, and what was found written.

    The folder is made when the pool is there, so that a refused one leaves no folder behind.
    """
    ways = (where.get("executor"), where.get("jobs"), where.get("dask"))
    pool = pool_of(work.plan, *ways, progress)
    calm = Calm(report)
    try:
        if pool.name != "serial":
            compile_first(work)
        sink = sink_of(work, *place)
        driver = Driver(job_of(work.plan, work.folders, work.version), pool, sink, progress, calm)
        calm(progress)
        try:
            yield driver
        except BaseException:
            driver.salvage()
            raise
        finally:
            _written(sink, progress)
    except BaseException:
        pool.close(now=True)
        raise
    pool.close(now=False)
    calm(progress, last=True)


def _written(sink: store.Sink, progress: Progress) -> None:
    """Write the rest; when that fails, say what is safe."""
    try:
        sink.close()
    except StorageError as error:
        raise StorageError(
            f"{error}; runs written before are whole and count, those of the last seconds are "
            "lost. Make room and run the same plan again: it goes on from there"
        ) from None


def compile_first(work: Work) -> None:
    """Compile what is missing for the scenario before workers would, each for itself."""
    if work.plan.scenario is None or work.points.empty:
        return
    from crossmargin.experiments.load import load_scenario
    from crossmargin.experiments.run import simulate
    from crossmargin.experiments.wiring import program_of
    from crossmargin.model.compiling import missing_parts

    first = dict(zip(work.plan.paths, work.points.iloc[0].tolist(), strict=True))
    with contextlib.suppress(CrossmarginError):  # a point that cannot be built fails by itself
        values = {**work.plan.overrides, **first, "run.steps": 1}
        scenario = load_scenario(work.plan.scenario, values)
        if missing_parts(entry.part for entry in program_of(scenario)):
            simulate(scenario)
