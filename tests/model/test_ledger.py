"""Double entry: positions, cost and money against exact twins."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.accounts import deposit
from crossmargin.model.kernel import from_python
from crossmargin.model.ledger import (
    Parcel,
    burn,
    charge,
    mint,
    move_position,
    move_spot,
    notional_of,
    realise,
    transfer,
    unrealised,
)
from crossmargin.model.state import FEES, FIRST_SETTLEMENT, OUTSIDE
from tests.reference.ledger_twin import Position
from tests.small import HALF_UNIT, LOT_UNITS, first_row, give, residuals_of, small_state

REALISE, CHARGE = from_python(realise), from_python(charge)
trades = st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 50_000)), max_size=25)


@given(trades)
def test_realise_equals_exact_fractions_to_a_unit_a_trade(made: list[tuple[int, int]]) -> None:
    state = small_state(2)
    row, twin = first_row(state), Position()
    for lots, half_price in made:
        REALISE(state.ledger, row, 0, lots, lots * half_price * HALF_UNIT)
        twin.trade(lots, half_price * HALF_UNIT)
        assert int(state.ledger.lots[row, 0]) == twin.lots
        assert abs(int(state.ledger.balances[row, 0]) - twin.realised) <= len(made)
        assert abs(int(state.ledger.cost[row, 0]) - twin.cost) <= len(made)
        if twin.lots == 0:
            assert int(state.ledger.cost[row, 0]) == 0
    total = int(state.ledger.balances[row, 0]) - int(state.ledger.cost[row, 0])
    assert total == -sum(lots * price * HALF_UNIT for lots, price in made)
    assert int(state.ledger.balances[FIRST_SETTLEMENT, 0]) == -state.ledger.balances[row, 0]


@given(trades, st.integers(-50, 50), st.integers(1, 50_000))
def test_a_trade_at_the_mark_changes_nobodys_equity(
    made: list[tuple[int, int]], lots: int, mark: int
) -> None:
    state = small_state(2)
    row = first_row(state)
    for held, price in made:
        REALISE(state.ledger, row, 0, held, held * price * HALF_UNIT)
    state.ledger.markets["mark"][0] = mark
    equity = from_python(unrealised)(state.ledger, row, 0) + state.ledger.balances[row, 0]
    REALISE(state.ledger, row, 0, lots, lots * mark * HALF_UNIT)
    after = from_python(unrealised)(state.ledger, row, 0) + state.ledger.balances[row, 0]
    assert after == equity


def test_numbers_of_a_short_that_is_closed_in_two_parts() -> None:
    state = small_state(2)
    row = first_row(state)
    for lots, half_price in ((-10, 20_000), (4, 18_000), (6, 21_000)):
        REALISE(state.ledger, row, 0, lots, lots * half_price * HALF_UNIT)
    assert state.ledger.balances[row, 0] == (4 * 2_000 - 6 * 1_000) * HALF_UNIT
    assert (state.ledger.lots[row, 0], state.ledger.cost[row, 0]) == (0, 0)
    assert state.ledger.markets["open_interest"][0] == 0


@given(st.integers(0, 10**15), st.floats(-0.01, 0.01))
def test_a_fee_is_rounded_against_its_payer(notional: int, rate: float) -> None:
    state = small_state(1)
    row = first_row(state)
    fee = CHARGE(state.ledger, 0, row, notional, rate)
    assert fee == math.ceil(notional * rate)
    assert state.ledger.balances[row, 0] == -fee
    assert state.ledger.balances[FEES, 0] == fee


def test_minting_burning_and_transfers_leave_no_residual() -> None:
    state = small_state(2)
    row = first_row(state)
    from_python(mint)(state.ledger, 0, row, 100)
    from_python(transfer)(state.ledger, 0, row, OUTSIDE, 30)
    from_python(burn)(state.ledger, 0, OUTSIDE, 20)
    from_python(deposit)(state.ledger, row + 1, 7)
    assert state.ledger.balances[[OUTSIDE, row, row + 1], 0].tolist() == [10, 70, 7]
    assert state.ledger.assets[["minted", "burned"]][0].tolist() == (107, 20)
    assert state.ledger.accounts["deposited"][row : row + 2].tolist() == [0, 7]
    assert set(residuals_of(state).values()) == {0}


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (lambda s: s.ledger.balances.__setitem__((8, 0), 1), "USD"),
        (lambda s: s.ledger.balances.__setitem__((8, 1), LOT_UNITS), "COIN1"),
        (lambda s: s.ledger.lots.__setitem__((8, 0), 1), "M0 lots"),
        (lambda s: s.ledger.cost.__setitem__((8, 0), 1), "M0 settlement"),
        (lambda s: s.ledger.lots.__setitem__((8, 1), 1), "M1 holdings"),
    ],
)
def test_every_residual_can_be_wrong(spoil: object, name: str) -> None:
    state = small_state(4)
    assert set(residuals_of(state).values()) == {0}
    spoil(state)  # type: ignore[operator]
    assert residuals_of(state)[name] != 0


def test_equal_and_opposite_holdings_do_not_hide_one_another() -> None:
    state = small_state(4)
    first = first_row(state)
    state.ledger.lots[first : first + 2, 1] = 1, -1
    assert residuals_of(state)["M1 holdings"] != 0


@given(st.integers(-30, 30), st.integers(1, 50_000), st.booleans())
def test_a_move_without_a_book_is_a_trade_at_its_price(lots: int, price: int, own: bool) -> None:
    state = small_state(3)
    giver = first_row(state)
    taker = giver if own else giver + 1
    REALISE(state.ledger, giver, 0, 10, 10 * 20_000 * HALF_UNIT)
    REALISE(state.ledger, giver + 2, 0, -10, -10 * 20_000 * HALF_UNIT)
    before = state.ledger.balances[:, 0] - state.ledger.cost[:, 0]
    from_python(move_position)(state.ledger, state.log, giver, taker, Parcel(0, lots, price))
    change = state.ledger.balances[:, 0] - state.ledger.cost[:, 0] - before
    value = 0 if own else lots * price * HALF_UNIT
    assert change[giver] == value
    assert own or change[taker] == -value
    assert state.ledger.lots[giver, 0] == (10 if own else 10 - lots)
    assert set(residuals_of(state).values()) == {0}


def test_coins_move_against_money() -> None:
    state = small_state(2)
    giver, taker = first_row(state), first_row(state) + 1
    give(state, giver, 0.005, asset=1)
    give(state, taker, 1.0)
    from_python(move_spot)(state.ledger, state.log, giver, taker, Parcel(1, 3, 20_000))
    assert state.ledger.lots[[giver, taker], 1].tolist() == [2, 3]
    assert state.ledger.balances[giver].tolist() == [3 * 20_000 * HALF_UNIT, 2 * LOT_UNITS]
    assert set(residuals_of(state).values()) == {0}


def test_notional_has_no_sign() -> None:
    state = small_state(1)
    kernel = from_python(notional_of)
    assert kernel(state.ledger, 0, -7, 20_000) == kernel(state.ledger, 0, 7, 20_000) == 700_000
    assert np.int64(kernel(state.ledger, 0, 10**9, 20_000)) == 10**14
