"""Adaptive margin: multipliers, speed limits, signals, procyclicality on recorded prices."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.experiments.margin.evaluate import evaluate_margin
from crossmargin.experiments.margin.procyclicality import (
    measures,
    procyclicality,
    read_closes,
    requirement_paths,
)
from crossmargin.experiments.margin.signals import (
    garch_volatility,
    log_returns,
    multipliers,
    realised_volatility,
)
from crossmargin.model.errors import ParameterError
from crossmargin.model.margin.adaptive import Parameters, cap_leverage

DAILY = "btc_usd_daily.csv"
LONG = {
    "collateral": {"USDC": 1000.0},
    "perp": [{"market": "BTC-PERP", "size": 0.1, "entry_price": 60000.0}],
    "prices": {"BTC": 60000.0},
}


def twin(rule: Parameters, signal: list[float], days: float) -> list[float]:
    def asked(x: float) -> float:
        return min(max((x / rule.reference) ** rule.power, rule.floor), rule.cap)

    now, found = asked(signal[0]), []
    for x in signal:
        now = min(now * rule.rise**days, max(now / rule.fall**days, asked(x)))
        found.append(now)
    return found


@given(
    st.lists(st.floats(0.05, 5.0), min_size=1, max_size=30),
    st.floats(1.0, 3.0),
    st.floats(1.0, 3.0),
    st.sampled_from([-1.0, 0.5, 1.0, 2.0]),
)
def test_multipliers_equal_their_twin_and_keep_their_limits(
    signal: list[float], rise: float, fall: float, power: float
) -> None:
    rule = Parameters(rise=rise, fall=fall, power=power, floor=0.8, cap=2.5)
    found = multipliers(rule, np.array(signal), 0.5)
    assert found.tolist() == pytest.approx(twin(rule, signal, 0.5))
    assert (found >= 0.8 - 1e-12).all()
    assert (found <= 2.5 + 1e-12).all()
    steps = found[1:] / found[:-1]
    assert (steps <= math.sqrt(rise) * (1 + 1e-12)).all()
    assert (steps >= 1 / math.sqrt(fall) * (1 - 1e-12)).all()


def test_a_preset_with_a_multiplier() -> None:
    changes = {"adaptive.level": 0.9, "adaptive.reference": 0.6, "adaptive.cap": 3.0}
    plain, raised = (evaluate_margin(LONG, "dydx-v4", c) for c in ({}, changes))
    assert raised.initial_margin == pytest.approx(1.5 * plain.initial_margin)
    assert raised.maintenance_margin == pytest.approx(1.5 * plain.maintenance_margin)
    capped = evaluate_margin(LONG, "dydx-v4", {"adaptive.leverage": 10.0})
    assert capped.initial_margin == 600.0
    assert capped.maintenance_margin == plain.maintenance_margin


def test_who_holds_positions_keeps_the_cap_of_leverage_under_which_they_were_opened() -> None:
    numbers = np.zeros((2, 5))
    cap_leverage(numbers, np.array([1000.0, 1000.0]), np.array([0.0, 20.0]), 5.0)
    assert numbers[:, 3].tolist() == [200.0, 50.0]


def test_realised_volatility_of_a_known_path() -> None:
    rng = np.random.default_rng(1)
    returns = rng.normal(0, 0.03, 4000)
    found = realised_volatility(returns, 0.99, 365.0)
    assert found[500:].mean() == pytest.approx(0.03 * math.sqrt(365), rel=0.05)


def test_a_garch_forecast_finds_the_volatility_that_made_the_returns() -> None:
    rng = np.random.default_rng(2)
    omega, alpha, beta, n = 2e-5, 0.1, 0.87, 3000
    variance, returns, true = omega / (1 - alpha - beta), np.empty(n), np.empty(n)
    for t in range(n):
        returns[t] = math.sqrt(variance) * rng.normal()
        variance = omega + alpha * returns[t] ** 2 + beta * variance
        true[t] = variance
    found = garch_volatility(returns, 365.0, fitted=2000)
    expected = np.sqrt(true * 365.0)
    assert np.corrcoef(found[200:], expected[200:])[0, 1] > 0.95
    assert found.mean() == pytest.approx(expected.mean(), rel=0.1)
    with pytest.raises(ParameterError, match="need 100"):
        garch_volatility(returns[:50], 365.0, fitted=50)


def test_measures_in_figures() -> None:
    path = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 1.5])
    volatility = np.array([1, 1, 1, 1, 1, 1, 9, 9, 9.0])
    found = measures(path, volatility, days=2)
    assert found["peak_to_trough"] == 3.0
    assert found["rise"] == 2.0
    assert found["calm_deviation"] == 0.0
    with pytest.raises(ParameterError, match="more than 5 days"):
        measures(path[:3], volatility[:3])


def test_on_recorded_prices_limits_make_margin_less_procyclical() -> None:
    found = procyclicality(DAILY)
    assert found.loc["fixed", "peak_to_trough"] == 1.0
    plain, limited = found.loc["adaptive"], found.loc["adaptive, floor and speed limits"]
    assert limited["rise"] < plain["rise"]
    assert limited["peak_to_trough"] < plain["peak_to_trough"]
    assert limited["rise"] <= 1.1**5 - 1 + 1e-9
    ewma, shortfall = found.loc["parametric EWMA"], found.loc["historical expected shortfall"]
    assert ewma["calm_deviation"] > shortfall["calm_deviation"]


def test_requirements_use_the_past_alone() -> None:
    closes = read_closes(DAILY)
    whole, part = requirement_paths(closes), requirement_paths(closes[:-100])
    for name, path in part.items():
        assert whole[name][: len(path)] == pytest.approx(path)
    with pytest.raises(ParameterError, match="need more than"):
        requirement_paths(closes[:100])
    with pytest.raises(ParameterError, match="all positive"):
        log_returns(np.array([1.0, -1.0]))
