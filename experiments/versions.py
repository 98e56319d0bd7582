"""Version of the model: a hash of the sources and libraries that a result depends on."""

import functools
import hashlib
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from crossmargin.model.code_cache import HOME, PACKAGE, import_closure

#: Packages whose versions can change a result.
VERSIONED = ("numpy", "numba", "llvmlite", "scipy", "pandas", "pyarrow", "mesa")


@functools.cache
def model_version() -> str:
    """Hash of the model's sources and of the libraries that can change a result, 16 hex digits.

    Of the experiments, only what a run is made by counts: a new command or figure changes nothing.
    """
    versions = [f"{name} {metadata.version(name)}" for name in VERSIONED]
    versions.append(f"python {'.'.join(platform.python_version_tuple()[:2])}")
    return hash_files(model_files(), versions)[:16]


def model_files() -> list[Path]:
    """Sources that make a run: model and agents, and of the experiments what `run.py` imports."""
    folders = [HOME / "model", HOME / "agents"]
    files = {file for folder in folders for file in folder.rglob("*.py")}
    for entry in ("run.py", "market.py"):
        files |= set(import_closure(HOME / "experiments" / entry))
    return sorted(files)


def hash_files(files: Iterable[Path], words: Iterable[str] = ()) -> str:
    """Hash of the names and contents of files and of some words."""
    total = hashlib.sha256("\0".join(words).encode())
    for file in files:
        name = file.relative_to(HOME).as_posix() if file.is_relative_to(HOME) else file.name
        total.update(f"\0{name}\0".encode() + file.read_bytes().replace(b"\r\n", b"\n"))
    return total.hexdigest()


def foreign_modules(table: Any) -> list[str]:
    """Modules outside the package that a scenario names as parts, traders or a risk model."""
    if isinstance(table, list):
        return [name for row in table for name in foreign_modules(row)]
    if not isinstance(table, dict):
        return []
    found = [name for value in table.values() for name in foreign_modules(value)]
    named = str(table.get("risk_model") or table.get("kind", ""))
    kind = named.partition(":")[0]
    own = "." not in kind and ":" not in named
    return found if own or kind.startswith(f"{PACKAGE}.") else [*found, kind]
