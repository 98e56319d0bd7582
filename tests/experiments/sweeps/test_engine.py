"""Sweeps: the same results wherever and however they are done, and each run once."""

import json
from collections import Counter
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import crossmargin as xm
from crossmargin.experiments.sweeps import driver, files
from crossmargin.experiments.sweeps.driver import RunError
from crossmargin.experiments.sweeps.progress import Progress
from crossmargin.model.errors import ParameterError, ScenarioError
from tests.experiments.sweeps import toys

pytestmark = pytest.mark.filterwarnings("ignore:.* failed. see .failures")

WAYS: list[dict[str, Any]] = [
    {"executor": "threads", "jobs": 3},
    {"executor": "processes", "jobs": 1},
    {"executor": "processes", "jobs": 2},
]


@pytest.mark.parametrize("way", WAYS)
def test_a_function_gives_the_same_wherever_it_runs(way: dict[str, Any], tmp_path: Path) -> None:
    plan = toys.plan(toys.nap, n=15, count=3)
    serial = toys.runs(plan, executor="serial")
    assert len(serial) == 45
    assert toys.are_equal(serial, toys.runs(plan, **way))
    assert toys.are_equal(serial, toys.runs(plan, out=tmp_path / "store", **way))


@pytest.mark.parametrize("way", [WAYS[0], WAYS[2]])
def test_a_scenario_gives_the_same_wherever_it_runs(way: dict[str, Any]) -> None:
    plan = {**toys.CALM, "replications": {"count": 2}, "keep": {"series": 5, "events": True}}
    here = xm.sweep(plan, executor="serial", progress=False)
    there = xm.sweep(plan, progress=False, **way)
    assert len(here.runs) == 4
    assert set(here.runs["residual"]) == {0.0}
    assert toys.are_equal(here.runs, there.runs)
    assert sorted(here.series["step"].unique()) == [0, 5, 10, 15, 19]
    for kind in ("series", "events"):
        left, right = getattr(here, kind), getattr(there, kind)
        assert left.sort_values(list(left)[:5]).equals(right.sort_values(list(left)[:5])), kind


def test_chunks_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = toys.plan(n=60)
    whole = toys.runs(plan, executor="serial")
    monkeypatch.setattr(driver, "CHUNK_RUNS", 3)
    assert toys.are_equal(whole, toys.runs(plan, executor="threads", jobs=2))


class Slots(ThreadPoolExecutor):
    """Executor of a user's that counts what it is given."""

    def __init__(self) -> None:
        super().__init__(2)
        self.open = self.most = self.chunks = 0

    def submit(self, *arguments: Any, **options: Any) -> Any:  # type: ignore[override]
        self.open, self.chunks = self.open + 1, self.chunks + 1
        self.most = max(self.most, self.open)
        future = super().submit(*arguments, **options)
        future.add_done_callback(lambda _: setattr(self, "open", self.open - 1))
        return future


def test_an_executor_of_the_user_gets_few_chunks_at_a_time() -> None:
    plan = toys.plan(n=2000)
    with Slots() as slots:
        assert isinstance(slots, Executor)
        assert toys.are_equal(toys.runs(plan, executor="serial"), toys.runs(plan, executor=slots))
    assert slots.most <= 4
    assert 8 < slots.chunks < 200


def test_a_sweep_goes_on_where_it_stopped(tmp_path: Path) -> None:
    plan = toys.plan(n=10, count=4)
    whole = toys.runs(plan, out=tmp_path / "whole", executor="serial")
    parted = tmp_path / "parted"
    first = toys.runs(plan, out=parted, limit=13, executor="serial")
    assert len(first) == 13
    assert set(first["replicate"]) == {0, 1}  # one replicate of every point comes first
    files_before = {path: path.read_bytes() for path in files.tables(parted, "runs")}
    again = xm.sweep(plan, out=parted, executor="threads", jobs=2, progress=False)
    assert toys.are_equal(whole, again.runs)
    assert all(path.read_bytes() == data for path, data in files_before.items())
    rows = [name for p in files.tables(parted, "timing") for name in _ids(p)]
    assert max(Counter(rows).values()) == 1
    assert len(rows) == 40


def _ids(path: Path) -> list[str]:
    return list(files.read_table(path)["run_id"].to_pylist())


def test_a_finished_sweep_runs_nothing(tmp_path: Path) -> None:
    plan = toys.plan(n=5)
    toys.runs(plan, out=tmp_path, executor="serial")
    before = sorted(path.name for path in tmp_path.glob("*.parquet"))
    seen: list[tuple[int, int]] = []

    def look(progress: Progress) -> None:
        seen.append((progress.done, progress.reused))

    xm.sweep(plan, out=tmp_path, executor="serial", progress=look)
    assert sorted(path.name for path in tmp_path.glob("*.parquet")) == before
    assert seen[-1] == (5, 5)


@pytest.mark.parametrize("larger", [{"n": 6, "count": 4}, {"n": 9, "count": 2}])
def test_a_larger_plan_keeps_what_is_there(tmp_path: Path, larger: dict[str, int]) -> None:
    small, large = toys.plan(n=6, count=2), toys.plan(**larger)
    toys.runs(small, out=tmp_path, executor="serial")
    counted: list[Progress] = []
    xm.sweep(large, out=tmp_path, executor="serial", progress=counted.append)
    assert counted[-1].reused == 12
    assert toys.are_equal(xm.load_sweep(tmp_path).runs, toys.runs(large, executor="serial"))


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("factor", {"factor": [{"path": "b", "values": [1, 2]}]}),
    ("seeds", {"seeds": {"root": 5}}),
    ("keep", {"keep": {"outcomes": ["draw"]}}),
    ("scenario", {"model": toys.nap}),
    ("6 of its 6 runs", {"factor": [{"path": "a", "values": [10, 20]}]}),
    ("1 of its 6 runs", {"factor": [{"path": "a", "values": [0, 1, 2, 3, 4]}]}),
]


@pytest.mark.parametrize(("word", "change"), CHANGES)
def test_another_plan_is_refused_and_nothing_lost(
    tmp_path: Path, word: str, change: dict[str, Any]
) -> None:
    toys.runs(toys.plan(n=6), out=tmp_path, executor="serial")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ScenarioError, match=word):
        xm.sweep(toys.plan(n=6, **change), out=tmp_path, executor="serial", progress=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_words_of_a_plan_may_change(tmp_path: Path) -> None:
    toys.runs(toys.plan(n=4), out=tmp_path, executor="serial")
    again = toys.plan(n=4, title="Another title", errors={"retries": 2})
    assert len(toys.runs(again, out=tmp_path, executor="serial")) == 4


def test_another_version_is_refused_unless_told(tmp_path: Path) -> None:
    plan = toys.plan(n=4, count=2)
    toys.runs(plan, out=tmp_path, limit=5, executor="serial")
    record = json.loads((tmp_path / "plan.json").read_text())
    here = record["model_version"]
    old = record | {"model_version": "0123456789abcdef"}
    (tmp_path / "plan.json").write_text(json.dumps(old))
    with pytest.raises(ScenarioError, match=r"0123456789abcdef.*--other-version"):
        xm.sweep(plan, out=tmp_path, executor="serial", progress=False)
    found = xm.sweep(
        plan, out=tmp_path, executor="serial", progress=False, allow_other_version=True
    )
    assert found.record["other_versions"] == [here]
    again = xm.sweep(plan, out=tmp_path, executor="serial", progress=False)
    assert again.record["model_version"] == "0123456789abcdef"


def test_a_folder_with_runs_is_refused_without_resume(tmp_path: Path) -> None:
    plan = toys.plan(n=3)
    xm.sweep(plan, out=tmp_path, executor="serial", progress=False, resume=False)
    with pytest.raises(ScenarioError, match="holds runs already"):
        xm.sweep(plan, out=tmp_path, executor="serial", progress=False, resume=False)


def test_points_of_equal_values_share_a_run(tmp_path: Path) -> None:
    rows = [[1.0], [2.0], [1.0]]
    plan = toys.plan(factor=[{"path": "a"}], design={"kind": "list", "rows": rows})
    counted: list[Progress] = []
    found = xm.sweep(plan, out=tmp_path, executor="serial", progress=counted.append)
    assert found.runs["run_id"].nunique() == 2
    assert (counted[-1].total, counted[-1].done) == (2, 2)
    apart = plan.model_copy(update={"seeds": plan.seeds.model_copy(update={"common": False})})
    assert toys.runs(apart, executor="serial")["run_id"].nunique() == 3


def test_outcomes_that_some_runs_lack_are_empty_there() -> None:
    found = toys.runs(toys.plan(toys.ragged, n=6), executor="serial")
    assert found["even"].isna().tolist() == [False, True] * 3


def test_failures_are_recorded_and_the_others_go_on(tmp_path: Path) -> None:
    plan = toys.plan(toys.picky, n=6, count=2)
    counted: list[Progress] = []
    with pytest.warns(UserWarning, match="2 of 12 failed"):
        found = xm.sweep(plan, out=tmp_path, executor="serial", progress=counted.append)
    assert len(found.runs) == 10
    assert (counted[-1].done, counted[-1].failed, counted[-1].total) == (10, 2, 12)
    failure = found.failures.iloc[0]
    assert failure["a"] == toys.BAD
    assert failure["stage"] == "run"
    assert failure["error"] == "ValueError: three is too many"
    assert "in picky" in failure["traceback"]
    xm.sweep(plan, out=tmp_path, executor="serial", progress=counted.append)
    assert counted[-1].failed == 2  # known, and not tried again


def test_what_is_no_exception_of_the_usual_kind_is_a_failure_too() -> None:
    with pytest.warns(UserWarning, match="1 of 5 failed"):
        found = xm.sweep(toys.plan(toys.cancelled, n=5), executor="serial", progress=False)
    assert found.failures["error"].tolist() == ["CancelledError: by itself"]


@pytest.mark.parametrize("limit", [0, 1.5, True, "2"])
def test_a_limit_is_a_whole_number(limit: Any) -> None:
    with pytest.raises(ParameterError, match="limit"):
        xm.sweep(toys.plan(n=2), executor="serial", progress=False, limit=limit)


def test_a_failure_stops_the_sweep_when_the_plan_says_so(tmp_path: Path) -> None:
    plan = toys.plan(toys.picky, n=6, errors={"on_error": "raise"})
    for _ in range(2):
        with pytest.raises(RunError, match=r"a = 3.*three is too many"):
            xm.sweep(plan, out=tmp_path, executor="serial", progress=False)
    assert len(xm.load_sweep(tmp_path).runs) == 3


def test_a_run_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(toys.MEMORY, str(tmp_path))
    plan = toys.plan(toys.flaky, n=3, errors={"retries": 1})
    found = xm.sweep(plan, executor="serial", progress=False)
    assert len(found.runs) == 3
    assert set(found.timing["attempts"]) == {2}


def test_a_failing_function_of_outcomes_is_named() -> None:
    plan = toys.CALM | {"keep": {"functions": [toys.broken]}}
    found = xm.sweep(plan, executor="serial", progress=False)
    assert found.runs["inverse"].tolist() == [100.0]
    assert found.failures["stage"].tolist() == ["outcomes"]
    assert found.failures["error"].str.startswith("ZeroDivisionError").all()


def test_a_scenario_that_cannot_be_built_is_named() -> None:
    rows = [[6.0, 1e6], [6.0, 1e15]]
    plan = toys.CALM | {
        "factor": [{"path": "asset.USDC.decimals"}, {"path": "venue.insurance"}],
        "design": {"kind": "list", "rows": rows},
    }
    found = xm.sweep(plan, executor="serial", progress=False)
    assert found.failures["stage"].tolist() == ["build"]


@pytest.mark.parametrize("n", [1, 3])
def test_shards_are_the_whole_and_no_run_twice(tmp_path: Path, n: int) -> None:
    plan = toys.plan(n=7, count=3)
    parts = [toys.runs(plan, shard=f"{i}/{n}", executor="serial") for i in range(1, n + 1)]
    ids = [name for part in parts for name in part["run_id"]]
    assert sorted(ids) == sorted(toys.runs(plan, executor="serial")["run_id"])
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for i in range(1, n + 1):
        toys.runs(plan, shard=f"{i}/{n}", out=tmp_path, executor="serial")
    assert toys.are_equal(xm.load_sweep(tmp_path).runs, toys.runs(plan, executor="serial"))


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3"])
def test_a_shard_that_is_none_is_refused(shard: str) -> None:
    with pytest.raises(ParameterError, match="--shard"):
        xm.sweep(toys.plan(), shard=shard, executor="serial", progress=False)


def test_the_total_of_a_shard_is_told() -> None:
    counted: list[Progress] = []
    xm.sweep(toys.plan(n=7, count=3), shard="2/4", executor="serial", progress=counted.append)
    assert counted[-1].total == counted[-1].done


def test_progress_only_rises() -> None:
    seen: list[int] = []
    plan = toys.plan(toys.nap, n=60)
    xm.sweep(plan, executor="threads", jobs=2, progress=lambda p: seen.append(p.done))
    assert seen == sorted(seen)
    assert seen[-1] == 60
    assert len(seen) < 60
