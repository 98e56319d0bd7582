"""Adaptive multilevel splitting: levels are order statistics of the particles themselves.

At each iteration the particles whose largest score is at most the k-th smallest are killed, ties
included, and replaced by branches of survivors from the moment at which those first got strictly
beyond that score. With N particles and K_q killed at iteration q the estimate is

    product over q of (1 - K_q / N)  times  the share of particles at the target.

For processes in discrete time it is unbiased for every N and k, with atoms of the score as well,
because all ties are killed and a branch begins strictly above. With few killed at a time its
relative variance is about -log(p) / N; many ties make it larger.

A particle keeps the state from which it last branched and the scores since; the state at which it
first passed a level is found again by running it anew with its own seed, which counts as cost.

References
----------
Cérou, F. and Guyader, A. (2007), "Adaptive multilevel splitting for rare event analysis", Stoch.
Anal. Appl. 25:417. https://doi.org/10.1080/07362990601139628
Bréhier, C.-E., Gazeau, M., Goudenège, L., Lelièvre, T. and Rousset, M. (2016), "Unbiasedness of
some generalized adaptive multilevel splitting algorithms", Ann. Appl. Probab. 26:3559.
https://doi.org/10.1214/16-AAP1185
"""

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from crossmargin.experiments.checks import checked_count, checked_share, checked_target
from crossmargin.experiments.futures import checked_root
from crossmargin.experiments.rare.estimation import Estimation, gain_of, standard_error
from crossmargin.experiments.rare.levels import probability_interval
from crossmargin.experiments.rare.particles import over
from crossmargin.experiments.rare.process import Process, seed_at
from crossmargin.model.errors import ParameterError


@dataclass(frozen=True)
class Line[P]:
    """A particle from its last branching on.

    Attributes
    ----------
    base : state at the branching, never moved
    seed : of its future
    scores : by step, the first one that of the base
    steps : spent on it, runs to find its base anew included
    """

    base: P
    seed: int
    scores: tuple[float, ...]
    steps: int

    @property
    def best(self) -> float:
        """Largest score."""
        return max(self.scores)

    def passage(self, level: float) -> int:
        """Step at which it first got strictly beyond a level."""
        return next(step for step, score in enumerate(self.scores) if score > level)


class Trial(NamedTuple):
    """One run of the algorithm.

    Attributes
    ----------
    estimate : float
    cost : int, steps
    plain_steps : int, of the first particles alone
    iterations : int
    ties : int, killed beyond k
    """

    estimate: float
    cost: int
    plain_steps: int
    iterations: int
    ties: int


def follow[P](process: Process[P], base: P, seed: int, target: float, spent: int = 0) -> Line[P]:
    """Line from a base to its end or the target."""
    particle = process.branch(base, seed)
    scores = [process.score(particle)]
    while scores[-1] < target and not process.is_over(particle):
        process.step(particle)
        scores.append(process.score(particle))
    return Line(base, seed, tuple(scores), spent + len(scores) - 1)


def branch_off[P](
    process: Process[P], parent: Line[P], level: float, seed: int, target: float
) -> Line[P]:
    """Line that shares its parent's past until that first got beyond a level."""
    steps = parent.passage(level)
    base = process.branch(parent.base, parent.seed)
    for _ in range(steps):
        process.step(base)
    return follow(process, base, seed, target, steps)


def run_adaptive[P](
    process: Process[P], target: float, n: int, kill: int, key: tuple[int, int], jobs: int
) -> Trial:
    """Run the algorithm once."""
    rng = np.random.default_rng(np.random.SeedSequence(key[0], spawn_key=(key[1],)))
    seeds = (seed_at(*key, i) for i in itertools.count())
    starts = [next(seeds) for _ in range(n)]
    lines = over(jobs, lambda seed: follow(process, process.start(seed), seed, target), starts)
    plain = cost = sum(line.steps for line in lines)
    probability, iterations, ties = 1.0, 0, 0
    while True:
        best = np.array([line.best for line in lines])
        level = float(np.partition(best, kill - 1)[kill - 1])
        if level >= target:
            share = float((best >= target).mean())
            return Trial(probability * share, cost, plain, iterations, ties)
        killed, kept = np.flatnonzero(best <= level), np.flatnonzero(best > level)
        iterations += 1
        ties += len(killed) - kill
        probability *= len(kept) / n
        if not len(kept):
            return Trial(0.0, cost, plain, iterations, ties)
        parents = [lines[i] for i in rng.choice(kept, len(killed))]
        tasks = [(parent, level, next(seeds)) for parent in parents]
        born = over(jobs, lambda task: branch_off(process, *task, target), tasks)
        cost += sum(line.steps for line in born)
        for place, line in zip(killed, born, strict=True):
            lines[place] = line


def adaptive_splitting[P](
    process: Process[P],
    target: float,
    *,
    particles: int = 100,
    kill: int = 1,
    repeats: int = 10,
    seed: int = 0,
    jobs: int = 1,
    confidence: float = 0.95,
) -> Estimation:
    """Estimate the probability that the score of a process reaches a target, a fraction.

    Parameters
    ----------
    process : Process
        Particles one by one; a branch with the same seed must go the same way again.
    particles : int
        N; each keeps one state.
    kill : int
        k, the particles killed at a time, fewer than N; several keep `jobs` threads busy.
    repeats : int
        Independent runs of the algorithm; their spread is the standard error. With one run it is
        the estimate times sqrt(-log(p) / N).

    Returns
    -------
    Estimation
        Cost in steps, those run anew included. Diagnostics: `estimates`, `formula` (relative
        standard error of one run, sqrt(-log(p) / N)), `iterations` and `ties` (particles killed
        because they shared a score) in the mean, `failures`, `plain_cost`.

    Examples
    --------
    >>> from crossmargin.experiments.rare.walk import Walk
    >>> found = adaptive_splitting(Walk(horizon=25, end=15.0), math.inf, particles=60)
    >>> found.low < 1.35e-3 < found.high  # a normal draw beyond three standard deviations
    True
    """
    n = checked_count("particles", particles, 2)
    checked_count("repeats", repeats, 1)
    checked_count("jobs", jobs, 1)
    checked_target(target)
    seed, confidence = checked_root(seed), checked_share("confidence", confidence)
    if checked_count("kill", kill, 1) >= n:
        raise ParameterError(f"kill = {kill}: must be smaller than particles = {n}")
    trials = [
        run_adaptive(process, target, n, kill, (seed, repeat), jobs) for repeat in range(repeats)
    ]
    return _judged(trials, n, kill, confidence)


def _judged(trials: list[Trial], n: int, kill: int, confidence: float) -> Estimation:
    estimates = np.array([trial.estimate for trial in trials])
    mean = float(estimates.mean())
    formula = math.sqrt(-math.log(mean) / n) if mean > 0 else math.inf
    if len(trials) > 1:
        error = standard_error(estimates)
        low, high = probability_interval(estimates, error, confidence)
    else:
        error = mean * formula if mean > 0 else math.nan
        low, high = _log_normal(mean, formula, confidence)
    cost = sum(trial.cost for trial in trials)
    plain_cost = sum(trial.plain_steps for trial in trials) / (n * len(trials))
    return Estimation(
        method=f"adaptive multilevel splitting, N = {n}, k = {kill}",
        estimate=mean,
        standard_error=error,
        low=low,
        high=high,
        confidence=confidence,
        cost=float(cost),
        unit="steps",
        gain=gain_of(mean * (1 - mean) * plain_cost, error, cost),
        diagnostics={
            "estimates": tuple(estimates.tolist()),
            "formula": formula,
            "iterations": float(np.mean([trial.iterations for trial in trials])),
            "ties": float(np.mean([trial.ties for trial in trials])),
            "failures": int((estimates == 0).sum()),
            "plain_cost": plain_cost,
        },
    )


def _log_normal(estimate: float, relative: float, confidence: float) -> tuple[float, float]:
    """Interval of one run, whose logarithm is about normal."""
    from scipy.stats import norm

    if estimate <= 0:
        return 0.0, math.nan
    half = float(norm.ppf(0.5 + confidence / 2)) * relative
    return estimate * math.exp(-half), min(estimate * math.exp(half), 1.0)
