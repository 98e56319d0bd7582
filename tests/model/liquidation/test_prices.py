"""Bankruptcy and fillable prices: dYdX's published numbers, and twins in exact fractions."""

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.kernel import from_python
from crossmargin.model.liquidation.prices import (
    bankruptcy_half,
    fillable_half,
    limit_half,
    slipped_half,
)
from crossmargin.model.state import State
from tests.model.liquidation.waterfall import equity_of
from tests.small import HALF_UNIT, Listing, first_row, give, open_pair, small_state

#: dydxprotocol/v4-chain, liquidations_test.go: 0.1 BTC at 50,000, MMF 10%, 4,501 owed.
DYDX = Listing(price=500.0, tiers=((0, 0.2, 0.1),))
SCALE = 100  # 0.1 BTC at 50,000 stands as 10 at 500


def dydx_account(usdc: float, side: int = 1) -> tuple[State, int]:
    """State with the published account; its market is worth the same, a hundredth of the price."""
    state = small_state(2, (DYDX,))
    row = first_row(state)
    open_pair(state, *((row, row + 1) if side > 0 else (row + 1, row)), 10_000)
    give(state, row, usdc + side * 5000)  # the position was opened at the mark
    equity_of(state, row)
    return state, row


@pytest.mark.parametrize(("adjustment", "price"), [(1.0, 49_999.0), (2.0, 49_998.0)])
def test_fillable_price_is_dydx_s(adjustment: float, price: float) -> None:
    state, row = dydx_account(-4501.0)
    half = from_python(fillable_half)(state.ledger, row, 0, 0.1, adjustment)
    assert half * 0.005 * SCALE == pytest.approx(price, abs=1e-6)


def test_bankruptcy_price_is_dydx_s() -> None:
    state, row = dydx_account(-4501.0)  # closing 0.1 is owed 4,501
    assert (
        int(from_python(bankruptcy_half)(state.ledger, row, 0)) * HALF_UNIT * 10_000 == 4501 * 10**6
    )


def test_a_short_s_bankruptcy_price_is_dydx_s_of_deleveraging() -> None:
    state = small_state(2, (Listing(price=500.0),))  # deleveraging_test.go: -1 BTC, 54,999 USDC
    row = first_row(state)
    open_pair(state, row + 1, row, 100_000)
    give(state, row, 4999.0)
    equity_of(state, row)
    half = int(from_python(bankruptcy_half)(state.ledger, row, 0))
    assert half * 0.005 * SCALE == 54_999.0


accounts = st.tuples(
    st.integers(-50, 50), st.integers(-3000, 3000), st.integers(-3000, 3000), st.integers(1, 400)
)


@given(accounts)
def test_closing_all_at_bankruptcy_prices_uses_equity_up(drawn: tuple[int, int, int, int]) -> None:
    margin, first_lots, second_lots, price = drawn
    state = small_state(2, (Listing(price=price), Listing(price=70.0)))
    row = first_row(state)
    for m, lots in enumerate((first_lots, second_lots)):
        if lots:
            open_pair(state, *((row, row + 1) if lots > 0 else (row + 1, row)), abs(lots), m)
    give(state, row, float(margin))
    equity = equity_of(state, row)
    requirement = [
        ceil(Fraction(abs(lots) * 2 * p * 100 * HALF_UNIT, 20))
        for lots, p in ((first_lots, price), (second_lots, 70))
    ]
    for m, lots in enumerate((first_lots, second_lots)):
        if lots == 0:
            continue
        value = lots * int(state.ledger.markets["mark"][m]) * HALF_UNIT
        exact = (value - Fraction(equity * requirement[m], sum(requirement))) / (lots * HALF_UNIT)
        half = int(from_python(bankruptcy_half)(state.ledger, row, m))
        expected = ceil(exact) if lots > 0 else floor(exact)
        assert half in {max(0, expected), max(0, expected + (1 if lots > 0 else -1))}
        assert abs(half - max(exact, 0)) <= 1 + Fraction(1, abs(lots))


@given(st.integers(1, 10**6), st.floats(0, 0.9), st.sampled_from([1, -1]))
def test_a_limit_is_a_whole_tick_no_worse_than_the_slippage(
    mark: int, slippage: float, lots: int
) -> None:
    state = small_state(1, (DYDX,))
    state.ledger.markets["mark"] = mark
    price = float(from_python(slipped_half)(state.ledger, 0, lots, slippage))
    half = int(from_python(limit_half)(lots, price))
    assert half % 2 == 0
    assert abs(half - price) < 2
    assert (half - price) * lots >= -1e-6 * mark
