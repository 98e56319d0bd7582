"""A market that moves too far, too fast is halted, once, for a while, and rests before the next."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.state import HALT
from crossmargin.model.world import World
from tests.small import small_world

NUMBERS = {"threshold": 0.1, "window": 5.0, "halt_seconds": 4.0, "cooldown": 3.0}


def breaker_world(**numbers: Any) -> World:
    program = [("direct", {}), ("circuit_breaker", {**NUMBERS, **numbers})]
    world = small_world(program, n_accounts=1, window=32)
    world.state.book.ladders["mid"] = 20000
    return world


def follow(world: World, prices: list[float], mid: float = 100.0) -> list[int]:
    """Steps at which market 0 was halted while index and mid followed these prices."""
    halts = []
    trail, n = world.state.outside.trail, len(world.state.outside.references)
    for price in prices:
        before = int(world.state.ledger.markets["halts"][0])
        trail[0, world.step % trail.shape[1]] = np.log(price)
        world.state.book.ladders["mid"] = round(200 * mid)
        step = world.step
        world.run(1)
        trail[n : n + 2, step % trail.shape[1]] = np.log(mid)
        if int(world.state.ledger.markets["halts"][0]) > before:
            halts.append(step)
    return halts


def twin(prices: list[float]) -> list[int]:
    halts: list[int] = []
    logs = np.log(np.round(np.array(prices) * 200) / 200)
    for step in range(len(prices)):
        moved = np.abs(logs[step] - logs[max(0, step - 5) : step])
        rests = bool(halts) and step < halts[-1] + 4 + 3
        if not rests and moved.size and moved.max() > 0.1:
            halts.append(step)
    return halts


@settings(max_examples=30)
@given(st.lists(st.floats(85, 115), min_size=1, max_size=25))
def test_halts_equal_the_twin(prices: list[float]) -> None:
    world = breaker_world(watch="index")
    assert follow(world, prices) == twin(prices)


def test_a_slow_fall_does_not_trip_it_and_a_fast_one_does() -> None:
    slow = [100 * 0.99**k for k in range(25)]
    assert follow(breaker_world(), slow) == []
    assert follow(breaker_world(), [100.0] * 5 + [88.0] * 3) == [5]


def test_the_halt_is_logged_and_lasts() -> None:
    world = breaker_world()
    follow(world, [100.0] * 5 + [88.0] * 3)
    market = world.state.ledger.markets[0]
    assert (int(market["halts"]), int(market["halted_until"])) == (1, 9)
    events = world.rows("events")
    assert events[["kind", "market", "step", "price"]].tolist()[0] == (HALT, 0, 5, 17600)


@pytest.mark.parametrize(("watch", "trips"), [("mid", True), ("either", True), ("index", False)])
def test_it_watches_what_it_is_told(watch: str, trips: bool) -> None:
    world = breaker_world(watch=watch)
    follow(world, [100.0] * 5)
    assert bool(follow(world, [100.0], mid=80.0)) is trips


def test_it_leaves_other_markets_alone() -> None:
    world = breaker_world()
    world.state.parts["market"] = 1
    follow(world, [100.0] * 5 + [88.0] * 3)
    assert world.state.ledger.markets["halts"].tolist() == [0, 1]
