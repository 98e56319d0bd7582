"""Auto-deleveraging: at which price, against whom, and how far."""

import numpy as np
import pytest

from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import ADL, INSURANCE
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
from tests.small import HALF_UNIT, ONE, Listing, clock_step, give, open_pair, set_price


def scene(side: int = 1, deficit: float = 4.0) -> tuple[World, int, list[int]]:
    """A bankrupt account of 1,000 lots from 100 and counterparties of 500, 300 and 200.

    Their margins are 100, 20 and 40, so that leverage ranks the second, the first, the third.
    """
    world = market(6, markets=(Listing(), Listing()))
    state = world.state
    row = rich(world, 6.0, 0)[0]
    others = rich(world, 0.0, 1, 2, 3)
    for other, lots, margin in zip(others, (500, 300, 200), (100.0, 20.0, 400.0), strict=True):
        open_pair(state, *((row, other) if side > 0 else (other, row)), lots)
        give(state, other, margin)
    set_price(state, 0, 100.0 - (6.0 + deficit) * side)
    return world, row, others


def deleverage(world: World) -> int:
    return run(world, "states", "queue", "adl")


@pytest.mark.parametrize("side", [1, -1])
def test_at_the_bankruptcy_price_the_account_ends_with_nothing(side: int) -> None:
    world, row, others = scene(side)
    state = world.state
    before = {other: equity_of(state, other) for other in others}
    lots = state.ledger.lots[others, 0].copy()
    assert deleverage(world) == 1
    assert state.ledger.lots[row, 0] == 0
    assert equity_of(state, row) == 0
    assert not state.ledger.lots[others, 0].any()
    for other, held in zip(others, lots, strict=True):  # 4 less on 1,000 lots
        assert before[other] - equity_of(state, other) == abs(int(held)) * 4000
    events = events_of(world, ADL)
    assert set(events["price"].tolist()) == {20_000 - 1200 * side}
    assert events["quantity"].sum() == -1000 * side
    venue = state.ledger.venue[0]
    assert (
        venue["adl_notional"] == events["amount"].sum() == 1000 * (20_000 - 1200 * side) * HALF_UNIT
    )
    assert venue["adl_loss"] == 4 * ONE == -world.rows("liquidations")["slippage"].sum()


def test_at_the_mark_the_deficit_stays_with_the_account() -> None:
    world, row, others = scene()
    set_numbers(world, "adl", price="mark")
    before = [equity_of(world.state, other) for other in others]
    deleverage(world)
    assert equity_of(world.state, row) == -4 * ONE
    assert [equity_of(world.state, other) for other in others] == before
    assert world.state.ledger.venue["adl_loss"][0] == 0


def test_dydx_s_deleveraging() -> None:
    """dydxprotocol/v4-chain, deleveraging_test.go: -1 BTC with 54,999 against 1 BTC with 50,000."""
    world = market(2, markets=(Listing(price=500.0),))
    state = world.state
    short, long = rich(world, 0.0, 0, 1)
    open_pair(state, long, short, 100_000)
    give(state, short, 4999.0)
    give(state, long, 100_000.0)
    set_price(state, 0, 560.0)  # 1 BTC at 56,000
    deleverage(world)
    assert state.ledger.balances[short, QUOTE] == 0
    assert state.ledger.balances[long, QUOTE] == 104_999 * ONE
    assert not state.ledger.lots.any()


def test_counterparties_are_ranked_by_profit_and_leverage() -> None:
    world, _, others = scene()
    deleverage(world)
    assert events_of(world, ADL)["other"].tolist() == [others[1], others[0], others[2]]


def test_a_longer_profit_ranks_higher_at_the_same_leverage() -> None:
    world = market(6, markets=(Listing(),))
    state = world.state
    row = rich(world, 16.0, 0)[0]
    early, late = rich(world, 0.0, 1, 2)
    open_pair(state, row, late, 500)
    set_price(state, 0, 110.0)
    open_pair(state, row, early, 500)
    set_price(state, 0, 85.0)
    for other in (early, late):  # the same equity for the same notional
        give(state, other, (50 * ONE - equity_of(state, other)) / ONE)
    deleverage(world)
    assert events_of(world, ADL)["other"].tolist() == [early, late]


def test_pro_rata_asks_each_for_its_share() -> None:
    world, _, others = scene()
    state = world.state
    pool = rich(world, 1e4, 4)[0]
    for other, lots in zip(others, (500, 300, 200), strict=True):  # they hold twice as much
        open_pair(state, pool, other, lots)
    give(state, others[1], 1000.0)
    set_numbers(world, "adl", choice="pro_rata")
    deleverage(world)
    events = events_of(world, ADL)
    assert events["other"].tolist() == others
    assert events["quantity"].tolist() == [-500, -300, -200]
    assert state.ledger.lots[others, 0].tolist() == [-500, -300, -200]


def test_pseudo_random_starts_anywhere_and_goes_round() -> None:
    orders = set()
    for step in range(12):
        world, _, others = scene()
        set_numbers(world, "adl", choice="pseudo_random")
        clock_step(world.state, step)
        deleverage(world)
        orders.add(tuple(others.index(o) for o in events_of(world, ADL)["other"].tolist()))
    assert orders <= {(0, 1, 2), (1, 2, 0), (2, 0, 1)}
    assert len(orders) > 1


def test_a_counterparty_is_not_bankrupted_by_the_price() -> None:
    world, row, others = scene(deficit=80.0)  # 80 on 1,000 lots at a mark of 14
    state = world.state
    give(state, others[0], -100.0 - 0.5 * 86 + 10.0)  # 10 of equity, 40 would be its loss
    before = equity_of(state, others[0])
    deleverage(world)
    assert before == 10 * ONE
    assert state.ledger.lots[others, 0].tolist() == [-375, 0, 0]
    assert equity_of(state, others[0]) == 0
    assert state.ledger.lots[row, 0] == 375
    assert all(equity_of(state, other) >= 0 for other in others)


@pytest.mark.parametrize(("fund", "moved"), [(3.9, 1), (4.0, 0), (100.0, 0)])
def test_only_beyond_the_fund_when_told(fund: float, moved: int) -> None:
    world, _, _ = scene()
    give(world.state, INSURANCE, fund)
    assert deleverage(world) == moved


def test_the_deficits_of_the_queue_are_added_up() -> None:
    world, row, others = scene()
    second = rich(world, 2.0, 4)[0]
    open_pair(world.state, second, others[2], 100)  # at the mark, 90
    set_price(world.state, 0, 60.0)  # 34 and 1 are missing
    give(world.state, INSURANCE, 34.5)
    assert deleverage(world) == 1
    assert not world.state.ledger.lots[[row, second]].any()


def test_a_bankrupt_is_enough_when_told() -> None:
    world, row, _ = scene()
    give(world.state, INSURANCE, 100.0)
    set_numbers(world, "adl", trigger="bankrupt")
    assert deleverage(world) == 1
    assert world.state.ledger.lots[row, 0] == 0


def test_the_solvent_are_left_alone() -> None:
    world, row, _ = scene(deficit=-0.5)
    assert deleverage(world) == 0
    assert world.state.ledger.lots[row, 0] == 1000


def test_several_bankrupts_share_the_counterparties() -> None:
    world = market(12, markets=(Listing(), Listing()))
    state = world.state
    bankrupts, others = rich(world, 6.0, 0, 1, 2), rich(world, 5e3, 3, 4)
    for i, row in enumerate(bankrupts):
        open_pair(state, row, others[0], 500 + 10 * i, 0)
        open_pair(state, row, others[1], 500, 0)
        open_pair(state, others[i % 2], row, 300, 1)
    set_price(state, 0, 88.0)
    set_price(state, 1, 103.0)
    deleverage(world)
    assert not state.ledger.lots[bankrupts].any()
    left = np.array([equity_of(state, row) for row in bankrupts])
    assert ((left >= 0) & (left < 2 * 1020 * HALF_UNIT)).all()
    next_step(world)
    run(world, "states", "queue")
    assert state.clock["n_queue"][0] == 0
