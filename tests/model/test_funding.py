"""Funding: published rates, the walk through the book, and exact conservation."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model import funding
from crossmargin.model.kernel import from_python
from crossmargin.model.state import ROUNDING, State
from crossmargin.model.world import World
from tests.small import (
    ONE,
    PERP,
    Listing,
    first_row,
    give,
    open_pair,
    residuals_of,
    send,
    set_price,
    small_state,
    small_world,
)

#: Published: Hyperliquid's worked example and the interest rate at small premiums.
CLAMPED = [(0.01, 0.0095), (0.0, 0.0001), (-0.0002, 0.0001)]
N = 8


def rate(state: State, premium: float, samples: int = 1, **numbers: Any) -> float:
    """Rate of an interval after some samples of one premium."""
    values = funding.Parameters(**numbers)
    state.params[0, : len(funding.P)] = [float(v) for v in values.model_dump().values()]
    state.ledger.markets["premium_sum"][0] = premium * samples
    state.ledger.markets["premium_count"][0] = samples
    return float(from_python(funding.rate_of)(state, 0, 0))


STATE = small_state(N, markets=(PERP,))


@pytest.mark.parametrize(("premium", "expected"), CLAMPED)
def test_published_rates_of_eight_hours(premium: float, expected: float) -> None:
    assert rate(STATE, premium, interval=28800.0) == pytest.approx(expected, rel=1e-12)


def test_an_hour_pays_an_eighth_and_no_more_than_the_cap() -> None:
    assert rate(STATE, 0.01) == pytest.approx(0.0095 / 8, rel=1e-12)
    assert rate(STATE, 0.9) == 0.04
    assert rate(STATE, -0.9) == -0.04


def test_cap_by_margin_rates_as_on_dydx() -> None:
    """Large caps: 6 x (2% - 1.2%) = 4.8% in 8 hours; fewer than 15 samples count as no premium."""
    state = small_state(N, markets=(Listing(tiers=((0, 0.02, 0.012),)),))
    numbers = {"interval": 28800.0, "cap": 1.0, "cap_multiple": 6.0, "fewest": 15}
    assert rate(state, 0.2, 15, **numbers) == pytest.approx(0.048)
    assert rate(state, -0.2, 15, **numbers) == pytest.approx(-0.048)
    assert rate(state, 0.2, 14, **numbers) == pytest.approx(0.0001)


@given(st.floats(-0.02, 0.02), st.floats(-0.001, 0.001), st.floats(0, 0.01))
def test_rate_equals_its_twin(premium: float, interest: float, clamp: float) -> None:
    found = rate(STATE, premium, interest=interest, clamp=clamp, cap=0.002)
    whole = premium + np.clip(interest - premium, -clamp, clamp)
    assert found == pytest.approx(np.clip(whole / 8, -0.002, 0.002), abs=1e-15)


# The premium ------------------------------------------------------------------------------------

levels = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 50)), max_size=6)


def book_with(bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> State:
    """Book around tick 10,000 with levels given as (distance in ticks, lots)."""
    state = small_state(2, markets=(PERP,))
    maker = first_row(state)
    give(state, maker, 1e9)
    for distance, lots in bids:
        send(state, maker, 1, 10000 - distance, lots)
    for distance, lots in asks:
        send(state, maker, -1, 10000 + distance, lots)
    return state


def twin_impact(side: list[tuple[int, int]], sign: int, wanted: float) -> float:
    lots, rest = 0.0, wanted
    for distance, here in sorted(side):
        price = 10000 + sign * distance
        if price * here >= rest:
            return wanted / (lots + rest / price)
        lots, rest = lots + here, rest - price * here
    return 0.0


@settings(max_examples=40)
@given(levels, levels, st.integers(9000, 11000), st.floats(0.5, 20))
def test_premium_equals_its_twin(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]], index: int, impact: float
) -> None:
    state = book_with(bids, asks)
    set_price(state, 0, index / 100)
    state.params[0, funding.P.impact_notional] = impact
    wanted = impact * ONE / 10  # one tick-lot is 10 units
    bid = twin_impact(bids, -1, wanted)
    ask = twin_impact(asks, 1, wanted) or np.inf
    expected = (max(0.0, bid - index) - max(0.0, index - ask)) / index
    found = from_python(funding.premium)(state, 0, 0)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


# Payments ---------------------------------------------------------------------------------------

positions = st.lists(st.integers(-(10**9), 10**9), min_size=N - 1, max_size=N - 1)
PAY = from_python(funding.pay)


@given(positions, st.floats(-0.04, 0.04), st.integers(1, 10**6))
def test_payments_conserve_and_rounding_never_goes_below_zero(
    lots: list[int], rate: float, index: int
) -> None:
    state = small_state(N, markets=(PERP,))
    first = first_row(state)
    held = np.array([*lots, -sum(lots)])
    state.ledger.lots[first:, 0] = held
    state.ledger.markets["index"][0] = index
    paid = PAY(state.ledger, 0, rate)
    flows = state.ledger.balances[first:, 0]
    assert state.ledger.balances[:, 0].sum() == 0
    assert 0 <= state.ledger.balances[ROUNDING, 0] <= N
    assert paid == -flows[flows < 0].sum()
    share = round(abs(rate) * 10**12)
    for amount, position in zip(flows.tolist(), held.tolist(), strict=True):
        exact = -position * int(np.sign(rate)) * index * 5 * share  # 1e12ths of a unit
        assert 0 <= int(exact) - amount * 10**12 < 10**12


def test_longs_pay_shorts_when_the_rate_is_positive() -> None:
    state = small_state(2, markets=(PERP,))
    first = first_row(state)
    open_pair(state, first, first + 1, 1000)  # one base at 100 quote
    PAY(state.ledger, 0, 0.001)
    assert state.ledger.balances[first:, 0].tolist() == [-100_000, 100_000]
    PAY(state.ledger, 0, -0.001)
    assert state.ledger.balances[first:, 0].tolist() == [0, 0]


def funded_world(block_seconds: float) -> World:
    """World with one long and one short, whose book stands 1% above the index."""
    world = small_world([("funding", {})], n_accounts=4, block_seconds=block_seconds)
    state, first = world.state, first_row(world.state)
    for row in range(first, first + 4):
        give(state, row, 1e7)
    send(state, first, 1, 10100, 200_000)
    open_pair(state, first + 2, first + 3, 1_000_000)
    return world


@pytest.mark.parametrize("block_seconds", [5.0, 60.0, 600.0])
def test_a_premium_of_one_percent_costs_the_same_whatever_the_block(block_seconds: float) -> None:
    world = funded_world(block_seconds)
    before = world.state.ledger.balances[:, 0].copy()
    world.run(round(2 * 3600 / block_seconds) + 1)
    moved = world.state.ledger.balances[:, 0] - before
    first = first_row(world.state)
    expected = round(2 * 0.0095 / 8 * 1000 * 100 * ONE)  # two hours on 1,000 base
    assert moved[first + 2 :].tolist() == [-expected, expected]
    assert set(residuals_of(world.state).values()) == {0}


def test_spot_and_unpriced_markets_are_left_alone() -> None:
    world = funded_world(600.0)
    world.state.ledger.markets["index"][0] = 0
    world.run(12)
    assert world.state.ledger.markets["funding_due"].tolist() == [0, 0]
