"""How many replicates a point gets: a fixed number, or until an interval is narrow enough.

Replicates are added in rounds. Whether a point goes on depends on its own runs alone, taken in the
order of their numbers: neither the order in which runs finish nor the number of workers nor a stop
and a resumption changes how many there are.

Stopping when the interval looks narrow makes it cover the mean a little less often than it says,
less so with more replicates before the first look (`at_least`).

References
----------
Chow, Y. S. and Robbins, H. (1965), Ann. Math. Stat. 36:457. https://doi.org/10.1214/aoms/1177700156
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from crossmargin.experiments.sweeps.plan import Plan, Until
from crossmargin.experiments.sweeps.tasks import Task, tasks

#: Values of the watched outcome by run; a run that failed has none.
Values = Mapping[str, float | None]


class Round:
    """Some replicates of some points.

    Attributes
    ----------
    count : int
        Tasks of the round.
    """

    def __init__(
        self,
        make: Callable[[pd.DataFrame, int, int], Iterator[Task]],
        points: pd.DataFrame,
        spans: Mapping[tuple[int, int], Sequence[int]],
    ) -> None:
        self.make, self.points, self.spans = make, points, spans
        self.count = sum(len(rows) * (last - first) for (first, last), rows in spans.items())

    def tasks(self) -> Iterator[Task]:
        """The tasks, made one by one."""
        for (first, last), rows in self.spans.items():
            yield from self.make(self.points.loc[list(rows)], first, last)


def half_width(values: Sequence[float], confidence: float) -> float:
    """Half of the interval of Student's t for a mean; infinite with fewer than two values."""
    from scipy.stats import t

    n = len(values)
    if n < 2:
        return math.inf
    spread = float(np.std(values, ddof=1)) / math.sqrt(n)
    return spread * float(t.ppf((1 + confidence) / 2, n - 1))


def wanted(values: Sequence[float], n: int, until: Until) -> int:
    """Replicates that a point should have after n of them; n when they are enough.

    As many as the spread so far would need, at least one more and at most twice as many.

    Parameters
    ----------
    values : sequence of float
        Outcome of the replicates that have one, in their order.
    """
    if n >= until.at_most:
        return n
    width = half_width(values, until.confidence)
    target = until.half_width
    if target is None:
        target = (until.relative or 0.0) * abs(math.fsum(values) / max(1, len(values)))
    if width <= target:
        return n
    ratio = 2.0 if target <= 0 else min(width / target, 2.0)  # twice as many at once is the most
    needed = n * ratio * ratio
    return min(until.at_most, 2 * n, max(n + 1, math.ceil(min(needed, 2.0 * n))))


class Rounds:
    """Rounds of a plan, each to be finished before the next is asked for.

    Parameters
    ----------
    points : DataFrame
        Rows of the design that are to be visited.
    values : mapping
        Outcome by run, which the caller keeps up to date between rounds.
    earlier : sequence of str
        Other versions of the model whose runs count as done.
    """

    def __init__(
        self,
        plan: Plan,
        points: pd.DataFrame,
        version: str,
        digest: str,
        values: Values,
        earlier: Sequence[str] = (),
    ) -> None:
        self.plan, self.points, self.values = plan, points, values
        self.version, self.digest, self.earlier = version, digest, tuple(earlier)

    @property
    def ceiling(self) -> int:
        """Most replicates that a point can get."""
        until = self.plan.replications.until
        return until.at_most if until is not None else self.plan.replications.count or 1

    def make(self, points: pd.DataFrame, first: int, last: int) -> Iterator[Task]:
        """Tasks of some replicates."""
        return tasks(self.plan, points, first, last, self.version, self.digest, self.earlier)

    def each(self) -> Iterator[Round]:
        """The rounds; to ask for the next one says that the last is finished."""
        until, points = self.plan.replications.until, self.points
        if until is None:
            count = self.plan.replications.count or 1
            yield Round(self.make, points, {(0, count): points.index})
            return
        counts = dict.fromkeys(points.index.tolist(), until.at_least)
        yield Round(self.make, points, {(0, until.at_least): points.index})
        while spans := self._next(counts, until):
            yield Round(self.make, points, spans)
            counts |= {point: last for (_, last), rows in spans.items() for point in rows}

    def _next(self, counts: dict[int, int], until: Until) -> dict[tuple[int, int], list[int]]:
        by_count: dict[int, list[int]] = {}
        for point, n in counts.items():
            if n < until.at_most:
                by_count.setdefault(n, []).append(point)
        spans: dict[tuple[int, int], list[int]] = {}
        for n, rows in by_count.items():
            for point, values in self._outcomes(rows, n).items():
                aim = wanted(values, n, until)
                if aim > n:
                    spans.setdefault((n, aim), []).append(point)
        return spans

    def _outcomes(self, rows: list[int], n: int) -> dict[int, list[float]]:
        """Outcome of the first n replicates of some points, in their order, without failures."""
        found: dict[int, list[float]] = {point: [] for point in rows}
        for task in self.make(self.points.loc[rows], 0, n):
            value = next((self.values[n] for n in task.names if n in self.values), None)
            if value is not None and math.isfinite(value):
                found[task.point].append(value)
        return found
