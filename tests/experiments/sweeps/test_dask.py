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


def test_where_no_scheduler_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossmargin.experiments.sweeps.dask.PATIENCE", 0.5)
    with pytest.raises(ParameterError, match="no scheduler answers"):
        xm.sweep(toys.plan(), dask="tcp://127.0.0.1:9", progress=False)
    with pytest.raises(ParameterError, match="executor or dask"):
        xm.sweep(toys.plan(), dask="tcp://127.0.0.1:9", executor="threads", progress=False)
