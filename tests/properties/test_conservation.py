"""Nothing is created or lost, whatever is sent, and gains by class add up to the last half tick."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.kernel import from_python
from crossmargin.model.ledger import Parcel, move_position, move_spot
from crossmargin.model.state import SPOT, Array, State
from tests.properties.commands import (
    MARKETS,
    N_ACCOUNTS,
    Draw,
    Session,
    market_with,
    policies,
    streams,
    wealths,
)
from tests.small import first_row, residuals_of

MOVE, MOVE_SPOT = from_python(move_position), from_python(move_spot)


def gains_of(state: State) -> Array:
    """(n_accounts, n_markets, N_CLASSES) int64, gain of each account by class, half tick-lots."""
    return state.log.by_class + state.ledger.lots[:, :, None] * state.log.shift


def played(wealth: list[int], policy: int, stream: list[Draw]) -> Session:
    """A session after a stream, with nothing created or lost at any moment of it."""
    session = Session(market_with(wealth, policy))
    for draw in stream:
        session.send(draw)
        assert set(residuals_of(session.state).values()) == {0}
    return session


@given(wealths, policies, streams)
def test_streams_conserve_everything_and_equal_the_twin(
    wealth: list[int], policy: int, stream: list[Draw]
) -> None:
    session = played(wealth, policy, stream)
    state, twin = session.state, session.twin
    assert state.ledger.balances.tolist() == twin.balances
    assert state.ledger.lots.tolist() == twin.lots
    assert state.ledger.cost.tolist() == twin.cost
    is_spot = state.ledger.markets["kind"] == SPOT
    assert (state.ledger.lots[:, is_spot] >= 0).all()
    open_interest = np.abs(state.ledger.lots).sum(axis=0)
    assert (state.ledger.markets["open_interest"] == open_interest)[~is_spot].all()


@given(wealths, policies, streams)
def test_resting_lots_of_accounts_are_those_of_their_orders(
    wealth: list[int], policy: int, stream: list[Draw]
) -> None:
    state = played(wealth, policy, stream).state
    expected = np.zeros_like(state.book.open_lots)
    live = state.book.orders[state.book.orders["side"] >= 0]
    np.add.at(expected, (live["account"], live["market"], live["side"]), live["quantity"])
    assert (state.book.open_lots == expected).all()
    assert int(state.book.pool["resting"][0]) == len(live)


@given(wealths, policies, streams)
def test_gains_by_class_are_exact(wealth: list[int], policy: int, stream: list[Draw]) -> None:
    """For each account and market: by class, in sum, and over all accounts."""
    session = played(wealth, policy, stream)
    state, twin = session.state, session.twin
    gains = gains_of(state)
    assert gains.tolist() == twin.gains
    for m in range(len(MARKETS)):
        lots, paid = state.ledger.lots[:, m], np.array(twin.paid_at_mid)[:, m]
        start = np.array(lots) - _traded(session, m)
        total = lots * twin.relative_mid(m) - paid
        assert (gains[:, m].sum(axis=1) == total).all()
        assert (gains[:, m].sum(axis=0) == start.sum() * state.log.shift[m]).all()
        if state.ledger.markets["kind"][m] != SPOT:
            assert (gains[:, m].sum(axis=0) == 0).all()


def _traded(session: Session, m: int) -> Array:
    """(n_accounts,) int64, lots that every account gained in trades."""
    gained = np.zeros(len(session.state.ledger.lots), np.int64)
    for _, _, maker, taker, side, _, quantity in session.twin.books[m].fills:
        gained[taker] += side * quantity
        gained[maker] -= side * quantity
    return gained


moves = st.lists(
    st.tuples(
        st.integers(0, N_ACCOUNTS - 1),
        st.integers(0, N_ACCOUNTS - 1),
        st.integers(0, len(MARKETS) - 1),
        st.integers(-20, 20),
        st.integers(1, 10_000),
    ),
    max_size=30,
)


@given(wealths, policies, streams, moves)
def test_moves_without_a_book_conserve_everything(
    wealth: list[int], policy: int, stream: list[Draw], moved: list[tuple[int, ...]]
) -> None:
    state = played(wealth, policy, stream).state
    first = first_row(state)
    before = gains_of(state)
    for giver, taker, market, lots, half_price in moved:
        move = MOVE_SPOT if state.ledger.markets["kind"][market] == SPOT else MOVE
        parcel = Parcel(market, lots, half_price)
        move(state.ledger, state.log, first + giver, first + taker, parcel)
        assert set(residuals_of(state).values()) == {0}
    assert (gains_of(state) == before).all()  # a move is no displacement
