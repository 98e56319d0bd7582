"""A million runs of a sweep: read from two thousand files, summarised, asked in SQL."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crossmargin.experiments.sweeps.plan import Plan
from crossmargin.experiments.sweeps.results import load_sweep
from tests.benchmarks.figures import Figure

POINTS, REPLICATES, FILE = 10_000, 100, 500
FACTORS, OUTCOMES = 3, 5


def wall(action: Callable[[], Any]) -> float:
    """Seconds on the clock: files are read by several threads."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def write_store(folder: Path) -> None:
    """Store of a million runs in files of five hundred, in the order of many workers."""
    rng = np.random.default_rng(0)
    factors = rng.random((POINTS, FACTORS))
    names = [f"x{i}" for i in range(FACTORS)]
    table = {
        "name": "benchmark",
        "model": f"{__name__}:nothing",
        "factor": [{"path": name} for name in names],
        "design": {"kind": "list", "rows": factors.tolist()},
        "replications": {"count": REPLICATES},
    }
    plan = Plan.model_validate(table).model_dump(mode="json")
    (folder / "plan.json").write_text(json.dumps({"plan": plan}))
    runs = np.arange(POINTS * REPLICATES)
    point, replicate = runs // REPLICATES, runs % REPLICATES
    outcomes = rng.lognormal(size=(len(runs), OUTCOMES)) + factors[point, :1]
    order = rng.permutation(len(runs))
    for seq in range(len(runs) // FILE):
        own = order[seq * FILE : (seq + 1) * FILE]
        columns = {
            "run_id": [f"{run:020x}" for run in own],
            "point": point[own],
            "replicate": replicate[own],
            "seed": replicate[own],
        }
        columns |= {name: factors[point[own], i] for i, name in enumerate(names)}
        columns |= {f"y{i}": outcomes[own, i] for i in range(OUTCOMES)}
        path = folder / f"runs-w{seq % 4}-{seq:06d}.parquet"
        pq.write_table(pa.table(columns), path, compression="zstd")


def nothing(values: dict[str, Any], seed: int) -> dict[str, float]:
    """Stands for the model of the plan; nobody runs it."""
    return {}


def figures() -> Iterator[Figure]:
    """All figures of results; the machine should have nothing else to do."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_store(folder)
        whole = min(wall(lambda: load_sweep(folder).summary(by="point")) for _ in range(3))
        yield Figure("load and summarise 1M runs by point", whole, "s", at_most=3)
        sweep = load_sweep(folder)
        loaded = min(wall(lambda: load_sweep(folder).runs) for _ in range(3))
        yield Figure("load 1M runs", loaded, "s")
        rows = sweep.runs
        yield Figure("memory of 1M runs", rows.memory_usage(deep=True).sum() / 1e6, "MB")
        connection = sweep.duckdb()
        query = "SELECT x0 > 0.5, quantile_cont(y0, 0.95) FROM runs GROUP BY 1"
        yield Figure("SQL over 1M runs", wall(lambda: connection.sql(query).fetchall()), "s")
