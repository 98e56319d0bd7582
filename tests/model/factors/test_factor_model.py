"""The common factor: against its NumPy twin, what its numbers state, and what moves nothing."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.factors import factor_loading, factor_model
from crossmargin.model.factors.moments import average_covariance, correlation, covariance
from crossmargin.model.markets import YEAR
from tests.model.factors.paths import FIRST, HOUR, factor_world, paths, twin

BTC: dict[str, Any] = {}
ETH = {
    "calm_beta": 1.1,
    "stressed_beta": 1.25,
    "jump_beta": 1.2,
    "calm_volatility": 0.36,
    "stressed_volatility": 0.43,
}
#: Regimes and volatilities that change often, so that a short path sees all of them.
BUSY = {
    "calm_duration": 100 * HOUR,
    "stressed_duration": 50 * HOUR,
    "calm_intensity": 200.0,
    "stressed_intensity": 2000.0,
    "slow_half_life": 20 * HOUR,
    "burst_deviation": 0.2,
    "burst_half_life": 2 * HOUR,
}


def test_it_equals_its_twin() -> None:
    for seed, start in ((3, "drawn"), (4, "calm"), (5, "stressed")):
        numbers = {**BUSY, "seed": seed, "start": start, "leverage": -0.6}
        loads = (BTC, {**ETH, "drift": 0.7})
        other = twin(1500, loads, **numbers)
        assert 0.1 < other.stressed.mean() < 0.7
        np.testing.assert_allclose(paths(1500, loads, **numbers), other.paths, atol=1e-9)


def test_the_volatility_of_a_block_is_the_twins() -> None:
    world, other = factor_world(60, seed=9, **BUSY), twin(60, seed=9, **BUSY)
    for step in range(60):
        world.run(1)
        factor = world.state.outside.factor[0]
        assert bool(factor["held"]) == other.stressed[step]
        assert math.isclose(factor["volatility"], other.volatility[step], rel_tol=1e-9)


@pytest.mark.parametrize("block_seconds", [900.0, HOUR])
def test_variance_and_correlation_are_as_stated(block_seconds: float) -> None:
    numbers = {**BUSY, "fast_deviation": 0.3, "slow_deviation": 0.2, "leverage": -0.5}
    found = np.diff(paths(160_000, (BTC, ETH), block_seconds=block_seconds, **numbers))
    stated = average_covariance(
        factor_model.Parameters(**numbers),
        [factor_loading.Parameters(), factor_loading.Parameters(**ETH)],
    )
    measured = np.cov(found) / (block_seconds / YEAR)
    np.testing.assert_allclose(measured, stated, rtol=0.08)


def test_correlation_rises_in_stress() -> None:
    numbers = {**BUSY, "seed": 2}
    stressed = twin(12_000, (BTC, ETH), **numbers).stressed[1:]
    found = np.diff(paths(12_000, (BTC, ETH), **numbers))
    calm, worse = (np.corrcoef(found[:, s])[0, 1] for s in (~stressed, stressed))
    assert worse > calm + 0.05
    f = factor_model.Parameters(**BUSY)
    loads = [factor_loading.Parameters(), factor_loading.Parameters(**ETH)]
    for regime, measured in (("calm", calm), ("stressed", worse)):
        assert abs(correlation(covariance(f, loads, regime))[0, 1] - measured) < 0.04


def test_betas_of_stress_alone_raise_the_correlation() -> None:
    same = dict.fromkeys(("calm_volatility", "stressed_volatility"), 0.5)
    load = {"calm_beta": 0.5, "stressed_beta": 2.0, **same}
    ends = {}
    for start in ("calm", "stressed"):
        numbers = {**same, "start": start, "calm_duration": 1e12, "stressed_duration": 1e12}
        found = np.diff(paths(8000, (BTC, load), **numbers))
        ends[start] = np.corrcoef(found)[0, 1]
    assert ends["calm"] < 0.6 < 0.8 < ends["stressed"]


def kurtosis_of_hours(blocks: int, deviation: float, half_life: float) -> float:
    """Kurtosis of hourly returns whose volatility is renewed so many times an hour.

    With log volatility of variance s^2 and autocorrelation rho the mean product of variances is
    exp(4 s^2 rho) of the squared mean; given the variances returns are normal.
    """
    gaps = np.abs(np.subtract.outer(np.arange(blocks), np.arange(blocks)))
    rho = 0.5 ** (gaps * HOUR / blocks / half_life)
    return float(3 * np.exp(4 * deviation**2 * rho).mean())


def test_results_converge_as_blocks_get_shorter() -> None:
    deviation, half_life, hours = 0.35, HOUR, 40_000
    exact = kurtosis_of_hours(3600, deviation, half_life)
    gaps = []
    for blocks in (1, 4, 12):
        stated = kurtosis_of_hours(blocks, deviation, half_life)
        gaps.append(stated - exact)
        path = paths(
            hours * blocks + 1,
            block_seconds=HOUR / blocks,
            fast_deviation=deviation,
            fast_half_life=half_life,
            slow_deviation=0.0,
            leverage=0.0,
            start="calm",
            calm_duration=1e15,
            calm_intensity=0.0,
        )[0]
        hourly = np.diff(path[::blocks])
        measured = np.mean(hourly**4) / np.mean(hourly**2) ** 2
        assert abs(measured / stated - 1) < 0.06
    assert gaps[0] > 3 * gaps[1] > 6 * gaps[2] > 0  # first order in the length of a block


def test_one_more_underlying_moves_no_other() -> None:
    alone = paths(400, (BTC, ETH), **BUSY)
    assert np.array_equal(paths(400, (BTC, ETH, {**ETH, "calm_beta": 2.0}), **BUSY)[:2], alone)
    assert np.array_equal(paths(400, (BTC,), **BUSY)[0], alone[0])


def test_other_numbers_of_one_underlying_move_no_other() -> None:
    alone = paths(400, (BTC, ETH), **BUSY)
    other = paths(400, (BTC, {**ETH, "stressed_beta": 3.0, "drift": 1.0}), **BUSY)
    assert np.array_equal(other[0], alone[0])
    assert not np.array_equal(other[1], alone[1])


def test_a_fall_raises_volatility_where_there_is_leverage() -> None:
    numbers = {"fast_deviation": 0.6, "slow_deviation": 0.0, "calm_intensity": 0.0, "start": "calm"}
    found = {}
    for rho in (-0.9, 0.9):
        path = paths(30_000, calm_duration=1e15, leverage=rho, **numbers)[0]
        returns = np.diff(path)
        found[rho] = np.corrcoef(returns[:-1], np.abs(returns[1:]))[0, 1]
    assert found[-0.9] < -0.1 < 0.1 < found[0.9]


def test_a_shock_to_volatility_multiplies_it() -> None:
    def spread(turbulence: float) -> float:
        world = factor_world(3000, (ETH,), calm_intensity=0.0, start="calm", calm_duration=1e15)
        world.state.outside.references["turbulence"] = turbulence
        world.run(3000)
        return float(np.diff(world.state.outside.trail[0]).std())

    assert math.isclose(spread(2.0) / spread(0.0), 3.0, rel_tol=0.01)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    block=st.sampled_from([1.0, 60.0, HOUR, 86400.0]),
    calm=st.floats(0, 3),
    stressed=st.floats(0, 5),
    duration=st.floats(60, 1e8),
    deviations=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    leverage=st.floats(-1, 1),
    intensity=st.floats(0, 1000),
    beta=st.floats(-3, 3),
)
def test_any_numbers_give_a_finite_path_that_scales(
    seed: int,
    block: float,
    calm: float,
    stressed: float,
    duration: float,
    deviations: tuple[float, float],
    leverage: float,
    intensity: float,
    beta: float,
) -> None:
    numbers = {
        "calm_volatility": calm,
        "stressed_volatility": stressed,
        "stressed_duration": duration,
        "fast_deviation": deviations[0],
        "slow_deviation": deviations[1],
        "leverage": leverage,
        "calm_intensity": intensity,
        "jump_mean": 0.0,
    }
    both = {"calm_beta": beta, "stressed_beta": beta, "jump_beta": beta}
    opposite = {name: -value for name, value in both.items()}
    loads = (both, opposite, {"calm_beta": 0.0, "stressed_beta": 0.0, "jump_beta": 0.0})
    found = paths(30, loads, seed=seed, block_seconds=block, **numbers)
    assert np.isfinite(found).all()
    assert np.allclose(found[:, 0], FIRST)
    assert np.allclose(found[2], FIRST)  # nothing loads, nothing moves
    half = (found[0] + found[1]) / 2 - FIRST  # what is odd in the loading cancels, drift stays
    assert (np.diff(half) <= 1e-12).all()
    assert np.array_equal(found, paths(30, loads, seed=seed, block_seconds=block, **numbers))
