"""Outcomes of a random shock: what the methods on shocks share, and plain Monte Carlo itself.

An outcome is a function `(size, seed) -> float`; a size comes from a frozen distribution of
scipy.stats, and every run has a seed of its own.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from crossmargin.experiments.checks import checked_count
from crossmargin.experiments.rare.estimation import Estimation, Floats, standard_error
from crossmargin.experiments.rare.particles import over
from crossmargin.experiments.rare.process import seed_at
from crossmargin.model.errors import ParameterError

#: `(size of the shock, seed of the run) -> outcome`
Outcome = Callable[[float, int], float]


def checked_distribution(name: str, distribution: Any, *needed: str) -> Any:
    """Frozen continuous distribution that has the methods needed.

    Raises
    ------
    ParameterError
        When it lacks one.
    """
    for method in needed:
        if not hasattr(distribution, method):
            raise ParameterError(
                f"{name} = {distribution!r}: has no {method}; give a frozen continuous "
                "distribution of scipy.stats, such as scipy.stats.norm(0, 0.02)"
            )
    return distribution


def evaluate(outcome: Outcome, sizes: Floats, seed: int, jobs: int = 1, first: int = 0) -> Floats:
    """Outcomes of shocks of some sizes; run i has seed `first + i` of the experiment."""
    checked_count("jobs", jobs, 1)
    seeds = [seed_at(seed, 1, first + i) for i in range(len(sizes))]
    work = functools.partial(_one, outcome)
    found = np.array(over(jobs, work, list(zip(sizes.tolist(), seeds, strict=True))), float)
    if np.isnan(found).any():
        size = sizes[int(np.flatnonzero(np.isnan(found))[0])]
        raise ParameterError(f"outcome: is not a number for a shock of {size:g}")
    return found


def _one(outcome: Outcome, task: tuple[float, int]) -> float:
    return float(outcome(*task))


def generator(seed: int) -> np.random.Generator:
    """Generator of the sizes of an experiment; the runs have other seeds."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))


def plain(
    outcome: Outcome,
    distribution: Any,
    n: int,
    *,
    seed: int = 0,
    jobs: int = 1,
    confidence: float = 0.95,
) -> Estimation:
    """Mean outcome by plain Monte Carlo, in the unit of the outcome; its gain is 1.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> found = plain(lambda size, seed: size, norm(3.0, 1.0), 400)
    >>> abs(found.estimate - 3.0) < 0.2, found.gain
    (True, 1.0)
    """
    checked_count("n", n, 2)
    checked_distribution("distribution", distribution, "ppf")
    sizes = np.asarray(distribution.ppf(generator(seed).random(n)))
    values = evaluate(outcome, sizes, seed, jobs)
    mean, error = float(values.mean()), standard_error(values)
    spread, found = (mean, error, n - 1), {"deviation": error * math.sqrt(n)}
    return Estimation.of_runs("plain Monte Carlo", spread, n, 1.0, confidence, found)
