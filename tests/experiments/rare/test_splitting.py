"""Splitting with fixed effort: unbiased on Borel's law, and the number to reach."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crossmargin as xm
from crossmargin.experiments.rare import Cascade, adaptive_splitting, splitting
from crossmargin.experiments.rare.levels import best_effort, formula_error, next_level
from crossmargin.experiments.rare.particles import spread
from crossmargin.experiments.rare.walk import Walk, Walker
from crossmargin.model.networks import borel_tail


def z_score(estimates: tuple[float, ...], exact: float) -> float:
    values = np.array(estimates)
    return float((values.mean() - exact) / (values.std(ddof=1) / math.sqrt(len(values))))


def hundred(particles: int, draws: str) -> tuple[float, float]:
    """Error of 50 repeats of a cascade of a hundred, and what plain runs of 10% cost more."""
    found = splitting(
        Cascade(0.7, 100), np.inf, particles=particles, repeats=50, draws=draws, seed=1
    )
    exact = borel_tail(100, 0.7)
    estimates = np.array(found.diagnostics["estimates"])
    assert abs(z_score(found.diagnostics["estimates"], exact)) < 4
    plain_steps = sum(borel_tail(s, 0.7) for s in range(1, 101))
    plain_cost = (1 - exact) / (exact * 0.1**2) * plain_steps
    return math.sqrt(np.mean((estimates / exact - 1) ** 2)), plain_cost / (found.cost / 50)


def test_a_cascade_of_a_hundred_within_a_tenth_at_a_fiftieth_of_the_cost() -> None:
    error, times_cheaper = hundred(800, "stratified")
    assert error <= 0.10
    assert times_cheaper >= 50


def test_independent_draws_take_several_times_as_much_for_the_same_error() -> None:
    stratified, independent = hundred(800, "stratified"), hundred(2400, "independent")
    assert independent[0] <= 0.12  # as the 50 repeats of these seeds have it
    gains = [cheaper * (0.1 / error) ** 2 for error, cheaper in (independent, stratified)]
    assert 40 < gains[0] < gains[1] / 3  # about a fiftieth: at its edge, on either side by chance


@pytest.mark.parametrize("draws", ["independent", "stratified"])
def test_it_is_unbiased_with_few_particles_and_poor_levels(draws: str) -> None:
    found = splitting(
        Cascade(0.7, 15),
        np.inf,
        particles=12,
        levels=[4.0, 6.5, 6.6, 12.0],
        draws=draws,
        repeats=1500,
    )
    assert abs(z_score(found.diagnostics["estimates"], borel_tail(15, 0.7))) < 4


class Sizes(Cascade):
    """Cascade with a score of atoms: the number processed."""

    def score(self, state, rows):  # type: ignore[no-untyped-def]
        done = state.processed[rows].astype(float)
        return np.where(done >= self.size, np.inf, done)


def test_it_is_unbiased_with_a_score_of_atoms() -> None:
    found = splitting(Sizes(0.7, 12), np.inf, particles=40, repeats=600, seed=2)
    assert abs(z_score(found.diagnostics["estimates"], borel_tail(12, 0.7))) < 4


def test_particles_one_by_one_find_a_gaussian_tail() -> None:
    found = splitting(Walk(horizon=16, end=12.0), np.inf, particles=80, repeats=60, seed=1)
    assert abs(z_score(found.diagnostics["estimates"], 1.349898e-3)) < 4
    assert found.gain > 1
    assert found.low < found.estimate < found.high


def test_threads_change_nothing() -> None:
    found = [
        splitting(Walk(horizon=9, end=6.0), np.inf, particles=20, repeats=3, jobs=jobs)
        for jobs in (1, 3)
    ]
    assert found[0] == found[1]


def test_repetitions_are_independent_and_reproducible() -> None:
    one, two = (
        splitting(Cascade(0.7, 30), np.inf, particles=50, repeats=200, levels=[8.0, 16.0])
        for _ in range(2)
    )
    assert one.diagnostics["estimates"] == two.diagnostics["estimates"]
    values = np.array(one.diagnostics["estimates"])
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 4 / math.sqrt(200)
    other = splitting(Cascade(0.7, 30), np.inf, particles=50, repeats=5, levels=[8.0, 16.0], seed=1)
    assert other.diagnostics["estimates"] != one.diagnostics["estimates"][:5]


def test_the_error_of_repetitions_is_at_least_about_that_of_the_formula() -> None:
    found = splitting(Cascade(0.7, 50), np.inf, particles=200, repeats=200)
    spread_of_one = found.relative_error * math.sqrt(200)
    assert 0.7 * found.diagnostics["formula"] < spread_of_one < 2.5 * found.diagnostics["formula"]


def test_what_dies_out_counts_as_zero() -> None:
    found = splitting(Cascade(0.7, 60), np.inf, particles=3, levels=[40.0], repeats=30)
    assert found.diagnostics["failures"] > 0
    assert found.low >= 0
    assert found.estimate == np.mean(found.diagnostics["estimates"])


@given(n=st.integers(1, 60), m=st.integers(1, 60), seed=st.integers(0, 100))
def test_a_systematic_sample_is_even(n: int, m: int, seed: int) -> None:
    places = spread(n, m, np.random.default_rng(seed))
    counts = np.bincount(places, minlength=m)
    assert len(places) == n
    assert len(counts) == m
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize(("n", "m"), [(7, 3), (3, 7), (10, 9)])
def test_a_systematic_sample_favours_no_place(n: int, m: int) -> None:
    rng = np.random.default_rng(1)
    counts = sum(np.bincount(spread(n, m, rng), minlength=m) for _ in range(6000))
    np.testing.assert_allclose(counts / 6000, n / m, atol=0.04)


class Guarded(Walk):
    """Walk that refuses to be moved beyond its end."""

    def step(self, particle: Walker) -> None:
        assert not self.is_over(particle)
        super().step(particle)


@pytest.mark.parametrize("method", [splitting, adaptive_splitting])
def test_what_reached_a_level_with_its_last_step_is_not_moved_further(method: Any) -> None:
    found = method(Guarded(horizon=5, end=4.0), np.inf, particles=40, repeats=6)
    assert found.estimate > 0


def test_levels_of_the_pilot() -> None:
    maxima = np.array([1.0, 2.0, 2.0, 2.0, 5.0, 9.0])
    assert next_level(maxima, -np.inf, 10.0, 0.3) == 5.0
    assert next_level(maxima, 5.0, 10.0, 0.5) == 9.0
    assert next_level(maxima, 0.0, 9.0, 0.1) == 9.0
    with pytest.raises(xm.ConvergenceError, match="got beyond a score of 9"):
        next_level(maxima, 9.0, 10.0, 0.3)


def test_effort_goes_where_a_particle_is_cheap() -> None:
    effort = best_effort(np.array([0.3, 0.3]), np.array([1.0, 4.0]), 300)
    assert effort == (400, 200)
    assert formula_error(np.array([0.5]), np.array([100.0])) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"particles": 1}, "particles = 1"),
        ({"repeats": 0}, "repeats = 0"),
        ({"share": 1.0}, "share = 1.0"),
        ({"levels": [3.0, 2.0]}, "must rise"),
        ({"levels": [3.0, 12.0]}, "below the target"),
        ({"draws": "sobol"}, "draws = 'sobol'"),
        ({"jobs": 0}, "jobs = 0"),
    ],
)
def test_bad_numbers_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(xm.ParameterError, match=words):
        splitting(Cascade(0.7, 10), 10.0, **changes)
