"""What populations share that look at times of their own and trade by taking: twins and laws."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.agents.taking import (
    Intent,
    coins,
    log_return,
    perpetual_of,
    send,
    slice_of,
    spot_of,
    wakes,
)
from crossmargin.model.kernel import from_python
from crossmargin.model.state import (
    ARBITRAGE,
    CLOSED,
    LIQUIDATING,
    REDUCE_ONLY,
    State,
)
from tests.small import COIN, PERP, clock_step, first_row, give, open_pair, small_state

MARKETS = (COIN, PERP, PERP)


@given(
    lots=st.integers(-(10**12), 10**12), seconds=st.floats(1.0, 1e5), block=st.floats(0.1, 600.0)
)
@settings(max_examples=60, deadline=None)
def test_a_slice_is_that_of_the_twin(lots: int, seconds: float, block: float) -> None:
    state = small_state(1, block_seconds=block)
    found = from_python(slice_of)(state, lots, seconds)
    share = 1.0 - math.exp(-block / seconds)
    expected = math.copysign(max(1.0, abs(lots) * share), lots) if lots else 0.0
    assert found == pytest.approx(expected, rel=1e-6, abs=1.0)
    assert abs(found) <= abs(lots)


def test_what_is_left_does_not_depend_on_the_length_of_a_block() -> None:
    left = []
    for block in (1.0, 10.0, 60.0):
        state, lots = small_state(1, block_seconds=block), 10**9
        for _ in range(round(600 / block)):
            lots -= from_python(slice_of)(state, lots, 300.0)
        left.append(lots)
    assert left == pytest.approx([1e9 * math.exp(-2)] * 3, rel=1e-4)


@given(steps=st.integers(1, 900), seconds=st.floats(1.0, 3000.0), data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_log_return_is_that_of_the_twin(steps: int, seconds: float, data: Any) -> None:
    """The trail is a ring: a look-back longer than it, or than the run, is cut."""
    state = small_state(1, block_seconds=2.0, window=128)
    window = state.outside.trail.shape[1]
    rng = np.random.default_rng(data.draw(st.integers(0, 100)))
    path = np.cumsum(rng.normal(0, 0.01, steps + 1))
    for step in range(max(0, steps - window), steps):
        state.outside.trail[1, step % window] = path[step]
    clock_step(state, steps)
    lag = min(math.floor(seconds / 2.0 + 0.5), steps - 1, window - 2)
    found = from_python(log_return)(state, 1, seconds)
    expected = (path[steps - 1] - path[steps - 1 - lag], 2.0 * lag) if lag >= 1 else (0.0, 0.0)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("block", [10.0, 50.0])
def test_looks_come_at_their_rate_whatever_the_block(block: float) -> None:
    """Two hundred agents with an interval of 100 s, watched for 2,000 s."""
    state = small_state(200, block_seconds=block)
    first, face, looks = first_row(state), from_python(wakes), 0
    for step in range(round(2000 / block)):
        clock_step(state, step)
        looks += sum(face(state, row, 0, 100.0) for row in range(first, first + 200))
    per_block = 1.0 - math.exp(-block / 100.0)
    assert looks == pytest.approx(200 * 2000 / block * per_block, rel=0.06)


def listed() -> tuple[State, int]:
    state = small_state(2, markets=MARKETS)
    row = first_row(state)
    give(state, row, 1e6)
    give(state, row + 1, 1e6)
    return state, row


def test_each_agent_has_one_perpetual_and_its_spot_market() -> None:
    state, row = listed()
    face = from_python(perpetual_of)
    assert [face(state, 0, row), face(state, 0, row + 1)] == [1, 2]
    state.parts["markets"][0] = 0b101
    assert [face(state, 0, row), face(state, 0, row + 1)] == [2, 2]
    assert from_python(spot_of)(state, 0, 2) == 0
    state.parts["markets"][0] = 0b110
    assert from_python(spot_of)(state, 0, 2) == -1
    state.ledger.accounts["only_market"][row] = 0
    assert face(state, 0, row) == -1


def test_coins_are_those_on_the_venue_and_outside() -> None:
    state, row = listed()
    give(state, row, 3.0, asset=1)
    state.crowd.outside_lots[row, 1] = -500
    assert from_python(coins)(state, row, 1, 0) == 2_500
    assert from_python(coins)(state, row, 1, -1) == -500
    state.ledger.markets["lot"][1] = 0.01
    assert from_python(coins)(state, row, 1, 0) == -200


def test_an_order_that_closes_needs_no_margin_and_one_that_opens_is_not_sent_in_trouble() -> None:
    state, row = listed()
    face = from_python(send)
    open_pair(state, row, row + 1, 1_000, market=1)
    assert face(state, row, Intent(1, -1_000, 0.01, 0.0, ARBITRAGE)) == 1
    assert face(state, row, Intent(1, -1_001, 0.01, 0.0, ARBITRAGE)) == 1
    assert face(state, row, Intent(1, 0, 0.01, 0.0, ARBITRAGE)) == 0
    state.ledger.accounts["state"][row] = LIQUIDATING
    assert face(state, row, Intent(1, 5, 0.01, 0.0, ARBITRAGE)) == 0
    assert face(state, row, Intent(1, -5, 0.01, 0.0, ARBITRAGE)) == 1
    state.ledger.accounts["state"][row] = CLOSED
    assert face(state, row, Intent(1, -5, 0.01, 0.0, ARBITRAGE)) == 0
    state.ledger.accounts["state"][row] = 0
    state.ledger.markets["halted_until"][1] = 1
    assert face(state, row, Intent(1, -5, 0.01, 0.0, ARBITRAGE)) == 0
    sent = state.crowd.inbox[: int(state.clock["n_inbox"][0])]
    assert sent["flags"].tolist() == [REDUCE_ONLY, 0, REDUCE_ONLY]
    assert sent["price"].tolist() == [9_900] * 3
    assert set(sent["author_class"]) == {ARBITRAGE}
