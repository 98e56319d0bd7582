"""Populations of particles that splitting moves from level to level, rows or one by one."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import numpy as np

from crossmargin.experiments.rare.draws import Source
from crossmargin.experiments.rare.estimation import Floats, Indices
from crossmargin.experiments.rare.process import Process, Rows, seed_at


class Passage(NamedTuple):
    """What became of particles that were sent to a level.

    Attributes
    ----------
    reached : Indices, of those that reached it, by rising score
    steps : int, spent by all
    """

    reached: Indices
    steps: int


class Population(Protocol):
    """Particles, and how they move; places are counted from 0."""

    def begin(self, n: int) -> None:
        """Replace all particles by n new ones at the start."""
        ...

    def advance(self, level: float) -> Passage:
        """Run each particle until its score reaches a level or it is over."""
        ...

    def select(self, places: Indices) -> None:
        """Replace all particles by branches of those at some places, which may repeat."""
        ...

    def maxima(self) -> tuple[Floats, int]:
        """Largest score of a future of each particle, and the steps spent on all."""
        ...


def spread(n: int, m: int, rng: np.random.Generator) -> Indices:
    """Systematic sample of n places among m: each floor(n/m) or one more times, n/m in the mean."""
    return np.asarray((np.arange(n) + rng.random()) * m / n, np.int64)


class RowPopulation[S]:
    """Particles that are rows of the arrays of one state."""

    def __init__(self, process: Rows[S], source: Source, target: float) -> None:
        self.process, self.source, self.target = process, source, target
        self.state: S
        self.n = 0

    def begin(self, n: int) -> None:
        """Replace all particles by n new ones at the start."""
        self.n = n
        self.state = self.process.start(n, self.source.draw(np.zeros(n)))

    def _moving(self, state: S, rows: Indices, level: float) -> tuple[Indices, Floats]:
        rows = rows[~self.process.is_over(state, rows)]
        scores = self.process.score(state, rows)
        below = scores < level
        return rows[below], scores[below]

    def advance(self, level: float) -> Passage:
        """Run each particle until its score reaches a level or it is over."""
        steps, everyone = 0, np.arange(self.n)
        rows, scores = self._moving(self.state, everyone, level)
        while len(rows):
            self.process.step(self.state, rows, self.source.draw(scores))
            steps += len(rows)
            rows, scores = self._moving(self.state, rows, level)
        final = self.process.score(self.state, everyone)
        return Passage(_reached(final, level), steps)

    def select(self, places: Indices) -> None:
        """Replace all particles by branches of those at some places."""
        self.n = len(places)
        self.state = self.process.branch(self.state, places)

    def maxima(self) -> tuple[Floats, int]:
        """Largest score of a future of each particle, and the steps spent on all."""
        everyone = np.arange(self.n)
        state, steps = self.process.branch(self.state, everyone), 0
        best = self.process.score(state, everyone)
        rows, scores = self._moving(state, everyone, self.target)
        while len(rows):
            self.process.step(state, rows, self.source.draw(scores))
            steps += len(rows)
            best[rows] = np.maximum(best[rows], self.process.score(state, rows))
            rows, scores = self._moving(state, rows, self.target)
        return best, steps


def _reached(scores: Floats, level: float) -> Indices:
    order = np.argsort(scores, kind="stable")
    return np.asarray(order[scores[order] >= level])


def run_to[P](process: Process[P], particle: P, level: float) -> tuple[float, float, int]:
    """Score at the end, largest score and steps of a particle run to a level or its end."""
    score = best = process.score(particle)
    steps = 0
    while score < level and not process.is_over(particle):
        process.step(particle)
        steps += 1
        score = process.score(particle)
        best = max(best, score)
    return score, best, steps


def over[A, B](jobs: int, function: Callable[[A], B], tasks: Iterable[A]) -> list[B]:
    """Results of a function in the order of its tasks, on some threads."""
    if jobs == 1:
        return [function(task) for task in tasks]
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(function, tasks))


class SinglePopulation[P]:
    """Particles that run one by one, on threads where the process releases the lock."""

    def __init__(
        self, process: Process[P], key: tuple[int, ...], target: float, jobs: int = 1
    ) -> None:
        self.process, self.key, self.target, self.jobs = process, key, target, jobs
        self.particles: list[P] = []
        self._given = 0

    def _seeds(self, n: int) -> list[int]:
        """Next n seeds of this population; none is given twice."""
        root, *rest = self.key
        self._given += n
        return [seed_at(root, *rest, i) for i in range(self._given - n, self._given)]

    def begin(self, n: int) -> None:
        """Replace all particles by n new ones at the start."""
        self.particles = [self.process.start(seed) for seed in self._seeds(n)]

    def _run(self, particles: list[P], level: float) -> list[tuple[float, float, int]]:
        return over(self.jobs, lambda p: run_to(self.process, p, level), particles)

    def advance(self, level: float) -> Passage:
        """Run each particle until its score reaches a level or it is over."""
        found = self._run(self.particles, level)
        final = np.array([score for score, _, _ in found])
        return Passage(_reached(final, level), sum(steps for _, _, steps in found))

    def _branches(self, places: Iterable[int]) -> list[P]:
        wanted = list(places)
        seeds = self._seeds(len(wanted))
        return [
            self.process.branch(self.particles[place], seed)
            for place, seed in zip(wanted, seeds, strict=True)
        ]

    def select(self, places: Indices) -> None:
        """Replace all particles by branches of those at some places."""
        self.particles = self._branches(places.tolist())

    def maxima(self) -> tuple[Floats, int]:
        """Largest score of a future of each particle, and the steps spent on all."""
        found = self._run(self._branches(range(len(self.particles))), self.target)
        return np.array([best for _, best, _ in found]), sum(steps for _, _, steps in found)


def population_of(process: Any, target: float, source: Source, **single: Any) -> Population:
    """Population of a process of either kind; `single` is the key and jobs of one by one."""
    from crossmargin.experiments.rare.process import is_rows

    if is_rows(process):
        return RowPopulation(process, source, target)
    return SinglePopulation(process, single["key"], target, single["jobs"])
