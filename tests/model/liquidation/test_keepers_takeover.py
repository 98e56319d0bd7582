"""Keepers take positions at a discount, in turn, within their capital and margin."""

import pytest

from crossmargin.agents import keepers as agents
from crossmargin.model.ledger import QUOTE
from crossmargin.model.liquidation import keepers_takeover as part
from crossmargin.model.state import INSURANCE, KEEPER_TAKEOVER
from crossmargin.model.world import World
from tests.model.liquidation.waterfall import (
    equity_of,
    events_of,
    market,
    rich,
    run,
    set_numbers,
)
from tests.small import HALF_UNIT, ONE, Listing, first_row, open_pair, set_price


def scene(side: int = 1, **numbers: float) -> tuple[World, int, list[int]]:
    """An account with equity 4 of notional 98 (102), and two keepers who have not bid yet."""
    world = market(6, markets=(Listing(),))
    row = rich(world, 6.0, 0)[0]
    pool = rich(world, 1e6, 1)[0]
    keepers = rich(world, 1e4, 2, 3)
    open_pair(world.state, *((row, pool) if side > 0 else (pool, row)), 1000)
    set_price(world.state, 0, 100.0 - 2.0 * side)
    rows = {"keepers_first": keepers[0], "keepers_count": 2, "whole_below": 0.0}
    set_numbers(world, "keepers_takeover", **(rows | numbers))
    return world, row, keepers


def bid(
    world: World, keeper: int, capital: float, discount: float = 0.0, late: float = 0.0
) -> None:
    world.state.crowd.memory[keeper, :3] = (capital * ONE, discount, late)


def offer(world: World) -> int:
    return run(world, "states", "queue", "keepers_takeover")


def test_the_bid_stands_where_keepers_write_it() -> None:
    places = (part.CAPITAL, part.DISCOUNT, part.LATENCY)
    assert places == (agents.OFFERED, agents.DISCOUNT, agents.LATENCY)


@pytest.mark.parametrize(("side", "half"), [(1, 19_404), (-1, 20_604)])
def test_a_position_goes_at_the_mark_less_the_spread(side: int, half: int) -> None:
    world, row, keepers = scene(side)
    state = world.state
    state.ledger.venue["penalty_rate"] = 0.0
    bid(world, keepers[0], 1e4, 0.01)
    before = equity_of(state, keepers[0])
    assert offer(world) == 1
    [event] = events_of(world, KEEPER_TAKEOVER)
    [entry] = world.rows("liquidations")
    assert (event["other"], event["price"], event["quantity"]) == (keepers[0], half, -side * 1000)
    spread = abs(half - int(state.ledger.markets["mark"][0])) * HALF_UNIT * 1000
    assert entry["slippage"] == spread
    assert state.ledger.lots[row, 0] == 0
    assert equity_of(state, keepers[0]) - before == spread
    assert equity_of(state, row) == 4 * ONE - spread
    assert state.clock["n_forced"][0] == 0


def test_the_fund_gets_its_share_of_the_penalty_and_the_keeper_none() -> None:
    world, row, keepers = scene()
    bid(world, keepers[0], 1e4)
    offer(world)
    notional = int(world.rows("liquidations")["notional"][0])
    due = -(-notional // 200)  # half of 1%
    assert world.state.ledger.balances[INSURANCE, QUOTE] == due
    assert equity_of(world.state, row) == 4 * ONE - 980_000 - due


def test_earlier_keepers_come_first_and_capital_runs_out() -> None:
    world, _, keepers = scene()
    bid(world, keepers[0], 1e4, late=0.9)
    bid(world, keepers[1], 30.0, late=0.0)
    assert offer(world) == 1
    events = events_of(world, KEEPER_TAKEOVER)
    assert events["other"].tolist() == [keepers[1], keepers[0]]
    assert events["quantity"].tolist() == [-306, -694]  # 30 of 0.098
    assert world.state.crowd.memory[keepers[1], part.CAPITAL] == 30 * ONE - 306 * 98_000


def test_a_keeper_that_wants_more_than_the_spread_passes() -> None:
    world, _, keepers = scene()
    bid(world, keepers[0], 1e4, 0.02)
    bid(world, keepers[1], 1e4, 0.01)
    offer(world)
    assert events_of(world, KEEPER_TAKEOVER)["other"].tolist() == [keepers[1]]


def test_nobody_bids() -> None:
    world, row, _ = scene()
    assert offer(world) == 0
    assert world.state.ledger.lots[row, 0] == 1000


def test_a_keeper_keeps_its_initial_margin() -> None:
    world, _, keepers = scene()
    state = world.state
    state.ledger.balances[keepers[0], QUOTE] -= 9997 * ONE  # 3 left: margin for 300 lots or so
    state.ledger.balances[first_row(state) + 1, QUOTE] += 9997 * ONE
    bid(world, keepers[0], 1e4)
    offer(world)
    account = state.ledger.accounts[keepers[0]]
    equity_of(state, keepers[0])
    assert state.ledger.lots[keepers[0], 0] == 250  # half of half
    assert account["initial_equity"] >= account["initial_requirement"]


def test_the_spread_takes_no_more_than_is_left() -> None:
    world, row, keepers = scene(spread=0.05)
    bid(world, keepers[0], 1e4)
    offer(world)
    assert 0 <= equity_of(world.state, row) < 1000 * HALF_UNIT
    assert world.state.ledger.lots[row, 0] == 0


def test_the_bankrupt_find_a_keeper_only_without_a_discount() -> None:
    world, row, keepers = scene()
    set_price(world.state, 0, 93.0)
    bid(world, keepers[0], 1e4, 0.005)
    assert offer(world) == 0
    bid(world, keepers[0], 1e4, 0.0)
    assert offer(world) == 1
    assert equity_of(world.state, row) == -ONE
