"""Dask: a real scheduler with two worker processes, one of which is killed."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from distributed import Client, LocalCluster

import crossmargin as xm
from crossmargin.experiments.cli import main
from crossmargin.experiments.sweeps.executors import WorkerError
from crossmargin.model.errors import ParameterError
from tests.experiments.sweeps import toys


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with LocalCluster(**options, dashboard_address=":0") as found:
        yield found


def test_a_client_and_an_address_give_what_this_process_gives(cluster: Any) -> None:
    plan = toys.plan(toys.nap, n=30, count=3)
    here = toys.runs(plan, executor="serial")
    with Client(cluster) as client:
        there = xm.sweep(plan, dask=client, progress=False)
        assert toys.are_equal(here, there.runs)
        assert there.timing["worker"].nunique() == 2
        assert client.status == "running"
        assert toys.are_equal(here, toys.runs(plan, executor=client))
        executor = client.get_executor(pure=False)
        assert toys.are_equal(here, toys.runs(plan, executor=executor, jobs=2))
    assert toys.are_equal(here, toys.runs(plan, dask=cluster.scheduler_address))


def test_a_scenario_runs_on_a_cluster(cluster: Any) -> None:
    here = toys.runs(toys.CALM, executor="serial")
    assert toys.are_equal(here, toys.runs(toys.CALM, dask=cluster.scheduler_address))


def test_a_killed_worker_loses_nothing(cluster: Any) -> None:
    plan = toys.plan(toys.nap, n=50, count=8)
    here = toys.runs(plan, executor="serial")
    killed = []

    def look(progress: Any) -> None:
        if progress.done > 40 and not killed:
            worker = next(iter(cluster.workers.values()))
            killed.append(worker.pid)
            threading.Thread(target=os.kill, args=(worker.pid, signal.SIGKILL)).start()
            time.sleep(0.1)

    found = xm.sweep(plan, dask=cluster.scheduler_address, progress=look)
    assert killed
    assert toys.are_equal(here, found.runs)
    assert found.failures.empty


def test_a_scheduler_that_goes_away_ends_the_sweep(tmp_path: Any) -> None:
    plan = toys.plan(toys.nap, n=50, count=8)
    gone = []
    options = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": ":0"}
    with LocalCluster(**options) as own, Client(own) as client:

        def look(progress: Any) -> None:
            if progress.done and not gone:
                gone.append(True)
                client.close()

        with pytest.raises(WorkerError, match="scheduler is gone"):
            xm.sweep(plan, dask=client, out=tmp_path, progress=look)
    whole = toys.runs(plan, out=tmp_path, executor="threads")
    assert toys.are_equal(whole, toys.runs(plan, executor="serial"))


def test_a_scheduler_that_goes_away_is_no_bad_input(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, out = tmp_path / "plan.toml", tmp_path / "out"
    plan.write_text(toys.plan(toys.nap, n=50, count=40).toml())
    options = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": ":0"}
    own = LocalCluster(**options)

    def stop() -> None:
        while not list(out.glob("runs-*")):
            time.sleep(0.05)
        own.close()

    thread = threading.Thread(target=stop, daemon=True)
    thread.start()
    with pytest.raises(SystemExit) as ended:
        main(["sweep", "run", str(plan), "--out", str(out), "--dask", own.scheduler_address])
    thread.join()
    assert ended.value.code == 1
    assert "the scheduler is gone; what is finished is in" in capsys.readouterr().err
    assert 0 < len(xm.load_sweep(out).runs) < 2000


def test_where_no_scheduler_answers_is_told(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossmargin.experiments.sweeps.dask.PATIENCE", 0.5)
    out = tmp_path / "out"
    with pytest.raises(ParameterError, match="no scheduler answers"):
        xm.sweep(toys.plan(), dask="tcp://127.0.0.1:9", out=out, progress=False)
    assert not out.exists()
    with pytest.raises(ParameterError, match="executor or dask"):
        xm.sweep(toys.plan(), dask="tcp://127.0.0.1:9", executor="threads", progress=False)
