"""Simulated reference prices: against NumPy twins on the same draws, and in distribution."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm, poisson

from crossmargin.model.draws import PATH, generator, population_key
from crossmargin.model.markets import YEAR
from tests.small import Listing, small_world

STEPS, HOUR = 4000, 3600.0
Floats = NDArray[np.float64]


def log_prices(kind: str, seed: int = 1, block_seconds: float = HOUR, **numbers: Any) -> Floats:
    world = small_world(
        [(kind, numbers)], n_accounts=1, seed=seed, block_seconds=block_seconds, window=STEPS
    )
    world.run(STEPS)
    return world.state.outside.trail[0].copy()


def twin_uniforms(seed: int, key: int) -> Floats:
    """(STEPS, 4) uniforms; key 0 is the shared factor, 1 the first underlying."""
    keys = population_key("underlyings") + key
    return np.array([generator(seed, keys, PATH, step).random(4) for step in range(STEPS)])


def twin_geometric(u: Floats, volatility: float, drift: float = 0.0) -> Floats:
    years = HOUR / YEAR
    steps = (drift - volatility**2 / 2) * years + volatility * math.sqrt(years) * norm.ppf(u[:, 0])
    steps[0] = 0.0
    return math.log(100.0) + np.cumsum(steps)


def test_geometric_brownian_equals_its_twin() -> None:
    found = log_prices("geometric_brownian", seed=7, volatility=0.8, drift=0.5)
    np.testing.assert_allclose(found, twin_geometric(twin_uniforms(7, 1), 0.8, 0.5), atol=1e-9)


def test_jump_diffusion_equals_its_twin() -> None:
    numbers = {"volatility": 0.5, "intensity": 500.0, "jump_mean": -0.02, "jump_deviation": 0.05}
    u, years = twin_uniforms(3, 1), HOUR / YEAR
    n = poisson.ppf(u[:, 1], 500 * years)
    size = -0.02 * n + 0.05 * np.sqrt(n) * norm.ppf(u[:, 2])
    jumps = size - 500 * years * (math.exp(-0.02 + 0.05**2 / 2) - 1)
    jumps[0] = 0.0
    assert n.sum() > 100
    found = log_prices("jump_diffusion", seed=3, **numbers)
    np.testing.assert_allclose(found, twin_geometric(u, 0.5) + np.cumsum(jumps), atol=1e-9)


def test_two_regimes_equals_its_twin() -> None:
    durations = (40 * HOUR, 10 * HOUR)
    u, years, regime = twin_uniforms(5, 1), HOUR / YEAR, 0
    expected = np.full(STEPS, math.log(100.0))
    for step in range(1, STEPS):
        volatility = (0.3, 2.0)[regime]
        change = -(volatility**2) / 2 * years
        change += volatility * math.sqrt(years) * norm.ppf(u[step, 0])
        expected[step] = expected[step - 1] + change
        leave, back = 1 / durations[regime], 1 / durations[1 - regime]
        if u[step, 3] < leave / (leave + back) * (1 - math.exp(-(leave + back) * HOUR)):
            regime = 1 - regime
    found = log_prices(
        "two_regimes",
        seed=5,
        calm_volatility=0.3,
        stressed_volatility=2.0,
        calm_duration=durations[0],
        stressed_duration=durations[1],
    )
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_no_volatility_is_a_constant_price() -> None:
    found = log_prices("geometric_brownian", volatility=0.0)
    assert np.unique(found).size == 1


@pytest.mark.parametrize("block_seconds", [60.0, HOUR])
def test_variance_of_returns_grows_with_time_alone(block_seconds: float) -> None:
    returns = np.diff(log_prices("geometric_brownian", 11, block_seconds, volatility=0.6))
    variance = 0.6**2 * block_seconds / YEAR
    bound = 5 * math.sqrt(2 / len(returns))  # five standard errors of a sample variance
    assert abs(np.mean(returns**2) / variance - 1) < bound


def test_variance_of_returns_over_many_seeds() -> None:
    seeds = range(40)
    ends = [log_prices("geometric_brownian", s, volatility=0.6, drift=0.18) for s in seeds]
    total = np.array([path[-1] - path[0] for path in ends])  # drift less half variance is zero
    variance = 0.6**2 * (STEPS - 1) * HOUR / YEAR
    assert abs(np.mean(total**2) / variance - 1) < 5 * math.sqrt(2 / len(total))
    assert abs(np.mean(total)) < 5 * math.sqrt(variance / len(total))


def test_jumps_add_their_variance_and_fat_tails() -> None:
    numbers = {"volatility": 0.4, "intensity": 2000.0, "jump_mean": 0.0, "jump_deviation": 0.03}
    returns = np.diff(log_prices("jump_diffusion", 2, **numbers))
    per_step = (0.4**2 + 2000 * 0.03**2) * HOUR / YEAR
    assert abs(np.mean(returns**2) / per_step - 1) < 0.25
    kurtosis = np.mean((returns - returns.mean()) ** 4) / returns.var() ** 2
    assert kurtosis > 4


def test_loadings_correlate_underlyings_by_their_product() -> None:
    world = small_world(
        [("geometric_brownian", {"loading": 0.9}), ("geometric_brownian", {"loading": 0.8})],
        n_accounts=1,
        block_seconds=HOUR,
        window=STEPS,
        markets=(Listing(underlying=0), Listing(underlying=1)),
    )
    world.state.parts["underlying"] = (0, 1)
    world.run(STEPS)
    returns = np.diff(world.state.outside.trail[:2], axis=1)
    assert abs(np.corrcoef(returns)[0, 1] - 0.72) < 0.05


def test_paths_depend_on_the_seed_alone() -> None:
    first, again = (log_prices("jump_diffusion", 4) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, log_prices("jump_diffusion", 5))


def test_a_quiet_path_is_a_bridge_back_to_its_first_price() -> None:
    window, hours = 50, 50 * HOUR
    found = log_prices("quiet", seed=4, volatility=0.8, window=hours) - math.log(100.0)
    u, years = twin_uniforms(4, 1), HOUR / YEAR
    expected = np.zeros(STEPS)
    for step in range(1, STEPS):
        left = window - (step - 1) % window
        spread = 0.8 * math.sqrt(years * (left - 1) / left)
        expected[step] = expected[step - 1] * (1 - 1 / left) + spread * norm.ppf(u[step, 0])
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert np.abs(found[::window]).max() < 1e-12
    middle = found[window // 2 :: window].std()  # of a bridge: half the deviation of a walk
    assert middle == pytest.approx(0.8 * math.sqrt(window * years) / 2, rel=0.25)
