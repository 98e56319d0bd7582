"""The reproduction number that a run records, against the matrix made from arrays."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.experiments.network_holdings import branching
from crossmargin.model.early_warning import BANDS, spectral_radius
from crossmargin.model.kernel import from_python
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import CLOSED
from crossmargin.model.world import World
from tests.small import COIN, ONE, PERP, Listing, first_row, give, open_pair, send, small_world

TIERED = Listing(tiers=((0, 0.1, 0.05), (50, 0.2, 0.1)), underlying=1)
MARKETS = (PERP, COIN, TIERED)
OTHERS: list[dict[str, float]] = [
    {},
    {"bandwidth": 0.1, "closed": 0.5},
    {"horizon": 30.0, "pass_through": 0.5},
]
WATCHED: Any = [("early_warning", {"every": 1.0}), ("record", {})]


def taken(world: World) -> Any:
    """Row of the warnings after one block, with margins of the moment."""
    measure_all(world.state.ledger, world.state.book)
    world.run(1)
    return world.rows("warnings")[-1]


def drawn_world(seed: int) -> World:
    """Accounts with positions in three markets, debts, coins, and some depth."""
    rng = np.random.default_rng(seed)
    world = small_world(WATCHED, 10, markets=MARKETS)
    state, row = world.state, first_row(world.state)
    for a in range(10):
        give(state, row + a, float(rng.integers(1, 20)))
        if rng.random() < 0.5:
            give(state, row + a, float(rng.integers(1, 100)) / 1000, asset=1)
    for _ in range(12):
        long, short = rng.choice(10, 2, replace=False)
        open_pair(
            state, row + long, row + short, int(rng.integers(1, 900)), int(rng.choice([0, 2]))
        )
    for _ in range(3):
        state.ledger.balances[row + rng.integers(10), 0] -= int(rng.integers(1, 12) * ONE)
    for m in range(3):
        for k in range(int(rng.integers(1, 6))):
            send(state, row + 8, 1, 9990 - 40 * k, int(rng.integers(1, 300)), market=m)
            send(state, row + 9, -1, 10010 + 40 * k, int(rng.integers(1, 300)), market=m)
    return world


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.sampled_from(OTHERS))
def test_the_row_is_the_matrix_made_from_arrays(seed: int, numbers: dict[str, float]) -> None:
    world = drawn_world(seed)
    record = world.parts[0].parameters(every=1.0, **numbers)
    world.state.params[0, : len(type(record).model_fields)] = list(record.model_dump().values())
    expected = branching(world, every=1.0, **numbers)
    row = taken(world)
    assert row["near"] == expected.near
    for name, value in (
        ("reproduction", expected.radius),
        ("falling", expected.falling),
        ("rising", expected.rising),
        ("low", expected.low),
        ("high", expected.high),
    ):
        assert row[name] == pytest.approx(value, rel=5e-3, abs=1e-9), name


def test_the_worlds_drawn_have_something_to_count() -> None:
    radii = [branching(drawn_world(seed)).radius for seed in range(12)]
    assert sum(radius > 0 for radius in radii) >= 6


def test_one_long_in_plain_numbers() -> None:
    """50 base at 100 (5,000), 5% maintenance; bids of 10 base within 5% of the best."""
    world = small_world(WATCHED, 4, markets=(PERP,))
    state, row = world.state, first_row(world.state)
    give(state, row, 400.0)
    give(state, row + 1, 1e6)
    give(state, row + 2, 1e6)
    open_pair(state, row, row + 1, 50_000)
    send(state, row + 2, 1, 9990, 10_000)
    found = taken(world)
    # 400 less 250 of margin; a fall of 5% costs 250 and frees 12.5
    assert found["near"] == 1
    assert found["reproduction"] == pytest.approx(5.0)
    assert found["falling"] == pytest.approx(5.0)
    assert found["rising"] == 0
    assert found["at_risk"] == 5000 * ONE
    assert (found["low"], found["high"]) == (0.0, found["reproduction"])


def test_an_account_that_is_broken_already_or_owns_coins_alone_does_not_count() -> None:
    world = small_world(WATCHED, 4, markets=(PERP, COIN))
    state, row = world.state, first_row(world.state)
    give(state, row, 100.0)
    give(state, row + 1, 1e6)
    give(state, row + 2, 10.0, asset=1)
    open_pair(state, row, row + 1, 50_000)
    assert taken(world)["near"] == 0


def test_rows_come_at_the_interval_and_reading_changes_nothing() -> None:
    numbers: Any = [("early_warning", {"every": 3.0}), ("record", {})]
    world = small_world(numbers, 4, markets=(PERP,))
    world.run(10)
    assert world.rows("warnings")["step"].tolist() == [0, 3, 6, 9]
    world.seal()
    world.run(3)
    assert world.rows("warnings")["step"].tolist() == [0, 3, 6, 9, 12]
    before = world.state.ledger.accounts.tobytes()
    branching(world)
    assert world.state.ledger.accounts.tobytes() == before


@given(st.integers(0, 2**31), st.integers(1, 5))
def test_the_radius_of_any_matrix(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    table = np.zeros((n + 3, n))
    table[:n] = rng.random((n, n)) * (rng.random((n, n)) < 0.7)
    table[n] = rng.random(n) + 0.1
    matrix = 0.5 * (table[:n] / table[n]).T
    exact = np.abs(np.linalg.eigvals(matrix)).max()
    found = from_python(spectral_radius)(table, 0, n, 0.5)
    assert found == pytest.approx(exact, rel=2e-2, abs=1e-2)
    assert BANDS[1] == 1.0


def test_the_radius_of_a_cycle_is_found() -> None:
    table = np.zeros((6, 3))
    table[0, 1], table[1, 2], table[2, 0], table[3] = 8.0, 1.0, 1.0, 1.0
    assert from_python(spectral_radius)(table, 0, 3, 1.0) == pytest.approx(2.0)


def test_insolvency_by_account_by_owner_and_unfunded() -> None:
    world = small_world(WATCHED, 5, markets=(PERP,))
    state, row = world.state, first_row(world.state)
    accounts = state.ledger.accounts
    for a, amount in enumerate((-30, 50, -20, 5)):
        state.ledger.balances[row + a, 0] = amount * ONE
    accounts["owner"][row + 1] = accounts["owner"][row] = row
    state.ledger.balances[row + 4, 0] = -7 * ONE
    accounts["owed"][row + 4], accounts["state"][row + 4] = 6 * ONE, CLOSED
    taken(world)
    system = world.rows("system_rows")[-1]
    assert system["negative_equity"] == 50 * ONE
    assert system["negative_consolidated"] == 20 * ONE
    assert system["unfunded"] == 6 * ONE
    assert not state.work[1:].any()
