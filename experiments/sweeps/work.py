"""What of a plan is to be done: its points, identities, shard, limit, and what is done."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from crossmargin.experiments.sweeps.plan import Plan
from crossmargin.experiments.sweeps.progress import Progress
from crossmargin.experiments.sweeps.replications import Round, Rounds
from crossmargin.experiments.sweeps.tasks import Shard, Task, in_shard


@dataclass
class Work:
    """A plan that is ready to be done.

    Attributes
    ----------
    plan : Plan
    points : DataFrame
        Its design.
    digest, version : str
        What identities of new runs carry: the scenario, and the model in this process.
    earlier : tuple of str
        Other versions of the model whose runs in the folder count as done.
    folders : tuple of str
        Where modules of the user lie.
    shard, limit
        Part of the plan that is wanted.
    done, failed : set of str
        Runs that a folder holds.
    """

    plan: Plan
    points: pd.DataFrame
    digest: str
    version: str
    folders: tuple[str, ...]
    earlier: tuple[str, ...] = ()
    shard: Shard | None = None
    limit: int | None = None
    done: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    @property
    def is_adaptive(self) -> bool:
        """Whether the number of replications depends on outcomes."""
        return self.plan.replications.until is not None

    def rounds(self, values: dict[str, float | None]) -> Rounds:
        """Rounds of the points that are wanted."""
        points = self.points
        if self.shard is not None and self.is_adaptive:
            points = points[points.index % self.shard.n == self.shard.i - 1]
        return Rounds(self.plan, points, self.version, self.digest, values, self.earlier)

    def count(self, one: Round) -> int:
        """Tasks of a round that are wanted, the limit aside."""
        if self.shard is None or self.is_adaptive:
            return one.count
        n, i = self.shard.n, self.shard.i
        return sum(
            int(np.sum((np.asarray(rows) + replicate) % n == i - 1))
            for (first, last), rows in one.spans.items()
            for replicate in range(first, last)
        )

    def is_wanted(self, task: Task) -> bool:
        """Tell whether a task is in the shard."""
        shard = self.shard
        whole = self.is_adaptive
        return shard is None or in_shard(task, shard.i, shard.n, whole_points=whole)


def prepare(plan: Plan, folders: tuple[str, ...]) -> Work:
    """Work of a plan, without a folder."""
    from crossmargin.experiments.sweeps.designs import points
    from crossmargin.experiments.sweeps.identity import model_version, scenario_digest

    return Work(plan, points(plan), scenario_digest(plan), model_version(), folders)


class Selection:
    """Tasks of a plan that are to be done: wanted, within the limit, not done, each once."""

    def __init__(self, work: Work, progress: Progress) -> None:
        self.work, self.progress = work, progress
        self.seen: set[str] = set()

    def of(self, one: Round) -> Iterator[Task]:
        """Tasks of a round."""
        limit = self.work.limit
        self.progress.total = len(self.seen) + self.work.count(one)
        if limit is not None:
            self.progress.total = min(limit, self.progress.total)
        for task in filter(self.work.is_wanted, one.tasks()):
            if limit is not None and len(self.seen) >= limit:
                return
            if task.run_id in self.seen:  # points of equal values share a run
                self.progress.total -= limit is None
                continue
            self.seen.add(task.run_id)
            if not self._is_known(task):
                yield task

    def _is_known(self, task: Task) -> bool:
        progress, work = self.progress, self.work
        is_done = not work.done.isdisjoint(task.names)
        is_failed = not work.failed.isdisjoint(task.names)
        progress.done += is_done
        progress.failed += is_failed and not is_done
        progress.reused += is_done or is_failed
        return is_done or is_failed

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached."""
        return self.work.limit is not None and len(self.seen) >= self.work.limit
