"""Market makers: the paper's numbers, a plain-Python twin of their quotes, and their limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.agents import makers
from crossmargin.agents.maker_numbers import is_looking, spread_and_shift
from crossmargin.agents.makers import LOW, RETURN, P, Parameters, T
from crossmargin.agents.quoting import optimal_spread, reservation_shift
from crossmargin.model.kernel import from_python
from crossmargin.model.markets import YEAR
from crossmargin.model.parts import row_of
from crossmargin.model.state import CANCEL, LIMIT, POST_ONLY, REFILL, REPLACE
from tests.small import (
    COIN,
    HALF_UNIT,
    LOT,
    ONE,
    PERP,
    clock_step,
    first_row,
    give,
    open_pair,
    residuals_of,
    send,
    set_price,
    small_world,
)

CALM = 0.6 / math.sqrt(YEAR)
LISTINGS = (PERP, COIN)
MAKERS = 1  # place of the makers in the program


def maker_world(n_makers=1, *, parts=("states", "makers", "inbox"), markets=LISTINGS, **numbers):
    """World with some makers who hold a million and neutral coins, and one stranger behind them."""
    program = [(name, numbers if name == "makers" else {}) for name in parts]
    p = Parameters(**numbers)
    slots = makers.slots_needed(p, len(markets))
    world = small_world(program, n_makers + 1, markets=markets, slots=slots * (n_makers + 1))
    state, first = world.state, first_row(world.state)
    state.parts["count"][MAKERS], state.parts["slots"][MAKERS] = n_makers, slots
    state.crowd.traits[:, T.size] = state.crowd.traits[:, T.aversion] = 1.0
    state.outside.references["volatility"] = CALM
    state.book.ladders["mid"] = 20_000
    for row in range(first, first + n_makers + 1):
        give(state, row, 1e6)
        if COIN in markets:
            give(state, row, p.inventory_limit * p.depth / 100.0, asset=1)
    return world


def sent(world):
    """Messages in the inbox of a world without a matching phase, emptied."""
    n = int(world.state.clock["n_inbox"][0])
    world.state.clock["n_inbox"] = 0
    return world.state.crowd.inbox[:n].copy()


def shown(world, row=None):
    """Resting orders, of one row or of all."""
    orders = world.state.book.orders
    live = orders[orders["side"] >= 0]
    return live if row is None else live[live["account"] == row]


def twin(state, row, p, sigma):
    """Quotes of a maker without resting orders, in plain Python: (market, side, tick, lots)."""
    traits, ledger = state.crowd.traits[row], state.ledger
    full = p.depth * traits[T.size] * ONE
    lots, marks = ledger.lots[row], ledger.markets["mark"]
    free = int(ledger.accounts["initial_equity"][row])
    free -= math.ceil(abs(lots[0]) * marks[0] * HALF_UNIT * 0.1)
    needed = math.ceil(math.floor(full) * 0.1) + math.ceil(math.floor(full) * (1.0 - 0.8))
    share = max(0.0, min(1.0, p.capital_share * free / needed))
    clips = p.inventory_limit * p.levels
    calm = p.calm_volatility / math.sqrt(YEAR) / p.base_half_spread
    gamma = p.skew * traits[T.aversion] / (clips * calm * calm * p.horizon)
    sigma = max(sigma, p.volatility_floor / math.sqrt(YEAR))
    variance = (sigma / p.base_half_spread) ** 2 * max(p.horizon, 1.0)
    spread = 2.0 if gamma == 0 else gamma * variance + 2.0 / gamma * math.log1p(gamma)
    weights = np.array([p.growth**i for i in range(p.levels)])
    found = []
    for m in range(2):
        index, mid = int(ledger.markets["index"][m]), int(state.book.ladders["mid"][m])
        fair = p.index_weight * index + (1.0 - p.index_weight) * mid
        held = lots[m] if m == 0 else 0  # coins of the start are neutral
        pressure = held * fair * HALF_UNIT / (p.inventory_limit * full)
        unit = p.base_half_spread * fair
        middle = fair - pressure * clips * gamma * variance * unit
        for side in (1, -1):
            tick = 0.5 * (middle - side * 0.5 * spread * unit)
            tick = math.floor(tick) if side > 0 else math.ceil(tick)
            held = min(full, 2.0 * tick * abs(lots[m]) * HALF_UNIT)
            units = full * share
            if m == 1 and side < 0:
                units = held
            elif m == 0 and lots[m] * side < 0:
                units = max(held, units)
            if pressure * side >= 1:
                units = 0.0
            for i, weight in enumerate(weights / weights.sum()):
                at = tick - side * int(0.5 * i * p.spacing * 0.5 * spread * unit)
                found.append((m, side, at, units * weight / (2.0 * at * HALF_UNIT)))
    return found


@given(
    index=st.integers(15_000, 25_000),
    offset=st.integers(-400, 400),
    lots=st.integers(-5_000_000, 5_000_000),
    sigma=st.floats(0.0, 7.9 * CALM),
    size=st.floats(0.1, 3.0),
    levels=st.integers(1, 4),
    weight=st.floats(0.0, 1.0),
)
@settings(max_examples=60, deadline=None)
def test_quotes_equal_those_of_the_twin(index, offset, lots, sigma, size, levels, weight):
    """Prices to the tick, sizes to the lot; bids lie below asks; one side beyond the limit."""
    p = Parameters(levels=levels, index_weight=weight, inventory_stop=1000, health_stop=1)
    world = maker_world(parts=("states", "makers"), **p.model_dump())
    state, row = world.state, first_row(world.state)
    state.crowd.traits[row, T.size] = size
    state.outside.references["volatility"] = sigma
    if lots:
        open_pair(state, row, row + 1, lots)
    state.ledger.markets["index"], state.book.ladders["mid"] = index, index + offset
    world.run(1)
    messages = sent(world)
    wanted = {q[:3]: q[3] for q in twin(state, row, p, sigma) if q[3] >= 1 and q[2] > 0}
    asked = {
        (int(m["market"]), int(m["side"]), int(m["price"])): int(m["quantity"]) for m in messages
    }
    assert asked.keys() == wanted.keys()
    assert all(abs(asked[q] - wanted[q]) <= 1 + 1e-9 * wanted[q] for q in wanted)
    pressure = lots * state.ledger.markets["index"][0] * HALF_UNIT / (5 * p.depth * size * ONE)
    for market in range(2):
        quotes = messages[messages["market"] == market]
        bids, asks = (quotes[quotes["side"] == side]["price"] for side in (1, -1))
        assert not len(bids) or not len(asks) or bids.max() < asks.min()
    if abs(pressure) > 1.1:
        sides = messages[messages["market"] == 0]["side"]
        assert set(sides) <= {-np.sign(lots)}


def test_paper_example():
    """Avellaneda and Stoikov: sigma 2, gamma 0.1, k 1.5 gives a spread of 1.69077 at T - t = 1."""
    spread = from_python(optimal_spread)
    assert spread(0.1, 4.0, 1.5) == pytest.approx(1.69077, abs=5e-6)
    assert np.mean([spread(0.1, 4.0 * t, 1.5) for t in np.linspace(0, 1, 201)]) == pytest.approx(
        1.49077, abs=5e-6
    )
    assert spread(0.0, 4.0, 1.5) == pytest.approx(2 / 1.5)
    assert spread(1e-9, 4.0, 1.5) == pytest.approx(2 / 1.5)
    assert from_python(reservation_shift)(3.0, 0.1, 4.0) == pytest.approx(-1.2)


@given(st.floats(0.1, 50.0), st.floats(1.0, 100.0), st.floats(0.5, 5.0), st.floats(-2.0, 2.0))
@settings(max_examples=50, deadline=None)
def test_scale_free_quotes_are_those_of_the_paper(skew, limit, stress, pressure):
    """With the mapped risk aversion the paper's formulas, in money, give the same quotes."""
    p = Parameters(skew=skew, inventory_limit=limit)
    numbers = np.array(row_of(p))
    half, shift = from_python(spread_and_shift)(numbers, pressure, stress * CALM, 1.0, 1.0)
    assert from_python(spread_and_shift)(numbers, 1.0, CALM, 1.0, 1.0)[1] == pytest.approx(-skew)
    price, clip = 100.0, p.depth / p.levels / 100.0  # quote, base
    unit = p.base_half_spread * price  # quote, the paper's 1 / k
    gamma = skew * p.base_half_spread**2 / (limit * p.levels * CALM**2 * p.horizon)
    in_money = gamma / (p.base_half_spread * price * clip)
    variance = (stress * CALM * price) ** 2 * p.horizon
    inventory = pressure * limit * p.depth / price
    assert shift * unit == pytest.approx(-inventory * in_money * variance)
    of_clip = in_money * clip
    spread = of_clip * variance + 2 / of_clip * math.log1p(of_clip * unit)
    assert 2 * half * unit == pytest.approx(spread)


@given(st.floats(1_000.0, 200_000.0), st.integers(-800_000, 800_000))
@settings(max_examples=40, deadline=None)
def test_quotes_that_add_use_no_more_than_the_share_of_capital(wealth, lots):
    """The margin of all quotes that add to inventory stays within the share of free margin."""
    world = maker_world(parts=("states", "makers"), markets=(PERP, PERP), health_stop=1)
    state, row = world.state, first_row(world.state)
    state.ledger.balances[row, 0] = round(wealth * ONE)
    if lots:
        open_pair(state, row, row + 1, lots)
    world.run(1)
    account, messages = state.ledger.accounts[row], sent(world)
    free = 0.8 * (account["initial_equity"] - account["initial_requirement"])
    for side in (1, -1):
        adds = messages[(messages["side"] == side) & (messages["market"] == 1)]
        margin = 0.1 * (2 * adds["price"] * adds["quantity"] * HALF_UNIT).sum()
        if lots * side >= 0:
            adds = messages[(messages["side"] == side) & (messages["market"] == 0)]
            margin += 0.1 * (2 * adds["price"] * adds["quantity"] * HALF_UNIT).sum()
        assert margin <= max(0.0, free) * 1.05  # quotes stand a little off the mark
    if free > 40_000 * ONE:
        assert len(messages) >= 9


@pytest.mark.parametrize("post_only", [True, False])
def test_quotes_rest_and_stay_until_the_price_moves(post_only):
    """No message while nothing changes or little does; a replacement each when much does.

    The side that the price moves away from goes first, or a maker would trade with itself.
    """
    world = maker_world(post_only=post_only)
    world.run(1)
    assert len(shown(world)) == 12
    assert (shown(world)["flags"] & POST_ONLY == post_only * POST_ONLY).all()
    before = int(world.state.log.cursor["messages"][0])
    world.run(1)
    world.state.ledger.markets["index"] += 2  # 5e-5 of the price with weight 0.5
    world.run(1)
    assert int(world.state.log.cursor["messages"][0]) == before
    for half in (20_400, 19_200, 20_400):
        world.state.ledger.markets["index"] = half
        world.run(1)
        assert len(shown(world)) == 12
    assert int(world.state.log.cursor["messages"][0]) == before + 36
    assert not world.state.log.counters[1:].any()
    assert world.state.log.cursor["fills"][0] == 0
    assert not any(residuals_of(world.state).values())


def test_a_quote_that_was_hit_is_filled_up():
    """Below the refill share the level is replaced in full; above it, it keeps its place."""
    world = maker_world()
    row = first_row(world.state)
    world.run(1)
    best = shown(world, row)[0]
    send(world.state, row + 1, -1, int(best["price"]), int(best["quantity"]) // 10)
    world.run(1)
    assert best["id"] in shown(world, row)["id"]
    send(world.state, row + 1, -1, int(best["price"]), int(best["quantity"]) // 2)
    world.run(1)
    assert best["id"] not in shown(world, row)["id"]
    bids = shown(world, row)[(shown(world, row)["side"] == 0) & (shown(world, row)["market"] == 0)]
    assert bids["quantity"].max() > 0.8 * best["quantity"]


def test_volatility_withdraws_and_the_pause_ends():
    """All orders of all markets go; after the pause, in calm, they come back."""
    world = maker_world(pause=5.0)
    world.run(1)
    world.state.outside.references["volatility"] = 9 * CALM
    world.run(1)
    assert not len(shown(world))
    world.state.outside.references["volatility"] = CALM
    world.run(4)
    assert not len(shown(world))
    world.run(1)
    assert len(shown(world)) == 12


def test_spread_widens_with_volatility():
    """Quotes of both sides stand further off, more than in proportion at high volatility."""
    widths = []
    for stress in (1, 3, 6):
        world = maker_world()
        world.state.outside.references["volatility"] = stress * CALM
        world.run(1)
        best = world.state.book.ladders["best"][0]
        widths.append(int(best[1] - best[0]))
    assert widths[0] < widths[1] < widths[2]
    assert widths[2] - widths[1] > widths[1] - widths[0]


def test_inventory_withdraws_once_then_quotes_what_reduces():
    """Beyond the stop it leaves; back with the same inventory it quotes the closing side alone."""
    world = maker_world(pause=3.0, markets=(PERP,))
    state, row = world.state, first_row(world.state)
    open_pair(state, row, row + 1, 6_000_000)  # 600,000 at a limit of 500,000
    world.run(3)
    assert not len(shown(world))
    world.run(1)
    assert set(shown(world)["side"]) == {1}
    world.run(5)
    assert set(shown(world)["side"]) == {1}


def test_low_health_withdraws_then_reduces():
    """A maker near maintenance leaves, and comes back only to reduce."""
    world = maker_world(pause=3.0, markets=(PERP,))
    state, row = world.state, first_row(world.state)
    open_pair(state, row, row + 1, -4_000_000)  # short 400,000: maintenance 20,000
    state.ledger.balances[row, 0] = 35_000 * ONE
    world.run(3)
    assert not len(shown(world))
    assert state.crowd.memory[row, LOW] == 1 and state.crowd.memory[row, RETURN] == 3
    world.run(1)
    assert set(shown(world)["side"]) == {0}


def test_reduce_only_accounts_withdraw():
    """An account that the venue restricts shows nothing."""
    world = maker_world(parts=("states", "makers", "inbox"), markets=(PERP,), health_stop=1)
    state, row = world.state, first_row(world.state)
    open_pair(state, row, row + 1, -4_000_000)
    state.ledger.balances[row, 0] = 21_000 * ONE  # below 1.1 of maintenance
    world.run(2)
    assert not len(shown(world))


def test_post_only_slides_behind_a_better_price():
    """An ask that would take stands one tick above the best bid instead."""
    world = maker_world(markets=(PERP,))
    row = first_row(world.state)
    send(world.state, row + 1, 1, 10_100, 10)
    world.run(1)
    assert world.state.book.ladders["best"][0, 1] == 10_101
    assert not world.state.log.counters[1:].any()


def test_without_post_only_it_takes():
    """The same ask trades when the maker may take."""
    world = maker_world(markets=(PERP,), post_only=False)
    row = first_row(world.state)
    send(world.state, row + 1, 1, 10_100, 10)
    world.run(1)
    assert world.state.ledger.lots[row, 0] == -10


@pytest.mark.parametrize(("round_", "acting"), [(0, [0]), (1, [0, 1]), (7, [0, 1, 2])])
def test_between_rounds_only_the_quick_act(round_, acting):
    """One eighth of a block passes a round; latencies are 0.1, 0.2 and 0.9 of a block."""
    world = maker_world(3, parts=("states", "makers"), markets=(PERP,))
    state, first = world.state, first_row(world.state)
    state.crowd.traits[first : first + 3, T.latency] = (0.1, 0.2, 0.9)
    state.parts["after_forced"][MAKERS] = 1
    clock_step(state, 0)
    state.clock["round"] = round_
    world._run_part(0)
    world._run_part(MAKERS)
    assert sorted(set(sent(world)["account"] - first)) == acting


def test_a_further_maker_changes_no_other():
    """Messages of the first two are the same with three more behind them."""
    few, many = (maker_world(n, parts=("states", "makers")) for n in (2, 5))
    for world in (few, many):
        world.run(1)
    first = first_row(few.state)
    a, b = sent(few), sent(many)
    b = b[b["account"] < first + 2]
    np.testing.assert_array_equal(a, b)
    assert len(set(a["arrival"])) == 2


def test_messages_are_signed_and_cancel_what_they_name():
    """Class, handle and slot are set; a halted market gets no quotes; withdrawal cancels."""
    world = maker_world(parts=("states", "makers"), markets=(PERP,))
    world.state.ledger.markets["halted_until"] = 1
    world.run(1)
    assert not len(sent(world))
    world.run(1)
    messages = sent(world)
    assert set(messages["author_class"]) == {REFILL} and set(messages["action"]) == {LIMIT}
    assert sorted(messages["slot"]) == list(range(1, 7))
    world = maker_world(markets=(PERP,))
    world.run(1)
    world.parts, world._program = world.parts[:2], None
    set_price(world.state, 0, 105.0)
    world.run(1)
    assert set(sent(world)["action"]) == {REPLACE}
    world.state.outside.references["volatility"] = 1.0
    world.run(1)
    messages = sent(world)
    assert set(messages["action"]) == {CANCEL} and len(messages) == 6


def test_depth_is_what_the_parameter_says():
    """The levels of a side together show the depth, each larger than the last by the growth."""
    world = maker_world(parts=("states", "makers"), markets=(PERP,), depth=50_000.0, growth=2.0)
    world.run(1)
    messages = sent(world)
    assert len(messages) == makers.messages_needed(Parameters(), 1)
    for side in (1, -1):
        quotes = messages[messages["side"] == side]
        notional = quotes["price"] * quotes["quantity"] * (0.01 * LOT)
        assert notional.sum() == pytest.approx(50_000, rel=1e-4)
        assert notional[1] / notional[0] == pytest.approx(2.0, rel=1e-4)
    assert P.depth == 0


def test_coins_of_the_start_are_neutral_and_bound_the_asks():
    """Quotes are centred with any stock; asks show at most what is held; sales lean the quotes."""
    world = maker_world(markets=(PERP, COIN), spacing=0.0)
    state, row = world.state, first_row(world.state)
    state.ledger.lots[row, 1] = 200_000  # 20,000 of a depth of 100,000
    world.run(1)
    spot = shown(world)[shown(world)["market"] == 1]
    assert spot[spot["side"] == 1]["quantity"].sum() in range(199_990, 200_001)
    assert state.book.ladders["best"][1].tolist() == state.book.ladders["best"][0].tolist()
    state.ledger.lots[row, 1] -= 200_000
    world.run(1)
    assert set(shown(world)[shown(world)["market"] == 1]["side"]) == {0}
    world.parts, world._program = world.parts[:2], None
    state.ledger.lots[row, 1] += 1_000_000
    world.run(1)
    asks = sent(world)
    assert asks[asks["side"] == -1]["price"].max() < 10_006


def share_looking(block_seconds, refresh, steps=8, n_makers=60):
    """Share of makers who send quotes to an empty book in a block, over some blocks."""
    world = maker_world(n_makers, parts=("states", "makers"), refresh=refresh)
    world.state.clock["block_seconds"] = block_seconds
    looking = 0
    for _ in range(steps):
        world.run(1)
        looking += len(set(sent(world)["account"].tolist()))
    return looking / (steps * n_makers)


@pytest.mark.parametrize(("block_seconds", "refresh"), [(1.0, 10.0), (5.0, 10.0), (30.0, 10.0)])
def test_looks_are_a_poisson_process_per_second(block_seconds, refresh):
    expected = 1.0 - math.exp(-block_seconds / refresh)
    assert share_looking(block_seconds, refresh) == pytest.approx(expected, abs=0.07)


def test_without_a_time_between_looks_there_is_one_a_block():
    assert share_looking(0.1, 0.0) == share_looking(60.0, 0.0) == 1.0


def test_a_round_is_its_part_of_a_block():
    world = maker_world(1, refresh=8.0)
    state = world.state
    state.ledger.venue["rounds"], state.clock["block_seconds"] = 4, 8.0
    looks = from_python(is_looking)
    grid = np.linspace(0.0, 1.0, 201)
    for between, seconds in ((0, 8.0), (1, 2.0)):
        state.parts["after_forced"][MAKERS] = between
        seen = [bool(looks(state, MAKERS, u)) for u in grid]
        assert seen == [bool(u < -math.expm1(-seconds / 8.0)) for u in grid]


def test_alarms_are_heeded_in_every_block():
    world = maker_world(refresh=8e4)
    world.state.params[MAKERS, P.refresh] = 0.0
    world.run(1)
    assert len(shown(world)) > 0
    world.state.params[MAKERS, P.refresh] = 8e4
    world.state.outside.references["volatility"] = 20 * CALM
    world.run(1)
    assert len(shown(world)) == 0
