"""Collateral is sold on its own spot book until the debt is paid."""

import pytest

from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import FORCED, OUTSIDE, SEIZURE, TAKEOVER
from crossmargin.model.world import World
from tests.model.liquidation.waterfall import (
    events_of,
    market,
    next_step,
    rich,
    run,
    set_numbers,
)
from tests.small import ONE, Listing, give, open_pair, send

FREE = Listing(kind="spot", maker_fee=0.0, taker_fee=0.0)


def debtor(debt: float, **options: object) -> tuple[World, int, int]:
    """An account with one coin worth 100 (90 in margin) and a debt, and a buyer of coins."""
    world = market(4, markets=(Listing(), FREE, FREE), **options)
    row, buyer = rich(world, 0.0, 0)[0], rich(world, 1e4, 1)[0]
    give(world.state, row, 1.0, asset=1)
    give(world.state, row, -debt)
    return world, row, buyer


def seize(world: World) -> int:
    return run(world, "states", "queue", "seizure")


def test_no_more_is_sold_than_pays_the_debt() -> None:
    world, row, buyer = debtor(92.0)
    state = world.state
    send(state, buyer, 1, 10_000, 5000, market=1)
    assert seize(world) == 1
    assert state.ledger.lots[row, 1] == 1000 - 930  # 92 of 0.099 a lot
    assert 0 <= state.ledger.balances[row, QUOTE] < ONE // 10
    [event] = events_of(world, SEIZURE)
    assert event["author_class"] == FORCED
    assert event["quantity"] == -930
    assert world.rows("liquidations")["kind"].tolist() == [SEIZURE]
    assert state.clock["n_forced"][0] == 1


def test_what_slippage_leaves_is_owed_as_long_as_the_account_is_healthy() -> None:
    world, row, buyer = debtor(92.0)
    state = world.state
    send(state, buyer, 1, 9900, 700, market=1)
    send(state, buyer, 1, 9600, 5000, market=1)
    for _ in range(3):
        seize(world)
    proceeds = 10 * (700 * 9900 + 230 * 9600)
    assert state.ledger.balances[row, QUOTE] == proceeds - proceeds // 100 - 92 * ONE
    assert state.ledger.lots[row, 1] == 70
    assert len(events_of(world, SEIZURE)) == 1
    assert state.ledger.accounts["maintenance_equity"][row] > 0


@pytest.mark.parametrize(("share", "sold"), [(1.0, 930), (0.5, 465)])
def test_a_share_of_the_debt_at_a_time(share: float, sold: int) -> None:
    world, row, buyer = debtor(92.0)
    set_numbers(world, "seizure", share=share)
    send(world.state, buyer, 1, 10_000, 5000, market=1)
    seize(world)
    assert world.state.ledger.lots[row, 1] == 1000 - sold


def test_the_largest_collateral_goes_first_and_the_next_pays_the_rest() -> None:
    world, row, buyer = debtor(290.0)
    state = world.state
    give(state, row, 2.0, asset=2)
    for m in (1, 2):
        send(state, buyer, 1, 10_000, 5000, market=m)
    assert seize(world) == 2
    assert world.rows("liquidations")["market"].tolist() == [2, 1]
    assert state.ledger.lots[row, 2] == 0
    assert state.ledger.lots[row, 1] == 1000 - 930  # 290 less 198 leaves 92


@pytest.mark.parametrize(("when", "count"), [("after_positions", 0), ("at_once", 1)])
def test_positions_may_have_to_go_first(when: str, count: int) -> None:
    world, row, buyer = debtor(92.0)
    open_pair(world.state, row, rich(world, 1e4, 2)[0], 100)
    set_numbers(world, "seizure", when=when)
    send(world.state, buyer, 1, 10_000, 5000, market=1)
    assert seize(world) == count


def test_the_limit_price_holds() -> None:
    world, row, buyer = debtor(92.0)
    set_numbers(world, "seizure", slippage=0.1)
    send(world.state, buyer, 1, 8999, 5000, market=1)
    assert seize(world) == 0
    assert world.state.ledger.lots[row, 1] == 1000
    assert len(world.rows("events")) == 0


def test_the_healthy_and_the_debtless_keep_their_coins() -> None:
    world, row, buyer = debtor(89.0)
    send(world.state, buyer, 1, 10_000, 5000, market=1)
    assert seize(world) == 0
    give(world.state, row, 89.0)
    next_step(world)
    assert seize(world) == 0


def test_without_feedback_the_outside_takes_the_coins_at_the_mark() -> None:
    world, row, _ = debtor(92.0)
    state = world.state
    state.ledger.venue["is_takeover"] = 1
    assert seize(world) == 1
    assert state.ledger.lots[row, 1] == 1000 - 930
    assert state.ledger.lots[OUTSIDE, 1] == 930
    assert events_of(world, TAKEOVER)["quantity"].tolist() == [-930]
