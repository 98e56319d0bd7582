"""Skew arbitrageurs take the side that is paid, no further than they may, and hedge outside."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crossmargin.agents.skew_arbitrageurs import Parameters, T
from crossmargin.model.parts import row_of
from crossmargin.model.state import ARBITRAGE, Array
from crossmargin.model.world import World
from tests.model.pool_market import POOL_ROW, pool_world, rows_of
from tests.small import LOT, give

EQUITY, FEE, SCALE = 1000.0, 0.0002, 1e6
SPEED = 1e-6  # all at once


def arbitrage_world(rate: float, skew: int, held: int = 0) -> World:
    """A pool with a skew, a daily rate and one agent who looks."""
    p = Parameters(speed=SPEED)
    world = pool_world(("states", "skew_arbitrageurs"), 2, 1e6)
    state = world.state
    numbers = row_of(p)
    state.params[1, : len(numbers)] = numbers
    agent, other = rows_of(state)
    state.parts["first"][1], state.parts["count"][1] = agent, 1
    give(state, agent, EQUITY)
    state.ledger.lots[agent, 0], state.ledger.lots[other, 0] = held, skew - held
    state.ledger.lots[POOL_ROW, 0] = -skew
    mark = int(state.ledger.markets["mark"][0]) * int(state.ledger.markets["half_unit"][0])
    state.ledger.cost[:, 0] = state.ledger.lots[:, 0] * mark
    state.ledger.markets["premium_sum"] = rate
    state.book.ladders["mid"] = state.ledger.markets["mark"]
    state.crowd.traits[agent, T.horizon] = 1.0
    return world


def sent(world: World) -> Array:
    world.run(1)
    return world.state.crowd.inbox[: int(world.state.clock["n_inbox"][0])]


@given(st.floats(-0.02, 0.02), st.integers(-20_000, 20_000), st.integers(-5_000, 5_000))
@settings(max_examples=80, deadline=None)
def test_the_order_is_that_of_the_twin(rate: float, skew: int, held: int) -> None:
    p = Parameters()
    world = arbitrage_world(rate, skew, held)
    gap = rate + (2 * skew + 1) / (2 * SCALE)
    assume(abs(gap) > 1e-9 and abs(abs(gap) - p.cost - FEE) > 1e-9)
    side = -1 if gap > 0 else 1
    most = math.floor(p.leverage * EQUITY / 0.1) - abs(held)
    lots = min(most, math.floor(p.share * max(0, -side * skew)))
    if held * side < 0:
        lots = abs(held)
    elif abs(gap) <= p.cost + FEE:
        lots = 0
    found = sent(world)
    if lots <= 0:
        assert len(found) == 0
        return
    (order,) = found
    assert (order["side"], order["author_class"]) == (side, ARBITRAGE)
    assert order["quantity"] == pytest.approx(lots, abs=1)


def test_what_it_holds_is_hedged_outside() -> None:
    world = arbitrage_world(0.01, 10_000, -3_000)
    sent(world)
    state = world.state
    assert state.crowd.outside_lots[rows_of(state)[0], 0] == 3_000
    assert state.outside.references["flow"][0] == pytest.approx(3_000 * LOT)
    world.run(1)
    assert state.outside.references["flow"][0] == pytest.approx(3_000 * LOT)
