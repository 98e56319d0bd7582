"""How many lots are closed: stages, minimum, caps, and the size that a target health needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.kernel import from_python
from crossmargin.model.liquidation.sizes import Sizing, closing_lots, within_cap
from crossmargin.model.state import State
from tests.model.liquidation.waterfall import equity_of
from tests.small import ONE, Listing, first_row, give, open_pair, set_price, small_state

LOT_VALUE = 100_000  # at 100


def account(lots: int, margin: float, side: int = 1) -> tuple[State, int]:
    state = small_state(2, (Listing(),))
    row = first_row(state)
    open_pair(state, *((row, row + 1) if side > 0 else (row + 1, row)), lots)
    give(state, row, margin)
    equity_of(state, row)
    return state, row


def lots_closed(state: State, row: int, sizing: Sizing) -> int:
    return int(from_python(closing_lots)(state.ledger, row, 0, sizing))


@pytest.mark.parametrize(
    ("whole_below", "minimum", "lots"),
    [(0.0, 0.0, 201), (99.0, 0.0, 201), (100.5, 0.0, 1001), (0.0, 30.0, 300), (0.0, 500.0, 1001)],
)
@pytest.mark.parametrize("side", [1, -1])
def test_a_fraction_and_a_minimum(whole_below: float, minimum: float, lots: int, side: int) -> None:
    state, row = account(1001, 1.0, side)  # notional 100.1
    sizing = Sizing(0.2, round(whole_below * ONE), round(minimum * ONE), 0.0)
    assert lots_closed(state, row, sizing) == lots


@given(st.integers(100, 100_000), st.floats(0.1, 0.99), st.floats(1.0, 1.5), st.floats(0, 0.02))
def test_the_target_is_reached_and_not_passed_by_more_than_a_lot(
    lots: int, health: float, target: float, penalty: float
) -> None:
    state, row = account(lots, 0.0)
    state.ledger.venue["penalty_rate"] = penalty
    give(state, row, health * 0.05 * lots * LOT_VALUE / ONE)
    equity_of(state, row)
    found = lots_closed(state, row, Sizing(1.0, 0, 0, target))
    equity = float(state.ledger.accounts["equity"][row])

    def reached(n: int) -> float:
        kept = 0.05 * (lots - n) * LOT_VALUE
        return equity - penalty * n * LOT_VALUE - target * kept

    assert 0 < found <= lots
    assert found == lots or reached(found) >= -2
    assert reached(found - 1) < 2


def test_a_penalty_above_the_requirement_closes_all() -> None:
    state, row = account(1000, 1.0)
    state.ledger.venue["penalty_rate"] = 0.06
    assert lots_closed(state, row, Sizing(1.0, 0, 0, 1.0)) == 1000


def test_without_a_price_nothing_is_closed() -> None:
    state, row = account(1000, 1.0)
    set_price(state, 0, 0.0)
    assert lots_closed(state, row, Sizing(1.0, 0, 0, 0.0)) == 0


def test_a_cap_counts_what_the_block_has_seen() -> None:
    state, row = account(1000, 1.0)
    cap = from_python(within_cap)
    assert cap(state.ledger, row, 0, 4, 0) == 1000
    assert cap(state.ledger, row, 0, 4, 30 * ONE) == 300
    state.ledger.accounts["block_notional"][row] = 12 * ONE
    state.ledger.accounts["block_step"][row] = 4
    assert cap(state.ledger, row, 0, 4, 30 * ONE) == 180
    assert cap(state.ledger, row, 0, 4, 10 * ONE) == 0
    assert cap(state.ledger, row, 0, 5, 30 * ONE) == 300
