"""The order book against a naive reference, against bourse, and against nonsense."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crossmargin as xm
from crossmargin.model.state import (
    CANCEL,
    FILL_OR_KILL,
    IMMEDIATE_OR_CANCEL,
    LARGEST_ORDER,
    LIMIT,
    MARKET_ORDER,
    ORDER,
    POST_ONLY,
    REDUCE_ONLY,
    REPLACE,
    Array,
)
from tests.reference.naive_book import FIELDS, NaiveBook, messages_of
from tests.streams import benchmark_stream, mixed_stream

POLICIES = ("allow", "cancel_resting", "cancel_taker")
FILL_FIELDS = ["maker_order", "taker_order", "maker", "taker", "side", "price", "quantity"]


def orders(*rows: dict[str, int]) -> Array:
    """Messages from dicts; side +1 and quantity 1 unless said otherwise."""
    messages = np.zeros(len(rows), ORDER)
    messages["side"], messages["quantity"] = 1, 1
    for i, row in enumerate(rows):
        for name, value in row.items():
            messages[name][i] = value
    return messages


def assert_same(messages: Array, chunks: int = 1, **options: object) -> None:
    """Both books make the same fills and end in the same state."""
    naive = NaiveBook(price_levels=4096, **options)  # type: ignore[arg-type]
    for message in messages_of(messages):
        naive.execute(message)
    book = xm.OrderBook(price_levels=4096, **options)
    fills = np.concatenate([book.execute(part) for part in np.array_split(messages, chunks)])
    assert fills[FILL_FIELDS].tolist() == naive.fills
    assert book.volume == sum(fill[-1] for fill in naive.fills)
    assert int(book._book.ladders["notional"][0]) == sum(f[-1] * f[-2] for f in naive.fills)
    assert book.resting == len(naive.live)
    assert (book.best_bid, book.best_ask) == (naive.best(1), naive.best(-1))
    assert book.depth(4096) == (naive.depth(1), naive.depth(-1))
    assert book.rejected == naive.refused
    if options.get("accounts"):
        held = [naive.held.get(a, 0) for a in range(len(book.positions))]
        assert book.positions.tolist() == held


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("accounts", [0, 8])
def test_equals_the_naive_book_on_random_streams(policy: str, accounts: int) -> None:
    for seed in range(180):
        messages = mixed_stream(150, seed)
        assert_same(messages, chunks=1 + seed % 4, self_trade=policy, accounts=accounts)


def _message(draw: st.DrawFn, number: int) -> tuple[int, ...]:
    action = draw(st.sampled_from([LIMIT, LIMIT, LIMIT, CANCEL, MARKET_ORDER, REPLACE]))
    return (
        action,
        draw(st.sampled_from([1, -1])),
        draw(st.integers(62, 66)),
        draw(st.integers(1, 5)),
        draw(st.integers(0, 2)),
        draw(st.integers(0, max(0, number - 1))),
        draw(st.integers(0, 2)),
        draw(st.integers(0, 7)),
    )


@st.composite
def streams(draw: st.DrawFn) -> Array:
    """Short streams over five prices on both sides of the edge of a page."""
    n = draw(st.integers(1, 25))
    rows = [_message(draw, i) for i in range(n)]
    messages = np.zeros(n, ORDER)
    for name, column in zip(FIELDS, zip(*rows, strict=True), strict=True):
        messages[name] = column
    return messages


@given(streams(), st.sampled_from(POLICIES), st.sampled_from([0, 3]), st.integers(1, 4))
def test_equals_the_naive_book_on_drawn_streams(
    messages: Array, policy: str, accounts: int, capacity: int
) -> None:
    assert_same(messages, self_trade=policy, accounts=accounts, capacity=4 * capacity)


def test_equals_the_naive_book_far_from_the_touch() -> None:
    rng = np.random.default_rng(5)
    messages = mixed_stream(2000, 5)
    messages["price"] = rng.integers(0, 4096, 2000)
    assert_same(messages)


def test_equals_bourse_on_the_benchmark_stream() -> None:
    pytest.importorskip("bourse", reason="bourse has no wheels after Python 3.12")
    from tests.reference.with_bourse import bourse_totals

    messages = benchmark_stream(20_000)
    book = xm.OrderBook()
    fills = book.execute(messages)
    notional = int((fills["quantity"] * fills["price"]).sum())
    assert bourse_totals(messages) == (len(fills), book.volume, notional)


def test_fill_or_kill_counts_what_reduce_only_orders_may_really_trade() -> None:
    book = xm.OrderBook(4096, accounts=3)
    book.execute(
        orders({"price": 50, "quantity": 5}, {"side": -1, "price": 50, "quantity": 5, "account": 1})
    )
    asks = {"side": -1, "quantity": 5, "flags": REDUCE_ONLY}
    book.execute(orders(asks | {"price": 60}, asks | {"price": 61}))
    greedy = {"account": 2, "price": 70, "quantity": 6, "life": FILL_OR_KILL}
    assert len(book.execute(orders(greedy))) == 0
    assert book.rejected == {"not_fillable": 1}
    assert book.execute(orders(greedy | {"quantity": 5}))["quantity"].tolist() == [5]


def test_ids_count_all_messages_over_the_life_of_the_book() -> None:
    book = xm.OrderBook(4096)
    book.execute(orders({"price": 10}, {"price": -1}, {"price": 11}))
    book.execute(orders({"price": 12}))
    fills = book.execute(orders({"side": -1, "price": 1, "quantity": 3}))
    assert fills["maker_order"].tolist() == [3, 2, 0]
    assert fills["taker_order"].tolist() == [4, 4, 4]


def test_only_its_owner_cancels_an_order() -> None:
    book = xm.OrderBook(4096)
    book.execute(orders({"price": 10, "account": 1}))
    cancel = {"action": CANCEL, "order": 0}
    book.execute(orders(cancel | {"account": 2}))
    assert (book.resting, book.rejected) == (1, {"unknown_order": 1})
    book.execute(orders(cancel | {"account": 1}))
    assert book.resting == 0


def test_a_cancel_never_hits_the_next_order_in_the_same_place() -> None:
    book = xm.OrderBook(4096, capacity=1)
    cancel = {"action": CANCEL, "order": 0}
    book.execute(orders({"price": 10}, cancel, {"price": 11}, cancel))
    assert (book.resting, book.best_bid, book.rejected) == (1, 11, {"unknown_order": 1})


def test_a_full_pool_refuses_and_counts() -> None:
    book = xm.OrderBook(4096, capacity=2)
    book.execute(orders({"price": 10}, {"price": 11}, {"price": 12}, {"side": -1, "price": 11}))
    assert (book.resting, book.rejected) == (1, {"pool_full": 1})


def test_prices_outside_the_range_are_refused_and_counted() -> None:
    book = xm.OrderBook(4096)
    far = (-1, 4096, 2**62, -(2**62))
    book.execute(orders(*({"price": price} for price in far)))
    assert (book.resting, book.rejected) == (0, {"bad_price": 4})


def test_the_range_of_prices_is_as_wide_as_asked() -> None:
    book = xm.OrderBook(100)
    book.execute(orders({"price": 99}, {"price": 100}))
    assert (book.best_bid, book.rejected) == (99, {"bad_price": 1})


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"action": 9}, "bad_message"),
        ({"action": -1}, "bad_message"),
        ({"side": 0}, "bad_message"),
        ({"side": 3}, "bad_message"),
        ({"life": 7}, "bad_message"),
        ({"market": 1000}, "bad_message"),
        ({"market": -5}, "bad_message"),
        ({"quantity": 0}, "bad_quantity"),
        ({"quantity": -(2**63)}, "bad_quantity"),
        ({"quantity": 2**63 - 1}, "bad_quantity"),
        ({"quantity": LARGEST_ORDER + 1}, "bad_quantity"),
        ({"account": -1}, "bad_account"),
        ({"account": 3}, "bad_account"),
        ({"account": -(2**31)}, "bad_account"),
        ({"action": CANCEL, "order": 2**63 - 1}, "unknown_order"),
        ({"action": CANCEL, "order": -1}, "unknown_order"),
        ({"action": CANCEL, "order": 0, "quantity": 2**63 - 1}, "unknown_order"),
    ],
)
def test_nonsense_is_refused_and_counted(wrong: dict[str, int], reason: str) -> None:
    book = xm.OrderBook(4096, accounts=3)
    assert len(book.execute(orders({"price": 5} | wrong))) == 0
    assert (book.resting, book.rejected) == (0, {reason: 1})


def test_random_bytes_do_not_crash_it() -> None:
    rng = np.random.default_rng(3)
    book = xm.OrderBook(4096, capacity=64, accounts=4)
    noise = np.frombuffer(rng.bytes(20_000 * ORDER.itemsize), ORDER)
    book.execute(noise)
    tame = noise.copy()
    tame["account"] %= 4
    tame["price"] %= 4096
    tame["market"] = 0
    tame["quantity"] = np.abs(tame["quantity"]) % LARGEST_ORDER
    tame["action"], tame["side"], tame["life"] = tame["action"] % 4, 1 - 2 * (tame["side"] % 2), 0
    book.execute(tame)
    assert sum(book.rejected.values()) > 20_000
    assert int(book.positions.sum()) == 0


def test_largest_orders_do_not_overflow() -> None:
    book = xm.OrderBook()
    big = {"quantity": LARGEST_ORDER, "price": (1 << 24) - 1}
    fills = book.execute(orders(big, big | {"side": -1}))
    assert fills["quantity"].tolist() == [LARGEST_ORDER]
    assert int(book._book.ladders["notional"][0]) == LARGEST_ORDER * ((1 << 24) - 1)


@pytest.mark.parametrize(
    "messages",
    [
        np.zeros(3),
        np.full(3, np.nan),
        np.zeros((2, 2), ORDER),
        np.zeros(3, xm.FILL),
        [(1, 2, 3)],
        None,
        np.zeros((), ORDER),
    ],
)
def test_other_than_messages_is_a_clear_error(messages: object) -> None:
    with pytest.raises(xm.ParameterError, match=r"crossmargin\.ORDER"):
        xm.OrderBook(4096).execute(messages)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"price_levels": 0},
        {"capacity": 0},
        {"capacity": 1 << 25},
        {"accounts": -1},
        {"self_trade": "maybe"},
    ],
)
def test_a_book_that_cannot_be_is_a_clear_error(options: dict[str, object]) -> None:
    with pytest.raises(xm.ParameterError):
        xm.OrderBook(**options)  # type: ignore[arg-type]


def test_arrays_in_any_memory_layout_are_read_alike() -> None:
    messages = mixed_stream(300, 1)
    frozen = messages.copy()
    frozen.flags.writeable = False
    doubled = np.repeat(messages, 2)[::2]
    expected = xm.OrderBook(4096).execute(messages).tobytes()
    assert xm.OrderBook(4096).execute(frozen).tobytes() == expected
    assert xm.OrderBook(4096).execute(doubled).tobytes() == expected


def test_nothing_is_done_with_no_messages() -> None:
    assert len(xm.OrderBook(4096).execute(np.zeros(0, ORDER))) == 0


def test_more_fills_than_there_was_room_for() -> None:
    book = xm.OrderBook(4096)
    n = 70_000
    asks = np.zeros(n, ORDER)
    asks["side"], asks["price"], asks["quantity"] = -1, 10, 1
    book.execute(asks)
    fills = book.execute(orders({"price": 20, "quantity": n}))
    assert fills["maker_order"].tolist() == list(range(n))


def test_immediate_or_cancel_and_post_only() -> None:
    book = xm.OrderBook(4096)
    book.execute(orders({"side": -1, "price": 10, "quantity": 2}))
    book.execute(orders({"price": 10, "quantity": 5, "flags": POST_ONLY}))
    assert (book.volume, book.rejected) == (0, {"would_take": 1})
    book.execute(orders({"price": 10, "quantity": 5, "life": IMMEDIATE_OR_CANCEL}))
    assert (book.volume, book.resting) == (2, 0)


def test_bounds_are_kept_where_they_are_checked(tmp_path: Path) -> None:
    """The same streams with every array index checked, in a process of its own."""
    code = (
        "from tests.model.test_order_book import *\n"
        "for seed in range(30):\n"
        "    assert_same(mixed_stream(150, seed), self_trade=POLICIES[seed % 3], accounts=8)\n"
        "test_random_bytes_do_not_crash_it()\n"
    )
    environment = os.environ | {
        "NUMBA_BOUNDSCHECK": "1",
        "CROSSMARGIN_CACHE_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
