"""Identity of a run: the hash of what it depends on, and of nothing else.

A run is known by its scenario, its factors, its seed and the version of the model; not by the name
of its plan, its number in it or the order of the factors. So a plan that grows finds what it has.
"""

import hashlib
import importlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from crossmargin.experiments.sweeps.functions import find_function
from crossmargin.experiments.sweeps.plan import Plan
from crossmargin.experiments.versions import foreign_modules, hash_files
from crossmargin.experiments.versions import model_files as model_files
from crossmargin.experiments.versions import model_version as model_version
from crossmargin.model.code_cache import imported_names

#: What a scenario says in words, which changes no run.
WORDS = {"name", "title", "story", "sources"}


def scenario_digest(plan: Plan) -> str:
    """Hash of what every run of a plan has in common, 16 hex digits.

    The scenario with its settings and steps, the content of its recordings and of its snapshot, and
    the sources of parts, traders and outcomes from outside the package, with what they import of
    their own folder; of a model, its name and the sources of its module.
    """
    if plan.model is not None:
        module = find_function(plan.model, "model").__module__
        return hash_files(_source_files([module]), [plan.model])[:16]
    from crossmargin.experiments.load import load_scenario

    scenario = load_scenario(plan.scenario or {}, plan.overrides)
    table = scenario.model_dump(mode="json", exclude=WORDS, exclude_none=True)
    files = [_recording(row) for row in table["underlying"] if "recording" in row]
    files += _histories(table)
    functions = [find_function(name, "keep.functions").__module__ for name in plan.keep.functions]
    files += _snapshot_files(scenario, table)
    files += _source_files([*foreign_modules(table), *functions])
    return hash_files(files, [canonical(table)])[:16]


def _recording(underlying: dict[str, Any]) -> Path:
    """File of a recording, whose place is then forgotten: its content counts."""
    from crossmargin.experiments.recordings import DATA

    return DATA / underlying["recording"].pop("file")


def _histories(table: dict[str, Any]) -> list[Path]:
    """Files of volume-at-price histories, whose place is then forgotten as well."""
    from crossmargin.experiments.recordings import DATA

    rows = table.get("initial", {}).get("volume_at_price", [])
    return [DATA / row.pop(key) for row in rows for key in ("file", "candles") if key in row]


def _snapshot_files(scenario: Any, table: dict[str, Any]) -> list[Path]:
    """Files of a snapshot, whose place is then forgotten."""
    if scenario.snapshot is None:
        return []
    from crossmargin.experiments.snapshots.content import files_of

    table["snapshot"].pop("folder")
    return files_of(scenario.snapshot)


def _source_files(modules: Iterable[str]) -> list[Path]:
    """Sources of modules, and of what they import from the folder that their names begin in."""
    found: set[Path] = set()
    for name in modules:
        file = getattr(importlib.import_module(name), "__file__", None)
        if file is not None:
            path = Path(file).resolve()
            depth = name.count(".") + (path.name == "__init__.py")
            _follow(path, path.parents[depth], found)
    return sorted(found)


def _follow(path: Path, root: Path, found: set[Path]) -> None:
    """Add a source and all that it reaches by import below a folder, or beside itself."""
    if path in found:
        return
    found.add(path)
    for name in imported_names(path.read_bytes()):
        for folder in dict.fromkeys([root, path.parent]):
            base = folder.joinpath(*name.split("."))
            for file in (base.with_suffix(".py"), base / "__init__.py"):
                if file.is_file():
                    _follow(file, root, found)


def run_id(scenario_digest: str, values: Mapping[str, Any], seed: int, version: str) -> str:
    """Identity of a run, 20 hex digits.

    Parameters
    ----------
    scenario_digest : str
        See the function of that name.
    values : mapping
        Factors by path; 5 and 5.0 are one value, and the order does not matter.
    seed : int
    version : str
        See `model_version`.
    """
    facts = {
        "scenario": scenario_digest,
        "values": {str(path): plain(value) for path, value in values.items()},
        "seed": int(seed),
        "version": version,
    }
    return hashlib.sha256(canonical(facts).encode()).hexdigest()[:20]


def plain(value: Any) -> Any:
    """Scalar in one form: NumPy's become Python's, whole floats become integers."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def canonical(value: Any) -> str:
    """JSON with sorted keys and no blanks; refuses what is no number."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
