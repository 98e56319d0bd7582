"""What multilevel splitting asks of a random process: start, step, score, branch.

A process in which particles run one by one, as markets do, is a `Process`. One whose particles are
rows of arrays, stepped together, is a `Rows`: much faster where it can be written so, and its draws
can be stratified over the particles.

The score says how close a particle is to the rare event, which happens when it first reaches the
target. It may rise and fall; what counts is its running maximum. Any score gives the right
probability, a good one (a monotone function of the probability of the event given the state) a
precise one. It should move in small amounts: where many particles share a score, none lies between
two levels there.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.rare.estimation import Floats, Indices


class Process[P](Protocol):
    """A process whose particles run one by one."""

    def start(self, seed: int) -> P:
        """Return a new particle at the start, all of its draws from the seed."""
        ...

    def step(self, particle: P) -> None:
        """Move a particle one step, in place."""
        ...

    def is_over(self, particle: P) -> bool:
        """Tell whether the particle has come to its end; it is not moved any further."""
        ...

    def score(self, particle: P) -> float:
        """Return how close the particle is to the event now; infinity is allowed."""
        ...

    def branch(self, particle: P, seed: int) -> P:
        """Return a copy whose further draws follow from its state and this seed alone."""
        ...


class Rows[S](Protocol):
    """A process whose particles are rows of arrays; a step uses `draws` uniforms a particle."""

    draws: int

    def start(self, n: int, uniforms: Floats) -> S:
        """Return n particles at the start; `uniforms` is (n, draws), for random starts."""
        ...

    def step(self, state: S, rows: Indices, uniforms: Floats) -> None:
        """Move some rows one step, in place; `uniforms` is (len(rows), draws) in [0, 1)."""
        ...

    def score(self, state: S, rows: Indices) -> Floats:
        """Return scores of some rows."""
        ...

    def is_over(self, state: S, rows: Indices) -> NDArray[np.bool_]:
        """Tell which of some rows have come to their end."""
        ...

    def branch(self, state: S, rows: Indices) -> S:
        """Return copies of some rows, which may repeat, as a state of their own."""
        ...


def is_rows(process: Any) -> bool:
    """Tell whether the particles of a process are rows."""
    return hasattr(process, "draws")


def seed_at(root: int, *key: int) -> int:
    """Seed below 2**63 of one place in an experiment, independent of all others."""
    words = np.random.SeedSequence(root, spawn_key=key).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))
