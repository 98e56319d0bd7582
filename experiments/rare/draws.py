"""Uniforms for particles that step together: independent, or stratified over the particles.

Stratified draws sort the particles by score and give the i-th one the i-th point of a Halton
sequence shifted at random, a new shift every step: like particles get unlike draws, and each draw
alone is uniform and independent of the past, so that estimates stay unbiased (array-RQMC).

References
----------
L'Ecuyer, P., Demers, V. and Tuffin, B. (2007), "Rare events, splitting, and quasi-Monte Carlo",
ACM Trans. Model. Comput. Simul. 17(2):9. https://doi.org/10.1145/1225275.1225280
L'Ecuyer, P., Lécot, C. and Tuffin, B. (2008), "A randomized quasi-Monte Carlo simulation method for
Markov chains", Operations Research 56:958. https://doi.org/10.1287/opre.1080.0556
"""

import functools
from typing import Literal, Protocol

import numpy as np

from crossmargin.experiments.load import did_you_mean
from crossmargin.experiments.rare.estimation import Floats
from crossmargin.model.errors import ParameterError

Kind = Literal["independent", "stratified"]


class Source(Protocol):
    """Where the uniforms of a step come from."""

    rng: np.random.Generator

    def draw(self, scores: Floats) -> Floats:
        """(len(scores), draws) uniforms in [0, 1) for particles with these scores."""
        ...


class Independent:
    """Independent uniforms."""

    def __init__(self, rng: np.random.Generator, draws: int) -> None:
        self.rng, self.draws = rng, draws

    def draw(self, scores: Floats) -> Floats:
        """(len(scores), draws) uniforms in [0, 1)."""
        return self.rng.random((len(scores), self.draws))


@functools.cache
def _halton(n: int, draws: int) -> Floats:
    from scipy.stats import qmc

    return np.asarray(qmc.Halton(draws, scramble=False).random(n))


class Stratified:
    """Shifted Halton points over particles sorted by score."""

    def __init__(self, rng: np.random.Generator, draws: int) -> None:
        self.rng, self.draws = rng, draws

    def draw(self, scores: Floats) -> Floats:
        """(len(scores), draws) uniforms in [0, 1), evenly spread over the scores."""
        n = len(scores)
        room = 1 << max(n - 1, 1).bit_length()
        points = (_halton(room, self.draws)[:n] + self.rng.random(self.draws)) % 1.0
        found = np.empty_like(points)
        found[np.argsort(scores, kind="stable")] = points
        return found


def source_of(kind: str, rng: np.random.Generator, draws: int) -> Source:
    """Source by name.

    Raises
    ------
    ParameterError
        When there is no such source.
    """
    sources: dict[str, type[Independent] | type[Stratified]] = {
        "independent": Independent,
        "stratified": Stratified,
    }
    if kind not in sources:
        raise ParameterError(f"draws = {kind!r}: {did_you_mean(str(kind), sources)}")
    return sources[kind](rng, draws)
