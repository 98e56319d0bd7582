"""Laws of the waterfall, on markets that Hypothesis draws and in any order of its parts."""

from typing import NamedTuple

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import (
    ADL,
    BACKSTOP,
    BACKSTOP_HANDOVER,
    BAD_DEBT,
    CLOSED,
    FUND_PAYMENT,
    INSURANCE,
    PENALTY,
    SOCIALISED,
    Array,
    State,
)
from crossmargin.model.world import World
from tests.model.liquidation.waterfall import (
    CLOSING,
    equity_of,
    market,
    next_step,
    run,
    set_numbers,
)
from tests.small import ONE, Listing, first_row, give, open_pair, send, set_price

N = 8
MARKETS = (Listing(maker_fee=-0.0001), Listing(price=40.0), Listing(kind="spot"))


class Drawn(NamedTuple):
    """A market as it is drawn."""

    margins: list[float]
    coins: list[float]
    pairs: list[tuple[int, int, int, int]]
    orders: list[tuple[int, int, int, int]]
    prices: tuple[float, float, float]
    funds: tuple[float, float]
    order: list[str]
    choices: dict[str, dict[str, object]]


rows = st.integers(0, N - 1)
amounts = st.floats(0, 30)
drawn_choices = st.fixed_dictionaries(
    {
        "adl": st.fixed_dictionaries(
            {
                "choice": st.sampled_from(["ranked", "pro_rata", "pseudo_random"]),
                "price": st.sampled_from(["bankruptcy", "mark"]),
                "trigger": st.sampled_from(["bankrupt", "beyond_fund"]),
            }
        ),
        "socialise": st.fixed_dictionaries(
            {
                "by": st.sampled_from(["equity", "notional"]),
                "most_events": st.sampled_from([0, 10_000]),
            }
        ),
        "book_orders": st.fixed_dictionaries(
            {
                "fraction": st.sampled_from([0.1, 1.0]),
                "limit": st.sampled_from(["mark", "bankruptcy", "fillable"]),
                "target": st.sampled_from([0.0, 1.02]),
                "whole_below": st.just(0.0),
            }
        ),
        "seizure": st.fixed_dictionaries({"when": st.sampled_from(["after_positions", "at_once"])}),
        "backstop": st.fixed_dictionaries({"takes_deficits": st.booleans()}),
    }
)
markets = st.builds(
    Drawn,
    margins=st.lists(amounts, min_size=N, max_size=N),
    coins=st.lists(st.sampled_from([0.0, 0.0, 0.05, 0.2]), min_size=N, max_size=N),
    pairs=st.lists(
        st.tuples(rows, rows, st.integers(1, 3000), st.integers(0, 1)), min_size=1, max_size=10
    ),
    orders=st.lists(
        st.tuples(rows, st.sampled_from([1, -1]), st.integers(-15, 15), st.integers(0, 2)),
        max_size=12,
    ),
    prices=st.tuples(st.floats(70, 130), st.floats(25, 55), st.floats(30, 160)),
    funds=st.tuples(st.sampled_from([0.0, 5.0, 1e4]), st.sampled_from([0.0, 20.0, 1e4])),
    order=st.permutations(CLOSING),
    choices=drawn_choices,
)


def built(drawn: Drawn) -> World:
    """World of a drawn market after its prices moved, the last account a keeper and a maker."""
    world = market(N + 1, markets=MARKETS)
    state = world.state
    first = first_row(state)
    for i in range(N):
        give(state, first + i, drawn.margins[i])
        give(state, first + i, drawn.coins[i], asset=1)
    give(state, first + N, 1000.0)
    give(state, INSURANCE, drawn.funds[0])
    give(state, BACKSTOP, drawn.funds[1])
    for long, short, lots, m in drawn.pairs:
        if long != short:
            open_pair(state, first + long, first + short, lots, m)
    for i, side, away, m in drawn.orders:
        price = round(float(MARKETS[m].price) * (100 + away))
        send(state, first + (i if away < 0 else N), side, price, 200, market=m)
    for m, price in enumerate(drawn.prices):
        set_price(state, m, price)
    rules = {"keepers_first": first + N, "keepers_count": 1, "minimum": 0.0}
    set_numbers(world, "keepers_takeover", **rules)
    for name, numbers in drawn.choices.items():
        set_numbers(world, name, **numbers)
    state.crowd.memory[first + N, 0] = 100.0 * ONE
    return world


def equities(state: State) -> Array:
    """Raw equity of every row, quote units."""
    equity_of(state, 0)
    return np.array(state.ledger.accounts["equity"], np.int64)


def new_events(world: World, since: int) -> Array:
    events = world.rows("events")
    return events[events["id"] >= since]


def total(events: Array, kind: int) -> int:
    return int(events["amount"][events["kind"] == kind].sum())


def check_part(world: World, name: str) -> None:
    """Run a part and hold what it did against what it may do."""
    state = world.state
    lots, before = state.ledger.lots.copy(), equities(state)
    since = int(state.log.cursor["next_event"][0])
    queued = state.queue[: int(state.clock["n_queue"][0])].copy()
    run(world, name)  # residuals are looked at inside
    after, events = equities(state), new_events(world, since)
    assert (lots[queued] * state.ledger.lots[queued] >= 0).all(), "a position changed its sign"
    assert (abs(state.ledger.lots[queued]) <= abs(lots[queued])).all(), "a position grew"
    entries = world.rows("liquidations")
    left = entries["equity"] - entries["slippage"] - entries["penalty"]
    assert (left[entries["penalty"] > 0] >= 0).all(), "a penalty left a deficit"
    if name == "adl":
        check_deleveraging(world, events, before, after)
    if name in {"insurance", "socialise"}:
        paid = total(events, FUND_PAYMENT) + total(events, SOCIALISED)
        assert after[queued].sum() - before[queued].sum() <= paid
        assert after[INSURANCE] == before[INSURANCE] - total(events, FUND_PAYMENT)
        assert (after[before >= 0] >= 0).all()


def check_deleveraging(world: World, events: Array, before: Array, after: Array) -> None:
    """Every counterparty lost what the stated price says, to the unit, and none became bankrupt."""
    expected = before.copy()
    for event in events:
        assert event["kind"] == ADL
        m = world.state.ledger.markets[event["market"]]
        loss = int(event["quantity"]) * int(m["mark"] - event["price"]) * int(m["half_unit"])
        expected[event["account"]] -= -loss
        expected[event["other"]] -= loss
        assert after[event["other"]] >= 0
    first = first_row(world.state)  # settlement rows stand between winners and losers
    assert np.array_equal(expected[first:], after[first:])


@given(markets)
@settings(max_examples=60)
def test_any_order_of_parts_keeps_the_laws(drawn: Drawn) -> None:
    world = built(drawn)
    run(world, "states", "queue")
    check_part(world, "cancel_orders")
    for name in drawn.order:
        check_part(world, name)


@given(markets)
@settings(max_examples=30)
def test_losses_move_fully(drawn: Drawn) -> None:
    """Deficit of who was written off = fund + socialised + what is still owed."""
    world = built(drawn)
    for _ in range(4):
        run(world, "states", "queue", "cancel_orders", *drawn.order)
        next_step(world)
    state, events = world.state, world.rows("events")
    accounts, venue = state.ledger.accounts, state.ledger.venue[0]
    closed = accounts["state"] == CLOSED
    left = int(-state.ledger.balances[closed, QUOTE].sum())
    assert left == accounts["owed"][closed].sum()
    assert not accounts["owed"][~closed].any()
    fund, shared = total(events, FUND_PAYMENT), total(events, SOCIALISED)
    assert total(events, BAD_DEBT) == venue["bad_debt"] == fund + shared + left
    assert fund == venue["fund_paid"]
    assert shared == venue["socialised"] == accounts["socialised"].sum()
    assert total(events, PENALTY) == venue["penalties"]
    entries = world.rows("liquidations")
    assert entries["notional"].sum() == venue["liquidated_notional"]
    deleveraged = entries[entries["kind"] == ADL]
    assert deleveraged["notional"].sum() == venue["adl_notional"]
    assert np.maximum(-deleveraged["slippage"], 0).sum() == venue["adl_loss"]
    handed = entries[entries["kind"] == BACKSTOP_HANDOVER]
    assert not handed["slippage"].any()
    assert len(np.unique(events["id"])) == len(events)
    assert (events["parent"] < events["id"]).all()


@given(markets)
@settings(max_examples=20)
def test_a_waterfall_ends(drawn: Drawn) -> None:
    """Without new prices, orders or money a market comes to rest, and then writes nothing."""
    world = built(drawn)
    counts = []
    for _ in range(40):
        run(world, "states", "queue", "cancel_orders", *drawn.order)
        counts.append(len(world.rows("events")))
        next_step(world)
    assert counts[-1] == counts[-8]


@given(markets)
@example(
    Drawn(
        [5.0] * N,
        [0.0] * N,
        [(0, 1, 500, 0)],
        [],
        (100.0, 40.0, 100.0),
        (1.0, 1.0),
        list(CLOSING),
        {},
    )
)
@settings(max_examples=20)
def test_the_healthy_are_never_touched(drawn: Drawn) -> None:
    """With ample margin nothing happens, whatever the parts and their order."""
    world = built(drawn)
    for i in range(N + 1):
        give(world.state, first_row(world.state) + i, 1e6)
    before = equities(world.state)
    run(world, "states", "queue", "cancel_orders", *drawn.order)
    assert len(world.rows("events")) == 0
    assert np.array_equal(before, equities(world.state))
