"""Multilevel splitting with fixed effort: a rare event as a chain of likely ones.

The probability is the product, over rising levels of the score, of the chance to reach the next
level from where the last one was reached. At each level a fixed number of particles starts from
states drawn from those that got there. The estimate is unbiased for levels fixed beforehand,
whatever the score; a pilot that is not used for the estimate finds levels that each some 30% of the
particles pass, and how many particles each stage should have.

The standard error comes from independent repetitions. Beside it stands the formula that takes
stages for independent, an optimistic one: relative variance = sum of (1 - p_k) / (n_k p_k).

References
----------
Garvels, M. (2000), "The splitting method in rare event simulation", thesis, University of Twente.
https://research.utwente.nl/en/publications/the-splitting-method-in-rare-event-simulation
Cérou, F., Del Moral, P., Furon, T. and Guyader, A. (2012), "Sequential Monte Carlo for rare event
estimation", Stat. Comput. 22:795. https://doi.org/10.1007/s11222-011-9231-6
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from crossmargin.experiments.checks import checked_count, checked_share, checked_target
from crossmargin.experiments.futures import checked_root
from crossmargin.experiments.rare.draws import source_of
from crossmargin.experiments.rare.estimation import (
    Estimation,
    Floats,
    gain_of,
    half_width,
    standard_error,
)
from crossmargin.experiments.rare.particles import Population, population_of, spread
from crossmargin.experiments.rare.process import is_rows
from crossmargin.model.errors import ConvergenceError, ParameterError


class Plan(NamedTuple):
    """Levels of a splitting and the particles of each stage.

    Attributes
    ----------
    levels : rising scores, the target last
    effort : particles by stage
    plain_cost : mean steps of a plain run to its end or the target, NaN when not measured
    cost : steps spent to find this
    """

    levels: tuple[float, ...]
    effort: tuple[int, ...]
    plain_cost: float
    cost: int


class Trial(NamedTuple):
    """One splitting: its estimate, steps spent, and the share that passed each stage."""

    estimate: float
    cost: int
    chances: tuple[float, ...]


def run_levels(population: Population, plan: Plan, rng: np.random.Generator) -> Trial:
    """Send a population through all levels once."""
    population.begin(plan.effort[0])
    cost, chances = 0, []
    for stage, level in enumerate(plan.levels):
        reached, steps = population.advance(level)
        cost += steps
        chances.append(len(reached) / plan.effort[stage])
        if len(reached) == 0 or stage + 1 == len(plan.levels):
            break
        n = plan.effort[stage + 1]
        population.select(reached[spread(n, len(reached), rng)])
    is_through = len(chances) == len(plan.levels)
    return Trial(math.prod(chances) if is_through else 0.0, cost, tuple(chances))


def next_level(maxima: Floats, last: float, target: float, share: float) -> float:
    """Score that about a share of particles reached, above the last level.

    Raises
    ------
    ConvergenceError
        When no particle got beyond the last level.
    """
    if (maxima >= target).mean() >= share:
        return target
    level = float(np.quantile(maxima, 1.0 - share, method="higher"))
    if level <= last:
        above = maxima[maxima > last]
        if not len(above):
            raise ConvergenceError(
                f"no particle of the pilot got beyond a score of {last:g}: take more particles, or "
                "a score that changes by smaller amounts"
            )
        level = float(above.min())
    return min(level, target)


def find_levels(
    population: Population, target: float, n: int, share: float, rng: np.random.Generator
) -> tuple[list[float], Floats, Floats, Floats]:
    """Levels by a pilot of n particles, the chance and the steps a particle of each stage.

    The last array has the mean steps of a plain run and all steps spent.
    """
    population.begin(n)
    levels: list[float] = []
    chances, costs, total, plain = [], [], 0, math.nan
    while not levels or levels[-1] < target:
        maxima, steps = population.maxima()
        plain = steps / n if not levels else plain
        last = levels[-1] if levels else -math.inf
        levels.append(next_level(maxima, last, target, share))
        reached, own = population.advance(levels[-1])
        if not len(reached):
            raise ConvergenceError(
                f"no particle of the pilot reached the level {levels[-1]:g} again: take more"
            )
        total += steps + own
        chances.append(len(reached) / n)
        costs.append(own / n)
        population.select(reached[spread(n, len(reached), rng)])
    return levels, np.array(chances), np.array(costs), np.array([plain, total])


def best_effort(chances: Floats, costs: Floats, particles: int) -> tuple[int, ...]:
    """Particles by stage of least variance at equal cost, `particles` in the mean."""
    spreads = np.sqrt(np.clip((1 - chances) / chances, 0.05, None) / np.maximum(costs, 1e-3))
    weights = np.clip(spreads / spreads.mean(), 0.25, 4.0)
    return tuple(max(int(n), 2) for n in np.rint(particles * weights / weights.mean()))


def splitting(
    process: Any,
    target: float,
    *,
    particles: int = 500,
    repeats: int = 10,
    levels: Sequence[float] | None = None,
    plain_cost: float = math.nan,
    pilot: int | None = None,
    share: float = 0.3,
    draws: str = "independent",
    seed: int = 0,
    jobs: int = 1,
    confidence: float = 0.95,
) -> Estimation:
    """Estimate the probability that the score of a process reaches a target, a fraction.

    Parameters
    ----------
    process : Process or Rows
        Particles one by one, as `MarketProcess`, or as rows of arrays, as `Cascade`.
    target : float
        Score at which the event has happened; infinity is allowed.
    particles : int
        By stage, in the mean.
    repeats : int
        Independent splittings; their spread is the standard error.
    levels : sequence of float, optional
        Rising scores below the target; found by a pilot when not given.
    plain_cost : float
        Mean steps of a plain run, for the gain; the pilot measures it.
    pilot : int, optional
        Particles of the pilot, as many as `particles` by default; its steps count as cost.
    share : float
        Of particles that pass a level, which the pilot aims at.
    draws : {"independent", "stratified"}
        Of particles that are rows; stratified draws have less variance.
    jobs : int
        Threads, for particles that run one by one.

    Returns
    -------
    Estimation
        Cost in steps of one particle. Diagnostics: `levels`, `effort`, `chances` by stage,
        `estimates` by repetition, `formula` (relative standard error if stages were independent),
        `failures` (repetitions that died out), `pilot_cost`, `plain_cost`.

    Raises
    ------
    ParameterError
        When a number is out of range.
    ConvergenceError
        When the pilot cannot get beyond a score.

    Examples
    --------
    >>> from crossmargin.experiments.rare import Cascade
    >>> from crossmargin.model.networks import borel_tail
    >>> found = splitting(Cascade(0.7, 50), float("inf"), particles=300, draws="stratified")
    >>> found.gain > 10, abs(found.estimate / borel_tail(50, 0.7) - 1) < 0.2
    (True, True)
    """
    checked_count("particles", particles, 2)
    checked_count("repeats", repeats, 1)
    checked_count("jobs", jobs, 1)
    checked_target(target)
    seed, confidence = checked_root(seed), checked_share("confidence", confidence)
    if not 0 < share < 1:
        raise ParameterError(f"share = {share!r}: must lie between 0 and 1")

    def populated(part: int) -> tuple[Population, np.random.Generator]:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(part,)))
        source = source_of(draws, rng, process.draws if is_rows(process) else 0)
        return population_of(process, target, source, key=(seed, part), jobs=jobs), rng

    plan = _given(levels, target, particles, plain_cost)
    if plan is None:
        n = particles if pilot is None else checked_count("pilot", pilot, 10)
        population, rng = populated(0)
        found, chances, costs, (plain, total) = find_levels(population, target, n, share, rng)
        effort = best_effort(chances, costs, particles)
        plan = Plan(tuple(found), effort, float(plain), int(total))
    trials = []
    for repeat in range(repeats):
        population, rng = populated(1 + repeat)
        trials.append(run_levels(population, plan, rng))
    return _judged(trials, plan, draws, confidence)


def _given(
    levels: Sequence[float] | None, target: float, particles: int, plain_cost: float
) -> Plan | None:
    if levels is None:
        return None
    rising = [float(level) for level in levels]
    if not all(a < b for a, b in zip(rising, [*rising[1:], target], strict=True)):
        raise ParameterError(f"levels = {rising}: must rise and lie below the target {target:g}")
    return Plan((*rising, target), (particles,) * (len(rising) + 1), plain_cost, 0)


def formula_error(chances: Floats, effort: Floats) -> float:
    """Relative standard error of one splitting if its stages were independent."""
    if not len(chances) or chances.min() <= 0:
        return math.inf
    return float(np.sqrt(((1 - chances) / (chances * effort)).sum()))


def probability_interval(estimates: Floats, error: float, confidence: float) -> tuple[float, float]:
    """Student's interval of a mean, on the log scale where no repetition died out."""
    mean = float(estimates.mean())
    half = half_width(error, len(estimates) - 1, confidence)
    if estimates.min() > 0 and math.isfinite(half):
        return mean * math.exp(-half / mean), min(mean * math.exp(half / mean), 1.0)
    return max(mean - half, 0.0), min(mean + half, 1.0)


def _judged(trials: list[Trial], plan: Plan, draws: str, confidence: float) -> Estimation:
    estimates = np.array([trial.estimate for trial in trials])
    through = [t.chances for t in trials if len(t.chances) == len(plan.levels)]
    chances = np.array(through).mean(axis=0) if through else np.array([])
    formula = formula_error(chances, np.array(plan.effort[: len(chances)], float))
    mean, error = float(estimates.mean()), standard_error(estimates)
    low, high = probability_interval(estimates, error, confidence)
    cost = plan.cost + sum(trial.cost for trial in trials)
    return Estimation(
        method=f"multilevel splitting, {draws} draws",
        estimate=mean,
        standard_error=error,
        low=low,
        high=high,
        confidence=confidence,
        cost=float(cost),
        unit="steps",
        gain=gain_of(mean * (1 - mean) * plan.plain_cost, error, cost),
        diagnostics={
            "levels": plan.levels,
            "effort": plan.effort,
            "chances": tuple(chances.tolist()),
            "estimates": tuple(estimates.tolist()),
            "formula": formula,
            "failures": int((estimates == 0).sum()),
            "pilot_cost": plan.cost,
            "plain_cost": plan.plain_cost,
        },
    )
