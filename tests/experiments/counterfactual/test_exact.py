"""Where ledger and counterfactual agree to the last unit: permanent impact, no more triggers."""

import numpy as np
import pytest

from crossmargin.experiments.counterfactual.interventions import NoFeedback, SpareRows
from crossmargin.experiments.counterfactual.tape import Player, record
from crossmargin.model.contagion.price_ledger import PriceLedger
from crossmargin.model.inbox import next_message
from crossmargin.model.kernel import from_python
from crossmargin.model.state import DISCRETIONARY, FORCED, MARKET_ORDER
from crossmargin.model.world import World
from tests.model.liquidation.waterfall import equity_of, market, rich, run
from tests.small import PERP, Listing, first_row, give, open_pair, send, set_price, small_world

PLAIN = Listing(maker_fee=0.0, taker_fee=0.0)
#: Lots sold into the ladder in every block by somebody whom nobody forces.
SOLD = (3, 1, 4, 1, 5, 9, 2, 6)


def ladder(world: World, maker: int, top: int = 10_000) -> None:
    """One lot bid on every tick below a price, one ask far above: a lot sold lowers the mid."""
    send(world.state, maker, -1, 11_000, 1)
    for tick in range(top - 1_000, top + 1):
        send(world.state, maker, 1, tick, 1)


@pytest.mark.parametrize("side", [1, -1])
def test_a_bystander_loses_what_the_ledger_says(side: int) -> None:
    """A holder who is never near a trigger: the price ledger equals the paired difference."""
    world = market(6, markets=(PLAIN,))
    row = rich(world, 6.0, 0)[0]
    pool, maker, bystander = rich(world, 1e6, 1, 2, 3)
    open_pair(world.state, row, pool, 800)
    open_pair(world.state, *((bystander, pool) if side > 0 else (pool, bystander)), 700)
    ladder(world, maker)
    world.state.log.shift[:] = 0
    world.state.log.by_class[:] = 0
    set_price(world.state, 0, 96.0)  # equity 2.8 of 3.84 of maintenance
    ends = []
    for spared in ((), (row,)):
        child = world.fork()
        SpareRows(spared, "it").apply(child)
        run(child, "states", "queue", "book_orders")
        assert child.state.ledger.lots[row, 0] == 0
        child.state.ledger.markets["mark"] = child.state.book.ladders["mid"]
        ends.append((child, equity_of(child.state, bystander)))
    (base, with_it), (_, without_it) = ends
    booked = PriceLedger.of(base).rows_of(np.array([row]))[0, bystander]
    assert with_it - without_it == booked
    assert side * booked < 0
    assert base.state.log.shift[0, FORCED] == -800


def scripted(world: World, step: int) -> None:
    """Sell some lots at the market."""
    message = from_python(next_message)(world.state.crowd, world.state.clock)
    del message  # the record is the last of the inbox
    n = int(world.state.clock["n_inbox"][0])
    row = world.state.crowd.inbox[n - 1]
    row["action"], row["side"], row["account"] = MARKET_ORDER, -1, first_row(world.state) + 1
    row["quantity"], row["author_class"] = SOLD[step % len(SOLD)], DISCRETIONARY
    row["market"] = row["arrival"] = row["price"] = 0


def falling() -> World:
    """An account liquidated in stages while somebody else sells a few lots in every block."""
    numbers = {"fraction": 0.2, "whole_below": 0.0, "cooldown": 2.0, "slippage": 0.5}
    numbers["later_fraction"] = 0.3
    program = [("states", {}), ("queue", {}), ("book_orders", numbers), ("solo", {}), ("inbox", {})]
    world = small_world(program, 6, markets=(PLAIN,))
    first = first_row(world.state)
    give(world.state, first, 6.0)
    for other in (1, 2):
        give(world.state, first + other, 1e6)
    open_pair(world.state, first, first + 1, 500)
    ladder(world, first + 2, 9_000)
    set_price(world.state, 0, 90.0)
    world.python_parts[3] = scripted
    return world


def test_the_mechanical_closure_removes_exactly_what_was_forced() -> None:
    """The price without feedback is the replay of the others: the difference is all forced."""
    baseline = falling()
    baseline.state.log.shift[:] = 0
    arm = baseline.fork()
    alone = baseline.fork()
    alone.state.ledger.lots[first_row(alone.state)] = 0  # nobody to liquidate: the replay alone
    NoFeedback().apply(arm)
    tape = record(baseline)
    player = Player(arm, tape)
    forced = []
    for _ in SOLD:
        tape.clear()
        baseline.run(1)
        player.begin_block()
        arm.run(1)
        player.finish_block(arm)
        alone.run(1)
        mids = [int(world.state.book.ladders["mid"][0]) for world in (baseline, arm, alone)]
        forced.append(int(baseline.state.log.shift[0, FORCED]))
        assert mids[0] - mids[1] == forced[-1]
        assert mids[1] == mids[2]
        assert not arm.state.log.shift[0, FORCED]
    assert len(set(forced)) > 2  # several stages, in several blocks
    assert baseline.state.log.shift[0, DISCRETIONARY] == arm.state.log.shift[0, DISCRETIONARY]


def test_a_cancel_finds_its_order_though_numbers_differ() -> None:
    """Forced orders take numbers in one arm alone; a cancel must still hit the same order."""
    baseline = falling()
    arm = baseline.fork()
    assert PERP.kind == "perpetual"
    NoFeedback().apply(arm)
    player = Player(arm, record(baseline))
    player.theirs = np.array([7, 0, 9, 9])
    player.ours = np.array([70, 0, 80, 90])
    messages = np.zeros(4, baseline.state.crowd.inbox.dtype)
    messages["order"] = [9, 0, 7, 5]
    assert player._renamed(messages, player.theirs).tolist() == [90, 0, 70, 5]
