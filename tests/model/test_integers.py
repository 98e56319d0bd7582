"""Exact integer arithmetic against Python's integers."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.integers import LARGEST, muldiv, signed_muldiv, split, to_units, to_units_up
from crossmargin.model.kernel import from_python

MULDIV, SIGNED, SPLIT = from_python(muldiv), from_python(signed_muldiv), from_python(split)
DOWN, UP = from_python(to_units), from_python(to_units_up)

amounts = st.integers(0, 10**17)
positive = st.integers(1, 10**17)


def shared(total: int, weights: list[int]) -> tuple[int, list[int]]:
    """What is left over and the shares."""
    shares = np.full(len(weights), -1, np.int64)
    left = SPLIT(total, np.array(weights, np.int64), shares)
    return int(left), shares.tolist()


@given(amounts, amounts, positive)
def test_muldiv_is_the_floor_of_the_exact_quotient(amount: int, part: int, whole: int) -> None:
    expected = amount * part // whole
    if expected < 2**62:
        assert MULDIV(amount, part, whole) == expected


@given(amounts, positive, st.integers(-3, 3))
def test_muldiv_next_to_whole_quotients(amount: int, whole: int, nudge: int) -> None:
    """Where a float estimate is most likely to be one off."""
    part = max(0, min(whole, whole + nudge))
    assert MULDIV(amount, part, whole) == amount * part // whole


def test_muldiv_on_many_numbers_of_every_size() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20_000):
        whole = int(rng.integers(1, 10 ** rng.integers(1, 18)))
        part, amount = (
            int(rng.integers(0, whole + 1)),
            int(rng.integers(0, 10 ** rng.integers(1, 18))),
        )
        assert MULDIV(amount, part, whole) == amount * part // whole


@given(st.integers(-(10**17), 10**17), amounts, positive)
def test_signed_muldiv_rounds_towards_zero(amount: int, part: int, whole: int) -> None:
    expected = abs(amount) * part // whole
    if expected < 2**62:
        assert SIGNED(amount, part, whole) == (expected if amount > 0 else -expected)


@given(amounts, st.lists(st.integers(0, 10**15), min_size=1, max_size=40))
def test_shares_sum_to_the_total_and_are_right_to_one_unit(total: int, weights: list[int]) -> None:
    left, shares = shared(total, weights)
    whole = sum(weights)
    if whole == 0:
        assert (left, shares) == (total, [0] * len(weights))
        return
    assert left == 0
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * whole - total * weight) <= whole
        assert share == 0 or weight > 0


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=40), st.data())
def test_no_share_of_a_smaller_total_exceeds_its_weight(
    weights: list[int], data: st.DataObject
) -> None:
    total = data.draw(st.integers(0, sum(weights)))
    _, shares = shared(total, weights)
    assert all(share <= weight for share, weight in zip(shares, weights, strict=True))


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_floats_become_units_by_rounding_down_or_up(value: float) -> None:
    if not abs(value) < LARGEST:
        assert DOWN(value) == UP(value) == 0
        return
    assert DOWN(value) == math.floor(value)
    assert UP(value) == math.ceil(value)


@given(st.integers(0, 2**61), st.integers(0, 2**61), st.integers(1, 2**61))
def test_muldiv_is_exact_up_to_its_bounds(amount: int, part: int, whole: int) -> None:
    exact = amount * part // whole
    if exact < 2**62:
        assert MULDIV(amount, part, whole) == exact


def test_muldiv_on_amounts_whose_float_estimate_is_far_off() -> None:
    numbers = 74635028698853651, 660118058816678402, 756668104127499971
    assert MULDIV(*numbers) == numbers[0] * numbers[1] // numbers[2]
