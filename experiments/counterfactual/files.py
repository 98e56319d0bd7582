"""A counterfactual on disk: whatif.json, its tables, and the report."""

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from crossmargin.experiments.store import staged, versions

if TYPE_CHECKING:
    from crossmargin.experiments.counterfactual.results import WhatIf

#: Tables of a counterfactual, by the name of their file.
TABLES = ("accounts", "paths", "members")


def save(found: "WhatIf", folder: Path, *, report: bool = False) -> Path:
    """Write everything, whole or not at all; `whatif.html` if asked."""
    with staged(folder) as stage:
        scenario = found.trial.branch.world.scenario
        content = {
            **found.summary,
            "versions": versions(),
            "settings": scenario.model_dump(mode="json", exclude_none=True),
        }
        (stage / "whatif.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        for name in TABLES:
            table = getattr(found, name)
            table.to_parquet(stage / f"{name}.parquet", compression="zstd", index=False)
        if report:
            # the report lies above this folder: it is looked up by name, so imports run one way
            page = importlib.import_module("crossmargin.dashboards.whatif_report")
            page.write_whatif(found, stage / "whatif.html")
    if not report:
        (folder / "whatif.html").unlink(missing_ok=True)  # of an earlier one, not of this one
    return folder
