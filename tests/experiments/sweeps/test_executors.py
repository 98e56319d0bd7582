"""Executors: what happens to runs that hang, crash or take their worker along."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path
from typing import Any

import pytest

import crossmargin as xm
from crossmargin.experiments.sweeps import choice, processes
from crossmargin.experiments.sweeps.blackbox import read_box
from crossmargin.experiments.sweeps.executors import (
    ForeignPool,
    SerialPool,
    ThreadPool,
    WorkerError,
    checked_jobs,
    cores,
    pool_of,
)
from crossmargin.experiments.sweeps.plan import load_plan
from crossmargin.experiments.sweeps.processes import ProcessPool
from crossmargin.model.errors import ParameterError
from tests.experiments.sweeps import toys
from tests.repository import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:.* failed. see .failures")


def test_a_run_that_hangs_is_ended_and_the_others_go_on() -> None:
    plan = toys.plan(toys.hang, n=8, errors={"timeout_seconds": 1.0})
    found = xm.sweep(plan, jobs=2, progress=False)
    assert found.runs["a"].tolist() == [0, 1, 2, 4, 5, 6, 7]
    (failure,) = found.failures.to_dict("records")
    assert failure["stage"] == "timeout"
    assert "longer than 1 s" in failure["error"]
    assert "in hang" in failure["traceback"]


def test_a_run_that_kills_its_worker_is_given_up_and_the_others_go_on() -> None:
    found = xm.sweep(toys.plan(toys.vanish, n=6), jobs=2, progress=False)
    assert found.runs["a"].tolist() == [0, 1, 2, 4, 5]
    (failure,) = found.failures.to_dict("records")
    assert (failure["stage"], failure["attempts"]) == ("worker", 5)
    assert "for want of memory" in failure["error"]


def test_a_run_that_breaks_compiled_code_is_given_up_and_the_others_go_on() -> None:
    found = xm.sweep(toys.plan(toys.crash, n=6), jobs=1, executor="processes", progress=False)
    assert found.runs["a"].tolist() == [0, 1, 2, 4, 5]
    (failure,) = found.failures.to_dict("records")
    assert failure["stage"] == "worker"
    assert "in crash" in failure["traceback"]


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_a_scenario_looks_at_the_clock_wherever_it_runs(executor: str) -> None:
    plan = toys.CALM | {"steps": 100_000, "errors": {"timeout_seconds": 0.2}}
    found = xm.sweep(plan, executor=executor, jobs=2, progress=False)
    assert found.runs.empty
    assert found.failures["stage"].tolist() == ["timeout"] * 2
    assert found.failures["error"].str.contains("blocks were done").all()


@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_what_cannot_be_stopped_is_refused(executor: str) -> None:
    plan = toys.plan(toys.hang, errors={"timeout_seconds": 1.0})
    with pytest.raises(ParameterError, match="--executor processes"):
        xm.sweep(plan, executor=executor, progress=False)


def test_the_executor_by_default() -> None:
    plain, limited = toys.plan(), toys.plan(errors={"timeout_seconds": 1.0})
    assert isinstance(pool_of(plain, None, 1, None), SerialPool)
    for pool in (pool_of(plain, None, 2, None), pool_of(limited, None, 1, None)):
        assert isinstance(pool, ProcessPool)
        pool.close(now=True)
    threads = pool_of(plain, "threads", None, None)
    assert isinstance(threads, ThreadPool)
    assert threads.width == cores()


@pytest.mark.parametrize(
    ("long", "little", "kind"),
    [(0.0, 0.0, ThreadPool), (1e9, 0.0, ProcessPool), (1e9, 1e9, ThreadPool)],
    ids=["long runs", "many short runs", "little work"],
)
def test_the_first_run_of_a_scenario_chooses(
    long: float, little: float, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "LONG", long)
    monkeypatch.setattr(choice, "LITTLE", little)
    chosen: list[object] = []
    close = choice.ChosenPool.close

    def watched(pool: choice.ChosenPool, *, now: bool) -> None:
        chosen.append(pool.chosen)
        close(pool, now=now)

    monkeypatch.setattr(choice.ChosenPool, "close", watched)
    plan = {**toys.CALM, "replications": {"count": 4}}
    serial = toys.runs(plan, executor="serial")
    assert toys.are_equal(serial, toys.runs(plan, jobs=2))
    assert [type(pool) for pool in chosen] == [kind]


def test_python_in_a_run_asks_for_processes() -> None:
    functions = {"keep": {"functions": [toys.broken]}}
    solo = {"population.targeters.kind": f"{toys.__name__}:Idle"}
    settings = {"settings": {**toys.CALM["settings"], **solo}}
    assert choice.is_compiled(load_plan(toys.CALM))
    for change in (functions, settings):
        plan = load_plan({**toys.CALM, **change})
        assert not choice.is_compiled(plan)
        pool = pool_of(plan, None, 2, None)
        assert isinstance(pool, ProcessPool)
        pool.close(now=True)


@pytest.mark.parametrize("executor", ["process", "joblib", 3, object()])
def test_an_unknown_executor_is_refused(executor: Any) -> None:
    with pytest.raises(ParameterError, match=r"submit\(\)"):
        pool_of(toys.plan(), executor, 1, None)
    allowed = "allowed are serial, threads, processes and objects with submit()"
    for word, hint in (("process", "did you mean 'processes'? "), ("joblib", "")):
        with pytest.raises(ParameterError) as refused:
            pool_of(toys.plan(), word, 1, None)
        assert str(refused.value) == f"executor = {word!r}: {hint}{allowed}"


@pytest.mark.parametrize("jobs", [0, -1, 1.5, True, "2"])
def test_a_number_of_workers_that_is_none_is_refused(jobs: Any) -> None:
    with pytest.raises(ParameterError, match="jobs"):
        checked_jobs(jobs)


def test_the_global_start_method_is_left_alone() -> None:
    before = multiprocessing.get_start_method(allow_none=True)
    toys.runs(toys.plan(n=3), executor="processes", jobs=1)
    assert multiprocessing.get_start_method(allow_none=True) == before


class Broken:
    """Executor of a user's that breaks at its third chunk."""

    max_workers = 1

    def __init__(self) -> None:
        self.chunks = 0

    def submit(self, function: Any, *arguments: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self.chunks += 1
        if self.chunks < 3:
            future.set_result(function(*arguments))
        else:
            future.set_exception(BrokenExecutor("out of memory"))
        return future


def test_a_broken_executor_of_the_user_ends_the_sweep_and_loses_nothing(tmp_path: Path) -> None:
    plan = toys.plan(n=50)
    with pytest.raises(WorkerError, match="Broken is broken: out of memory"):
        xm.sweep(plan, executor=Broken(), out=tmp_path, progress=False)
    assert 0 < len(xm.load_sweep(tmp_path).runs) < 50
    whole = toys.runs(plan, executor="serial", out=tmp_path)
    assert toys.are_equal(whole, toys.runs(plan, executor="serial"))


class Forgetful(Broken):
    """Executor of a user's that loses some of its first chunks."""

    def submit(self, function: Any, *arguments: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self.chunks += 1
        if self.chunks in (1, 3, 4, 6):
            future.set_exception(ConnectionError("gone"))
        else:
            future.set_result(function(*arguments))
        return future


def test_lost_chunks_are_tried_again() -> None:
    plan = toys.plan(n=40)
    found = xm.sweep(plan, executor=Forgetful(), progress=False)
    assert toys.are_equal(found.runs, toys.runs(plan, executor="serial"))
    assert found.timing["attempts"].max() > 1
    assert ForeignPool(Forgetful(), None).width == 1


@pytest.mark.long
def test_workers_that_die_as_they_start_end_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "start_worker", os._exit)  # an initializer that ends the worker
    with pytest.raises(WorkerError, match="died as they started"):
        xm.sweep(toys.plan(n=4), executor="processes", jobs=1, progress=False)


SCRIPT = """
import crossmargin as xm
from tests.experiments.sweeps import toys
found = xm.sweep(toys.plan(n=6), executor="processes", jobs=2, progress=False)
print(len(found.runs), "runs")
"""


@pytest.mark.long
def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for words in ([str(script)], ["-c", SCRIPT]):  # a notebook, too, has no file
        ran = subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, env=environment, check=False
        )
        assert ran.stdout == "6 runs\n", ran.stderr


ORPHANS = """
import os, sys, crossmargin as xm
from tests.experiments.sweeps import toys
def look(progress):
    if progress.done:
        print("started", flush=True)
xm.sweep(toys.plan(toys.nap, n=100_000), executor="processes", jobs=1, progress=look)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")
def test_workers_end_with_their_parent() -> None:
    words = [sys.executable, "-c", ORPHANS]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        children = _children(parent.pid)
        assert children
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not any(_is_alive(child) for child in children):
            return
        time.sleep(0.1)
    pytest.fail("workers outlive their parent")


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def _is_alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_black_box_tells_how_a_worker_died(tmp_path: Path) -> None:
    assert read_box(tmp_path / "none").is_early
    box = tmp_path / "box"
    box.write_text("abc\n")
    death = read_box(box)
    assert (death.run_id, death.reason, death.is_early) == ("abc", "killed", False)
    box.write_text("abc\nTimeout (0:00:01)!\nThread 1:\n  in wait\n\nThread 2:\n  in run_chunk\n")
    assert read_box(box).trace == "Timeout (0:00:01)!\nThread 2:\n  in run_chunk"
