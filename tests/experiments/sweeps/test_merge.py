"""Merging: shards become one folder with few files, and every run stands in it once."""

import json
from pathlib import Path

import pytest

import crossmargin as xm
from crossmargin.experiments.sweeps import store
from crossmargin.experiments.sweeps.files import read_table, tables
from crossmargin.experiments.sweeps.merge import merge
from crossmargin.experiments.sweeps.status import status
from crossmargin.model.errors import ScenarioError
from tests.experiments.sweeps import toys

pytestmark = pytest.mark.filterwarnings("ignore:.* failed. see .failures")


def shards(folder: Path, plan: object, n: int = 3) -> list[Path]:
    found = [folder / f"part-{i}" for i in range(1, n + 1)]
    for i, part in enumerate(found, 1):
        toys.runs(plan, shard=f"{i}/{n}", out=part, executor="serial")  # type: ignore[arg-type]
    return found


def test_shards_become_one(tmp_path: Path) -> None:
    plan = toys.plan(toys.picky, n=8, count=3)
    parts = shards(tmp_path, plan)
    before = {path: path.read_bytes() for part in parts for path in part.iterdir()}
    assert merge(tmp_path / "all", parts) == 21
    whole = xm.sweep(plan, executor="serial", progress=False)
    found = xm.load_sweep(tmp_path / "all")
    assert toys.are_equal(found.runs, whole.runs)
    assert sorted(found.failures["run_id"]) == sorted(whole.failures["run_id"])
    assert len(found.timing) == 21
    assert len(tables(tmp_path / "all", "runs")) == 1
    assert {path: path.read_bytes() for part in parts for path in part.iterdir()} == before


def test_subfolders_are_found(tmp_path: Path) -> None:
    plan = toys.plan(n=5)
    shards(tmp_path, plan, 2)
    assert merge(tmp_path, []) == 5
    assert toys.are_equal(xm.load_sweep(tmp_path).runs, toys.runs(plan, executor="serial"))


def test_the_files_of_one_folder_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SEGMENT_RUNS", 3)
    plan = toys.plan(n=20)
    toys.runs(plan, out=tmp_path, executor="serial")
    assert len(tables(tmp_path, "runs")) == 7
    assert merge(tmp_path, []) == 20
    assert len(tables(tmp_path, "runs")) == len(tables(tmp_path, "timing")) == 1
    again = xm.sweep(plan, out=tmp_path, executor="serial", progress=False)
    assert toys.are_equal(again.runs, toys.runs(plan, executor="serial"))


def test_a_run_in_two_folders_stands_once(tmp_path: Path) -> None:
    plan = toys.plan(n=6)
    for name, limit in (("a", 4), ("b", 6)):
        toys.runs(plan, out=tmp_path / name, limit=limit, executor="serial")
    assert merge(tmp_path / "a", [tmp_path / "b"]) == 6
    (file,) = tables(tmp_path / "a", "runs")
    assert sorted(read_table(file)["point"].to_pylist()) == list(range(6))


def test_series_go_along(tmp_path: Path) -> None:
    plan = toys.CALM | {"keep": {"series": 4, "events": True}}
    parts = shards(tmp_path, plan, 2)
    merge(tmp_path / "all", [*parts, parts[0]])
    whole = xm.sweep(plan, executor="serial", progress=False)
    found = xm.load_sweep(tmp_path / "all")
    assert found.series.equals(whole.series)
    assert len(found.events) == len(whole.events)


def test_a_failure_that_was_made_good_elsewhere_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    monkeypatch.setenv(toys.MEMORY, str(marks))
    plan = toys.plan(toys.flaky, n=4)
    for name in ("a", "b"):  # all fail in the first folder and none in the second
        toys.runs(plan, out=tmp_path / name, executor="serial")
    assert status(tmp_path / "a").failed == 4
    merge(tmp_path / "a", [tmp_path / "b"])
    assert store.failed_ids(tmp_path / "a") == set()
    assert status(tmp_path / "a").done == 4


def test_folders_of_different_plans_are_refused(tmp_path: Path) -> None:
    toys.runs(toys.plan(n=4), out=tmp_path / "a", executor="serial")
    toys.runs(toys.plan(n=5), out=tmp_path / "b", executor="serial")
    with pytest.raises(ScenarioError, match="differ in plan"):
        merge(tmp_path / "all", [tmp_path / "a", tmp_path / "b"])
    record = json.loads((tmp_path / "a" / "plan.json").read_text())
    toys.runs(toys.plan(n=4), out=tmp_path / "c", executor="serial")
    (tmp_path / "c" / "plan.json").write_text(json.dumps(record | {"model_version": "other"}))
    with pytest.raises(ScenarioError, match="differ in model_version"):
        merge(tmp_path / "a", [tmp_path / "c"])
    assert not (tmp_path / "all").exists()


def test_the_versions_of_all_folders_are_kept(tmp_path: Path) -> None:
    for name in ("a", "b"):
        toys.runs(toys.plan(n=4), out=tmp_path / name, executor="serial")
    record = json.loads((tmp_path / "b" / "plan.json").read_text())
    (tmp_path / "b" / "plan.json").write_text(json.dumps(record | {"other_versions": ["newer"]}))
    merge(tmp_path / "a", [tmp_path / "b"])
    merged = json.loads((tmp_path / "a" / "plan.json").read_text())
    assert merged["other_versions"] == ["newer"]


@pytest.mark.parametrize("sources", [[], ["nowhere"]])
def test_folders_without_a_sweep_are_refused(tmp_path: Path, sources: list[str]) -> None:
    with pytest.raises(ScenarioError, match=r"holds no sweep|no such folder"):
        merge(tmp_path, [tmp_path / source for source in sources])


def test_status_counts(tmp_path: Path) -> None:
    plan = toys.plan(toys.picky, n=6, count=3)
    toys.runs(plan, out=tmp_path, limit=10, executor="serial")
    found = status(tmp_path)
    assert (found.points, found.total, found.done, found.failed, found.missing) == (6, 18, 8, 2, 8)
    assert found.workers == 1
    assert found.mean_seconds > 0
    toys.runs(plan, out=tmp_path, executor="serial")
    assert status(tmp_path).missing == 0


def test_status_of_replications_that_are_not_finished(tmp_path: Path) -> None:
    rule = {"outcome": "draw", "half_width": 0.4, "at_least": 4, "at_most": 50}
    plan = toys.plan(n=3, replications={"until": rule})
    toys.runs(plan, out=tmp_path, limit=7, executor="serial")
    assert (status(tmp_path).total, status(tmp_path).done) == (12, 7)
    runs = toys.runs(plan, out=tmp_path, executor="serial")
    assert (status(tmp_path).total, status(tmp_path).missing) == (len(runs), 0)
