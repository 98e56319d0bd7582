"""The order book: messages a second, against bourse and a plain-Python book, and against depth."""

from collections.abc import Iterator

import numpy as np

import crossmargin as xm
from crossmargin.model.state import CANCEL, LIMIT, ORDER, Array
from tests.benchmarks.figures import Figure, pairs, seconds
from tests.reference.naive_book import NaiveBook, messages_of
from tests.streams import benchmark_stream

MILLION = 1e6


def ours(messages: Array, batch: int | None = None) -> float:
    """Seconds that a new book takes for a stream, in one call or in batches."""
    book = xm.OrderBook(1 << 24, 1 << 20)
    size = batch or len(messages)
    parts = [messages[i : i + size] for i in range(0, len(messages), size)]
    return seconds(lambda: [book.execute(part) for part in parts])


def naive(messages: Array) -> float:
    """Seconds that the plain-Python book takes."""
    book, plain = NaiveBook(), messages_of(messages)
    return seconds(lambda: [book.execute(message) for message in plain])


def against_bourse(stream: Array) -> Iterator[Figure]:
    """Compare with bourse in pairs: one call a message, and its NumPy batches."""
    try:
        from tests.reference import with_bourse
    except ImportError:
        return
    short = stream[:200_000]
    calls, batches = with_bourse.calls_of(short), with_bourse.batches_of(short, 2000)

    def one_by_one() -> float:
        book = with_bourse.OrderBook(0, 1, True)
        return seconds(lambda: with_bourse.send_all(book, calls))

    def in_batches() -> float:
        return seconds(lambda: with_bourse.send_batches(batches))

    mine, theirs = pairs(lambda: ours(short, 2000), one_by_one, 3)
    yield Figure("bourse, one call a message", len(short) / theirs / MILLION, "M messages/s")
    yield Figure("book over bourse, one call a message", theirs / mine, "times")
    mine, theirs = pairs(lambda: ours(short, 2000), in_batches, 3)
    yield Figure("bourse, NumPy batches of 2,000", len(short) / theirs / MILLION, "M messages/s")
    yield Figure("book over bourse, both in batches", theirs / mine, "times", at_least=3)


def steady_stream(resting: int, n: int) -> Array:
    """Orders and cancels that keep the number of resting orders at a level; none of them trades."""
    rng = np.random.default_rng(1)
    m = np.zeros(n, ORDER)
    m["side"] = rng.choice([1, -1], n)
    m["price"] = 1_200_000 - m["side"] * rng.integers(1, 20, n)
    m["quantity"], m["account"] = 5, rng.integers(0, 10_000, n)
    live: list[int] = []
    for i in range(n):
        if len(live) < resting:
            m["action"][i] = LIMIT
            live.append(i)
            continue
        k = int(rng.integers(len(live)))
        live[k], live[-1] = live[-1], live[k]
        m["action"][i], m["order"][i] = CANCEL, live.pop()
        m["account"][i] = m["account"][m["order"][i]]
    return m


def figures() -> Iterator[Figure]:
    """All figures of the order book."""
    stream = benchmark_stream(2_000_000)
    ours(stream[:1000])
    best = min(ours(stream) for _ in range(5))
    yield Figure("book, one call", len(stream) / best / MILLION, "M messages/s", at_least=20)
    best = min(ours(stream, 1000) for _ in range(5))
    yield Figure("book, batches of 1,000", len(stream) / best / MILLION, "M messages/s")
    short = stream[:50_000]
    mine, theirs = pairs(lambda: ours(short), lambda: naive(short), 3)
    yield Figure("plain-Python book", len(short) / theirs / MILLION, "M messages/s")
    yield Figure("book over the plain-Python book", theirs / mine, "times")
    yield from against_bourse(stream)
    few, many = steady_stream(30, 400_000), steady_stream(2000, 400_000)
    shallow, deep = pairs(lambda: ours(few), lambda: ours(many), 9)
    yield Figure("a message at 30 resting orders", 1e9 * shallow / len(few), "ns")
    yield Figure("a message at 2,000 resting orders", 1e9 * deep / len(many), "ns")
    yield Figure("2,000 against 30 resting orders", deep / shallow, "times", at_most=1.3)
