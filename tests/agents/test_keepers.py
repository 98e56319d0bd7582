"""Keepers: the standing bid equals its plain-Python twin; inventory is sold and never turned."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.agents import keepers
from crossmargin.agents.keepers import DISCOUNT, LATENCY, OFFERED, Parameters, T
from crossmargin.model.state import DISCRETIONARY, IMMEDIATE_OR_CANCEL, REDUCE_ONLY
from tests.small import (
    COIN,
    HALF_UNIT,
    ONE,
    PERP,
    first_row,
    give,
    open_pair,
    residuals_of,
    send,
    small_world,
)


def keeper_world(n=1, *, parts=("states", "keepers", "inbox"), markets=(PERP,), **numbers):
    """World with some keepers who hold 100,000 each and a rich stranger behind them."""
    program = [(name, numbers if name == "keepers" else {}) for name in parts]
    world = small_world(program, n + 1, markets=markets)
    state, first = world.state, first_row(world.state)
    state.parts["count"][1], state.parts["slots"][1] = n, 0
    state.crowd.traits[:, T.profit] = 0.002
    state.book.ladders["mid"] = 20_000
    for row in range(first, first + n):
        give(state, row, 100_000.0)
    give(state, first + n, 1e9)
    return world


def sent(world):
    """Messages in the inbox of a world without a matching phase, emptied."""
    n = int(world.state.clock["n_inbox"][0])
    world.state.clock["n_inbox"] = 0
    return world.state.crowd.inbox[:n].copy()


@given(
    lots=st.integers(-10_500_000, 10_500_000),
    profit=st.floats(0.0, 0.06),
    sigma=st.floats(0.0, 0.005),
    latency=st.floats(0.0, 10.0),
)
@settings(max_examples=60, deadline=None)
def test_the_bid_equals_its_twin(lots, profit, sigma, latency):
    """Discount, capital and latency; nothing for too little profit or too much inventory."""
    p = Parameters()
    world = keeper_world(parts=("states", "keepers"))
    state, row = world.state, first_row(world.state)
    give(state, row, 100_000.0)
    state.crowd.traits[row, [T.profit, T.latency]] = profit, latency
    state.outside.references["volatility"] = sigma
    if lots:
        open_pair(state, row, row + 1, lots)
    world.run(1)
    bid, account = state.crowd.memory[row], state.ledger.accounts[row]
    least = p.cost + profit + p.risk * sigma * math.sqrt(p.horizon)
    assert bid[DISCOUNT] == pytest.approx(least) and bid[LATENCY] == latency
    free = 200_000 * ONE - abs(lots) * 20_000 * HALF_UNIT // 10
    room = p.inventory_limit * ONE - abs(lots) * 20_000 * HALF_UNIT
    is_open = bid[DISCOUNT] <= p.best_discount and account["state"] <= 1
    wanted = max(0.0, min(room, p.leverage * free)) if is_open else 0
    assert bid[OFFERED] == pytest.approx(wanted, abs=1)


@pytest.mark.parametrize("side", [1, -1])
def test_inventory_is_sold_in_slices_and_never_turned(side):
    """Each slice is at most the speed; the position ends at zero and stays there."""
    world = keeper_world(speed=1_000.0)
    state, row = world.state, first_row(world.state)
    open_pair(state, *((row, row + 1) if side > 0 else (row + 1, row)), 34_000)
    send(state, row + 1, side, 10_000 - side, 10_000_000)
    held = []
    for _ in range(6):
        world.run(1, audit=True)
        held.append(int(state.ledger.lots[row, 0]) * side)
    assert held == [24_000, 14_000, 4_000, 0, 0, 0]


def test_slices_are_reduce_only_and_bounded_in_price():
    """A slice takes at once, at most the slippage away from the mid; a halted market gets none."""
    world = keeper_world(parts=("states", "keepers"), slippage=0.01)
    state, row = world.state, first_row(world.state)
    open_pair(state, row, row + 1, 1_000)
    state.ledger.markets["halted_until"] = 1
    world.run(1)
    assert not len(sent(world))
    world.run(1)
    (message,) = sent(world)
    assert (message["side"], message["price"], message["quantity"]) == (-1, 9_900, 1_000)
    assert (message["life"], message["flags"]) == (IMMEDIATE_OR_CANCEL, REDUCE_ONLY)
    assert message["author_class"] == DISCRETIONARY


def test_coins_taken_over_are_sold_on_their_market():
    """Seized collateral goes to its own spot book."""
    world = keeper_world(markets=(PERP, COIN))
    state, row = world.state, first_row(world.state)
    give(state, row, 5.0, asset=1)
    send(state, row + 1, 1, 9_990, 100_000, market=1)
    world.run(1, audit=True)
    assert state.ledger.lots[row, 1] == 0
    assert not any(residuals_of(state).values())


def test_a_further_keeper_changes_no_other():
    """Bids and messages of the first two are the same with three more behind them."""
    few, many = (keeper_world(n, parts=("states", "keepers")) for n in (2, 5))
    first = first_row(few.state)
    for world in (few, many):
        for row in (first, first + 1):
            open_pair(world.state, row, len(world.state.ledger.accounts) - 1, 1_000)
        world.run(1)
    a, b = sent(few), sent(many)
    np.testing.assert_array_equal(a, b)
    memory = few.state.crowd.memory[first : first + 2]
    np.testing.assert_array_equal(memory, many.state.crowd.memory[first : first + 2])
    assert len(a) == 2 and a["arrival"][0] != a["arrival"][1]
    assert keepers.messages_needed(Parameters(), 3) == 3
