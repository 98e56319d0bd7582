"""Margin of options in whole units: a twin, entry of buyers and writers, orders that wait."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import NO_MARGIN
from crossmargin.model.world import World
from tests.options import (
    FIRST,
    HALF_UNIT,
    LOT,
    N_SERIES,
    ONE,
    PERP,
    TICK,
    market_of,
    option_world,
    put,
    trade,
)

MARGIN = {
    "short_initial": 0.15,
    "short_floor": 0.10,
    "short_maintenance": 0.075,
    "long_initial": 0.25,
    "long_maintenance": 0.5,
}


POOR = {"name": "people", "kind": "holders", "count": 6, "wealth": 100.0}


def up(value: Any) -> int:
    return math.ceil(float(value))


def need(m: Any, lots: int) -> int:
    """What a position takes of free collateral, quote units."""
    if lots >= 0:
        return up((1 - m["long_initial"]) * (lots * int(m["mark"]) * HALF_UNIT))
    index, strike = int(m["index"]), int(m["strike"])
    out = max(0, int(m["right"]) * (strike - index))
    rate = max(m["short_initial"] * index - out, m["short_floor"] * index)
    return up(-lots * HALF_UNIT * rate)


def twin(world: World, row: int) -> list[int]:
    """The five numbers of an account, one market after the other."""
    ledger, book = world.state.ledger, world.state.book
    found = [int(ledger.balances[row, 0])] * 3 + [0, 0]
    for m, market in enumerate(ledger.markets):
        lots, cost = int(ledger.lots[row, m]), int(ledger.cost[row, m])
        bids, asks = (int(x) for x in book.open_lots[row, m])
        mark = int(market["mark"]) * HALF_UNIT
        if m == PERP:
            gain = lots * mark - cost
            worst = max(abs(lots + bids), abs(lots - asks))
            parts = [gain, gain, gain, up(0.1 * (worst * mark)), up(0.05 * (abs(lots) * mark))]
        else:
            counted = [
                math.floor(max(lots, 0) * mark * market[f"long_{w}"])
                for w in ("initial", "maintenance")
            ]
            more = max(need(market, lots + bids), need(market, lots - asks)) - need(market, lots)
            short, asked, kept = max(-lots, 0), max(0, more), 0
            if short:
                rate = market["short_maintenance"] * int(market["index"])
                asked += need(market, lots) + short * mark
                kept = up(short * HALF_UNIT * rate) + short * mark
            parts = [lots * mark - cost, counted[0] - cost, counted[1] - cost, asked, kept]
        found = [a + b for a, b in zip(found, parts, strict=True)]
    return found


def numbers_of(world: World, row: int) -> list[int]:
    account = world.state.ledger.accounts[row]
    names = ("equity", "initial_equity", "maintenance_equity", "initial_requirement")
    return [int(account[name]) for name in (*names, "maintenance_requirement")]


orders = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, N_SERIES),
        st.sampled_from((1, -1)),
        st.integers(-15, 15),
        st.integers(1, 3000),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=25)
@given(st.integers(0, 100), orders)
def test_numbers_equal_a_twin_and_entry_keeps_everyone_in(
    seed: int, sent: list[tuple[int, int, int, int, int]]
) -> None:
    world = option_world(seed, option=[{"margin": MARGIN}])
    world.run(1)
    for account, market, side, away, lots in sent:
        half = int(world.state.ledger.markets["mark"][market])
        put(world, account, market, side, max(1, half // 2 + away) * TICK, lots)
    marks = world.state.ledger.markets["mark"].copy()
    world.run(1, audit=True)
    measure_all(world.state.ledger, world.state.book)
    for row in range(FIRST, FIRST + 6):
        numbers, expected = numbers_of(world, row), twin(world, row)
        # a float may round up by one unit where exact arithmetic would not
        assert np.abs(np.array(numbers) - expected).max() <= 2 * len(marks)
        assert numbers[0] == expected[0]
        assert numbers[1] >= numbers[3]


def test_a_buyer_pays_the_premium_and_no_more() -> None:
    world = option_world(population=[POOR])
    market = market_of(world, 1000.0, "C")
    price = math.ceil(world.state.ledger.markets["mark"][market] / 2) * TICK
    most = int(100.0 / (price * LOT))
    for account, lots in ((0, most), (1, most + 1)):
        put(world, account, market, 1, price, lots)
    world.run(1)
    assert world.state.book.open_lots[FIRST : FIRST + 2, market, 0].tolist() == [most, 0]
    assert int(world.state.log.counters[NO_MARGIN]) == 1


@pytest.mark.parametrize(("strike", "rate"), [(950.0, 0.15), (1000.0, 0.15), (1050.0, 0.10)])
def test_a_writer_needs_the_rule_of_the_venue(strike: float, rate: float) -> None:
    """Deribit: 15% less what it is out of the money, 10% at least; the mark comes in as premium."""
    world = option_world(population=[POOR])
    world.run(1)
    market = market_of(world, strike, "C")
    m = world.state.ledger.markets[market]
    most = int(100 * ONE / (rate * int(m["index"]) * HALF_UNIT))
    if strike == 1000.0:
        most = int(100 * ONE / (-need(m, -(10**6)) / -(10**6)))
    for account, lots in ((0, most), (1, most + 1)):
        put(world, account, market, -1, math.ceil(m["mark"] / 2 + 20) * TICK, lots)
    moved = world.state.outside.references["price"][0]
    assert moved > 0
    world.run(1)
    assert world.state.book.open_lots[FIRST : FIRST + 2, market, 1].tolist() == [most, 0]


def test_a_long_option_counts_by_its_weights_and_needs_nothing() -> None:
    world = option_world(option=[{"margin": MARGIN}])
    market = market_of(world, 950.0, "C")
    trade(world, 0, 1, market, 50.0, 1000)
    world.run(1)
    measure_all(world.state.ledger, world.state.book)
    equity, entry, kept, asked, required = numbers_of(world, FIRST)
    value = 1000 * HALF_UNIT * int(world.state.ledger.markets["mark"][market])
    paid = round(50.0 * 10 * ONE)
    assert equity == 10**5 * ONE - paid + value
    assert entry == 10**5 * ONE - paid + math.floor(0.25 * value)
    assert kept == 10**5 * ONE - paid + math.floor(0.5 * value)
    assert asked == required == 0


def test_closing_needs_no_margin() -> None:
    world = option_world(population=[POOR])
    market = market_of(world, 1000.0, "C")
    trade(world, 0, 1, market, 9.0, 50)
    world.run(1)
    assert world.state.ledger.lots[FIRST, market] == 50
    world.state.ledger.balances[FIRST, 0] -= 90 * ONE  # what is left of it is gone
    world.state.ledger.balances[FIRST + 2, 0] += 90 * ONE
    put(world, 0, market, -1, 8.0, 50)
    put(world, 0, market, -1, 8.0, 10)
    world.run(1)
    assert world.state.book.open_lots[FIRST, market, 1] == 50


@pytest.mark.parametrize(("price", "fee"), [(100.0, 1000 * 0.0003), (1.0, 0.125)])
def test_fees_are_of_the_index_and_never_more_than_a_part_of_the_price(
    price: float, fee: float
) -> None:
    world = option_world(option=[{"maker_fee": 0.0003, "taker_fee": 0.0003}])
    market = market_of(world, 1000.0, "C")
    index = world.state.ledger.markets["index"][market]
    assert index == 20000
    trade(world, 0, 1, market, price, 100)
    before = int(world.state.ledger.balances[1, 0])
    world.run(1, audit=True)
    got = int(world.state.ledger.balances[1, 0]) - before
    index = int(world.state.ledger.markets["index"][market]) * TICK / 2
    expected = 2 * 100 * LOT * min(0.0003 * index, 0.125 * price) * ONE
    assert got == pytest.approx(expected, abs=2.1)
    assert fee * 0.95 < got / (2 * 100 * LOT * ONE) < fee * 1.05


def test_a_change_of_margins_reaches_short_options() -> None:
    shock = [{"kind": "margin_change", "at": 10.0, "initial": 2.0, "maintenance": 3.0}]
    world = option_world(shock=shock)
    world.run(2)
    markets = world.state.ledger.markets[1:]
    for name, rate in (("short_initial", 0.3), ("short_floor", 0.2), ("short_maintenance", 0.225)):
        assert markets[name].tolist() == pytest.approx([rate] * N_SERIES)
    assert not any(world.state.ledger.markets[name][PERP] for name in ("short_initial", "right"))
