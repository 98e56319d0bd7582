"""Liquidation of option positions: through the book at prices close to nothing, vault, ADL."""

from typing import Any

import numpy as np
import pytest

from crossmargin.experiments import frames
from crossmargin.model.kernel import from_python
from crossmargin.model.ledger import Parcel, move_position
from crossmargin.model.liquidation.prices import option_slipped_half
from crossmargin.model.liquidation.sizes import lots_to_target
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import BACKSTOP, CLOSED
from crossmargin.model.world import World
from tests.options import FIRST, HALF_UNIT, ONE, TICK, WATERFALL, market_of, option_world, put

SLIPPED = from_python(option_slipped_half)
TO_TARGET = from_python(lots_to_target)
MOVE = from_python(move_position)


def short_world(
    strike: float, right: str, cash: float, waterfall: Any = WATERFALL, **venue: Any
) -> World:
    """The first account has sold 10 units of a series to the second and has some cash."""
    kinds = [{"kind": kind} if isinstance(kind, str) else kind for kind in waterfall]
    world = option_world(venue={"waterfall": kinds, **venue})
    world.run(1)
    state, market = world.state, market_of(world, strike, right)
    mark = int(state.ledger.markets["mark"][market])
    MOVE(state.ledger, state.log, FIRST, FIRST + 1, Parcel(market, 1000, mark))
    ledger = state.ledger
    rest = round(cash * ONE) - int(ledger.balances[FIRST, 0])
    ledger.balances[FIRST, 0] += rest
    ledger.balances[FIRST + 5, 0] -= rest
    return world


@pytest.mark.parametrize("mark", [1, 2, 3, 40, 1000])
@pytest.mark.parametrize("side", [1, -1])
def test_a_limit_leaves_room_even_where_a_series_is_worth_nothing(mark: int, side: int) -> None:
    world = option_world()
    m = world.state.ledger.markets[1]
    found = SLIPPED(m, float(mark), side, (0.05, 0.005))
    room = max(0.05 * mark, 0.005 * 20000, 2.0)
    assert found == pytest.approx(max(2.0, mark - room) if side > 0 else mark + room)


def test_a_short_of_little_worth_is_bought_back_through_the_book() -> None:
    """The put is worth cents; its writer is far below 7.5% of the index and offers some dollars."""
    world = short_world(950.0, "P", 700.0)
    state, market = world.state, market_of(world, 950.0, "P")
    assert state.ledger.markets["mark"][market] < 100
    price = state.ledger.markets["mark"][market] * TICK / 2 + 2.0
    put(world, 2, market, -1, price, 400)
    put(world, 3, market, -1, 90.0, 1000)
    world.run(2, audit=True)
    rows = world.rows("liquidations")
    assert len(rows) and set(rows["account"]) == {FIRST} and set(rows["market"]) == {market}
    assert int(rows["quantity"].sum()) == -400  # the dear offer is beyond the limit
    assert state.ledger.lots[FIRST, market] == -600
    assert (rows["slippage"] > 0).all()


def test_long_options_are_closed_after_what_needs_margin() -> None:
    world = short_world(1000.0, "P", 700.0)
    state = world.state
    put_market, call = market_of(world, 1000.0, "P"), market_of(world, 1050.0, "C")
    mark = int(state.ledger.markets["mark"][call])
    MOVE(state.ledger, state.log, FIRST + 1, FIRST, Parcel(call, 10, mark))
    for market, side in ((put_market, -1), (call, 1)):
        put(world, 2, market, side, max(1.0, state.ledger.markets["mark"][market] * TICK / 2), 2000)
    world.run(2, audit=True)
    rows = world.rows("liquidations")
    assert rows["market"][0] == put_market
    assert state.ledger.lots[FIRST, put_market] > -1000


def test_the_vault_takes_options_and_sells_them_on() -> None:
    world = short_world(950.0, "P", 400.0, waterfall=("backstop", "unwind"))
    state, market = world.state, market_of(world, 950.0, "P")
    world.run(1, audit=True)
    assert state.ledger.lots[BACKSTOP, market] == -1000 and not state.ledger.lots[FIRST].any()
    price = state.ledger.markets["mark"][market] * TICK / 2 + 0.2
    put(world, 2, market, -1, price, 300)
    world.run(3, audit=True)
    assert state.ledger.lots[BACKSTOP, market] == -700
    expired = 20
    world.run(expired, audit=True)
    assert not state.ledger.lots[:, market].any()


@pytest.mark.parametrize("price", ["bankruptcy", "mark"])
def test_a_bankrupt_writer_is_deleveraged_against_holders(price: str) -> None:
    adl = {"kind": "adl", "trigger": "bankrupt", "price": price}
    world = short_world(1000.0, "C", -7.0, waterfall=("book_orders", adl, "insurance", "socialise"))
    state, market = world.state, market_of(world, 1000.0, "C")
    world.run(2, audit=True)
    found = frames.events(world)
    assert {"adl"} <= set(found["kind"])
    assert not state.ledger.lots[:, market].any()
    if price == "bankruptcy":
        assert 0 <= state.ledger.balances[FIRST, 0] <= HALF_UNIT * 1000
    assert (state.ledger.accounts["state"][FIRST] == CLOSED) == (price == "mark")


def test_lots_to_a_target_bring_health_back() -> None:
    world = short_world(1000.0, "P", 500.0)
    state, market = world.state, market_of(world, 1000.0, "P")
    ledger = state.ledger
    ledger.venue["penalty_rate"] = 0.0
    measure_all(ledger, state.book)
    lots = int(TO_TARGET(ledger, FIRST, market, 1.0))
    assert 0 < lots < 1000
    mark = int(ledger.markets["mark"][market])
    for closed, is_healthy in ((lots - 2, False), (lots, True)):
        ledger_lots = ledger.lots[FIRST, market] + 1000
        MOVE(ledger, state.log, FIRST, FIRST + 1, Parcel(market, -int(closed - ledger_lots), mark))
        measure_all(ledger, state.book)
        account = ledger.accounts[FIRST]
        healthy = account["maintenance_equity"] >= account["maintenance_requirement"]
        assert healthy == is_healthy, closed


def test_a_writer_who_owes_at_expiry_is_written_off() -> None:
    """The payoff takes more than the account has: what is missing is bad debt, paid by the fund."""
    world = short_world(950.0, "C", -480.0, waterfall=("insurance",))
    state, market = world.state, market_of(world, 950.0, "C")
    world.run(30, audit=True)
    assert not state.ledger.lots[:, market].any()
    venue = state.ledger.venue[0]
    assert state.ledger.accounts["state"][FIRST] == CLOSED
    assert venue["bad_debt"] > 0 and venue["fund_paid"] == venue["bad_debt"]
    assert np.array_equal(state.ledger.balances[FIRST], [0])
