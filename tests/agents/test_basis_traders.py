"""Basis traders: carry and size against a twin, legs that follow one another, a lost hedge."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.agents.basis_traders import CASH, NEXT, Parameters, T
from crossmargin.model.markets import YEAR
from crossmargin.model.state import ARBITRAGE, CLOSED, DISCRETIONARY, REDUCE_ONLY
from crossmargin.model.world import World
from tests.small import COIN as SPOT
from tests.small import HALF_UNIT, LOT, ONE, TICK, first_row, give, open_pair, send, small_world
from tests.small import PERP as LINEAR

PARTS = ("transfers", "states", "basis_traders", "inbox")
MARKETS = (LINEAR, SPOT)


def carry_world(
    parts: tuple[str, ...] = PARTS, *, spot: bool = False, lots: int = -100_000, **numbers: Any
) -> World:
    """One trader, short at 100, and a stranger who has a lot of everything; the trader has begun.

    Orders find depth at 1% from the mid of 100, on both markets.
    """
    program = [(name, numbers if name == "basis_traders" else {}) for name in parts]
    world = small_world(program, 2, markets=MARKETS if spot else (LINEAR,))
    state, row = world.state, first_row(world.state)
    here = parts.index("basis_traders")
    state.parts["count"][here], state.parts["slots"][here] = 1, 0
    state.crowd.traits[row, [T.hurdle, T.leverage, T.interval]] = 0.1, 2.0, 1.0
    state.crowd.traits[row, [T.reaction, T.rehedge]] = 5.0, 0.0
    give(state, row, 10_000.0)
    give(state, row + 1, 1e9)
    if spot:
        give(state, row + 1, 1e6, asset=1)
        give(state, row, 100.0, asset=1)
    if lots:
        open_pair(state, row, row + 1, lots)
    for market in range(1 + spot):
        send(state, row + 1, 1, 9_900, 10_000_000, market=market)
        send(state, row + 1, -1, 10_100, 1_000_000, market=market)
    world.run(1)
    return world


def naked(world: World) -> float:
    """Exposure of the trader, base."""
    state, row = world.state, first_row(world.state)
    return float((state.ledger.lots[row] + state.crowd.outside_lots[row]).sum() * LOT)


def block(world: World) -> float:
    """Run a block; returns the unhedged base that it counted."""
    world.state.outside.references["unhedged"] = world.state.outside.references["flow"] = 0.0
    world.run(1, audit=True)
    return float(world.state.outside.references["unhedged"][0])


def wanted_by_twin(p: Parameters, hurdle: float, annual: float, most: int, held: int) -> int:
    """Short that a trader with a limit of `most` lots wants, holding some."""
    if annual <= p.exit * hurdle:
        return 0
    if annual < hurdle:
        return min(held, most)
    return math.floor(most * min(1.0, (annual - p.exit * hurdle) / ((p.full - p.exit) * hurdle)))


@given(
    mid=st.integers(19_800, 20_200),
    rate=st.floats(-1e-4, 1e-4),
    hurdle=st.floats(0.02, 0.5),
    leverage=st.floats(0.5, 5.0),
    short=st.integers(0, 200_000),
)
@settings(max_examples=60, deadline=None)
def test_the_size_is_that_of_the_twin(
    mid: int, rate: float, hurdle: float, leverage: float, short: int
) -> None:
    """Carry from basis and funding, a share of the leverage limit above the hurdle, none below."""
    p = Parameters(funding_interval=1.0, outside_capital=0.0)
    world = carry_world(("states", "basis_traders"), lots=-short, **p.model_dump())
    state, row = world.state, first_row(world.state)
    state.crowd.traits[row, [T.hurdle, T.leverage]] = hurdle, leverage
    state.crowd.memory[row, NEXT] = 0.5
    state.book.ladders["mid"][0] = mid
    state.ledger.markets["funding_rate"][0] = rate
    world.run(1)
    annual = YEAR * (math.log(0.5 * mid * TICK / 100.0) / p.holding + rate / p.funding_interval)
    most = math.floor(leverage * state.ledger.accounts["equity"][row] / (mid * HALF_UNIT))
    missing = short - wanted_by_twin(p, hurdle, annual, most, short)
    n = int(state.clock["n_inbox"][0])
    if abs(missing) <= p.band * short + 1:
        assert n == 0 or abs(state.crowd.inbox["quantity"][0] - abs(missing)) <= 1
    else:
        message = state.crowd.inbox[0]
        assert n == 1
        assert abs(message["quantity"] - abs(missing)) <= 1
        assert message["side"] == np.sign(missing)
        assert message["author_class"] == ARBITRAGE
        assert message["flags"] == (REDUCE_ONLY if missing > 0 else 0)


@pytest.mark.parametrize("spot", [False, True])
def test_coins_follow_the_perpetual(spot: bool) -> None:
    """A rich carry opens both legs; what it costs is what was bought; a poor one closes them."""
    world = carry_world(spot=spot, lots=0, funding_interval=1.0, slippage=0.02)
    state, row = world.state, first_row(world.state)
    state.ledger.markets["funding_rate"][0] = 1.0 / YEAR  # 100% a year
    seen = [block(world) for _ in range(12)]
    assert state.ledger.lots[row, 0] < -50_000
    assert naked(world) == pytest.approx(0.0, abs=0.05 * -state.ledger.lots[row, 0] * LOT)
    if not spot:
        assert max(seen) == 0.0  # outside coins are bought in the block that learns of the fill
        assert state.crowd.outside_lots[row, 0] == -state.ledger.lots[row, 0]
        assert state.crowd.memory[row, CASH] < 0.0
    else:
        assert state.ledger.lots[row, 1] > 150_000
    state.ledger.markets["funding_rate"][0] = 0.0
    state.book.ladders["mid"][0] = 20_000
    for _ in range(12):
        block(world)
    assert state.ledger.lots[row, 0] == 0
    assert abs(naked(world)) < 3.0


@pytest.mark.parametrize("rehedge", [0.0, 1.0])
@pytest.mark.parametrize("spot", [False, True])
def test_a_lost_hedge_shows_and_is_answered_after_the_reaction_time(
    spot: bool, rehedge: float
) -> None:
    """60% of the hedge is closed by others: 60 coins are naked for 5 s, then decay."""
    world = carry_world(spot=spot, patience=3.0, slippage=0.02)
    state, row = world.state, first_row(world.state)
    state.crowd.traits[row, T.rehedge] = rehedge
    state.crowd.traits[row, T.interval] = 1e9
    open_pair(state, row, row + 1, 60_000)
    held, coins = (
        state.ledger.lots[row, 0],
        state.ledger.lots[row].sum() - state.ledger.lots[row, 0],
    )
    flows, seen = [], []
    for _ in range(16):
        seen.append(block(world))
        flows.append(float(state.outside.references["flow"][0]))
    assert seen[:6] == pytest.approx([60.0] * 6)
    after = np.array(seen[6:])
    assert (np.diff(after) <= 0).all()
    assert after[6] == pytest.approx(60.0 * math.exp(-7 / 3), rel=0.05)
    if rehedge:
        assert state.ledger.lots[row, 0] < held
        assert not any(flows)
    elif spot:
        assert state.ledger.lots[row, 1] < coins
        assert not any(flows)
    else:
        assert sum(flows) == pytest.approx(-(60.0 - naked(world)))
        assert not any(flows[:5])
    assert state.ledger.lots[row + 1].any()


def test_an_answer_is_signed_as_its_own_decision() -> None:
    """What a naked trader sells is discretionary; the two-legged trade is arbitrage."""
    world = carry_world(("states", "basis_traders"), spot=True)
    state, row = world.state, first_row(world.state)
    state.crowd.traits[row, T.reaction] = 1.0
    open_pair(state, row, row + 1, 60_000)
    world.run(2)
    message = state.crowd.inbox[0]
    assert (message["market"], message["side"]) == (1, -1)
    assert message["author_class"] == DISCRETIONARY


def test_a_closed_account_still_sells_its_coins_outside() -> None:
    """Liquidation took the whole hedge and the account; the coins go the same way."""
    world = carry_world(patience=2.0)
    state, row = world.state, first_row(world.state)
    open_pair(state, row, row + 1, 100_000)
    state.ledger.accounts["state"][row] = CLOSED
    seen = [block(world) for _ in range(30)]
    assert seen[0] == pytest.approx(100.0)
    assert seen[-1] == 0.0
    assert naked(world) == pytest.approx(0.0, abs=0.1)


def test_leverage_beyond_the_limit_brings_money_in_or_the_trade_down() -> None:
    """After a loss the trader brings what is spare outside; without that it closes some."""
    for capital, is_richer in ((2.0, True), (0.0, False)):
        world = carry_world(outside_capital=capital, outside_leverage=50.0, slippage=0.02)
        state, row = world.state, first_row(world.state)
        state.ledger.balances[row, 0] -= 7_000 * ONE
        state.ledger.balances[0, 0] += 7_000 * ONE
        for _ in range(12):
            block(world)
        assert (state.ledger.accounts["deposited"][row] > 1_000 * ONE) == is_richer
        assert (state.ledger.lots[row, 0] > -100_000) != is_richer
        equity = state.ledger.accounts["equity"][row]
        assert -state.ledger.lots[row, 0] * 20_000 * HALF_UNIT <= 2.2 * equity


@pytest.mark.parametrize(("outside", "is_hedge"), [(100.0, True), (101.0, True), (106.0, False)])
def test_a_perpetual_deep_below_the_coin_is_no_hedge(outside: float, is_hedge: bool) -> None:
    """Who would hedge again sells the coins when the perpetual is 2% or more cheaper."""
    world = carry_world(patience=3.0, slippage=0.02, discount=0.02)
    state, row = world.state, first_row(world.state)
    state.crowd.traits[row, T.rehedge], state.crowd.traits[row, T.interval] = 1.0, 1e9
    open_pair(state, row, row + 1, 60_000)
    state.outside.references["price"][0] = outside
    held = int(state.ledger.lots[row, 0])
    for _ in range(8):
        block(world)
    assert (state.ledger.lots[row, 0] < held) == is_hedge
    assert naked(world) < 60.0


@pytest.mark.parametrize("closed", [60_000, -40_000])
def test_exposure_stands_in_the_row_of_the_account(closed: int) -> None:
    """In quote units at the mid, above 0 when the short was closed; nothing while hedged."""
    world = carry_world()
    state, row = world.state, first_row(world.state)
    state.crowd.traits[row, [T.reaction, T.interval]] = 1e9
    assert state.crowd.unhedged[row] == 0
    open_pair(state, row, row + 1, closed)
    block(world)
    value = closed * LOT * 0.5 * TICK * int(state.book.ladders["mid"][0]) * ONE
    assert state.crowd.unhedged[row] == pytest.approx(value)
    assert not state.crowd.unhedged[:row].any()
    open_pair(state, row, row + 1, -closed)
    block(world)
    assert state.crowd.unhedged[row] == 0
