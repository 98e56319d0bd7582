"""The vault sells its inventory in slices, and never more than it holds."""

import numpy as np
import pytest

import crossmargin as xm
from crossmargin.experiments.run import simulate
from crossmargin.model.kernel import from_python
from crossmargin.model.liquidation.unwind import P, unwind
from crossmargin.model.state import BACKSTOP
from tests.small import small_state


@pytest.mark.parametrize(
    ("lots", "speed", "wanted"), [(500, 1e6, 500), (-500, 10.0, 100), (0, 1e6, 0)]
)
def test_a_slice_is_as_large_as_speed_and_position_allow(
    lots: int, speed: float, wanted: int
) -> None:
    state = small_state(4)
    state.book.ladders["mid"][0] = 20_000  # 100 quote a base, 0.1 quote a lot
    state.ledger.lots[BACKSTOP, 0] = lots
    state.params[0, P.speed], state.params[0, P.slippage] = speed, 0.01
    state.clock["block_seconds"] = 1.0
    assert from_python(unwind)(state, 0, 5) == (wanted > 0)
    if wanted:
        message = state.crowd.inbox[0]
        assert (message["account"], message["quantity"]) == (BACKSTOP, wanted)
        assert message["side"] == -np.sign(lots)
        assert message["price"] == (9_900 if lots > 0 else 10_100)
    state.clock["round"] = 1
    assert from_python(unwind)(state, 0, 5) == 0


def test_a_vault_that_took_over_ends_with_less_than_one_that_never_sells() -> None:
    kinds = [{"kind": k} for k in ("cancel_orders", "backstop", "insurance", "adl", "socialise")]
    changes = {"venue.backstop": 5e7, "venue.waterfall": kinds}
    kept = simulate("flash-crash", seed=1, steps=400, overrides=changes)
    changes["venue.waterfall"] = [*kinds, {"kind": "unwind", "speed": 1e5}]
    sold = simulate("flash-crash", seed=1, steps=400, overrides=changes)

    def inventory(run: xm.Run) -> float:
        return abs(float(run.accounts.loc[BACKSTOP, "position:BTC-PERP"]))

    assert inventory(kept) > 0
    assert inventory(sold) < 0.7 * inventory(kept)
    assert set(sold.summary["residuals"].values()) == {0}
