"""Orders at the door of the market: what is refused and why, what passes, what is charged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.kernel import from_python
from crossmargin.model.margin.numbers import free_collateral, margin_numbers, measure_all
from crossmargin.model.state import (
    CANCEL,
    FEES,
    FILL_OR_KILL,
    FORCED,
    IMMEDIATE_OR_CANCEL,
    LARGEST_ORDER,
    LIQUIDATING,
    MARGIN_CALL,
    MARKET_ORDER,
    POST_ONLY,
    REASONS,
    REDUCE_ONLY,
    REDUCE_ONLY_STATE,
    REFILL,
    REPLACE,
    WITHDRAWAL,
    State,
)
from tests.properties.commands import (
    N_ACCOUNTS,
    Draw,
    Session,
    draws,
    market_with,
    streams,
    wealths,
)
from tests.small import (
    HALF_UNIT,
    ONE,
    clock_step,
    first_row,
    give,
    open_pair,
    residuals_of,
    send,
    set_price,
    small_state,
)

FREE, NUMBERS = from_python(free_collateral), from_python(margin_numbers)
MID = 10_000  # ticks; quote 100


def refusals(state: State) -> dict[str, int]:
    """Orders refused, by reason."""
    return {REASONS[i]: int(n) for i, n in enumerate(state.log.counters) if n and i}


@pytest.fixture
def state() -> State:
    """Eight accounts with 1000 quote and one coin each."""
    state = small_state()
    for row in range(first_row(state), len(state.ledger.lots)):
        give(state, row, 1000.0)
        give(state, row, 1.0, asset=1)
    return state


def test_an_order_that_would_breach_initial_margin_is_refused_and_counted(state: State) -> None:
    a = first_row(state)
    free = FREE(state.ledger, state.book, a)
    most = int(free / (0.1 * 2 * MID * HALF_UNIT))  # lots at the mark that 10% margin allows
    assert send(state, a, 1, MID, most + 1) == 0
    assert refusals(state) == {"no_margin": 1}
    assert send(state, a, 1, MID, most) > 0
    assert refusals(state) == {"no_margin": 1}
    assert 0 <= FREE(state.ledger, state.book, a) < 0.1 * 2 * MID * HALF_UNIT


def test_resting_orders_use_margin_on_the_worse_side_only(state: State) -> None:
    a = first_row(state)
    most = int(FREE(state.ledger, state.book, a) / (0.1 * 2 * MID * HALF_UNIT))
    assert send(state, a, 1, MID - 10, most) > 0
    assert send(state, a, -1, MID + 10, most) > 0
    assert send(state, a, 1, MID - 20, 1) == 0
    assert refusals(state) == {"no_margin": 1}


@given(wealths, streams)
def test_no_order_that_opens_leaves_less_than_its_initial_margin(
    wealth: list[int], stream: list[Draw]
) -> None:
    """After every order the sender has its margin, or lost none by sending it."""
    session = Session(market_with(wealth, 0))
    state = session.state
    for draw in stream:
        if draw.author_class == FORCED:
            continue
        row = first_row(state) + draw.account
        before = FREE(state.ledger, state.book, row)
        held = state.ledger.lots[row, draw.market]
        session.send(draw)
        after = FREE(state.ledger, state.book, row)
        is_reducing = draw.flags & REDUCE_ONLY and held * draw.side < 0
        fees = 2 * len(stream)  # units lost to rounding, at most one a fill and a side
        assert after >= -fees or after >= before - fees or is_reducing


def judge(state: State) -> None:
    """Let margins be computed, as the margin phase of this block does."""
    measure_all(state.ledger, state.book)
    state.log.cursor["judged_step"] = state.log.cursor["step"]


@given(wealths, streams, st.integers(1, 5))
def test_what_was_to_spare_when_margins_were_judged_decides_as_a_new_computation_does(
    wealth: list[int], stream: list[Draw], every: int
) -> None:
    judged, computed = Session(market_with(wealth, 0)), Session(market_with(wealth, 0))
    for i, draw in enumerate(stream):
        if i % every == 0:
            judge(judged.state)
        judged.send(draw)
        computed.send(draw)
    assert judged.state.log.counters.tolist() == computed.state.log.counters.tolist()
    assert judged.state.ledger.lots.tolist() == computed.state.ledger.lots.tolist()
    assert judged.state.ledger.balances.tolist() == computed.state.ledger.balances.tolist()


def test_what_was_to_spare_counts_until_the_account_moves(state: State) -> None:
    a = first_row(state)
    judge(state)
    state.ledger.accounts["spare"][a] = 10**15
    assert send(state, a, 1, MID - 10, 10**6) > 0  # the number alone was looked at
    assert send(state, a, 1, MID - 10, 10**6) == 0  # and no longer, now that an order rests
    assert refusals(state) == {"no_margin": 1}


@given(
    wealths, streams, st.integers(0, N_ACCOUNTS - 1), st.integers(1, 40), st.sampled_from([0, 2])
)
def test_reduce_only_always_passes(
    wealth: list[int], stream: list[Draw], account: int, quantity: int, market: int
) -> None:
    session = Session(market_with(wealth, 0))
    for draw in stream:
        session.send(draw)
    state = session.state
    row = first_row(state) + account
    state.ledger.balances[row, 0] -= ONE * ONE  # nothing left but debt
    held = int(state.ledger.lots[row, market])
    if held == 0:
        return
    before = state.log.counters.copy()
    tick = int(state.ledger.markets["mark"][market]) // 2
    state.ledger.accounts["state"][row] = LIQUIDATING
    send(state, row, -1 if held > 0 else 1, tick, quantity, market=market, flags=REDUCE_ONLY)
    assert (state.log.counters - before)[1:].sum() == 0
    now = int(state.ledger.lots[row, market])
    assert abs(now) <= abs(held)
    assert now * held >= 0


def test_a_reduce_only_order_without_a_position_is_refused(state: State) -> None:
    a = first_row(state)
    assert send(state, a, 1, MID, 5, flags=REDUCE_ONLY) == 0
    open_pair(state, a, a + 1, 5)
    assert send(state, a, 1, MID, 5, flags=REDUCE_ONLY) == 0
    assert refusals(state) == {"not_reducing": 2}


def test_a_resting_reduce_only_order_never_opens_a_position(state: State) -> None:
    a = first_row(state)
    open_pair(state, a, a + 1, 5)
    for tick in (MID, MID + 1):
        assert send(state, a, -1, tick, 5, flags=REDUCE_ONLY) > 0
    send(state, a + 2, 1, MID + 5, 50)
    assert state.ledger.lots[a, 0] == 0
    assert state.book.open_lots[a, 0].tolist() == [0, 0]


def test_an_isolated_account_trades_in_its_market_only(state: State) -> None:
    a = first_row(state)
    state.ledger.accounts["only_market"][a] = 0
    assert send(state, a, 1, MID, 5, market=1) == 0
    assert refusals(state) == {"wrong_market": 1}
    assert send(state, a, 1, MID, 5, market=0) > 0


def test_spot_is_never_sold_short(state: State) -> None:
    a = first_row(state)
    assert send(state, a, -1, MID, 1001, market=1) == 0
    assert send(state, a, -1, MID, 600, market=1) > 0
    assert send(state, a, -1, MID, 401, market=1) == 0
    assert refusals(state) == {"no_margin": 2}
    assert send(state, a, -1, MID, 400, market=1) > 0


def test_spot_sold_twice_over_is_delivered_once(state: State) -> None:
    """Resting sales shrink with what is held: a reduce-only order sells the coins first."""
    a = first_row(state)
    send(state, a, -1, MID + 5, 1000, market=1)
    send(state, a + 1, 1, MID, 1000, market=1)
    assert send(state, a, -1, MID, 700, market=1, flags=REDUCE_ONLY) == 0
    assert state.ledger.lots[a, 1] == 300
    send(state, a + 2, 1, MID + 5, 1000, market=1)
    assert state.ledger.lots[a, 1] == 0
    assert set(residuals_of(state).values()) == {0}


def test_a_forced_sale_of_coins_stops_at_what_is_held(state: State) -> None:
    a = first_row(state)
    send(state, a + 1, 1, MID, 1500, market=1)
    send(state, a, -1, MID, 1500, market=1, author_class=FORCED, action=MARKET_ORDER)
    assert state.ledger.lots[a, 1] == 0


@pytest.mark.parametrize(
    ("account_state", "is_open"),
    [(MARGIN_CALL, True), (REDUCE_ONLY_STATE, False), (LIQUIDATING, False)],
)
def test_the_state_of_an_account_decides_what_it_may_send(
    state: State, account_state: int, is_open: bool
) -> None:
    a = first_row(state)
    open_pair(state, a, a + 1, 5)
    state.ledger.accounts["state"][a] = account_state
    assert (send(state, a, 1, MID - 1, 1) > 0) is is_open
    assert send(state, a, -1, MID + 1, 1, flags=REDUCE_ONLY) > 0
    assert refusals(state) == ({} if is_open else {"account_state": 1})


def test_a_halted_market_takes_cancels_only(state: State) -> None:
    a = first_row(state)
    handle = send(state, a, 1, MID, 5)
    state.ledger.markets["halted_until"][0] = 10
    clock_step(state, 9)
    send(state, a + 1, -1, MID, 5)
    send(state, a + 1, -1, MID, 5, author_class=FORCED)
    send(state, a, 0, 0, 0, action=CANCEL, order=handle)
    assert refusals(state) == {"halted": 2}
    assert int(state.book.pool["resting"][0]) == 0
    clock_step(state, 10)
    assert send(state, a, 1, MID, 5) > 0


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"quantity": 0}, "bad_quantity"),
        ({"quantity": -5}, "bad_quantity"),
        ({"quantity": LARGEST_ORDER + 1}, "bad_quantity"),
        ({"quantity": 2**62}, "bad_quantity"),
        ({"price": 0}, "bad_price"),
        ({"price": 1 << 18}, "bad_price"),
        ({"side": 0}, "bad_message"),
        ({"side": 2}, "bad_message"),
        ({"market": 2}, "bad_message"),
        ({"market": -1}, "bad_message"),
        ({"account": -1}, "bad_account"),
        ({"account": 999}, "bad_account"),
        ({"action": CANCEL, "order": 2**62}, "unknown_order"),
        ({"action": CANCEL, "order": -1}, "unknown_order"),
        ({"action": REPLACE, "order": 12345}, "unknown_order"),
    ],
)
def test_nonsense_is_refused_and_counted(state: State, fields: dict[str, int], reason: str) -> None:
    values = {"account": first_row(state), "side": 1, "price": MID, "quantity": 1} | fields
    assert send(state, **values) == 0
    assert refusals(state) == {reason: 1}
    assert int(state.log.cursor["rejected"][0]) == 1


def test_an_order_too_large_for_money_is_refused_before_it_overflows(state: State) -> None:
    state.ledger.markets["mark"][0] = 10**7
    assert send(state, first_row(state), 1, 0, 1 << 37, action=MARKET_ORDER) == 0
    assert refusals(state) == {"bad_quantity": 1}


def test_a_large_order_is_priced_level_by_level(state: State) -> None:
    """Ten lots at the mark and the rest far above: margin for the mark alone would not do."""
    a = first_row(state)
    send(state, a + 1, -1, MID, 10)
    send(state, a + 2, -1, 3 * MID, 5400)
    assert send(state, a, 1, 0, 6000, action=MARKET_ORDER) == 0
    assert refusals(state) == {"no_margin": 1}
    send(state, a, 1, 0, 10, action=MARKET_ORDER)
    assert state.ledger.lots[a, 0] == 10


def test_post_only_and_fill_or_kill(state: State) -> None:
    a = first_row(state)
    send(state, a, -1, MID, 5)
    send(state, a + 1, 1, MID, 5, flags=POST_ONLY)
    send(state, a + 1, 1, MID, 6, life=FILL_OR_KILL)
    assert refusals(state) == {"would_take": 1, "not_fillable": 1}
    assert send(state, a + 1, 1, MID, 6, life=IMMEDIATE_OR_CANCEL) == 0
    assert state.ledger.lots[a + 1, 0] == 5
    assert int(state.book.pool["resting"][0]) == 0


def test_fees_are_those_of_maker_and_taker_and_forced_orders_pay_none(state: State) -> None:
    a, b = first_row(state), first_row(state) + 1
    state.ledger.markets["maker_fee"][0] = -0.0001
    notional = 2 * MID * HALF_UNIT * 10
    before = state.ledger.balances[:, 0].copy()
    send(state, a, -1, MID, 10)
    send(state, b, 1, MID, 10)
    paid = before - state.ledger.balances[:, 0]
    assert paid[[a, b, FEES]].tolist() == [
        -notional // 10_000,
        notional // 2_000,
        -notional // 2_500,
    ]
    send(state, a, -1, MID, 10)
    send(state, b, 1, MID, 10, author_class=FORCED)
    assert (before - state.ledger.balances[:, 0])[b] == paid[b]


def test_a_replacement_takes_the_place_of_a_live_order_and_of_no_other(state: State) -> None:
    a = first_row(state)
    handle = send(state, a, 1, MID, 5)
    again = send(state, a, 1, MID + 1, 7, action=REPLACE, order=handle)
    assert again > 0
    assert send(state, a, 1, MID + 2, 7, action=REPLACE, order=handle) == 0
    assert send(state, a + 1, 1, MID + 2, 7, action=REPLACE, order=again) == 0
    assert state.book.open_lots[a, 0].tolist() == [7, 0]
    assert refusals(state) == {"unknown_order": 2}


def test_displacements_go_to_the_class_of_their_author(state: State) -> None:
    a = first_row(state)
    send(state, a, 1, MID - 2, 5)
    quote = send(state, a, 1, MID - 1, 5, author_class=REFILL)
    send(state, a, -1, MID + 1, 5, author_class=REFILL)
    assert int(state.book.ladders["mid"][0]) == 2 * MID
    send(state, a, 1, 0, 0, action=CANCEL, order=quote, author_class=REFILL)
    expected = np.zeros_like(state.log.shift[0])
    expected[WITHDRAWAL] = -1
    assert state.log.shift[0].tolist() == expected.tolist()
    send(state, a, -1, MID + 9, 5)
    send(state, a + 1, 1, 0, 5, action=MARKET_ORDER, author_class=FORCED)
    expected[FORCED] = 8
    assert state.log.shift[0].tolist() == expected.tolist()


def test_a_full_pool_is_counted(state: State) -> None:
    state.book.pool["free_order"] = -1
    assert send(state, first_row(state), 1, MID, 5) == 0
    assert refusals(state) == {"pool_full": 1}


def test_pages_run_out_and_come_back() -> None:
    state = small_state(pages=2)
    a = first_row(state)
    give(state, a, 1000.0)
    handles = [send(state, a, 1, tick, 1) for tick in (64, 128, 192, 129)]
    assert [handle > 0 for handle in handles] == [True, True, False, True]
    assert refusals(state) == {"pool_full": 1}
    send(state, a, 0, 0, 0, action=CANCEL, order=handles[0])
    assert send(state, a, 1, 192, 1) > 0
    assert send(state, a, 1, 64, 1) == 0


@given(wealths, streams, draws, st.integers(0, 10**9))
def test_more_cash_never_turns_an_order_away(
    wealth: list[int], stream: list[Draw], last: Draw, cash: int
) -> None:
    """What an account may send with some money it may send with more."""
    refused = []
    for extra in (0, cash):
        session = Session(market_with(wealth, 0))
        for draw in stream:
            session.send(draw)
        state = session.state
        state.ledger.balances[first_row(state) + last.account, 0] += extra
        session.twin.balances[first_row(state) + last.account][0] += extra
        before = int(state.log.cursor["rejected"][0])
        session.send(last)
        refused.append(int(state.log.cursor["rejected"][0]) - before)
    assert refused[1] <= refused[0]


def test_the_price_of_collateral_counts_at_its_haircut(state: State) -> None:
    a = first_row(state)
    _, initial, maintenance, _, _ = NUMBERS(state.ledger, state.book, a)
    assert (initial, maintenance) == (1080 * ONE, 1090 * ONE)
    set_price(state, 1, 50.0)
    _, initial, maintenance, _, _ = NUMBERS(state.ledger, state.book, a)
    assert (initial, maintenance) == (1040 * ONE, 1045 * ONE)


def test_the_mid_is_kept_while_a_side_is_empty_but_never_beyond_the_quote_that_is_left() -> None:
    state = small_state(3)
    first = first_row(state)
    for row in range(first, first + 3):
        give(state, row, 1e6)
    ladder = state.book.ladders
    send(state, first, 1, MID - 5, 10)
    assert ladder["mid"][0] == 0  # nobody has quoted both sides yet
    send(state, first + 1, -1, MID + 5, 10)
    send(state, first + 2, -1, MID - 5, 10)  # takes the only bid
    assert ladder["best"][0].tolist()[0] == -1
    assert ladder["mid"][0] == 2 * MID
    send(state, first + 2, -1, MID - 300, 10)
    assert ladder["mid"][0] == 2 * (MID - 300)
    send(state, first, 1, MID - 500, 10)
    assert ladder["mid"][0] == 2 * MID - 800
    taken = ladder["mid"][0]
    send(state, first, 1, MID + 5, 20)  # takes both offers
    assert ladder["mid"][0] >= taken
    assert set(residuals_of(state).values()) == {0}
