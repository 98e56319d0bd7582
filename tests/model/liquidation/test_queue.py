"""Who stands in the queue, in which order, and who no longer does."""

import numpy as np
import pytest

from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import (
    BAD_DEBT,
    BANKRUPT,
    CLOSED,
    HEALTHY,
    INSURANCE,
    LIQUIDATING,
    MARGIN_CALL,
)
from crossmargin.model.world import World
from tests.model.liquidation.waterfall import (
    equity_of,
    events_of,
    market,
    next_step,
    rich,
    run,
    set_numbers,
)
from tests.small import ONE, clock_step, first_row, give, open_pair, set_price


def longs(world: World, lots: list[int], margin: float = 10.0) -> list[int]:
    """Accounts with the same margin and long positions of rising size, against the last one."""
    rows = rich(world, margin, *range(len(lots)))
    pool = rich(world, 1e6, 7)[0]
    for row, n in zip(rows, lots, strict=True):
        open_pair(world.state, row, pool, n)
    return rows


def queued(world: World) -> list[int]:
    n = int(world.state.clock["n_queue"][0])
    return world.state.queue[:n].tolist()


@pytest.mark.parametrize(
    ("order", "places"), [("health", [2, 1, 0]), ("notional", [2, 1, 0]), ("row", [0, 1, 2])]
)
def test_unhealthy_accounts_are_queued_in_the_order_asked_for(
    order: str, places: list[int]
) -> None:
    world = market()
    rows = longs(world, [1500, 1800, 2200, 100])  # equity 10 of 150 to 220: requirement 7.5 to 11
    set_numbers(world, "queue", order=order)
    set_price(world.state, 0, 98.0)
    assert run(world, "states", "queue") == 3
    assert queued(world) == [rows[place] for place in places]


def test_worst_health_and_largest_notional_differ() -> None:
    world = market()
    rows = longs(world, [1500, 3000])
    give(world.state, rows[1], 10.5)
    set_price(world.state, 0, 98.0)
    set_numbers(world, "queue", order="health")
    run(world, "states", "queue")
    assert queued(world) == rows
    set_numbers(world, "queue", order="notional")
    run(world, "queue")
    assert queued(world) == rows[::-1]


def test_at_most_so_many_a_round() -> None:
    world = market()
    rows = longs(world, [1500, 1800, 2200])
    set_numbers(world, "queue", most=2)
    set_price(world.state, 0, 98.0)
    assert run(world, "states", "queue") == 2
    assert queued(world) == [rows[2], rows[1]]


def test_grace_counts_from_the_breach() -> None:
    world = market()
    row = longs(world, [1800])[0]
    world.state.ledger.venue["grace"] = 2
    clock_step(world.state, 5)
    set_price(world.state, 0, 98.0)
    taken = []
    for _ in range(4):
        run(world, "states", "queue")
        taken.append(queued(world))
        next_step(world)
    assert world.state.ledger.accounts["breach_step"][row] == 5
    assert taken == [[], [], [row], [row]]


@pytest.mark.parametrize(("price", "is_taken"), [(98.0, False), (97.0, True), (90.0, True)])
def test_a_cooldown_protects_until_it_is_urgent(price: float, is_taken: bool) -> None:
    world = market()
    row = longs(world, [1800])[0]  # at 98 health is 6.4 of 8.82, at 97 4.6 of 8.73
    world.state.ledger.accounts["cooldown"][row] = 3
    set_price(world.state, 0, price)
    run(world, "states", "queue")
    assert queued(world) == ([row] if is_taken else [])
    clock_step(world.state, 3)
    run(world, "states", "queue")
    assert queued(world) == [row]


@pytest.mark.parametrize("state", [HEALTHY, MARGIN_CALL])
def test_the_healthy_are_left_alone(state: int) -> None:
    world = market()
    row = longs(world, [1000 if state == HEALTHY else 1900])[0]
    set_price(world.state, 0, 99.9)
    world.state.ledger.venue["reduce_only_ratio"] = 0.0
    run(world, "states", "queue")
    assert world.state.ledger.accounts["state"][row] == state
    assert queued(world) == []


def test_an_empty_account_without_debt_is_healthy_and_never_queued() -> None:
    world = market()
    row = first_row(world.state)
    run(world, "states", "queue")
    assert world.state.ledger.accounts["state"][row] == HEALTHY
    assert equity_of(world.state, row) == 0
    assert queued(world) == []


def test_an_empty_account_in_debt_is_written_off_once_and_waits_for_the_fund() -> None:
    world = market()
    state = world.state
    row = first_row(state)
    give(state, row, -3.0)
    run(world, "states", "queue")
    assert state.ledger.accounts["state"][row] == CLOSED
    assert state.ledger.accounts["owed"][row] == 3 * ONE
    for _ in range(3):
        next_step(world)
        run(world, "states", "queue", "insurance", "adl", "socialise")
        assert queued(world) == []
    assert events_of(world, BAD_DEBT)["amount"].tolist() == [3 * ONE]
    give(state, INSURANCE, 1.0)
    next_step(world)
    run(world, "states", "queue", "insurance")
    assert queued(world) == [row]
    assert state.ledger.balances[row, QUOTE] == -2 * ONE
    assert state.ledger.accounts["owed"][row] == 2 * ONE
    assert state.ledger.venue["bad_debt"][0] == 3 * ONE


def test_nothing_left_to_close_but_unsold_collateral_waits_without_events() -> None:
    world = market()
    state = world.state
    row = first_row(state)
    give(state, row, 1.0, asset=1)  # one coin, worth 100, 90 with its haircut
    give(state, row, -95.0)
    for _ in range(3):
        run(world, "states", "queue", "cancel_orders", "book_orders", "seizure", "insurance", "adl")
        assert queued(world) == [row]
        assert state.ledger.accounts["state"][row] == LIQUIDATING
        next_step(world)
    give(state, row, -6.0)
    run(world, "states", "queue", "insurance", "adl", "socialise")
    assert state.ledger.accounts["state"][row] == BANKRUPT
    assert len(world.rows("events")) == 0


def test_a_queue_of_many_is_sorted_by_health() -> None:
    n = 300
    world = market(n + 1)
    state = world.state
    rows = first_row(state) + np.arange(n)
    pool = first_row(state) + n
    sizes = np.random.default_rng(1).integers(1, 2500, n)
    give(state, int(pool), 1e7)
    for row, lots in zip(rows.tolist(), sizes.tolist(), strict=True):
        give(state, row, 10.0)
        open_pair(state, row, int(pool), lots)
    set_price(state, 0, 98.0)
    run(world, "states", "queue")
    accounts = state.ledger.accounts
    health = accounts["maintenance_equity"] / np.maximum(accounts["maintenance_requirement"], 1)
    expected = [row for row in rows.tolist() if health[row] < 1]
    assert sorted(queued(world)) == expected
    assert np.all(np.diff(health[queued(world)]) >= 0)
    assert len(expected) > 50
