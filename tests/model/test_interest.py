"""Interest on negative balances: exact amounts, rounded up, from accounts of populations alone."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.interest import RATE, owed
from crossmargin.model.kernel import from_python
from crossmargin.model.state import BACKSTOP, FIRST_SETTLEMENT, LENDERS
from crossmargin.model.world import World
from tests.small import ONE, first_row, residuals_of, small_world

OWED = from_python(owed)


@given(st.integers(-(10**15), 10**15), st.floats(0, 0.01))
def test_interest_is_exact_and_rounded_up(balance: int, rate: float) -> None:
    share = round(rate * RATE)
    exact = Fraction(max(0, -balance) * share, RATE)
    assert OWED(balance, share) == -(-exact.numerator // exact.denominator)


def lending_world(block_seconds: float, rate: float = 0.1) -> World:
    world = small_world([("interest", {})], n_accounts=3, block_seconds=block_seconds)
    world.state.ledger.venue["interest_rate"] = rate
    first = first_row(world.state)
    balances = world.state.ledger.balances
    balances[first : first + 3, 0] = np.array([-1000, 500, 0]) * ONE
    balances[[BACKSTOP, FIRST_SETTLEMENT], 0] = -100 * ONE
    world.state.ledger.assets["minted"][0] = -700 * ONE
    return world


def test_a_year_costs_the_yearly_rate_compounded_hourly() -> None:
    world = lending_world(3600.0)
    world.run(8760 + 1)
    paid = int(-world.state.ledger.balances[first_row(world.state), 0]) - 1000 * ONE
    exact = 1000 * ONE * ((1 + 0.1 / 8760) ** 8760 - 1)
    assert 0 < paid - exact < 8760 * 1.1  # rounded up every hour
    assert world.state.ledger.balances[LENDERS, 0] == paid
    assert residuals_of(world.state)["USD"] == 0


def test_only_negative_balances_of_accounts_pay() -> None:
    world = lending_world(3600.0)
    before = world.state.ledger.balances[:, 0].copy()
    world.run(2)
    moved = np.flatnonzero(world.state.ledger.balances[:, 0] != before)
    assert moved.tolist() == [LENDERS, first_row(world.state)]


@pytest.mark.parametrize("block_seconds", [60.0, 600.0, 3600.0])
def test_the_length_of_blocks_changes_nothing(block_seconds: float) -> None:
    world = lending_world(block_seconds)
    world.run(round(5 * 3600 / block_seconds) + 1)
    reference = lending_world(1800.0)
    reference.run(11)
    assert np.array_equal(world.state.ledger.balances, reference.state.ledger.balances)


def test_without_a_rate_nothing_moves() -> None:
    world = lending_world(3600.0, rate=0.0)
    before = world.state.ledger.balances.copy()
    world.run(3)
    assert np.array_equal(world.state.ledger.balances, before)
