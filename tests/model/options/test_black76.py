"""Black's formula against published values, laws, finite differences and extreme inputs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import norm

from crossmargin.model.kernel import from_python
from crossmargin.model.options.black76 import (
    CALL,
    PUT,
    black76,
    black76_greeks,
    implied_volatility,
)

PRICE, SENSITIVITIES = from_python(black76), from_python(black76_greeks)
IMPLIED = from_python(implied_volatility)
KINDS = st.sampled_from([CALL, PUT])
PRICES = st.floats(1e-2, 1e6)
YEARS = st.floats(1e-4, 5.0)
VOLATILITIES = st.floats(0.02, 3.0)


def price(kind: int, forward: float, strike: float, years: float, volatility: float) -> float:
    return float(PRICE(kind, forward, strike, years, volatility))


def twin(kind: int, forward: float, strike: float, years: float, volatility: float) -> float:
    spread = volatility * math.sqrt(years)
    first = math.log(forward / strike) / spread + spread / 2
    paid = strike * ndtr(kind * (first - spread))
    return float(kind * (forward * ndtr(kind * first) - paid))


@pytest.mark.parametrize(
    ("kind", "forward", "strike", "years", "rate", "volatility", "expected", "digits"),
    [
        # Haug (2007), The Complete Guide to Option Pricing Formulas, 1.1.3, options on futures
        (CALL, 19.0, 19.0, 0.75, 0.10, 0.28, 1.7011, 4),
        (PUT, 19.0, 19.0, 0.75, 0.10, 0.28, 1.7011, 4),
        # Hull, Options, Futures and Other Derivatives, options on futures: a put on crude oil
        (PUT, 20.0, 20.0, 4 / 12, 0.09, 0.25, 1.12, 2),
        # Haug, 1.1.1 and 1.1.2: options on stock and on an index with yield, by their forwards
        (CALL, 60 * math.exp(0.08 * 0.25), 65.0, 0.25, 0.08, 0.30, 2.1334, 4),
        (PUT, 100 * math.exp(0.05 * 0.5), 95.0, 0.5, 0.10, 0.20, 2.4648, 4),
    ],
)
def test_published_prices(
    kind: int,
    forward: float,
    strike: float,
    years: float,
    rate: float,
    volatility: float,
    expected: float,
    digits: int,
) -> None:
    found = math.exp(-rate * years) * price(kind, forward, strike, years, volatility)
    assert round(found, digits) == expected


def test_published_sensitivities() -> None:
    """Haug (2007), chapter 2: delta of futures options, gamma, vega and theta of stock options."""
    discount = math.exp(-0.10 * 0.5)
    assert round(discount * SENSITIVITIES(CALL, 105.0, 100.0, 0.5, 0.36)[0], 4) == 0.5946
    assert round(discount * SENSITIVITIES(PUT, 105.0, 100.0, 0.5, 0.36)[0], 4) == -0.3566
    growth = math.exp(0.10 * 0.75)
    gamma = SENSITIVITIES(CALL, 55.0 * growth, 60.0, 0.75, 0.30)[1]
    assert round(math.exp(-0.10 * 0.75) * gamma * growth**2, 4) == 0.0278
    vega = SENSITIVITIES(CALL, 55.0 * growth, 60.0, 0.75, 0.30)[2]
    assert round(math.exp(-0.10 * 0.75) * vega, 4) == 18.9358
    # theta of a put at a fixed spot: what time takes, what the carry adds, what discounting gives
    years, rate, carry = 1 / 12, 0.07, 0.02
    forward, discount = 430.0 * math.exp(carry * years), math.exp(-rate * years)
    delta, _, _, theta = SENSITIVITIES(PUT, forward, 405.0, years, 0.20)
    value = price(PUT, forward, 405.0, years, 0.20)
    assert round(discount * (theta - carry * forward * delta + rate * value), 4) == -31.1924


@given(KINDS, PRICES, PRICES, YEARS, VOLATILITIES)
def test_price_equals_its_twin(
    kind: int, forward: float, strike: float, years: float, volatility: float
) -> None:
    found = price(kind, forward, strike, years, volatility)
    expected = twin(kind, forward, strike, years, volatility)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-11 * max(forward, strike))


@given(PRICES, PRICES, st.floats(0, 5), st.floats(0, 5))
def test_call_less_put_is_the_forward(
    forward: float, strike: float, years: float, volatility: float
) -> None:
    call, put = (price(kind, forward, strike, years, volatility) for kind in (CALL, PUT))
    assert call - put == pytest.approx(forward - strike, abs=1e-12 * (forward + strike))


@given(KINDS, PRICES, PRICES, st.floats(0, 5), st.floats(0, 5))
def test_price_lies_between_intrinsic_value_and_limit(
    kind: int, forward: float, strike: float, years: float, volatility: float
) -> None:
    found = price(kind, forward, strike, years, volatility)
    slack = 1e-12 * (forward + strike)
    assert found >= max(kind * (forward - strike), 0.0) - slack
    assert found <= (forward if kind == CALL else strike) + slack


@given(KINDS, st.floats(0.5, 2.0), st.floats(0.05, 2.0), st.floats(0.1, 1.5))
def test_sensitivities_are_the_slopes_of_the_price(
    kind: int, ratio: float, years: float, volatility: float
) -> None:
    strike, forward = 100.0, 100.0 * ratio
    delta, gamma, vega, theta = SENSITIVITIES(kind, forward, strike, years, volatility)

    def at(df: float = 0.0, dt: float = 0.0, dv: float = 0.0) -> float:
        return price(kind, forward + df, strike, years + dt, volatility + dv)

    h = 2e-4 * forward
    assert delta == pytest.approx((at(h) - at(-h)) / (2 * h), abs=1e-4)
    assert gamma == pytest.approx((at(h) - 2 * at() + at(-h)) / h**2, rel=1e-2, abs=2e-4)
    assert vega == pytest.approx((at(dv=1e-5) - at(dv=-1e-5)) / 2e-5, abs=1e-3)
    assert theta == pytest.approx(-(at(dt=1e-6) - at(dt=-1e-6)) / 2e-6, abs=1e-2)


@given(KINDS, st.floats(0.3, 3.0), st.floats(0.01, 3.0), st.floats(0.05, 2.5))
def test_implied_volatility_gives_the_price_back(
    kind: int, ratio: float, years: float, volatility: float
) -> None:
    forward, strike = 100.0 * ratio, 100.0
    paid = price(kind, forward, strike, years, volatility)
    found = IMPLIED(paid, kind, forward, strike, years)
    assert price(kind, forward, strike, years, found) == pytest.approx(paid, abs=1e-10 * forward)
    if SENSITIVITIES(kind, forward, strike, years, volatility)[2] > 1e-3:
        assert found == pytest.approx(volatility, rel=1e-6)


@pytest.mark.parametrize("paid", [-1.0, 9.99, 110.0, 111.0, math.nan])
def test_no_volatility_gives_an_impossible_price(paid: float) -> None:
    assert math.isnan(IMPLIED(paid, CALL, 110.0, 100.0, 0.5))


@given(
    KINDS,
    st.sampled_from([0.0, 1e-300, 1e-3, 1.0, 1e4, 1e300]),
    st.sampled_from([0.0, 1e-300, 1e-3, 1.0, 1e4, 1e300]),
    st.sampled_from([0.0, -1.0, 1e-300, 1e-12, 1.0, 1e3]),
    st.sampled_from([0.0, 1e-300, 1e-9, 1.0, 50.0, 1e6]),
)
def test_extreme_inputs_stay_finite(
    kind: int, forward: float, strike: float, years: float, volatility: float
) -> None:
    found = price(kind, forward, strike, years, volatility)
    assert math.isfinite(found)
    assert found >= 0
    assert all(map(math.isfinite, SENSITIVITIES(kind, forward, strike, years, volatility)))


@pytest.mark.parametrize("kind", [CALL, PUT])
def test_at_expiry_an_option_is_worth_what_it_pays(kind: int) -> None:
    for forward in (80.0, 100.0, 125.0):
        assert price(kind, forward, 100.0, 0.0, 0.8) == max(kind * (forward - 100.0), 0.0)
        assert SENSITIVITIES(kind, forward, 100.0, 0.0, 0.8)[1:] == (0.0, 0.0, 0.0)


def test_far_tails_are_not_rounded_away() -> None:
    """At twelve standard deviations a price is 1e-33 of the forward, and still has its digits."""
    found = price(PUT, 100.0, 100.0 * math.exp(-0.12 * 100), 1.0, 1.0)
    expected = twin(PUT, 100.0, 100.0 * math.exp(-0.12 * 100), 1.0, 1.0)
    assert found == pytest.approx(expected, rel=1e-9)
    assert 0 < found < 1e-30
    assert norm.cdf(-12.5) > 0
    assert np.isfinite(found)
