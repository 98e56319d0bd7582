"""A hedged owner by hand: what cross margin saves, isolated margin loses and a top-up restores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import EVENTS
from tests.experiments.modes.hand import APART, LONG, OTHER, SHORT, hedged, liquidated, move
from tests.small import ONE, first_row, residuals_of

IDLE = {"mode": "isolated", "split": "idle", "posted": 1.0}


def balances(made) -> list[float]:  # type: ignore[no-untyped-def]
    first = first_row(made.state)
    return (made.state.ledger.balances[first : first + OTHER, 0] / ONE).tolist()


def test_a_hedge_keeps_a_cross_account_alive() -> None:
    made = hedged(mode="cross")
    move(made, 80.0, 80.0)  # 20 lost, 20 gained: equity 30, 8 asked for
    account = made.state.ledger.accounts[first_row(made.state)]
    assert (account["equity"], account["maintenance_requirement"]) == (30 * ONE, 8 * ONE)
    assert not liquidated(made.state, LONG)


def test_the_isolated_leg_goes_while_the_other_gains() -> None:
    made = hedged(mode="isolated")
    assert balances(made) == [15.0, 15.0, 0.0]  # both legs ask for the same
    move(made, 80.0, 80.0)  # 15 - 20 against 4; 15 + 20 against 4
    assert liquidated(made.state, LONG)
    assert not liquidated(made.state, SHORT)
    move(made, 89.0, 80.0)  # 15 - 11 = 4 against 4.45
    assert liquidated(made.state, LONG)


def test_an_isolated_leg_that_has_enough_stays() -> None:
    made = hedged(mode="isolated")
    move(made, 90.0, 80.0)  # 15 - 10 = 5 against 4.5
    assert not liquidated(made.state, LONG)


def test_what_is_kept_apart_does_not_help() -> None:
    made = hedged(**IDLE)
    assert balances(made) == [10.0, 10.0, 10.0]
    move(made, 94.0, 80.0)  # 10 - 6 = 4 against 4.7
    assert liquidated(made.state, LONG)
    assert balances(made)[APART] == 10.0


def test_a_top_up_brings_what_is_missing_and_no_more() -> None:
    made = hedged(**IDLE, top_up={})
    move(made, 94.0, 80.0)
    assert not liquidated(made.state, LONG)
    assert balances(made) == [10.7, 10.0, 9.3]
    event = made.rows("events")[0]
    assert EVENTS[event["kind"]] == "top_up"
    assert (event["account"], event["amount"]) == (first_row(made.state) + APART, 0.7 * ONE)


def test_the_limit_of_a_top_up_counts_for_the_whole_run() -> None:
    made = hedged(**IDLE, top_up={"limit": 0.1})  # 1 of 10
    move(made, 94.0, 80.0)
    assert balances(made) == [10.7, 10.0, 9.3]
    move(made, 93.0, 80.0)  # 0.95 more is missing, 0.3 is left
    assert balances(made) == [11.0, 10.0, 9.0]
    assert liquidated(made.state, LONG)
    move(made, 90.0, 80.0)
    assert balances(made) == [11.0, 10.0, 9.0]


def test_a_top_up_target_above_its_trigger() -> None:
    made = hedged(**IDLE, top_up={"below": 1.0, "to": 1.5})
    move(made, 94.0, 80.0)  # from 4 to 1.5 * 4.7
    assert balances(made)[LONG] == pytest.approx(10 + 7.05 - 4)


@pytest.mark.parametrize("price", [99.0, 89.5, 89.4, 80.0])
def test_with_all_that_may_move_isolated_ends_where_cross_does(price: float) -> None:
    """Only one leg loses and the other stands still: what it posted is all that cannot move."""
    joint, apart = hedged(20.0, mode="cross"), hedged(20.0 + 5.0, **IDLE, top_up={})
    move(joint, price, 100.0)
    move(apart, price, 100.0)
    first = first_row(joint.state)
    asked = joint.state.ledger.accounts["maintenance_requirement"][first]
    one, two = (apart.state.ledger.accounts["maintenance_requirement"][first + k] for k in (0, 1))
    assert asked == one + two
    # the short leg keeps 10 where it asks for 5: with 5 more in all both fail below 85 / 0.95
    assert liquidated(joint.state, LONG) == liquidated(apart.state, LONG) == (price < 85 / 0.95)


@given(
    wealth=st.floats(20.0, 200.0),
    posted=st.floats(1.0, 5.0),
    prices=st.lists(
        st.tuples(st.floats(50.0, 150.0), st.floats(50.0, 150.0)), min_size=1, max_size=4
    ),
    mode=st.sampled_from(["cross", "isolated"]),
    split=st.sampled_from(["initial_margin", "idle"]),
)
@settings(max_examples=40, deadline=None)
def test_nothing_is_created_or_lost(wealth, posted, prices, mode, split) -> None:  # type: ignore[no-untyped-def]
    more = {"split": split, "posted": posted, "top_up": {}} if split == "idle" else {}
    made = hedged(round(wealth, 6), mode=mode, **more)
    ledger, first = made.state.ledger, first_row(made.state)
    assert ledger.balances[first : first + OTHER, 0].sum() == round(round(wealth, 6) * ONE)
    assert ledger.lots[first : first + OTHER].sum(axis=0).tolist() == [1000, -1000]
    for pair in prices:
        move(made, *pair)
        assert set(residuals_of(made.state).values()) == {0}
        assert ledger.balances[first : first + OTHER, 0].sum() == round(round(wealth, 6) * ONE)
        assert (ledger.balances[first + APART, 0] >= 0).all()


@given(
    lots=st.lists(st.integers(-50_000, 50_000), min_size=2, max_size=2),
    prices=st.tuples(st.floats(1.0, 500.0), st.floats(1.0, 500.0)),
)
@settings(max_examples=40, deadline=None)
def test_isolated_requirements_are_at_least_those_of_cross(lots, prices) -> None:  # type: ignore[no-untyped-def]
    """Under flat fractions: the same positions in one account and in two."""
    made = hedged(mode="cross")
    ledger, first = made.state.ledger, first_row(made.state)
    ledger.lots[first], ledger.lots[first + 1] = lots, 0
    ledger.lots[first + 2 : first + 4] = np.diag(lots)
    for market, price in enumerate(prices):
        ledger.markets["mark"][market] = round(200 * price)
    measure_all(ledger, made.state.book)
    for name in ("initial_requirement", "maintenance_requirement"):
        asked = ledger.accounts[name]
        assert asked[first + 2 : first + 4].sum() >= asked[first]
