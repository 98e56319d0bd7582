r"""Poisson branching cascade: each individual has a Poisson number of offspring with mean R.

The individuals of a cascade are processed one by one; a step draws the offspring of one. With S
processed and Z waiting, the expected total is S + Z / (1 - R), a martingale, and the score. The
total size has the law of Borel (`model/networks/borel.py`), the oracle for every method here.

References
----------
Otter, R. (1949), "The multiplicative process", Ann. Math. Stat. 20:206.
https://doi.org/10.1214/aoms/1177729740
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.rare.estimation import Floats, Indices
from crossmargin.model.errors import ParameterError

Integers = NDArray[np.int64]


class Cohort(NamedTuple):
    """Cascades that are under way.

    Attributes
    ----------
    processed, waiting : (n,) int64, individuals
    """

    processed: Integers
    waiting: Integers


class Cascade:
    """Cascades as rows; the event is that one processes `size` individuals.

    Parameters
    ----------
    reproduction : float
        Mean number of offspring, below 1.
    size : int
        Size at which the event has happened; the cascade is not followed beyond.

    Examples
    --------
    >>> from crossmargin.experiments.rare import splitting
    >>> from crossmargin.model.networks import borel_tail
    >>> found = splitting(Cascade(0.7, 20), np.inf, particles=200, repeats=20)
    >>> abs(found.estimate / borel_tail(20, 0.7) - 1) < 0.3
    True
    """

    draws = 1

    def __init__(self, reproduction: float, size: int) -> None:
        if not 0 < reproduction < 1:
            raise ParameterError(f"reproduction = {reproduction!r}: must lie between 0 and 1")
        self.reproduction, self.size = reproduction, size
        self._offspring = self._quantiles()

    def _quantiles(self) -> Floats:
        """Cumulative distribution of the offspring, as far as doubles tell it from 1."""
        counts = np.arange(64)
        logs = counts * math.log(self.reproduction) - [math.lgamma(k + 1.0) for k in counts]
        return np.asarray(np.cumsum(np.exp(logs - self.reproduction)))

    def start(self, n: int, uniforms: Floats) -> Cohort:
        """Cascades of one individual each, which waits."""
        return Cohort(np.zeros(n, np.int64), np.ones(n, np.int64))

    def step(self, state: Cohort, rows: Indices, uniforms: Floats) -> None:
        """Process one individual of each cascade."""
        offspring = np.searchsorted(self._offspring, uniforms[:, 0], side="right")
        state.waiting[rows] += offspring - 1
        state.processed[rows] += 1

    def score(self, state: Cohort, rows: Indices) -> Floats:
        """Expected total size; infinite once the event has happened."""
        done = state.processed[rows]
        expected = done + state.waiting[rows] / (1.0 - self.reproduction)
        return np.where(done >= self.size, np.inf, expected)

    def is_over(self, state: Cohort, rows: Indices) -> NDArray[np.bool_]:
        """Nobody waits, or the event has happened."""
        return np.asarray((state.waiting[rows] == 0) | (state.processed[rows] >= self.size))

    def branch(self, state: Cohort, rows: Indices) -> Cohort:
        """Copies of some cascades."""
        return Cohort(state.processed[rows], state.waiting[rows])
