"""Value at risk, Greeks margin, liquidity, SPAN's additions, wrong-way risk: twins and laws."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from crossmargin.model.errors import ParameterError
from crossmargin.model.kernel import from_python
from crossmargin.model.margin.delta_gamma_vega import MOVES, charge_greeks
from crossmargin.model.margin.liquidity import DEPTH, charge_liquidity, closing_add_on
from crossmargin.model.margin.scenario import charge_scenarios
from crossmargin.model.margin.scenario_grid import series_deltas
from crossmargin.model.margin.span import CREDIT, SIXTEEN, scan_risk
from crossmargin.model.margin.value_at_risk import (
    Measure,
    charge_risk,
    covariance_factor,
    ewma_covariance,
    filtered_returns,
    stressed,
)
from crossmargin.model.margin.wrong_way import discount_wrong_way
from crossmargin.model.options.series import series_greeks
from crossmargin.model.state import Array
from tests.reference.margin_rows import drawn_holdings, drawn_terms, grid_of

SEEDS = st.integers(0, 2**32)
ADD_ON = from_python(closing_add_on)


def measure_of(terms: Any, **changes: Any) -> Measure:
    """Deltas and gammas of the series; what is not given is empty."""
    deltas, greeks = np.zeros(len(terms.series)), np.zeros((len(terms.series), 5))
    series_deltas(terms.series, deltas)
    series_greeks(terms.series, greeks)
    empty = Measure(
        deltas=deltas,
        gammas=np.ascontiguousarray(greeks[:, 1]),
        returns=np.zeros((0, 2)),
        factors=np.zeros((0, 2, 2)),
        options=np.array([2.5, 1.0, 0.0, 0.0]),
        work=np.zeros((2, 2)),
        worst=np.zeros(1),
    )
    return empty._replace(**changes)


def exposures(held: Any, terms: Any, measure: Measure) -> tuple[Array, Array]:
    """(n_accounts, n_underlyings) deltas and half gammas in quote."""
    linear, curved = np.zeros((len(held.coins), 2)), np.zeros((len(held.coins), 2))
    s, by = terms.series, terms.series["forward"]
    for u in range(2):
        coins, perps, own = (
            table["underlying"] == u for table in (terms.coins, terms.perps, terms.series)
        )
        linear[:, u] = held.coins[:, coins] @ terms.coins["price"][coins]
        linear[:, u] += held.perps[:, perps] @ terms.perps["price"][perps]
        linear[:, u] += held.options[:, own] @ (measure.deltas * by * s["lot"])[own]
        curved[:, u] = held.options[:, own] @ (0.5 * measure.gammas * by**2 * s["lot"])[own]
    return linear, curved


COVARIANCE = np.array([[0.0009, 0.0008], [0.0008, 0.0016]])


@given(SEEDS)
def test_parametric_risk(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    held, out = drawn_holdings(rng, terms), np.zeros((9, 5))
    measure = measure_of(terms, factors=covariance_factor(COVARIANCE, "")[None])
    charge_risk(held, terms, measure, np.array([1.3, 1.0]), out)
    x, _ = exposures(held, terms, measure)
    expected = 2.5 * np.sqrt(np.einsum("nu,uv,nv->n", x, COVARIANCE, x))
    assert out[:, 4] == pytest.approx(expected, rel=1e-9, abs=1e-6)
    assert out[:, 3] == pytest.approx(1.3 * expected, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("mean", [0.0, 1.0])
@given(seed=SEEDS)
def test_historical_risk(seed: int, mean: float) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    held, out = drawn_holdings(rng, terms), np.zeros((9, 5))
    returns, k = rng.normal(0, 0.04, (60, 2)), 5
    measure = measure_of(
        terms, returns=returns, worst=np.zeros(k), options=np.array([0.0, k, mean, 0.0])
    )
    charge_risk(held, terms, measure, np.array([1.0, 1.0]), out)
    x, g = exposures(held, terms, measure)
    losses = np.sort(-(x @ returns.T + g @ (returns**2).T), axis=1)[:, ::-1]
    worst = losses[:, :k].mean(axis=1) if mean else losses[:, k - 1]
    assert out[:, 4] == pytest.approx(np.maximum(worst, 0), rel=1e-9, abs=1e-6)


def test_parametric_and_historical_risk_agree_on_normal_returns() -> None:
    rng = np.random.default_rng(3)
    terms = drawn_terms(rng)
    held, found = drawn_holdings(rng, terms), []
    held.options[:] = 0
    returns = rng.multivariate_normal(np.zeros(2), COVARIANCE, 200_000)
    k = int(0.01 * len(returns))
    for changes in (
        {"factors": covariance_factor(COVARIANCE, "")[None], "options": [norm.ppf(0.99), 1, 0, 0]},
        {"returns": returns, "worst": np.zeros(k), "options": [0, k, 0, 0]},
    ):
        out = np.zeros((9, 5))
        changes["options"] = np.array(changes["options"], float)
        charge_risk(held, terms, measure_of(terms, **changes), np.array([1.0, 1.0]), out)
        found.append(out[:, 4])
    assert found[1] == pytest.approx(found[0], rel=0.03)


@given(SEEDS, st.floats(0, 1))
def test_correlations_towards_one_never_lower_the_requirement(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    held, found = drawn_holdings(rng, terms), []
    plain = covariance_factor(COVARIANCE, "")
    near = covariance_factor(stressed(COVARIANCE, min(share, 1 - 1e-9)), "")
    for factors in (np.array([plain]), np.array([plain, near])):
        out = np.zeros((9, 5))
        measure = measure_of(terms, factors=factors)
        charge_risk(held, terms, measure, np.array([1.0, 1.0]), out)
        found.append(out[:, 4])
    assert (found[1] >= found[0]).all()


def test_at_correlation_one_a_spread_of_equal_risk_is_free_and_a_sum_is_not() -> None:
    stressed_covariance = stressed(COVARIANCE, 1.0)
    deviations = np.sqrt(np.diag(COVARIANCE))
    spread, total = 1 / deviations * [1, -1], 1 / deviations
    assert spread @ stressed_covariance @ spread == pytest.approx(0.0, abs=1e-15)
    assert total @ stressed_covariance @ total == pytest.approx(4.0)


def test_a_covariance_that_is_none_is_refused() -> None:
    with pytest.raises(ParameterError, match="not positive definite"):
        covariance_factor(np.array([[1.0, 2.0], [2.0, 1.0]]), "here")
    with pytest.raises(ParameterError, match="not symmetric"):
        covariance_factor(np.array([[1.0, 0.5], [0.1, 1.0]]), "here")


def test_ewma_weighs_the_last_returns_most() -> None:
    returns = np.array([[0.1], [0.0], [0.02]])
    weights = np.array([0.94**2, 0.94, 1.0])
    expected = (weights * returns[:, 0] ** 2).sum() / weights.sum()
    assert ewma_covariance(returns, 0.94)[0, 0] == pytest.approx(expected)


def test_filtered_returns_have_the_volatility_of_today() -> None:
    rng = np.random.default_rng(1)
    calm, wild = rng.normal(0, 0.01, (2000, 1)), rng.normal(0, 0.04, (400, 1))
    filtered = filtered_returns(np.vstack([calm, wild]), 0.97)
    assert filtered[200:2000].std() == pytest.approx(0.04, rel=0.35)
    assert calm.std() < 0.5 * filtered[200:2000].std()


@given(SEEDS)
def test_greeks_margin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms, moves = drawn_terms(rng), np.zeros(2, MOVES)
    moves[:] = (0.1, 0.2, 1.5, 1.3)
    greeks = np.zeros((len(terms.series), 5))
    series_greeks(terms.series, greeks)
    held, out = drawn_holdings(rng, terms), np.zeros((9, 5))
    charge_greeks(held, terms, moves, greeks, out)
    expected = np.zeros(9)
    for u in range(2):
        own = terms.series["underlying"] == u
        delta = held.options[:, own] @ greeks[own, 0] + held.coins[:, 1 + u]
        delta += held.perps[:, terms.perps["underlying"] == u].sum(axis=1)
        gamma, vega = held.options[:, own] @ greeks[own, 1], held.options[:, own] @ greeks[own, 2]
        move = 0.1 * terms.spot[u]
        expected += np.abs(delta) * move + 0.2 * np.abs(vega)
        expected += 0.75 * np.maximum(-gamma, 0) * move**2
    assert out[:, 4] == pytest.approx(expected, rel=1e-9, abs=1e-6)
    assert out[:, 3] == pytest.approx(1.3 * expected, rel=1e-9, abs=1e-6)


def depth_rule(**changes: float) -> Any:
    rules = np.zeros(1, DEPTH)
    rules[0] = (1000.0, 5e6, 0.1, 2.33 * 0.6 / math.sqrt(365), 0.0002, 0.0, 1.0)
    for name, value in changes.items():
        rules[name] = value
    return rules[0]


def test_liquidity_add_on_in_figures() -> None:
    """300 coins at 1,000: three days at a tenth of 1,000 a day."""
    walked = 0.005 * 300_000 / (5e6 * 3)
    held = 2.33 * 0.6 / math.sqrt(365) * math.sqrt(3 / 3)
    expected = 300_000 * (0.0002 + walked + held)
    assert ADD_ON(depth_rule(), 300.0, 1000.0) == pytest.approx(expected)


@given(st.floats(0.01, 1e4), st.floats(1.01, 10.0))
def test_liquidity_add_on_grows_faster_than_the_position(size: float, times: float) -> None:
    small, large = (ADD_ON(depth_rule(), q, 1000.0) for q in (size, size * times))
    assert large <= size * times * 1000.0
    if large < size * times * 1000.0:  # below the whole notional
        assert large >= times * small * (1 - 1e-12)


def test_liquidity_counts_positions_by_market() -> None:
    rng = np.random.default_rng(2)
    terms = drawn_terms(rng)
    held, out = drawn_holdings(rng, terms), np.zeros((9, 5))
    rules = np.array([depth_rule(initial_factor=1.2)] * 3)
    charge_liquidity(held, terms, rules, out)
    expected = [
        sum(
            ADD_ON(rules[m], abs(held.perps[row, m]), terms.perps["price"][m])
            for m in range(3)
            if held.perps[row, m]
        )
        for row in range(9)
    ]
    assert out[:, 4] == pytest.approx(expected)
    assert out[:, 3] == pytest.approx(1.2 * out[:, 4])


# SPAN --------------------------------------------------------------------------------------------


def test_published_risk_array() -> None:
    """McMillan, Options as a Strategic Investment: a long December 410 call of the S&P 500."""
    gains = [460, -610, 2640, 1730, -1270, -2340, 5210, 4540, -2540, -3430, 8060, 7640]
    gains += [-3380, -3990, 3130, -1500]
    assert from_python(scan_risk)(np.array(gains, float)) == 3990.0
    assert from_python(scan_risk)(np.array([1.0, 2.0])) == 0.0


def test_the_sixteen_scenarios() -> None:
    spots = sorted({spot for spot, _, _ in SIXTEEN})
    assert spots == pytest.approx([-2, -1, -2 / 3, -1 / 3, 0, 1 / 3, 2 / 3, 1, 2])
    assert [row[2] for row in SIXTEEN] == [1.0] * 14 + [0.35] * 2


def test_credit_between_underlyings() -> None:
    """Ten of the one against twenty of the other at two for one: both legs are in spreads."""
    terms = drawn_terms(np.random.default_rng(4))
    held = drawn_holdings(np.random.default_rng(4), terms, 2)
    for array in held:
        array[:] = 0
    held.perps[0, 0], held.perps[0, 2] = 10.0, -15.0
    held.perps[1, 0], held.perps[1, 2] = 10.0, 15.0
    credit = np.array([(0, 1, 1.0, 2.0, 0.6)], CREDIT)
    plain, credited = np.zeros((2, 5)), np.zeros((2, 5))
    charge_scenarios(held, terms, grid_of(terms), plain)
    charge_scenarios(held, terms, grid_of(terms)._replace(credits=credit), credited)
    one = 10 * terms.perps["price"][0] * 0.15  # the extreme rows are damped to less
    other = 15 * terms.perps["price"][2] * 0.15
    assert plain[0, 4] == pytest.approx(one + other)
    assert credited[0, 4] == pytest.approx(one * (1 - 0.6 * 0.75) + other * (1 - 0.6))
    assert (credited[1] == plain[1]).all()  # deltas of one sign offset nothing


def test_calendar_charge_of_deltas_that_offset_between_expiries() -> None:
    terms = drawn_terms(np.random.default_rng(5))
    held = drawn_holdings(np.random.default_rng(5), terms, 1)
    for array in held:
        array[:] = 0
    near, far = (int(np.flatnonzero(terms.series["expiry"] == e)[0]) for e in (0, 1))
    held.options[0, near], held.options[0, far] = 1.0, -1.0
    plain, charged, grid = np.zeros((1, 5)), np.zeros((1, 5)), grid_of(terms)
    charge_scenarios(held, terms, grid, plain)
    charge_scenarios(held, terms, grid_of(terms, calendar_charge=0.02), charged)
    offset = min(abs(grid.deltas[near]), abs(grid.deltas[far]))
    assert charged[0, 4] - plain[0, 4] == pytest.approx(0.02 * offset * terms.spot[0])


# Wrong-way risk ----------------------------------------------------------------------------------


def test_collateral_that_falls_with_its_positions_counts_less() -> None:
    rng = np.random.default_rng(6)
    terms = drawn_terms(rng)
    held = drawn_holdings(rng, terms, 3)
    for array in held:
        array[:] = 0
    held.coins[:, 1] = 2.0
    held.perps[:, 0] = [1.0, -1.0, 50.0]
    out = np.zeros((3, 5))
    discount_wrong_way(held, terms, np.eye(2), 0.5, out)
    value, notional = 2.0 * terms.coins["price"][1], terms.perps["price"][0]
    assert out[:, 2] == pytest.approx([-0.5 * 0.9 * notional, 0.0, -0.5 * 0.9 * value])
    assert out[:, 1] == pytest.approx([-0.5 * 0.8 * notional, 0.0, -0.5 * 0.8 * value])
    assert (out[:, [0, 3, 4]] == 0).all()
