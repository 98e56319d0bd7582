"""Funds of the leverage cycle: the paper's demand, its two regimes, performance and flows."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.agents.leverage_funds import (
    NEXT,
    PERFORMANCE,
    VALUE,
    Parameters,
    T,
    flow_share,
    leverage_wanted,
)
from crossmargin.experiments.run import Run, simulate
from crossmargin.model.kernel import from_python
from crossmargin.model.state import CANCEL
from crossmargin.model.world import World
from tests.agents.crowded import VAULT, crowded, fall, population
from tests.small import (
    HALF_UNIT,
    ONE,
    PERP,
    first_row,
    give,
    open_pair,
    send,
    set_price,
    small_world,
)

WEALTH = 10_000.0
PARTS = ("transfers", "states", "leverage_funds", "inbox")


def fund_world(
    parts: tuple[str, ...] = PARTS, lots: int = 0, aggression: float = 20.0, **numbers: Any
) -> World:
    """One fund that thinks 100 is the value, and a stranger with depth at 0.5% from any price."""
    program = [(name, numbers if name == "leverage_funds" else {}) for name in parts]
    listing = type(PERP)(tiers=((0, 0.01, 0.005),), taker_fee=0.0, maker_fee=0.0)
    world = small_world(program, 2, markets=(listing,))
    state, row = world.state, first_row(world.state)
    here = parts.index("leverage_funds")
    state.parts["count"][here], state.parts["slots"][here] = 1, 0
    traits = state.crowd.traits[row]
    traits[[T.aggression, T.opinion, T.memory, T.interval]] = aggression, 0.0, 1e12, 1.0
    give(state, row, WEALTH)
    give(state, row + 1, 1e9)
    state.crowd.memory[row, VALUE] = math.log(100.0)
    if lots:
        open_pair(state, row, row + 1, lots)
    world.run(1)
    state.crowd.memory[row, NEXT] = 0.5
    return world


def demand_by_twin(wealth: float, price: float, value: float, beta: float, limit: float) -> float:
    """Thurner, Farmer, Geanakoplos: notional = beta * mispricing * wealth up to limit * wealth."""
    mispricing = (value - price) / value
    if mispricing <= 0.0:
        return 0.0
    if beta * mispricing <= limit:
        return beta * mispricing * wealth
    return limit * wealth


@given(
    mid=st.integers(17_000, 21_000),
    opinion=st.floats(-0.1, 0.1),
    beta=st.floats(1.0, 100.0),
    limit=st.floats(1.0, 20.0),
    lots=st.integers(0, 200_000),
)
@settings(max_examples=60, deadline=None)
def test_the_demand_is_that_of_the_paper(
    mid: int, opinion: float, beta: float, limit: float, lots: int
) -> None:
    p = Parameters(limit=limit)
    world = fund_world(("states", "leverage_funds"), lots, beta, **p.model_dump())
    state, row = world.state, first_row(world.state)
    state.crowd.traits[row, T.opinion] = opinion
    state.clock["n_inbox"] = 0
    state.book.ladders["mid"][0] = mid
    world.run(1)
    wealth, unit = WEALTH * ONE, mid * HALF_UNIT
    wanted = demand_by_twin(wealth, 0.005 * mid, 100.0 * math.exp(opinion), beta, limit)
    gap = wanted / unit - lots
    sent = state.crowd.inbox[: int(state.clock["n_inbox"][0])]
    if abs(gap) * unit <= p.band * wealth - unit:
        assert not len(sent)
    elif abs(gap) * unit > p.band * wealth + unit:
        assert sent[0]["side"] == (1 if gap > 0 else -1)
        assert sent[0]["quantity"] == pytest.approx(abs(gap), abs=1.01)


@given(st.floats(-1, 1), st.floats(0, 100), st.floats(0.1, 30))
@settings(max_examples=50, deadline=None)
def test_leverage_is_linear_then_bound(mispricing: float, beta: float, limit: float) -> None:
    found = from_python(leverage_wanted)(mispricing, beta, limit)
    assert found == min(limit, max(0.0, beta * mispricing))


def held_after(fall_to: float, aggression: float, limit: float) -> tuple[int, int]:
    """Lots at 95 and at a lower price."""
    world = fund_world(aggression=aggression, limit=limit, band=0.0)
    state, row = world.state, first_row(world.state)
    seen = []
    for price in (95.0, fall_to):
        set_price(state, 0, price)
        for side in (1, -1):
            tick = round(100 * price) - 10 * side
            send(state, row + 1, side, tick, 10_000_000)
        state.book.ladders["mid"][0] = round(200 * price)
        for _ in range(3):
            state.crowd.memory[row, NEXT] = 0.5
            world.run(1, audit=True)
        seen.append(int(state.ledger.lots[row, 0]))
        for slot in np.flatnonzero(state.book.orders["side"] >= 0):
            handle = int(state.book.orders["id"][slot]) << 24 | int(slot)
            send(state, row + 1, 1, 0, 0, action=CANCEL, order=handle)
        assert not (state.book.orders["side"] >= 0).any()
    return seen[0], seen[1]


def test_below_the_limit_it_buys_the_fall_and_at_the_limit_it_sells_it() -> None:
    """Mispricing 5%: leverage 1 of 5, far from its limit, or bound at 5."""
    free = held_after(94.0, aggression=20.0, limit=5.0)
    bound = held_after(94.0, aggression=500.0, limit=5.0)
    assert free[1] > 1.1 * free[0] > 0
    assert 0 < bound[1] < 0.97 * bound[0]


@given(st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=6))
@settings(max_examples=25, deadline=None)
def test_investors_follow_performance(returns: list[float]) -> None:
    """Average return and flow equal those of the paper, one period a block."""
    p = Parameters(period=1.0, limit=1e-9, sensitivity=0.5, averaging=0.3, benchmark=0.01)
    world = fund_world(**p.model_dump())
    state, row = world.state, first_row(world.state)
    average, wealth = 0.0, WEALTH
    for change in returns:
        gain = round(change * state.ledger.balances[row, 0])
        state.ledger.balances[row, 0] += gain
        state.ledger.balances[0, 0] -= gain
        world.run(1, audit=True)
        wealth *= 1.0 + change
        average += 0.3 * (change - average)
        assert state.crowd.memory[row, PERFORMANCE] == pytest.approx(average, abs=1e-4)
        flow = max(-1.0, 0.5 * (average - 0.01)) * wealth
        assert state.crowd.requests[row] == pytest.approx(flow * ONE, rel=1e-3, abs=0.2 * ONE)
        state.crowd.requests[row] = 0


def test_nobody_takes_more_than_there_is() -> None:
    share = from_python(flow_share)
    assert share(-50.0, 0.0, 1.0) == -1.0
    assert share(0.1, 0.0, 0.5) == pytest.approx(0.05)


def test_redemptions_make_it_sell() -> None:
    """After a loss investors take money and the fund holds less at the same mispricing."""
    held = []
    for sensitivity in (0.0, 2.0):
        world = fund_world(
            lots=200_000, period=3.0, sensitivity=sensitivity, averaging=1.0, slippage=0.02
        )
        state, row = world.state, first_row(world.state)
        state.book.ladders["mid"][0] = 19_000
        send(state, row + 1, 1, 9_450, 10_000_000)
        send(state, row + 1, -1, 9_550, 10_000_000)
        set_price(state, 0, 95.0)
        for _ in range(12):
            world.run(1, audit=True)
        held.append(int(state.ledger.lots[row, 0]))
    assert held[1] < 0.8 * held[0]


# The story ------------------------------------------------------------------------------------


def cycle(seed: int, steps: int, aggression: float) -> Run:
    """Funds see a price 6% too low, then another 3%."""
    funds = population("funds", "leverage_funds", 10, wealth=5e4, behaviour={"limit": 4.0})
    funds["traits"] = {"aggression": aggression, "opinion": 0.0, "interval": 20.0}
    shock = [fall(-0.06, at=100.0, spread=100.0), fall(-0.03, at=800.0, spread=100.0)]
    venue = {"waterfall": list(VAULT)}
    return simulate(crowded(funds, steps=steps, venue=venue, shock=shock), seed=seed)


def position(run: Run) -> float:
    own = run.accounts[run.accounts["population"] == "funds"]
    return float(own["position:BTC-PERP"].sum())


def test_bound_funds_sell_into_a_fall_that_others_buy() -> None:
    for seed in (1, 2, 3):
        calm, timid = (position(cycle(seed, steps, 15.0)) for steps in (155, 250))
        bound, forced = (position(cycle(seed, steps, 200.0)) for steps in (155, 250))
        assert timid > 1.1 * calm > 0.0
        assert 0.0 < forced < 0.97 * bound
