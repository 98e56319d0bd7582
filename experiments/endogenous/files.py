"""A split on disk: split.json, its tables, and the exogenous part as a recording."""

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crossmargin.experiments.store import staged, versions

if TYPE_CHECKING:
    from crossmargin.experiments.endogenous.identify import Split

#: The recording that makes a scenario produce the record again.
EXOGENOUS = "exogenous.csv"


def save(split: "Split", folder: Path, *, report: bool = False) -> Path:
    """Write everything, whole or not at all; `split.html` if asked."""
    with staged(folder) as stage:
        content = {
            **split.summary,
            "versions": versions(),
            "settings": split.scenario.model_dump(mode="json", exclude_none=True),
        }
        (stage / "split.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        split.path.to_parquet(stage / "path.parquet", compression="zstd", index=False)
        split.members.to_parquet(stage / "members.parquet", compression="zstd", index=False)
        write_recording(split, stage / EXOGENOUS)
        if report:
            # the report lies above this folder: it is looked up by name, so imports run one way
            page = importlib.import_module("crossmargin.dashboards.split_report")
            page.write_split(split, stage / "split.html")
    if not report:
        (folder / "split.html").unlink(missing_ok=True)  # of an earlier split, not of this one
    return folder


def write_recording(split: "Split", path: Path) -> None:
    """Write the exogenous part as a CSV of prices; its logarithms bring the last bit."""
    logs = split.path["log_price"].to_numpy()
    lines = [
        f"{moment.isoformat()},{price!r},{log!r}"
        for moment, price, log in zip(
            split.path["timestamps"], np.exp(logs).tolist(), logs.tolist(), strict=True
        )
    ]
    path.write_text("\n".join(["timestamps,price,log_price", *lines]) + "\n", encoding="utf-8")
