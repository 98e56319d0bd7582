"""`crossmargin sweep`: what it prints, writes and returns."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import tomli_w

import crossmargin as xm
from crossmargin.experiments.cli import main
from tests.experiments.sweeps import toys
from tests.repository import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:.* failed. see .failures")

COMMAND = [sys.executable, "-m", "crossmargin.experiments", "sweep"]


def plan_file(folder: Path, plan: Any) -> str:
    path = folder / "plan.toml"
    path.write_text(tomli_w.dumps(plan.model_dump(mode="json", exclude_defaults=True)))
    return str(path)


def command(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command as a user calls it, in a folder of its own."""
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=300,
        check=False,
    )


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """The command in this process: exit code, output, errors."""
    with pytest.raises(SystemExit) as ended:
        main(["sweep", *map(str, words)])
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out, told.err


def test_run_goes_on_and_status_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan, out = plan_file(tmp_path, toys.plan(n=5, count=4)), tmp_path / "out"
    options = ("--out", out, "--jobs", 1)
    code, told, _ = call(capsys, "run", plan, "--limit", 7, *options)
    assert code == 0
    assert "7 of 7 runs done" in told
    code, told, _ = call(capsys, "status", out)
    assert "done 7, failed 0, missing 13" in told
    code, told, _ = call(capsys, "run", plan, *options)
    assert "20 of 20 runs done, 7 of them before" in told
    code, told, _ = call(capsys, "status", out, "--json")
    assert json.loads(told)["missing"] == 0
    assert toys.are_equal(
        xm.load_sweep(out).runs, toys.runs(toys.plan(n=5, count=4), executor="serial")
    )


def test_failures_are_told_and_the_exit_code_is_not_zero(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, out = plan_file(tmp_path, toys.plan(toys.picky, n=6, count=2)), tmp_path / "out"
    for _ in range(2):  # known failures count as well
        code, told, errors = call(capsys, "run", plan, "--out", out, "--jobs", 1)
        assert code == 1
        assert "2 of 12 failed: see failures.parquet" in errors
    code, told, errors = call(capsys, "run", plan, "--out", out, "--jobs", 1, "--json")
    assert (json.loads(told)["done"], json.loads(told)["failed"]) == (10, 2)
    code, told, errors = call(capsys, "retry", out, "--jobs", 1, "--quiet")
    assert (code, told) == (1, "")
    assert "2 of 2 failed" in errors


def test_retry_makes_good_what_can_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    monkeypatch.setenv(toys.MEMORY, str(marks))
    plan, out = plan_file(tmp_path, toys.plan(toys.flaky, n=4)), tmp_path / "out"
    assert call(capsys, "run", plan, "--out", out, "--jobs", 1)[0] == 1
    assert call(capsys, "retry", out, "--jobs", 1)[0] == 0
    found = xm.load_sweep(out)
    assert found.failures.empty
    assert toys.are_equal(found.runs, toys.runs(toys.plan(toys.flaky, n=4), executor="serial"))
    assert call(capsys, "retry", out, "--jobs", 1)[0] == 0  # nothing is left to do


def test_shards_of_a_job_array_are_merged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, out = plan_file(tmp_path, toys.plan(n=7, count=2)), tmp_path / "out"
    for i in (1, 2, 3):
        words = ("run", plan, "--shard", f"{i}/3", "--out", out / f"{i}", "--jobs", 1)
        assert call(capsys, *words)[0] == 0
    code, told, _ = call(capsys, "merge", out)
    assert (code, told) == (0, f"{out}: 14 runs\n")
    code, told, _ = call(capsys, "merge", tmp_path / "all", *sorted(out.glob("[123]")))
    assert (code, told) == (0, f"{tmp_path / 'all'}: 14 runs\n")


BAD: list[tuple[str, ...]] = [
    ("run", "nowhere.toml"),
    ("run", "no-such-plan"),
    ("run", "PLAN", "--jobs", "0"),
    ("run", "PLAN", "--executor", "thread", "--out", "OUT"),
    ("run", "PLAN", "--shard", "3/2", "--out", "OUT"),
    ("run", "PLAN", "--limit", "0"),
    ("run", "PLAN", "--out", "/proc/nowhere"),
    ("run", "PLAN", "--out", "PLAN"),
    ("run", "PLAN", "--dask", "nonsense", "--out", "OUT"),
    ("status", "nowhere"),
    ("retry", "."),
    ("merge", "nowhere"),
    ("report", "nowhere"),
]


@pytest.mark.parametrize("words", BAD, ids=" ".join)
def test_bad_input_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    places = {"PLAN": plan_file(tmp_path, toys.plan(n=2)), "OUT": str(tmp_path / "out")}
    code, told, errors = call(capsys, *(places.get(word, word) for word in words))
    assert code == 2
    assert told == ""
    assert errors.strip()
    assert not (tmp_path / "out").exists()
    assert "Traceback" not in errors


def test_the_folder_is_named_like_the_plan_by_default(tmp_path: Path) -> None:
    plan = plan_file(tmp_path, toys.plan(n=3, name="two words"))
    ran = command("run", plan, "--jobs", 1, "--quiet", cwd=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert len(xm.load_sweep(tmp_path / "two-words").runs) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="signals as Unix has them")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_stop_keeps_what_is_done_and_says_how_to_go_on(tmp_path: Path, name: str) -> None:
    plan, out = plan_file(tmp_path, toys.plan(toys.nap, n=100, count=50)), tmp_path / "out"
    words = [*COMMAND, "run", plan, "--out", str(out), "--jobs", "2"]
    ran = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    while not list(out.glob("runs-*")):
        assert ran.poll() is None
        time.sleep(0.05)
    os.killpg(ran.pid, getattr(signal, name))  # as a terminal does, to the workers too
    told, errors = ran.communicate(timeout=60)
    assert ran.returncode == 130
    assert told == ""
    assert "stopped: " in errors
    assert "goes on from there" in errors
    assert "Traceback" not in errors
    done = len(xm.load_sweep(out).runs)
    assert 0 < done < 5000
    assert f"stopped: {done:,} of 5,000 runs are done" in errors
