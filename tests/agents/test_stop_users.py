"""Stop users: where their triggers stand, in which form, and when they are renewed."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.agents.stage import FIRST, ONE, PRICE, TICK, Stage
from crossmargin.agents.stop_users import FURTHEST, NEAREST, round_number
from crossmargin.model.kernel import from_python
from crossmargin.model.state import ON_LAST, REDUCE_ONLY, RISING, STOP_ORDER, Array
from tests.agents.stages import block, run, stage

HALF = round(2 * PRICE / TICK)
PLAIN: dict[str, Any] = {
    "protects": 0.1, "aims": 0.9, "loss": 0.1, "gain": 0.2, "pause": 1.0, "form": 0.9,
    "watch": 0.9, "roundness": 0.9,
}  # fmt: skip
BY_PRICE = {"measure": 1.0, "stop_share": 0.5, "profit_share": 0.5}


def crowd(n: int = 2, numbers: Any = None, **traits: Any) -> Stage:
    made = stage("stop_users", n, traits=PLAIN | traits, numbers=BY_PRICE | (numbers or {}))
    ledger = made.world.state.ledger
    ledger.assets["burned"][1] += ledger.balances[FIRST:, 1].sum()  # no coins: equity is cash
    ledger.lots[FIRST:, 1] = ledger.balances[FIRST:, 1] = 0
    return made


def first_messages(made: Stage, half_price: int = HALF) -> Array:
    return block(made, 1, half_price)


def test_long_and_short_stand_on_their_two_sides() -> None:
    messages = first_messages(crowd(aims=0.1))
    found = [(m["account"] - FIRST, m["side"], m["order"], m["flags"]) for m in messages]
    assert found == [
        (0, -1, round(HALF * 0.9), REDUCE_ONLY),
        (0, -1, round(HALF * 1.2), REDUCE_ONLY | RISING),
        (1, 1, round(HALF * 1.1), REDUCE_ONLY | RISING),
        (1, 1, round(HALF * 0.8), REDUCE_ONLY),
    ]
    assert (messages["action"] == STOP_ORDER).all()
    assert not messages["quantity"].any()  # the whole position


@pytest.mark.parametrize("cash", [2_000, 20_000])
def test_measured_in_equity_the_stop_loses_that_share_of_it(cash: int) -> None:
    made = crowd(2, {"measure": 0.0}, loss=0.3)
    made.world.state.ledger.balances[FIRST:, 0] = cash * ONE
    trigger = int(first_messages(made)[0]["order"])
    lost = 300 * PRICE * (1 - trigger / HALF)  # 300 base
    assert lost == pytest.approx(0.3 * cash, rel=0.001)


@pytest.mark.parametrize(("loss", "distance"), [(0.0, NEAREST), (5.0, FURTHEST)])
def test_distances_are_cut_off(loss: float, distance: float) -> None:
    trigger = int(first_messages(crowd(loss=loss))[0]["order"])
    assert trigger == round(HALF * (1 - distance))


def test_shares_of_the_population_use_them() -> None:
    draws = (np.arange(100) + 0.5) / 100
    messages = first_messages(crowd(100, {"stop_share": 0.3, "profit_share": 0.2}, protects=draws))
    assert set(messages["account"] - FIRST) == set(range(30))
    made = crowd(100, {"stop_share": 0.0, "profit_share": 0.2}, aims=draws)
    assert set(first_messages(made)["account"] - FIRST) == set(range(20))


def test_forms() -> None:
    made = crowd(
        2, {"limit_share": 0.2, "limit_offset": 0.01, "last_share": 0.2}, form=0.1, watch=0.1
    )
    long, short = first_messages(made)
    assert long["flags"] == REDUCE_ONLY | ON_LAST
    assert long["price"] == math.ceil(0.5 * long["order"] * 0.99 - 1e-9)
    assert short["price"] == math.floor(0.5 * short["order"] * 1.01 + 1e-9)
    assert not first_messages(crowd())["price"].any()


def plain_round(price: float, figures: int) -> float:
    """Twin of `round_number` by way of text."""
    return float(f"{price:.{figures - 1}e}")


@given(st.floats(1e-4, 1e6), st.integers(1, 6))
def test_round_numbers(price: float, figures: int) -> None:
    found, twin = from_python(round_number)(price, figures), plain_round(price, figures)
    unit = 10.0 ** (math.floor(math.log10(price)) + 1 - figures)
    assert abs(found - price) <= 0.5000001 * unit
    assert found == pytest.approx(twin, rel=1e-9) or abs(abs(found - twin) - unit) < 1e-6 * unit


def test_stops_gather_just_beyond_round_numbers_and_targets_on_them() -> None:
    made = crowd(
        100,
        {"round_share": 1.0, "figures": 2, "beyond": 0.001},
        aims=0.1,
        loss=np.linspace(0.03, 0.25, 100),
        gain=np.linspace(0.03, 0.25, 100),
    )
    messages = first_messages(made)
    prices = 0.5 * TICK * messages["order"]
    falling = (messages["flags"] & RISING) == 0
    longs = messages["side"] < 0
    is_stop = falling == longs
    unit = np.where(prices < 99, 1.0, 10.0)
    away = prices / unit - np.round(prices / unit)
    assert np.abs(away[~is_stop & (prices > 109)]).max() < 0.01
    beyond = np.where(longs, -1, 1) * away
    assert (beyond[is_stop & ((prices < 98) | (prices > 109))] > 0.005).all()
    assert len(np.unique(prices[is_stop & (prices < 98)])) < 30


def test_nothing_is_sent_twice_and_what_is_gone_is_placed_again() -> None:
    made = crowd()
    seen = run(made, 6)
    assert [len(m) for m in seen] == [2, 0, 0, 0, 0, 0]
    stops = made.world.state.stops
    assert stops.desk["armed"][0] == 2
    stops.orders["id"][0] = 0
    stops.desk["armed"] = 1
    assert len(block(made, 8)) == 1


def test_the_first_look_is_drawn_within_the_pause_and_the_others_follow_it() -> None:
    made = crowd(200, pause=20.0)
    first = {int(m["account"]): step for step, b in enumerate(run(made, 30), 1) for m in b}
    steps = np.array([first[row] for row in range(FIRST, FIRST + 200)])
    assert steps.min() <= 3
    assert 18 <= steps.max() <= 21
    assert abs(np.mean(steps) - 10.5) < 2.0


def test_without_a_position_there_is_nothing_to_protect() -> None:
    made = crowd()
    made.world.state.ledger.lots[FIRST:, 0] = made.world.state.ledger.cost[FIRST:, 0] = 0
    assert not len(first_messages(made))
