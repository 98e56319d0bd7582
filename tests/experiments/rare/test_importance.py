"""Importance sampling: likelihood ratios, Gaussian tails, what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import expon, lognorm, norm, uniform

import crossmargin as xm
from crossmargin.experiments.rare import importance_sampling
from crossmargin.experiments.rare.importance import Defensive, effective_size, tail_shape


def beyond_four(size: float, seed: int) -> float:
    return float(size > 4.0)


@pytest.mark.parametrize("defensive", [0.0, 0.1, 0.5])
def test_a_gaussian_tail_without_bias(defensive: float) -> None:
    found = [
        importance_sampling(
            beyond_four, norm(), norm(4.0, 1.0), 100, defensive=defensive, seed=seed
        )
        for seed in range(40)
    ]
    values = np.array([one.estimate for one in found])
    error = values.std(ddof=1) / np.sqrt(40)
    assert abs(values.mean() - norm.sf(4.0)) < 4 * error
    stated = np.mean([one.standard_error for one in found])
    assert stated == pytest.approx(values.std(ddof=1), rel=0.4)


def test_its_gain_is_that_of_the_variances() -> None:
    found = importance_sampling(beyond_four, norm(), norm(4.2), 4000, seed=1)
    p = norm.sf(4.0)
    assert found.gain == pytest.approx(p * (1 - p) / (found.standard_error**2 * 4000), rel=0.2)
    assert found.gain > 1000
    assert found.low < p < found.high


@given(
    share=st.floats(0.05, 0.9),
    shift=st.floats(-3, 3),
    scale=st.floats(0.5, 2.0),
    seed=st.integers(0, 50),
)
def test_weights_are_bounded_and_have_mean_one(
    share: float, shift: float, scale: float, seed: int
) -> None:
    mixture = Defensive(norm(), norm(shift, scale), share)
    sizes = mixture.draw(4000, np.random.default_rng(seed))
    weights = mixture.weights(sizes)
    assert weights.min() >= 0
    assert weights.max() <= 1 / share + 1e-12
    assert abs(weights.mean() - 1) < 5 * max(weights.std(), 1e-12) / np.sqrt(4000) + 1e-3


def test_weights_are_likelihood_ratios() -> None:
    sizes = np.array([0.1, 1.0, 7.0])
    mixture = Defensive(expon(), lognorm(0.5), 0.25)
    expected = expon.pdf(sizes) / (0.25 * expon.pdf(sizes) + 0.75 * lognorm(0.5).pdf(sizes))
    np.testing.assert_allclose(mixture.weights(sizes), expected)


def test_the_same_distribution_changes_nothing() -> None:
    found = importance_sampling(lambda x, seed: x, norm(2.0), norm(2.0), 50)
    assert found.diagnostics["effective_size"] == pytest.approx(50)
    assert found.diagnostics["mean_weight"] == pytest.approx(1.0)
    assert found.estimate == pytest.approx(found.diagnostics["self_normalised"])


def test_diagnostics_see_a_bad_proposal() -> None:
    good = importance_sampling(beyond_four, norm(), norm(4.2), 3000)
    narrow = importance_sampling(
        lambda x, seed: 1.0, norm(), norm(0.0, 0.2), 3000, defensive=0.0, seed=2
    )
    assert narrow.diagnostics["tail_shape"] > 0.5 > good.diagnostics["tail_shape"]
    assert narrow.diagnostics["effective_size"] < 600
    assert good.diagnostics["effective_hits"] > 200


def test_effective_size_and_tail_of_plain_weights() -> None:
    assert effective_size(np.full(7, 0.3)) == pytest.approx(7)
    assert effective_size(np.array([1.0, 0.0, 0.0])) == pytest.approx(1)
    assert tail_shape(np.ones(1000)) == -np.inf
    pareto = np.random.default_rng(1).pareto(1.0, 4000) + 1
    assert 0.7 < tail_shape(pareto) < 1.3


def test_a_proposal_that_misses_sizes_is_refused() -> None:
    with pytest.raises(xm.ParameterError, match="never draws"):
        importance_sampling(beyond_four, norm(), uniform(3, 4), 100, defensive=0.0)
    found = importance_sampling(beyond_four, norm(), uniform(3, 4), 2000, defensive=0.1)
    assert found.low < norm.sf(4.0) < found.high


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n": 5}, "n = 5"),
        ({"defensive": 1.0}, "defensive = 1.0"),
        ({"nominal": 3.0}, "nominal = 3.0"),
        ({"proposal": "norm"}, "proposal = 'norm'"),
    ],
)
def test_bad_input_is_refused(changes: dict[str, object], words: str) -> None:
    arguments = {"nominal": norm(), "proposal": norm(4.0), "n": 100} | changes
    with pytest.raises(xm.ParameterError, match=words):
        importance_sampling(beyond_four, **arguments)


def test_an_outcome_that_is_no_number_is_refused() -> None:
    with pytest.raises(xm.ParameterError, match="not a number"):
        importance_sampling(lambda x, seed: float("nan"), norm(), norm(), 20)
