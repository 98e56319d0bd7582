"""Deposits come in whole, withdrawals only from free collateral of healthy accounts."""

from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.state import CLOSED, DEPOSIT, LIQUIDATING, OUTSIDE, WITHDRAW
from tests.small import ONE, PERP, first_row, give, open_pair, residuals_of, send, small_world


def world_of(wealth=1000.0):
    """World that executes requests and measures margins; two rich accounts."""
    world = small_world([("transfers", {}), ("states", {})], 3, markets=(PERP,))
    for row in range(first_row(world.state), first_row(world.state) + 3):
        give(world.state, row, wealth)
    return world


def test_a_deposit_is_minted_and_written_down():
    """Balance, `deposited` and the event say the same; the request is cleared."""
    world = world_of()
    state, row = world.state, first_row(world.state)
    state.crowd.requests[row] = 25 * ONE
    world.run(2, audit=True)
    assert state.ledger.balances[row, 0] == 1025 * ONE
    assert state.ledger.accounts["deposited"][row] == 25 * ONE
    (event,) = world.rows("events")
    assert (event["kind"], event["account"], event["other"]) == (DEPOSIT, row, OUTSIDE)
    assert event["amount"] == 25 * ONE and event["step"] == 0
    assert not state.crowd.requests.any()


@given(
    wealth=st.integers(0, 2000),
    asked=st.integers(1, 3000),
    lots=st.integers(-50_000, 50_000),
    resting=st.integers(0, 20_000),
)
@settings(max_examples=60, deadline=None)
def test_only_free_collateral_leaves(wealth, asked, lots, resting):
    """What is paid is the least of what was asked, the balance and free collateral."""
    world = world_of(wealth)
    state, row = world.state, first_row(world.state)
    if lots:
        open_pair(state, row, row + 1, lots)
    if resting and send(state, row, 1, 9_000, resting) == 0:
        resting = 0
    worst = max(abs(lots + resting), abs(lots))
    free = wealth * ONE - worst * 20_000 * 5 // 10
    state.crowd.requests[row] = -asked * ONE
    world.run(1)
    paid = max(0, min(asked * ONE, wealth * ONE, free))
    assert state.ledger.balances[row, 0] == wealth * ONE - paid
    assert state.ledger.accounts["deposited"][row] == -paid
    assert len(world.rows("events")) == (paid > 0)
    assert all(world.rows("events")["kind"] == WITHDRAW)
    assert not any(residuals_of(state).values())


def test_profit_that_is_not_cash_stays():
    """Unrealised gains count as free collateral but only the quote balance leaves."""
    world = world_of()
    state, row = world.state, first_row(world.state)
    open_pair(state, row, row + 1, 10_000)
    state.ledger.markets["mark"] = 60_000  # a gain of 2,000, requirement 300
    state.crowd.requests[row] = -5_000 * ONE
    world.run(1)
    assert state.ledger.balances[row, 0] == 0


def test_troubled_accounts_withdraw_nothing_and_closed_ones_take_nothing():
    """A liquidated account may be topped up, not emptied; a closed one neither."""
    world = world_of()
    state, row = world.state, first_row(world.state)
    state.ledger.accounts["state"][row : row + 3] = (LIQUIDATING, LIQUIDATING, CLOSED)
    state.crowd.requests[row : row + 3] = (-ONE, ONE, ONE)
    world.run(1)
    balances = state.ledger.balances[row : row + 3, 0]
    assert (balances - 1000 * ONE).tolist() == [0, ONE, 0]
