"""Markets against a pool: published prices, fees and funding, caps, conservation, failure."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.kernel import from_python
from crossmargin.model.loop import run_part
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.parts import row_of
from crossmargin.model.pool_fees import balance_rate, utilisation, velocity_of
from crossmargin.model.pools import (
    BY_POWER,
    pool_capital,
    pool_equity,
    pool_tick,
    power_impact,
    sides_of,
    skew_impact,
    skew_of,
)
from crossmargin.model.state import (
    ACCEPTED,
    ADL,
    FORCED,
    HAIRCUT,
    IMMEDIATE_OR_CANCEL,
    MARKET_ORDER,
    POOL_CAP,
    POST_ONLY,
    REDUCE_ONLY,
    Array,
    State,
)
from crossmargin.model.world import World
from tests.model.pool_market import POOL_ROW, pool_state, pool_world, rows_of
from tests.small import HALF_UNIT, ONE, TICK, clock_step, give, residuals_of, send, set_price

TICK_OF = from_python(pool_tick)


def trade(state: State, row: int, lots: int, **fields: int) -> None:
    """Let an account trade signed lots with the pool at whatever price."""
    side = 1 if lots > 0 else -1
    send(state, row, side, 1, abs(lots), action=MARKET_ORDER, **fields)


def index(state: State, price: float) -> None:
    """Set index, mark and mid."""
    set_price(state, 0, price)
    state.book.ladders["mid"][0] = state.ledger.markets["mark"][0]


def equity(state: State, row: int) -> int:
    from_python(measure_all)(state.ledger, state.book)
    return int(state.ledger.accounts["equity"][row])


# Published ----------------------------------------------------------------------------------------


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6), st.integers(1, 10**9))
def test_the_skew_moves_a_price_by_its_middle(skew: int, lots: int, scale: int) -> None:
    """Synthetix v3: mean of the prices that the skew before and after makes."""
    before, after = 1 + Fraction(skew, scale), 1 + Fraction(skew + lots, scale)
    found = 1.0 + float(from_python(skew_impact)(float(skew), float(lots), float(scale)))
    assert found == pytest.approx(float((before + after) / 2), abs=1e-9 * max(1, abs(found)))


@pytest.mark.parametrize(
    ("skew", "lots", "price"), [(100, 100, 2000.3), (50, 5, 2000.105), (50, -5, 2000.095)]
)
def test_fill_prices_as_published(skew: int, lots: int, price: float) -> None:
    """SIP-279, test case (CC0), and Mars protocol, price impact: 2,000 ETH, scale 1e6 ETH."""
    assert 2000.0 * (1.0 + float(from_python(skew_impact)(skew, lots, 1e6))) == pytest.approx(price)
    state = pool_state(1, 1e6, price=2000.0, skew_scale=1e9)  # a lot is a thousandth
    state.ledger.lots[POOL_ROW, 0] = -1000 * skew
    rounded = math.ceil if lots > 0 else math.floor
    assert int(TICK_OF(state.ledger, 0, 1000 * lots)) == rounded(price / TICK - 1e-6 * lots)


def test_funding_as_published() -> None:
    """SIP-279, test case (CC0): a skew of 100 of 1e6 at 300% for a day costs 30 on 200,000."""
    world = fees_world(max_velocity=3.0, borrowing=0.0, interval=86400.0)
    state, row = world.state, rows_of(world.state)[0]
    state.ledger.pools["skew_scale"][0] = 3000 * 1e4  # the skew of its traders is 3,000 lots
    before = int(state.ledger.balances[row, 0])
    run_fees(world, 86400)
    assert state.ledger.markets["premium_sum"][0] == pytest.approx(0.0003)
    notional = 4000 * 2 * 10_000 * HALF_UNIT
    assert before - state.ledger.balances[row, 0] == pytest.approx(notional * 30 / 200_000, abs=1)


def test_velocity_as_synthetix_states_it() -> None:
    """SIP-279 and SCCP-298: at most 9 a day and day, times the skew over its scale."""
    found = [float(from_python(velocity_of)(s, 1e6, 9.0)) for s in (0.0, 5e5, -2e6, 1e6)]
    assert found == [0.0, 4.5, -9.0, 9.0]


@given(st.floats(-1e7, 1e7), st.floats(-1e7, 1e7))
def test_power_impact_as_gmx_states_it(before: float, after: float) -> None:
    """GMX v2, PricingUtils.sol: factors times the imbalance to a power, before less after."""
    state = pool_state(1, 1e6)
    pool = state.ledger.pools[0]
    pool["improving"], pool["worsening"], pool["exponent"] = 5e-8, 1e-7, 2.0
    found = float(from_python(power_impact)(pool, before, after))
    d0, d1 = abs(before), abs(after)
    if before * after < 0:
        assert found == pytest.approx(5e-8 * d0**2 - 1e-7 * d1**2)
    elif d1 < d0:
        assert found == pytest.approx(5e-8 * (d0**2 - d1**2)) and found >= 0
    else:
        assert found == pytest.approx(1e-7 * (d0**2 - d1**2)) and found <= 0


def test_impact_funding_and_borrowing_as_gmx_publishes_them() -> None:
    """README of gmx-synthetics: -500 and +375; 0.00001 of longs to 0.00003 of shorts; 0.000016."""
    state = pool_state(1, 250_000.0)
    pool = state.ledger.pools[0]
    pool["improving"] = pool["worsening"] = 0.01 / 50_000
    found = [float(from_python(power_impact)(pool, *pair)) for pair in ((0, 5e4), (5e4, 25e3))]
    assert found == pytest.approx([-500.0, 375.0])
    rate = float(from_python(balance_rate)(150_000.0, 50_000.0, 1 / 50_000, 1.0))
    assert (rate, rate * 150_000 / 50_000) == pytest.approx((1e-5, 3e-5))
    (row,) = rows_of(state)
    give(state, row, 1e6)
    pool["skew_scale"] = 1e15
    trade(state, row, 1_500_000)
    capital = int(from_python(pool_capital)(state.ledger, 0))
    state.ledger.balances[POOL_ROW, 0] -= capital - 250_000 * ONE  # the fee of opening
    index(state, 100.0 * 200 / 150)  # 50,000 of open profit
    used = float(from_python(utilisation)(state.ledger, 0))
    assert used / 50_000 == pytest.approx(0.000016, rel=1e-4)


def test_a_balanced_pool_with_power_impact() -> None:
    """50,000 long into balance at 1e-7: 250 worse; closed again at 5e-8: 125 better."""
    state = pool_state(1, 1e6)
    pool = state.ledger.pools[0]
    pool["impact"], pool["improving"], pool["worsening"] = BY_POWER, 5e-8, 1e-7
    bought = int(TICK_OF(state.ledger, 0, 500_000))  # 50,000 at 100 with lots of a thousandth
    assert bought * TICK == pytest.approx(100 * (1 + 250 / 50_000))
    state.ledger.lots[POOL_ROW, 0] = -500_000
    sold = int(TICK_OF(state.ledger, 0, -500_000))
    assert sold * TICK == pytest.approx(100 * (1 + 125 / 50_000))
    pool["most_impact"] = 0.001
    assert int(TICK_OF(state.ledger, 0, -500_000)) * TICK == pytest.approx(100.1)


@given(st.floats(1.0, 1e8), st.floats(0.0, 1e8), st.floats(0.5, 2.0))
def test_rate_of_balance_as_gmx_states_it(one: float, other: float, exponent: float) -> None:
    larger, smaller = max(one, other), min(one, other)
    found = float(from_python(balance_rate)(larger, smaller, 2e-8, exponent))
    whole = 2e-8 * (larger - smaller) ** exponent / (larger + smaller) if smaller > 0 else 0.0
    assert found == pytest.approx(whole)


# Trades -------------------------------------------------------------------------------------------

trades = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-3000, 3000), st.floats(80, 120)),
    min_size=1,
    max_size=20,
)


@given(trades, st.booleans())
@settings(max_examples=60)
def test_trades_conserve_and_the_pool_holds_the_skew(
    made: list[tuple[int, int, float]], by_power: bool
) -> None:
    state = pool_state(4, 5_000.0)
    pool, rows = state.ledger.pools[0], rows_of(state)
    pool["impact"], pool["improving"], pool["worsening"] = int(by_power), 5e-6, 1e-5
    for row in rows:
        give(state, row, 200.0)
    whole = sum(equity(state, row) for row in range(len(state.ledger.lots)))
    for account, lots, price in made:
        index(state, price)
        if lots != 0:
            trade(state, rows[account], lots)
        assert set(residuals_of(state).values()) == {0}
        held = state.ledger.lots[list(rows), 0]
        assert skew_of_traders(state) == held.sum() == -state.ledger.lots[POOL_ROW, 0]
        longs, shorts = from_python(sides_of)(state.ledger, 0)
        assert (int(longs), int(shorts)) == (held[held > 0].sum(), -held[held < 0].sum())
        total = sum(equity(state, row) for row in range(len(state.ledger.lots)))
        settled = int(state.ledger.balances[POOL_ROW - 1, 0])
        assert total - settled == whole
        open_gain = sum_of_gains(state)
        capital = int(from_python(pool_capital)(state.ledger, 0))
        assert int(from_python(pool_equity)(state.ledger, 0)) == capital - open_gain


def skew_of_traders(state: State) -> int:
    return int(from_python(skew_of)(state.ledger, 0))


def sum_of_gains(state: State) -> int:
    """What all traders have gained and not realised, quote units."""
    mark, rows = int(state.ledger.markets["mark"][0]), list(rows_of(state))
    return int((state.ledger.lots[rows, 0] * mark * HALF_UNIT - state.ledger.cost[rows, 0]).sum())


def test_fees_are_the_makers_for_what_lowers_the_skew() -> None:
    state = pool_state(2, 1e6, skew_scale=1e12)
    one, two = rows_of(state)
    give(state, one, 1e4)
    give(state, two, 1e4)
    trade(state, one, 1000)
    value = 2 * 10_000 * HALF_UNIT  # of a lot
    paid = 1e4 * ONE - state.ledger.balances[one, 0]
    assert paid == math.ceil(value * 1000 * 0.0006)
    trade(state, two, -3000)
    paid = 1e4 * ONE - state.ledger.balances[two, 0]
    assert paid == pytest.approx(value * (1000 * 0.0002 + 2000 * 0.0006), abs=1)
    assert state.book.ladders["volume"][0] == 4000


def refused(state: State) -> int:
    return int(state.log.counters[POOL_CAP])


def test_caps_hold_for_who_grows_and_let_out_who_reduces() -> None:
    state = pool_state(2, 1e4)
    pool, (one, two) = state.ledger.pools[0], rows_of(state)
    give(state, one, 1e4)
    give(state, two, 1e4)
    pool["most_open"] = 300 * ONE
    trade(state, one, 2000)
    assert refused(state) == 0 and state.ledger.lots[one, 0] == 2000
    trade(state, two, 2000)
    assert refused(state) == 1 and state.ledger.lots[two, 0] == 0
    trade(state, two, -2000)  # the other side has room of its own
    assert state.ledger.lots[two, 0] == -2000
    pool["most_open"] = ONE
    trade(state, one, -500)
    assert state.ledger.lots[one, 0] == 1500
    pool["most_open"], pool["reserve"] = 0, 0.001
    trade(state, one, 100)
    assert state.ledger.lots[one, 0] == 1500 and refused(state) == 2
    trade(state, one, -1500, flags=REDUCE_ONLY)
    assert state.ledger.lots[one, 0] == 0


def test_an_order_trades_whole_within_its_limit_and_never_rests() -> None:
    state = pool_state(1, 1e5, skew_scale=1e5)
    (row,) = rows_of(state)
    give(state, row, 1e4)
    for price, life in ((10_000, 0), (10_049, IMMEDIATE_OR_CANCEL)):
        assert send(state, row, 1, price, 1000, life=life) == 0
        assert state.ledger.lots[row, 0] == 0
    assert send(state, row, 1, 10_050, 1000) == 0  # 100 (1 + 1000 / 2e5)
    assert state.ledger.lots[row, 0] == 1000
    assert send(state, row, 1, 10_500, 1000, flags=POST_ONLY) == 0
    assert state.ledger.lots[row, 0] == 1000
    assert not state.book.open_lots.any()
    assert state.log.counters[ACCEPTED] == 3


def test_margin_counts_what_the_price_of_the_pool_costs() -> None:
    state = pool_state(1, 1e5, skew_scale=1e4)
    (row,) = rows_of(state)
    give(state, row, 12.0)
    trade(state, row, 1000)  # 100 of notional: 10 of margin, 5 of impact
    assert state.ledger.lots[row, 0] == 0
    give(state, row, 4.0)
    trade(state, row, 1000)
    assert state.ledger.lots[row, 0] == 1000


# Funding ------------------------------------------------------------------------------------------


def fees_world(**numbers: Any) -> World:
    world = pool_world(("pool_fees",), 3, 1e6)
    row_of_numbers = row_of(world.parts[0].parameters(**({"interval": 60.0} | numbers)))
    world.state.params[0, : len(row_of_numbers)] = row_of_numbers
    for row, lots in zip(rows_of(world.state), (4000, 1000, -2000), strict=True):
        give(world.state, row, 1e4)
        trade(world.state, row, lots)
    return world


def run_fees(world: World, step: int) -> None:
    clock_step(world.state, step)
    run_part(world.program, world.state, 0, step)
    assert set(residuals_of(world.state).values()) == {0}


def test_the_rate_moves_with_the_skew_and_the_pool_pays_the_difference() -> None:
    world = fees_world(max_velocity=9.0, borrowing=0.0)
    state, rows = world.state, rows_of(world.state)
    before = state.ledger.balances[:, 0].copy()
    run_fees(world, 60)
    days = 60 / 86400
    rate = 9.0 * 3000 / 1e6 * days
    assert state.ledger.markets["premium_sum"][0] == pytest.approx(rate)
    notional = 2 * 10_000 * HALF_UNIT * np.array([4000, 1000, -2000])
    change = (state.ledger.balances[:, 0] - before)[list(rows)]
    assert change == pytest.approx(-notional * 0.5 * rate * days, abs=1.01)
    pool = int(state.ledger.balances[POOL_ROW, 0] - before[POOL_ROW])
    assert pool == pytest.approx(-change.sum(), abs=5)
    run_fees(world, 120)
    assert state.ledger.markets["premium_sum"][0] == pytest.approx(2 * rate)


def test_the_larger_side_pays_the_smaller_and_the_pool_nothing() -> None:
    world = fees_world(funding="balance", borrowing=0.0, funding_factor=1e-4)
    state, rows = world.state, rows_of(world.state)
    before = state.ledger.balances[:, 0].copy()
    run_fees(world, 60)
    rate = 1e-4 * 300.0 / 700.0 * 60
    change = (state.ledger.balances[:, 0] - before)[list(rows)]
    paid = 500e6 * rate
    assert change == pytest.approx([-0.8 * paid, -0.2 * paid, paid], abs=2)
    assert state.ledger.balances[POOL_ROW, 0] == before[POOL_ROW]


def test_borrowing_goes_to_the_pool() -> None:
    world = fees_world(max_velocity=0.0, borrowing=0.5)
    state = world.state
    used = 500.0 / (int(from_python(pool_capital)(state.ledger, 0)) / ONE)
    before = int(state.ledger.balances[POOL_ROW, 0])
    run_fees(world, 60)
    due = 700e6 * 0.5 * used * 60 / (365 * 86400)
    assert state.ledger.balances[POOL_ROW, 0] - before == pytest.approx(due, abs=3)
    assert state.ledger.pools["borrowed"][0] == state.ledger.balances[POOL_ROW, 0] - before


# Failure ------------------------------------------------------------------------------------------


def adl_world(lots: tuple[int, ...], capital: float) -> World:
    world = pool_world(("pool_adl",), len(lots), capital)
    for row, size in zip(rows_of(world.state), lots, strict=True):
        give(world.state, row, 1e3)
        trade(world.state, row, size)
    return world


def deleverage(world: World, price: float) -> int:
    index(world.state, price)
    from_python(measure_all)(world.state.ledger, world.state.book)
    found = int(run_part(world.program, world.state, 0, 1))
    assert set(residuals_of(world.state).values()) == {0}
    return found


def test_the_largest_winners_are_closed_until_the_pool_can_pay() -> None:
    world = adl_world((5000, 3000, 1000), 200.0)
    rows = rows_of(world.state)
    assert deleverage(world, 115.0) == 0  # 135 of 200
    index(world.state, 120.0)
    before = [equity(world.state, row) for row in (*rows, POOL_ROW)]
    assert deleverage(world, 120.0) == 1  # 180 of 200: the first closes, 80 of 100 is left
    assert deleverage(world, 120.0) == 0
    assert world.state.ledger.lots[list(rows), 0].tolist() == [0, 3000, 1000]
    after = [equity(world.state, row) for row in (*rows, POOL_ROW)]
    assert after == before  # at the index nobody gains or loses
    events = world.rows("events")
    assert events["kind"].tolist() == [ADL]
    assert events["other"][0] == POOL_ROW


@given(
    st.lists(st.integers(-3000, 5000).filter(bool), min_size=3, max_size=3),
    st.floats(10.0, 300.0),
    st.floats(20.0, 400.0),
)
@settings(max_examples=60)
def test_a_pool_that_fails_pays_what_it_has_and_owes_nothing(
    lots: list[int], capital: float, price: float
) -> None:
    world = adl_world(tuple(lots), capital)
    state, rows = world.state, list(rows_of(world.state))
    index(state, price)
    before = np.array([equity(state, row) for row in rows])
    missing = -int(from_python(pool_equity)(state.ledger, 0))
    gains = sum_by_trader(state)
    deleverage(world, price)
    if missing <= 0:
        assert state.ledger.pools["failed_step"][0] == -1
        return
    events = world.rows("events")
    cuts = events[events["kind"] == HAIRCUT]
    given_up = np.array([cuts["amount"][cuts["other"] == row].sum() for row in rows])
    assert given_up.sum() == min(missing, gains[gains > 0].sum())
    assert state.ledger.pools["haircut"][0] == given_up.sum()
    assert (given_up <= np.maximum(0, gains)).all()
    assert (np.array([equity(state, row) for row in rows]) == before - given_up).all()
    assert not state.ledger.lots.any()
    assert state.ledger.balances[POOL_ROW, 0] == given_up.sum() - missing
    assert state.ledger.markets["halted_until"][0] > 1 << 32
    trade(state, rows[0], 10)
    assert not state.ledger.lots.any()


def sum_by_trader(state: State) -> Array:
    mark, rows = int(state.ledger.markets["mark"][0]), list(rows_of(state))
    return state.ledger.lots[rows, 0] * mark * HALF_UNIT - state.ledger.cost[rows, 0]


def test_nobody_trades_with_a_pool_that_cannot_pay() -> None:
    world = adl_world((5000, 1000, 1000), 50.0)
    state, rows = world.state, rows_of(world.state)
    index(state, 120.0)
    for kind in (0, FORCED):
        trade(state, rows[0], -5000, author_class=kind)
    assert state.ledger.lots[rows[0], 0] == 5000
    assert refused(state) == 2
