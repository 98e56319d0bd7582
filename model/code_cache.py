"""Where compiled code is kept, in a way that cannot serve stale machine code.

Numba stamps only the file of the cached function, so an edited callee would leave its callers
stale and silently wrong. Here the key is a digest of every source that the kernel's file can
reach by import, of the versions and of the flags that change code; it is part of the file name,
so that versions, checkouts and flags live side by side and never meet. Kernels of a user, outside
the package, are compiled in every process and never cached.
"""

import ast
import contextlib
import functools
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import llvmlite
import numba
import numpy as np
from numba import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator

#: The four folders of the package, by the name under which they are imported.
PACKAGE = "crossmargin"
HOME = Path(__file__).resolve().parents[1]
FOLDERS = ("model", "agents", "experiments", "dashboards")


def _written(file: Path) -> tuple[int, ...]:
    facts = file.stat()
    return facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size


def _sources() -> list[Path]:
    return [file for folder in FOLDERS for file in (HOME / folder).rglob("*.py")]


#: When every source was last written, as this process began.
_AT_START = {file: _written(file) for file in _sources()}


def cache_folder() -> Path:
    """Folder of compiled code: `CROSSMARGIN_CACHE_DIR`, or the user's own cache folder."""
    chosen = os.environ.get("CROSSMARGIN_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return Path(base) / PACKAGE


def imported_names(source: bytes) -> list[str]:
    """Modules, and names that may be modules, that a source imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def _module_file(name: str) -> Path | None:
    """Source file of a module of this package, or None for any other module."""
    package, _, rest = name.partition(".")
    if package != PACKAGE or not rest:
        return None
    base = HOME.joinpath(*rest.split("."))
    files = (base.with_suffix(".py"), base / "__init__.py")
    return next((file for file in files if file.is_file()), None)


@functools.cache
def _imports(path: Path, modified: int) -> frozenset[Path]:
    names = imported_names(path.read_bytes())
    return frozenset(file for name in names if (file := _module_file(name)))


def import_closure(path: Path) -> list[Path]:
    """Sources of this package that a file can reach by import, itself included, sorted.

    The records are always among them: a kernel takes them as arguments without importing them.
    """
    seen: set[Path] = set()
    todo = [path, *(file for file in [HOME / "model" / "state.py"] if file.is_file())]
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo += _imports(file, file.stat().st_mtime_ns)
    return sorted(seen)


def digest(path: Path) -> str:
    """Hash of all that the machine code of the kernels in a file depends on, 20 hex digits."""
    versions = (numba.__version__, llvmlite.__version__, np.__version__, sys.version_info[:2])
    flags = (config.OPT, config.BOUNDSCHECK, config.DEBUGINFO_DEFAULT)
    total = hashlib.sha256(repr((versions, flags)).encode())
    for file in import_closure(path):
        total.update(f"\0{file.relative_to(HOME)}\0".encode() + file.read_bytes())
    return total.hexdigest()[:20]


@functools.cache
def _digest_at_import(path: Path) -> str:
    return digest(path)


def is_as_at_start(path: Path) -> bool:
    """Tell whether nothing that a file depends on was edited since this process began.

    Otherwise what is imported may be older or newer than the text, and no stamp would be right.
    """
    return all(_AT_START.get(file) == _written(file) for file in import_closure(path))


@functools.cache
def _may_cache(path: Path) -> bool:
    is_ours = any(path.is_relative_to(HOME / folder) for folder in FOLDERS)
    return is_ours and is_as_at_start(path)


class _Locator(_CacheLocator):  # type: ignore[misc]
    """Tells Numba where a kernel's machine code lies and what stamps it."""

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        self._stamp = _digest_at_import(Path(file).resolve())
        self._name = f"{function.__module__}-{function.__code__.co_firstlineno}-{self._stamp}"

    def get_cache_path(self) -> str:
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return self._name

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> "_Locator | None":
        locator = cls(function, file)
        try:
            locator.ensure_cache_path()
        except OSError:  # nowhere to write: compile in every process
            return None
        return locator


class _Implementation(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes: ClassVar = [_Locator]


class _Cache(FunctionCache):  # type: ignore[misc]
    _impl_class = _Implementation

    def save_overload(self, signature: Any, data: Any) -> None:
        source = Path(self._py_func.__code__.co_filename).resolve()
        if is_as_at_start(source):
            super().save_overload(signature, data)


def keep(compiled: Any, function: Callable[..., Any]) -> None:
    """Let the cache folder keep machine code, of this package's functions alone."""
    if _may_cache(Path(function.__code__.co_filename).resolve()):
        with contextlib.suppress(RuntimeError):  # no usable folder
            compiled._cache = _Cache(function)
