"""Traders written in Python: what they see, what they may ask for, how it reaches the inbox."""

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.agents.orders import AgentError, arrival_of, lots_of, ticks_of, write_orders
from crossmargin.agents.solo import SoloPart, adopt
from crossmargin.agents.stage import BEHAVIOUR, FIRST, MAKERS, Stage
from crossmargin.agents.trader import Trader
from crossmargin.agents.wishes import ExactOrder, Order, Transfer
from crossmargin.model.draws import DECIDE, uniforms
from crossmargin.model.errors import ParameterError, StateError
from crossmargin.model.inbox import arrival
from crossmargin.model.kernel import from_python
from crossmargin.model.parts import Numbers, number
from crossmargin.model.state import (
    CANCEL,
    FILL_OR_KILL,
    FORCED,
    LIMIT,
    MARKET_ORDER,
    POST_ONLY,
    REDUCE_ONLY,
    REPLACE,
)
from crossmargin.model.traits import Distribution, trait
from tests.agents.stages import run


class Whim(Trader):
    """Does what a test tells it to."""

    class Parameters(Numbers):
        boldness: float = number(0.25, "share", low=0, high=1)

    class Traits(Numbers):
        patience: Distribution = trait({"uniform": [1.0, 2.0]}, "seconds")

    def begin(self) -> None:
        self.wishes: Any = []
        self.diary: list[int] = []

    def decide(self, market: Any) -> Any:
        self.diary.append(self.block)
        return self.wishes


def whims(n: int = 2, step: int = 1) -> tuple[Stage, list[Whim]]:
    made = Stage(Whim, n)
    made.open_block(step)
    part = made.world.python_parts[BEHAVIOUR]
    assert isinstance(part, SoloPart)
    return made, part.traders  # type: ignore[return-value]


def written(trader: Whim, *wishes: Any) -> Any:
    made = trader.model
    made.world.state.clock["n_inbox"] = 0
    write_orders(made.world, trader, list(wishes))
    return made.messages()


def test_a_view_shows_the_account_in_natural_units() -> None:
    made, (trader, _) = whims()
    index = made.world.state.ledger.markets["index"][0] * 0.005
    assert trader.cash == trader.balances["USDC"] == 10_000.0
    assert trader.balances["BTC"] == trader.position("BTC-USDC") == 20.0
    assert trader.position("BTC-PERP") == 300.0
    assert trader.equity == pytest.approx(10_000 + 300 * (index - 100) + 20 * index)
    assert trader.notional == pytest.approx(300 * index)
    assert trader.leverage == pytest.approx(trader.notional / trader.equity)
    weighted = trader.equity - 0.2 * 20 * index
    assert trader.free_collateral == pytest.approx(weighted - 0.05 * 300 * index)
    assert trader.health == pytest.approx((trader.equity - 2 * index) / (0.03 * 300 * index))
    assert (trader.state, trader.mode, trader.population) == ("healthy", "cross", "agents")
    assert (trader.row, trader.unique_id, trader.index, trader.pos) == (FIRST, FIRST, 0, None)
    with pytest.raises(ParameterError, match="no market 'BTC'"):
        trader.position("BTC")


def test_an_account_without_a_position_is_safe() -> None:
    made, (trader, _) = whims()
    made.world.state.ledger.lots[FIRST, 0] = made.world.state.ledger.cost[FIRST, 0] = 0
    made.open_block(2)
    assert trader.health == np.inf
    assert trader.leverage == 0.0


def test_it_sees_the_book() -> None:
    made, (trader, _) = whims()
    assert (trader.bid("BTC-PERP"), trader.mid("BTC-PERP"), trader.ask("BTC-PERP")) == (
        99.95,
        100.0,
        100.05,
    )
    assert (
        trader.mark("BTC-PERP") == trader.index_price("BTC-PERP") == pytest.approx(100.98, abs=0.01)
    )
    assert not len(trader.mids("BTC-PERP", 5)[1:])
    run(made, 8)
    made.open_block(9)
    assert trader.mids("BTC-PERP", 5) == pytest.approx([100.0] * 5)
    made.world.state.book.ladders["best"][0] = (-1, made.world.state.book.table.shape[2] << 6)
    assert np.isnan(trader.bid("BTC-PERP"))
    assert np.isnan(trader.ask("BTC-PERP"))


def test_its_generator_is_the_stream_of_a_kernel_and_its_own() -> None:
    made, (one, other) = whims(step=7)
    key = made.world.state.ledger.accounts["key"][FIRST]
    four = from_python(uniforms)(np.uint64(1), key, DECIDE, 7, 0)
    eight = from_python(uniforms)(np.uint64(1), key, DECIDE, 7, 1)
    assert one.rng.random(3).tolist() == list(four[:3])
    assert [one.rng.random() for _ in range(5)] == [four[3], *eight]
    assert other.rng.random() != four[0]
    made.open_block(8)
    assert one.rng.random() not in four


def test_numbers_and_traits_have_names() -> None:
    made, traders = whims(40)
    assert {t.numbers.boldness for t in traders} == {0.25}
    patience = [t.traits.patience for t in traders]
    assert 1.0 <= min(patience) < max(patience) <= 2.0
    assert patience == made.world.state.crowd.traits[FIRST:, 0].tolist()


def test_orders_are_rounded_to_the_safe_side() -> None:
    _, (trader, _) = whims()
    buy, sell = written(
        trader, trader.buy("BTC-PERP", 0.0199, 99.999), trader.sell("BTC-PERP", 1.0, 100.001)
    )
    assert (buy["price"], buy["quantity"], buy["side"]) == (9_999, 19, 1)
    assert (sell["price"], sell["quantity"], sell["side"]) == (10_001, 1_000, -1)
    assert (buy["action"], buy["account"], buy["author_class"]) == (LIMIT, FIRST, 4)
    assert not len(written(trader, trader.buy("BTC-PERP", 0.0009, 100.0)))  # less than a lot


@given(st.integers(1, 10**6), st.sampled_from([0.1, 0.01, 0.05, 1e-5, 3.0]))
def test_a_price_on_a_tick_stays_there(ticks: int, tick: float) -> None:
    assert ticks_of(ticks * tick, tick, 1) == ticks_of(ticks * tick, tick, -1) == ticks
    assert lots_of(ticks * tick, tick) == ticks


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 5), st.sampled_from([0.1, 1.0, 60.0]))
def test_arrival_is_that_of_the_kernels(uniform: float, latency: float, block: float) -> None:
    assert arrival_of(uniform, latency, block) == from_python(arrival)(uniform, latency, block)


def test_every_kind_of_wish() -> None:
    made, (trader, _) = whims()
    written(trader, trader.buy("BTC-PERP", 1.0, 90.0))
    made.close_block(1)
    made.open_block(2)
    (mine,) = trader.open_orders
    assert (mine.market, mine.side, mine.price, mine.quantity) == ("BTC-PERP", 1, 90.0, 1.0)
    wishes = [
        trader.cancel(mine),
        trader.buy("BTC-PERP", 1.0, 91.0, replaces=mine, post_only=True),
        trader.sell("BTC-PERP", 2.0),
        trader.sell("BTC-PERP", 2.0, 99.0, life="fill_or_kill"),
        *trader.close("BTC-PERP", 0.5),
        ExactOrder(market=1, side=-1, price=12_345, quantity=67),
    ]
    cancel, replace, at_once, kill, close, exact = written(trader, *wishes)
    assert (cancel["action"], cancel["order"]) == (CANCEL, mine.handle)
    assert (replace["action"], replace["order"]) == (REPLACE, mine.handle)
    assert replace["flags"] == POST_ONLY
    assert (at_once["action"], at_once["quantity"]) == (MARKET_ORDER, 2_000)
    assert kill["life"] == FILL_OR_KILL
    assert (close["side"], close["quantity"], close["flags"]) == (-1, 150_000, REDUCE_ONLY)
    assert (exact["market"], exact["price"], exact["quantity"]) == (1, 12_345, 67)
    made.world.state.clock["n_inbox"] = 1
    made.close_block(2)
    assert trader.open_orders == []


def test_transfers_become_requests_of_the_account() -> None:
    made, (trader, other) = whims()
    assert not len(written(trader, trader.transfer(12.5)))
    written(other, Transfer(-3.0))
    assert made.world.state.crowd.requests[FIRST:].tolist() == [12_500_000, -3_000_000]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Order("BTC", 1, 1.0), "there are BTC-PERP, BTC-USDC"),
        (Order("BTC-PERP", 2, 1.0), "side 2"),
        (Order("BTC-PERP", 1, -1.0), "-1.0 base"),
        (Order("BTC-PERP", 1, float("nan")), "nan base"),
        (Order("BTC-PERP", 1, "1"), "'1' base"),  # type: ignore[arg-type]
        (Order("BTC-PERP", 1, 1.0, 0.0), "price 0.0"),
        (Order("BTC-PERP", 1, 1.0, 5.0, life="forever"), "life 'forever'"),
        (Order("BTC-PERP", 1, 1e15, 5.0), "64 bits"),
        (ExactOrder(9, 1, 1, 1), "market 9"),
        (ExactOrder(0, 0, 1, 1), "side, action or life"),
        (ExactOrder(0, 1, order=(1 << 24) - 1, action=CANCEL), "no handle"),
        ("buy", "which is no order"),
        (None, "which is no order"),
    ],
)
def test_a_wish_that_no_market_grants_is_named(wish: Any, words: str) -> None:
    made, (trader, _) = whims()
    with pytest.raises(AgentError, match=words):
        written(trader, wish)
    assert not len(made.messages())


def test_what_is_no_list_is_named() -> None:
    made, (trader, _) = whims()
    with pytest.raises(AgentError, match=r"Whim.decide returned int; it returns a list"):
        write_orders(made.world, trader, 7)  # type: ignore[arg-type]
    assert write_orders(made.world, trader, None) == 0
    assert write_orders(made.world, trader, trader.buy("BTC-PERP", 1.0)) == 1  # type: ignore[arg-type]


def test_nobody_signs_as_a_liquidation() -> None:
    _, (trader, _) = whims()
    trader.author_class = FORCED
    with pytest.raises(AgentError, match="only a venue"):
        written(trader, trader.buy("BTC-PERP", 1.0))


def test_a_full_inbox_is_a_fault() -> None:
    made, (trader, _) = whims()
    trader.wishes = [trader.buy("BTC-PERP", 1.0, 90.0)] * 300
    with pytest.raises(StateError, match="more messages in a step"):
        made.world.run(1)


def test_it_decides_once_a_block_and_trades() -> None:
    made, (trader, other) = whims()
    trader.wishes = [trader.sell("BTC-PERP", 1.0)]
    made.world.run(3)
    assert trader.diary == other.diary == [0, 1, 2]
    assert trader.position("BTC-PERP") == 297.0
    assert not any(made.world.audit().values())


def test_a_branch_has_traders_of_its_own_with_the_same_memories() -> None:
    made, (trader, _) = whims()
    made.world.run(2)
    child = copy.copy(made)
    child.world = made.world.fork()
    adopt(child)
    child.world.run(3)
    twin = child.trader(FIRST)
    assert isinstance(twin, Whim)
    assert twin is not trader
    assert twin.model is child
    assert (trader.diary, twin.diary) == ([0, 1], [0, 1, 2, 3, 4])
    assert twin != trader


def test_two_views_of_a_row_are_one_agent() -> None:
    made, (trader, _) = whims()
    assert made.trader(FIRST) is trader
    assert made.trader(MAKERS) == Trader(made, MAKERS)
    assert len({made.trader(MAKERS), Trader(made, MAKERS), trader}) == 2
    assert Trader(Stage(Whim, 2), MAKERS) != made.trader(MAKERS)


def test_rows_are_not_removed_and_a_mere_view_decides_nothing() -> None:
    made, _ = whims()
    view = made.trader(MAKERS)
    with pytest.raises(StateError, match="never removed"):
        view.remove()
    with pytest.raises(NotImplementedError, match="no decide"):
        view.decide(made)
    with pytest.raises(AttributeError):
        view.equity = 5.0  # type: ignore[misc]
