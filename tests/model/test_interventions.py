"""Accounts off the book, and accounts that leave: nothing is lost, and no price moves by it."""

import numpy as np
import pytest

from crossmargin.model.interventions import leave
from crossmargin.model.state import (
    BACKSTOP,
    BACKSTOP_HANDOVER,
    KEEPER_TAKEOVER,
    OUTSIDE,
    TAKEOVER,
    WITHDRAWAL,
)
from crossmargin.model.world import World
from tests.model.liquidation.waterfall import equity_of, events_of, market, rich, run
from tests.small import Listing, first_row, give, open_pair, residuals_of, send, set_price

PLAIN = Listing(maker_fee=0.0, taker_fee=0.0)


def breached(side: int = 1) -> tuple[World, list[int]]:
    """Two accounts that are long (short) 1,000 lots with the same margin, below maintenance."""
    world = market(6, markets=(PLAIN,))
    rows = rich(world, 6.0, 0, 1)
    pool = rich(world, 1e6, 2)[0]
    give(world.state, BACKSTOP, 1e4)
    for row in rows:
        open_pair(world.state, *((row, pool) if side > 0 else (pool, row)), 1000)
    return world, rows


@pytest.mark.parametrize("side", [1, -1])
def test_only_the_spared_account_is_taken_over_at_the_mark(side: int) -> None:
    world, (spared, other) = breached(side)
    set_price(world.state, 0, 100.0 - 2.0 * side)
    maker = rich(world, 1e6, 3)[0]
    send(world.state, maker, side, 9750 if side > 0 else 10250, 5000)
    world.state.ledger.accounts["off_book"][spared] = 1
    run(world, "states", "queue", "book_orders")
    rows = world.rows("liquidations")
    assert rows["account"].tolist() == [spared, other]
    assert (rows["kind"] == TAKEOVER).tolist() == [True, False]
    assert rows["slippage"][0] == 0 < rows["slippage"][1]
    assert world.state.ledger.lots[OUTSIDE, 0] == 1000 * side
    assert equity_of(world.state, spared) > equity_of(world.state, other)


def test_keepers_are_not_offered_what_is_spared() -> None:
    world, (spared, other) = breached()
    set_price(world.state, 0, 98.0)
    world.state.ledger.accounts["off_book"][spared] = 1
    run(world, "states", "queue", "keepers_takeover")
    [event] = events_of(world, TAKEOVER)
    assert (event["account"], event["other"]) == (spared, OUTSIDE)
    assert event["price"] == world.state.ledger.markets["mark"][0]
    assert not len(events_of(world, KEEPER_TAKEOVER))  # nobody bid for the other one
    assert world.state.ledger.lots[other, 0] == 1000


def test_the_vault_does_not_hold_what_is_spared() -> None:
    world, (spared, other) = breached()
    set_price(world.state, 0, 96.5)
    world.state.ledger.accounts["off_book"][spared] = 1
    assert run(world, "states", "queue", "backstop") == 2
    assert world.state.ledger.lots[BACKSTOP, 0] == 1000  # of the other one
    assert world.state.ledger.lots[OUTSIDE, 0] == 1000
    assert events_of(world, BACKSTOP_HANDOVER)["account"].tolist() == [other]
    assert events_of(world, TAKEOVER)["account"].tolist() == [spared]


def test_who_leaves_takes_orders_and_positions_along() -> None:
    world = market(6, markets=(PLAIN, Listing(kind="spot", price=100.0)))
    state = world.state
    first = first_row(state)
    rich(world, 1e5, 0, 1, 2)
    give(state, first, 0.5, asset=1)
    open_pair(state, first, first + 2, 300)
    open_pair(state, first + 2, first + 1, 40)
    send(state, first, 1, 9900, 10)
    send(state, first + 2, 1, 9800, 10)
    send(state, first + 2, -1, 10_100, 10)
    before = [equity_of(state, first + place) for place in range(3)]
    state.log.shift[:] = 0
    assert leave(state, first, first + 2) == 1
    assert not state.ledger.lots[first : first + 2].any()
    assert not state.book.open_lots[first : first + 2].any()
    assert state.book.open_lots[first + 2].any()
    assert state.ledger.lots[OUTSIDE].tolist() == [260, 500]
    assert [equity_of(state, first + place) for place in range(3)] == before
    assert not any(residuals_of(state).values())
    assert np.flatnonzero(state.log.shift[0]).tolist() == [WITHDRAWAL]
