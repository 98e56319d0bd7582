"""Rare events: cost of a given error against plain Monte Carlo, on Borel's law and on a market."""

import math
from collections.abc import Iterator
from time import perf_counter

import numpy as np
from scipy.stats import lognorm

import crossmargin as xm
from crossmargin.experiments.rare import (
    Cascade,
    MarketProcess,
    ShockOutcome,
    StaticLoss,
    adaptive_splitting,
    antithetic,
    control_variate,
    importance_sampling,
    splitting,
    stratified,
)
from crossmargin.experiments.rare.scores import is_fund_empty, largest_fall
from crossmargin.model.networks import borel_tail
from tests.benchmarks.figures import Figure
from tests.experiments.rare.spiral import spiral

REPRODUCTION, SIZE, REPEATS = 0.7, 100, 50
PARTICLES = {"independent": 5000, "stratified": 600}
FALLS = lognorm(0.6, scale=0.015)


class OneByOne:
    """The cascade of `Cascade`, particles one by one, for adaptive splitting."""

    def start(self, seed: int) -> list:
        return [0, 1, np.random.default_rng(seed)]

    def step(self, particle: list) -> None:
        particle[1] += int(particle[2].poisson(REPRODUCTION)) - 1
        particle[0] += 1

    def is_over(self, particle: list) -> bool:
        return particle[1] == 0 or particle[0] >= SIZE

    def score(self, particle: list) -> float:
        expected = particle[0] + particle[1] / (1 - REPRODUCTION)
        return math.inf if particle[0] >= SIZE else expected

    def branch(self, particle: list, seed: int) -> list:
        return [*particle[:2], np.random.default_rng(seed)]


def plain_steps(error: float) -> float:
    """Individuals that plain Monte Carlo processes for a relative error; it stops at the size."""
    p = borel_tail(SIZE, REPRODUCTION)
    mean = sum(borel_tail(s, REPRODUCTION) for s in range(1, SIZE + 1))
    return (1 - p) / (p * error**2) * mean


def relative_error(estimates: list[float]) -> float:
    """Root-mean-square error of some estimates, relative."""
    ratios = np.array(estimates) / borel_tail(SIZE, REPRODUCTION)
    return float(np.sqrt(np.mean((ratios - 1) ** 2)))


def cascades(draws: str, at_least: float | None) -> Iterator[Figure]:
    """Fifty splittings, each with a pilot of its own, whose steps count."""
    began = perf_counter()
    found = [
        splitting(
            Cascade(REPRODUCTION, SIZE),
            math.inf,
            particles=PARTICLES[draws],
            pilot=300,
            repeats=1,
            draws=draws,
            seed=seed,
        )
        for seed in range(REPEATS)
    ]
    error = relative_error([one.estimate for one in found])
    cost = float(np.mean([one.cost for one in found]))
    name = f"Borel cascade, {draws} draws"
    yield Figure(f"{name}: error", error, "relative", at_most=0.1)
    yield Figure(f"{name}: steps a repeat", cost, "individuals")
    yield Figure(f"{name}: gain", plain_steps(error) / cost, "times", at_least=at_least)
    yield Figure(f"{name}: 50 repeats", perf_counter() - began, "s")


def adaptive() -> Iterator[Figure]:
    """Adaptive splitting of the same cascade."""
    found = adaptive_splitting(OneByOne(), math.inf, particles=100, repeats=REPEATS)
    error = relative_error(list(found.diagnostics["estimates"]))
    yield Figure("Borel cascade, adaptive: error", error, "relative")
    gain = plain_steps(error) / (found.cost / REPEATS)
    yield Figure("Borel cascade, adaptive: gain", gain, "times")


def shocks(n: int = 1000) -> Iterator[Figure]:
    """Gains on the shock of a market of some 300 accounts, as each method states them."""
    bent = {"transform": lambda size: -min(size, 0.9)}
    empty = ShockOutcome(spiral(), is_fund_empty, **bent)
    sold = ShockOutcome(spiral(), "liquidated_notional", **bent)
    static = StaticLoss(sold.base, 1e8, "sales")
    large = lognorm(0.5, scale=0.04)
    for name, found in (
        ("fund empty, importance sampling", importance_sampling(empty, FALLS, large, n)),
        ("fund empty, 50 strata", stratified(empty, FALLS, n, strata=50)),
        ("liquidated, control variate", control_variate(sold, static, FALLS, n, n_mean=4000)),
        ("liquidated, antithetic", antithetic(sold, FALLS, n)),
        ("liquidated, 50 strata", stratified(sold, FALLS, n, strata=50)),
        (
            "liquidated, 50 strata, Neyman",
            stratified(sold, FALLS, n, strata=50, allocation="neyman"),
        ),
    ):
        print(f"  {found}")
        yield Figure(f"market, {name}: gain", found.gain, "times")


def crash() -> Iterator[Figure]:
    """A mark that falls by 12% in 20 minutes, in a market whose makers quote little."""
    wild = {
        "run.steps": 240,
        "underlying.BTC.path.volatility": 2.0,
        "population.makers.behaviour.depth": 2e4,
    }
    process = MarketProcess(spiral(0.0), largest_fall, overrides=wild, stride=4)
    for name, found in (
        ("splitting", splitting(process, 0.12, particles=150, repeats=8, jobs=2)),
        (
            "adaptive splitting",
            adaptive_splitting(process, 0.12, particles=80, kill=4, repeats=6, jobs=2),
        ),
    ):
        print(f"  {found}")
        yield Figure(f"market crash, {name}: gain", found.gain, "times")


def futures(n: int = 60) -> Iterator[Figure]:
    """Runs a second of an ensemble from a branch."""
    market = xm.Market("leverage-spiral", seed=1)
    market.run_for(100)
    xm.ensemble(None, 1, from_branch=market, steps=300)
    for jobs in (1, 2):
        began = perf_counter()
        xm.ensemble(None, n, from_branch=market, steps=300, jobs=jobs)
        yield Figure(f"futures of 200 blocks, {jobs} threads", n / (perf_counter() - began), "1/s")


def figures() -> Iterator[Figure]:
    """All figures of rare events."""
    yield from cascades("stratified", 50)
    yield from cascades("independent", None)
    yield from adaptive()
    yield from shocks()
    yield from crash()
    yield from futures()
