"""Runs of two versions of the model in one folder: kept, done once, and told apart."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import crossmargin as xm
from crossmargin.experiments.cli import main
from crossmargin.experiments.sweeps import identity, store
from crossmargin.experiments.sweeps.files import read_table
from crossmargin.experiments.sweeps.merge import merge
from crossmargin.experiments.sweeps.status import status
from crossmargin.model.errors import ScenarioError
from tests.experiments.sweeps import toys

pytestmark = pytest.mark.filterwarnings("ignore:.* failed. see .failures")

OLD, NEW = "0" * 15 + "a", "0" * 15 + "b"
Become = Callable[[str], None]


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Become:
    """Makes this process one that has another version of the model."""

    def to(version: str) -> None:
        monkeypatch.setattr(identity, "model_version", lambda: version)

    to(OLD)
    return to


def ids(found: Any, version: str) -> set[str]:
    """Identities that the runs of a toy would have under a version."""
    digest = found.record["scenario_digest"]
    rows = found.runs[["a", "seed"]].itertuples(index=False)
    return {identity.run_id(digest, {"a": row.a}, row.seed, version) for row in rows}


def mixed(folder: Path, become: Become) -> Any:
    """Folder of 5 runs of the old version and 3 of the new one."""
    plan = toys.plan(n=4, count=2)
    toys.runs(plan, out=folder, limit=5, executor="serial")
    become(NEW)
    return xm.sweep(plan, out=folder, executor="serial", progress=False, allow_other_version=True)


def test_a_run_bears_the_version_that_made_it(tmp_path: Path, become: Become) -> None:
    found = mixed(tmp_path, become)
    names = found.runs["run_id"]
    assert len(names) == 8
    assert names.isin(ids(found, OLD)).sum() == 5
    assert names.isin(ids(found, NEW)).sum() == 3
    made = found.timing.set_index("run_id")["model_version"][names]
    assert (made.to_numpy() == OLD).tolist() == names.isin(ids(found, OLD)).tolist()
    assert (found.record["model_version"], found.record["other_versions"]) == (OLD, [NEW])


def test_what_the_old_version_did_is_not_done_again(tmp_path: Path, become: Become) -> None:
    plan = toys.plan(n=4, count=2)
    found = mixed(tmp_path, become)
    values = found.runs.drop(columns="run_id")
    assert values.equals(toys.runs(plan, executor="serial").drop(columns="run_id"))
    for version in (OLD, NEW):  # either may go on now, and finds nothing to do
        become(version)
        counted: list[Any] = []
        xm.sweep(plan, out=tmp_path, executor="serial", progress=counted.append)
        assert (counted[-1].done, counted[-1].reused, counted[-1].total) == (8, 8, 8)
    become("0" * 16)
    with pytest.raises(ScenarioError, match=r"--other-version to keep the runs"):
        toys.runs(plan, out=tmp_path, executor="serial")


def test_a_mixture_is_told_wherever_results_are_seen(
    tmp_path: Path, become: Become, capsys: pytest.CaptureFixture[str]
) -> None:
    found = mixed(tmp_path, become)
    words = f"runs of 2 versions of the model stand together ({OLD}: 5, {NEW}: 3)"
    with pytest.warns(UserWarning, match="runs of 2 versions"):
        found.summary(outcomes="draw")
    assert words in found._repr_html_()
    assert words in found.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert status(tmp_path).model_versions == {OLD: 5, NEW: 3}
    with pytest.raises(SystemExit):
        main(["sweep", "status", str(tmp_path)])
    assert words in capsys.readouterr().out


@pytest.mark.filterwarnings("error:runs of 2 versions")
def test_one_version_needs_no_word(tmp_path: Path, become: Become) -> None:
    found = xm.sweep(toys.plan(n=3), out=tmp_path, executor="serial", progress=False)
    assert found.versions == {OLD: 3}
    found.summary(outcomes="draw")
    assert "versions" not in found._repr_html_()


def test_a_larger_plan_goes_on_under_another_version(tmp_path: Path, become: Become) -> None:
    toys.runs(toys.plan(n=3), out=tmp_path, executor="serial")
    become(NEW)
    larger = toys.plan(n=5)
    runs = toys.runs(larger, out=tmp_path, executor="serial", allow_other_version=True)
    assert runs["a"].tolist() == [0, 1, 2, 3, 4]
    assert xm.load_sweep(tmp_path).versions == {OLD: 3, NEW: 2}


def test_replications_go_on_from_those_of_the_old_version(tmp_path: Path, become: Become) -> None:
    rule = {"outcome": "draw", "half_width": 0.4, "at_least": 4, "at_most": 50}
    plan = toys.plan(n=2, replications={"until": rule})
    whole = toys.runs(plan, executor="serial").drop(columns="run_id")
    toys.runs(plan, out=tmp_path, limit=9, executor="serial")
    become(NEW)
    found = toys.runs(plan, out=tmp_path, executor="serial", allow_other_version=True)
    assert found.drop(columns="run_id").equals(whole)
    told = status(tmp_path)
    assert (told.total, told.missing, told.model_versions[OLD]) == (len(whole), 0, 9)


def test_retry_can_be_told_to_use_this_version(
    tmp_path: Path,
    become: Become,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    marks, out = tmp_path / "marks", tmp_path / "out"
    marks.mkdir()
    monkeypatch.setenv(toys.MEMORY, str(marks))
    toys.runs(toys.plan(toys.flaky, n=3), out=out, executor="serial")
    become(NEW)
    for words, code in (([], 2), (["--other-version"], 0)):
        with pytest.raises(SystemExit) as ended:
            main(["sweep", "retry", str(out), "--jobs", "1", *words])
        assert int(ended.value.code or 0) == code, capsys.readouterr().err
    found = xm.load_sweep(out)
    assert found.versions == {NEW: 3}
    assert found.failures.empty
    assert store.failed_ids(out) == set()


def test_a_run_that_fails_again_stands_once_among_the_failures(
    tmp_path: Path, become: Become
) -> None:
    plan = toys.plan(toys.picky, n=5)
    toys.runs(plan, out=tmp_path, executor="serial")
    become(NEW)
    main_words = ["sweep", "retry", str(tmp_path), "--jobs", "1", "--quiet", "--other-version"]
    with pytest.raises(SystemExit):
        main(main_words)
    (row,) = read_table(tmp_path / store.FAILURES).to_pylist()
    found = xm.load_sweep(tmp_path)
    values = {"a": toys.BAD}
    digest = found.record["scenario_digest"]
    assert row["run_id"] == identity.run_id(digest, values, row["seed"], NEW)
    assert (status(tmp_path).failed, status(tmp_path).total) == (1, 5)


def test_a_merge_takes_a_run_of_two_versions_once(tmp_path: Path, become: Become) -> None:
    plan = toys.plan(n=4, count=2)
    mixed(tmp_path / "a", become)
    become(OLD)
    toys.runs(plan, out=tmp_path / "b", executor="serial")
    assert merge(tmp_path / "all", [tmp_path / "a", tmp_path / "b"]) == 8
    found = xm.load_sweep(tmp_path / "all")
    assert found.versions == {OLD: 5, NEW: 3}
    assert not found.runs.duplicated(["point", "replicate"]).any()
