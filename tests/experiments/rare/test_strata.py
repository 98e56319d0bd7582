"""Antithetic and stratified shocks against closed forms."""

import math

import numpy as np
import pytest
from scipy.stats import expon, norm

import crossmargin as xm
from crossmargin.experiments.rare import antithetic, plain, stratified
from crossmargin.experiments.rare.strata import neyman, proportional


def noisy(size: float, seed: int) -> float:
    return size + float(np.random.default_rng(seed).normal(0, 0.5))


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (plain, {}),
        (antithetic, {}),
        (stratified, {"strata": 10}),
        (stratified, {"strata": 5, "allocation": "neyman"}),
    ],
)
def test_no_bias_and_honest_errors(method, options) -> None:  # type: ignore[no-untyped-def]
    found = [method(noisy, expon(), 60, seed=s, **options) for s in range(150)]
    values = np.array([one.estimate for one in found])
    assert abs(values.mean() - 1.0) < 4 * values.std(ddof=1) / math.sqrt(150)
    stated = math.sqrt(np.mean([one.standard_error**2 for one in found]))
    assert stated == pytest.approx(values.std(ddof=1), rel=0.25)
    inside = np.mean([one.low < 1.0 < one.high for one in found])
    assert inside > 0.87


def test_stratified_gain_is_the_share_of_variance_between_strata() -> None:
    found = stratified(noisy, norm(), 2000, strata=50)
    assert found.gain == pytest.approx(1.25 / 0.25, rel=0.2)


def test_antithetic_gain_follows_the_correlation() -> None:
    found = antithetic(noisy, norm(), 2000)
    r = found.diagnostics["correlation"]
    assert found.gain == pytest.approx(1 / (1 + r), rel=0.02)
    assert found.gain > 3
    even = antithetic(lambda x, seed: x * x, norm(), 2000)
    assert even.diagnostics["correlation"] == pytest.approx(1.0)
    assert even.gain == pytest.approx(0.5, rel=0.02)


def test_neyman_puts_runs_where_the_outcome_varies() -> None:
    found = stratified(
        lambda x, seed: max(x - 1.0, 0.0), norm(), 1000, strata=10, allocation="neyman"
    )
    runs = found.diagnostics["runs"]
    assert max(runs) == runs[-1] > 5 * runs[0]
    equal = stratified(lambda x, seed: max(x - 1.0, 0.0), norm(), 1000, strata=10)
    assert found.gain > equal.gain > 1
    assert found.cost <= 1000


def test_runs_by_stratum() -> None:
    assert proportional(23, 5).tolist() == [5, 5, 5, 4, 4]
    assert neyman(np.zeros(4), 40).tolist() == [10, 10, 10, 10]
    assert neyman(np.array([0.0, 1.0]), 100).min() >= 2


def test_every_run_has_a_seed_of_its_own() -> None:
    seeds: list[int] = []
    antithetic(lambda x, seed: float(seeds.append(seed) or 0), norm(), 40)
    assert len(set(seeds)) == 40


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: antithetic(noisy, norm(), 11), "must be even"),
        (lambda: stratified(noisy, norm(), 30, strata=20), "n = 30"),
        (lambda: stratified(noisy, norm(), 100, strata=20, allocation="neyman"), "n = 100"),
        (lambda: stratified(noisy, norm(), 100, allocation="optimal"), "allocation = 'optimal'"),
        (lambda: plain(noisy, "norm", 10), "distribution = 'norm'"),
        (lambda: plain(noisy, norm(), 1), "n = 1"),
    ],
)
def test_bad_input_is_refused(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(xm.ParameterError, match=words):
        call()
