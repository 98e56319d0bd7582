"""Replications until an interval is narrow: as many as needed, whatever the order of finishing."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import crossmargin as xm
from crossmargin.experiments.sweeps.plan import Until
from crossmargin.experiments.sweeps.replications import half_width, wanted
from crossmargin.model.errors import ParameterError
from tests.experiments.sweeps import toys

pytestmark = pytest.mark.filterwarnings("ignore:.* failed. see .failures")

RULE = {"outcome": "draw", "half_width": 0.5, "at_least": 4, "at_most": 60}


def until(**keys: Any) -> Until:
    return Until.model_validate(RULE | keys)


def adaptive(model: Any = toys.draw, n: int = 6, **keys: Any) -> Any:
    apart = {"seeds": {"common": False}}
    return toys.plan(model, n=n, replications={"until": RULE | keys}, **apart)


def test_half_width_is_that_of_student() -> None:
    values = np.random.default_rng(1).normal(size=20)
    low, high = stats.t.interval(0.9, 19, loc=values.mean(), scale=stats.sem(values))
    assert half_width(values.tolist(), 0.9) == pytest.approx((high - low) / 2, rel=1e-12)
    assert half_width([1.0], 0.9) == math.inf


def test_wanted_stays_between_one_more_and_twice_as_many() -> None:
    wide, narrow = [0.0, 10.0, 0.0, 10.0], [1.0, 1.0, 1.0, 1.0]
    assert wanted(narrow, 4, until()) == 4
    assert wanted(wide, 4, until()) == 8
    assert wanted(wide, 4, until(at_most=6)) == 6
    assert wanted(wide, 60, until()) == 60
    width = half_width(wide, 0.95)
    assert wanted(wide, 4, until(half_width=0.999 * width)) == 5
    assert wanted(wide, 4, until(half_width=None, relative=10.0)) == 4
    assert wanted([], 4, until()) == 8  # all of them failed
    assert wanted([-1.0, 1.0], 4, until(half_width=None, relative=0.1)) == 8


def test_every_point_is_narrow_or_at_the_ceiling() -> None:
    runs = toys.runs(adaptive(), executor="serial")
    counts = runs.groupby("point").size()
    assert counts.between(4, 60).all()
    assert counts.nunique() > 1
    for point, group in runs.groupby("point"):
        width = half_width(group["draw"].tolist(), 0.95)
        assert width <= 0.5 or counts[point] == 60
        assert group["replicate"].tolist() == list(range(len(group)))


@pytest.mark.parametrize("way", [{"executor": "threads", "jobs": 3}, {"executor": "processes"}])
def test_the_number_does_not_depend_on_who_finishes_first(way: dict[str, Any]) -> None:
    plan = adaptive(toys.nap)
    assert toys.are_equal(toys.runs(plan, executor="serial"), toys.runs(plan, **way))


@pytest.mark.parametrize("limit", [3, 24, 40])
def test_a_stop_changes_nothing(tmp_path: Path, limit: int) -> None:
    whole = toys.runs(adaptive(), executor="serial")
    assert len(toys.runs(adaptive(), out=tmp_path, limit=limit, executor="serial")) == limit
    assert toys.are_equal(whole, toys.runs(adaptive(), out=tmp_path, executor="serial"))


def test_a_narrower_interval_keeps_what_is_there(tmp_path: Path) -> None:
    first = toys.runs(adaptive(), out=tmp_path, executor="serial")
    found = toys.runs(adaptive(half_width=0.3), out=tmp_path, executor="serial")
    assert set(first["run_id"]) < set(found["run_id"])
    assert toys.are_equal(found, toys.runs(adaptive(half_width=0.3), executor="serial"))


def test_points_stay_whole_in_shards() -> None:
    parts = [toys.runs(adaptive(), shard=f"{i}/2", executor="serial") for i in (1, 2)]
    assert not set(parts[0]["point"]) & set(parts[1]["point"])
    whole = toys.runs(adaptive(), executor="serial")
    assert sorted(whole["run_id"]) == sorted([*parts[0]["run_id"], *parts[1]["run_id"]])


def test_runs_that_fail_count_and_end_at_the_ceiling() -> None:
    found = xm.sweep(adaptive(toys.picky, at_most=20), executor="serial", progress=False)
    assert len(found.failures) == 20
    assert set(found.failures["a"]) == {toys.BAD}


def test_an_outcome_that_is_watched_and_does_not_come_is_refused() -> None:
    with pytest.raises(ParameterError, match="no outcome 'drew'; did you mean 'draw'"):
        xm.sweep(adaptive(outcome="drew"), executor="serial", progress=False)
