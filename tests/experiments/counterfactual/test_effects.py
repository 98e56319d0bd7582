"""Intervals and bands: what they cover, on numbers whose law is known."""

import numpy as np
import pytest

from crossmargin.experiments.counterfactual.effects import reduction, spans

TRIALS, FUTURES = 2000, 20


def test_interval_and_placebo_band_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    effects = rng.normal(0.3, 2.0, (FUTURES, TRIALS))
    placebo = rng.normal(0.0, 2.0, (FUTURES, TRIALS))
    found = spans(effects, placebo, 0.95)
    covered = ((found["low"] <= 0.3) & (found["high"] >= 0.3)).mean()
    assert covered == pytest.approx(0.95, abs=0.02)
    other = rng.normal(0.0, 2.0, (FUTURES, TRIALS)).mean(axis=0)
    inside = ((found["placebo_low"] <= other) & (other <= found["placebo_high"])).mean()
    assert inside == pytest.approx(0.95, abs=0.02)


def test_the_interval_is_student_s_twin() -> None:
    from scipy.stats import ttest_1samp

    values = np.random.default_rng(1).exponential(1.0, 15)
    found = spans(values[:, None], None, 0.9)
    low, high = ttest_1samp(values, 0.0).confidence_interval(0.9)
    assert (found["low"][0], found["high"][0]) == pytest.approx((low, high))
    assert np.isnan(found["placebo_low"][0])


def test_one_future_has_no_interval() -> None:
    found = spans(np.array([[2.0]]), np.array([[1.0]]), 0.95)
    assert found["effect"][0] == 2.0
    assert np.isnan([found["low"][0], found["high"][0], found["placebo_high"][0]]).all()


def test_reduction_is_what_pairing_saves() -> None:
    rng = np.random.default_rng(2)
    common, own = rng.normal(0, 3.0, 4000), rng.normal(0, 1.0, (2, 4000))
    found = reduction(common + own[0], common + own[1])
    assert found == pytest.approx(10.0, rel=0.1)  # (9 + 1) * 2 over 2
    assert np.isnan(reduction(common, common))
