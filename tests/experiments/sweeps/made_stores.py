"""Sweeps of plain functions, in memory and as folders written with pyarrow."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crossmargin.experiments.sweeps.designs import points
from crossmargin.experiments.sweeps.plan import Plan
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.experiments.sweeps.seeds import seed_of

Model = Callable[[dict[str, Any], int], Mapping[str, float]]


def losses(values: dict[str, Any], seed: int) -> dict[str, float]:
    """A made-up market: losses grow with leverage, fall with depth, and luck moves them."""
    luck = np.random.default_rng(seed).normal()
    loss = values["leverage"] ** 1.5 / values["depth"] * np.exp(0.3 * luck)
    return {"loss": float(loss), "failed": float(loss > 8), "luck": float(luck)}


def plan_of(
    factors: list[dict[str, Any]], design: dict[str, Any], count: int = 3, **keys: Any
) -> Plan:
    table = {"name": "made-up", "model": f"{__name__}:losses", "factor": factors}
    rest = {"design": design, "replications": {"count": count}}
    return Plan.model_validate(table | rest | keys)


GRID = [
    {"path": "venue.leverage", "values": [5, 10, 20], "label": "leverage", "unit": "x"},
    {"path": "depth", "values": [1.0, 2.0, 4.0, 8.0], "unit": "million quote"},
]


def grid_plan(count: int = 3, **keys: Any) -> Plan:
    return plan_of(GRID, {"kind": "grid"}, count, **keys)


def runs_of(plan: Plan, model: Model = losses) -> pd.DataFrame:
    """Every run of a plan, made one after the other."""
    rows = []
    for point, values in enumerate(points(plan).to_dict("records")):
        short = {path.rpartition(".")[2]: value for path, value in values.items()}
        for replicate in range(plan.replications.count or 1):
            seed = seed_of(plan.seeds, point, replicate)
            identity = {"run_id": f"{hash((*values.values(), seed)) & (2**80 - 1):020x}"}
            place = {"point": point, "replicate": replicate, "seed": seed}
            rows.append(identity | place | values | dict(model(short, seed)))
    return pd.DataFrame(rows)


def sweep_of(plan: Plan, model: Model = losses) -> Sweep:
    return Sweep.of(plan, runs_of(plan, model))


def write_plan(folder: Path, plan: Plan) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "plan.json").write_text(json.dumps({"plan": plan.model_dump(mode="json")}))


def write_rows(folder: Path, kind: str, rows: pd.DataFrame, tag: str = "w0", seq: int = 0) -> Path:
    path = folder / f"{kind}-{tag}-{seq:06d}.parquet"
    table = pa.Table.from_pandas(rows, preserve_index=False)
    pq.write_table(table, path, compression="zstd")
    return path


def write_store(folder: Path, plan: Plan, runs: pd.DataFrame, files: int = 4) -> Path:
    """Folder of a sweep, its runs shuffled over several files of two writers."""
    write_plan(folder, plan)
    order = np.random.default_rng(1).permutation(len(runs))
    for i, part in enumerate(np.array_split(order, files)):
        write_rows(folder, "runs", runs.iloc[part], f"w{i % 2}", i)
    return folder
