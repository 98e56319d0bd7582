"""Intervals hold as often as they say when runs of several points share their seeds."""

import functools
import math
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.dashboards.figures.sweep_data import curve
from crossmargin.dashboards.figures.sweep_ecdf import ecdf_figure
from crossmargin.experiments.sweeps import statistics
from crossmargin.experiments.sweeps.clusters import (
    Clusters,
    proportion_worth,
    ranks_worth,
    seeds_of,
)
from crossmargin.experiments.sweeps.groups import Groups
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.experiments.sweeps.summaries import summarise
from crossmargin.model.errors import ParameterError
from tests.experiments.sweeps.made_stores import plan_of

FIVE, FOUR = [1.0, 2.0, 3.0, 4.0, 5.0], [0, 1, 2, 3]
FACTORS = [{"path": "a", "values": FIVE}, {"path": "b", "values": FOUR}]
#: Weight of the luck that all points share, of the luck of each run, and of the factor.
LAWS = {"shared": (1.0, 0.0, 0.01), "both": (1.0, 1.0, 0.5), "factor": (0.3, 0.3, 2.0)}
Law = tuple[float, float, float]


@functools.lru_cache(400)
def pooled(law: Law, count: int, root: int) -> Sweep:
    """Sweep of twenty points with common random numbers, made at once."""
    plan = plan_of(FACTORS, {"kind": "grid"}, count)
    rng, (shared, own, slope) = np.random.default_rng(root), law
    a, b = (np.repeat(x, count) for x in np.array([(a, b) for a in FIVE for b in FOUR]).T)
    replicate = np.tile(np.arange(count), 20)
    luck = shared * rng.normal(size=count)[replicate] + own * rng.normal(size=20 * count)
    runs = pd.DataFrame(
        {
            "run_id": [f"{i:020x}" for i in range(20 * count)],
            "point": np.repeat(np.arange(20), count),
            "replicate": replicate,
            "seed": replicate,
            "a": a,
            "b": b.astype(int),
            "y": slope * a + luck,
        }
    )
    return Sweep.of(plan, runs)


def truth(law: Law) -> np.ndarray:
    """A great sample of the outcome, over points and luck."""
    rng, (shared, own, slope) = np.random.default_rng(99), law
    luck = np.hypot(shared, own) * rng.normal(size=400_000)
    return slope * rng.choice(FIVE, 400_000) + luck


def covered(law: Law, count: int, ask: Callable[[Sweep], list[bool]], roots: int = 100) -> float:
    return float(np.mean([ask(pooled(law, count, root)) for root in range(roots)]))


@pytest.mark.parametrize("law", [LAWS["shared"], LAWS["both"]])
def test_mean_and_curve_cover_their_means(law: Law) -> None:
    def ask(sweep: Sweep) -> list[bool]:
        row = sweep.summary(outcomes="y", quantiles=()).iloc[0]
        lines = curve(sweep, "y", "a")
        within = [r.mean_low <= law[2] * r.x <= r.mean_high for r in lines.itertuples()]
        return [row["mean_low"] <= 3 * law[2] <= row["mean_high"], float(np.mean(within))]

    assert 0.9 <= covered(law, 8, lambda s: ask(s)[:1]) <= 0.99
    assert 0.9 <= covered(law, 8, lambda s: ask(s)[1:], 40) <= 0.99


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_exceedances_cover_their_probability(law: Law) -> None:
    sample = truth(law)
    for p in (0.5, 0.1):
        threshold = float(np.quantile(sample, 1 - p))

        def ask(sweep: Sweep, threshold: float = threshold, p: float = p) -> list[bool]:
            row = sweep.exceedance("y", threshold).iloc[0]
            return [row["low"] <= p <= row["high"]]

        assert covered(law, 8, ask) >= 0.9


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_quantiles_cover_theirs_or_are_left_out(law: Law) -> None:
    sample = truth(law)
    for p, count in ((0.5, 8), (0.9, 40)):
        true, found = float(np.quantile(sample, p)), []
        for root in range(100):
            low, high = _ends(pooled(law, count, root), p)
            if not math.isnan(low):
                found.append(low <= true <= high)
        assert len(found) > 50
        assert np.mean(found) >= 0.9


def _ends(sweep: Sweep, p: float) -> tuple[float, float]:
    rows = Groups(sweep.runs[[]], (), seeds_of(sweep.plan, sweep.runs))
    row = summarise(sweep.runs, rows, ["y"], [p], 0.95, strict=False).iloc[0]
    return row[f"q{100 * p:g}_low"], row[f"q{100 * p:g}_high"]


def test_shortfall_covers_its_own_or_is_refused() -> None:
    law = LAWS["both"]
    sample = np.sort(truth(law))
    true, found = float(sample[-40_000:].mean()), []
    for root in range(40):
        sweep = pooled(law, 60, root)
        row = sweep.shortfall("y", 0.9).iloc[0]
        found.append(row["low"] <= true <= row["high"])
    assert np.mean(found) >= 0.85
    with pytest.raises(ParameterError, match=r"come from \d of 20 seeds.* takes 10: add"):
        pooled(LAWS["shared"], 20, 0).shortfall("y", 0.9)


def test_bands_of_a_distribution_hold_it() -> None:
    law = LAWS["shared"]
    sample, held = np.sort(truth(law)), []
    for root in range(60):
        band = ecdf_figure(pooled(law, 8, root), "y").data[0]
        half = len(band.y) // 2
        x, high, low = band.x[:half], band.y[:half], band.y[half:][::-1]
        share = np.searchsorted(sample, x, side="right") / len(sample)
        held.append(bool(((low <= share) & (share <= np.array(high) + 1e-12)).all()))
    assert np.mean(held) >= 0.93


def test_one_seed_has_no_interval_and_says_so() -> None:
    sweep = pooled(LAWS["both"], 1, 0)
    row, share = sweep.summary(outcomes="y").iloc[0], sweep.exceedance("y", 1.0).iloc[0]
    assert (row["n"], row["seeds"], share["seeds"]) == (20, 1, 1)
    assert math.isnan(row["mean_low"])
    assert math.isnan(share["low"])
    assert "share one seed" in row["note"]
    assert "share one seed" in share["note"]


def test_runs_of_one_point_are_independent_as_before() -> None:
    sweep = pooled(LAWS["both"], 30, 1)
    for row in (
        sweep.summary(by="point", outcomes="y").iloc[3],
        sweep.summary(by=["a", "b"], outcomes="y").iloc[3],
    ):
        own = sweep.runs.loc[sweep.runs["point"] == 3, "y"]
        plain = statistics.mean(own)
        assert (row["mean"], row["mean_low"], row["mean_high"], row["n"]) == pytest.approx(plain)
        middle = statistics.quantile(own, 0.5)
        assert (row["q50"], row["q50_low"], row["q50_high"], row["n"]) == pytest.approx(middle)


def test_the_mean_has_students_interval_of_the_means_of_the_seeds() -> None:
    sweep = pooled(LAWS["both"], 8, 3)
    row = sweep.summary(outcomes="y").iloc[0]
    by_seed = sweep.runs.groupby("replicate")["y"].mean()
    expected = statistics.mean(by_seed)
    assert (row["mean"], row["mean_low"], row["mean_high"], row["seeds"]) == pytest.approx(expected)


@given(st.integers(2, 12), st.integers(1, 9), st.integers(0, 2**32))
def test_runs_are_worth_between_their_seeds_and_their_number(m: int, each: int, root: int) -> None:
    rng = np.random.default_rng(root)
    hits = rng.random(m * each) < rng.random()
    alike = Clusters(np.zeros(m * each, int), np.repeat(np.arange(m), each), 1)
    worth = alike.worth(hits)[0]
    assert m <= worth <= m * each
    low, high = proportion_worth(float(hits.mean()), worth, 0.9)
    assert 0 <= low <= hits.mean() <= high <= 1
    whole = Clusters(np.zeros(m * each, int), np.repeat(np.arange(m), each), 1)
    assert whole.worth(np.repeat(rng.random(m) < 0.5, each))[0] == pytest.approx(m)


@given(st.floats(0.05, 0.95), st.integers(6, 400), st.integers(1, 20))
def test_places_of_alike_runs_are_those_of_their_seeds(p: float, few: int, each: int) -> None:
    found, alone = ranks_worth(p, few * each, few, 0.9), statistics.ranks(p, few, 0.9)
    assert (found is None) == (alone is None)
    if found is not None and alone is not None:
        assert ((found[0] - 1) // each + 1, (found[1] - 1) // each + 1) == alone


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinite_outcomes_have_no_interval_and_no_warning(value: float) -> None:
    sweep = pooled(LAWS["both"], 60, 1)
    runs = sweep.runs.copy()
    runs.loc[::7, "y"] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for by in (None, "a", "point"):
            found = Sweep.of(sweep.plan, runs).summary(by=by, outcomes="y")
            assert np.isinf(found["mean"]).all()
            assert found[["mean_low", "mean_high", "sd"]].isna().all(axis=None)
            assert found["note"].str.contains("runs are infinite").all()
        assert math.isfinite(found["q50"].iloc[0])
        worst = Sweep.of(sweep.plan, runs).shortfall("y", 0.5)
        assert "infinite" in worst["note"].item()
        assert statistics.mean([1.0, value]).value == value
        runs.loc[1::7, "y"] = -value
        both = Sweep.of(sweep.plan, runs).summary(outcomes="y").iloc[0]
        assert math.isnan(both["mean"])
        assert "infinite" in both["note"]
        assert math.isnan(statistics.mean([math.inf, -math.inf]).value)
        assert statistics.quantile([-math.inf] * 4 + [math.inf] * 4, 0.5).low == -math.inf
