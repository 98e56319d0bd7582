"""Dip buyers: the plan, the bids that follow from it, the anchor, the slow sale, the reserve."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.agents.dip_buyers import ANCHOR, SINCE, T, moved_anchor, planned_share
from crossmargin.agents.stage import COIN, FIRST, HALF_UNIT, MAKERS, ONE, PERP, PRICE, TICK, Stage
from crossmargin.model.kernel import from_python
from crossmargin.model.state import CANCEL, REDUCE_ONLY, REPLACE, Array
from tests.agents.stages import block, run, sent, stage
from tests.small import send

HALF = round(2 * PRICE / TICK)
PLAIN: dict[str, Any] = {
    "horizon": 1e9, "first": 0.02, "span": 0.06, "commitment": 0.5, "rate": 1e9, "reserve": 0.0,
    "patience": 3.0, "recovery": 0.01,
}  # fmt: skip
NUMBERS: dict[str, float] = {"levels": 3, "convexity": 2.0, "unwind": 0.25, "latency": 0.0}
LEVELS = 3


def crowd(n: int = 1, market: int = PERP, numbers: Any = None, **traits: Any) -> Stage:
    """Buyers in one market with 10,000 quote, neither positions nor coins."""
    made = stage("dip_buyers", n, traits=PLAIN | traits, numbers=NUMBERS | (numbers or {}))
    state, ledger = made.world.state, made.world.state.ledger
    ledger.assets["burned"][1] += ledger.balances[FIRST:, 1].sum()
    ledger.lots[FIRST:, COIN] = ledger.balances[FIRST:, 1] = 0
    ledger.lots[:, PERP] = ledger.cost[:, PERP] = 0
    ledger.markets["open_interest"] = 0
    state.parts["markets"][1] = 1 << market
    return made


def at(made: Stage, step: int, price: float) -> Array:
    """Inbox of a block at which mid, mark and index are a price."""
    made.world.state.clock["n_inbox"] = 0
    made.world.state.book.ladders["mid"] = round(2 * price / TICK)
    return block(made, step, round(2 * price / TICK))


def hold(made: Stage, lots: int) -> None:
    """Let the first buyer hold some lots at the first price, against nobody."""
    made.world.state.ledger.lots[FIRST, PERP] = lots
    made.world.state.ledger.cost[FIRST, PERP] = lots * HALF * HALF_UNIT


def plan(x: float) -> float:
    """Twin of the plan at the numbers of these tests: share of wealth at a discount."""
    return float(0.5 * np.clip((x - 0.02) / 0.06, 0, 1) ** 2)


@given(st.floats(-0.5, 1), st.floats(0, 0.2), st.floats(0.01, 0.5), st.floats(0.5, 4))
def test_the_plan_is_that_of_the_twin(x: float, first: float, span: float, power: float) -> None:
    traits = np.zeros(8)
    traits[T.first], traits[T.span], traits[T.commitment] = first, span, 0.7
    found = from_python(planned_share)(traits, x, power)
    assert found == pytest.approx(0.7 * np.clip((x - first) / span, 0, 1) ** power)


def test_bids_stand_below_the_anchor_and_grow_with_the_fall() -> None:
    messages = at(crowd(), 1, PRICE)
    discounts = [0.02 + 0.02 * k for k in (1, 2, 3)]
    assert messages["price"].tolist() == [math.floor(PRICE / TICK * (1 - x)) for x in discounts]
    edges = [plan(0.02), *map(plan, discounts)]
    wanted = np.diff(edges) * 10_000 * ONE / (HALF * HALF_UNIT)
    assert messages["quantity"].tolist() == np.floor(wanted + 1e-6).astype(int).tolist()
    assert (messages["side"] == 1).all()
    assert (np.diff(messages["quantity"]) > 0).all()


def test_what_is_held_already_is_not_bid_for() -> None:
    made = crowd()
    hold(made, int(1.5 * plan(0.04) * 10_000 * ONE / (HALF * HALF_UNIT)))
    messages = at(made, 1, PRICE)
    held = made.world.state.ledger.lots[FIRST, PERP] * HALF * HALF_UNIT
    assert messages["price"].tolist() == [math.floor(PRICE / TICK * (1 - x)) for x in (0.06, 0.08)]
    total = held + messages["quantity"].sum() * HALF * HALF_UNIT
    assert total == pytest.approx(0.5 * 10_000 * ONE, rel=1e-3)


def test_bids_never_take_and_never_add_up_to_more_than_the_commitment() -> None:
    made = crowd(20, commitment=0.9)
    at(made, 1, PRICE)
    best = int(made.world.state.book.ladders["best"][PERP, 1])
    messages = at(made, 2, 0.93 * PRICE)
    assert messages["price"].max() < best
    worth = np.bincount(messages["account"], messages["quantity"] * HALF * HALF_UNIT)
    assert worth.max() <= 0.9 * 1.08 * 10_000 * ONE


@given(st.floats(1, 1e6), st.floats(1, 1e6), st.floats(0, 1e5), st.floats(1, 1e5))
def test_the_anchor_does_not_depend_on_the_number_of_visits(
    anchor: float, price: float, seconds: float, horizon: float
) -> None:
    move = from_python(moved_anchor)
    once = move(anchor, price, seconds, horizon)
    twice = move(move(anchor, price, 0.3 * seconds, horizon), price, 0.7 * seconds, horizon)
    assert once == pytest.approx(twice)
    assert min(anchor, price) * (1 - 1e-9) <= once <= max(anchor, price) * (1 + 1e-9)


def test_the_anchor_follows_the_price_over_the_horizon() -> None:
    made = crowd(horizon=10.0)
    at(made, 1, PRICE)
    anchor = 2 * PRICE / TICK
    for step in range(2, 8):
        at(made, step, 90.0)
        anchor = 18_000 + (anchor - 18_000) * math.exp(-0.1)
    assert made.world.state.crowd.memory[FIRST, ANCHOR] == pytest.approx(anchor)


def test_it_sells_slowly_once_a_recovery_has_lasted() -> None:
    made = crowd()
    hold(made, 40_000)
    at(made, 1, PRICE)
    offers = {}
    for step in range(2, 8):
        messages = at(made, step, 1.02 * PRICE)
        offers[step] = messages[messages["side"] < 0]
    assert [len(offers[s]) for s in range(2, 8)] == [0, 0, 0, 1, 1, 1]
    one = offers[5][0]
    assert (one["quantity"], one["flags"]) == (10_000, REDUCE_ONLY)
    assert one["price"] == round(1.02 * PRICE / TICK)
    at(made, 9, 1.005 * PRICE)
    assert made.world.state.crowd.memory[FIRST, SINCE] == 0.0


def test_the_reserve_comes_in_evenly_while_the_price_is_low_and_ends() -> None:
    made = crowd(numbers={"replenishment": 10.0}, reserve=0.5)
    state = made.world.state
    at(made, 1, 0.9 * PRICE)
    state.crowd.memory[FIRST, ANCHOR] = HALF
    hold(made, 1)
    account, paid = state.ledger.accounts[FIRST], []
    for step in range(2, 16):
        at(made, step, 0.9 * PRICE)
        paid.append(int(state.crowd.requests[FIRST]))
        account["deposited"] += paid[-1]
        state.ledger.balances[FIRST, 0] += paid[-1]
        state.crowd.requests[FIRST] = 0
    assert paid[0] == pytest.approx(500 * ONE, rel=1e-3)
    assert sum(paid) == pytest.approx(5_000 * ONE, rel=1e-3)
    assert paid[-1] == 0


def test_no_money_comes_in_while_nothing_is_held_or_the_price_is_high() -> None:
    made = crowd(reserve=0.5)
    at(made, 1, PRICE)
    at(made, 2, 0.9 * PRICE)
    assert made.world.state.crowd.requests[FIRST] == 0
    hold(made, 10)
    at(made, 3, 0.99 * PRICE)
    assert made.world.state.crowd.requests[FIRST] == 0


@pytest.mark.parametrize("market", [PERP, COIN])
def test_a_fall_is_bought_without_debt_and_a_recovery_sold(market: int) -> None:
    """Somebody sells the book down and buys it up again; the books stay in balance."""
    made = crowd(12, market, {"slack": 0.0}, first=0.0005, span=0.004, recovery=0.0, patience=0.0)
    state, ledger = made.world.state, made.world.state.ledger
    seen = run(made, 3)
    send(state, MAKERS + 1, -1, 9_950, 300_000, market=market, life=1)
    bought = ledger.lots[FIRST:, market].copy()
    assert bought.sum() > 100_000
    assert (ledger.balances[FIRST:, 0] >= 0).all()
    assert (bought * HALF * HALF_UNIT <= 1.01 * 0.5 * 10_000 * ONE).all()
    seen += run(made, 3, first=4)
    send(state, MAKERS, 1, 10_060, 300_000, market=market, life=1)
    for step in range(7, 20):
        seen += run(made, 1, first=step)
        send(state, MAKERS, 1, 10_060, 50_000, market=market, life=1)
    assert ledger.lots[FIRST:, market].sum() < 0.8 * bought.sum()
    assert (ledger.lots[FIRST:, market] >= 0).all()
    assert set(sent(seen)["market"]) == {market}
    assert {REPLACE, CANCEL} & set(sent(seen)["action"])
    made.world.audit()


def test_agents_spread_over_their_markets_by_place() -> None:
    made = crowd(6)
    made.world.state.parts["markets"][1] = 3
    messages = at(made, 1, PRICE)
    assert ((messages["account"] - FIRST) % 2 == messages["market"]).all()
    assert set(messages["market"]) == {PERP, COIN}


def test_accounts_in_trouble_and_halted_markets_are_left_alone() -> None:
    made = crowd()
    made.world.state.ledger.markets["halted_until"] = 9
    assert not len(at(made, 1, PRICE))


def test_every_bid_has_a_place_of_its_own() -> None:
    made = crowd(3)
    messages = at(made, 1, PRICE)
    assert len(set(messages["slot"])) == len(messages) == 3 * LEVELS
