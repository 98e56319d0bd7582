"""Gaussian random walk, particles one by one: the pattern of a process in plain Python.

The probability that it ends above a level is a Gaussian tail in closed form, an oracle for what
runs particles one by one.
"""

import math
from dataclasses import dataclass

import numpy as np


@dataclass
class Walker:
    """A walk under way: its place, the step it is at, its own generator."""

    place: float
    step: int
    rng: np.random.Generator


class Walk:
    """Walk X_t = X_(t-1) + drift + volatility * normal; the score is its place.

    Where `end` is given, the event is to be there or above at the horizon; the target is infinity.

    Parameters
    ----------
    drift, volatility : float
        Per step.
    horizon : int
        Steps.
    end : float, optional
        Place to reach at the horizon.
    """

    def __init__(
        self,
        drift: float = 0.0,
        volatility: float = 1.0,
        horizon: int = 100,
        end: float = math.inf,
    ) -> None:
        self.drift, self.volatility, self.horizon, self.end = drift, volatility, horizon, end

    def start(self, seed: int) -> Walker:
        """Walker at 0."""
        return Walker(0.0, 0, np.random.default_rng(seed))

    def step(self, particle: Walker) -> None:
        """One step, in place."""
        particle.place += self.drift + self.volatility * particle.rng.standard_normal()
        particle.step += 1

    def is_over(self, particle: Walker) -> bool:
        """At the horizon."""
        return particle.step >= self.horizon

    def score(self, particle: Walker) -> float:
        """Place; infinite at the horizon where the end is reached."""
        is_there = particle.step == self.horizon and particle.place >= self.end
        return math.inf if is_there else particle.place

    def branch(self, particle: Walker, seed: int) -> Walker:
        """Copy with a generator of its own."""
        return Walker(particle.place, particle.step, np.random.default_rng(seed))
