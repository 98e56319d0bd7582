"""Killed at random moments, parent or worker, a sweep still ends with the table that it should."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import crossmargin as xm
from crossmargin.experiments.sweeps import files
from tests.experiments.sweeps import toys
from tests.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills as Unix does")

SWEEP = """
import json, sys
import crossmargin as xm
from crossmargin.experiments.sweeps import store
store.FLUSH_SECONDS = 0.05
plan, out, jobs = sys.argv[1:]
def look(progress):
    print(progress.done, flush=True)
xm.sweep(json.loads(plan), out=out, jobs=int(jobs), executor="processes", progress=look)
"""


def start(plan: Any, out: Path, jobs: int) -> "subprocess.Popen[str]":
    text = xm.Plan.model_validate(plan).model_dump_json(exclude_unset=True)
    words = [sys.executable, "-c", SWEEP, text, str(out), str(jobs)]
    return subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def workers(pid: int) -> list[int]:
    """Worker processes of a sweep, the one that tracks resources aside."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in found}
    return [child for child, command in commands.items() if b"spawn_main" in command]


def kill_at_random(
    plan: Any, out: Path, kills: int, dice: random.Random, longest: float
) -> Counter[str]:
    """Run a sweep over and over, killing the parent or a worker, until it was done often enough.

    A worker is killed while its parent goes on; each kill falls after the first runs are done.
    """
    done: Counter[str] = Counter()
    while done.total() < kills:
        with start(plan, out, jobs=2) as sweep:
            assert sweep.stdout is not None
            line = sweep.stdout.readline()
            while line and done.total() < kills:
                time.sleep(dice.uniform(0.0, longest))
                if sweep.poll() is not None:
                    break
                victim = dice.choice(["parent", "worker"])
                try:
                    pids = [sweep.pid] if victim == "parent" else workers(sweep.pid)
                    os.kill(dice.choice(pids), signal.SIGKILL)
                except (OSError, IndexError):  # it has ended meanwhile
                    continue
                done[victim] += 1
                if victim == "parent":
                    break
            sweep.stdout.close()
            if done.total() >= kills:
                sweep.kill()
        if sweep.returncode == 0 and done.total() < kills:  # ended: begin anew
            for file in out.glob("*.parquet"):
                file.unlink()
    return done


def check(plan: Any, out: Path, whole: Any) -> None:
    found = xm.sweep(plan, out=out, jobs=2, executor="processes", progress=False)
    assert found.failures.empty
    assert toys.are_equal(found.runs, whole)
    ids = Counter(
        name
        for file in files.tables(out, "runs")
        for name in files.read_table(file)["run_id"].to_pylist()
    )
    assert max(ids.values()) == 1, "a run was counted twice"
    assert ids.total() == len(whole)


def test_a_few_kills_change_nothing(tmp_path: Path) -> None:
    plan = toys.plan(toys.nap, n=40, count=10)
    kills = kill_at_random(plan, tmp_path, 4, random.Random(7), 0.3)
    assert kills.total() == 4
    check(plan, tmp_path, toys.runs(plan, executor="threads", jobs=4))


@pytest.mark.long
def test_fifty_kills_change_nothing(tmp_path: Path) -> None:
    plan = toys.plan(toys.nap, n=40, count=10)
    kills = kill_at_random(plan, tmp_path, 50, random.Random(3), 0.6)
    assert min(kills["parent"], kills["worker"]) >= 10
    check(plan, tmp_path, toys.runs(plan, executor="threads", jobs=4))


@pytest.mark.long
def test_kills_of_a_real_scenario_change_nothing(tmp_path: Path) -> None:
    plan = toys.CALM | {"steps": 400, "replications": {"count": 20}, "keep": {"series": 50}}
    whole = xm.sweep(plan, executor="serial", progress=False)
    kill_at_random(plan, tmp_path, 6, random.Random(5), 0.5)
    check(plan, tmp_path, whole.runs)
    assert xm.load_sweep(tmp_path).series.equals(whole.series)
