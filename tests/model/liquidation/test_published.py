"""Published numbers of single liquidations, through the engine's own kernels.

Drift: restated from drift-labs/protocol-v2, math/liquidation.rs (base to close for a shortage).
dYdX: restated from dydxprotocol/v4-chain, liquidations_test.go (what the insurance fund receives).
"""

import pytest

from crossmargin.model.kernel import from_python
from crossmargin.model.ledger import QUOTE
from crossmargin.model.liquidation.episode import penalise
from crossmargin.model.liquidation.sizes import lots_to_target
from crossmargin.model.state import INSURANCE
from tests.small import LOT, ONE, Listing, first_row, give, open_pair, small_state


@pytest.mark.parametrize(("fee", "base"), [(0.0, 1.0), (0.01, 1.1111111111)])
def test_base_to_close_of_drift(fee: float, base: float) -> None:
    """A shortage of 10, a margin ratio of 10%, a price of 100: whole lots, rounded up."""
    state = small_state(2, (Listing(price=100.0, tiers=((0, 0.2, 0.1),)),))
    row = first_row(state)
    open_pair(state, row, row + 1, 5000)
    state.ledger.venue["penalty_rate"] = fee
    account = state.ledger.accounts[row]
    account["maintenance_requirement"], account["maintenance_equity"] = 50 * ONE, 40 * ONE
    lots = int(from_python(lots_to_target)(state.ledger, row, 0, 1.0))
    assert lots * LOT == pytest.approx(base, abs=LOT)
    assert lots * LOT >= base - 1e-9


def test_the_fee_of_the_fund_of_dydx() -> None:
    """0.1 BTC of an account that owes 5,100 is sold for 5,610: the fund gets 0.5%, 28.05."""
    state = small_state(2, (Listing(price=500.0, tiers=((0, 0.2, 0.1),)),))
    row = first_row(state)
    state.ledger.venue["penalty_rate"], state.ledger.venue["liquidator_share"] = 0.005, 0.0
    give(state, row, -5100.0 + 5610.0)
    due = from_python(penalise)(state, row, 0, 5610 * ONE, -1)
    assert due == round(28.05 * ONE)
    assert state.ledger.balances[INSURANCE, QUOTE] == round(28.05 * ONE)


def test_the_fee_is_at_most_what_is_left_above_bankruptcy() -> None:
    """The same account sold for 5,110: 25.55 would be 0.5%, 10 are left."""
    state = small_state(2, (Listing(price=500.0),))
    row = first_row(state)
    state.ledger.venue["penalty_rate"], state.ledger.venue["liquidator_share"] = 0.005, 0.0
    give(state, row, -5100.0 + 5110.0)
    assert from_python(penalise)(state, row, 0, 5110 * ONE, -1) == 10 * ONE
