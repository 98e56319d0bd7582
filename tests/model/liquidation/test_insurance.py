"""The fund pays what emptied accounts owe, once and as far as it goes."""

import pytest

from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import BAD_DEBT, CLOSED, FUND_PAYMENT, INSURANCE
from crossmargin.model.world import World
from tests.model.liquidation.waterfall import events_of, market, rich, run, set_numbers
from tests.small import ONE, Listing, give, open_pair, send, set_price


def debtors(fund: float, *debts: float) -> tuple[World, list[int]]:
    world = market(6, markets=(Listing(),))
    give(world.state, INSURANCE, fund)
    rows = rich(world, 0.0, *range(len(debts)))
    for row, debt in zip(rows, debts, strict=True):
        give(world.state, row, -debt)
    return world, rows


@pytest.mark.parametrize("fund", [0.0, 4.0, 10.0, 25.0])
def test_the_fund_pays_up_to_its_balance(fund: float) -> None:
    world, rows = debtors(fund, 10.0, 7.0)
    state = world.state
    run(world, "states", "queue", "insurance")
    venue, balances = state.ledger.venue[0], state.ledger.balances[:, QUOTE]
    paid = round(min(fund, 17.0) * ONE)
    assert venue["fund_paid"] == paid == events_of(world, FUND_PAYMENT)["amount"].sum()
    assert venue["bad_debt"] == 17 * ONE == events_of(world, BAD_DEBT)["amount"].sum()
    assert balances[INSURANCE] == round(fund * ONE) - paid
    assert balances[rows].sum() == paid - 17 * ONE
    assert state.ledger.accounts["owed"][rows].tolist() == (-balances[rows]).tolist()
    assert (state.ledger.accounts["state"][rows] == CLOSED).all()


def test_payments_name_the_account_they_are_for() -> None:
    world, rows = debtors(25.0, 10.0)
    run(world, "states", "queue", "insurance")
    [payment], [debt] = events_of(world, FUND_PAYMENT), events_of(world, BAD_DEBT)
    assert (payment["account"], payment["other"]) == (rows[0], INSURANCE)
    assert payment["parent"] == debt["id"]


def test_a_cap_an_account() -> None:
    world, rows = debtors(25.0, 10.0, 2.0)
    set_numbers(world, "insurance", cap=3.0)
    run(world, "states", "queue", "insurance")
    assert world.state.ledger.accounts["owed"][rows].tolist() == [7 * ONE, 0]


def test_who_still_has_something_to_close_is_not_paid_for() -> None:
    world, rows = debtors(25.0, 10.0)
    state = world.state
    pool = rich(world, 1e4, 3)[0]
    open_pair(state, rows[0], pool, 10)
    run(world, "states", "queue", "insurance")
    assert len(world.rows("events")) == 0
    assert state.ledger.balances[INSURANCE, QUOTE] == 25 * ONE


def test_an_account_that_the_book_emptied_is_paid_for_in_the_same_round() -> None:
    world = market(4, markets=(Listing(maker_fee=0.0),))
    state = world.state
    give(state, INSURANCE, 25.0)
    row = rich(world, 6.0, 0)[0]
    pool, maker = rich(world, 1e4, 1, 2)
    open_pair(state, row, pool, 1000)
    set_price(state, 0, 95.0)
    send(state, maker, 1, 9000, 5000)
    run(world, "states", "queue", "book_orders", "insurance")
    assert state.ledger.balances[row, QUOTE] == 0
    assert state.ledger.balances[INSURANCE, QUOTE] == 21 * ONE
    debt, first = events_of(world, BAD_DEBT)[0], world.rows("events")[0]
    assert debt["parent"] == first["id"]
    assert debt["amount"] == 4 * ONE
