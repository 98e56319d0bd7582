"""Threads or processes, when nobody said which: the first run tells.

About 0.05 s of a run, however long it is, are Python and hold the interpreter's lock: what is built
before the loop and tabulated after it. Threads keep up with processes as long as these parts of all
workers fit into one run, and they begin at once and share one copy of the compiled code; worker
processes take seconds to begin. So threads do long runs and short sweeps, processes many short
runs.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from crossmargin.experiments.sweeps.blackbox import Death
from crossmargin.experiments.sweeps.executors import Pool, SerialPool, ThreadPool
from crossmargin.experiments.sweeps.plan import Plan
from crossmargin.experiments.sweeps.processes import ProcessPool
from crossmargin.experiments.sweeps.progress import Progress
from crossmargin.experiments.sweeps.tasks import Task
from crossmargin.experiments.sweeps.worker import Job, Outcome, run_chunk, warm

#: Time of a run for each worker, from which threads are taken, s.
LONG = 0.1
#: Work of a whole sweep below which no process is worth starting, s.
LITTLE = 10.0


def is_compiled(plan: Plan) -> bool:
    """Tell whether runs of a plan are a scenario without Python in its blocks or its outcomes."""
    from crossmargin.experiments.sweeps.factors import base_scenario

    if plan.scenario is None or plan.keep.functions:
        return False
    return not any(":" in population.kind for population in base_scenario(plan).population)


class ChosenPool:
    """Does the first chunk here, then takes threads or processes.

    Attributes
    ----------
    chosen : Pool
        Where chunks go now.
    """

    name = "chosen"

    def __init__(self, jobs: int, progress: Progress) -> None:
        self.width, self.progress = jobs, progress
        self.chosen: Pool = SerialPool()
        self.first: Future[list[Outcome]] = Future()

    @property
    def room(self) -> int:
        """Chunks that may be under way."""
        return self.chosen.room

    def submit(self, job: Job, chunk: Sequence[Task]) -> Any:
        """Future of the outcomes of a chunk."""
        if not isinstance(self.chosen, SerialPool):
            return self.chosen.submit(job, chunk)
        warm(job.plan, chunk[0])
        self.first.set_result(run_chunk(job, chunk, self.chosen.stop))
        self._choose(self.first.result())
        return self.first

    def _choose(self, outcomes: list[Outcome]) -> None:
        seconds = sum(outcome.wall for outcome in outcomes) / len(outcomes)
        is_little = seconds * self.progress.missing < LITTLE
        threads = is_little or seconds >= LONG * self.width
        self.chosen = ThreadPool(self.width) if threads else ProcessPool(self.width)

    def settle(self, future: Any, error: BaseException | None) -> Death | None:
        """How the worker of a future died, if it did."""
        return None if future is self.first else self.chosen.settle(future, error)

    def close(self, *, now: bool) -> None:
        """End: when all is done, or at once."""
        self.chosen.close(now=now)
