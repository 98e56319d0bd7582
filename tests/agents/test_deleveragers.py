"""Deleveragers: who cuts, who pays and tires, how much, and when."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.agents.deleveragers import BUDGET, LOW, PAID, share_to_cut
from crossmargin.agents.stage import FIRST, ONE, PRICE, TICK, Stage
from crossmargin.model.kernel import from_python
from crossmargin.model.state import IMMEDIATE_OR_CANCEL, REDUCE_ONLY
from tests.agents.stages import block, stage

HALF = round(2 * PRICE / TICK)
CUTTER, PAYER, IDLER = 0.1, 0.6, 0.95
ALWAYS = 1e9  # looks a second
PROMPT: dict[str, Any] = {
    "temper": CUTTER, "floor": 2.0, "relief": 1.5, "rate": ALWAYS, "delay": 0.0, "budget": 10.0,
    "fatigue": 0.5,
}  # fmt: skip


def half_at(health: float) -> int:
    """Mark at which a long of 300 base with 10,000 has this health, maintenance being 3%."""
    return round(2 * (300 * PRICE - 10_000) / (300 - health * 0.03 * 300) / TICK)


def crowd(n: int = 2, **traits: Any) -> Stage:
    made = stage("deleveragers", n, traits=PROMPT | traits)
    ledger = made.world.state.ledger
    ledger.lots[FIRST:, 1] = ledger.balances[FIRST:, 1] = 0
    block(made, 1, HALF)
    return made


@pytest.mark.parametrize("temper", [CUTTER, PAYER, IDLER])
def test_nobody_moves_above_the_floor(temper: float) -> None:
    made = crowd(temper=temper)
    assert not len(block(made, 2, half_at(2.05)))
    assert not made.world.state.crowd.requests.any()


def test_a_cutter_sells_what_brings_health_to_its_goal() -> None:
    made = crowd()
    message = block(made, 2, half_at(1.8))[0]
    account = made.world.state.ledger.accounts[FIRST]
    assert (message["account"], message["side"], message["flags"]) == (FIRST, -1, REDUCE_ONLY)
    assert message["life"] == IMMEDIATE_OR_CANCEL
    kept = 1 - message["quantity"] / 300_000
    after = account["maintenance_equity"] / (account["maintenance_requirement"] * kept)
    assert after == pytest.approx(3.0, rel=1e-3)


def test_a_cutter_without_equity_closes_everything() -> None:
    made = crowd()
    assert block(made, 2, half_at(-0.5))[0]["quantity"] == 300_000


@given(st.floats(-5, 50), st.floats(1.01, 50))
def test_the_share_to_cut(now: float, goal: float) -> None:
    share = from_python(share_to_cut)(now, goal)
    assert 0.0 <= share <= 1.0
    if 0 < now < goal:
        assert goal * (1 - share) == pytest.approx(now, abs=1e-9)  # requirement falls, equity stays
    assert (share == 0.0) == (now >= goal)


def test_a_payer_pays_less_and_later_every_time_until_its_budget_is_spent() -> None:
    made = crowd(temper=PAYER, delay=4.0, budget=0.06)
    state, low = made.world.state, half_at(1.5)
    paid, when = [], []
    for step in range(2, 60):
        state.crowd.requests[:] = 0
        assert not len(block(made, step, low))
        if state.crowd.requests[FIRST]:
            paid.append(int(state.crowd.requests[FIRST]))
            when.append(step)
    account = state.ledger.accounts[FIRST]
    missing = 3.0 * account["maintenance_requirement"] - account["maintenance_equity"]
    expected, left = [], 600 * ONE
    for n in range(10):
        expected.append(min(math.ceil(0.5**n * missing), left))
        left -= expected[-1]
    assert paid == [x for x in expected if x > 0][: len(paid)]
    assert sum(paid) == 600 * ONE
    assert state.crowd.memory[FIRST, BUDGET] == 1.0
    assert state.crowd.requests[FIRST + 1] == 0


def test_the_delay_grows_with_fatigue() -> None:
    made = crowd(temper=PAYER, delay=4.0, budget=1e6)
    state, when = made.world.state, []
    for step in range(2, 70):
        before = state.crowd.memory[FIRST, PAID]
        block(made, step, half_at(1.5))
        if state.crowd.memory[FIRST, PAID] > before:
            when.append(step)
    assert np.diff(when).tolist() == [8, 16, 32]


@pytest.mark.parametrize("seconds", [1.0, 2.0])
def test_delays_are_in_seconds(seconds: float) -> None:
    made = crowd(temper=PAYER, delay=8.0)
    made.world.state.clock["block_seconds"] = seconds
    steps = [s for s in range(2, 20) if _pays(made, s)]
    assert steps[0] == 2 + 8 / seconds


def _pays(made: Stage, step: int) -> bool:
    made.world.state.crowd.requests[:] = 0
    block(made, step, half_at(1.5))
    return bool(made.world.state.crowd.requests[FIRST])


def test_a_recovery_is_remembered_as_the_end_of_the_wait() -> None:
    made = crowd(temper=PAYER, delay=4.0)
    for step, health in ((2, 1.5), (4, 1.5), (5, 2.5), (6, 1.5)):
        block(made, step, half_at(health))
    assert made.world.state.crowd.memory[FIRST, LOW] == 7.0
    assert not made.world.state.crowd.requests.any()


def test_an_idler_does_nothing_and_halted_markets_are_left_alone() -> None:
    assert not len(block(crowd(temper=IDLER), 2, half_at(1.2)))
    made = crowd()
    made.world.state.ledger.markets["halted_until"] = 100
    assert not len(block(made, 2, half_at(1.2)))


def test_shares_of_the_population() -> None:
    made = crowd(100, temper=(np.arange(100) + 0.5) / 100)
    messages = block(made, 2, half_at(1.5))
    assert set(messages["account"] - FIRST) == set(range(0, 50, 2))  # shorts gained
    payers = np.flatnonzero(made.world.state.crowd.requests[FIRST:])
    assert set(payers) == set(range(50, 85, 2))


@pytest.mark.parametrize("seconds", [1.0, 5.0])
def test_attention_is_a_poisson_process_per_second(seconds: float) -> None:
    made = stage("deleveragers", 400, traits=PROMPT | {"rate": 0.02, "relief": 1.0001})
    ledger = made.world.state.ledger
    ledger.lots[FIRST:, 1] = ledger.balances[FIRST:, 1] = 0
    made.world.state.clock["block_seconds"] = seconds
    sent = 0
    for step in range(1, 21):
        made.world.state.clock["n_inbox"] = 0
        sent += len(block(made, step, half_at(1.9)))
    expected = 20 * 200 * (1 - math.exp(-0.02 * seconds))
    assert abs(sent - expected) < 5 * math.sqrt(expected)
