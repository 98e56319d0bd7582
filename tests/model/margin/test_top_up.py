"""Automatic top-up against a twin in plain Python."""

from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.state import CLOSED, TOP_UP
from tests.small import ONE, PERP, first_row, give, open_pair, residuals_of, set_price, small_world


def twin(
    rows: list[tuple[int, int]], purse: int, allowance: int, below: float, to: float
) -> tuple[list[int], int]:
    """Amount for each (equity, requirement) in order, and what is left, all whole units."""
    amounts = []
    for equity, asked in rows:
        short = asked > 0 and equity < below * asked
        missing = -int(-to * asked // 1) - equity if short else 0
        amounts.append(max(0, min(missing, purse, allowance)))
        purse, allowance = purse - amounts[-1], allowance - amounts[-1]
    return amounts, purse


@given(
    held=st.lists(st.integers(0, 40), min_size=2, max_size=2),
    apart=st.integers(0, 40),
    limit=st.integers(0, 40),
    price=st.integers(70, 110),
    below=st.sampled_from([0.5, 1.0, 1.5]),
    to=st.sampled_from([1.5, 2.0]),
)
@settings(max_examples=60, deadline=None)
def test_amounts_are_those_of_the_twin(
    held: list[int], apart: int, limit: int, price: int, below: float, to: float
) -> None:
    made = small_world([("top_up", {"below": below, "to": to})], n_accounts=4, markets=(PERP,))
    state, first = made.state, first_row(made.state)
    purse, other = first + 2, first + 3
    for k, amount in enumerate(held):
        give(state, first + k, amount)
        open_pair(state, first + k, other, 1000)
    give(state, purse, apart)
    accounts = state.ledger.accounts
    accounts["purse"][first : first + 2] = purse
    accounts["allowance"][purse] = limit * ONE
    set_price(state, 0, price)
    rows = [((amount + price - 100) * ONE, price * ONE // 20) for amount in held]
    amounts, left = twin(rows, apart * ONE, limit * ONE, below, to)
    made.run(1)
    found = [int(state.ledger.balances[first + k, 0]) - held[k] * ONE for k in range(2)]
    assert found == amounts
    assert state.ledger.balances[purse, 0] == left
    assert set(residuals_of(state).values()) == {0}
    events = made.rows("events")
    events = events[events["kind"] == TOP_UP]
    assert events["amount"].tolist() == [amount for amount in amounts if amount]


def test_a_closed_account_gets_nothing() -> None:
    made = small_world([("top_up", {})], n_accounts=3, markets=(PERP,))
    state, first = made.state, first_row(made.state)
    open_pair(state, first, first + 2, 1000)
    give(state, first + 1, 10.0)
    accounts = state.ledger.accounts
    accounts["purse"][first], accounts["allowance"][first + 1] = first + 1, 10 * ONE
    accounts["state"][first] = CLOSED
    made.run(1)
    assert state.ledger.balances[first + 1, 0] == 10 * ONE
