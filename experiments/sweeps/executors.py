"""Where runs are executed: here, in threads, or by anything that has `submit`.

A pool takes chunks of tasks and gives futures. Processes have a file of their own.
"""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from typing import Any, Protocol

from crossmargin.experiments.checks import checked_count
from crossmargin.experiments.explain import did_you_mean
from crossmargin.experiments.sweeps.blackbox import Death
from crossmargin.experiments.sweeps.plan import Plan
from crossmargin.experiments.sweeps.progress import Progress
from crossmargin.experiments.sweeps.tasks import Task
from crossmargin.experiments.sweeps.worker import Job, Outcome, run_chunk
from crossmargin.model.errors import CrossmarginError, ParameterError

EXECUTORS = ("serial", "threads", "processes")
#: Chunks that wait or run for each worker, so that none is idle and few are lost.
AHEAD = 2


class WorkerError(CrossmarginError):
    """No worker can be had."""


class Pool(Protocol):
    """Takes chunks of tasks.

    Attributes
    ----------
    name : str
    width : int
        Runs at a time.
    """

    name: str

    @property
    def width(self) -> int:
        """Runs at a time."""

    @property
    def room(self) -> int:
        """Chunks that may be under way."""

    def submit(self, job: Job, chunk: Sequence[Task]) -> Any:
        """Future of the outcomes of a chunk."""

    def settle(self, future: Any, error: BaseException | None) -> Death | None:
        """Take note that a future is finished; how its worker died, if it did."""

    def close(self, *, now: bool) -> None:
        """End: when all is done, or at once."""


class SerialPool:
    """Runs in this thread, one after the other."""

    name, width, room = "serial", 1, 1

    def __init__(self) -> None:
        self.stop = threading.Event()  # never set; a scenario that looks for it also sees Ctrl-C

    def submit(self, job: Job, chunk: Sequence[Task]) -> "Future[list[Outcome]]":
        """Finished future of the outcomes."""
        future: Future[list[Outcome]] = Future()
        future.set_result(run_chunk(job, chunk, self.stop))
        return future

    def settle(self, future: Any, error: BaseException | None) -> None:
        """Nothing is to be noted."""

    def close(self, *, now: bool) -> None:
        """Nothing is to be closed."""


class ThreadPool:
    """Runs in threads of this process; compiled loops run at the same time, Python does not."""

    name = "threads"

    def __init__(self, jobs: int) -> None:
        self.width, self.room = jobs, AHEAD * jobs
        self.stop = threading.Event()
        self.executor = ThreadPoolExecutor(jobs, thread_name_prefix="sweep")

    def submit(self, job: Job, chunk: Sequence[Task]) -> "Future[list[Outcome]]":
        """Future of the outcomes."""
        return self.executor.submit(run_chunk, job, chunk, self.stop)

    def settle(self, future: Any, error: BaseException | None) -> None:
        """Threads do not die alone."""

    def close(self, *, now: bool) -> None:
        """End; at once means at the next hundredth of a scenario, or at the end of a function."""
        if now:
            self.stop.set()
        self.executor.shutdown(wait=not now, cancel_futures=now)


class ForeignPool:
    """Runs wherever an executor of the user's runs them: `submit(function, *arguments)`."""

    def __init__(self, executor: Any, jobs: int | None) -> None:
        self.name, self.executor = type(executor).__name__, executor
        known = ("_max_workers", "max_workers", "num_workers")
        widths = [getattr(executor, name, None) for name in known]
        found = next((w for w in widths if isinstance(w, int) and w > 0), cores())
        self.width = jobs or found
        self.room = AHEAD * self.width

    def submit(self, job: Job, chunk: Sequence[Task]) -> Any:
        """Future of the outcomes."""
        return self.executor.submit(run_chunk, job, chunk)

    def settle(self, future: Any, error: BaseException | None) -> None:
        """Stop when the executor is broken: it is not ours to build anew."""
        if isinstance(error, BrokenExecutor):
            raise WorkerError(f"{self.name} is broken: {error}") from error

    def close(self, *, now: bool) -> None:
        """It was not opened here."""


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def checked_jobs(jobs: int | None) -> int:
    """Number of workers; all cores by default."""
    return cores() if jobs is None else checked_count("jobs", jobs, 1)


def pool_of(
    plan: Plan, executor: Any, jobs: int | None, dask: Any, progress: Progress | None = None
) -> Pool:
    """Pool for a plan.

    Parameters
    ----------
    executor : str or object, optional
        `serial`, `threads`, `processes`, or anything with `submit(function, *arguments)` that gives
        futures. By default serial for one job; for several, threads or processes, as the first
        run of a compiled scenario tells, and processes for everything else.
    jobs : int, optional
        Workers; all cores by default.
    dask : str or Client, optional
        Address of a scheduler, or a client.
    progress : Progress, optional
        Counts of the sweep.

    Raises
    ------
    ParameterError
        When there is no such executor, or it cannot stop a run that the plan wants stopped.
    """
    if dask is not None and executor is not None:
        raise ParameterError("give executor or dask, not both")
    if dask is None and hasattr(executor, "scheduler_info"):
        dask, executor = executor, None
    width = checked_jobs(jobs)
    must_kill = plan.model is not None and plan.errors.timeout_seconds > 0
    if executor is None and dask is None:
        if width > 1 and not must_kill:
            from crossmargin.experiments.sweeps.choice import ChosenPool, is_compiled

            if is_compiled(plan):
                return ChosenPool(width, progress or Progress())
        executor = "processes" if width > 1 or must_kill else "serial"
    if must_kill and executor != "processes":
        raise ParameterError(
            f"errors.timeout_seconds = {plan.errors.timeout_seconds:g}: only a worker process of "
            "this machine can stop a function; take --executor processes. (A scenario looks at "
            "the clock itself, wherever it runs.)"
        )
    return _pool_by_name(executor, jobs, dask)


def _pool_by_name(executor: Any, jobs: int | None, dask: Any) -> Pool:
    if dask is not None:
        from crossmargin.experiments.sweeps.dask import DaskPool

        return DaskPool(dask)
    if executor == "processes":
        from crossmargin.experiments.sweeps.processes import ProcessPool

        return ProcessPool(checked_jobs(jobs))
    if executor == "threads":
        return ThreadPool(checked_jobs(jobs))
    if executor == "serial":
        return SerialPool()
    if hasattr(executor, "submit"):
        return ForeignPool(executor, None if jobs is None else checked_jobs(jobs))
    hint = did_you_mean(executor, EXECUTORS) if isinstance(executor, str) else ""
    allowed = f"allowed are {', '.join(EXECUTORS)} and objects with submit()"
    clauses = [allowed] if not hint.endswith("?") else [hint, allowed]
    raise ParameterError(f"executor = {executor!r}: {' '.join(clauses)}")
