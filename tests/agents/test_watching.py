"""What a desk measures: volatility, basis and value at risk against the matrices they stand for."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.agents.watching import (
    LOOKS,
    basis_of,
    blocks_apart,
    exposure_variance,
    volatility_of,
)
from crossmargin.model.kernel import from_python
from tests.small import HALF_UNIT, PERP, Listing, clock_step, first_row, small_state

OTHER = Listing(underlying=1, price=50.0)


def random_state(seed, step, block_seconds=1.0):
    """Two markets on two underlyings whose trail is a random walk that ends at a step."""
    state = small_state(4, (PERP, OTHER), block_seconds=block_seconds)
    random = np.random.default_rng(seed)
    trail = state.outside.trail
    walk = np.cumsum(random.normal(0, 1e-3, (4, trail.shape[1])), axis=1)
    trail[:4] = np.log([[100.0], [50.0], [100.0], [50.0]]) + walk
    state.book.ladders["mid"] = 20_000, 10_000
    clock_step(state, step)
    return state


def intervals(state, step, half_life):
    """(looks, underlyings) returns, newest first, their weights and their length in seconds."""
    seconds = float(state.clock["block_seconds"][0])
    apart = max(1, math.floor(3 * half_life / (LOOKS * seconds) + 0.5))
    trail = state.outside.trail
    n = min(LOOKS, min(step, trail.shape[1] - 2) // apart)
    at = (step - apart * np.arange(n + 1)) % trail.shape[1]
    weights = 0.5 ** (apart * seconds / half_life * np.arange(n))
    return -np.diff(trail[:2, at]).T, weights / weights.sum(), apart * seconds


CASES = st.tuples(
    st.integers(0, 1000), st.integers(3, 9000), st.sampled_from([4.0, 60.0, 900.0, 40_000.0])
)


@given(CASES, st.tuples(*[st.integers(-(10**6), 10**6)] * 2), st.sampled_from([1.0, 10.0]))
@settings(max_examples=40, deadline=None)
def test_variance_is_the_quadratic_form_of_the_weighted_covariance(case, lots, block):
    """The form x' Sigma x made by NumPy, for holdings and for equal amounts in all books."""
    seed, step, half_life = case
    state = random_state(seed, step, block)
    row = first_row(state)
    state.ledger.lots[row] = lots
    returns, weights, seconds = intervals(state, step, half_life)
    covariance = (returns * weights[:, None]).T @ returns / seconds
    held = np.array(lots) * np.array([20_000, 10_000]) * HALF_UNIT
    variance = from_python(exposure_variance)
    for units, x in ((0.0, held), (7e9, np.array([7e9, 7e9]))):
        twin = x @ covariance @ x if len(returns) else 0.0
        assert variance(state, 0, row, units, half_life) == pytest.approx(twin, rel=1e-6, abs=1e-9)
    sigma = from_python(volatility_of)(state, 1, half_life)
    own = math.sqrt(covariance[1, 1]) if len(returns) else 0.0
    assert sigma == pytest.approx(own, rel=1e-9)


def test_a_hedge_across_underlyings_has_the_risk_of_what_is_left():
    """Long one and short the same value of another that moves with it: nothing is left."""
    state = random_state(5, 500)
    row = first_row(state)
    state.outside.trail[1] = state.outside.trail[0] - math.log(2)
    state.ledger.lots[row] = 1000, -2000
    assert from_python(exposure_variance)(state, 0, row, 0.0, 60.0) == pytest.approx(0, abs=1e-6)
    state.ledger.lots[row] = 1000, 0
    assert from_python(exposure_variance)(state, 0, row, 0.0, 60.0) > 0


def test_constant_moves_have_their_volatility():
    """A price that goes up and down by one per mille a block has that volatility; none at first."""
    state = random_state(1, 300)
    state.outside.trail[0] = 4.6 + 5e-4 * (-1.0) ** np.arange(state.outside.trail.shape[1])
    assert from_python(blocks_apart)(8.0, 1.0) == 1
    assert from_python(volatility_of)(state, 0, 8.0) == pytest.approx(1e-3, rel=1e-9)
    clock_step(state, 0)
    assert from_python(volatility_of)(state, 0, 8.0) == 0.0


@given(CASES, st.booleans())
@settings(max_examples=40, deadline=None)
def test_basis_is_the_weighted_mean_of_gaps(case, after_forced):
    """The latest gap is that of the mid of now, with the outside price it was made under."""
    seed, step, half_life = case
    state = random_state(seed, step)
    state.parts["after_forced"][0] = after_forced
    trail, window = state.outside.trail, state.outside.trail.shape[1]
    last = step if after_forced else step - 1
    apart = max(1, math.floor(3 * half_life / LOOKS + 0.5))
    n = max(1, min(LOOKS, min(last, window - 2) // apart))
    at = (last - apart * np.arange(n)) % window
    gaps = trail[3, at] - trail[1, at]
    gaps[0] = math.log(50.0) - trail[1, last % window]
    weights = 0.5 ** (apart / half_life * np.arange(n))
    twin = (gaps * weights).sum() / weights.sum()
    assert from_python(basis_of)(state, 0, 1, 1, half_life) == pytest.approx(twin, abs=1e-12)
    state.book.ladders["mid"] = 0
    assert from_python(basis_of)(state, 0, 1, 1, half_life) == 0.0
