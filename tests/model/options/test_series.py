"""Series and surfaces: marks, implied volatilities, Greeks of accounts, each against a twin."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.kernel import from_python
from crossmargin.model.options.black76 import DAY, YEAR, black76
from crossmargin.model.options.series import (
    SERIES,
    account_greeks,
    imply_volatility,
    mark_series,
    read_surface,
    series_greeks,
)
from crossmargin.model.options.surface import surface_volatility
from crossmargin.model.state import Array

PRICE = from_python(black76)


def some_series(seed: int, n: int = 12) -> Array:
    """Series of two underlyings and three expiries."""
    rng = np.random.default_rng(seed)
    series = np.zeros(n, SERIES)
    series["forward"] = rng.uniform(50, 200, n)
    series["strike"] = rng.uniform(50, 200, n)
    series["seconds"] = rng.uniform(0.1, 400, n) * DAY
    series["volatility"] = rng.uniform(0.2, 1.5, n)
    series["rate"] = rng.uniform(0.0, 0.1, n)
    series["lot"] = rng.choice([0.1, 1.0], n)
    series["underlying"] = rng.integers(0, 2, n)
    series["expiry"] = rng.integers(0, 3, n)
    series["kind"] = rng.choice([1, -1], n)
    mark_series(series)
    return series


def present(s: Array, *, rate: float = 0.0, days: float = 0.0) -> float:
    """Value of one contract when the rate is higher and days have passed."""
    years = float(s["seconds"]) / YEAR - days * DAY / YEAR
    price = PRICE(int(s["kind"]), s["forward"], s["strike"], years, s["volatility"])
    return float(price * math.exp(-(s["rate"] + rate) * years) * s["lot"])


def test_marks_are_discounted_prices() -> None:
    series = some_series(1)
    expected = [present(s) / float(s["lot"]) for s in series]
    assert series["mark"] == pytest.approx(expected, rel=1e-12)


def test_theta_and_rho_are_slopes() -> None:
    series = some_series(2)
    greeks = np.zeros((len(series), 5))
    series_greeks(series, greeks)
    for s, row in zip(series, greeks, strict=True):
        theta = (present(s, days=1e-4) - present(s, days=-1e-4)) / 2e-4
        rho = (present(s, rate=1e-5) - present(s, rate=-1e-5)) / 2e-5
        assert row[3] == pytest.approx(theta, rel=1e-3, abs=1e-6)
        assert row[4] == pytest.approx(rho, rel=1e-6, abs=1e-8)


def test_implied_volatilities_come_back() -> None:
    series = some_series(3)
    known, series["price"] = series["volatility"].copy(), series["mark"]
    series["volatility"] = 0
    imply_volatility(series)
    assert series["volatility"] == pytest.approx(known, rel=1e-5)


@given(st.integers(0, 2**32))
def test_greeks_of_accounts_are_sums_over_their_series(seed: int) -> None:
    series = some_series(seed)
    rng = np.random.default_rng(seed)
    options = rng.integers(-3, 4, (7, len(series)))
    greeks, out = np.zeros((len(series), 5)), np.zeros((7, 2, 5))
    series_greeks(series, greeks)
    account_greeks(options, greeks, series, out)
    for u in range(2):
        of = series["underlying"] == u
        assert out[:, u] == pytest.approx(options[:, of] @ greeks[of], rel=1e-9, abs=1e-9)
    alone = np.zeros((1, 2, 5))
    account_greeks(options[3:4], greeks, series, alone)
    assert (alone[0] == out[3]).all()  # to the last bit, whatever the batch


def test_the_surface_is_level_at_the_money_and_leans_with_the_skew() -> None:
    smile = np.array([0.6, -0.1, 0.2, 0.05, 2.0])
    volatility = from_python(surface_volatility)
    assert volatility(smile, 100.0, 100.0, 0.25) == 0.6
    x = math.log(80 / 100) / math.sqrt(0.25)
    assert volatility(smile, 100.0, 80.0, 0.25) == pytest.approx(0.6 - 0.1 * x + 0.2 * x * x)
    assert volatility(smile, 100.0, 1e9, 0.25) == 2.0
    assert volatility(np.array([0.6, -0.5, 0.0, 0.05, 2.0]), 100.0, 1e9, 0.25) == 0.05


def test_series_read_the_smile_of_their_expiry() -> None:
    series = some_series(4)
    smiles = np.array([[level, 0.0, 0.0, 0.01, 3.0] for level in (0.4, 0.5, 0.6)])
    read_surface(series, smiles)
    assert series["volatility"].tolist() == smiles[series["expiry"], 0].tolist()
