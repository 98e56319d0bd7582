"""A saved run, run again up to a step."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.market import Market
from crossmargin.experiments.store import read_sidecar, read_table
from crossmargin.model.errors import ParameterError, ScenarioError


def market_at(
    folder: Path, step: int, progress: Callable[[int], None] | None = None
) -> tuple[Market, bool]:
    """Market of a saved run at a step, and whether its marks are those of the record.

    Raises
    ------
    ScenarioError
        When the folder holds no run.
    ParameterError
        When the run has no such step.
    """
    if not folder.is_dir():
        raise ScenarioError(f"{folder}: is no folder of a run; `crossmargin run --out` writes one")
    record = read_sidecar(folder)
    if not 0 <= step <= record["steps"]:
        raise ParameterError(f"--step {step}: {folder} has the steps 0 to {record['steps']}")
    market = Market(load_scenario(record["scenario"]), seed=record["seed"])
    while market.world.step < step:
        market.run_for(min(step - market.world.step, max(1, step // 100)))
        if progress is not None:
            progress(market.world.step)
    return market, _agrees(folder, market, step)


def _agrees(folder: Path, market: Market, step: int) -> bool:
    """Tell whether the marks after the last block are those that were saved."""
    if step == 0:
        return True
    table = read_table(folder, "series")
    saved: Any = table.loc[table["step"] == step - 1, "mark"].to_numpy()
    markets = market.world.state.ledger.markets
    return bool(np.array_equal(saved, markets["mark"] * (markets["tick"] / 2)))
