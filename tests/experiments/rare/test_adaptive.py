"""Adaptive splitting: unbiased with a continuous score and with atoms."""

import math

import numpy as np
import pytest
from scipy.stats import norm

import crossmargin as xm
from crossmargin.experiments.rare import adaptive_splitting
from crossmargin.experiments.rare.adaptive import branch_off, follow
from crossmargin.experiments.rare.walk import Walk


class Ruin:
    """Gambler who wins one with probability p, else loses one, from 1 until 0 or the target."""

    def __init__(self, p: float, target: int) -> None:
        self.p, self.target = p, target

    def start(self, seed: int) -> list:
        return [1, np.random.default_rng(seed)]

    def step(self, particle: list) -> None:
        particle[0] += 1 if particle[1].random() < self.p else -1

    def is_over(self, particle: list) -> bool:
        return not 0 < particle[0] < self.target

    def score(self, particle: list) -> float:
        return float(particle[0])

    def branch(self, particle: list, seed: int) -> list:
        return [particle[0], np.random.default_rng(seed)]

    @property
    def probability(self) -> float:
        odds = (1 - self.p) / self.p
        return (odds - 1) / (odds**self.target - 1)


def z_score(estimates: tuple[float, ...], exact: float) -> float:
    values = np.array(estimates)
    return float((values.mean() - exact) / (values.std(ddof=1) / math.sqrt(len(values))))


@pytest.mark.parametrize("kill", [1, 7])
def test_a_gaussian_tail_without_bias(kill: int) -> None:
    found = adaptive_splitting(
        Walk(horizon=9, end=9.0), np.inf, particles=20, kill=kill, repeats=100, seed=3
    )
    assert abs(z_score(found.diagnostics["estimates"], norm.sf(3.0))) < 4


@pytest.mark.parametrize("kill", [1, 5])
def test_atoms_of_the_score_bring_no_bias(kill: int) -> None:
    game = Ruin(0.35, 8)
    found = adaptive_splitting(game, 8.0, particles=25, kill=kill, repeats=120, seed=1)
    assert found.diagnostics["ties"] > 10
    assert abs(z_score(found.diagnostics["estimates"], game.probability)) < 4


def test_it_gains_on_plain_monte_carlo_and_knows_its_error() -> None:
    found = adaptive_splitting(Walk(horizon=16, end=16.0), np.inf, particles=60, repeats=20)
    exact = norm.sf(4.0)
    assert abs(z_score(found.diagnostics["estimates"], exact)) < 4
    assert found.gain > 10
    assert found.diagnostics["formula"] == pytest.approx(math.sqrt(-math.log(exact) / 60), rel=0.1)
    spread = found.relative_error * math.sqrt(20)
    assert 0.7 * found.diagnostics["formula"] < spread < 4 * found.diagnostics["formula"]


def test_one_run_has_the_error_of_the_formula() -> None:
    found = adaptive_splitting(Walk(horizon=4, end=2.0), np.inf, particles=60, repeats=1)
    assert found.relative_error == pytest.approx(found.diagnostics["formula"])
    assert found.low < found.estimate < found.high


def test_a_branch_shares_the_past_up_to_the_passage() -> None:
    walk = Walk(horizon=30)
    parent = follow(walk, walk.start(1), 1, np.inf)
    level = sorted(parent.scores)[20]
    child = branch_off(walk, parent, level, 2, np.inf)
    steps = parent.passage(level)
    assert child.scores[0] == parent.scores[steps] > level
    assert child.scores[1:] != parent.scores[steps + 1 :]
    assert len(child.scores) == len(parent.scores) - steps
    assert child.steps == steps + len(child.scores) - 1
    again = branch_off(walk, parent, level, 2, np.inf)
    assert again.scores == child.scores


def test_what_cannot_happen_has_estimate_zero() -> None:
    found = adaptive_splitting(Ruin(0.01, 60), 60.0, particles=4, repeats=3)
    assert (found.estimate, found.diagnostics["failures"]) == (0.0, 3)
    assert math.isinf(found.diagnostics["formula"])


def test_what_is_certain_has_estimate_one() -> None:
    found = adaptive_splitting(Walk(horizon=5), -100.0, particles=5, repeats=2)
    assert (found.estimate, found.standard_error, found.cost) == (1.0, 0.0, 0.0)


def test_threads_change_nothing() -> None:
    found = [
        adaptive_splitting(
            Walk(horizon=9, end=6.0), np.inf, particles=12, kill=4, repeats=3, jobs=jobs
        )
        for jobs in (1, 3)
    ]
    assert found[0] == found[1]


def test_killing_everyone_is_refused() -> None:
    with pytest.raises(xm.ParameterError, match="kill = 5"):
        adaptive_splitting(Walk(), 1.0, particles=5, kill=5)
