"""Laws of markets against a pool: any trades, prices, fees and liquidations conserve money."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.kernel import from_python
from crossmargin.model.loop import run_part
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import MARKET_ORDER
from crossmargin.model.world import World
from tests.model.pool_market import POOL_ROW, pool_world, rows_of
from tests.small import clock_step, give, residuals_of, send, set_price

PARTS = ("pool_fees", "states", "queue", "pool_adl", "book_orders", "insurance", "adl", "socialise")

blocks = st.lists(
    st.tuples(
        st.floats(0.7, 1.4),  # of the price
        st.lists(st.tuples(st.integers(0, 3), st.integers(-4000, 4000)), max_size=4),
    ),
    min_size=1,
    max_size=8,
)


def built(capital: float, margins: list[float], by_power: bool) -> World:
    world = pool_world(PARTS, 4, capital)
    pool = world.state.ledger.pools[0]
    pool["impact"], pool["improving"], pool["worsening"] = int(by_power), 5e-6, 1e-5
    for row, margin in zip(rows_of(world.state), margins, strict=True):
        give(world.state, row, margin)
    return world


def run(world: World, step: int) -> None:
    for part in range(len(PARTS)):
        run_part(world.program, world.state, part, step)
        assert set(residuals_of(world.state).values()) == {0}, PARTS[part]


@given(
    blocks,
    st.floats(5.0, 400.0),
    st.lists(st.floats(1.0, 60.0), min_size=4, max_size=4),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_blocks_of_trades_and_liquidations_conserve(
    made: list[tuple[float, list[tuple[int, int]]]],
    capital: float,
    margins: list[float],
    by_power: bool,
) -> None:
    world = built(capital, margins, by_power)
    state, rows = world.state, list(rows_of(world.state))
    price = 100.0
    for b, (move, trades) in enumerate(made):
        step = 60 * (b + 1)
        clock_step(state, step)
        state.clock["n_forced"] = state.clock["round"] = 0
        price = min(max(price * move, 5.0), 1000.0)
        set_price(state, 0, price)
        state.book.ladders["mid"][0] = state.ledger.markets["mark"][0]
        run(world, step)
        for account, lots in trades:
            if lots != 0:
                side = 1 if lots > 0 else -1
                send(state, rows[account], side, 1, abs(lots), action=MARKET_ORDER)
        held = state.ledger.lots[rows, 0]
        assert held.sum() == -state.ledger.lots[POOL_ROW, 0]
        assert set(residuals_of(state).values()) == {0}
    from_python(measure_all)(state.ledger, state.book)
    equity = state.ledger.accounts["equity"].astype(np.int64)
    settled = int(state.ledger.balances[POOL_ROW - 1, 0])
    assert equity.sum() - settled == state.ledger.assets["minted"][0]
    if state.ledger.pools["failed_step"][0] >= 0:
        assert not state.ledger.lots.any()
