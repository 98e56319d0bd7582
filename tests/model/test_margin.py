"""The five margin numbers against a NumPy twin and against published figures."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.kernel import from_python, kernel
from crossmargin.model.margin.numbers import (
    free_collateral,
    health,
    initial_requirement,
    is_unhealthy,
    maintenance_requirement,
    margin_numbers,
    measure,
)
from crossmargin.model.state import (
    BANKRUPT,
    CLOSED,
    HEALTHY,
    LIQUIDATING,
    MARGIN_CALL,
    REDUCE_ONLY_STATE,
    Array,
    State,
)
from tests.reference.binance_brackets import BRACKETS
from tests.reference.margin_twin import margin_twin
from tests.small import (
    ONE,
    Listing,
    first_row,
    give,
    open_pair,
    set_price,
    small_state,
    small_world,
)

NUMBERS, INITIAL = from_python(margin_numbers), from_python(initial_requirement)
MAINTENANCE, FREE = from_python(maintenance_requirement), from_python(free_collateral)
MARKETS = (
    Listing(price=100.0),
    Listing(kind="spot", price=50.0, weights=(0.7, 0.85)),
    Listing(price=3000.0, tiers=((0, 0.02, 0.01), (500, 0.05, 0.025), (9000, 0.2, 0.1))),
    Listing(kind="spot", price=2.0, weights=(0.0, 0.5)),
)


def drawn_state(seed: int, n_accounts: int = 12) -> State:
    """Accounts with random money, coins, positions and resting lots; nothing need sum to zero."""
    rng = np.random.default_rng(seed)
    state = small_state(n_accounts, MARKETS)
    ledger, shape = state.ledger, (n_accounts, len(MARKETS))
    rows = slice(first_row(state), None)
    ledger.balances[rows, 0] = rng.integers(-(10**9), 10**10, n_accounts)
    spread = 10 ** rng.integers(0, 6, shape)
    ledger.lots[rows] = rng.integers(-1, 2, shape) * rng.integers(0, spread + 1)
    ledger.lots[rows, 1::2] = np.abs(ledger.lots[rows, 1::2])
    ledger.cost[rows, ::2] = ledger.lots[rows, ::2] * rng.integers(10_000, 30_000, shape)[:, ::2]
    state.book.open_lots[rows] = rng.integers(0, spread + 1)[:, :, None] * rng.integers(
        0, 2, (*shape, 2)
    )
    state.ledger.markets["initial_floor"] = rng.choice([0.0, 0.3], len(MARKETS))
    ledger.markets["mark"] = rng.integers(1, 10**6, len(MARKETS))
    return state


@kernel(python=True)
def measure_all(ledger, book, out):  # type: ignore[no-untyped-def]
    for row in range(out.shape[0]):
        numbers = margin_numbers(ledger, book, row)
        for i in range(5):
            out[row, i] = numbers[i]


def numbers_of(state: State) -> Array:
    """(n_accounts, 5) int64, by the kernel."""
    out = np.zeros((len(state.ledger.lots), 5), np.int64)
    measure_all(state.ledger, state.book, out)
    return out


@given(st.integers(0, 2**32))
def test_numbers_equal_the_twin(seed: int) -> None:
    state = drawn_state(seed)
    assert (numbers_of(state) == margin_twin(state.ledger, state.book)).all()


@given(st.integers(0, 2**32))
def test_permuting_the_rows_changes_nothing(seed: int) -> None:
    state = drawn_state(seed)
    before = numbers_of(state)
    order = np.random.default_rng(seed).permutation(len(before))
    for array in (
        state.ledger.balances,
        state.ledger.lots,
        state.ledger.cost,
        state.book.open_lots,
    ):
        array[:] = array[order]
    assert (numbers_of(state) == before[order]).all()


@given(st.integers(0, 2**32), st.integers(0, 10**12))
def test_more_cash_raises_every_equity_and_no_requirement(seed: int, cash: int) -> None:
    state = drawn_state(seed)
    before = numbers_of(state)
    state.ledger.balances[:, 0] += cash
    assert (numbers_of(state) - before == [cash, cash, cash, 0, 0]).all()


@given(st.integers(0, 2**32))
def test_requirements_rise_with_the_position_and_initial_covers_maintenance(seed: int) -> None:
    state = drawn_state(seed)
    state.book.open_lots[:] = 0
    before = numbers_of(state)
    assert (before[:, 3] >= before[:, 4]).all()
    state.ledger.lots[:, ::2] *= 2
    after = numbers_of(state)
    assert (after[:, 3:] >= before[:, 3:]).all()


@given(st.integers(0, 2**32))
def test_haircuts_only_take_away(seed: int) -> None:
    numbers = numbers_of(drawn_state(seed))
    assert (numbers[:, 0] >= numbers[:, 2]).all()
    assert (numbers[:, 2] >= numbers[:, 1]).all()


@given(st.integers(0, 2**32))
def test_resting_orders_count_by_their_worst_case(seed: int) -> None:
    """The larger of what is held if all bids or all asks fill; maintenance knows no orders."""
    state = drawn_state(seed)
    row = first_row(state)
    worst = numbers_of(state)[row]
    bids, asks = state.book.open_lots[row, 0]
    held = state.ledger.lots[row, 0]
    asked = []
    for lots in (held + bids, held - asks):
        state.ledger.lots[row, 0] = lots
        state.book.open_lots[row, 0] = 0
        asked.append(numbers_of(state)[row, 3])
    assert worst[3] == max(asked)


# Published figures ------------------------------------------------------------------------------


def one_market(half_price: int, tiers: tuple[tuple[float, float, float], ...]) -> State:
    """A market in which half a tick times a lot is one unit of 1e-6 quote."""
    state = small_state(2, (Listing(tiers=tiers),))
    state.ledger.markets["mark"], state.ledger.markets["half_unit"] = half_price, 1
    return state


@pytest.mark.parametrize(
    ("lots", "half_price", "rate", "fraction", "initial", "maintenance"),
    [
        (74_523, 123_456, 0.05, 0.6, 460_015_575, 276_009_345),
        (12_000, 36_750, 0.2, 0.5, 88_200_000, 44_100_000),
    ],
)
def test_requirements_of_dydx(
    lots: int, half_price: int, rate: float, fraction: float, initial: int, maintenance: int
) -> None:
    """DYdX v4-chain, lib_test.go: 0.074523 BTC at 123,456 and 0.012 at 36,750."""
    state = one_market(half_price, ((0, rate, rate * fraction),))
    notional = lots * half_price
    assert abs(INITIAL(state.ledger, 0, notional) - initial) <= 1
    assert abs(MAINTENANCE(state.ledger, 0, notional) - maintenance) <= 1


def test_account_of_dydx() -> None:
    """DYdX v4-chain, subaccount_test.go: short 1 BTC at 50,000 and long 0.75 ETH at 3,000."""
    state = small_state(
        1,
        (
            Listing(price=50_000, tiers=((0, 0.5, 0.4),)),
            Listing(price=3_000, tiers=((0, 0.2, 0.1),)),
        ),
    )
    row = first_row(state)
    give(state, row, 1.0)
    state.ledger.lots[row] = -1000, 750
    equity, _, _, initial, maintenance = NUMBERS(state.ledger, state.book, row)
    assert (equity, initial, maintenance) == (-47_749 * ONE, 25_450 * ONE, 20_225 * ONE)


def test_tiers_of_hyperliquid() -> None:
    """Hyperliquid, margin tiers of BTC: 40x to 150m, 20x above; 200m needs 3.125m."""
    state = one_market(1, ((0, 1 / 40, 1 / 80), (150e6, 1 / 20, 1 / 40)))
    assert state.ledger.tiers["maintenance_credit"][0, 1] == pytest.approx(1_875_000 * ONE)
    assert MAINTENANCE(state.ledger, 0, 200_000_000 * ONE) == 3_125_000 * ONE


def bracket_tiers() -> tuple[tuple[float, float, float], ...]:
    """Those brackets as tiers, by their lower ends."""
    lowers = [0.0, *(bracket[0] for bracket in BRACKETS[:-1])]
    return tuple((low, 2 * b[1], b[1]) for low, b in zip(lowers, BRACKETS, strict=True))


def test_brackets_of_binance() -> None:
    state = one_market(1, bracket_tiers())
    credits = state.ledger.tiers["maintenance_credit"][0] / ONE
    assert credits == pytest.approx([bracket[2] for bracket in BRACKETS])
    for upper, rate, amount, _ in BRACKETS:
        notional = round((upper - 1) * ONE)
        assert MAINTENANCE(state.ledger, 0, notional) == pytest.approx(
            notional * rate - amount * ONE, abs=1
        )


@pytest.mark.parametrize("tier", range(1, len(BRACKETS)))
def test_requirements_are_continuous_where_brackets_meet(tier: int) -> None:
    state = one_market(1, bracket_tiers())
    edge = int(state.ledger.tiers["lower"][0, tier])
    for requirement in (INITIAL, MAINTENANCE):
        assert abs(requirement(state.ledger, 0, edge) - requirement(state.ledger, 0, edge - 1)) <= 2


@pytest.mark.parametrize(
    ("open_interest", "expected"), [(1.0e6, 0.2), (1.5e6, 0.6), (2.0e6, 1.0), (2.5e6, 1.0)]
)
def test_initial_rate_scaled_by_open_interest_as_in_dydx(
    open_interest: float, expected: float
) -> None:
    """DYdX v4-chain, liquidity_tier_test.go: 20% from 1m, 100% from 2m."""
    world = small_world(
        [("open_interest", {"lower": 1e6, "upper": 2e6})],
        2,
        markets=(Listing(tiers=((0, 0.2, 0.1),)),),
    )
    state = world.state
    state.parts["market"] = 0
    first = first_row(state)
    open_pair(state, first, first + 1, round(open_interest / 100.0 / 0.001))
    world.run(1)
    assert state.ledger.markets["initial_floor"][0] == expected
    notional = 1000 * ONE
    assert INITIAL(state.ledger, 0, notional) == expected * notional
    assert MAINTENANCE(state.ledger, 0, notional) == 0.1 * notional


# Health and states ------------------------------------------------------------------------------


def test_free_collateral_is_initial_equity_less_initial_requirement() -> None:
    state = drawn_state(4)
    row = first_row(state)
    numbers = NUMBERS(state.ledger, state.book, row)
    assert FREE(state.ledger, state.book, row) == numbers[1] - numbers[3]


def test_health_is_a_ratio_and_infinite_without_positions() -> None:
    state = small_state(2)
    row = first_row(state)
    give(state, row, 10.0)
    account = state.ledger.accounts
    from_python(measure)(state.ledger, state.book, row)
    assert from_python(health)(account[row]) == math.inf
    open_pair(state, row, row + 1, 1000)  # 100 of notional, 5 of maintenance
    from_python(measure)(state.ledger, state.book, row)
    from_python(measure)(state.ledger, state.book, row + 1)
    assert from_python(health)(account[row]) == 2.0
    assert from_python(health)(account[row + 1]) == 0.0
    assert from_python(is_unhealthy)(account[row + 1])


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (100.0, HEALTHY),  # equity 10 of 100, maintenance 5
        (97.0, MARGIN_CALL),  # 7 < 1.5 * 4.85
        (95.1, REDUCE_ONLY_STATE),  # 5.1 < 1.1 * 4.755
        (94.0, LIQUIDATING),  # 4 < 4.7
        (89.9, BANKRUPT),  # -0.1
    ],
)
def test_states_follow_the_health_of_a_falling_long(price: float, expected: int) -> None:
    world = small_world([("states", {})], 2)
    state = world.state
    row = first_row(state)
    give(state, row, 10.0)
    give(state, row + 1, 1000.0)
    open_pair(state, row, row + 1, 1000)
    set_price(state, 0, price)
    world.run(1)
    assert state.ledger.accounts["state"][row] == expected
    assert (state.ledger.accounts["breach_step"][row] == 0) == (expected >= LIQUIDATING)
    assert state.ledger.accounts["state"][row + 1] == HEALTHY


def test_a_saved_account_is_healthy_again_and_a_closed_one_stays_closed() -> None:
    world = small_world([("states", {})], 3)
    state = world.state
    row = first_row(state)
    open_pair(state, row, row + 1, 1000)
    state.ledger.accounts["state"][row + 2] = CLOSED
    world.run(1)
    assert state.ledger.accounts["state"][row:].tolist() == [LIQUIDATING, LIQUIDATING, CLOSED]
    give(state, row, 100.0)
    state.ledger.accounts["episode"][row] = 7
    world.run(1)
    account = state.ledger.accounts[row]
    assert (account["state"], account["breach_step"], account["episode"]) == (HEALTHY, -1, 0)


def test_a_breach_is_only_seen_when_it_is_looked_for() -> None:
    world = small_world([("states", {})], 2)
    state = world.state
    row = first_row(state)
    state.ledger.venue["check_every"] = 3
    give(state, row + 1, 100.0)
    world.run(1)
    open_pair(state, row, row + 1, 1000)
    seen = []
    for _ in range(4):
        world.run(1)
        seen.append(int(state.ledger.accounts["state"][row]))
    assert seen == [HEALTHY, HEALTHY, LIQUIDATING, LIQUIDATING]
    assert state.ledger.accounts["breach_step"][row] == 1  # it broke before the venue looked
