"""Stop orders: armed, sent, cancelled and lapsed, with books in balance."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.inbox import MOMENTS
from crossmargin.model.kernel import from_python
from crossmargin.model.loop import run_part
from crossmargin.model.state import (
    ACCOUNT_STATE,
    BAD_PRICE,
    BAD_QUANTITY,
    CANCEL_STOP,
    CLOSED,
    IMMEDIATE_OR_CANCEL,
    MARGIN_CALL,
    NOT_REDUCING,
    ON_LAST,
    POOL_FULL,
    REDUCE_ONLY,
    REDUCE_ONLY_STATE,
    RISING,
    STOP,
    UNKNOWN_ORDER,
    WRONG_MARKET,
)
from crossmargin.model.stop_orders import is_armed
from crossmargin.model.stops import P, worst_tick
from crossmargin.model.trading import SLOTS
from crossmargin.model.world import copy_state
from tests.model.stop_market import (
    CANCEL_PART,
    CAPACITY,
    MARK,
    TRIGGER_PART,
    desk,
    look,
    market,
    match,
    stop,
)
from tests.small import (
    COIN,
    PERP,
    first_row,
    give,
    message,
    open_pair,
    send,
    small_world,
)


def test_a_stop_loss_waits_and_then_closes_the_position_under_a_class_of_its_own() -> None:
    world = market()
    first = first_row(world.state)
    match(world, stop(first, -1, MARK - 200, slot=1))
    handle = int(world.state.crowd.handles[0])
    assert from_python(is_armed)(world.state.stops, handle, first)
    assert not len(look(world, MARK - 199))
    sent = look(world, MARK - 200)[0]
    assert (sent["side"], sent["quantity"], sent["author_class"]) == (-1, 100, STOP)
    assert (sent["flags"], sent["life"]) == (REDUCE_ONLY, IMMEDIATE_OR_CANCEL)
    before = world.state.log.shift[0].copy()
    match(world)
    assert world.state.ledger.lots[first, 0] == 0
    moved = world.state.log.shift[0] - before
    assert moved[STOP] < 0 and not np.delete(moved, STOP).any()
    assert desk(world, "armed", "placed", "triggered", "cancelled") == [0, 1, 1, 0]
    assert not any(world.residuals().values())


def test_the_trigger_is_an_event_with_the_forced_order_of_its_round_for_parent() -> None:
    world = market()
    first = first_row(world.state)
    match(world, stop(first, -1, MARK - 1), stop(first + 1, 1, MARK + 9, 40, flags=RISING | 2))
    look(world, MARK - 1)
    world.state.parts["after_forced"], world.state.log.cursor["last_forced"] = 1, 7
    look(world, MARK + 9)
    events = world.rows("events")
    assert events["parent"].tolist() == [-1, 7]
    assert events["quantity"].tolist() == [-100, 40]
    assert (events["author_class"] == STOP).all()
    assert events["price"].tolist() == [MARK - 1, MARK + 9]


@pytest.mark.parametrize(("flags", "price"), [(0, MARK - 10), (RISING, MARK + 10)])
def test_direction_and_watched_price(flags: int, price: int) -> None:
    world = market()
    first = first_row(world.state)
    match(world, stop(first, -1, price, flags=REDUCE_ONLY | ON_LAST | flags))
    assert not len(look(world, price))  # the mark is there, the last trade is not
    world.state.book.ladders["last"] = price // 2
    assert len(look(world, MARK)) == 1


def test_a_stop_limit_rests_at_its_price_and_its_handle_follows_it() -> None:
    world = market()
    first = first_row(world.state)
    match(world, stop(first, -1, MARK - 4, price=10_020, slot=3))
    armed = int(world.state.crowd.handles[2])
    look(world, MARK - 4)
    match(world)
    resting = int(world.state.crowd.handles[2])
    assert resting != armed
    order = world.state.book.orders[resting & (SLOTS - 1)]
    assert (order["account"], order["price"], order["quantity"]) == (first, 10_020, 100)


def test_a_stop_lapses_with_its_position_even_when_another_is_opened() -> None:
    world = market()
    first = first_row(world.state)
    match(world, stop(first, -1, MARK - 50), stop(first, -1, MARK + 50, flags=REDUCE_ONLY | RISING))
    open_pair(world.state, first + 1, first, 100)
    assert not len(look(world, MARK - 50))
    open_pair(world.state, first, first + 1, 100)
    assert not len(look(world, MARK - 50))
    assert desk(world, "armed", "cancelled", "used") == [0, 2, 0]


def test_the_other_of_two_stops_lapses_once_one_has_closed_the_position() -> None:
    world = market()
    first = first_row(world.state)
    match(world, stop(first, -1, MARK - 50), stop(first, -1, MARK + 50, flags=REDUCE_ONLY | RISING))
    look(world, MARK + 50)
    match(world)
    assert not len(look(world, MARK - 50, step=2))
    assert desk(world, "triggered", "cancelled") == [1, 1]


def test_the_owner_cancels_its_own_and_nobody_elses() -> None:
    world = market()
    first = first_row(world.state)
    match(world, stop(first, -1, MARK - 50, slot=1))
    handle = int(world.state.crowd.handles[0])
    match(world, message(first + 1, 1, 0, 0, action=CANCEL_STOP, order=handle))
    assert desk(world, "armed") == [1]
    match(world, message(first, -1, 0, 0, action=CANCEL_STOP, order=handle, slot=1))
    match(world, message(first, -1, 0, 0, action=CANCEL_STOP, order=handle))
    assert desk(world, "armed", "cancelled") == [0, 1]
    assert world.state.log.counters[UNKNOWN_ORDER] == 2


def test_a_liquidation_cancels_the_stops_of_the_queued_alone() -> None:
    world = market()
    state, first = world.state, first_row(world.state)
    match(
        world, stop(first, -1, MARK - 50), stop(first + 1, 1, MARK + 50, flags=REDUCE_ONLY | RISING)
    )
    state.queue[0], state.clock["n_queue"] = first, 1
    run_part(world.program, state, CANCEL_PART, 1)
    kept = state.stops.orders[state.stops.orders["id"] > 0]
    assert kept["account"].tolist() == [first + 1]
    assert desk(world, "armed", "cancelled") == [1, 1]


def test_stops_that_open_a_position_need_margin_when_sent_and_die_with_the_account() -> None:
    world = market()
    state, first = world.state, first_row(world.state)
    match(world, *(stop(first + k, 1, MARK + 6, 200_000_000, flags=RISING) for k in (3, 4)))
    state.ledger.accounts["state"][first + 4] = CLOSED
    assert look(world, MARK + 6)["account"].tolist() == [first + 3]
    match(world)
    assert state.ledger.lots[first + 3, 0] == 0
    assert desk(world, "triggered", "cancelled") == [1, 1]


def test_a_halted_market_keeps_its_stops() -> None:
    world = market()
    match(world, stop(first_row(world.state), -1, MARK - 50))
    world.state.ledger.markets["halted_until"] = 5
    assert not len(look(world, MARK - 60, step=4))
    assert len(look(world, MARK - 60, step=5)) == 1


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"side": 1}, NOT_REDUCING),
    ({"trigger": 0}, BAD_PRICE),
    ({"trigger": 1 << 19}, BAD_PRICE),
    ({"price": -1}, BAD_PRICE),
    ({"flags": 0}, BAD_QUANTITY),
    ({"lots": -3}, BAD_QUANTITY),
    ({"lots": 1 << 60}, BAD_QUANTITY),
]


@pytest.mark.parametrize(("change", "reason"), REFUSED)
def test_what_is_no_stop_is_refused_and_counted(change: dict[str, Any], reason: int) -> None:
    world = market()
    row = first_row(world.state)
    match(world, stop(**({"row": row, "side": -1, "trigger": MARK - 9, "slot": 1} | change)))
    assert desk(world, "armed", "placed") == [0, 0]
    assert world.state.log.counters[reason] == 1
    assert world.state.crowd.handles[0] == 0


def test_accounts_in_trouble_may_only_protect_themselves() -> None:
    world = market()
    accounts, first = world.state.ledger.accounts, first_row(world.state)
    for number, flags, reason in ((REDUCE_ONLY_STATE, 0, ACCOUNT_STATE), (MARGIN_CALL, 0, 0)):
        accounts["state"][first] = number
        before = world.state.log.counters[reason]
        match(world, stop(first, -1, MARK - 9, 5, flags=flags))
        assert world.state.log.counters[reason] == before + 1
    accounts["state"][first] = REDUCE_ONLY_STATE
    match(world, stop(first, -1, MARK - 9))
    assert desk(world, "armed") == [2]
    accounts["only_market"][first + 1] = 3
    match(world, stop(first + 1, 1, MARK + 9))
    assert world.state.log.counters[WRONG_MARKET] == 1


def test_what_is_sent_arrives_after_the_latency_of_the_venue_by_draw() -> None:
    world = market()
    first = first_row(world.state)
    world.state.params[TRIGGER_PART, P.latency] = 0.5  # of a block of one second
    found = []
    for step in range(1, 5):
        match(world, stop(first, -1, MARK, 1))
        found.append(int(look(world, MARK, step)[0]["arrival"]))
    assert min(found) >= MOMENTS // 2
    assert len(set(found)) == 4


def test_coins_are_protected_on_their_spot_market() -> None:
    world = small_world([("stops", {}), ("inbox", {})], 3, markets=(PERP, COIN), stops=4)
    state, first = world.state, first_row(world.state)
    give(state, first, 2.0, asset=1)
    give(state, first + 1, 1e6)
    send(state, first + 1, 1, 9_990, 10_000, market=1)
    match(world, stop(first, -1, MARK - 10, market=1), stop(first, 1, MARK + 10, market=1))
    assert desk(world, "armed") == [1]  # nobody is short of coins
    assert len(look(world, MARK - 10)) == 1
    match(world)
    assert state.ledger.lots[first, 1] == state.ledger.balances[first, 1] == 0
    assert not any(world.residuals().values())


def test_a_full_pool_refuses_and_freed_places_are_used_again() -> None:
    world = market()
    first = first_row(world.state)
    for k in range(CAPACITY + 2):
        match(world, stop(first, -1, MARK - 10 * k - 10, 1, slot=k + 1))
    assert world.state.log.counters[POOL_FULL] == 2
    handles = world.state.crowd.handles[:CAPACITY].tolist()
    match(world, *(message(first, -1, 0, 0, action=CANCEL_STOP, order=h) for h in handles[1:3]))
    match(world, *(stop(first, -1, MARK - 90, 1, slot=k + 1) for k in range(2)))
    assert desk(world, "armed", "used") == [CAPACITY, CAPACITY]
    places = world.state.crowd.handles[:2] & (SLOTS - 1)
    assert set(places) == {h & (SLOTS - 1) for h in handles[1:3]}


@given(st.integers(1, 1 << 20), st.sampled_from([-1, 1]), st.floats(0, 1))
def test_the_worst_tick_is_within_the_slippage(half: int, side: int, slippage: float) -> None:
    tick = from_python(worst_tick)(half, side, slippage)
    exact = 0.5 * half * (1 + side * slippage)
    assert tick == (math.floor(exact) if side > 0 else math.ceil(exact))


def test_a_branch_has_stops_of_its_own() -> None:
    world = market()
    match(world, stop(first_row(world.state), -1, MARK - 50))
    twin = copy_state(world.state)
    twin.stops.desk["armed"] = 9
    assert desk(world, "armed") == [1]
