"""Stylised facts against SciPy, against plain loops, and against published numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from crossmargin.experiments.calibration import moments
from crossmargin.experiments.calibration.plan import Recorded
from crossmargin.experiments.calibration.recorded import recorded_returns
from crossmargin.model.errors import ParameterError

NORMAL = np.random.default_rng(1).standard_normal(20_000)
SAMPLES = arrays(np.float64, st.integers(30, 80), elements=st.floats(-1, 1, width=32))


@given(SAMPLES)
def test_moments_equal_those_of_scipy(returns: np.ndarray) -> None:
    if returns.std() < 1e-3:
        return
    assert moments.volatility(returns) == pytest.approx(returns.std())
    assert moments.skewness(returns) == pytest.approx(stats.skew(returns), abs=1e-9)
    wanted = stats.kurtosis(returns, fisher=False)
    assert moments.kurtosis(returns) == pytest.approx(wanted, rel=1e-9)


@given(SAMPLES, st.integers(1, 5))
def test_autocorrelation_equals_a_plain_loop(returns: np.ndarray, lag: int) -> None:
    if returns.std() < 1e-3:
        return
    mean, total = returns.mean(), 0.0
    for t in range(lag, len(returns)):
        total += (returns[t] - mean) * (returns[t - lag] - mean)
    wanted = total / (len(returns) * returns.var())
    assert moments.acf(returns, lag) == pytest.approx(wanted, abs=1e-9)
    assert -1 <= moments.acf(returns, lag) <= 1


def test_hill_by_hand() -> None:
    # the two largest of forty over the third: ln 4 and ln 2, mean 1.5 ln 2
    returns = np.array([0.1] * 37 + [1.0, -2.0, 4.0])
    assert moments.hill(returns, 5.0) == pytest.approx(1 / (1.5 * np.log(2)))


@pytest.mark.parametrize("alpha", [2.0, 3.0, 4.5])
def test_hill_finds_the_exponent_of_pareto_tails(alpha: float) -> None:
    rng = np.random.default_rng(3)
    returns = rng.choice([-1, 1], 100_000) * (rng.pareto(alpha, 100_000) + 1)
    found = moments.hill(returns, 5.0)
    assert abs(found - alpha) < 4 * alpha / np.sqrt(5000)


def test_leverage_is_negative_where_falls_stir_the_market() -> None:
    returns, spread = [], 1.0
    for epsilon in NORMAL:
        returns.append(spread * epsilon)
        spread = 3.0 if returns[-1] < -0.5 else 1.0
    array = np.array(returns)
    assert moments.leverage(array, 1) < -0.1
    assert moments.leverage(-array, 1) == pytest.approx(-moments.leverage(array, 1))
    assert abs(moments.leverage(NORMAL, 1)) < 0.03


@pytest.mark.parametrize("name", moments.EXAMPLES)
def test_facts_do_not_depend_on_the_unit_but_volatility(name: str) -> None:
    function = moments.fact(name)
    factor = 7.0 if name == "volatility" else 1.0
    assert function(7 * NORMAL) == pytest.approx(factor * function(NORMAL))


@pytest.mark.parametrize("name", moments.EXAMPLES)
def test_what_cannot_be_told_is_no_number(name: str) -> None:
    assert np.isnan(moments.fact(name)(np.array([])))
    if name != "volatility":
        assert np.isnan(moments.fact(name)(np.full(100, 0.0)))


def test_published_numbers_of_hourly_bitcoin() -> None:
    recorded = Recorded(file="btc_usd_hourly.csv", facts=("volatility",))
    returns = recorded_returns(recorded, None, None)
    found = moments.facts(
        returns,
        ["volatility", "skewness", "kurtosis", "acf_1", "abs_acf_1", "abs_acf_24", "abs_acf_100"],
    )
    published = [0.00545, -0.20, 12.2, -0.015, 0.273, 0.139, 0.050]
    assert list(found.values()) == pytest.approx(published, abs=0.04, rel=0.01)
    assert found["volatility"] == pytest.approx(0.00545, rel=0.01)
    tails = [moments.hill(returns, percent) for percent in (1, 2.5, 5)]
    assert tails == pytest.approx([3.92, 3.40, 2.74], abs=0.01)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("kurtosi", "did you mean 'kurtosis'"),
        ("acf_0", "did you mean 'acf_1'"),
        ("hill_90", "did you mean"),
        ("beauty", "allowed are"),
        ("no_such_module:fact", "cannot be imported"),
        ("math:no_such", "no 'no_such'"),
    ],
)
def test_a_fact_that_does_not_exist_is_refused(name: str, hint: str) -> None:
    with pytest.raises(ParameterError, match=hint):
        moments.fact(name)


def test_a_fact_of_the_user() -> None:
    assert moments.facts(np.array([1.0, 5.0]), ["numpy:max"]) == {"numpy:max": 5.0}


def test_windows_are_averaged_and_a_rest_is_left_out() -> None:
    names = ["volatility", "kurtosis"]
    returns = NORMAL[:1050]
    halves = [list(moments.facts(returns[a : a + 500], names).values()) for a in (0, 500)]
    assert moments.windowed(returns, names, 500) == pytest.approx(np.mean(halves, axis=0))
    whole = list(moments.facts(returns, names).values())
    assert moments.windowed(returns, names) == pytest.approx(whole)


@pytest.mark.parametrize(("name", "lag"), [("acf_3", 3), ("abs_acf_24", 24), ("hill_5", 0)])
def test_lags(name: str, lag: int) -> None:
    assert moments.lag_of(name) == lag
