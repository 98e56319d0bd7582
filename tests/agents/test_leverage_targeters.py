"""Leverage targeters: they buy what rises and sell what falls, in part, at their own times."""

from typing import Any

import numpy as np
import pytest

from crossmargin.agents.leverage_targeters import NEXT, SIDE
from crossmargin.agents.stage import FIRST, PRICE, TICK, Stage
from crossmargin.model.state import (
    CLOSED,
    DISCRETIONARY,
    IMMEDIATE_OR_CANCEL,
    LIQUIDATING,
    REDUCE_ONLY,
)
from tests.agents.stages import block, stage

HALF = round(2 * PRICE / TICK)
#: Without coins equity is 10,000 and a position of 300 base at 100 is three times that.
AT_TARGET: dict[str, Any] = {"target": 3.0, "band": 0.01, "interval": 1.0}


def crowd(n: int = 4, numbers: Any = None, **traits: Any) -> Stage:
    made = stage("leverage_targeters", n, traits=AT_TARGET | traits, numbers=numbers)
    ledger = made.world.state.ledger
    ledger.assets["minted"][1] -= ledger.balances[FIRST:, 1].sum()
    ledger.lots[FIRST:, 1] = 0
    ledger.balances[FIRST:, 1] = 0
    return made


def test_at_its_target_it_rests() -> None:
    assert not len(block(crowd(), 1, HALF))


@pytest.mark.parametrize("move", [0.02, -0.02])
def test_it_trades_a_share_of_what_is_missing_with_the_move(move: float) -> None:
    made = crowd(numbers={"adjustment": 0.25})
    half = round(HALF * (1 + move))
    made.world.state.book.ladders["mid"] = half
    messages = block(made, 1, half)
    price = PRICE * (1 + move)
    for message in messages:
        held = 300.0 if (message["account"] - FIRST) % 2 == 0 else -300.0
        equity = 10_000.0 + held * PRICE * move
        missing = 0.25 * abs(3.0 * equity / price - abs(held)) / 0.001
        assert message["quantity"] == pytest.approx(missing, abs=2)
        assert message["life"] == IMMEDIATE_OR_CANCEL
        assert message["author_class"] == DISCRETIONARY
    longs = messages["account"] % 2 == FIRST % 2
    assert set(messages["side"][longs]) == {1 if move > 0 else -1}
    assert set(messages["side"][~longs]) == {1 if move > 0 else -1}  # a short covers what rises
    reducing = longs if move < 0 else ~longs
    assert (messages["flags"][reducing] == REDUCE_ONLY).all()
    assert (messages["flags"][~reducing] == 0).all()
    assert len(messages) == 4


def test_the_worst_price_is_its_slippage_from_the_mid() -> None:
    messages = block(crowd(numbers={"slippage": 0.02}, target=6.0), 1, HALF)
    assert {(m["side"], m["price"]) for m in messages} == {(1, 10_200), (-1, 9_800)}


def test_inside_the_band_nothing_happens() -> None:
    assert not len(block(crowd(target=3.2, band=0.1), 1, HALF))
    assert len(block(crowd(target=3.4, band=0.1), 1, HALF)) == 4


def test_it_looks_at_its_own_times() -> None:
    made = crowd(200, target=8.0, interval=5.0)
    seen = [block(made, 1, HALF)]
    for step in range(2, 11):  # nothing is traded, so everyone sends at every look
        made.world.state.clock["n_inbox"] = 0
        seen.append(block(made, step, HALF))
    counts = np.array([len(messages) for messages in seen])
    assert counts.sum() == 400
    assert (counts > 15).all()
    for early, late in zip(seen[:5], seen[5:], strict=True):
        assert set(early["account"]) == set(late["account"])
    assert (made.world.state.crowd.memory[FIRST:, NEXT] > 11).all()


def test_without_a_position_it_takes_its_side_again() -> None:
    made = crowd(4, target=[3.0, 3.0, 3.0, -3.0])
    ledger = made.world.state.ledger
    ledger.lots[FIRST:, 0] = ledger.cost[FIRST:, 0] = 0
    made.world.state.crowd.memory[FIRST : FIRST + 2, SIDE] = -1.0
    messages = block(made, 1, HALF)
    sides = dict(zip(messages["account"] - FIRST, messages["side"], strict=True))
    markets = dict(zip(messages["account"] - FIRST, messages["market"], strict=True))
    assert markets == {0: 0, 2: 0}  # the others would trade the spot market, by their place
    assert sides == {0: -1, 2: 1}


def test_an_account_in_liquidation_only_reduces() -> None:
    for target, n in ((6.0, 0), (1.0, 2)):
        made = crowd(2, target=target)
        made.open_block(1)
        made.world.state.ledger.accounts["state"][FIRST:] = LIQUIDATING
        made.behave(1)
        assert len(made.messages()) == n
        made.world.state.ledger.accounts["state"][FIRST:] = CLOSED
        made.world.state.clock["n_inbox"] = 0
        made.behave(2)
        assert not len(made.messages())


def test_leverage_comes_back_to_the_band() -> None:
    made = crowd(6, numbers={"adjustment": 1.0, "slippage": 0.2}, target=2.0, band=0.05)
    for step in range(1, 20):
        block(made, step, HALF)
        made.close_block(step)
    made.open_block(20)
    leverage = made.agents.select(made.agents.get("population") == "agents").get("leverage")
    assert leverage == pytest.approx(2.0, rel=0.12)
