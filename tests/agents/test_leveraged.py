"""Leveraged longs and shorts: who adds margin, who reduces, who waits, and when."""

import math
from typing import Any

import numpy as np
import pytest

from crossmargin.agents.leveraged import CALLED, RESERVE
from crossmargin.agents.stage import FIRST, ONE, PRICE, TICK, Stage
from crossmargin.model.state import IMMEDIATE_OR_CANCEL, REDUCE_ONLY
from tests.agents.stages import block, stage

HALF = round(2 * PRICE / TICK)
ADDER, REDUCER, WAITER = 0.1, 0.4, 0.9
PROMPT: dict[str, Any] = {
    "temper": WAITER, "threshold": 1.3, "delay": 0.0, "reserve": 0.5, "take_profit": 0.0,
}  # fmt: skip
#: A price at which longs have health 1.2 with a maintenance rate of 3%, no coins.
CALL = (300 * PRICE - 10_000) / (300 - 1.2 * 0.03 * 300)


def crowd(n: int = 4, numbers: Any = None, **traits: Any) -> Stage:
    made = stage("leveraged", n, traits=PROMPT | traits, numbers=numbers)
    ledger = made.world.state.ledger
    ledger.lots[FIRST:, 1] = ledger.balances[FIRST:, 1] = 0
    made.world.state.book.ladders["mid"] = round(2 * CALL / TICK)
    block(made, 1, HALF)  # all is well: the reserve is counted
    return made


def half_of(price: float) -> int:
    return round(2 * price / TICK)


def test_nobody_moves_while_all_is_well() -> None:
    made = crowd(6, temper=REDUCER)
    assert not len(made.messages())
    assert (made.world.state.crowd.memory[FIRST:, RESERVE] == 0.5 * 10_000 * ONE).all()


def test_an_adder_brings_in_what_restores_health_from_its_reserve() -> None:
    made = crowd(2, numbers={"target_health": 2.0}, temper=ADDER)
    assert not len(block(made, 2, half_of(CALL)))
    account = made.world.state.ledger.accounts[FIRST]
    missing = 2.0 * account["maintenance_requirement"] - account["maintenance_equity"]
    assert made.world.state.crowd.requests[FIRST] == math.ceil(missing)
    assert made.world.state.crowd.requests[FIRST + 1] == 0  # the short gained
    left = made.world.state.crowd.memory[FIRST, RESERVE]
    assert left == 0.5 * 10_000 * ONE - math.ceil(missing)


def test_a_reserve_runs_dry_and_then_the_adder_reduces() -> None:
    made = crowd(2, temper=ADDER, reserve=0.001)
    block(made, 2, half_of(CALL))
    assert made.world.state.crowd.requests[FIRST] == 10 * ONE
    made.world.state.crowd.requests[:] = 0
    messages = block(made, 3, half_of(CALL))
    assert made.world.state.crowd.requests[FIRST] == 0
    assert list(messages["account"]) == [FIRST]
    assert messages["flags"][0] == REDUCE_ONLY


def test_a_reducer_closes_a_share_and_never_more_than_it_holds() -> None:
    made = crowd(2, numbers={"reduce_fraction": 0.3, "slippage": 0.05}, temper=REDUCER)
    message = block(made, 2, half_of(CALL))[0]
    assert (message["side"], message["quantity"]) == (-1, 90_000)
    assert message["flags"] == REDUCE_ONLY
    assert message["life"] == IMMEDIATE_OR_CANCEL
    assert message["price"] == math.ceil(round(2 * CALL / TICK) * 0.95 / 2)


def test_a_waiter_waits() -> None:
    made = crowd(2, temper=WAITER)
    for step in range(2, 12):
        assert not len(block(made, step, half_of(CALL)))
    assert not made.world.state.crowd.requests.any()


@pytest.mark.parametrize("seconds", [1.0, 2.0])
def test_the_answer_comes_after_a_delay_in_seconds_and_again_after_another(seconds: float) -> None:
    made = crowd(2, temper=REDUCER, delay=4.0)
    made.world.state.clock["block_seconds"] = seconds
    answers = []
    for step in range(2, 16):
        made.world.state.clock["n_inbox"] = 0
        answers.append(len(block(made, step, half_of(CALL))))
    every = int(4.0 / seconds)
    assert np.flatnonzero(answers).tolist() == list(range(every, 14, every))


def test_a_call_that_passes_is_forgotten() -> None:
    made = crowd(2, temper=REDUCER, delay=4.0)
    for step, price in ((2, CALL), (4, CALL), (5, PRICE)):
        assert not len(block(made, step, half_of(price)))
    assert made.world.state.crowd.memory[FIRST, CALLED] == 0.0
    assert not len(block(made, 6, half_of(CALL)))


def test_the_shares_of_the_population_are_those_asked_for() -> None:
    tempers = (np.arange(100) + 0.5) / 100
    made = crowd(100, {"add_share": 0.3, "reduce_share": 0.2}, temper=tempers)
    messages = block(made, 2, half_of(CALL))
    asked = np.flatnonzero(made.world.state.crowd.requests[FIRST:])
    assert set(asked) == set(range(0, 30, 2))
    assert set(messages["account"] - FIRST) == set(range(30, 50, 2))


def test_a_profit_target_closes_the_position() -> None:
    made = crowd(2, take_profit=0.05)
    assert not len(block(made, 2, half_of(PRICE * 1.04)))
    made.world.state.book.ladders["mid"] = half_of(PRICE * 1.06)
    messages = block(made, 3, half_of(PRICE * 1.06))
    assert [(m["account"], m["side"], m["quantity"]) for m in messages] == [(FIRST, -1, 300_000)]


def test_a_halted_market_is_left_alone() -> None:
    made = crowd(2, temper=REDUCER)
    made.world.state.ledger.markets["halted_until"] = 100
    assert not len(block(made, 2, half_of(CALL)))
