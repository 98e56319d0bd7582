"""A round follows another only while forced orders are sent and rounds are left."""

import pytest

from tests.model.liquidation.waterfall import market, run
from tests.small import Listing


@pytest.mark.parametrize(
    ("n_forced", "past", "rounds", "again"),
    [(0, 0, 8, 0), (1, 0, 8, 1), (5, 6, 8, 1), (5, 7, 8, 0), (1, 0, 1, 0)],
)
def test_another_round(n_forced: int, past: int, rounds: int, again: int) -> None:
    world = market(1, markets=(Listing(),))
    clock = world.state.clock[0]
    clock["n_forced"], clock["round"] = n_forced, past
    world.state.ledger.venue["rounds"] = rounds
    assert run(world, "round") == again
