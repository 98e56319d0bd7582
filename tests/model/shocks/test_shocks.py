"""Scheduled shocks: when, how far, back again, and no effect at all from a zero one."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.state import SHOCK
from crossmargin.model.world import World
from tests.small import PERP, Listing, set_tiers, small_world

STILL = ("geometric_brownian", {"volatility": 0.0})
WINDOW = 256


def shocked(
    kind: str, block_seconds: float = 1.0, path: tuple[str, Any] = STILL, **numbers: Any
) -> World:
    world = small_world(
        [(kind, numbers), path, ("direct", {})],
        n_accounts=1,
        block_seconds=block_seconds,
        markets=(PERP, Listing(underlying=1)),
        window=WINDOW,
    )
    world.state.parts["underlying"] = (0, 0, -1)
    return world


def events(world: World) -> list[tuple[int, ...]]:
    table = world.rows("events")
    return [tuple(row) for row in table[["kind", "step", "market", "price", "shift"]].tolist()]


def log_change(world: World, steps: int) -> list[float]:
    world.run(steps)
    return (world.state.outside.trail[0, :steps] - math.log(100.0)).tolist()


@settings(max_examples=40)
@given(
    st.floats(-0.9, 2.0),
    st.floats(0, 60),
    st.sampled_from([0.0, 5.0, 40.0]),
    st.sampled_from([0.0, 7.0, 30.0]),
)
def test_price_shock_equals_its_twin(
    change: float, at: float, spread: float, half_life: float
) -> None:
    world = shocked("price_shock", at=at, change=change, spread=spread, half_life=half_life)
    elapsed = np.arange(100) - math.ceil(at - 1e-9)
    grown = np.clip(elapsed / spread, 0, 1) if spread > 0 else (elapsed >= 0) * 1.0
    if half_life > 0:
        grown = grown * 0.5 ** (np.maximum(0, elapsed - spread) / half_life)
    expected = math.log1p(change) * np.where(elapsed >= 0, grown, 0)
    np.testing.assert_allclose(log_change(world, 100), expected, atol=1e-12)
    assert world.state.outside.references["shock"][1] == 0.0


@pytest.mark.parametrize("block_seconds", [1.0, 5.0, 20.0])
def test_a_price_shock_is_a_function_of_time_alone(block_seconds: float) -> None:
    world = shocked("price_shock", block_seconds, at=40.0, change=-0.5, spread=60.0, half_life=80.0)
    found = log_change(world, round(200 / block_seconds) + 1)
    assert found[-1] == pytest.approx(math.log(0.5) * 0.5 ** (100 / 80))


def test_price_shocks_sum_and_are_logged_once() -> None:
    world = shocked("price_shock", at=3.0, change=-0.2)
    world.state.parts["underlying"][0] = -1  # both underlyings
    world.run(10)
    assert events(world) == [(SHOCK, 3, 0, 20000, -4000), (SHOCK, 3, 1, 20000, -4000)]
    assert world.state.outside.references["shock"] == pytest.approx([math.log(0.8)] * 2)


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        ("price_shock", {"change": 0.0}),
        ("volatility_shock", {"factor": 1.0}),
        ("margin_change", {"initial": 1.0, "maintenance": 1.0}),
    ],
)
def test_a_zero_shock_changes_nothing(kind: str, numbers: dict[str, float]) -> None:
    moving = ("geometric_brownian", {"volatility": 0.8})
    world = shocked(kind, path=moving, at=2.0, **numbers)
    never = shocked(kind, path=moving, at=1e6, **numbers)
    world.run(20)
    never.run(20)
    assert np.array_equal(world.state.outside.trail, never.state.outside.trail)
    assert np.array_equal(world.state.ledger.tiers, never.state.ledger.tiers)
    assert events(world) == []


def test_a_shock_to_volatility_scales_returns_while_it_lasts() -> None:
    moving = ("geometric_brownian", {"volatility": 0.8, "drift": 0.0})
    world = shocked("volatility_shock", path=moving, at=5.0, factor=3.0, duration=4.0)
    plain = shocked("volatility_shock", path=moving, at=1e6)
    ratio = np.diff(log_change(world, 20)) / np.diff(log_change(plain, 20))
    expected = np.ones(19)
    expected[4:8] = 3.0  # returns of blocks 5 to 8
    np.testing.assert_allclose(ratio, expected, rtol=0.01)
    assert world.state.outside.references["turbulence"][0] == 0.0
    assert [event[:3] for event in events(world)] == [(SHOCK, 5, 0)]


def test_a_halt_stops_the_named_market_for_its_time() -> None:
    world = shocked("halt", 2.0, at=7.0, duration=11.0)
    world.state.parts["market"][0] = 1
    world.run(10)
    assert world.state.ledger.markets["halted_until"].tolist() == [0, 10]
    assert world.state.ledger.markets["halts"].tolist() == [0, 1]
    assert [event[:3] for event in events(world)] == [(SHOCK, 4, 1)]


def test_a_frozen_oracle_stands_still_and_thaws() -> None:
    moving = ("geometric_brownian", {"volatility": 5.0})
    world = shocked("oracle_freeze", path=moving, at=5.0, duration=10.0)
    index = []
    for _ in range(20):
        world.run(1)
        index.append(int(world.state.ledger.markets["index"][0]))
    assert len(set(index[4:15])) == 1
    assert index[15] != index[14]
    assert index[3] != index[4]
    assert world.state.outside.references["stale"].tolist() == [10, 0]


def test_margin_is_tightened_for_good_and_stays_continuous() -> None:
    world = shocked("margin_change", at=3.0, initial=2.0, maintenance=1.5)
    brackets = ((0, 0.05, 0.03), (1000, 0.1, 0.06))
    wide = world.state.ledger.tiers
    assert wide.shape[1] == 1
    set_tiers(world.state, 0, brackets[:1])
    world.state.parts["market"][0] = 0
    world.run(3)
    assert wide["initial"][0, 0] == 0.05
    world.run(5)
    assert wide[["initial", "maintenance"]][0, 0].tolist() == (0.1, pytest.approx(0.045))
    assert wide["initial"][1, 0] == 0.1  # the other market keeps its own
    assert [event[:3] for event in events(world)] == [(SHOCK, 3, 0)]


def test_credits_scale_with_their_rates() -> None:
    tiers = ((0, 0.05, 0.03), (1000, 0.1, 0.06))
    world = small_world(
        [("margin_change", {"initial": 2.0, "maintenance": 3.0})],
        n_accounts=1,
        markets=(Listing(tiers=tiers),),
    )
    before = world.state.ledger.tiers.copy()
    world.run(1)
    after = world.state.ledger.tiers
    for name, factor in {"initial": 2, "maintenance": 3}.items():
        for field in (name, f"{name}_credit"):
            assert np.array_equal(after[field], factor * before[field])
    assert np.array_equal(after["lower"], before["lower"])
