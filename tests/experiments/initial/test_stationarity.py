"""The test of stationarity, on series whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.experiments.initial.stationarity import geweke, is_at_rest, long_run_variance

N = 4000


def autoregressive(seed: int, memory: float, n: int = N) -> np.ndarray:
    draws = np.random.default_rng(seed).standard_normal(n + 500)
    values = np.zeros(n + 500)
    for t in range(1, n + 500):
        values[t] = memory * values[t - 1] + draws[t]
    return values[500:]


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_a_stationary_series_passes_nearly_always(memory: float) -> None:
    scores = np.array([geweke(100 + autoregressive(seed, memory)) for seed in range(60)])
    assert (scores <= 3.0).mean() > 0.9


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_a_trend_and_a_decaying_beginning_are_found(memory: float) -> None:
    time = np.arange(N) / N
    for seed in range(10):
        noise = autoregressive(seed, memory)
        assert geweke(noise + 40 * time) > 4.0
        assert geweke(noise + 60 * np.exp(-6 * time)) > 3.0


def test_a_random_walk_is_not_called_stationary_as_noise_is() -> None:
    walks = [np.cumsum(np.random.default_rng(seed).standard_normal(N)) for seed in range(40)]
    assert np.mean([geweke(walk) > 2.0 for walk in walks]) > 0.7


def test_the_long_run_variance_counts_the_likeness_of_neighbours() -> None:
    # an autoregression has the long-run variance 1 / (1 - memory)^2
    found = np.mean([long_run_variance(autoregressive(seed, 0.5, 20_000)) for seed in range(20)])
    assert found == pytest.approx(4.0, rel=0.1)


@given(st.floats(0.1, 1e9), st.floats(-1e-3, 1e-3))
@settings(max_examples=30, deadline=None)
def test_a_series_that_hardly_moves_is_at_rest(level: float, change: float) -> None:
    series = level * (1 + change * np.arange(200) / 200)
    assert geweke(series, tolerance=0.002) == 0.0
    assert change == 0.0 or np.ptp(series) == 0 or geweke(series) > 2.0


def test_what_is_short_or_mostly_unknown_is_not_judged() -> None:
    assert geweke(np.ones(39)) == np.inf
    assert geweke(np.where(np.arange(200) % 3 == 0, 1.0, np.nan)) == np.inf
    assert geweke(np.where(np.arange(200) % 3 > 0, 1.0, np.nan)) == 0.0


def test_one_series_that_moves_is_enough() -> None:
    assert is_at_rest({"A": {"depth": 1.9}, "B": {}}, 2.0)
    assert not is_at_rest({"A": {"depth": 1.9, "basis": 2.1}}, 2.0)
    assert not is_at_rest({"A": {"spread": np.inf}}, 2.0)
