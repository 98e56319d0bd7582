"""Published numbers, coverage of the intervals, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from crossmargin.experiments.sweeps import statistics
from crossmargin.model.errors import ParameterError

CONFIDENCES = st.sampled_from([0.8, 0.9, 0.95, 0.99])
ORDERS = st.floats(0.01, 0.99)


@pytest.mark.parametrize(
    ("p", "confidence", "runs"),
    [(0.95, 0.95, 59), (0.99, 0.95, 299), (0.9, 0.9, 22), (0.5, 0.95, 6), (0.95, 0.99, 90)],
)
def test_runs_needed_are_those_of_wilks(p: float, confidence: float, runs: int) -> None:
    assert statistics.runs_needed(p, confidence) == runs


def test_median_of_ten_lies_between_second_and_ninth() -> None:
    assert statistics.ranks(0.5, 10, 0.95) == (2, 9)


@given(ORDERS, CONFIDENCES, st.integers(1, 3000))
def test_order_statistics_cover_as_they_say(p: float, confidence: float, n: int) -> None:
    places = statistics.ranks(p, n, confidence)
    assert (places is None) == (n < statistics.runs_needed(p, confidence))
    if places is not None:
        low, high = places
        assert 1 <= low < high <= n
        assert binom.cdf(high - 1, n, p) - binom.cdf(low - 1, n, p) >= confidence


def test_a_quantile_that_the_runs_cannot_support_is_refused() -> None:
    values = np.arange(58.0)
    with pytest.raises(ParameterError, match=r"quantile 0.95: 58 runs .* it takes 59"):
        statistics.quantile(values, 0.95)
    found = statistics.quantile(np.arange(59.0), 0.95)
    assert found.low < found.value < found.high == 58


def test_quantile_is_within_the_values_and_ignores_their_order() -> None:
    values = np.random.default_rng(0).pareto(1.5, 400)
    first = statistics.quantile(values, 0.9)
    assert first == statistics.quantile(values[::-1], 0.9)
    assert first.value == pytest.approx(np.quantile(values, 0.9))
    assert first.low in values
    assert first.high in values


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 30, 0.0, 0.1157), (5, 10, 0.1871, 0.8129), (1, 20, 0.0013, 0.2487)],
)
def test_exceedance_has_clopper_and_pearsons_interval(
    hits: int, n: int, low: float, high: float
) -> None:
    values = np.r_[np.full(hits, 2.0), np.zeros(n - hits)]
    found = statistics.exceedance(values, 1.0)
    assert found.value == hits / n
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_a_value_at_the_threshold_does_not_exceed_it() -> None:
    assert statistics.exceedance([1.0, 1.0, 2.0], 1.0).value == pytest.approx(1 / 3)


def test_mean_has_students_interval() -> None:
    found = statistics.mean([1.0, 2.0, 3.0, 4.0])
    half = 3.182446305284263 * math.sqrt(5 / 3) / 2
    assert found == pytest.approx((2.5, 2.5 - half, 2.5 + half, 4))
    assert math.isnan(statistics.mean([1.0]).low)


def test_missing_values_do_not_count() -> None:
    assert statistics.mean([1.0, math.nan, 3.0]).n == 2
    with pytest.raises(ParameterError, match="no run"):
        statistics.mean([math.nan])


@given(st.lists(st.floats(-1e6, 1e6), min_size=20, max_size=200), st.sampled_from([0.5, 0.75, 0.9]))
def test_expected_shortfall_of_whole_runs_is_their_mean(values: list[float], level: float) -> None:
    kept = values[: len(values) // 20 * 20]
    tail = sorted(kept)[-round(len(kept) * (1 - level)) :]
    found = statistics.tail_mean(np.array(kept), level)
    assert found == pytest.approx(np.mean(tail), rel=1e-9, abs=1e-6)


def test_expected_shortfall_counts_a_run_in_part() -> None:
    assert statistics.tail_mean(np.array([0.0, 1.0, 2.0]), 0.5) == pytest.approx(2.5 / 1.5)


def test_expected_shortfall_of_the_lower_tail_mirrors_the_upper() -> None:
    values = np.random.default_rng(3).normal(size=300)
    upper = statistics.expected_shortfall(values, 0.9)
    lower = statistics.expected_shortfall(-values, 0.9, tail="lower")
    assert (lower.value, lower.low, lower.high) == pytest.approx(
        (-upper.value, -upper.high, -upper.low)
    )


def test_shortfall_of_equal_runs_is_certain() -> None:
    assert statistics.expected_shortfall(np.full(200, 7.0), 0.95)[:3] == pytest.approx((7, 7, 7))


def test_a_shortfall_of_too_few_runs_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"199 runs .* it takes 200"):
        statistics.expected_shortfall(np.arange(199.0), 0.95)


def test_bootstrap_covers_the_shortfall_of_an_exponential() -> None:
    rng = np.random.default_rng(1)
    true = 1 - math.log(0.1)
    found = [
        statistics.expected_shortfall(rng.exponential(size=400), 0.9, resamples=399)
        for _ in range(60)
    ]
    assert sum(e.low <= true <= e.high for e in found) >= 51  # 85%


@pytest.mark.parametrize("wrong", [0, 1, -0.1, 95, True, "0.9", None, math.nan])
def test_shares_outside_their_range_are_refused(wrong: object) -> None:
    with pytest.raises(ParameterError, match="between 0 and 1"):
        statistics.checked_share("confidence", wrong)
