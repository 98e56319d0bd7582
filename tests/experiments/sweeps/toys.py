"""Plain functions as models, for tests of the engine; here, so that any worker imports them."""

import asyncio
import ctypes
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crossmargin.agents.trader import Trader
from crossmargin.experiments.sweeps.engine import sweep
from crossmargin.experiments.sweeps.plan import Plan

#: Folder in which `flaky` leaves what it remembers.
MEMORY = "CROSSMARGIN_TOYS"
#: Value of the factor at which some toys misbehave.
BAD = 3

Model = Callable[[Mapping[str, Any], int], dict[str, float]]

#: The calm market, so small that it runs in a moment.
CALM: dict[str, Any] = {
    "name": "calm",
    "scenario": "calm",
    "steps": 20,
    "settings": {
        "population.traders.count": 20,
        "population.longs.count": 6,
        "population.shorts.count": 6,
        "population.targeters.count": 2,
        "population.hedgers.count": 2,
    },
    "factor": [{"path": "venue.penalty_rate", "values": [0.0, 0.01]}],
}


def draw(values: Mapping[str, Any], seed: int) -> dict[str, float]:
    """A product and a draw."""
    luck = np.random.default_rng(seed).normal()
    return {"product": 2.0 * values["a"], "draw": float(values["a"] + luck)}


def nap(values: Mapping[str, Any], seed: int) -> dict[str, float]:
    """The same, after a few milliseconds that differ from run to run."""
    time.sleep(0.002 + seed % 7 * 0.002)
    return draw(values, seed)


def picky(values: Mapping[str, Any], seed: int) -> dict[str, float]:
    """The same, but at one value."""
    if values["a"] == BAD:
        raise ValueError("three is too many")
    return draw(values, seed)


def hang(values: Mapping[str, Any], seed: int) -> dict[str, float]:
    """The same, but never at one value."""
    while values["a"] == BAD:
        time.sleep(1.0)
    return draw(values, seed)


def vanish(values: Mapping[str, Any], seed: int) -> dict[str, float]:
    """The same, but the process is killed at one value, as for want of memory."""
    if values["a"] == BAD:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    return draw(values, seed)


def crash(values: Mapping[str, Any], seed: int) -> dict[str, float]:
    """The same, but compiled code breaks at one value."""
    if values["a"] == BAD:
        ctypes.string_at(0)
    return draw(values, seed)


def flaky(values: Mapping[str, Any], seed: int) -> dict[str, float]:
    """The same, but every run fails the first time."""
    mark = Path(os.environ[MEMORY]) / f"{values['a']}-{seed}"
    if not mark.exists():
        mark.touch()
        raise OSError("the network was away")
    return draw(values, seed)


def ragged(values: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Outcomes of which not every run has all."""
    found = draw(values, seed)
    return found if values["a"] % 2 else found | {"even": 1.0}


def broken(run: Any) -> dict[str, float]:
    """An outcome that only markets without a penalty have."""
    return {"inverse": 1 / (0.01 - run.scenario.venue.penalty_rate)}


def plan(model: Model | str = draw, n: int = 12, count: int = 1, **keys: Any) -> Plan:
    """Plan of a toy with the factor a at 0 to n - 1."""
    table: dict[str, Any] = {
        "name": "toys",
        "model": model,
        "factor": [{"path": "a", "values": list(range(n))}],
        "replications": {"count": count},
    }
    return Plan.model_validate(table | keys)


def runs(of: Plan | Mapping[str, Any], **options: Any) -> pd.DataFrame:
    """Runs of a plan, without a bar."""
    return sweep(of, progress=False, **options).runs


def are_equal(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    """Tell whether two tables of runs are equal byte for byte, once they are sorted."""
    return content(left) == content(right)


def content(table: pd.DataFrame) -> list[tuple[str, Any]]:
    """Columns of a table in the order of the runs' identities: bytes of numbers, words."""
    found = table.sort_values("run_id", ignore_index=True)
    return [
        (name, found[name].to_numpy().tobytes() if kind.kind in "iufb" else found[name].tolist())
        for name, kind in found.dtypes.items()
    ]


def cancelled(values: Mapping[str, Any], seed: int) -> dict[str, float]:
    """A run that ends in what is no `Exception`."""
    if values["a"] == BAD:
        raise asyncio.CancelledError("by itself")
    return {"x": 1.0}


class Idle(Trader):
    """A trader who does nothing, in Python."""

    def decide(self, market: Any) -> list[Any]:
        """No orders."""
        return []
