"""Market makers: the paper's numbers, a plain-Python twin of their quotes, and their limits."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.agents import makers
from crossmargin.agents.maker_numbers import base_unit, is_looking, spread_and_shift
from crossmargin.agents.makers import LOW, RETURN, P, Parameters, T
from crossmargin.agents.quoting import optimal_spread, reservation_shift
from crossmargin.model.inbox import MOMENTS
from crossmargin.model.kernel import from_python
from crossmargin.model.markets import YEAR
from crossmargin.model.parts import row_of
from crossmargin.model.state import CANCEL, LIMIT, REFILL, REPLACE
from tests.small import (
    COIN,
    HALF_UNIT,
    LOT,
    ONE,
    PERP,
    TICK,
    Listing,
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
#: Half-life at which a desk looks at every block, and a block by which it has seen enough of them.
QUICK, LATER = 8.0, 100
LISTINGS = (PERP, COIN)
#: Two books of two underlyings.
TWO = (PERP, Listing(underlying=1))
MAKERS = 1  # place of the makers in the program


def maker_world(n_makers=1, *, parts=("states", "makers", "inbox"), markets=LISTINGS, **numbers):
    """World with some makers who hold a million and neutral coins, and one stranger behind them."""
    numbers = {"volatility_half_life": QUICK} | numbers
    program = [(name, numbers if name == "makers" else {}) for name in parts]
    p = Parameters(**numbers)
    slots = makers.slots_needed(p, len(markets))
    world = small_world(program, n_makers + 1, markets=markets, slots=slots * (n_makers + 1))
    state, first = world.state, first_row(world.state)
    state.parts["count"][MAKERS], state.parts["slots"][MAKERS] = n_makers, slots
    state.crowd.traits[:, T.size] = state.crowd.traits[:, T.aversion] = 1.0
    state.book.ladders["mid"] = 20_000
    world.step = LATER
    clock_step(state, LATER)
    set_volatility(state, CALM)
    for row in range(first, first + n_makers + 1):
        give(state, row, 1e6)
        if COIN in markets:
            give(state, row, p.inventory_limit * p.depth / 100.0, asset=1)
    return world


def set_volatility(state, sigma, underlying=0):
    """Let the outside price and its markets have gone up and down so much, per root second."""
    trail, n = state.outside.trail, len(state.outside.references)
    price = state.outside.references["price"][underlying]
    trail[underlying] = np.log(price) + sigma * (np.arange(trail.shape[1]) % 2 - 0.5)
    for m in np.flatnonzero(state.ledger.markets["underlying"] == underlying):
        trail[n + m] = trail[underlying]


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


def twin_risk(state, row, p, sigma):
    """Value at risk of the holdings over the limit, and the share of depth that it leaves."""
    full = p.depth * state.crowd.traits[row, T.size] * ONE
    quantile = NormalDist().inv_cdf(p.confidence)
    unit = quantile * max(sigma, 1e-30) * math.sqrt(p.risk_horizon)
    limit = p.risk_limit * int(state.ledger.accounts["equity"][row])
    held = (
        unit * abs(int(state.ledger.lots[row, 0]) * int(state.book.ladders["mid"][0])) * HALF_UNIT
    )
    return held / limit, max(0.0, min(1.0, (limit - held) / (2 * unit * full)))


def twin(state, row, p, sigma):
    """Quotes of a maker without resting orders, in plain Python: (market, side, tick, lots).

    Its inventory is in the perpetual, as coins of the start are neutral.
    """
    traits, ledger = state.crowd.traits[row], state.ledger
    full = p.depth * traits[T.size] * ONE
    lots, marks = ledger.lots[row], ledger.markets["mark"]
    free = int(ledger.accounts["initial_equity"][row])
    free -= math.ceil(abs(lots[0]) * marks[0] * HALF_UNIT * 0.1)
    needed = math.ceil(math.floor(full) * 0.1) + math.ceil(math.floor(full) * (1.0 - 0.8))
    risk, room = twin_risk(state, row, p, sigma)
    share = max(0.0, min(1.0, p.capital_share * free / needed, room))
    clips = p.inventory_limit * p.levels
    variance = (p.calm_volatility / math.sqrt(YEAR) / p.base_half_spread) ** 2
    gamma = p.skew * traits[T.aversion] / (clips * variance)
    spread = 2.0 if gamma == 0 else gamma * variance + 2.0 / gamma * math.log1p(gamma)
    spread *= 1.0 + p.risk_widening * min(1.0, risk) ** 2
    seen = max(sigma, p.volatility_floor / math.sqrt(YEAR))
    weights = np.array([p.growth**i for i in range(p.levels)])
    found = []
    for m in range(2):
        price, mid = state.outside.references["price"][0], int(state.book.ladders["mid"][m])
        fair = 2.0 * price / TICK * math.exp((1.0 - p.anchor_weight) * twin_basis(state, m, p))
        held = lots[m] if m == 0 else 0  # coins of the start are neutral
        pressure = held * mid * HALF_UNIT / (p.inventory_limit * full)
        unit = p.base_half_spread * seen * math.sqrt(YEAR) / p.calm_volatility * fair
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
            away, gap = 0.0, 0.25 * p.spacing * spread * unit
            for weight in weights / weights.sum():
                at = tick - side * int(away)
                found.append((m, side, at, units * weight / (2.0 * at * HALF_UNIT)))
                away, gap = away + gap, gap * p.stretch
    return found


def twin_basis(state, market, p):
    """Weighted mean gap between the mid and the outside price; the half-life is a block's eight."""
    trail, step = state.outside.trail, int(state.clock["step"][0])
    at = step - 1 - np.arange(24)
    gaps = trail[1 + market, at] - trail[0, at]
    gaps[0] = math.log(0.5 * state.book.ladders["mid"][market] * TICK) - trail[0, step - 1]
    weights = 0.5 ** (np.arange(24) / p.basis_half_life)
    return (gaps * weights).sum() / weights.sum()


@given(
    price=st.floats(80.0, 120.0),
    offset=st.integers(-60, 60),
    lots=st.integers(-5_000_000, 5_000_000),
    sigma=st.floats(0.0, 3.0 * CALM),
    size=st.floats(0.1, 3.0),
    levels=st.integers(1, 4),
    weight=st.floats(0.0, 1.0),
)
@settings(max_examples=60, deadline=None)
def test_quotes_equal_those_of_the_twin(price, offset, lots, sigma, size, levels, weight):
    """Prices to the tick, sizes to the lot; bids lie below asks; one side beyond the limit."""
    p = Parameters(
        levels=levels,
        anchor_weight=weight,
        health_stop=1,
        basis_half_life=QUICK,
        volatility_half_life=QUICK,
        risk_limit=10.0,
    )
    world = maker_world(parts=("states", "makers"), **p.model_dump())
    state, row = world.state, first_row(world.state)
    state.crowd.traits[row, T.size] = size
    if lots:
        open_pair(state, row, row + 1, lots)
    state.outside.references["price"] = price
    set_volatility(state, sigma)
    state.book.ladders["mid"] = round(2 * price / TICK) + offset
    world.run(1)
    messages = sent(world)
    wanted = {q[:3]: q[3] for q in twin(state, row, p, sigma) if q[3] >= 1 and q[2] > 0}
    asked = {
        (int(m["market"]), int(m["side"]), int(m["price"])): int(m["quantity"]) for m in messages
    }
    assert asked.keys() == wanted.keys()
    assert all(abs(asked[q] - wanted[q]) <= 1 + 1e-9 * wanted[q] for q in wanted)
    pressure = lots * state.book.ladders["mid"][0] * HALF_UNIT / (5 * p.depth * size * ONE)
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
    half, shift = from_python(spread_and_shift)(numbers, pressure, 1.0)
    assert from_python(spread_and_shift)(numbers, 1.0, 1.0)[1] == pytest.approx(-skew)
    price, clip = 100.0, p.depth / p.levels / 100.0  # quote, base
    unit = from_python(base_unit)(numbers, stress * CALM) * price  # quote, the paper's 1 / k
    assert unit == pytest.approx(stress * p.base_half_spread * price)
    gamma = skew * p.base_half_spread**2 / (limit * p.levels * CALM**2)
    of_clip = gamma / unit  # the paper's, times the size of a clip
    in_money = of_clip / clip
    variance = (stress * CALM * price) ** 2
    inventory = pressure * limit * p.depth / price
    assert shift * unit == pytest.approx(-inventory * in_money * variance)
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


def move_outside(state, price):
    """Put the outside price at another level, and the whole past of everything with it."""
    state.outside.references["price"] = price
    set_volatility(state, CALM)
    state.book.ladders["mid"] = round(2 * price / TICK)


def test_quotes_rest_and_stay_until_the_price_moves():
    """No message while nothing changes or little does; a replacement each when much does."""
    world = maker_world()
    world.run(1)
    assert len(shown(world)) == 12
    before = int(world.state.log.cursor["messages"][0])
    move_outside(world.state, 100.0)
    world.run(1)
    move_outside(world.state, 100.001)
    world.run(1)
    assert int(world.state.log.cursor["messages"][0]) == before
    for price in (102.0, 96.0, 102.0):
        move_outside(world.state, price)
        world.run(1)
        assert len(shown(world)) == 12
    assert int(world.state.log.cursor["messages"][0]) == before + 36
    assert not world.state.log.counters[1:].any()
    assert world.state.log.cursor["fills"][0] == 0
    assert not any(residuals_of(world.state).values())


def test_what_retreats_arrives_before_what_improves():
    """The price rises: asks leave with the latency, bids follow after the patience."""
    world = maker_world(markets=(PERP,), patience=0.4)
    state, row = world.state, first_row(world.state)
    state.crowd.traits[row, T.latency] = 0.1
    world.run(1)
    world.parts, world._program = world.parts[:2], None
    move_outside(state, 102.0)
    world.run(1)
    messages = sent(world)
    moments = {side: set(messages[messages["side"] == side]["arrival"]) for side in (1, -1)}
    assert moments == {-1: {int(0.1 * MOMENTS)}, 1: {int(0.5 * MOMENTS)}}


def test_a_quote_that_was_hit_is_filled_up():
    """Below the refill share the level is replaced in full; above it, it keeps its place."""
    world = maker_world(skew=0.0, anchor_weight=1.0)
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


def withdraw_by_risk(world, risk=1.5):
    """Raise the volatility to where the value at risk of the first maker is so much its limit."""
    state, row = world.state, first_row(world.state)
    equity = int(state.ledger.accounts["equity"][row])
    held = abs(int(state.ledger.lots[row, 0])) * 20_000 * HALF_UNIT
    unit = NormalDist().inv_cdf(0.99) * math.sqrt(86_400.0) * held
    set_volatility(state, risk * 0.1 * equity / unit)


def test_risk_withdraws_from_all_books_and_the_pause_ends():
    """At the limit all orders of all markets go; after the pause, in calm, they come back."""
    world = maker_world(pause=5.0)
    state, row = world.state, first_row(world.state)
    open_pair(state, row, row + 1, 1_000_000)
    world.run(1)
    assert set(shown(world, row)["market"]) == {0, 1}
    withdraw_by_risk(world)
    world.run(1)
    assert not len(shown(world))
    set_volatility(state, CALM)
    world.run(4)
    assert not len(shown(world))
    world.run(1)
    assert len(shown(world)) == 12


def test_spread_is_proportional_to_volatility():
    """Quotes of both sides stand further off by as much as volatility is higher."""
    widths = []
    for stress in (1, 3, 6):
        world = maker_world(base_half_spread=0.002, risk_limit=100.0)
        set_volatility(world.state, stress * CALM)
        world.run(1)
        best = world.state.book.ladders["best"][0]
        widths.append(int(best[1] - best[0]))
    assert widths[1] == pytest.approx(3 * widths[0], abs=4)
    assert widths[2] == pytest.approx(6 * widths[0], abs=7)


def test_risk_withdraws_once_then_quotes_what_reduces():
    """Beyond the limit it leaves; back with the same risk it quotes the closing side alone."""
    world = maker_world(pause=3.0, markets=(PERP,))
    state, row = world.state, first_row(world.state)
    open_pair(state, row, row + 1, 3_000_000)
    world.run(1)
    assert set(shown(world)["side"]) == {0, 1}
    withdraw_by_risk(world)
    world.run(3)
    assert not len(shown(world))
    world.run(1)
    assert set(shown(world)["side"]) == {1}
    world.run(5)
    assert set(shown(world)["side"]) == {1}


def test_beyond_the_inventory_limit_one_side_is_quoted():
    """Inventory alone does not make it leave: it shows what reduces."""
    world = maker_world(markets=(PERP,))
    state, row = world.state, first_row(world.state)
    open_pair(state, row, row + 1, 6_000_000)  # 600,000 at a limit of 500,000
    world.run(1)
    assert set(shown(world)["side"]) == {1}


@given(
    st.tuples(*[st.integers(-2_000_000, 2_000_000)] * 2),
    st.floats(0.2 * CALM, 20.0 * CALM),
    st.floats(0.01, 1.0),
)
@settings(max_examples=40, deadline=None)
def test_no_side_of_quotes_could_take_risk_beyond_the_limit(lots, sigma, limit):
    """Value at risk after all bids, or all asks, of all books are filled stays within the limit."""
    world = maker_world(parts=("states", "makers"), markets=TWO, risk_limit=limit, health_stop=1)
    state, row = world.state, first_row(world.state)
    for m, n in enumerate(lots):
        if n:
            open_pair(state, row, row + 1, n, m)
    random = np.random.default_rng(abs(lots[0]))
    common, own = random.normal(0, sigma, (2, state.outside.trail.shape[1]))
    state.outside.trail[0] = math.log(100.0) + np.cumsum(common)
    state.outside.trail[1] = math.log(100.0) + np.cumsum(0.8 * common + 0.6 * own)
    world.run(1)
    messages = sent(world)
    returns = np.diff(state.outside.trail[:2, LATER - 24 : LATER + 1], axis=1)[:, ::-1]
    weights = 0.5 ** (np.arange(24) / QUICK)
    covariance = (returns * weights) @ returns.T / weights.sum()
    equity = int(state.ledger.accounts["equity"][row])

    def at_risk(amounts):
        return NormalDist().inv_cdf(0.99) * math.sqrt(amounts @ covariance @ amounts * 86_400.0)

    held = np.array(lots) * 20_000.0 * HALF_UNIT
    for side in (1, -1):
        quoted = messages[messages["side"] == side]
        value = 2.0 * quoted["price"] * HALF_UNIT * quoted["quantity"]
        added = np.bincount(quoted["market"], weights=value, minlength=2)
        grows = held * side >= 0
        if at_risk(held) < limit * equity and grows.all():
            assert at_risk(held + side * added) <= limit * equity * 1.01


def thinned(is_shared):
    """Depth of the second book over that before, after a shock in the first.

    One maker in both books, or one in each; each has 1,000,000.
    """
    world = maker_world(1 if is_shared else 2, parts=("states", "makers"), markets=TWO)
    state, row = world.state, first_row(world.state)
    if not is_shared:
        world.state.parts["count"][MAKERS] = 1
        world.state.parts["markets"][MAKERS] = 2
        row += 1
        world.state.parts["first"][MAKERS] = row
    holder = first_row(state)
    open_pair(state, holder, holder + 2 - is_shared, 4_000_000)
    world.run(1)
    before = sent(world)
    set_volatility(state, 4 * CALM, 0)
    set_price(state, 0, 90.0)
    world.run(1)
    after = sent(world)
    depth, width = [], []
    for messages in (before, after):
        quotes = messages[(messages["market"] == 1) & (messages["account"] == row)]
        adding = quotes[quotes["side"] == 1]
        depth.append(int(adding["quantity"].sum()))
        asks = quotes[quotes["side"] == -1]
        width.append(int(asks["price"].min()) - int(adding["price"].max()) if len(adding) else 0)
    return depth[1] / depth[0], width[1] / width[0]


def test_a_shock_in_one_book_thins_the_other_when_makers_are_shared():
    """The second underlying is as it was: its book loses depth and widens by the shared limit."""
    depth, width = thinned(is_shared=True)
    assert depth < 0.6 and (depth == 0.0 or width > 1.2)
    assert thinned(is_shared=False) == (1.0, 1.0)


def test_low_health_withdraws_then_reduces():
    """A maker near maintenance leaves, and comes back only to reduce."""
    world = maker_world(pause=3.0, markets=(PERP,))
    state, row = world.state, first_row(world.state)
    open_pair(state, row, row + 1, -4_000_000)  # short 400,000: maintenance 20,000
    state.ledger.balances[row, 0] = 35_000 * ONE
    world.run(3)
    assert not len(shown(world))
    assert state.crowd.memory[row, LOW] == 1 and state.crowd.memory[row, RETURN] == LATER + 3
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


@pytest.mark.parametrize(
    ("price", "taken"), [(9_998, False), (9_975, False), (9_960, True), (9_900, True)]
)
def test_it_takes_what_was_left_behind_by_more_than_it_costs(price, taken):
    """A stale ask is taken when the fair price passed it by more than 0.3%; else bids slide."""
    world = maker_world(markets=(PERP,), take_beyond=0.003, anchor_weight=1.0)
    row = first_row(world.state)
    send(world.state, row + 1, -1, price, 10)
    world.state.book.ladders["mid"] = 20_000
    world.run(1)
    assert (world.state.ledger.lots[row, 0] == 10) == taken
    if not taken:
        assert world.state.book.ladders["best"][0, 0] == price - 1
    assert not world.state.log.counters[1:].any()


def test_it_does_not_slide_behind_a_quote_that_is_being_renewed():
    """The price rose in this block: the ask that it has passed was not stale a block ago."""
    numbers = {"anchor_weight": 1.0, "base_half_spread": 1e-6}
    world = maker_world(markets=(PERP,), parts=("states", "makers"), **numbers)
    state, row = world.state, first_row(world.state)
    send(state, row + 1, -1, 10_005, 10)
    state.book.ladders["mid"] = 20_000
    state.outside.references["price"] = 101.0
    state.outside.trail[0, LATER - 1], state.outside.trail[0, LATER] = np.log([100.0, 101.0])
    world.run(1)
    messages = sent(world)
    assert messages[messages["side"] == 1]["price"].max() > 10_005


@pytest.mark.parametrize(("round_", "acting"), [(0, [0]), (1, [0, 1]), (7, [0, 1, 2])])
def test_between_rounds_only_the_quick_act(round_, acting):
    """One eighth of a block passes a round; latencies are 0.1, 0.2 and 0.9 of a block."""
    world = maker_world(3, parts=("states", "makers"), markets=(PERP,))
    state, first = world.state, first_row(world.state)
    state.crowd.traits[first : first + 3, T.latency] = (0.1, 0.2, 0.9)
    state.parts["after_forced"][MAKERS] = 1
    state.clock["round"] = round_
    world._run_part(0, 0)
    world._run_part(MAKERS, 0)
    assert sorted(set(sent(world)["account"] - first)) == acting


def test_a_further_maker_changes_no_other():
    """Messages of the first two are the same with three more behind them."""
    few, many = (maker_world(n, parts=("states", "makers"), patience=0.0) for n in (2, 5))
    for world in (few, many):
        world.state.crowd.traits[:, T.latency] = 0.01 * np.arange(len(world.state.crowd.traits))
        world.run(1)
    first = first_row(few.state)
    a, b = sent(few), sent(many)
    b = b[b["account"] < first + 2]
    np.testing.assert_array_equal(a, b)
    assert len(set(a["arrival"])) == 2


def test_messages_are_signed_and_cancel_what_they_name():
    """Class, handle and slot are set; a halted market gets no quotes; withdrawal cancels."""
    world = maker_world(parts=("states", "makers"), markets=(PERP,))
    world.state.ledger.markets["halted_until"] = LATER + 1
    world.run(1)
    assert not len(sent(world))
    world.run(1)
    messages = sent(world)
    assert set(messages["author_class"]) == {REFILL} and set(messages["action"]) == {LIMIT}
    assert sorted(messages["slot"]) == list(range(1, 7))
    world = maker_world(markets=(PERP,), risk_limit=0.1)
    state, row = world.state, first_row(world.state)
    open_pair(state, row, row + 1, 1_000_000)
    world.run(1)
    world.parts, world._program = world.parts[:2], None
    move_outside(world.state, 105.0)
    world.run(1)
    assert set(sent(world)["action"]) == {REPLACE}
    withdraw_by_risk(world)
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
    world = maker_world(refresh=8e4, markets=(PERP,), risk_limit=0.1)
    open_pair(world.state, first_row(world.state), first_row(world.state) + 1, 1_000_000)
    world.state.params[MAKERS, P.refresh] = 0.0
    world.run(1)
    assert len(shown(world)) > 0
    world.state.params[MAKERS, P.refresh] = 8e4
    withdraw_by_risk(world)
    world.run(1)
    assert len(shown(world)) == 0
