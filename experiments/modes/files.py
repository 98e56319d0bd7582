"""A comparison of margin modes on disk."""

import importlib
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossmargin.experiments.store import staged, versions

if TYPE_CHECKING:
    from crossmargin.experiments.modes.comparing import ModeComparison


def as_dict(found: "ModeComparison") -> dict[str, Any]:
    """Question, terms, outcomes by mode, efficiency; what is missing is None."""
    outcomes: dict[str, Any] = {}
    for row in found.summary().to_dict("records"):
        mode, name = row.pop("mode"), row.pop("outcome")
        outcomes.setdefault(mode, {})[name] = _plain(row)
    return {
        "scenario": found.scenario.name,
        "steps": found.scenario.run.steps,
        "modes": list(found.modes),
        "question": asdict(found.question),
        "terms": {**asdict(found.terms)},
        "outcomes": outcomes,
        "efficiency": [_plain(row) for row in found.efficiency().to_dict("records")],
    }


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    missing = {key for key, value in row.items() if isinstance(value, float) and math.isnan(value)}
    return {str(key): None if key in missing else value for key, value in row.items()}


def save(found: "ModeComparison", folder: Path, *, report: bool = False) -> Path:
    """Write everything, whole or not at all; `modes.html` if asked."""
    with staged(folder) as stage:
        content = {
            **as_dict(found),
            "versions": versions(),
            "settings": found.scenario.model_dump(mode="json", exclude_none=True),
        }
        (stage / "modes.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        found.frame.to_parquet(stage / "runs.parquet", compression="zstd", index=False)
        if report:
            # the report lies above this folder: it is looked up by name, so imports run one way
            page = importlib.import_module("crossmargin.dashboards.modes_report")
            page.write_modes(found, stage / "modes.html")
    if not report:
        (folder / "modes.html").unlink(missing_ok=True)  # of an earlier comparison, not of this one
    return folder
