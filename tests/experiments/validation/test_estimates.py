"""Estimators on arrays whose answer is known."""

import numpy as np
import pytest

from crossmargin.experiments.validation.estimates import (
    acf_at,
    correlation,
    decay_exponent,
    half_life,
    interval,
    log_lags,
    power_law,
    resampled,
)

RANDOM = np.random.default_rng


def long_memory(n: int, gamma: float, seed: int) -> np.ndarray:
    """Gaussian noise with autocorrelation that decays like lag ** -gamma, by its spectrum."""
    frequencies = np.fft.rfftfreq(2 * n)[1:]
    random = RANDOM(seed)
    noise = random.normal(size=len(frequencies)) + 1j * random.normal(size=len(frequencies))
    spectrum = np.concatenate([[0.0], noise * frequencies ** ((gamma - 1.0) / 2.0)])
    return np.fft.irfft(spectrum)[:n]


@pytest.mark.parametrize("gamma", [0.3, 0.6])
def test_the_decay_of_a_known_memory_is_found(gamma: float) -> None:
    values = [decay_exponent(long_memory(100_000, gamma, seed), 100) for seed in range(4)]
    assert np.mean(values) == pytest.approx(gamma, abs=0.15)


def test_noise_has_no_decay() -> None:
    assert np.isnan(decay_exponent(RANDOM(1).normal(size=5000), 100))


def test_half_life_is_that_of_an_autoregression() -> None:
    x, noise = np.zeros(200_000), RANDOM(2).normal(size=200_000)
    for t in range(1, len(x)):
        x[t] = 0.9 * x[t - 1] + noise[t]
    assert half_life(x, 60.0) == pytest.approx(-np.log(2) / np.log(0.9) * 60.0, rel=0.05)
    assert half_life(np.tile([1.0, -1.0], 50), 60.0) == 0.0


def test_a_power_law_is_found_through_noise_of_either_sign() -> None:
    x = np.exp(RANDOM(3).uniform(np.log(1e-4), np.log(1e-1), 4000))
    y = 0.8 * x**0.5 + RANDOM(4).normal(0, 0.05, 4000)
    assert (y < 0).any()
    law = power_law(x, y)
    assert law.exponent == pytest.approx(0.5, abs=0.08)
    assert law.factor == pytest.approx(0.8, rel=0.3)
    assert np.isnan(power_law(x, -np.abs(y)).exponent)


def test_an_interval_holds_the_mean_and_ignores_what_is_missing() -> None:
    found = interval(np.array([1.0, 2.0, 3.0, np.nan]))
    assert found.mean == 2.0
    assert found.low == pytest.approx(2.0 - 4.302653 / np.sqrt(3), rel=1e-6)
    assert found.n == 3
    assert np.isnan(interval(np.array([1.0])).low)


def test_intervals_cover_as_often_as_they_say() -> None:
    draws = RANDOM(5).normal(size=(2000, 6))
    covered = [(f := interval(row)).low <= 0.0 <= f.high for row in draws]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_correlation_needs_variance() -> None:
    assert correlation(np.arange(5.0), 2 * np.arange(5.0)) == pytest.approx(1.0)
    assert np.isnan(correlation(np.ones(5), np.arange(5.0)))


def test_lags_rise_without_repeats() -> None:
    lags = log_lags(100)
    assert (np.diff(lags) > 0).all()
    assert (lags[0], lags[-1]) == (1, 100)
    assert acf_at(np.tile([1.0, -1.0], 500), lags[:2]) == pytest.approx([-1.0, 1.0], abs=0.01)


def test_a_bootstrap_keeps_runs_together() -> None:
    table = np.repeat(np.arange(4.0), 3)[:, None]
    groups = np.repeat(np.arange(4), 3)
    for drawn in resampled(table, groups, 20):
        values, counts = np.unique(drawn, return_counts=True)
        assert len(drawn) == 12
        assert (counts % 3 == 0).all()
        assert set(values) <= {0.0, 1.0, 2.0, 3.0}
