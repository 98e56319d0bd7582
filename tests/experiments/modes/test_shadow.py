"""The shadow valuation on paths made by hand."""

import numpy as np
import pytest

from crossmargin.experiments.modes.efficiency import at_loss
from crossmargin.experiments.modes.outcomes import _together, _wave
from crossmargin.experiments.modes.shadow import shadow
from crossmargin.experiments.modes.witness import Held
from crossmargin.model.world import World
from tests.small import ONE, PERP, names_of, small_state


def world() -> World:
    state = small_state(2, (PERP,))
    return World(state=state, parts=[], names=names_of(state))


def long_one(cash: float, step: int = 0) -> Held:
    """Long one coin bought at 100, with some cash."""
    return Held(
        row=np.array([8]),
        step=np.array([step]),
        balances=np.array([[round(cash * ONE)]]),
        lots=np.array([[1000]]),
        cost=np.array([[100 * ONE]]),
    )


def path(*prices: float) -> np.ndarray:
    return np.array([[round(200 * price)] for price in prices])


@pytest.mark.parametrize(
    ("prices", "blocks", "solvent", "margined", "judged"),
    [
        ((96, 95, 97), 2, True, False, True),  # 6 - 3 = 3 against 4.85
        ((96, 93, 99), 2, False, True, True),  # 6 - 7 < 0 on the way
        ((96, 94, 99), 2, True, True, True),  # 6 - 6 = 0 owes nothing; then 5 against 4.95
        ((96, 95, 98.9), 2, True, False, True),  # 4.9 against 4.945
        ((96, 97), 5, True, False, False),  # the run ends too early
        ((96, 90), 5, False, False, True),  # it has failed by then
    ],
)
def test_a_long_left_alone(prices, blocks, solvent, margined, judged) -> None:  # type: ignore[no-untyped-def]
    found = shadow(world(), long_one(6.0), path(*prices), blocks)
    assert (found.solvent[0], found.margined[0], found.judged[0]) == (solvent, margined, judged)
    assert found.survived[0] == (solvent and margined and judged)


def test_a_book_is_valued_from_its_own_block_on() -> None:
    early = shadow(world(), long_one(6.0, step=0), path(90, 100, 100, 100), 2)
    late = shadow(world(), long_one(6.0, step=1), path(90, 100, 100, 100), 2)
    assert not early.survived[0]
    assert late.survived[0]


def test_the_world_is_left_as_it_was() -> None:
    made = world()
    before = made.state.ledger.markets.copy()
    shadow(made, long_one(6.0), path(50, 50), 1)
    assert np.array_equal(made.state.ledger.markets, before)


def test_nothing_liquidated_is_nothing_survived() -> None:
    empty = long_one(6.0)
    none = Held(*(getattr(empty, name)[:0] for name in ("row", "step", "balances", "lots", "cost")))
    assert shadow(world(), none, path(100), 1).survived.sum() == 0


def test_legs_hit_within_a_window_are_simultaneous() -> None:
    rows = np.zeros(5, [("step", "i4"), ("market", "i4")])
    rows["step"], rows["market"] = [0, 5, 9, 0, 1], [0, 1, 1, 0, 0]
    owners = np.array([1, 1, 2, 2, 3])
    assert _together(owners, rows, 60.0, 300.0) == {1}
    assert _together(owners, rows, 60.0, 540.0) == {1, 2}
    assert _together(owners, rows, 60.0, 10.0) == set()


def test_the_largest_wave() -> None:
    assert _wave(np.array([0.0, 10.0, 11.0, 12.0, 40.0]), 5.0) == 3
    assert _wave(np.zeros(0), 5.0) == 0


def test_efficiency_at_equal_tail_loss_lies_between_the_capitals() -> None:
    import pandas as pd

    rows = pd.DataFrame({"efficiency": [2.0, 4.0, 8.0], "tail_loss": [0.0, 0.01, 0.03]})
    assert at_loss(rows, 0.01) == pytest.approx(4.0)
    assert at_loss(rows, 0.02) == pytest.approx(4 * 2**0.5)
    assert at_loss(rows, 0.0) == 2.0
    assert np.isnan(at_loss(rows, 0.05))
