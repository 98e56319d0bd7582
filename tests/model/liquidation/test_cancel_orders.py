"""Resting orders of queued accounts go, theirs alone, and the displacement is their doing."""

import numpy as np

from crossmargin.model.state import CANCEL_ALL, FORCED
from crossmargin.model.world import World
from tests.model.liquidation.waterfall import events_of, market, rich, run
from tests.small import Listing, give, open_pair, send, set_price

PLAIN = Listing(maker_fee=0.0, taker_fee=0.0)


def breached(margin: float = 6.0) -> tuple[World, int, int]:
    """World, an account long 1,000 lots from 100 at a mark of 98, and a maker."""
    world = market(4, markets=(PLAIN, PLAIN))
    row = rich(world, margin, 0)[0]
    pool, maker = rich(world, 1e6, 1, 2)
    open_pair(world.state, row, pool, 1000)
    set_price(world.state, 0, 98.0)
    return world, row, maker


def test_resting_orders_of_the_queued_are_cancelled_first() -> None:
    world, row, maker = breached(60.0)
    state = world.state
    for price, lots in ((9700, 30), (9701, 40), (9700, 50)):
        send(state, row, 1, price, lots)
    send(state, row, -1, 10_300, 70, market=0)
    send(state, row, 1, 9000, 20, market=1)
    send(state, maker, 1, 9690, 5000)
    send(state, maker, -1, 10_400, 60)
    give(state, row, -56.5)
    mid = int(state.book.ladders["mid"][0])
    run(world, "states", "queue")
    assert run(world, "cancel_orders") == 5
    assert not state.book.open_lots[row].any()
    assert state.book.open_lots[maker, 0].tolist() == [5000, 60]
    events = events_of(world, CANCEL_ALL)
    assert events["market"].tolist() == [0, 1]
    assert events["quantity"].tolist() == [30 + 40 + 50 - 70, 20]
    assert events["account"].tolist() == [row, row]
    assert events["parent"].tolist() == [-1, events["id"][0]]
    assert events["shift"][0] == state.book.ladders["mid"][0] - mid == 9690 + 10_400 - mid
    assert events["shift"][0] == state.log.shift[0, FORCED]
    traces = world.rows("traces")
    assert traces["shift"][traces["event"] == events["id"][0]].sum() == events["shift"][0]
    assert run(world, "cancel_orders") == 0
    assert len(events_of(world, CANCEL_ALL)) == 2


def test_only_the_queued_lose_their_orders() -> None:
    world, row, maker = breached()
    send(world.state, maker, 1, 9700, 5000)
    send(world.state, maker, 1, 9600, 1)
    run(world, "states", "queue")
    assert run(world, "cancel_orders") == 0
    assert world.state.book.open_lots[maker, 0, 0] == 5001
    assert np.count_nonzero(world.state.book.orders["side"] >= 0) == 2
    assert row not in world.state.book.orders["account"][world.state.book.orders["side"] >= 0]
