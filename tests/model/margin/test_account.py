"""All parts at once give what they give one by one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.margin.account import PARTS, blank_risk, measure_accounts
from crossmargin.model.margin.adaptive import cap_leverage
from crossmargin.model.margin.arrays import Holdings, Terms
from crossmargin.model.margin.closing_cost import CLOSING, charge_closing
from crossmargin.model.margin.credit import credit_profit
from crossmargin.model.margin.delta_gamma_vega import MOVES, charge_greeks
from crossmargin.model.margin.fractions import FRACTION, RATES, charge_fractions
from crossmargin.model.margin.liquidity import DEPTH, charge_liquidity
from crossmargin.model.margin.netting import NETTING, charge_netted
from crossmargin.model.margin.scenario import charge_scenarios
from crossmargin.model.margin.scenario_grid import series_deltas
from crossmargin.model.margin.size_premium import PREMIUM, charge_premium
from crossmargin.model.margin.skew_premium import SKEW, charge_skew
from crossmargin.model.margin.standard_options import SHORT_RULE, charge_options
from crossmargin.model.margin.value_at_risk import Measure, charge_risk, covariance_factor
from crossmargin.model.margin.weighted_health import HEALTH, PAIR, Resting, weigh_health
from crossmargin.model.margin.weights import weigh_coins
from crossmargin.model.margin.wrong_way import discount_wrong_way
from crossmargin.model.options.series import series_greeks
from crossmargin.model.state import Array
from tests.reference.margin_rows import N_PERPS, drawn_holdings, drawn_terms, expiries_of, grid_of

Charge = Callable[[Holdings, Terms, Array], Any]


def rules(dtype: Any, *values: Any, n: int = N_PERPS) -> Array:
    found = np.zeros(n, dtype)
    if values:
        found[:] = values
    return found


def parts_of(terms: Terms) -> dict[str, tuple[dict[str, Any], Charge]]:
    """Fields of a risk model that a part needs, and the part by itself."""
    rates, fractions = rules(RATES, 0.0, 0.1, 0.0, 0.05, 0.0)[:, None], rules(FRACTION)
    rates, fractions["charge"] = np.ascontiguousarray(rates), 3.0
    premiums, skews = rules(PREMIUM, 0.1, 0.05, 0.01, 0.8), rules(SKEW, 0.1, 0.01, 0.05, 0.005, 9.0)
    closings = rules(CLOSING, 0.001, 1e-9, 3e-9, 2.0, 0.01, 1e5)
    depths = rules(DEPTH, 100.0, 1e6, 0.1, 0.05, 0.0002, 0.0, 1.2)
    shorts = rules(SHORT_RULE, 0.15, 0.1, 0.075, 0.075, 1.05, 1.0, (1.2, 1.1), 1, 0, n=2)
    expiries, grid = expiries_of(terms), grid_of(terms, perpetual_charge=0.01)
    n = len(terms.series)
    factors = covariance_factor(np.array([[0.0009, 0.0008], [0.0008, 0.0016]]), "")[None]
    options = np.array([2.5, 1.0, 0.0, 0.0])
    measure = Measure(
        grid.deltas, np.zeros(n), np.zeros((0, 2)), factors, options, np.zeros((2, 2)), np.zeros(1)
    )
    twice = np.array([1.3, 1.0])
    return {
        "fractions": (
            {"rates": rates, "fractions": fractions},
            lambda h, t, out: charge_fractions(h, t, rates, fractions, out),
        ),
        "size_premium": ({"premiums": premiums}, lambda h, t, o: charge_premium(h, t, premiums, o)),
        "skew_premium": ({"skews": skews}, lambda h, t, o: charge_skew(h, t, skews, o)),
        "closing_cost": ({"closings": closings}, lambda h, t, o: charge_closing(h, t, closings, o)),
        "standard_options": (
            {"expiries": expiries, "shorts": shorts},
            lambda h, t, o: charge_options(h, t, expiries, shorts, o),
        ),
        "scenario": ({"grid": grid}, lambda h, t, o: charge_scenarios(h, t, grid, o)),
        "value_at_risk": (
            {"measure": measure, "multiples": twice},
            lambda h, t, o: charge_risk(h, t, measure, twice, o),
        ),
        "liquidity": ({"depths": depths}, lambda h, t, o: charge_liquidity(h, t, depths, o)),
        **offsets_of(terms),
    }


def offsets_of(terms: Terms) -> dict[str, tuple[dict[str, Any], Charge]]:
    """The same of netting, Greeks and wrong-way collateral."""
    n = len(terms.series)
    nettings, shocks = rules(NETTING, 0.1, 0.05, 0.2, 1, n=2), rules(MOVES, 0.1, 0.2, 1.0, 1.3, n=2)
    deltas, greeks = np.zeros(n), np.zeros((n, 5))
    series_deltas(terms.series, deltas)
    series_greeks(terms.series, greeks)
    correlation, strength = np.array([[1.0, 0.4], [0.4, 1.0]]), np.array([0.5])
    return {
        "netting": (
            {"nettings": nettings, "deltas": deltas},
            lambda h, t, o: charge_netted(h, t, nettings, deltas, o),
        ),
        "delta_gamma_vega": (
            {"shocks": shocks, "greeks": greeks},
            lambda h, t, o: charge_greeks(h, t, shocks, greeks, o),
        ),
        "wrong_way": (
            {"correlation": correlation, "strength": strength},
            lambda h, t, o: discount_wrong_way(h, t, correlation, 0.5, o),
        ),
    }


@pytest.mark.parametrize(
    "chosen",
    [
        (),
        *((name,) for name in PARTS if name != "health"),
        ("fractions", "standard_options", "closing_cost", "liquidity"),
        ("size_premium", "skew_premium", "scenario"),
        ("fractions", "wrong_way", "netting", "liquidity"),
    ],
    ids=lambda names: "+".join(names) or "none",
)
@given(seed=st.integers(0, 2**32))
def test_all_parts_at_once(chosen: tuple[str, ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    held, parts = drawn_holdings(rng, terms), parts_of(terms)
    risk, expected, found = blank_risk(terms), np.zeros((9, 5)), np.zeros((9, 5))
    weigh_coins(held, terms, expected)
    credit_profit(held, terms, risk.credit, expected)
    for name in chosen:
        fields, charge = parts[name]
        risk = risk._replace(**fields)
        risk.switches[PARTS.index(name)] = 1
        charge(held, terms, expected)
    risk.multiplier[:] = 1.5, 1.0, 2.0
    expected[:, 3:] *= 1.5, 3.0
    measure_accounts(held, terms, risk, found)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-7)


@given(seed=st.integers(0, 2**32))
def test_health_counts_coins_and_profits_itself(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    held, found, expected = drawn_holdings(rng, terms), np.zeros((9, 5)), np.zeros((9, 5))
    healths = rules(HEALTH, (0.8, 0.9), (1.2, 1.1), (0.95, 1.0), 0)
    nothing = Resting(np.zeros((9, 0), PAIR), np.zeros((9, 0, 2)), np.zeros((3, 2)))
    risk = blank_risk(terms)._replace(healths=healths, resting=nothing)
    risk.switches[PARTS.index("health")] = 1
    weigh_health(held, terms, healths, nothing, expected)
    measure_accounts(held, terms, risk, found)
    assert np.array_equal(found, expected)


@given(seed=st.integers(0, 2**32), cap=st.floats(1.0, 50.0), granted=st.floats(0.0, 100.0))
def test_a_cap_of_leverage_is_a_least_requirement(seed: int, cap: float, granted: float) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    held, risk, found = drawn_holdings(rng, terms), blank_risk(terms), np.zeros((9, 5))
    risk.caps[:] = cap, granted
    measure_accounts(held, terms, risk, found)
    gross, expected = np.abs(held.perps) @ terms.perps["price"], np.zeros((9, 5))
    cap_leverage(expected, gross, np.full(9, granted), cap)
    assert found[:, 3:] == pytest.approx(expected[:, 3:])


@given(seed=st.integers(0, 2**32))
def test_fractions_alone_change_no_bit(seed: int) -> None:
    """They have a loop of their own; a premium of nothing makes the general one run."""
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    held, (fields, _) = drawn_holdings(rng, terms), parts_of(terms)["fractions"]
    plain = blank_risk(terms)._replace(**fields)
    plain.switches[PARTS.index("fractions")] = 1
    plain.multiplier[:] = 1.1
    general = plain._replace(switches=plain.switches.copy(), premiums=rules(PREMIUM))
    general.switches[PARTS.index("size_premium")] = 1
    first, second = np.zeros((9, 5)), np.zeros((9, 5))
    measure_accounts(held, terms, plain, first)
    measure_accounts(held, terms, general, second)
    assert np.array_equal(first, second)
