"""Paths of the factor model, and its NumPy twin on the same draws."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, poisson

from crossmargin.model.draws import PATH, generator, population_key
from crossmargin.model.factors import factor_loading, factor_model
from crossmargin.model.markets import YEAR
from crossmargin.model.world import World
from tests.small import Listing, small_world

Floats = NDArray[np.float64]
HOUR = 3600.0
FIRST = math.log(100.0)
Loads = Sequence[Mapping[str, Any]]


def keys_of(n: int) -> list[int]:
    return [population_key(f"underlying {u}") for u in range(n)]


def factor_world(
    steps: int, loads: Loads = ({},), *, seed: int = 1, block_seconds: float = HOUR, **numbers: Any
) -> World:
    """World that has a factor and some underlyings, before its first block."""
    world = small_world(
        [("factor_model", numbers), *(("factor_loading", dict(row)) for row in loads)],
        n_accounts=1,
        seed=seed,
        block_seconds=block_seconds,
        window=steps,
        markets=tuple(Listing(underlying=u) for u in range(len(loads))),
    )
    world.state.parts["underlying"][1:] = np.arange(len(loads))
    world.state.outside.references["key"] = keys_of(len(loads))
    return world


def paths(steps: int, loads: Loads = ({},), **options: Any) -> Floats:
    """(n_underlyings, steps) log prices."""
    world = factor_world(steps, loads, **options)
    world.run(steps)
    return world.state.outside.trail[: len(loads)].copy()


class Twin(NamedTuple):
    """What NumPy makes of the same draws."""

    paths: Floats
    stressed: NDArray[np.bool_]  # by block
    volatility: Floats


def twin(
    steps: int, loads: Loads = ({},), *, seed: int = 1, block_seconds: float = HOUR, **numbers: Any
) -> Twin:
    """The factor model, written a second time."""
    f = factor_model.Parameters(**numbers)
    years = block_seconds / YEAR
    u = np.array(
        [generator(seed, population_key("factor"), PATH, t).random(8) for t in range(steps)]
    )
    z = norm.ppf(u[:, [0, 2, 3, 6]])
    stressed, volatility = np.zeros(steps, bool), np.zeros(steps)
    share = f.stressed_duration / (f.calm_duration + f.stressed_duration)
    now = u[0, 1] < share if f.start == "drawn" else f.start == "stressed"
    fast, slow = f.fast_deviation * z[0, 1], f.slow_deviation * z[0, 2]
    burst = f.burst_deviation * z[0, 3]
    leave = {False: 1 / f.calm_duration, True: 1 / f.stressed_duration}
    both = sum(leave.values())
    half_lives = (f.fast_half_life, f.slow_half_life, f.burst_half_life)
    kept = [0.5 ** (block_seconds / h) for h in half_lives]
    for t in range(steps):
        level = f.stressed_volatility if now else f.calm_volatility
        lowered = f.fast_deviation**2 + f.slow_deviation**2 + f.burst_deviation**2
        stressed[t], volatility[t] = now, level * math.exp(fast + slow + burst - lowered)
        if t > 0:
            shock = f.leverage * z[t, 0] + math.sqrt(1 - f.leverage**2) * z[t, 1]
            fast = kept[0] * fast + f.fast_deviation * math.sqrt(1 - kept[0] ** 2) * shock
            slow = kept[1] * slow + f.slow_deviation * math.sqrt(1 - kept[1] ** 2) * z[t, 2]
            burst = kept[2] * burst + f.burst_deviation * math.sqrt(1 - kept[2] ** 2) * z[t, 3]
            if u[t, 1] < leave[now] / both * (1 - math.exp(-both * block_seconds)):
                now = not now
    rate = np.where(stressed, f.stressed_intensity, f.calm_intensity)
    n = poisson.ppf(u[:, 4], rate * years)
    jumps = n * f.jump_mean + np.sqrt(n) * f.jump_deviation * norm.ppf(u[:, 5])
    common = Common(f, stressed, rate, volatility, z[:, 0], jumps)
    found = []
    for row, key in zip(loads, keys_of(len(loads)), strict=True):
        z_own = norm.ppf(uniforms_of(seed, key, steps)[:, :2])
        found.append(_loaded(factor_loading.Parameters(**row), common, z_own, block_seconds))
    return Twin(np.array(found), stressed, volatility)


class Common(NamedTuple):
    """What all underlyings share, by block."""

    factor: factor_model.Parameters
    stressed: NDArray[np.bool_]
    rate: Floats
    volatility: Floats
    draw: Floats
    jumps: Floats


def uniforms_of(seed: int, key: int, steps: int) -> Floats:
    """(steps, 8) uniforms of a key."""
    return np.array([generator(seed, key, PATH, step).random(8) for step in range(steps)])


def _loaded(
    p: factor_loading.Parameters, common: Common, z: Floats, block_seconds: float
) -> Floats:
    f, stressed, rate, volatility, draw, jumps = common
    years, kept = block_seconds / YEAR, 0.5 ** (block_seconds / p.log_half_life)
    own_log, now = np.zeros(len(draw)), p.log_deviation * z[0, 1]
    for t in range(len(draw)):
        own_log[t] = now
        if t > 0:
            now = kept * now + p.log_deviation * math.sqrt(1 - kept**2) * z[t, 1]
    beta = np.where(stressed, p.stressed_beta, p.calm_beta) * volatility
    own = np.where(stressed, p.stressed_volatility, p.calm_volatility)
    own = own * np.exp(own_log - p.log_deviation**2)
    mean, deviation = p.jump_beta * f.jump_mean, p.jump_beta * f.jump_deviation
    drift = p.drift - (beta**2 + own**2) / 2 - rate * (math.exp(mean + deviation**2 / 2) - 1)
    change = drift * years + math.sqrt(years) * (beta * draw + own * z[:, 0]) + p.jump_beta * jumps
    change[0] = 0.0
    return FIRST + np.cumsum(change)
