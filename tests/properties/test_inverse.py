"""Laws of inverse markets: trades, funding and the whole waterfall conserve coins and quote."""

from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.contracts import contract_value, follow_all
from crossmargin.model.funding import pay
from crossmargin.model.kernel import from_python
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import (
    ADL,
    BACKSTOP,
    CLOSED,
    INSURANCE,
    ROUNDING,
    Array,
    State,
)
from crossmargin.model.world import World
from tests.model.liquidation.waterfall import CLOSING, market, next_step, run, set_numbers
from tests.small import (
    LOT_UNITS,
    Listing,
    first_row,
    give,
    open_pair,
    residuals_of,
    send,
    set_price,
)

N = 6
MARKETS = (
    Listing(kind="inverse", face=1.0, maker_fee=-0.0001),
    Listing(price=40.0),
    Listing(kind="spot", price=100.0),
)


class Drawn(NamedTuple):
    """A market as it is drawn: coins and quote, pairs of positions, orders, prices, rules."""

    coins: list[float]
    quote: list[float]
    pairs: list[tuple[int, int, int, int]]
    orders: list[tuple[int, int, int, int]]
    prices: tuple[float, float, float]
    funds: tuple[float, float]
    order: list[str]
    limit: str
    choice: str


rows = st.integers(0, N - 1)
drawn_markets = st.builds(
    Drawn,
    coins=st.lists(st.floats(0, 0.3), min_size=N, max_size=N),
    quote=st.lists(st.sampled_from([0.0, 0.0, 5.0, 20.0]), min_size=N, max_size=N),
    pairs=st.lists(
        st.tuples(rows, rows, st.integers(1, 150), st.integers(0, 1)), min_size=1, max_size=8
    ),
    orders=st.lists(
        st.tuples(rows, st.sampled_from([1, -1]), st.integers(-15, 15), st.integers(0, 1)),
        max_size=10,
    ),
    prices=st.tuples(st.floats(50, 190), st.floats(25, 55), st.floats(50, 190)),
    funds=st.tuples(st.sampled_from([0.0, 5.0, 1e4]), st.sampled_from([0.0, 20.0, 1e4])),
    order=st.permutations(CLOSING),
    limit=st.sampled_from(["mark", "bankruptcy", "fillable"]),
    choice=st.sampled_from(["ranked", "pro_rata", "pseudo_random"]),
)


def built(drawn: Drawn) -> World:
    """World of a drawn market after its prices moved, the last account a keeper and a maker."""
    world = market(N + 1, markets=MARKETS)
    state, first = world.state, first_row(world.state)
    for i in range(N):
        give(state, first + i, drawn.coins[i], asset=1)
        give(state, first + i, drawn.quote[i])
    give(state, first + N, 1000.0)
    give(state, INSURANCE, drawn.funds[0])
    give(state, BACKSTOP, drawn.funds[1])
    for long, short, lots, m in drawn.pairs:
        if long != short:
            open_pair(state, first + long, first + short, lots if m == 0 else 10 * lots, m)
    for i, side, away, m in drawn.orders:
        price = round(float(MARKETS[m].price) * (100 + away))
        send(state, first + (i if away < 0 else N), side, price, 40, market=m)
    for m, price in enumerate(drawn.prices):
        set_price(state, m, price)
    rules = {"keepers_first": first + N, "keepers_count": 1, "minimum": 0.0}
    set_numbers(world, "keepers_takeover", **rules)
    set_numbers(world, "book_orders", limit=drawn.limit, slippage=0.5, fraction=1.0)
    set_numbers(world, "adl", choice=drawn.choice)
    state.crowd.memory[first + N, 0] = 1e8
    return world


def equities(state: State) -> Array:
    """Raw equity of every row, quote units."""
    from_python(measure_all)(state.ledger, state.book)
    return np.array(state.ledger.accounts["equity"], np.int64)


def coins_are_mirrored(state: State) -> bool:
    return np.array_equal(state.ledger.lots[:, 2], state.ledger.balances[:, 1] // LOT_UNITS)


@given(drawn_markets)
@settings(max_examples=60)
def test_any_order_of_parts_conserves_and_only_closes(drawn: Drawn) -> None:
    world = built(drawn)
    state = world.state
    run(world, "states", "queue", "cancel_orders")
    for name in drawn.order:
        lots, before = state.ledger.lots[:, :2].copy(), equities(state)
        queued = state.queue[: int(state.clock["n_queue"][0])].copy()
        run(world, name)  # residuals are looked at inside
        now = state.ledger.lots[:, :2]
        assert (lots[queued] * now[queued] >= 0).all(), "a position changed its sign"
        assert (abs(now[queued]) <= abs(lots[queued])).all(), "a position grew"
        assert coins_are_mirrored(state)
        if name == "adl":
            check_deleveraging(world, before, equities(state))
    assert np.isin(world.rows("events")["kind"], range(17)).all()


def check_deleveraging(world: World, before: Array, after: Array) -> None:
    """Counterparties pay what the price says, and none is made bankrupt by it."""
    state = world.state
    first, m = first_row(state), state.ledger.markets
    moved = np.zeros(len(before))
    count = np.zeros(len(before))
    for event in world.rows("events"):
        if event["kind"] != ADL:
            continue
        value = from_python(contract_value)
        row, lots = m[event["market"]], -int(event["quantity"])
        lost = int(value(row, lots, int(row["mark"]))) - int(value(row, lots, int(event["price"])))
        worth = 1.0
        if event["market"] == 0:
            worth = float(m["mark"][2]) * float(m["half_unit"][2]) / LOT_UNITS
        moved[event["account"]] -= lost * worth
        moved[event["other"]] += lost * worth
        count[[event["account"], event["other"]]] += 1
        assert after[event["other"]] >= -1
    slack = 4.0 * (1.0 + count[first:]) * max(1.0, float(m["mark"][2]) * 5 / LOT_UNITS)
    assert (np.abs(before + moved - after)[first:] <= slack).all()


@given(drawn_markets)
@settings(max_examples=30)
def test_who_is_closed_owes_quote_alone_and_a_waterfall_ends(drawn: Drawn) -> None:
    world = built(drawn)
    state, counts = world.state, []
    for _ in range(25):
        run(world, "states", "queue", "cancel_orders", *drawn.order)
        counts.append(len(world.rows("events")))
        next_step(world)
    closed = state.ledger.accounts["state"] == CLOSED
    assert (state.ledger.balances[closed, 1] >= 0).all()
    assert state.ledger.balances[INSURANCE, 1] == 0
    left = int(-state.ledger.balances[closed, 0].sum())
    assert left == state.ledger.accounts["owed"][closed].sum()
    assert counts[-1] == counts[-6]


@given(drawn_markets, st.floats(-0.01, 0.01))
@settings(max_examples=30)
def test_funding_in_coins_conserves_and_rounding_only_gains(drawn: Drawn, rate: float) -> None:
    state = built(drawn).state
    before = state.ledger.balances[:, 1].copy()
    paid = int(from_python(pay)(state.ledger, 0, rate))
    from_python(follow_all)(state.ledger, state.log, 0)
    assert set(residuals_of(state).values()) == {0}
    assert coins_are_mirrored(state)
    assert 0 <= state.ledger.balances[ROUNDING, 1] <= 2 * len(before)
    owed = np.sign(rate) * state.ledger.lots[:, 0]
    change = state.ledger.balances[:, 1] - before
    assert (change[owed > 0] <= 0).all() and (change[owed < 0] >= 0).all()
    assert paid == -change[owed > 0].sum()
