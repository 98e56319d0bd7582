"""Sandwiches, tests and profiles against what is known of linear models."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from crossmargin.experiments.calibration.identifiability import Profile, rise_that_counts
from crossmargin.experiments.calibration.inference import (
    criterion_noise,
    fit_statistic,
    sandwich,
    solver,
)

SLOPE = np.array([[1.0, 1.0], [1.0, -1.0], [2.0, 0.0], [0.0, 0.3]])
SPREAD = np.array([[1, 0.3, 0.2, 0], [0.3, 2, 0, 0], [0.2, 0, 1.5, 0.1], [0, 0, 0.1, 0.8]])


def test_efficient_weights_give_the_smallest_covariance() -> None:
    best = sandwich(SLOPE, np.linalg.inv(SPREAD), SPREAD)
    assert best == pytest.approx(np.linalg.inv(SLOPE.T @ np.linalg.inv(SPREAD) @ SLOPE))
    other = sandwich(SLOPE, np.diag([1.0, 5.0, 0.1, 1.0]), SPREAD)
    assert np.linalg.eigvalsh(other - best).min() > -1e-12


@given(st.integers(0, 2**32 - 1))
def test_the_sandwich_is_the_covariance_of_weighted_least_squares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slope, root = rng.standard_normal((5, 2)), rng.standard_normal((5, 5))
    weights = np.diag(rng.uniform(0.5, 2, 5))
    matrix = np.linalg.inv(slope.T @ weights @ slope) @ slope.T @ weights
    wanted = matrix @ (root @ root.T) @ matrix.T
    assert sandwich(slope, weights, root @ root.T) == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_units_of_parameters_do_not_matter() -> None:
    scale = np.array([1e-3, 1e6])
    plain = sandwich(SLOPE, np.linalg.inv(SPREAD), SPREAD)
    scaled = sandwich(SLOPE * scale, np.linalg.inv(SPREAD), SPREAD)
    assert scaled * np.outer(scale, scale) == pytest.approx(plain)


def test_a_parameter_that_moves_nothing_is_infinitely_unsure() -> None:
    slope = np.column_stack([SLOPE, np.zeros(4)])
    covariance = sandwich(slope, np.linalg.inv(SPREAD), SPREAD)
    assert covariance[2, 2] == np.inf
    assert covariance[:2, :2] == pytest.approx(sandwich(SLOPE, np.linalg.inv(SPREAD), SPREAD))
    assert not covariance[2, :2].any()


@pytest.mark.parametrize("is_efficient", [True, False])
def test_the_statistic_is_a_chi_square(is_efficient: bool) -> None:
    rng = np.random.default_rng(3)
    weights = np.linalg.inv(SPREAD) if is_efficient else np.diag(1 / np.diag(SPREAD))
    matrix, _ = solver(SLOPE, weights)
    found = []
    for gap in rng.multivariate_normal(np.zeros(4), SPREAD, 5000):
        left = gap - SLOPE @ (matrix @ gap)  # the gap that the estimate leaves
        statistic, freedom = fit_statistic(left, SLOPE, weights, SPREAD, is_efficient=is_efficient)
        found.append(statistic)
    assert freedom == 2
    assert np.mean(found) == pytest.approx(2.0, rel=0.06)
    assert (np.array(found) > chi2.ppf(0.95, 2)).mean() == pytest.approx(0.05, abs=0.012)


def test_as_many_parameters_as_moments_leave_nothing_to_test() -> None:
    assert fit_statistic(np.ones(2), np.eye(2), np.eye(2), np.eye(2), is_efficient=True) == (0, 0)


def profile(criteria: list[float], limit: float = 4.0) -> Profile:
    """Profile of the first of two parameters on a grid over its range."""
    places = np.linspace(0, 1, len(criteria))
    units = np.column_stack([places, np.full(len(criteria), 0.5)])
    return Profile(0, units, np.array(criteria, float), min(criteria), limit)


@pytest.mark.parametrize(
    ("criteria", "verdict"),
    [
        ([20, 9, 1, 9, 20], "identified"),
        ([3, 2, 1, 2, 3], "flat"),
        ([1, 1, 1, 9, 20], "open below"),
        ([20, 9, 1, 1, 2], "open above"),
        ([20, 2, 8, 1, 20], "identified"),
        ([2, 9, 1, 9, 3], "uneven"),
        ([np.inf, 1, np.inf, np.inf], "identified"),
    ],
)
def test_verdicts(criteria: list[float], verdict: str) -> None:
    assert profile(criteria).verdict == verdict


def test_profile_intervals_are_drawn_by_straight_lines() -> None:
    low, high = profile([9, 1, 1, 5, 17]).interval  # rises of 8, 0, 0, 4, 16 against a limit of 4
    assert low == pytest.approx(0.125)
    assert high == pytest.approx(0.75)


def test_a_second_valley_belongs_to_the_interval() -> None:
    low, high = profile([20, 2, 8, 1, 20], 4.0).interval
    assert low < 0.25
    assert high > 0.75


def test_what_counts_as_a_rise() -> None:
    assert rise_that_counts(0.0, 0.95) == pytest.approx(3.84, abs=0.01)
    assert rise_that_counts(5.0, 0.95) == pytest.approx(13.84, abs=0.01)


def test_noise_of_a_criterion_is_that_of_repeated_simulations() -> None:
    rng = np.random.default_rng(5)
    gap, weights, simulation = np.array([1.0, -2.0, 0.0, 3.0]), np.linalg.inv(SPREAD), 0.3 * SPREAD
    gaps = gap + rng.multivariate_normal(np.zeros(4), simulation, 40_000)
    criteria = np.einsum("ni,ij,nj->n", gaps, weights, gaps)
    assert criterion_noise(gap, weights, simulation) == pytest.approx(criteria.std(), rel=0.02)
