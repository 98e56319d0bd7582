"""Mark formulas: NumPy twins on drawn books, bands, and rounds in which no time passes."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.loop import run_part
from crossmargin.model.world import World
from tests.small import Listing, small_world

SECONDS = 10.0
KINDS = ("book_mark", "index_mark", "basis_mark", "median_mark")

#: Index in half ticks, best bid, spread and last trade in ticks.
quote = st.tuples(
    st.integers(1000, 40000), st.integers(400, 25000), st.integers(1, 500), st.integers(0, 25000)
)
Quote = tuple[int, int, int, int]


def mark_world(kind: str, **numbers: Any) -> World:
    """One perpetual and one spot market; a second copy of the part runs only in rounds."""
    world = small_world([(kind, numbers), (kind, numbers)], n_accounts=1, block_seconds=SECONDS)
    world.state.parts["after_forced"] = (0, 1)
    return world


def show(world: World, quote: Quote) -> None:
    index, bid, spread, last = quote
    ladders = world.state.book.ladders
    ladders["best"], ladders["last"] = (bid, bid + spread), last
    ladders["mid"] = 2 * bid + spread
    world.state.ledger.markets["index"] = index


def marks(world: World, quotes: list[Quote]) -> list[int]:
    found = []
    for one in quotes:
        show(world, one)
        world.run(1)
        found.append(int(world.state.ledger.markets["mark"][0]))
    return found


def average(samples: list[float], constant: float) -> float:
    """Weighted average of samples one block apart, the newest last."""
    weights = np.exp(-SECONDS / constant * np.arange(len(samples)))[::-1]
    return float(np.average(samples, weights=weights))


def nearest(value: float) -> int:
    return max(1, math.floor(value + 0.5))


def book_price(quote: Quote) -> float:
    _, bid, spread, last = quote
    legs = [2 * bid, 2 * (bid + spread), 2 * last]
    return float(np.median(legs)) if last > 0 else float(2 * bid + spread)


def basis_twin(quotes: list[Quote], constant: float) -> float:
    samples = [2 * bid + spread - index for index, bid, spread, _ in quotes]
    return quotes[-1][0] + average(samples, constant)


def median_twin(quotes: list[Quote]) -> float:
    book = [book_price(one) for one in quotes]
    return float(np.median([basis_twin(quotes, 150.0), book[-1], average(book, 30.0)]))


@settings(max_examples=30)
@given(st.lists(quote, min_size=1, max_size=12))
def test_basis_mark_equals_its_twin(quotes: list[Quote]) -> None:
    found = marks(mark_world("basis_mark", time_constant=40.0), quotes)
    for k, mark in enumerate(found):
        assert abs(mark - nearest(basis_twin(quotes[: k + 1], 40.0))) <= 1  # ties of half a unit


@settings(max_examples=30)
@given(st.lists(quote, min_size=1, max_size=12))
def test_median_mark_equals_its_twin(quotes: list[Quote]) -> None:
    found = marks(mark_world("median_mark"), quotes)
    for k, mark in enumerate(found):
        assert abs(mark - nearest(median_twin(quotes[: k + 1]))) <= 1


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(st.lists(quote, min_size=1, max_size=6), st.floats(0.0, 0.5))
def test_marks_stay_in_their_band_and_above_zero(
    kind: str, quotes: list[Quote], band: float
) -> None:
    world = mark_world(kind, **({} if kind == "index_mark" else {"band": band}))
    for one, mark in zip(quotes, marks(world, quotes), strict=True):
        assert mark >= 1
        assert abs(mark - one[0]) <= band * one[0] + 1e-9


@settings(max_examples=20)
@given(quote)
def test_free_book_mark_is_the_mid_and_index_mark_the_index(one: Quote) -> None:
    assert marks(mark_world("book_mark", band=1.0), [one]) == [2 * one[1] + one[2]]
    assert marks(mark_world("index_mark"), [one]) == [one[0]]


@pytest.mark.parametrize("kind", KINDS)
def test_spot_is_priced_by_the_index_unless_told_otherwise(kind: str) -> None:
    world = mark_world(kind)
    marks(world, [(20000, 9900, 100, 0)])
    assert world.state.ledger.markets["mark"][1] == 20000
    if kind != "index_mark":
        world = mark_world(kind, spot="book")
        marks(world, [(20000, 9900, 100, 0)])
        assert world.state.ledger.markets["mark"][1] == 19900


@pytest.mark.parametrize("kind", ["basis_mark", "median_mark"])
def test_in_a_round_the_newest_sample_is_replaced_and_no_time_passes(kind: str) -> None:
    before, now, then = (20000, 9990, 20, 9995), (20000, 9000, 30, 9010), (20100, 9100, 10, 9105)
    world, plain = mark_world(kind), mark_world(kind)
    marks(world, [before] * 3)
    averages = world.state.ledger.markets[["basis_sum", "book_sum"]].copy()
    show(world, now)
    world.state.clock["n_forced"] = 1
    world.step -= 1
    world.state.parts["every"][0] = 1000  # the ordinary part has run in this block
    rounded = rerun(world)
    assert rounded == marks(plain, [before, before, now])[-1]
    assert np.array_equal(world.state.ledger.markets[["basis_sum", "book_sum"]], averages)
    world.state.parts["every"][0] = 1
    assert marks(world, [then]) == marks(mark_world(kind), [before, before, before, then])[-1:]


def rerun(world: World) -> int:
    """Mark after the part of the rounds has run in the current block."""
    run_part(world.program, world.state, 1, world.step)
    world.step += 1
    return int(world.state.ledger.markets["mark"][0])


def test_without_quotes_the_mark_is_the_index_and_without_both_it_stays() -> None:
    for kind in KINDS:
        world = mark_world(kind)
        world.state.ledger.markets["index"] = 19000
        world.run(1)
        assert world.state.ledger.markets["mark"][0] == 19000
        world.state.ledger.markets["index"] = 0
        world.run(1)
        assert world.state.ledger.markets["mark"][0] == 19000


def test_a_book_with_one_side_is_priced_by_its_last_trade() -> None:
    world = mark_world("median_mark", basis_constant=1e-3, book_constant=1e-3)
    marks(world, [(20000, 9990, 20, 9995)])
    world.state.book.ladders["best"][:, 0] = -1
    world.state.book.ladders["last"] = 9000
    world.run(1)
    assert world.state.ledger.markets["mark"][0] == 18000


@pytest.mark.parametrize("seconds", [30.0, 10.0, 1.0])
def test_a_jump_of_the_basis_is_followed_alike_in_blocks_of_any_length(seconds: float) -> None:
    world = small_world(
        [("basis_mark", {})], n_accounts=1, block_seconds=seconds, markets=(Listing(),)
    )
    show(world, (20000, 10000, 0, 0))
    world.run(round(900 / seconds))
    show(world, (20000, 10500, 0, 0))
    world.run(round(30 / seconds))
    exact = 20000 + 1000 * (1 - math.exp(-1))  # after one time constant
    assert abs(int(world.state.ledger.markets["mark"][0]) - exact) <= 1


@pytest.mark.parametrize("kind", ["book_mark", "basis_mark", "median_mark"])
def test_without_a_trade_for_long_enough_the_mark_is_the_index(kind: str) -> None:
    """Trades after 0, 1 and 5 blocks; quiet from the third block after a trade."""
    world = mark_world(kind, band=1.0, quiet_after=3 * SECONDS)
    free = mark_world(kind, band=1.0)
    is_index = []
    for step in range(10):
        for one in (world, free):
            one.state.book.ladders["trades"][0] += step in (0, 1, 5)
        index = 2000 + 7 * step
        found = marks(world, [(index, 1100, 10, 1105)])[0]
        other = marks(free, [(index, 1100, 10, 1105)])[0]
        assert other != index
        assert found in (index, other)
        is_index.append(found == index)
    assert is_index == [step in (4, 8, 9) for step in range(10)]


def test_a_thin_market_has_its_mark_at_the_index_until_it_trades() -> None:
    """The book of the mark before the first trade is a quote that nobody has taken."""
    world = mark_world("book_mark", band=1.0, quiet_after=SECONDS)
    assert marks(world, [(2000, 1100, 10, 0)] * 3)[1:] == [2000, 2000]
    world.state.book.ladders["trades"][0] = 1
    assert marks(world, [(2000, 1100, 10, 0)]) == [2210]
