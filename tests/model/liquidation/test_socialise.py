"""Losses that nobody else paid are shared by all who have something, to the last unit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import CLOSED, SOCIALISED
from crossmargin.model.world import World
from tests.model.liquidation.waterfall import (
    equity_of,
    events_of,
    market,
    next_step,
    run,
    set_numbers,
)
from tests.small import ONE, Listing, first_row, give, open_pair


def scene(debts: list[float], means: list[float]) -> tuple[World, list[int], list[int]]:
    world = market(len(debts) + len(means), markets=(Listing(),))
    first = first_row(world.state)
    debtors = list(range(first, first + len(debts)))
    payers = list(range(first + len(debts), first + len(debts) + len(means)))
    for row, amount in zip(debtors + payers, [-d for d in debts] + means, strict=True):
        give(world.state, row, amount)
    return world, debtors, payers


def share(world: World) -> int:
    return run(world, "states", "queue", "socialise")


def test_shares_are_pro_rata_to_equity() -> None:
    world, debtors, payers = scene([6.0], [10.0, 20.0, 30.0])
    assert share(world) == 1
    state = world.state
    assert state.ledger.balances[payers, QUOTE].tolist() == [9 * ONE, 18 * ONE, 27 * ONE]
    assert state.ledger.accounts["socialised"][payers].tolist() == [ONE, 2 * ONE, 3 * ONE]
    assert (
        state.ledger.accounts["owed"][debtors[0]] == state.ledger.balances[debtors[0], QUOTE] == 0
    )
    events = events_of(world, SOCIALISED)
    assert events["other"].tolist() == payers
    assert events["account"].tolist() == debtors * 3
    assert events["amount"].tolist() == [ONE, 2 * ONE, 3 * ONE]
    assert state.ledger.venue["socialised"][0] == 6 * ONE


def test_shares_are_pro_rata_to_notional_and_capped_at_equity() -> None:
    world, _, payers = scene([7.0], [1.0, 20.0, 30.0, 50.0])
    state = world.state
    open_pair(state, payers[0], payers[1], 20)
    open_pair(state, payers[0], payers[2], 20)
    set_numbers(world, "socialise", by="notional")
    share(world)
    paid = state.ledger.accounts["socialised"][payers].tolist()
    assert paid == [ONE, 3 * ONE, 3 * ONE, 0]  # of 3.5, 1.75, 1.75 the first has 1


def test_nobody_pays_more_than_it_has_and_the_rest_is_owed() -> None:
    world, debtors, payers = scene([6.0, 4.0], [1.0, 2.0])
    share(world)
    state = world.state
    assert not state.ledger.balances[payers, QUOTE].any()
    assert state.ledger.accounts["owed"][debtors].sum() == 7 * ONE
    assert state.ledger.balances[debtors, QUOTE].sum() == -7 * ONE
    assert state.ledger.venue["socialised"][0] == 3 * ONE


@pytest.mark.parametrize("most_events", [0, 8, 9])
@pytest.mark.parametrize("by", ["equity", "notional"])
def test_the_same_is_paid_whatever_is_written_down(most_events: int, by: str) -> None:
    world, debtors, payers = scene([3.0, 2.0, 1.0], [10.0, 20.0, 30.0])
    state = world.state
    open_pair(state, payers[0], payers[1], 20)
    set_numbers(world, "socialise", most_events=most_events, by=by)
    share(world)
    assert not state.ledger.balances[debtors, QUOTE].any()
    assert not state.ledger.accounts["owed"][debtors].any()
    paid = state.ledger.accounts["socialised"][payers].tolist()
    expected = [ONE, 2 * ONE, 3 * ONE] if by == "equity" else [3 * ONE, 3 * ONE, 0]
    assert np.abs(np.subtract(paid, expected)).max() <= 3
    events = events_of(world, SOCIALISED)
    assert events["amount"].sum() == 6 * ONE
    if most_events == 9:
        assert len(events) == (9 if by == "equity" else 6)
    else:
        assert events["other"].tolist() == [-1, -1, -1]
        assert sorted(events["amount"].tolist()) == [ONE, 2 * ONE, 3 * ONE]


amounts = st.lists(st.integers(1, 10**9), min_size=1, max_size=4)


@given(amounts, amounts, st.sampled_from([0, 10**6]), st.sampled_from(["equity", "notional"]))
@settings(max_examples=40)
def test_what_is_owed_is_paid_exactly_or_all_that_there_is(
    debts: list[int], means: list[int], most_events: int, by: str
) -> None:
    world, debtors, payers = scene([d / ONE for d in debts], [m / ONE for m in means])
    state = world.state
    if len(payers) > 1:
        open_pair(state, payers[0], payers[1], 1)
    set_numbers(world, "socialise", most_events=most_events, by=by)
    share(world)
    paid = min(sum(debts), sum(means))
    assert state.ledger.venue["socialised"][0] == paid
    assert -state.ledger.balances[debtors, QUOTE].sum() == sum(debts) - paid
    assert state.ledger.accounts["owed"][debtors].sum() == sum(debts) - paid
    assert state.ledger.accounts["socialised"][payers].sum() == paid
    left = np.array([equity_of(state, row) for row in payers])
    assert (left >= 0).all()
    if by == "equity":
        exact = [paid * m / sum(means) for m in means]
        assert np.abs(np.array(means) - left - exact).max() <= 2 * len(debts) + 1


def test_the_closed_never_pay_and_pay_nothing_twice() -> None:
    world, debtors, payers = scene([6.0], [10.0])
    for _ in range(3):
        share(world)
        next_step(world)
    assert world.state.ledger.accounts["state"][debtors[0]] == CLOSED
    assert world.state.ledger.balances[payers[0], QUOTE] == 4 * ONE
    assert len(events_of(world, SOCIALISED)) == 1
