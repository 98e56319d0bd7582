"""Arbitrageurs: a plain-Python twin of the order, the mirror outside, capital and its transfers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.agents import arbitrageurs
from crossmargin.agents.arbitrageurs import CASH, START, Parameters, T
from crossmargin.model.state import ARBITRAGE, IMMEDIATE_OR_CANCEL, REDUCE_ONLY
from tests.small import (
    COIN,
    HALF_UNIT,
    LOT,
    ONE,
    PERP,
    TICK,
    Listing,
    first_row,
    give,
    open_pair,
    residuals_of,
    send,
    small_world,
)

FEE = PERP.taker_fee
PARTS = ("transfers", "states", "arbitrageurs", "inbox")
HERE = 2  # place of the arbitrageurs in the program


def arbitrage_world(n=1, *, parts=PARTS, markets=(PERP, COIN), wealth=100_000.0, **numbers):
    """World with some arbitrageurs and, behind them, one stranger who has a lot of everything."""
    program = [(name, numbers if name == "arbitrageurs" else {}) for name in parts]
    world = small_world(program, n + 1, markets=markets)
    state, first = world.state, first_row(world.state)
    here = parts.index("arbitrageurs")
    state.parts["count"][here], state.parts["slots"][here] = n, 0
    state.crowd.traits[:, T.size] = 1.0
    for row in range(first, first + n):
        give(state, row, wealth)
    give(state, first + n, 1e9)
    if COIN in markets:
        give(state, first + n, 1e6, asset=1)
    return world


def sent(world):
    """Messages in the inbox of a world without a matching phase, emptied."""
    n = int(world.state.clock["n_inbox"][0])
    world.state.clock["n_inbox"] = 0
    return world.state.crowd.inbox[:n].copy()


def twin(state, row, p, seconds):
    """Order for the perpetual of one arbitrageur: (side, tick, lots, closing), or None."""
    price, lots = state.outside.references["price"][0], int(state.ledger.lots[row, 0])
    bid, ask = (int(tick) for tick in state.book.ladders["best"][0])
    gap = p.cost + p.profit + FEE
    value = price * LOT * ONE
    account = state.ledger.accounts[row]
    free = p.margin_use * max(0, account["initial_equity"] - account["initial_requirement"])
    for side, at, best in ((-1, math.ceil, bid), (1, math.floor, ask)):
        needed = gap * (p.unwind if lots * side < 0 else 1.0)
        tick = at(price * (1.0 - side * needed) / TICK)
        if (best - tick) * side > 0:
            continue
        wanted = math.floor(state.crowd.traits[row, T.size] * ONE * p.speed * seconds / value)
        if lots * side < 0:
            return side, tick, min(wanted, abs(lots)), True
        cap = math.floor(state.crowd.traits[row, T.size] * ONE * p.position_cap / value)
        wanted = max(0, min(wanted, cap - abs(lots)))
        margin = math.ceil(math.floor(wanted * value) * 0.1)
        if margin > free:
            wanted = math.floor(wanted * free / margin)
        return (side, tick, wanted, False) if wanted > 0 else None
    return None


@given(
    bid=st.integers(9_800, 10_200),
    spread=st.integers(1, 40),
    reference=st.floats(98.0, 102.0),
    lots=st.integers(-8_000_000, 8_000_000),
    wealth=st.floats(1_000.0, 200_000.0),
    size=st.floats(0.1, 3.0),
    unwind=st.floats(0.0, 1.0),
)
@settings(max_examples=80, deadline=None)
def test_the_order_equals_that_of_the_twin(bid, spread, reference, lots, wealth, size, unwind):
    """Side, limit, size and flags; nothing is sent while the gap is inside costs."""
    p = Parameters(unwind=unwind, top_up_below=0.0)
    world = arbitrage_world(
        parts=("states", "arbitrageurs"), markets=(PERP,), wealth=wealth, **p.model_dump()
    )
    state, row = world.state, first_row(world.state)
    state.crowd.traits[row, T.size] = size
    state.outside.references["price"] = reference
    if lots:
        open_pair(state, row, row + 1, lots)
    state.book.ladders["best"][0] = (bid, bid + spread)
    world.run(1)
    messages, wanted = sent(world), twin(state, row, p, 1.0)
    if state.ledger.accounts["state"][row] > 1 and wanted and not wanted[3]:
        wanted = None
    assert len(messages) == (wanted is not None)
    if wanted:
        (m,) = messages
        assert (m["side"], m["price"]) == wanted[:2]
        assert abs(m["quantity"] - wanted[2]) <= 1
        assert m["flags"] == (REDUCE_ONLY if wanted[3] else 0)
        assert (m["life"], m["author_class"]) == (IMMEDIATE_OR_CANCEL, ARBITRAGE)
        best = bid if m["side"] < 0 else bid + spread
        least = (p.cost + p.profit + FEE) * (unwind if wanted[3] else 1.0)
        assert -m["side"] * (best * TICK / reference - 1.0) >= least - 1e-12


@given(st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(9_700, 10_300)), max_size=8))
@settings(max_examples=30, deadline=None)
def test_outside_mirrors_the_venue(quotes):
    """Venue plus outside is what was filled after the last decision; flow is the mirror."""
    world = arbitrage_world(markets=(PERP,))
    state, row = world.state, first_row(world.state)
    hedged = 0
    for side, tick in quotes:
        send(state, row + 1, side, tick, 40_000)
        before = int(state.ledger.lots[row, 0])
        state.outside.references["flow"] = 0.0
        world.run(1, audit=True)
        filled = int(state.ledger.lots[row, 0]) - before
        assert state.ledger.lots[row, 0] + state.crowd.outside_lots[row, 0] == filled
        assert state.outside.references["flow"][0] == pytest.approx(-(before - hedged) * LOT)
        hedged = before


def test_a_gap_is_traded_away_and_pays():
    """A high bid is sold to and hedged outside; venue and outside together have gained."""
    world = arbitrage_world(markets=(PERP,))
    state, row = world.state, first_row(world.state)
    send(state, row + 1, 1, 10_200, 100_000)
    world.run(2, audit=True)
    assert state.ledger.lots[row, 0] == -100_000
    value = 100.0 * LOT * ONE
    outside = state.crowd.memory[row, CASH] + 100_000 * value
    gained = outside - state.crowd.memory[row, START] - 100_000 * (100.0 - 102.0) * LOT * ONE
    costs = 100.0 * 100.0 * 0.0005 * ONE
    assert gained == pytest.approx(100_000 * 2 * LOT * ONE - costs)


def test_forced_changes_are_hedged_too():
    """A position that was closed without the agent's doing is bought back outside."""
    world = arbitrage_world(markets=(PERP,))
    state, row = world.state, first_row(world.state)
    open_pair(state, row, row + 1, 5_000)
    world.run(1)
    assert state.crowd.outside_lots[row, 0] == -5_000 and not state.outside.references["flow"][0]
    open_pair(state, row + 1, row, 5_000)
    world.run(1)
    assert state.crowd.outside_lots[row, 0] == 0
    assert state.outside.references["flow"][0] == pytest.approx(5.0)


def test_cap_speed_and_margin_bound_the_position():
    """Speed bounds a step, the cap the position, the margin either."""
    bounds = {"speed": 3_000.0, "position_cap": 10_000.0}
    world = arbitrage_world(markets=(PERP,), **bounds)
    state, row = world.state, first_row(world.state)
    send(state, row + 1, -1, 9_500, 10_000_000)
    held = []
    for _ in range(5):
        world.run(1, audit=True)
        held.append(int(state.ledger.lots[row, 0]))
    assert held == [30_000, 60_000, 90_000, 100_000, 100_000]
    world = arbitrage_world(markets=(PERP,), wealth=500.0, top_up_below=0.0, margin_use=0.5)
    send(world.state, row + 1, -1, 9_900, 10_000_000)
    world.run(1, audit=True)
    assert 20_000 < world.state.ledger.lots[row, 0] <= 25_000


def test_spot_keeps_to_what_is_held():
    """Sales end with the coins, purchases with the quote balance; neither borrows."""
    world = arbitrage_world(wealth=1_000.0, top_up_below=0.0, take_out_above=100.0)
    state, row = world.state, first_row(world.state)
    give(state, row, 3.0, asset=1)
    send(state, row + 1, 1, 10_300, 1_000_000, market=1)
    world.run(2, audit=True)
    assert state.ledger.lots[row, 1] == 0
    assert state.crowd.outside_lots[row, 1] == 0  # sold 3 here, bought 3 outside
    assert state.outside.references["flow"][0] == pytest.approx(3.0)
    world = arbitrage_world(wealth=1_000.0, top_up_below=0.0)
    state = world.state
    send(state, row + 1, -1, 9_700, 1_000_000, market=1)
    world.run(6, audit=True)
    assert state.ledger.balances[row, 0] >= 0
    assert 9_900 < state.ledger.lots[row, 1] < 10_400


def test_capital_comes_after_the_delay_and_only_what_is_spare():
    """A loss on the venue calls for what is missing; it arrives once, a delay later."""
    world = arbitrage_world(markets=(PERP,), transfer_delay=4.0, outside_capital=0.3)
    state, row = world.state, first_row(world.state)
    world.run(1)
    state.ledger.balances[row, 0] -= 50_000 * ONE
    state.ledger.balances[0, 0] += 50_000 * ONE
    world.run(5, audit=True)
    assert state.ledger.accounts["deposited"][row] == 0
    world.run(1, audit=True)
    assert state.ledger.accounts["deposited"][row] == 30_000 * ONE  # all there is
    world.run(20, audit=True)
    assert state.ledger.accounts["deposited"][row] == 30_000 * ONE


def test_profit_is_taken_out():
    """Equity beyond the bound goes down to what the account began with."""
    world = arbitrage_world(markets=(PERP,), transfer_delay=2.0)
    state, row = world.state, first_row(world.state)
    world.run(1)
    give(state, row, 60_000.0)
    world.run(10, audit=True)
    assert state.ledger.balances[row, 0] == 100_000 * ONE
    assert state.ledger.accounts["deposited"][row] == -60_000 * ONE


def test_margin_is_shared_between_markets():
    """What one order takes is not offered again to the next market."""
    world = arbitrage_world(
        parts=("states", "arbitrageurs"), markets=(PERP, Listing()), wealth=6_000.0
    )
    state = world.state
    state.book.ladders["best"][:, 1] = 9_900
    world.run(1)
    messages = sent(world)
    margins = messages["quantity"] * 20_000 * HALF_UNIT * 0.1
    assert margins.sum() == pytest.approx(0.8 * 6_000 * ONE, rel=1e-3)
    assert len(messages) == 1  # the first market takes all
    state.crowd.memory[:] = 0
    state.params[1, arbitrageurs.P.speed] = 30_000.0
    world.run(1)
    messages = sent(world)
    assert (messages["quantity"] * 0.1).tolist() == pytest.approx([30_000, 18_000], rel=1e-3)


def test_a_halted_market_is_left_alone():
    """No order goes where none can trade."""
    world = arbitrage_world(parts=("states", "arbitrageurs"), markets=(PERP,))
    world.state.book.ladders["best"][:, 1] = 9_900
    world.state.ledger.markets["halted_until"] = 1
    world.run(1)
    assert not len(sent(world))
    world.run(1)
    assert len(sent(world)) == 1


def test_a_further_arbitrageur_changes_no_other():
    """Messages of the first two are the same with three more behind them."""
    few, many = (arbitrage_world(n, parts=("states", "arbitrageurs")) for n in (2, 5))
    for world in (few, many):
        world.state.book.ladders["best"][:, 1] = 9_900
        world.run(1)
    a, b = sent(few), sent(many)
    np.testing.assert_array_equal(a, b[b["account"] < first_row(few.state) + 2])
    assert len(a) == 4 and len(set(a["arrival"])) == 4
    assert arbitrageurs.messages_needed(Parameters(), 2) == 2


def test_without_money_nothing_happens():
    """An account that holds nothing neither trades nor hedges."""
    world = arbitrage_world(parts=("states", "arbitrageurs"), markets=(PERP,), wealth=0.0)
    world.state.book.ladders["best"][:, 1] = 9_900
    world.run(1)
    assert not len(sent(world))
    assert not any(residuals_of(world.state).values())


@pytest.mark.parametrize(("n", "side"), [(1, 1), (4, 1), (4, -1)])
def test_all_together_they_close_a_gap_outside_and_no_more(n, side):
    """Each trades its part of what moves a market of stated volume by the gap that it sees."""
    world = arbitrage_world(n, parts=("states", "arbitrageurs"), markets=(PERP,), speed=1e9)
    state = world.state
    state.outside.references["turnover"] = 40_000.0
    state.book.ladders["best"][0] = (9_999, 9_800) if side > 0 else (10_200, 10_201)
    world.run(1)
    messages = sent(world)
    gap = math.log(1.02) if side < 0 else -math.log(0.98)
    assert len(messages) == n
    lots = gap * 40_000.0 / n / (100.0 * LOT)
    np.testing.assert_allclose(messages["quantity"], lots, atol=1.01)
    assert (messages["side"] == side).all()


def test_what_they_hold_is_bound_by_the_volume_outside():
    """Together they hold a part of the daily volume outside, and no more."""
    bounds = {"speed": 1e9, "position_cap": 1e9, "capacity": 0.1}
    world = arbitrage_world(markets=(PERP,), **bounds)
    state, row = world.state, first_row(world.state)
    state.outside.references["turnover"] = 40_000.0
    send(state, row + 1, -1, 9_500, 10_000_000)
    for _ in range(5):
        world.run(1, audit=True)
    assert state.ledger.lots[row, 0] == pytest.approx(0.1 * 40_000.0 / (100.0 * LOT), abs=1)
