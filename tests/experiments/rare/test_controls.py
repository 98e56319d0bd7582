"""Control variates: no bias with few runs, honest errors, known and estimated means."""

import math

import numpy as np
import pytest
from scipy.stats import norm

import crossmargin as xm
from crossmargin.experiments.rare import control_variate, plain
from crossmargin.experiments.rare.controls import coefficients


def noisy(size: float, seed: int) -> float:
    return math.exp(size) + float(np.random.default_rng(seed).normal(0, 0.3))


EXACT = math.exp(0.5)


def line(size: float) -> float:
    return size


def test_no_bias_with_few_runs() -> None:
    found = [control_variate(noisy, line, norm(), 12, mean=0.0, seed=s) for s in range(300)]
    values = np.array([one.estimate for one in found])
    assert abs(values.mean() - EXACT) < 4 * values.std(ddof=1) / math.sqrt(300)


@pytest.mark.parametrize("method", ["folds", "delta"])
def test_errors_are_those_of_repetitions(method: str) -> None:
    found = [
        control_variate(noisy, line, norm(), 200, mean=0.0, method=method, seed=s)
        for s in range(80)
    ]
    spread = np.std([one.estimate for one in found], ddof=1)
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.3)
    inside = np.mean([one.low < EXACT < one.high for one in found])
    assert inside > 0.85


def test_the_gain_is_measured() -> None:
    controlled = control_variate(noisy, line, norm(), 2000, mean=0.0)
    without = plain(noisy, norm(), 2000)
    assert controlled.gain == pytest.approx(
        (without.standard_error / controlled.standard_error) ** 2, rel=0.1
    )
    assert controlled.gain > 1.5
    r = controlled.diagnostics["correlation"]
    assert controlled.gain == pytest.approx(1 / (1 - r**2), rel=0.2)


def test_several_controls_do_better_than_one() -> None:
    one = control_variate(noisy, line, norm(), 1000, mean=0.0)
    two = control_variate(noisy, [line, lambda x: x * x], norm(), 1000, mean=[0.0, 1.0])
    assert two.gain > 1.5 * one.gain
    assert two.low < EXACT < two.high


def test_an_estimated_mean_is_near_the_known_one_and_its_error_counts() -> None:
    known = control_variate(noisy, line, norm(), 300, mean=0.0)
    estimated = control_variate(noisy, line, norm(), 300, n_mean=2000)
    assert estimated.estimate == pytest.approx(known.estimate, abs=0.02)
    errors = estimated.diagnostics["control_mean_errors"]
    assert 0 < errors[0] < 0.01
    rough = control_variate(noisy, line, norm(), 300, n_mean=4)
    assert rough.standard_error > known.standard_error
    assert known.diagnostics["control_mean_errors"] == (0.0,)


def test_the_error_of_an_estimated_mean_is_right() -> None:
    found = [control_variate(noisy, line, norm(), 20, n_mean=8, seed=s) for s in range(200)]
    means = np.array([one.diagnostics["control_means"][0] for one in found])
    stated = np.array([one.diagnostics["control_mean_errors"][0] for one in found])
    assert math.sqrt(np.mean(stated**2)) == pytest.approx(means.std(), rel=0.3)


def test_a_useless_control_costs_little_and_a_constant_one_nothing() -> None:
    useless = control_variate(noisy, lambda x: x * 1e3 % 1.0, norm(), 1000, mean=0.5)
    assert 0.9 < useless.gain < 1.1
    constant = control_variate(noisy, lambda x: 3.0, norm(), 100, mean=3.0)
    assert constant.estimate == pytest.approx(constant.diagnostics["plain"])
    assert coefficients(np.arange(5.0), np.ones((5, 1))).tolist() == [0.0]


def test_the_cost_of_controls_counts() -> None:
    found = control_variate(noisy, line, norm(), 100, n_mean=1000, control_cost=0.01)
    assert found.cost == pytest.approx(100 + 0.01 * 1100)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "split"}, "method = 'split'"),
        ({"n": 6}, "n = 6"),
        ({"mean": [0.0, 1.0]}, "one number for each control"),
        ({"folds": 1}, "folds = 1"),
    ],
)
def test_bad_input_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(xm.ParameterError, match=words):
        control_variate(noisy, line, norm(), **({"n": 50} | changes))
