"""Expiry: what is paid is the payoff of the average to the unit, and nothing is left behind."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.experiments.frames import events
from crossmargin.model.kernel import from_python
from crossmargin.model.options.expiry import FOREVER, payoff_half
from crossmargin.model.saving import load_state, save_state
from crossmargin.model.state import HALTED, REDUCE_ONLY, RISING, STOP_ORDER
from crossmargin.model.world import World
from tests.options import (
    EXPIRY,
    FIRST,
    HALF_UNIT,
    N_SERIES,
    STRIKES,
    TICK,
    WINDOW,
    cash,
    indices,
    market_of,
    option_world,
    put,
    trade,
)

PAYOFF = from_python(payoff_half)


def payoff_twin(right: int, strike: int, samples: list[int]) -> int:
    """Payoff of the average, to the nearest half tick, halves up."""
    inside = right * (Fraction(sum(samples), len(samples)) - strike)
    return max(0, int((inside + Fraction(1, 2)) // 1))


@given(
    st.sampled_from((1, -1)),
    st.integers(1, 10**7),
    st.lists(st.integers(1, 10**7), min_size=1, max_size=50),
)
def test_the_payoff_is_that_of_the_average_in_whole_numbers(
    right: int, strike: int, samples: list[int]
) -> None:
    found = PAYOFF(right, strike, sum(samples), len(samples))
    assert found == payoff_twin(right, strike, samples)


def settled(world: World) -> dict[int, int]:
    """Payoff of each series of the first expiry, from the index at the end of each block."""
    samples = [int(x) for x in indices(world)[EXPIRY - WINDOW : EXPIRY]]
    found = {}
    for strike in STRIKES:
        for word, right in (("C", 1), ("P", -1)):
            halves = round(2 * strike / TICK)
            found[market_of(world, strike, word)] = payoff_twin(right, halves, samples)
    return found


def test_positions_are_closed_at_what_they_pay_to_the_unit() -> None:
    world = option_world()
    before = cash(world)
    prices = {m: 5.0 + k for k, m in enumerate(range(1, 1 + N_SERIES // 2))}
    for m, price in prices.items():
        trade(world, 0, 1, m, price, 10 * m)
        trade(world, 2, 0, m, price + 1.0, 4 * m)
    world.run(EXPIRY, audit=True)
    payoffs = settled(world)
    assert set(payoffs) == set(prices)
    expected = before.copy()
    for m, price in prices.items():
        paid, again = round(2 * price / TICK), round(2 * (price + 1.0) / TICK)
        expected[0] += HALF_UNIT * m * (6 * payoffs[m] - 10 * paid + 4 * again)
        expected[1] += HALF_UNIT * m * (10 * paid - 10 * payoffs[m])
        expected[2] += HALF_UNIT * m * (4 * payoffs[m] - 4 * again)
    assert cash(world).tolist() == expected.tolist()
    ledger = world.state.ledger
    for m in prices:
        assert not ledger.lots[:, m].any() and not ledger.cost[:, m].any()
        assert ledger.balances[ledger.markets["settlement"][m], 0] == 0
        assert ledger.markets["open_interest"][m] == 0
        assert ledger.markets["mark"][m] == payoffs[m]


def test_expiries_are_events_with_what_was_paid() -> None:
    world = option_world()
    market = market_of(world, 950.0, "C")
    trade(world, 0, 1, market, 51.0, 30)
    world.run(EXPIRY)
    found = events(world)
    rows = found[found["kind"] == "expiry"].set_index("account")
    assert set(rows["market"]) == {"X-200s-950-C"} and set(rows["step"]) == {EXPIRY - 1}
    assert rows["quantity"].tolist() == pytest.approx([-0.3, 0.3])
    assert rows["amount"].sum() == 0 and rows.loc[FIRST, "amount"] > 0
    assert rows.loc[FIRST, "amount"] == pytest.approx(0.3 * rows.loc[FIRST, "price"])


def test_what_rests_and_waits_is_cancelled_and_trading_has_ended() -> None:
    world = option_world()
    market, later = market_of(world, 1000.0, "C"), market_of(world, 1000.0, "C", 1)
    trade(world, 0, 1, market, 10.0, 5)
    world.run(1)
    for m in (market, later):
        put(world, 2, m, 1, 1.0, 7)
    stop = {"action": STOP_ORDER, "order": 10**5, "flags": REDUCE_ONLY | RISING}
    put(world, 0, market, -1, 0.0, 5, **stop)
    world.run(1)
    state = world.state
    assert state.stops.desk["armed"][0] == 1
    world.run(EXPIRY - 2, audit=True)
    assert state.stops.desk["armed"][0] == 0
    assert state.book.open_lots[FIRST + 2, market].tolist() == [0, 0]
    assert state.book.open_lots[FIRST + 2, later].tolist() == [7, 0]
    assert state.ledger.markets["halted_until"][market] == FOREVER
    refused = int(state.log.counters[HALTED])
    put(world, 3, market, 1, 1.0, 1)
    put(world, 3, later, 1, 1.0, 1)
    world.run(1, audit=True)
    assert int(state.log.counters[HALTED]) == refused + 1
    assert state.book.open_lots[FIRST + 3, later, 0] == 1


#: Who sends, to which market, the side, how far the price is from the mark in ticks, lots.
Sent = tuple[int, int, int, int, int]
sent = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, N_SERIES),
        st.sampled_from((1, -1)),
        st.integers(-20, 20),
        st.integers(1, 400),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.lists(sent, min_size=1, max_size=12))
def test_any_trading_and_its_expiry_conserve_everything(
    seed: int, blocks: list[list[Sent]]
) -> None:
    world = option_world(seed)
    for block in blocks:
        for account, market, side, away, lots in block:
            half = int(world.state.ledger.markets["mark"][market])
            put(world, account, market, side, max(1, half // 2 + away) * TICK, lots)
        world.run(1, audit=True)
    world.run(2 * EXPIRY - world.step, audit=True)
    state = world.state
    series = slice(1, 1 + N_SERIES)
    assert not state.ledger.lots[:, series].any() and not state.ledger.cost[:, series].any()
    rows = state.ledger.markets["settlement"][series]
    assert not state.ledger.balances[rows, 0].any()
    assert not state.book.open_lots[:, series].any()
    assert (state.options.expiries["settled"] == 1).all()
    gains = state.log.by_class + state.ledger.lots[:, :, None] * state.log.shift
    assert (
        not gains[:, series].sum(axis=0).any()
    )  # of all accounts by class, what one wins one loses


def test_a_saved_state_goes_on_as_the_one_that_was_saved(tmp_path: Path) -> None:
    world = option_world(4)
    for k, market in enumerate(range(1, 1 + N_SERIES)):
        trade(world, k % 6, (k + 1) % 6, market, 20.0, 50 + k)
    world.run(EXPIRY - 3)
    world.seal()
    save_state(world.state, tmp_path / "state.npz")
    again = option_world(4)
    again.state, _ = load_state(tmp_path / "state.npz", again.state)
    again.step = world.step
    for each in (world, again):
        each.run(10, audit=True)
    assert again.state.ledger.balances.tobytes() == world.state.ledger.balances.tobytes()
    for ours, theirs in zip(world.state.options, again.state.options, strict=True):
        assert np.array_equal(ours, theirs)


def test_a_run_shorter_than_its_options_leaves_them_alive() -> None:
    world = option_world()
    trade(world, 0, 1, market_of(world, 1000.0, "C", 1), 10.0, 5)
    world.run(EXPIRY + 5, audit=True)
    assert world.state.options.expiries["settled"].tolist() == [1, 0]
    held = world.state.ledger.lots[FIRST : FIRST + 2, market_of(world, 1000.0, "C", 1)]
    assert np.array_equal(held, [5, -5])
