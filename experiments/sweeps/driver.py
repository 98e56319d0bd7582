"""The loop of a sweep: chunks of tasks go out, outcomes come in, and never are all in memory.

Chunks are so long that sending them costs little and losing one costs little. What is lost with a
worker is tried again; a run over which several workers died is recorded as failed.
"""

import contextlib
import math
import queue
import time
import traceback
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

from crossmargin.experiments.explain import did_you_mean
from crossmargin.experiments.sweeps.blackbox import Death
from crossmargin.experiments.sweeps.executors import Pool
from crossmargin.experiments.sweeps.progress import Calm, Progress
from crossmargin.experiments.sweeps.store import Sink
from crossmargin.experiments.sweeps.tasks import Task
from crossmargin.experiments.sweeps.worker import Job, Outcome
from crossmargin.model.errors import CrossmarginError, ParameterError

#: Work in a chunk, s, and the most runs of one.
CHUNK_SECONDS, CHUNK_RUNS = 0.5, 256
#: Workers that a run may cost, or times that it may be lost, before it is given up.
DEATHS = 5
#: Longest wait without a look at the clock, s.
PATIENCE = 0.25


class RunError(CrossmarginError):
    """A run failed, and the plan says to stop then."""


class Driver:
    """Sends tasks to a pool and what comes back to a sink.

    Attributes
    ----------
    values : dict or None
        Outcome that replications look at, by run, when the plan has one.
    """

    def __init__(self, job: Job, pool: Pool, sink: Sink, progress: Progress, report: Calm) -> None:
        self.job, self.pool, self.sink = job, pool, sink
        self.progress, self.report = progress, report
        self.source: Iterator[Task] = iter(())
        self.again: deque[list[Task]] = deque()
        self.flying: dict[Any, list[Task]] = {}
        self.landed: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.deaths: dict[str, int] = {}
        self.seconds_a_run = CHUNK_SECONDS  # a guess until the first runs are back
        until = job.plan.replications.until
        self.watched = None if until is None else until.outcome
        self.values: dict[str, float | None] = {}

    def run(self, source: Iterator[Task]) -> None:
        """Do all tasks of a source."""
        self.source = source
        self._launch()
        while self.flying:
            self._collect()
            self._launch()
        self.report(self.progress)

    def _launch(self) -> None:
        while len(self.flying) < self.pool.room:
            chunk = self.again.popleft() if self.again else list(islice(self.source, self._size()))
            if not chunk:
                return
            future = self.pool.submit(self.job, chunk)
            self.flying[future] = chunk
            future.add_done_callback(self.landed.put)

    def _size(self) -> int:
        """Runs of the next chunk; towards the end small ones, so that workers end together."""
        size = CHUNK_SECONDS / max(self.seconds_a_run, CHUNK_SECONDS / CHUNK_RUNS)
        share = math.ceil(self.progress.missing / (4 * self.pool.width))
        return max(1, min(int(size), share))

    def _collect(self) -> None:
        try:
            self._settle(self.landed.get(timeout=PATIENCE))
        except queue.Empty:
            pass
        self.sink.tick()
        self.report(self.progress)

    def _settle(self, future: Any) -> None:
        chunk = self.flying.pop(future, None)
        if chunk is None:  # given up
            return
        try:
            outcomes, error = future.result(), None
        except Exception as caught:
            outcomes, error = [], caught
        death = self.pool.settle(future, error)
        if isinstance(error, CrossmarginError):
            raise error
        for outcome in outcomes:
            self._take(outcome)
        if outcomes:
            self._learn(outcomes)
        if error is not None:
            self._recover(chunk, error, death)

    def _learn(self, outcomes: list[Outcome]) -> None:
        mean = sum(outcome.wall for outcome in outcomes) / len(outcomes)
        self.seconds_a_run += 0.5 * (mean - self.seconds_a_run)

    def _take(self, outcome: Outcome) -> None:
        run_id = outcome.task.run_id
        outcome.attempts += self.deaths.pop(run_id, 0)
        if self.watched is not None:
            self.values[run_id] = _watched(outcome, self.watched)
        self.sink.add(outcome)
        if outcome.status == "done":
            self.progress.done += 1
            return
        self.progress.failed += 1
        if self.job.plan.errors.on_error == "raise":
            raise RunError(_told(self.job, outcome))

    def _recover(self, chunk: list[Task], error: Exception, death: Death | None) -> None:
        """Send the runs of a lost chunk again, and count it against the run that was under way.

        When nothing says which it was, the runs go out one by one: then it shows.
        """
        guilty, groups = [], [chunk]
        if death is not None and death.run_id:
            guilty = [task for task in chunk if task.run_id == death.run_id]
            groups = [[task for task in chunk if task.run_id != death.run_id]]
        elif death is None or not death.is_early:
            guilty = chunk if len(chunk) == 1 else []
            groups = [[task] for task in chunk] if len(chunk) > 1 else []
        self.again.extend(group for group in groups if group)
        for task in guilty:
            self._blame(task, error, death)

    def _blame(self, task: Task, error: Exception, death: Death | None) -> None:
        count = self.deaths.get(task.run_id, 0) + (1 if death is None else death.workers)
        retries = self.job.plan.errors.retries
        is_its_own = death is not None and death.reason != "killed"
        if count <= (retries if is_its_own else max(DEATHS - 1, retries)):
            self.deaths[task.run_id] = count
            self.again.append([task])
            return
        self.deaths[task.run_id] = count - 1  # the attempts before the last
        self._take(lost(self.job, task, error, death))

    def salvage(self) -> None:
        """Take what has come back meanwhile; nothing more is sent."""
        with contextlib.suppress(queue.Empty):
            while True:
                future = self.landed.get_nowait()
                if self.flying.pop(future, None) is not None:
                    with contextlib.suppress(Exception):
                        for outcome in future.result():
                            self._take(outcome)


def _watched(outcome: Outcome, name: str) -> float | None:
    """Outcome that replications look at; a run that failed has none."""
    if outcome.status == "done" and name not in outcome.values:
        hint = did_you_mean(name, outcome.values)
        raise ParameterError(f"replications.until.outcome: there is no outcome {name!r}; {hint}")
    return outcome.values.get(name)


def lost(job: Job, task: Task, error: Exception, death: Death | None) -> Outcome:
    """Failure of a run that never came back."""
    trace = "".join(traceback.format_exception(error)) if death is None else death.trace
    stage, told = "worker", f"{type(error).__name__}: {error}"
    if death is not None and death.reason == "timeout":
        limit = job.plan.errors.timeout_seconds
        stage, told = "timeout", f"longer than {limit:g} s; its worker process was ended"
    elif death is not None and death.reason == "crash":
        told = f"its worker process crashed: {death.trace.splitlines()[0]}"
    elif death is not None:
        told = "its worker process died again and again: killed, or for want of memory"
    return Outcome(task, "failed", stage=stage, error=told, traceback=trace, finished=time.time())


def _told(job: Job, outcome: Outcome) -> str:
    """Message about a failed run: which, where, why, and its traceback."""
    task = outcome.task
    values = ", ".join(
        f"{path} = {value!r}" for path, value in zip(job.plan.paths, task.values, strict=True)
    )
    where = f"point {task.point} ({values}), replicate {task.replicate}, seed {task.seed}"
    return f"{where}: failed in stage {outcome.stage}: {outcome.error}\n{outcome.traceback}"
