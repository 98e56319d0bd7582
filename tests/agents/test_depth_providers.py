"""Levels of a depth curve: they come back with their half-life, follow, lean and stop."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin import check_agent
from crossmargin.agents.depth_providers import MISSING, level_tick, messages_needed, slots_needed
from crossmargin.agents.depth_providers import Parameters as Numbers
from crossmargin.agents.stage import FIRST, Stage
from crossmargin.model.state import CANCEL, SPOT
from tests.agents.stages import block, run, stage

LEVEL = {"bid_distance": 0.01, "ask_distance": 0.01, "bid_size": 2.0, "ask_size": 3.0}


def made(**numbers: float) -> Stage:
    """Two agents, the first in the perpetual and the second in the spot market."""
    plain = {"index_weight": 0.0, "skew": 0.0, "latency": 0.0}
    found = stage("depth_providers", 2, traits=LEVEL, numbers=plain | numbers)
    state = found.world.state
    hold(found, 0)
    hold(found, 0, FIRST + 1)
    state.crowd.outside_lots[FIRST:, 1] = -state.ledger.lots[FIRST:, 1]
    return found


def hold(market: Stage, lots: int, row: int = FIRST) -> None:
    """Give an agent a position in the perpetual, entered at the mark."""
    ledger = market.world.state.ledger
    listed = ledger.markets[0]
    ledger.lots[row, 0] = lots
    ledger.cost[row, 0] = lots * int(listed["mark"]) * int(listed["half_unit"])


def test_it_is_sound() -> None:
    check_agent("depth_providers")
    check_agent("holders")


def test_holders_never_act() -> None:
    assert not any(len(messages) for messages in run(stage("holders"), 5))


def test_room_is_one_order_a_side() -> None:
    assert slots_needed(Numbers(), 5) == messages_needed(Numbers(), 5) == 2


@given(
    mid=st.integers(100, 10**7),
    distance=st.floats(1e-4, 0.5),
    side=st.sampled_from([1, -1]),
)
def test_a_level_is_the_last_tick_within_its_distance(mid: int, distance: float, side: int) -> None:
    tick = int(level_tick(float(mid), distance, side))
    edge, slack = 0.5 * mid * (1 - side * distance), 1e-9 * mid
    assert side * (tick - edge) >= -slack
    assert side * (tick - side - edge) < slack


def test_each_quotes_its_level_in_a_market_of_its_own() -> None:
    messages = block(made(), 1)
    mids = made().world.state.book.ladders["mid"] / 2
    assert messages["account"].tolist() == [FIRST, FIRST, FIRST + 1, FIRST + 1]
    assert messages["market"].tolist() == [0, 0, 1, 1]
    assert messages["quantity"].tolist() == [2000, 3000, 2000, 3000]
    for message in messages:
        edge = mids[message["market"]] * (1 - message["side"] * 0.01)
        assert abs(message["price"] - edge) <= 1


@pytest.mark.parametrize("half_life", [1.0, 5.0, 20.0])
def test_what_was_taken_comes_back_with_its_half_life(half_life: float) -> None:
    market = made(half_life=half_life, grain=1e-6)
    block(market, 1)
    market.close_block(1)
    state = market.world.state
    handle = int(state.crowd.handles[int(state.parts["first_slot"][1])])
    order = state.book.orders[handle & ((1 << 24) - 1)]
    take(market, order, 1600)
    seconds, size = float(state.clock["block_seconds"][0]), 2000
    for step in range(2, 12):
        block(market, step)
        market.close_block(step)
        missing = 1600 * 2.0 ** (-(step - 1) * seconds / half_life)
        assert state.crowd.memory[FIRST, MISSING] == pytest.approx(missing)
        assert abs(resting(market, FIRST, 0) - (size - missing)) <= 1


def take(market: Stage, order: np.void, lots: int) -> None:
    """Take lots off a resting order, as a fill would; nobody's position changes."""
    state = market.world.state
    page = state.book.table[order["market"], order["side"], order["price"] >> 6]
    state.book.levels["quantity"][page, order["price"] & 63] -= lots
    state.book.open_lots[order["account"], order["market"], order["side"]] -= lots
    order["quantity"] -= lots


def resting(market: Stage, row: int, side: int) -> int:
    """Lots that an account has in the books on a side."""
    return int(market.world.state.book.open_lots[row, :, side].sum())


def test_small_losses_wait_until_a_piece_is_worth_an_order() -> None:
    market = made(half_life=0.0, grain=0.5)
    block(market, 1)
    market.close_block(1)
    state = market.world.state
    handle = int(state.crowd.handles[int(state.parts["first_slot"][1])])
    take(market, state.book.orders[handle & ((1 << 24) - 1)], 800)
    assert len(block(market, 2)) == 0
    take(market, state.book.orders[handle & ((1 << 24) - 1)], 400)
    market.close_block(2)
    assert block(market, 3)["quantity"].tolist() == [2000]


def test_at_the_limit_of_its_position_one_side_is_left() -> None:
    market = made(inventory_limit=2.0)
    block(market, 1)
    market.close_block(1)
    hold(market, 4000)  # two bids
    messages = block(market, 2)
    own = messages[messages["account"] == FIRST]
    assert own["action"].tolist() == [CANCEL]
    assert own["side"].tolist() == [1]


def test_it_leans_against_its_position() -> None:
    prices = {}
    for lots in (-3000, 0, 3000):
        market = made(skew=1.0)
        hold(market, lots)
        messages = block(market, 1)
        prices[lots] = int(messages[(messages["account"] == FIRST)]["price"][0])
    assert prices[3000] < prices[0] < prices[-3000]


def test_coins_are_neutral_and_never_oversold() -> None:
    market = made()
    state = market.world.state
    assert state.ledger.markets["kind"][1] == SPOT
    state.ledger.lots[FIRST + 1, 1] = 700
    messages = block(market, 0)
    asks = messages[(messages["account"] == FIRST + 1) & (messages["side"] < 0)]
    assert asks["quantity"].tolist() == [700]
    assert state.crowd.outside_lots[FIRST + 1, 1] == -700


def test_levels_follow_the_index_as_far_as_they_are_told() -> None:
    for weight in (0.0, 1.0):
        market = made(index_weight=weight)
        state = market.world.state
        messages = block(market, 1, half_price=int(state.ledger.markets["mark"][0] * 1.004))
        mid, index = (state.book.ladders["mid"][0], state.ledger.markets["index"][0])
        centre = (1 - weight) * mid + weight * index
        assert messages["price"][0] == math.ceil(centre / 2 * 0.99 - 1e-6)
