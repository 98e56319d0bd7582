"""Weights that can be inverted, and a criterion of the size of a chi-square."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.experiments.calibration.bootstrap import Targets, given_targets
from crossmargin.experiments.calibration.distance import (
    CONDITION,
    distance_of,
    least_intensity,
    shrunk,
)


def targets(covariance: np.ndarray, n_draws: int = 0) -> Targets:
    """Targets at zero with a covariance, and draws from it."""
    k = len(covariance)
    draws = np.random.default_rng(1).multivariate_normal(np.zeros(k), covariance, n_draws)
    names = tuple(f"m{i}" for i in range(k))
    return Targets(names, np.zeros(k), covariance, draws.reshape(n_draws, k))


@given(st.floats(1e-12, 1.0), st.floats(1.0, 100.0))
def test_intensity_brings_the_condition_to_its_limit(low: float, high: float) -> None:
    share = least_intensity(np.array([low, high]), 50.0)
    after = ((1 - share) * high + share) / ((1 - share) * low + share)
    assert 0 <= share < 1
    assert after <= 50.0 * (1 + 1e-6) or share == 0.0
    assert (share == 0.0) == (high <= 50.0 * low)


def test_moments_that_say_the_same_can_be_weighted_still() -> None:
    # twice the same moment: its covariance has no inverse
    found = shrunk(targets(np.array([[1.0, 1.0], [1.0, 1.0]])))
    assert found.before > 1e12
    assert found.condition == pytest.approx(CONDITION)
    assert np.diag(found.covariance) == pytest.approx([1.0, 1.0])


def test_errors_keep_their_size_whatever_their_unit() -> None:
    errors = np.array([1e-4, 1.0, 1e5])
    correlations = np.array([[1, 0.5, 0.1], [0.5, 1, 0.3], [0.1, 0.3, 1]])
    found = shrunk(targets(correlations * np.outer(errors, errors), 400))
    assert np.sqrt(np.diag(found.covariance)) == pytest.approx(errors)
    assert 0 < found.intensity < 0.2


def test_few_draws_shrink_more_than_many() -> None:
    correlations = np.full((8, 8), 0.3) + 0.7 * np.eye(8)
    few, many = (shrunk(targets(correlations, n)).intensity for n in (60, 6000))
    assert few > 3 * many


def test_the_criterion_of_the_truth_is_a_chi_square() -> None:
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    distance = distance_of(targets(covariance), ratio=4.0)
    rng = np.random.default_rng(2)
    gaps = rng.multivariate_normal(np.zeros(2), covariance * (1 + 1 / 4), 20_000)
    criteria = np.array([distance(gap) for gap in gaps])
    assert criteria.mean() == pytest.approx(2.0, rel=0.05)
    assert (criteria > 5.991).mean() == pytest.approx(0.05, abs=0.01)


def test_diagonal_weights_leave_correlations_out() -> None:
    covariance = np.array([[4.0, 1.9], [1.9, 1.0]])
    distance = distance_of(targets(covariance), 1.0, "diagonal")
    assert distance.weights == pytest.approx(np.diag([1 / 8, 1 / 2]))


def test_targets_that_are_met_have_no_distance() -> None:
    distance = distance_of(given_targets(["a", "b"], np.array([1.0, 2.0]), np.ones(2)), 1.0)
    assert distance(np.array([1.0, 2.0])) == 0.0
    assert distance(np.array([1.0, np.nan])) == np.inf
