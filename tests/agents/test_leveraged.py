"""Leveraged longs and shorts: who adds margin, who reduces, who waits, and when."""

import math
from typing import Any

import numpy as np
import pytest

from crossmargin.agents.leveraged import CALLED, LEVERAGE, RESERVE
from crossmargin.agents.leveraged import FIRST as OPENED
from crossmargin.agents.stage import FIRST, ONE, PRICE, TICK, Stage
from crossmargin.experiments.build import build
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import simulate
from crossmargin.model.state import IMMEDIATE_OR_CANCEL, REDUCE_ONLY
from tests.agents.stages import block, stage
from tests.experiments.initial.markets import FEW

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


# New owners -----------------------------------------------------------------------------------


def emptied(n: int = 2, **numbers: float) -> Stage:
    """Accounts that were opened with 300,000 lots on 10,000 and hold nothing any more."""
    made = crowd(n, numbers=numbers)
    ledger = made.world.state.ledger
    ledger.lots[FIRST:, 0] = ledger.cost[FIRST:, 0] = 0
    return made


def test_without_renewal_nobody_comes_back() -> None:
    made = emptied()
    for step in range(2, 30):
        assert not len(block(made, step, HALF))
    assert not made.world.state.crowd.requests.any()


def test_a_new_owner_brings_equity_back_and_a_new_reserve() -> None:
    made = emptied(renewal=1e-3)
    state = made.world.state
    state.ledger.balances[FIRST, 0] = 4_000 * ONE
    state.crowd.memory[FIRST, RESERVE] = 0.0
    assert not len(block(made, 2, HALF))
    assert state.crowd.requests[FIRST] == 6_000 * ONE
    assert state.crowd.memory[FIRST, RESERVE] == 5_000 * ONE


def test_a_new_owner_builds_the_position_of_the_old_one_in_slices() -> None:
    """Longs long and shorts short, to the leverage at first; what is left decays exponentially."""
    made = emptied(renewal=1e-3, opening=10.0)
    state = made.world.state
    seconds = float(state.clock["block_seconds"][0])
    memory = state.crowd.memory
    wanted = memory[FIRST : FIRST + 2, LEVERAGE] * memory[FIRST : FIRST + 2, OPENED]
    assert wanted[0] > 0 > wanted[1]
    mid = int(state.book.ladders["mid"][0])
    lots = np.abs(wanted) / (mid * state.ledger.markets["half_unit"][0])
    block(made, 2, HALF)
    share = 1.0 - math.exp(-seconds / 10.0)
    ledger, rows = state.ledger, slice(FIRST, FIRST + 2)
    for step, held in enumerate((0.0, 0.5, 0.8), 3):
        ledger.lots[rows, 0] = np.sign(wanted) * held * lots
        ledger.cost[rows, 0] = ledger.lots[rows, 0] * HALF * ledger.markets["half_unit"][0]
        state.crowd.requests[:] = state.clock["n_inbox"] = 0
        messages = block(made, step, HALF)
        assert [int(m["side"]) for m in messages] == [1, -1]
        np.testing.assert_allclose(messages["quantity"], lots * (1.0 - held) * share, atol=2)


def test_new_owners_come_at_the_stated_rate_and_only_where_the_position_is_gone() -> None:
    made = emptied(400, renewal=100.0)
    state = made.world.state
    state.ledger.lots[FIRST : FIRST + 200 : 2, 0] = 200_000  # of 300,000: not gone
    steps = round(100.0 / float(state.clock["block_seconds"][0]))
    for step in range(2, 2 + steps):
        block(made, step, HALF)
        state.clock["n_inbox"] = 0
    opened = state.crowd.memory[FIRST : FIRST + 400, CALLED] < 0
    assert not opened[:200:2].any()
    others = np.concatenate([opened[1:200:2], opened[200:]])
    assert others.mean() == pytest.approx(1.0 - math.exp(-1.0), abs=0.1)


def longs_left(renewal: float, seed: int) -> float:
    """Position of leveraged longs, a day and a half after a fall as long, over the first one."""
    changes = {
        "run.block_seconds": 60.0,
        "run.steps": 3 * 1440,
        "population.longs.position.leverage": {"uniform": [4.0, 18.0]},
        "population.longs.wealth": {"lognormal": [1e4, 0.7]},
        "population.longs.behaviour.renewal": renewal,
        "shock": [{"kind": "price_shock", "at": 3600.0, "change": -0.1, "spread": 129600.0}],
    }
    run = simulate("calm", seed=seed, overrides=FEW | changes)
    longs = run.accounts[run.accounts["population"] == "longs"]["position:BTC-PERP"].sum()
    start = build(load_scenario("calm", FEW | changes), seed)
    held = start.state.ledger.lots[start.state.ledger.accounts["population"] == 2, 0].sum() * 1e-4
    return float(longs / held)


def test_leveraged_longs_are_there_again_days_after_a_fall() -> None:
    """Without new owners most of what was liquidated never comes back."""
    for seed in (1, 2):
        assert longs_left(0.0, seed) < 0.5
        assert longs_left(43200.0, seed) > 0.75
