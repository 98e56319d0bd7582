"""The vault takes whole accounts below a share of their requirement."""

import pytest

from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import (
    BACKSTOP,
    BACKSTOP_HANDOVER,
    CLOSED,
    INSURANCE,
    LIQUIDATING,
    PENALTY,
)
from crossmargin.model.world import World
from tests.model.liquidation.waterfall import (
    equity_of,
    events_of,
    market,
    rich,
    run,
    set_numbers,
)
from tests.small import ONE, Listing, give, open_pair, set_price


def scene(price: float, vault: float = 1e4) -> tuple[World, int]:
    """An account long 1,000 lots from 100 with 6 of margin and 0.02 coins worth 2, and a vault."""
    world = market(4, markets=(Listing(), Listing(), Listing(kind="spot")))
    state = world.state
    row = rich(world, 6.0, 0)[0]
    pool = rich(world, 1e6, 1)[0]
    give(state, BACKSTOP, vault)
    give(state, row, 0.02, asset=1)
    open_pair(state, row, pool, 900, 0)
    open_pair(state, pool, row, 100, 1)
    set_price(state, 0, price)
    return world, row


def hand(world: World) -> int:
    return run(world, "states", "queue", "backstop")


@pytest.mark.parametrize(("price", "is_taken"), [(96.7, False), (94.7, True)])
def test_two_thirds_of_maintenance_is_the_threshold(price: float, is_taken: bool) -> None:
    world, row = scene(price)  # at 96.7 4.83 of 4.85, at 94.7 3.03 of 4.76
    assert hand(world) == is_taken
    assert bool(world.state.ledger.lots[row].any()) != is_taken


def test_the_vault_takes_all_at_the_mark_and_the_user_loses_the_rest() -> None:
    world, row = scene(94.0)
    state = world.state
    equity, vault = equity_of(state, row), equity_of(state, BACKSTOP)
    hand(world)
    assert not state.ledger.lots[row].any()
    assert not state.ledger.balances[row].any()
    assert state.ledger.lots[BACKSTOP].tolist() == [900, -100, 20]
    assert equity_of(state, BACKSTOP) == vault + equity
    assert events_of(world, BACKSTOP_HANDOVER)["quantity"].tolist() == [-900, 100]
    [lost] = events_of(world, PENALTY)
    assert (lost["account"], lost["other"], lost["amount"]) == (row, BACKSTOP, equity)
    assert world.rows("liquidations")["slippage"].tolist() == [0, 0]
    run(world, "states", "queue")
    assert state.clock["n_queue"][0] == 0


def test_the_owner_may_keep_a_part() -> None:
    world, row = scene(94.0)
    set_numbers(world, "backstop", returned=0.25)
    equity = equity_of(world.state, row)
    hand(world)
    assert world.state.ledger.balances[row, QUOTE] == equity // 4


@pytest.mark.parametrize(("takes_deficits", "count"), [(False, 0), (True, 1)])
def test_deficits_are_taken_only_when_told(takes_deficits: bool, count: int) -> None:
    world, row = scene(90.0)
    set_numbers(world, "backstop", takes_deficits=takes_deficits)
    assert equity_of(world.state, row) < 0
    assert hand(world) == count


@pytest.mark.parametrize(
    ("vault", "numbers", "count"),
    [
        (1e4, {}, 1),
        (18.0, {}, 1),
        (14.0, {}, 0),  # notional 94.6 of 5 times 14 and what comes with it
        (14.0, {"most_leverage": 10.0}, 1),
        (1e4, {"floor": 10_002.0}, 1),
        (1e4, {"floor": 10_004.0}, 0),
    ],
)
def test_the_vault_has_limits(vault: float, numbers: dict[str, float], count: int) -> None:
    world, _ = scene(94.0, vault)  # equity 2.6
    set_numbers(world, "backstop", **numbers)
    assert hand(world) == count


def test_the_healthy_stay() -> None:
    world, row = scene(99.0)
    assert hand(world) == 0
    assert world.state.ledger.balances[row, QUOTE] == 6 * ONE


def test_a_vault_that_fails_is_liquidated_like_anyone_else() -> None:
    world, _ = scene(94.0, vault=100.0)
    hand(world)
    set_price(world.state, 0, 90.0)
    run(world, "states", "queue")
    assert world.state.clock["n_queue"][0] == 0  # it has lost 3.6 of some 105
    give(world.state, BACKSTOP, -100.0)
    assert hand(world) == 0  # it does not take itself over
    assert world.state.ledger.accounts["state"][BACKSTOP] >= LIQUIDATING
    assert world.state.queue[: world.state.clock["n_queue"][0]].tolist() == [BACKSTOP]


def test_what_a_vault_owes_is_bad_debt_that_the_fund_covers() -> None:
    world, _ = scene(100.0, vault=-50.0)
    give(world.state, INSURANCE, 30.0)
    run(world, "states", "queue", "insurance")
    venue = world.state.ledger.venue[0]
    assert (venue["bad_debt"], venue["fund_paid"]) == (50 * ONE, 30 * ONE)
    give(world.state, INSURANCE, 30.0)
    run(world, "states", "queue", "insurance")
    assert (venue["bad_debt"], venue["fund_paid"]) == (50 * ONE, 50 * ONE)
    assert not world.state.ledger.balances[BACKSTOP].any()


def test_a_closed_vault_takes_nothing_more() -> None:
    world, row = scene(94.0)
    world.state.ledger.accounts["state"][BACKSTOP] = CLOSED
    assert hand(world) == 0
    assert world.state.ledger.lots[row, 0] == 900
