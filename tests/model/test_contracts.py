"""Inverse contracts: value, cost and profit in coins, and what venues publish about them."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.contracts import (
    coins_for,
    conceded_half,
    contract_value,
    contract_values,
    entry_prices,
    worth,
)
from crossmargin.model.kernel import from_python
from crossmargin.model.ledger import Parcel, convert, move_position, pay, unrealised
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import FEES, OUTSIDE, State
from tests.reference.ledger_twin import Position
from tests.small import (
    BASE_DECIMALS,
    HALF_UNIT,
    LOT,
    LOT_UNITS,
    ONE,
    TICK,
    Listing,
    first_row,
    give,
    open_pair,
    residuals_of,
    set_price,
    small_state,
)

COIN = 10**BASE_DECIMALS
INVERSE = Listing(kind="inverse", face=1.0, price=10_000.0)
SPOT = Listing(kind="spot", price=10_000.0, weights=(1.0, 1.0))
VALUE, MOVE = from_python(contract_value), from_python(move_position)
WORTH, COINS, CONCEDED = from_python(worth), from_python(coins_for), from_python(conceded_half)

lots = st.integers(-(10**9), 10**9)
prices = st.integers(1, 1 << 24)


def market(price: float = 10_000.0, face: float = 1.0, n: int = 4) -> State:
    """An inverse market, and the spot market that prices its coin."""
    listing = Listing(kind="inverse", face=face, price=price, tiers=((0, 0.01, 0.004),))
    coin = Listing(kind="spot", price=price, weights=(1.0, 1.0))
    return small_state(n, (listing, coin))


def move_price(state: State, price: float) -> None:
    """Set both marks."""
    set_price(state, 0, price)
    set_price(state, 1, price)


def equity_in_coins(state: State, row: int) -> Fraction:
    """Balance of the coin plus profit at the mark, whole coins."""
    gain = int(from_python(unrealised)(state.ledger, row, 0))
    return Fraction(int(state.ledger.balances[row, 1]) + gain, COIN)


@given(lots, prices, st.integers(1, 10**11))
def test_value_is_that_of_fractions_and_odd(n: int, price: int, face: int) -> None:
    state = market()
    row = state.ledger.markets[0]
    row["coin_face"] = face
    found = int(VALUE(row, n, price))
    assert found == -int(np.sign(n)) * floor(Fraction(abs(n) * face, price))
    assert found == -int(VALUE(row, -n, price))
    many = contract_values(row, np.array([n, -n]), np.array([price, price]))
    assert many.tolist() == [found, -found]


@given(lots, prices)
def test_a_linear_value_is_lots_times_price(n: int, price: int) -> None:
    row = small_state(2).ledger.markets[0]
    assert int(VALUE(row, n, price)) == n * price * HALF_UNIT
    assert contract_values(row, np.array([n]), np.array([price])).tolist() == [
        n * price * HALF_UNIT
    ]


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**7))
def test_coins_are_worth_the_mark_rounded_against_who_has_them(units: int, half: int) -> None:
    state = market()
    state.ledger.markets["mark"][1] = half
    value = Fraction(units * half * HALF_UNIT, LOT_UNITS)
    assert int(WORTH(state.ledger, 1, units)) == floor(value)
    assert int(WORTH(state.ledger, 0, units)) == units
    paid = min(abs(units), 10**13)  # what comes out must fit 62 bits
    bought = int(COINS(state.ledger, 1, paid))
    assert bought == floor(Fraction(paid * LOT_UNITS, half * HALF_UNIT))


@given(st.sampled_from([1, -1]), st.floats(0.0, 0.5), st.integers(1000, 10**6))
def test_a_concession_costs_its_share_of_the_notional(side: int, share: float, mark: int) -> None:
    state = market()
    row = state.ledger.markets[0]
    row["mark"] = mark
    price = float(CONCEDED(row, side * 50, share))
    lost = side * (1.0 / price - 1.0 / mark) * mark  # of the notional, coins valued at the mark
    assert lost == pytest.approx(share, abs=1e-12)


def test_profit_as_bitmex_states_it() -> None:
    """BitMEX, inverse perpetuals guide: contracts x 1 USD x (1 / entry - 1 / exit)."""
    state = market(10_000.0)
    long, short = first_row(state), first_row(state) + 1
    open_pair(state, long, short, 50_000)
    for price, profit in ((11_000.0, 0.4545), (9_000.0, -0.5556)):
        move_price(state, price)
        assert float(equity_in_coins(state, long)) == pytest.approx(profit, abs=5e-5)
        assert equity_in_coins(state, long) + equity_in_coins(state, short) == 0
    entry = entry_prices(state.ledger.markets[0], state.ledger.lots[:, 0], state.ledger.cost[:, 0])
    assert entry[[long, short]] * TICK / 2 == pytest.approx([10_000.0, 10_000.0])


def test_margin_as_binance_states_it() -> None:
    """Binance, COIN-M FAQ: 100 contracts of 100 at 25,000 are 0.4 BTC, 0.4% of it is 0.0016."""
    state = market(25_000.0, face=100.0)
    long = first_row(state)
    open_pair(state, long, long + 1, 100)
    from_python(measure_all)(state.ledger, state.book)
    required = int(state.ledger.accounts["maintenance_requirement"][long])
    assert abs(int(VALUE(state.ledger.markets[0], 100, 5_000_000))) == 0.4 * COIN
    assert required / ONE / 25_000.0 == pytest.approx(0.0016)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("coins", [0.5, 2.0])
def test_liquidation_price_of_coin_margined_futures(side: int, coins: float) -> None:
    """Binance COIN-M: (size MMR + side size) / (WB / face + side size / entry), one position."""
    size, face, entry, rate = 1000, 100.0, 10_000.0, 0.004
    state = market(entry, face)
    row = first_row(state)
    pair = (row, row + 1) if side > 0 else (row + 1, row)
    give(state, row, coins, asset=1)
    open_pair(state, *pair, size)
    stated = size * (rate + side) / (coins / face + side * size / entry)

    def is_healthy(price: float) -> bool:
        move_price(state, price)
        from_python(measure_all)(state.ledger, state.book)
        account = state.ledger.accounts[row]
        return bool(account["maintenance_equity"] >= account["maintenance_requirement"])

    if stated < 0:  # a short covered by more coins than it owes is never liquidated
        assert side < 0 and is_healthy(1e5)
        return
    assert is_healthy(stated * (1 + side * 1e-4))
    assert not is_healthy(stated * (1 - side * 1e-4))


@given(
    st.lists(st.tuples(st.integers(-5000, 5000), st.integers(10_000, 10**7)), max_size=25),
    st.integers(10_000, 10**7),
)
def test_cost_and_profit_are_those_of_fractions_to_a_unit_a_trade(
    made: list[tuple[int, int]], mark: int
) -> None:
    state = market()
    row, twin, face = first_row(state), Position(), int(state.ledger.markets["coin_face"][0])
    for n, half in made:
        MOVE(state.ledger, state.log, row + 1, row, Parcel(0, n, half))
        twin.trade(n, Fraction(-face, half))
        assert int(state.ledger.lots[row, 0]) == twin.lots
        assert abs(int(state.ledger.balances[row, 1]) - twin.realised) <= 2 * len(made)
        assert abs(int(state.ledger.cost[row, 0]) - twin.cost) <= 2 * len(made)
    state.ledger.markets["mark"][0] = mark
    gain = int(from_python(unrealised)(state.ledger, row, 0))
    exact = Fraction(-face * twin.lots, mark) - twin.cost
    assert abs(gain - exact) <= 2 * len(made) + 1


@given(st.floats(0.1, 5.0), st.floats(0.3, 0.999))
def test_a_long_funded_by_its_coin_falls_earlier_than_one_funded_by_the_stable(
    coins: float, fall: float
) -> None:
    """The same worth of collateral at the entry, the same long: at no price is the first better."""
    state = market(10_000.0, face=1.0, n=4)
    first = first_row(state)
    give(state, first, round(coins, 3), asset=1)
    give(state, first + 1, 10_000.0 * round(coins, 3))
    for row in (first, first + 1):
        open_pair(state, row, row + 2, 5 * 10_000)
    move_price(state, 10_000.0 * fall)
    from_python(measure_all)(state.ledger, state.book)
    accounts = state.ledger.accounts
    assert accounts["maintenance_equity"][first] < accounts["maintenance_equity"][first + 1]
    assert (
        accounts["maintenance_requirement"][first] == accounts["maintenance_requirement"][first + 1]
    )


moves = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, 3), st.integers(-(10**6), 10**6), st.integers(1, 10**7)
    ),
    max_size=25,
)


@given(moves)
def test_moves_at_any_price_conserve_coins_and_contracts(moved: list[tuple[int, ...]]) -> None:
    state = market()
    first = first_row(state)
    for i in range(4):
        give(state, first + i, 3.0, asset=1)
    for giver, taker, n, half in moved:
        MOVE(state.ledger, state.log, first + giver, first + taker, Parcel(0, n, half))
        assert set(residuals_of(state).values()) == {0}
    spot = state.ledger.balances[:, 1] // LOT_UNITS
    assert np.array_equal(state.ledger.lots[:, 1], spot)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-(10**9), 10**9)), max_size=10))
def test_payments_of_coins_keep_lots_and_the_class_ledger(paid: list[tuple[int, int]]) -> None:
    """Gains by class are those of whole lots, whatever rest below a lot is paid."""
    state = market()
    first = first_row(state)
    gained = np.zeros(len(state.ledger.lots), np.int64)
    for receiver, units in paid:
        from_python(pay)(state.ledger, state.log, 1, FEES, (first + receiver, units))
        state.log.shift[1, 2] += 3
        gained += 3 * state.ledger.lots[:, 1]
        assert set(residuals_of(state).values()) == {0}
    exact = state.log.by_class[:, 1] + state.ledger.lots[:, 1, None] * state.log.shift[1]
    assert np.array_equal(exact[:, 2], gained)
    assert np.array_equal(state.ledger.lots[:, 1], state.ledger.balances[:, 1] // LOT_UNITS)


@given(st.integers(-(10**10), 10**10))
def test_conversion_at_the_mark_conserves(units: int) -> None:
    state = market()
    row = first_row(state)
    from_python(pay)(state.ledger, state.log, 1, FEES, (row, units))
    gained = int(from_python(convert)(state.ledger, state.log, row, 1))
    exact = Fraction(units) / COIN * 10_000 * ONE
    assert state.ledger.balances[row, 1] == state.ledger.lots[row, 1] == 0
    assert gained == floor(exact) == state.ledger.balances[row, 0]
    assert state.ledger.balances[OUTSIDE].tolist() == [-gained, units]
    assert set(residuals_of(state).values()) == {0}


def test_a_lot_of_an_inverse_market_is_its_face_at_the_price() -> None:
    state = market(20_000.0, face=100.0)
    assert state.ledger.markets["lot"][0] == pytest.approx(100 / 20_000.0)
    assert state.ledger.markets["lot"][1] == LOT
