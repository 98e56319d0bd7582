"""The factor alone has the stylised facts of Bitcoin; figures of BTC-USD are those of the data."""

from typing import Any

import numpy as np
import pytest

from crossmargin.experiments.recordings import DATA, recorded_prices
from crossmargin.experiments.validation.estimates import decay_exponent
from tests.model.factors.paths import HOUR, Floats, paths

PATHS, HOURS, BLOCKS = 24, 13_872, 6  # an hour in blocks of ten minutes
#: One regime: the calm numbers of a quiet scenario.
QUIET = {
    "start": "calm",
    "calm_duration": 1e12,
    "calm_volatility": 0.5,
    "fast_deviation": 0.4,
    "slow_deviation": 0.44,
    "slow_half_life": 194400.0,
    "burst_deviation": 0.3,
    "calm_intensity": 30.0,
    "jump_deviation": 0.014,
}
#: Bands of the median path; the figure of BTC-USD, hourly 2024 and 2025, lies in each.
BANDS = {
    "deviation": (0.0050, 0.0058),
    "kurtosis": (9.0, 17.0),
    "return_1": (-0.03, 0.03),
    "absolute_1": (0.23, 0.32),
    "absolute_24": (0.09, 0.17),
    "absolute_100": (0.02, 0.08),
    "hill_1": (3.3, 4.4),
    "hill_2_5": (3.0, 3.8),
}


def autocorrelation(x: Floats, lag: int) -> float:
    x = x - x.mean()
    return float((x[lag:] * x[:-lag]).mean() / x.var())


def hill(returns: Floats, share: float) -> float:
    """Tail index of absolute returns from their largest."""
    sizes = np.sort(np.abs(returns))[::-1]
    k = int(len(sizes) * share)
    return float(1 / np.log(sizes[:k] / sizes[k]).mean())


def facts(returns: Floats) -> dict[str, float]:
    centred, size = returns - returns.mean(), np.abs(returns)
    return {
        "deviation": float(returns.std()),
        "kurtosis": float((centred**4).mean() / returns.var() ** 2),
        "return_1": autocorrelation(returns, 1),
        **{f"absolute_{lag}": autocorrelation(size, lag) for lag in (1, 24, 100)},
        "hill_1": hill(returns, 0.01),
        "hill_2_5": hill(returns, 0.025),
    }


def simulated(numbers: dict[str, Any], seed: int) -> dict[str, float]:
    path = paths(HOURS * BLOCKS + 1, seed=seed, block_seconds=HOUR / BLOCKS, **numbers)[0]
    return facts(np.diff(path[::BLOCKS]))


@pytest.fixture(scope="module")
def bitcoin() -> dict[str, float]:
    return facts(np.diff(np.log(recorded_prices(DATA / "btc_usd_hourly.csv"))))


def test_the_bands_are_those_of_bitcoin(bitcoin: dict[str, float]) -> None:
    for name, (low, high) in BANDS.items():
        assert low <= bitcoin[name] <= high, (name, bitcoin[name])


@pytest.mark.parametrize("numbers", [{}, QUIET], ids=["with regimes", "one regime"])
def test_the_factor_has_the_facts_of_bitcoin(
    numbers: dict[str, Any], bitcoin: dict[str, float]
) -> None:
    found = [simulated(numbers, seed) for seed in range(PATHS)]
    for name, (low, high) in BANDS.items():
        values = [path[name] for path in found]
        assert low <= np.median(values) <= high, (name, np.median(values))
        assert min(values) <= bitcoin[name] <= max(values), (name, bitcoin[name])


def test_a_walk_of_constant_volatility_has_none_of_them() -> None:
    flat = {"fast_deviation": 0.0, "slow_deviation": 0.0, "calm_intensity": 0.0}
    found = simulated({**QUIET, **flat}, 0)
    assert found["kurtosis"] < 3.5
    assert abs(found["absolute_1"]) < 0.03
    assert found["hill_1"] > 5


def test_absolute_returns_of_minutes_decay_slowly() -> None:
    returns = np.diff(paths(30 * 1440 + 1, seed=3, block_seconds=60.0, **QUIET)[0])
    size = np.abs(returns)
    found = [autocorrelation(size, lag) for lag in (1, 10, 60, 240)]
    assert found == sorted(found, reverse=True)
    assert found[0] < 0.5
    assert found[-1] > 0.05
    assert abs(autocorrelation(returns, 1)) < 0.03


def decay(numbers: dict[str, Any]) -> float:
    """Exponent with which absolute returns of a minute decay over a hundred, mean of six months."""
    found = []
    for seed in range(6):
        path = paths(30 * 1440 + 1, seed=seed, block_seconds=60.0, **numbers)[0]
        found.append(decay_exponent(np.abs(np.diff(path)), 100))
    return float(np.mean(found))


def test_bursts_of_minutes_let_absolute_returns_decay_within_the_hour() -> None:
    """From 0.2 to 0.4 in Cont (2001); with two time scales it hardly decays."""
    without = decay(QUIET | {"burst_deviation": 0.0})
    assert max(0.1, without + 0.03) < decay(QUIET) < 0.5
