"""The schema in machine-readable form: scenario tables and the numbers of every part."""

import importlib
import pkgutil
from typing import Any

from crossmargin.experiments.schema import Scenario
from crossmargin.experiments.snapshots.table import COLUMNS, DEPTH_COLUMNS, LONG_COLUMNS
from crossmargin.model.parts import HOMES, Part, find_part


def built_in_parts() -> list[Part]:
    """Every part of the package, by the files of the folders in which parts live."""
    found = []
    for home in HOMES:
        package = importlib.import_module(home)
        for module in pkgutil.iter_modules(package.__path__):
            if not module.ispkg:
                loaded = importlib.import_module(f"{home}.{module.name}")
                if hasattr(loaded, "KERNEL"):
                    found.append(find_part(module.name))
    return found


def json_schema() -> dict[str, Any]:
    """JSON Schema of a scenario; `parts` holds the numbers and traits of every part by kind.

    `snapshot_columns` says what the columns of the files of a snapshot mean.
    """
    schema = Scenario.model_json_schema()
    parts = {}
    for part in built_in_parts():
        module = importlib.import_module(part.kernel.__module__)
        traits = getattr(module, "Traits", None)
        parts[part.name] = {
            "phase": part.phase,
            "description": part.doc.splitlines()[0] if part.doc else "",
            "numbers": part.parameters.model_json_schema(),
            "traits": traits.model_json_schema() if traits is not None else {},
        }
    schema["parts"] = parts
    schema["snapshot_columns"] = {"accounts": COLUMNS, "depth": DEPTH_COLUMNS, **LONG_COLUMNS}
    return schema


def plan_schema() -> dict[str, Any]:
    """JSON Schema of the plan of a sweep."""
    from crossmargin.experiments.sweeps.plan import Plan

    return Plan.model_json_schema()
