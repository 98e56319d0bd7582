"""The venue pushes the reference price: a NumPy twin, and convergence as blocks get shorter."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.world import World
from tests.small import small_world

NUMBERS = {
    "volatility": 0.0,
    "elasticity": 2.0,
    "daily_volume": 1e6,
    "permanent": 0.25,
    "half_life": 30.0,
    "volatility_half_life": 20.0,
}


def still_world(block_seconds: float) -> World:
    """World whose reference moves by the flow of the venue alone."""
    return small_world(
        [("geometric_brownian", NUMBERS)], n_accounts=1, block_seconds=block_seconds, window=64
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-500, 500), min_size=1, max_size=40), st.floats(0.5, 60))
def test_price_and_volatility_equal_the_twin(flows: list[float], block_seconds: float) -> None:
    world = still_world(block_seconds)
    reference = world.state.outside.references
    price, lasting, passing, volatility = 100.0, 0.0, 0.0, float(reference["volatility"][0])
    logs = [math.log(100.0)]
    for step, flow in enumerate([0.0, *flows]):
        reference["flow"] = flow
        world.run(1)
        moved = 2.0 * flow * price / 1e6
        lasting += 0.25 * moved
        passing = passing * 0.5 ** (block_seconds / 30.0) + 0.75 * moved
        logs.append(math.log(100.0) + lasting + passing)
        price = math.exp(logs[-1])
        if step > 0:
            kept = 0.5 ** (block_seconds / 20.0)
            squared = (logs[-1] - logs[-2]) ** 2 / block_seconds
            volatility = math.sqrt(kept * volatility**2 + (1 - kept) * squared)
    assert float(reference["price"][0]) == pytest.approx(price, rel=1e-12)
    assert float(reference["volatility"][0]) == pytest.approx(volatility, rel=1e-9)
    assert float(reference["flow"][0]) == 0.0


def push(block_seconds: float, per_second: float = 2.0, seconds: float = 120.0) -> float:
    """Log price after a steady flow of notional."""
    world = still_world(block_seconds)
    reference = world.state.outside.references
    for _ in range(1 + round(seconds / block_seconds)):
        reference["flow"] = per_second * block_seconds * 100 / reference["price"] * (world.step > 0)
        world.run(1)
    return math.log(float(reference["price"][0]) / 100)


def test_the_push_converges_as_blocks_get_shorter() -> None:
    rate, decay = 2.0 * 200.0 / 1e6, math.log(2) / 30
    exact = 0.25 * rate * 120 + 0.75 * rate * (1 - math.exp(-decay * 120)) / decay
    errors = [abs(push(block) - exact) for block in (20.0, 5.0, 1.0)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.02 * exact


def test_a_sale_outside_lowers_the_price_and_most_of_it_comes_back() -> None:
    world = still_world(10.0)
    reference = world.state.outside.references
    world.run(1)
    reference["flow"] = -1000.0
    world.run(1)
    low = float(reference["price"][0])
    world.run(60)
    assert low == pytest.approx(100 * math.exp(-0.2))
    assert float(reference["price"][0]) == pytest.approx(100 * math.exp(-0.05), rel=1e-4)


def test_an_infinite_price_is_a_fault() -> None:
    world = still_world(1.0)
    world.state.outside.references["flow"] = np.inf
    with pytest.raises(Exception, match="not finite"):
        world.run(1)


def test_the_volume_outside_is_published_for_those_who_trade_there() -> None:
    world = still_world(10.0)
    world.run(1)
    assert world.state.outside.references["turnover"][0] == 1e6
