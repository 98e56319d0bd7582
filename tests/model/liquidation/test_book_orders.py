"""Forced orders: sizes by stage, what they cost, what they write, and the take-over instead."""

import pytest

from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import (
    FEES,
    FORCED,
    FORCED_ORDER,
    INSURANCE,
    LARGEST_ORDER,
    OUTSIDE,
    PENALTY,
    SELF_CANCEL_TAKER,
    TAKEOVER,
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
from tests.small import HALF_UNIT, ONE, PERP, Listing, give, open_pair, send, set_price

PLAIN = Listing(maker_fee=0.0, taker_fee=0.0)


def breached(side: int = 1, margin: float = 6.0, lots: int = 1000) -> tuple[World, int, int]:
    """World, an account that is long (short) 1,000 lots from 100 and a maker with a deep pocket.

    Notional 100 needs 5 of maintenance; at 98 (102) equity is 4.
    """
    world = market(4, markets=(PLAIN, PLAIN))
    row = rich(world, margin, 0)[0]
    pool, maker = rich(world, 1e6, 1, 2)
    open_pair(world.state, *((row, pool) if side > 0 else (pool, row)), lots)
    set_price(world.state, 0, 100.0 - 2.0 * side)
    return world, row, maker


def bids(
    world: World, maker: int, *levels: tuple[int, int], side: int = 1, market: int = 0
) -> None:
    for price, lots in levels:
        assert send(world.state, maker, side, price, lots, market=market) > 0


def liquidate(world: World) -> int:
    return run(world, "states", "queue", "cancel_orders", "book_orders")


@pytest.mark.parametrize("side", [1, -1])
def test_a_forced_order_takes_the_book_and_writes_what_it_did(side: int) -> None:
    world, row, maker = breached(side)
    state = world.state
    best, deep = (9750, 9600) if side > 0 else (10250, 10400)
    bids(world, maker, (best, 300), (deep, 5000), side=side)
    bids(world, maker, (10000 + 500 * side, 10), side=-side)
    before = equity_of(state, row)
    state.log.shift[:] = 0
    assert liquidate(world) == 1
    assert state.ledger.lots[row, 0] == 0
    notional = 2 * HALF_UNIT * (300 * best + 700 * deep)
    fair = 1000 * int(state.ledger.markets["mark"][0]) * HALF_UNIT
    penalty = min(notional // 100, max(0, before - side * (fair - notional)))
    [event] = events_of(world, FORCED_ORDER)
    assert event["account"] == row
    assert event["parent"] == -1
    assert event["market"] == 0
    assert event["quantity"] == -side * 1000
    assert event["amount"] == notional
    assert event["author_class"] == FORCED
    assert event["shift"] == (deep - best) == state.log.shift[0, FORCED]
    [entry] = world.rows("liquidations")
    assert entry["event"] == event["id"]
    assert entry["kind"] == FORCED_ORDER
    assert entry["quantity"] == side * 1000
    assert entry["notional"] == notional
    assert entry["slippage"] == side * (fair - notional)
    assert entry["equity"] == before == 4 * ONE
    assert entry["deficit"] == round(fair * 0.05) - before
    assert entry["penalty"] == penalty
    assert entry["in_profit"] == 0
    assert state.ledger.venue["liquidated_notional"][0] == notional
    assert state.log.forced_volume[0] == 1000
    assert state.log.cursor["author"][0] == -1
    assert state.log.cursor["last_forced"][0] == event["id"]
    assert state.clock["n_forced"][0] == 1
    assert state.ledger.accounts["liquidations"][row] == 1


def test_the_penalty_is_shared_between_liquidator_and_fund() -> None:
    world, row, maker = breached()
    world.state.ledger.venue["liquidator_share"] = 0.3
    bids(world, maker, (9800, 5000))
    liquidate(world)
    penalties = events_of(world, PENALTY)
    assert penalties["other"].tolist() == [FEES, INSURANCE]
    assert penalties["amount"].tolist() == [294_000, 686_000]  # 1% of 98
    balances = world.state.ledger.balances[:, QUOTE]
    assert (balances[FEES], balances[INSURANCE]) == (294_000, 686_000)
    assert balances[row] == 4 * ONE - 980_000


@pytest.mark.parametrize(
    ("price", "equity"), [(9500, 50_000), (9405, 0), (9400, 0), (9000, -4 * ONE)]
)
def test_a_penalty_never_takes_more_than_is_left(price: int, equity: int) -> None:
    world, row, maker = breached()
    bids(world, maker, (price, 5000))
    liquidate(world)
    assert equity_of(world.state, row) == equity
    assert world.state.ledger.venue["penalties"][0] == max(
        0, ONE * (price - 9400) // 100 - max(0, equity)
    )


def test_nothing_is_sent_where_nobody_stands_within_the_limit() -> None:
    world, row, maker = breached()
    set_numbers(world, "book_orders", slippage=0.05)
    bids(world, maker, (9309, 5000))  # the limit is 93.10
    assert liquidate(world) == 0
    assert len(world.rows("events")) == 0
    assert world.state.clock["n_forced"][0] == 0
    bids(world, maker, (9310, 5000))
    assert run(world, "book_orders") == 1
    assert world.state.ledger.lots[row, 0] == 0


def test_nothing_is_sent_to_a_halted_market() -> None:
    world, _, maker = breached()
    bids(world, maker, (9800, 5000))
    world.state.ledger.markets["halted_until"][0] = 1
    assert liquidate(world) == 0
    next_step(world)
    assert liquidate(world) == 1


def test_hyperliquid_s_stages_a_fifth_then_after_half_a_minute_the_whole() -> None:
    world, row, maker = breached()
    set_numbers(world, "book_orders", fraction=0.2, whole_below=0.0, cooldown=30.0)
    bids(world, maker, (9800, 5000))
    held = []
    for _ in range(32):
        liquidate(world)
        held.append(int(world.state.ledger.lots[row, 0]))
        next_step(world)
    assert held == [800] * 30 + [0, 0]
    first, second = events_of(world, FORCED_ORDER)
    assert (first["step"], second["step"]) == (0, 30)
    assert second["parent"] == first["id"]
    assert world.rows("liquidations")["delay"].tolist() == [0, 30]


def test_dydx_s_tenth_a_block_within_a_cap() -> None:
    world, row, maker = breached()
    set_numbers(
        world, "book_orders", fraction=0.5, later_fraction=0.5, whole_below=0.0, block_cap=20.0
    )
    bids(world, maker, (9800, 5000))
    liquidate(world)
    assert world.state.ledger.lots[row, 0] == 1000 - 204  # 20 of 0.098
    assert liquidate(world) == 0  # another round of the same block
    next_step(world)
    liquidate(world)
    assert world.state.ledger.lots[row, 0] == 1000 - 2 * 204


def test_no_more_is_closed_than_the_target_needs() -> None:
    world, row, maker = breached()
    set_numbers(world, "book_orders", target=1.02)
    bids(world, maker, (9800, 5000))
    liquidate(world)
    account = world.state.ledger.accounts[row]
    equity_of(world.state, row)
    health = account["maintenance_equity"] / account["maintenance_requirement"]
    assert 1.02 <= health < 1.03
    assert 0 < world.state.ledger.lots[row, 0] < 1000


def two_positions() -> tuple[World, int, int]:
    """An account that lost 3 on the smaller and won 1 on the larger position."""
    world = market(4, markets=(PLAIN, PLAIN))
    row = rich(world, 9.0, 0)[0]
    pool, maker = rich(world, 1e6, 1, 2)
    open_pair(world.state, row, pool, 1000, 0)
    open_pair(world.state, row, pool, 600, 1)
    set_price(world.state, 0, 97.0)
    set_price(world.state, 1, 101.0)
    give(world.state, row, -3.0)
    for m in range(2):
        bids(world, maker, (9500, 5000), market=m)
    set_numbers(world, "book_orders", fraction=0.01, whole_below=0.0)
    return world, row, maker


@pytest.mark.parametrize(
    ("first", "markets"), [("requirement", [0, 1]), ("loss", [0, 1]), ("profit", [1, 0])]
)
def test_positions_go_in_the_order_asked_for(first: str, markets: list[int]) -> None:
    world, _, _ = two_positions()
    set_numbers(world, "book_orders", fraction=0.01, whole_below=0.0, first=first)
    assert liquidate(world) == 2
    assert world.rows("liquidations")["market"].tolist() == markets


def test_a_position_in_profit_that_is_closed_all_the_same_is_recorded() -> None:
    world, _, _ = two_positions()
    liquidate(world)
    entries = world.rows("liquidations")
    assert entries["in_profit"].tolist() == [0, int(entries["notional"][1])]


def test_an_account_back_in_health_stops_and_begins_a_new_episode_later() -> None:
    world, row, maker = breached()
    state = world.state
    set_numbers(world, "book_orders", fraction=0.5, whole_below=0.0)
    bids(world, maker, (9800, 5000))
    liquidate(world)
    next_step(world)
    run(world, "states", "queue", "book_orders")
    assert state.ledger.lots[row, 0] == 500
    assert state.ledger.accounts[["episode", "stage"]][row].tolist() == (0, 0)
    set_price(state, 0, 95.0)
    bids(world, maker, (9700, 5000))
    next_step(world)
    liquidate(world)
    assert state.ledger.lots[row, 0] == 250
    first, second = events_of(world, FORCED_ORDER)
    assert second["parent"] == -1
    assert first["id"] < second["id"]


def test_who_breaks_by_a_forced_order_has_it_for_a_parent() -> None:
    world, _, maker = breached()
    state = world.state
    other = rich(world, 7.0, 3)[0]
    open_pair(state, other, maker, 1000)  # from 98, so at 95 it has 4 of 4.75
    bids(world, maker, (9800, 1000), (9400, 5000))
    liquidate(world)
    [first] = events_of(world, FORCED_ORDER)
    set_price(state, 0, 95.0)
    run(world, "states", "queue", "cancel_orders", "book_orders")
    _, second = events_of(world, FORCED_ORDER)
    assert second["account"] == other
    assert second["parent"] == first["id"]
    assert state.ledger.accounts["trigger"][other] == first["id"]


@pytest.mark.parametrize("side", [1, -1])
def test_a_take_over_is_of_the_same_size_at_the_mark_and_moves_nothing(side: int) -> None:
    sizes = []
    for is_takeover in (0, 1):
        world, row, maker = breached(side)
        state = world.state
        state.ledger.venue["is_takeover"] = is_takeover
        set_numbers(world, "book_orders", fraction=0.37, whole_below=0.0)
        bids(world, maker, (9800 if side > 0 else 10200, 5000), side=side)
        mid, volume = state.book.ladders[["mid", "volume"]][0]
        liquidate(world)
        sizes.append(int(state.ledger.lots[row, 0]))
    [event] = events_of(world, TAKEOVER)
    [entry] = world.rows("liquidations")
    assert sizes[0] == sizes[1] == side * 630
    assert event["other"] == OUTSIDE
    assert event["price"] == state.ledger.markets["mark"][0]
    assert entry["slippage"] == 0
    assert entry["kind"] == TAKEOVER
    assert entry["penalty"] == entry["notional"] // 100
    assert state.ledger.lots[OUTSIDE, 0] == side * 370
    assert state.book.ladders[["mid", "volume"]][0].tolist() == (mid, volume)
    assert not state.log.shift.any()


def test_a_forced_order_pays_no_taker_s_fee_and_skips_the_margin_check() -> None:
    world = market(4, markets=(PERP,))
    row = rich(world, 6.0, 0)[0]
    pool, maker = rich(world, 1e6, 1, 2)
    open_pair(world.state, row, pool, 1000)
    set_price(world.state, 0, 98.0)
    world.state.ledger.venue["penalty_rate"] = 0.0
    bids(world, maker, (9800, 5000))
    assert liquidate(world) == 1
    assert world.state.ledger.balances[row, QUOTE] == 4 * ONE
    assert world.state.ledger.balances[FEES, QUOTE] == 98 * ONE * 2 // 10_000


def rest_a_bid(world: World, row: int) -> None:
    """Let an account that will be liquidated have a bid of its own, sent in better days."""
    give(world.state, row, 100.0)
    assert send(world.state, row, 1, 9790, 1) > 0
    give(world.state, row, -100.0)


def test_an_order_of_its_own_does_not_shield_an_account() -> None:
    world, row, maker = breached()
    state = world.state
    state.book.ladders["self_trade"] = SELF_CANCEL_TAKER
    rest_a_bid(world, row)
    bids(world, maker, (9750, 5000))
    run(world, "states", "queue", "book_orders")
    assert not state.ledger.lots[row].any()
    assert not state.book.open_lots[row].any()


def test_an_order_that_nobody_may_trade_with_is_no_liquidation() -> None:
    world, row, _ = breached()
    state = world.state
    rest_a_bid(world, row)  # all that rests is its own
    run(world, "states", "queue", "book_orders")
    assert state.ledger.lots[row, 0] == 1000
    assert len(events_of(world, FORCED_ORDER)) == 1
    assert len(world.rows("liquidations")) == 0
    assert state.ledger.accounts["liquidations"][row] == 0


def test_a_position_larger_than_any_order_is_closed_in_pieces() -> None:
    world, row, maker = breached(margin=1.65e9, lots=LARGEST_ORDER + 1000)
    give(world.state, maker, 1e12)
    bids(world, maker, (9750, LARGEST_ORDER), (9749, 2000))
    run(world, "states", "queue", "book_orders")
    assert world.state.ledger.lots[row, 0] == 1000
