"""Whose a market is, and how durations and prices become whole."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.integers import muldiv_up
from crossmargin.model.kernel import from_python
from crossmargin.model.markets import acts_on, concerns, first_step_after, nearest, steps_of
from tests.small import small_state

STATE = small_state(1)
NEAREST, MULDIV_UP = from_python(nearest), from_python(muldiv_up)


@given(st.floats(-10, 1e12))
def test_nearest_is_the_nearest_whole_number_above_zero(value: float) -> None:
    assert NEAREST(value) == max(1, math.floor(value + 0.5))


@given(st.integers(0, 2**62), st.integers(0, 10**9), st.integers(1, 2**62))
def test_muldiv_up_is_the_exact_ceiling(amount: int, part: int, whole: int) -> None:
    exact = math.ceil(Fraction(amount * part, whole))
    if exact < 2**62:
        assert MULDIV_UP(amount, part, whole) == exact


@pytest.mark.parametrize(
    ("market", "mask", "expected"),
    [(-1, 3, (1, 1)), (-1, 2, (0, 1)), (0, 3, (1, 0)), (1, 1, (0, 0))],
)
def test_a_part_acts_on_its_market_or_its_mask(
    market: int, mask: int, expected: tuple[int, int]
) -> None:
    STATE.parts["market"], STATE.parts["markets"] = market, mask
    assert tuple(from_python(acts_on)(STATE, 0, m) for m in (0, 1)) == expected


def test_a_part_concerns_its_underlying_or_all() -> None:
    found = []
    for named in (-1, 0, 1):
        STATE.parts["underlying"] = named
        found.append(tuple(from_python(concerns)(STATE, 0, u) for u in (0, 1)))
    assert found == [(True, True), (True, False), (False, True)]


def test_durations_become_steps() -> None:
    STATE.clock["block_seconds"] = 4.0
    assert [from_python(steps_of)(STATE, s) for s in (0.1, 4.0, 5.9, 6.1)] == [1, 1, 1, 2]
    assert [from_python(first_step_after)(STATE, s) for s in (0.0, 0.1, 4.0, 4.1)] == [0, 1, 1, 2]


def test_durations_beyond_any_run_mean_for_ever() -> None:
    for seconds in (1e12, 1e20, 1e300):
        assert from_python(steps_of)(STATE, seconds) == 10**9
        assert from_python(first_step_after)(STATE, seconds) == 10**9


def test_moments_count_from_the_block_at_which_the_run_began() -> None:
    state = small_state(1, block_seconds=10.0)
    state.clock["first"] = 360
    assert from_python(first_step_after)(state, 95.0) == 370
    assert from_python(first_step_after)(state, 0.0) == 360
