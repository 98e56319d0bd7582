"""A running market measures accounts as the calculator does, part by part."""

import functools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.calling import ADDRESSES, NUMBERS
from crossmargin.model.kernel import from_python
from crossmargin.model.margin.layout import PLACES, packed, unpacked
from crossmargin.model.margin.live_numbers import make_ready
from crossmargin.model.margin.numbers import UNREADY
from crossmargin.model.state import HEALTHY
from crossmargin.model.transfers import withdrawable
from crossmargin.model.world import World
from tests.experiments.margin.live_market import (
    MODELS,
    ROW,
    calculated,
    measured,
    portfolio_of,
    with_model,
    write,
)

ONE = 10**6
holdings = st.tuples(
    st.tuples(
        st.floats(-1e5, 1e6),
        st.floats(0.0, 50.0),
        st.floats(0.0, 500.0),
    ),
    st.tuples(
        st.tuples(st.integers(-200_000, 200_000), st.floats(0.7, 1.4)),
        st.tuples(st.integers(-400_000, 400_000), st.floats(0.7, 1.4)),
    ),
)


@functools.cache
def world_of(name: str) -> World:
    return with_model(MODELS[name])


@pytest.mark.parametrize("name", MODELS)
@given(held=holdings)
def test_a_market_measures_as_the_calculator_does(name: str, held: Any) -> None:
    world = world_of(name)
    write(world, *held)
    found, expected = measured(world), calculated(world)
    assert found[0] == round(expected[0] * ONE)
    size = ONE * (1.0 + np.abs(expected).max())
    assert np.abs(found - expected * ONE).max() <= 3 + 1e-12 * size
    assert (found[1:3] <= np.floor(expected[1:3] * ONE) + 1 + 1e-12 * size).all()
    assert (found[3:] >= expected[3:] * ONE - 1e-12 * size).all()


@pytest.mark.parametrize("name", ["scenario", "netting", "fractions", "size_premium"])
def test_resting_orders_count_by_their_worst_case(name: str) -> None:
    world = world_of(name)
    perps = ((40_000, 1.0), (0, 1.0))
    write(world, (1e6, 0.0, 0.0), perps)
    before = measured(world)
    world.state.book.open_lots[ROW, 0] = 10_000, 20_000  # closing costs nothing, opening does
    resting = measured(world)
    write(world, (1e6, 0.0, 0.0), ((50_000, 1.0), (0, 1.0)))
    filled = measured(world)
    assert before[3] < filled[3]
    assert abs(resting[3] - filled[3]) <= 2
    assert resting[4] == before[4]


def test_bids_for_coins_take_what_the_coins_will_not_count() -> None:
    world = world_of("wrong_way")
    write(world, (1e6, 0.0, 0.0), ((0, 1.0), (0, 1.0)))
    before = measured(world)
    world.state.book.open_lots[ROW, 2, 0] = 10_000
    market = world.state.ledger.markets[2]
    value = 10_000 * int(market["mark"]) * int(market["half_unit"])
    assert abs(measured(world)[3] - before[3] - 0.2 * value) <= 2


@pytest.mark.parametrize("side", [0, 1])
def test_health_counts_spot_orders_as_the_calculator_does(side: int) -> None:
    world = world_of("health")
    write(world, (2e5, 3.0, 0.0), ((5_000, 1.02), (0, 1.0)))
    world.state.book.open_lots[ROW, 2, side] = 20_000
    price = 0.5 * float(
        world.state.ledger.markets["mark"][2] * world.state.ledger.markets["tick"][2]
    )
    reserved = {"USDC": -2.0 * price} if side == 0 else {"BTC": -2.0}
    found = measured(world)
    world.state.book.open_lots[ROW, 2] = 0
    held = portfolio_of(world)["collateral"]
    held = {name: amount + reserved.get(name, 0.0) for name, amount in held.items()}
    order = {"market": "BTC/USDC", "size": 2.0, "side": ("buy", "sell")[side], "price": price}
    expected = calculated(world, collateral=held, spot_order=[order])
    assert np.abs(found - expected * ONE).max() <= 3


def test_a_packed_model_is_what_was_packed() -> None:
    buffer = world_of("scenario").state.ledger.risk
    again = packed(unpacked(buffer))
    assert np.array_equal(buffer, again)
    live = unpacked(buffer.copy())
    live.terms.spot[0] += 1.0
    assert not np.array_equal(packed(live), buffer)
    assert len(PLACES) == len(set(PLACES))


def test_profit_that_is_locked_may_not_be_withdrawn() -> None:
    model = {"fractions": MODELS["credit"]["fractions"], "credit": {"withdrawable": 0.25}}
    world = with_model(model)
    write(world, (1e5, 0.0, 0.0), ((10_000, 0.9), (0, 1.0)))
    found, ledger = measured(world), world.state.ledger
    gain = int(found[0]) - 10**5 * ONE
    ledger.accounts["state"][ROW] = HEALTHY
    left = from_python(withdrawable)(ledger, world.state.book, ROW)
    assert gain > 0
    expected = min(int(found[1] - found[3]) - 0.75 * gain, 10**5 * ONE)
    assert abs(left - expected) <= 2


def test_without_its_code_a_risk_model_lets_nothing_pass() -> None:
    world = world_of("scenario")
    write(world, (1e5, 0.0, 0.0), ((0, 1.0), (0, 1.0)))
    kept = ADDRESSES[NUMBERS]
    try:
        ADDRESSES[NUMBERS] = 0
        assert measured(world).tolist() == [0, 0, 0, UNREADY, UNREADY]
    finally:
        ADDRESSES[NUMBERS] = kept
    make_ready()
    assert measured(world)[0] == 10**5 * ONE


def test_a_market_without_a_risk_model_compiles_none() -> None:
    code = (
        "import crossmargin as xm; from crossmargin.model.calling import ADDRESSES; "
        "xm.simulate('calm', steps=2); print(ADDRESSES.any())"
    )
    words = [sys.executable, "-c", code]
    assert subprocess.run(words, capture_output=True, text=True).stdout.strip() == "False"
