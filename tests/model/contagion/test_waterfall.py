"""Attribution of a small cascade that goes through the real waterfall, to the last unit."""

from functools import cache

import numpy as np
import pytest

from crossmargin.model.contagion.face import Contagion
from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import (
    ADL,
    BAD_DEBT,
    CANCEL_ALL,
    FORCED,
    FORCED_ORDER,
    FUND_PAYMENT,
    INSURANCE,
    REDUCE_ONLY,
    SOCIALISED,
)
from crossmargin.model.world import World
from tests.model.contagion.forced import forced_column
from tests.small import Listing, first_row, give, open_pair, send, set_price, small_world

PROGRAM = [
    ("states", {}),
    ("queue", {}),
    ("cancel_orders", {}),
    ("book_orders", {"cooldown": 0.0, "slippage": 0.1}),
    ("adl", {"trigger": "beyond_fund"}),
    ("insurance", {}),
    ("socialise", {}),
    ("inbox", {}),
    ("record", {}),
]
LONGS, POOL, MAKER = 8, 8, 9
FALL = 4.0  # quote per base by which marks stand below mids, the shock


@cache
def cascade_of(markets: int) -> World:
    """Longs of rising leverage, a thin book, a mark that follows the mid from block to block."""
    listings = tuple(Listing() for _ in range(markets))
    world = small_world(PROGRAM, 10, markets=listings)
    state = world.state
    first = first_row(state)
    give(state, first + POOL, 2_000.0)
    give(state, first + MAKER, 2_000.0)
    for long in range(LONGS):
        give(state, first + long, 8.0 + 0.8 * long)
        for m in range(markets):
            open_pair(state, first + long, first + POOL, 1_000 // markets, m)
        send(state, first + long, -1, 10_005 + long, 1, flags=REDUCE_ONLY)
    for m in range(markets):
        send(state, first + MAKER, -1, 10_010, 500, market=m)
        send(state, first + MAKER, -1, 10_500, 500, market=m)
        for tick in range(9_900, 6_000, -90):
            send(state, first + MAKER, 1, tick, 60, market=m)
    for _ in range(12):
        for m in range(markets):
            set_price(state, m, 0.005 * float(state.book.ladders["mid"][m]) - FALL)
        world.run(1, audit=True)
    return world


def test_cascade_uses_the_waterfall() -> None:
    kinds = set(cascade_of(1).rows("events")["kind"].tolist())
    assert {FORCED_ORDER, CANCEL_ALL, BAD_DEBT, FUND_PAYMENT, ADL, SOCIALISED} <= kinds


@pytest.mark.parametrize("markets", [1, 2])
def test_forced_displacements_are_all_traced(markets: int) -> None:
    world = cascade_of(markets)
    log, ledger = world.state.log, Contagion(world).price
    assert log.shift[:, FORCED].any()
    for m in range(markets):
        rows = ledger.matrix(m)
        assert np.array_equal(rows.sum(axis=0), forced_column(world.state, m))
        assert not rows.sum(axis=1).any()
    events, traces = world.rows("events"), world.rows("traces")
    for event in events[np.isin(events["kind"], (FORCED_ORDER, CANCEL_ALL))]:
        assert traces["shift"][traces["event"] == event["id"]].sum() == event["shift"]


@pytest.mark.parametrize("markets", [1, 2])
def test_transfers_are_what_the_fund_and_the_venue_booked(markets: int) -> None:
    world = cascade_of(markets)
    ledger, venue = world.state.ledger, world.state.ledger.venue[0]
    transfer = Contagion(world).transfer
    received, paid = transfer.rows_of(transfer.sources)
    assert np.array_equal(received.sum(axis=1), paid.sum(axis=1))
    assert paid[:, INSURANCE].sum() == venue["fund_paid"]
    assert (received - paid)[:, INSURANCE].sum() == ledger.balances[INSURANCE, QUOTE]
    socialised = transfer.entries[transfer.entries["kind"] == SOCIALISED]
    assert socialised["amount"].sum() == venue["socialised"]
    deleveraged = transfer.entries[transfer.entries["kind"] == ADL]
    lost = deleveraged["amount"][deleveraged["payer"] != deleveraged["source"]]
    assert lost.sum() == venue["adl_loss"]
