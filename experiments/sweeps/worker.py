"""What a worker does: runs, one after the other, and never an exception of a run.

Everything here lies in a module, so that a process started anew can import it, from a notebook too.
"""

import contextlib
import functools
import multiprocessing
import os
import platform
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from crossmargin.experiments.sweeps.blackbox import recorded
from crossmargin.experiments.sweeps.plan import Design, Factor, Plan
from crossmargin.experiments.sweeps.tasks import Task
from crossmargin.model.errors import ScenarioError

if TYPE_CHECKING:
    import pyarrow as pa

    from crossmargin.experiments.run import Run


class RunTimeoutError(Exception):
    """A run took longer than the plan allows."""


class StoppedError(Exception):
    """The sweep stops: what is under way is given up."""


class VersionError(ScenarioError):
    """A worker has another version of the model than the sweep."""


@dataclass(frozen=True)
class Job:
    """What all tasks of a sweep have in common.

    Attributes
    ----------
    plan : Plan
        With the whole scenario in it, and without its design.
    folders : tuple of str
        Where modules of the user lie.
    version : str
        Version of the model that a worker must have; of a function nothing is asked.
    """

    plan: Plan
    folders: tuple[str, ...]
    version: str


def job_of(plan: Plan, folders: Sequence[str], version: str) -> Job:
    """Job of a plan; the scenario is read here, so that a worker needs no file of it."""
    changes: dict[str, Any] = {
        "design": Design(),
        "factor": tuple(Factor(path=path) for path in plan.paths),
    }
    if plan.scenario is not None:
        from crossmargin.experiments.sweeps.factors import base_scenario

        table = base_scenario(plan).model_dump(mode="json", exclude_none=True)
        changes |= {"scenario": table, "settings": {}, "steps": None}
    return Job(plan.model_copy(update=changes), tuple(folders), version)


@dataclass
class Outcome:
    """What came of a task.

    Attributes
    ----------
    status : str
        `done` or `failed`.
    values : dict
        Outcomes by name.
    wall : float
        Seconds that it took, s.
    worker : str
        Machine, process and thread.
    attempts : int
        1, and one more for every time that it was tried again.
    stage : str
        Where it failed: `scenario`, `build`, `run`, `outcomes`, `timeout` or `worker`.
    error, traceback : str
    series, events : table, optional
    """

    task: Task
    status: Literal["done", "failed"]
    values: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0
    worker: str = ""
    attempts: int = 1
    stage: str = ""
    error: str = ""
    traceback: str = ""
    series: "pa.Table | None" = None
    events: "pa.Table | None" = None
    finished: float = 0.0


def run_chunk(
    job: Job, tasks: Sequence[Task], stop: threading.Event | None = None
) -> list[Outcome]:
    """Outcomes of some tasks, in order; fewer when the sweep stops meanwhile."""
    _prepare(job, tasks[0])
    found: list[Outcome] = []
    for task in tasks:
        if stop is not None and stop.is_set():
            break
        try:
            found.append(execute(job, task, stop))
        except StoppedError:
            break
    return found


def _prepare(job: Job, first: Task) -> None:
    sys.path.extend(folder for folder in job.folders if folder not in sys.path)
    if job.plan.scenario is not None:
        _check_version(job.version)
    if job.plan.errors.timeout_seconds and not _is_warm.is_set():
        warm(job.plan, first)
        _is_warm.set()


#: Whether this process has imported and compiled what the first run needs.
_is_warm = threading.Event()


def warm(plan: Plan, task: Task) -> None:
    """Import and compile before the clock of the first run begins to tick."""
    from crossmargin.experiments.sweeps.functions import find_function

    with contextlib.suppress(Exception):  # the runs themselves will tell
        for name in (plan.model, *plan.keep.functions):
            if name is not None:
                find_function(name)
        if plan.scenario is not None:
            from crossmargin.experiments.load import load_scenario
            from crossmargin.experiments.run import simulate

            values = dict(zip(plan.paths, task.values, strict=True))
            simulate(load_scenario(plan.scenario, values | {"run.steps": 1}))


@functools.cache
def _check_version(version: str) -> None:
    from crossmargin.experiments.sweeps.identity import model_version

    here = model_version()
    if here != version:
        raise VersionError(
            f"worker {worker_name()} has version {here} of the model and the sweep has {version}: "
            "the sources differ, or they were edited while the sweep was running"
        )


def worker_name() -> str:
    """Machine, process and, when it is not the main one, thread."""
    thread = threading.current_thread()
    main = thread is threading.main_thread()
    return f"{platform.node()}-{os.getpid()}" + ("" if main else f"-{thread.name}")


def execute(job: Job, task: Task, stop: threading.Event | None = None) -> Outcome:
    """Outcome of one task; tried again as often as the plan says."""
    for attempt in range(1, job.plan.errors.retries + 2):
        outcome = _attempt(job, task, stop)
        outcome.attempts = attempt
        if outcome.status == "done":
            break
    return outcome


def _attempt(job: Job, task: Task, stop: threading.Event | None) -> Outcome:
    began, run = perf_counter(), _Running(job.plan, task, stop)
    outcome = Outcome(task, "failed", worker=worker_name())
    try:
        with recorded(task.run_id, hard_limit(job.plan)):
            outcome.values = run.outcomes()
            outcome.series, outcome.events = run.tables()
        outcome.status = "done"
    except StoppedError:
        raise
    except BaseException as error:
        # Ctrl-C never reaches a worker process: there the run itself raised it
        if isinstance(error, KeyboardInterrupt) and multiprocessing.parent_process() is None:
            raise
        outcome.stage = run.stage_of(error)
        outcome.error = f"{type(error).__name__}: {error}"
        outcome.traceback = traceback.format_exc()
    outcome.wall, outcome.finished = perf_counter() - began, time.time()
    return outcome


def hard_limit(plan: Plan) -> float:
    """Seconds after which a worker process that still runs is ended; 0 never.

    A scenario looks at the clock itself, a hundred times a run; it gets as long again and 5 s.
    """
    limit = plan.errors.timeout_seconds
    return limit if plan.model is not None or not limit else 2.0 * limit + 5.0


class _Running:
    """One run, and the stage in which it is."""

    def __init__(self, plan: Plan, task: Task, stop: threading.Event | None) -> None:
        self.plan, self.task, self.stop = plan, task, stop
        self.values = dict(zip(plan.paths, task.values, strict=True))
        self.stage = "scenario"
        limit = plan.errors.timeout_seconds
        self.until = perf_counter() + limit if limit else float("inf")
        self.run: Run | None = None

    def outcomes(self) -> dict[str, float]:
        from crossmargin.experiments.sweeps.outcomes import outcomes

        result = self._call_model() if self.plan.model is not None else self._simulate()
        self.stage = "outcomes"
        return outcomes(self.plan, result)

    def _call_model(self) -> Any:
        from crossmargin.experiments.sweeps.functions import find_function

        model = find_function(self.plan.model or "", "model")
        self.stage = "run"
        return model(self.values, self.task.seed)

    def _simulate(self) -> "Run":
        from crossmargin.experiments.load import load_scenario
        from crossmargin.experiments.run import simulate

        scenario = load_scenario(self.plan.scenario or "", self.values)
        self.stage = "run"
        watched = self.stop is not None or self.until < float("inf")
        look = self._look if watched else None
        self.run = simulate(scenario, seed=self.task.seed, progress=look)
        return self.run

    def _look(self, blocks: int) -> None:
        if self.stop is not None and self.stop.is_set():
            raise StoppedError
        if perf_counter() > self.until:
            limit = self.plan.errors.timeout_seconds
            raise RunTimeoutError(f"longer than {limit:g} s; {blocks} blocks were done")

    def stage_of(self, error: BaseException) -> str:
        """Stage at which an error arose."""
        if isinstance(error, RunTimeoutError):
            return "timeout"
        if self.stage == "run" and self.plan.model is None and isinstance(error, ScenarioError):
            return "build"
        return self.stage

    def tables(self) -> "tuple[pa.Table | None, pa.Table | None]":
        """Series, thinned, and events, as far as the plan keeps them."""
        keep, run = self.plan.keep, self.run
        if run is None or not (keep.series or keep.events):
            return None, None
        series = events = None
        if keep.series:
            step = run.series["step"]
            kept = (step % keep.series == 0) | (step == step.max())
            series = _table(run.series[kept], self.task.run_id)
        if keep.events:
            events = _table(run.events, self.task.run_id)
        return series, events


def _table(frame: Any, run_id: str) -> "pa.Table":
    """Table with the run's identity in front; words are plain, so that files go together."""
    import pyarrow as pa

    table = pa.Table.from_pandas(frame, preserve_index=False)
    for place, column in enumerate(table.schema):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(
                place, column.name, table[column.name].cast(column.type.value_type)
            )
    names = pa.array([run_id] * len(table), pa.string())
    return table.add_column(0, "run_id", names).replace_schema_metadata(None)
