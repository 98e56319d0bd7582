"""Windows, shares and verdicts of splits, and how leverage is multiplied."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.experiments.endogenous.leverage import scaled
from crossmargin.experiments.endogenous.push import UNKNOWN, Strength, corners
from crossmargin.experiments.endogenous.shares import (
    fall,
    largest_fall,
    spread,
    verdict,
    verdict_of,
)
from crossmargin.experiments.endogenous.solve import ticks_of
from crossmargin.model.errors import ParameterError
from crossmargin.model.traits import quantiles

STATED = Strength(elasticity=1.0, daily_volume=1e9, permanent=0.25, half_life=1800.0)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=40))
def test_the_largest_fall_is_the_largest(values: list[float]) -> None:
    path = np.array(values)
    falls = [path[i] - path[j] for j in range(len(path)) for i in range(j + 1)]
    if max(falls) == 0:
        with pytest.raises(ParameterError, match="never falls"):
            largest_fall(path)
        return
    window = largest_fall(path)
    assert window.peak < window.trough
    assert fall(path, window) == max(falls)


@pytest.mark.parametrize(
    ("ends", "word"),
    [
        ((0.0, 1.0), "fits"),
        ((0.2, 0.2), "fits"),
        ((-0.01, 0.5), "partly misfit"),
        ((0.5, 1.01), "partly misfit"),
        ((-2.0, -0.1), "misfit"),
        ((1.1, 3.0), "misfit"),
    ],
)
def test_verdicts(ends: tuple[float, float], word: str) -> None:
    assert verdict(*ends) == word


def test_half_a_tick_counts_down_whatever_the_last_digit() -> None:
    prices = np.array([100.5, np.nextafter(100.5, 200), np.nextafter(100.5, 0), 100.51, 100.49])
    assert ticks_of(np.log(prices), 1.0).tolist() == [100, 100, 100, 101, 100]


def test_the_mean_lies_in_its_interval() -> None:
    found = spread([0.1, 0.2, 0.4])
    assert found["low"] is not None and found["high"] is not None and found["mean"] is not None
    assert found["low"] < found["mean"] < found["high"]
    assert spread([0.3]) == {"mean": 0.3, "low": None, "high": None}


def test_the_verdict_of_draws_is_that_of_their_interval() -> None:
    assert verdict_of([0.2, 0.3, 0.25]) == "fits"
    assert verdict_of([-0.2, 0.3]) == "partly misfit"
    assert verdict_of([-0.21, -0.2, -0.22]) == "misfit"
    assert verdict_of([1.5]) == "misfit"


def test_corners_are_all_combinations_and_the_first_is_as_stated() -> None:
    found = corners(STATED)
    assert found[0] == STATED
    assert len(set(found)) == len(found) == 3 ** len(UNKNOWN)


@given(st.floats(0.1, 5))
def test_scaled_distributions_draw_multiples(multiple: float) -> None:
    uniform = np.linspace(0.01, 0.99, 25)
    for distribution in (
        {"constant": [3.0]},
        {"uniform": [1.0, 4.0]},
        {"exponential": [2.0]},
        {"normal": [5.0, 1.0]},
        {"lognormal": [4.0, 0.6]},
        {"pareto": [1.0, 1.5]},
        {"pareto": [1.0, 1.5, 8.0]},
        {"choice": [1.0, 2.0, 5.0]},
    ):
        found = quantiles(scaled(distribution, multiple), uniform)
        np.testing.assert_allclose(found, multiple * quantiles(distribution, uniform))


def test_a_probability_has_no_multiple() -> None:
    with pytest.raises(ParameterError, match="bernoulli"):
        scaled({"bernoulli": [0.5]}, 2.0)
