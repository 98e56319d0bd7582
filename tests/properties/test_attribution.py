"""The price ledger is exact: on any history of orders its parts sum to the class ledger.

Histories are drawn by Hypothesis: ordinary orders, moves without a book, forced orders of several
accounts in a perpetual and a spot market, over several blocks, some of them without stress.
"""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.contagion.face import Contagion
from crossmargin.model.contagion.price_ledger import PriceLedger
from crossmargin.model.log import CHANGED
from crossmargin.model.state import FORCED, SELF_CANCEL_RESTING, Array, State
from crossmargin.model.world import World
from tests.model.contagion.forced import end_block, force, forced_column, world_of
from tests.small import COIN, PERP, first_row, give, open_pair, send, small_state

N = 5
PERPETUAL, SPOT_MARKET = 0, 1
accounts, lots = st.integers(0, N - 1), st.integers(1, 30)
sides, ticks = st.sampled_from([-1, 1]), st.integers(9_990, 10_010)
orders = st.tuples(st.just("order"), accounts, sides, ticks, lots, st.integers(0, 1))
forced = st.tuples(st.just("force"), accounts, sides, ticks, lots, st.integers(0, 1))
moves = st.tuples(st.just("move"), accounts, accounts, lots)
ends = st.tuples(st.just("end"))
histories = st.lists(
    st.one_of(orders, orders, forced, forced, moves, ends), min_size=15, max_size=80
)
calm_histories = st.lists(st.one_of(orders, moves, ends), max_size=30)


def start() -> tuple[State, int]:
    state = small_state(N, (PERP, COIN), price_levels=1 << 14)
    first = first_row(state)
    state.book.ladders["self_trade"] = SELF_CANCEL_RESTING  # moves the mid without a trade
    for row in range(first, first + N):
        give(state, row, 1e6)
        give(state, row, 1.0, asset=1)
        for market in (PERPETUAL, SPOT_MARKET):
            away = row - first
            send(state, row, 1, 9_995 - away, 10, market=market)
            send(state, row, -1, 10_005 + away, 10, market=market)
    return state, first


def played(history: list[tuple[Any, ...]]) -> World:
    state, first = start()
    for kind, *rest in history:
        if kind == "end":
            end_block(state)
            continue
        account = first + rest[0]
        if kind == "move" and rest[0] != rest[1]:
            open_pair(state, account, first + rest[1], rest[2])
        elif kind == "order":
            send(state, account, *rest[1:4], market=rest[4])
        elif kind == "force":
            held = int(state.ledger.lots[account, rest[4]])
            if rest[4] == SPOT_MARKET:  # a seizure sells what there is
                rest[1], rest[3] = -1, min(rest[3], held)
            if rest[3]:
                force(state, account, *rest[1:5])
    end_block(state)
    return world_of(state)


def plain_matrix(ledger: PriceLedger) -> Array:
    """Twin of the replay: one trade and one holder at a time."""
    sources = ledger.sources.tolist()
    held = np.zeros((len(ledger.units), ledger.n_accounts), np.int64)
    found = np.zeros((len(sources), ledger.n_accounts), np.int64)
    for trace, author in zip(ledger.traces, ledger.authors.tolist(), strict=True):
        market = int(trace["market"])
        if trace["event"] == CHANGED:
            held[market, trace["maker"]] = trace["quantity"]
        else:
            held[market, trace["taker"]] += trace["quantity"]
            held[market, trace["maker"]] -= trace["quantity"]
        if author >= 0 and trace["shift"]:
            cost = held[market] * trace["shift"] * ledger.units[market]
            found[sources.index(author)] += cost
    return found


@settings(max_examples=60, deadline=None)
@given(histories)
def test_sources_sum_to_the_class_ledger(history: list[tuple[Any, ...]]) -> None:
    world = played(history)
    ledger = PriceLedger.of(world)
    for market in (PERPETUAL, SPOT_MARKET):
        by_source = ledger.matrix(market).sum(axis=0)
        assert np.array_equal(by_source, forced_column(world.state, market))
    traced = ledger.traces["shift"][ledger.authors >= 0].sum()
    assert traced == world.state.log.shift[:, FORCED].sum() == world.rows("events")["shift"].sum()


@settings(max_examples=60, deadline=None)
@given(histories)
def test_every_source_sums_to_zero_in_a_perpetual(history: list[tuple[Any, ...]]) -> None:
    rows = PriceLedger.of(played(history)).matrix(PERPETUAL)
    assert not rows.sum(axis=1).any()


@settings(max_examples=40, deadline=None)
@given(histories)
def test_replay_is_the_plain_sum(history: list[tuple[Any, ...]]) -> None:
    ledger = PriceLedger.of(played(history))
    assert np.array_equal(ledger.matrix(), plain_matrix(ledger))
    by_market = ledger.matrix(PERPETUAL) + ledger.matrix(SPOT_MARKET)
    assert np.array_equal(by_market, ledger.matrix())


@settings(max_examples=20, deadline=None)
@given(histories, st.integers(2, 9))
def test_losses_scale_with_the_value_of_a_lot(history: list[tuple[Any, ...]], scale: int) -> None:
    ledger = PriceLedger.of(played(history))
    wider = PriceLedger(ledger.traces, ledger.authors, ledger.units * scale, ledger.n_accounts)
    assert np.array_equal(wider.matrix(), ledger.matrix() * scale)


@settings(max_examples=20, deadline=None)
@given(histories)
def test_levels_share_one_total(history: list[tuple[Any, ...]]) -> None:
    contagion = Contagion(played(history))
    graphs = [contagion.graph(level, gains=True) for level in ("account", "population")]
    graphs.append(contagion.graph(top=1, gains=True))
    for field in ("loss", "gain"):
        sums = [round(g.size(weight=field), 9) for g in graphs]
        assert sums[0] == sums[1] == sums[2]
    matrix = contagion.price.matrix()
    own = [matrix[k, source] for k, source in enumerate(contagion.price.sources)]
    lost = np.minimum(matrix, 0).sum() - sum(min(0, x) for x in own)
    assert round(graphs[0].size(weight="loss") * 1e6) == -lost


@settings(max_examples=15, deadline=None)
@given(calm_histories)
def test_without_forced_orders_the_graph_is_empty(history: list[tuple[Any, ...]]) -> None:
    contagion = Contagion(played(history))
    assert len(contagion.price.sources) == 0
    for level in ("account", "owner", "population"):
        graph = contagion.graph(level, gains=True)
        assert graph.number_of_nodes() == graph.number_of_edges() == 0
