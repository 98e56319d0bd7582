"""The one decorator for compiled code, and a cache that cannot serve stale machine code.

Numba stamps only the file of the cached function, so an edited callee would leave its callers
stale and silently wrong. Here the key is a digest of every source that the kernel's file can
reach by import, of the versions and of the flags that change code; it is part of the file name,
so that versions, checkouts and flags live side by side and never meet. Kernels of a user, outside
the package, are compiled in every process and never cached.

`_nrt=False` turns reference counting off. It is sound only for kernels that allocate nothing and
return no array; one that returns an array is refused when it is compiled. `nogil` lets threads run
markets side by side; `error_model="numpy"` keeps exceptions out of the code, which is why a kernel
that can go wrong leaves a code in the `Clock`.
"""

import ast
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
from numba import config, njit, types
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.registry import CPUDispatcher

#: The four folders of the package, by the name under which they are imported.
PACKAGE = "crossmargin"
HOME = Path(__file__).resolve().parents[1]
FOLDERS = ("model", "agents", "experiments", "dashboards")
FLAGS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}

#: Every kernel made in this process, in the order of their definition.
KERNELS: list[Any] = []


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


def _imported_names(source: bytes) -> list[str]:
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
    names = _imported_names(path.read_bytes())
    return frozenset(file for name in names if (file := _module_file(name)))


def import_closure(path: Path) -> list[Path]:
    """Sources of this package that a file can reach by import, itself included, sorted."""
    seen: set[Path] = set()
    todo = [path]
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo += _imports(file, file.stat().st_mtime_ns)
    return sorted(seen)


def digest(path: Path) -> str:
    """Hash of all that the machine code of the kernels in a file depends on, 20 hex digits."""
    versions = (numba.__version__, llvmlite.__version__, np.__version__, sys.version_info[:2])
    flags = (config.OPT, config.BOUNDSCHECK, config.DEBUGINFO_DEFAULT, sorted(FLAGS.items()))
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


def holds_array(kind: types.Type) -> bool:
    """Tell whether values of a Numba type own counted memory, alone or inside a tuple."""
    if isinstance(kind, types.BaseTuple):
        return any(holds_array(member) for member in kind)
    return isinstance(kind, (types.Array, types.List, types.ListType, types.DictType))


class _Kernel(CPUDispatcher):  # type: ignore[misc]
    def add_overload(self, result: Any) -> None:
        if holds_array(result.signature.return_type):
            raise TypeError(f"kernel {self.__name__} returns an array, which would corrupt memory")
        super().add_overload(result)


class _Inner(_Kernel):
    """A kernel without a Python face: calling it from Python would crash the process."""

    def __call__(self, *args: Any) -> Any:
        raise TypeError(f"kernel {self.__name__} has no Python face: call from_python(kernel)")


def kernel(
    function: Callable[..., Any] | None = None, *, inline: bool = True, python: bool = False
) -> Any:
    """Compile a function on first call: no interpreter lock, no allocation, no exceptions.

    Parameters
    ----------
    inline : bool
        Melt it into its callers. A group of arrays costs some seventy machine arguments a call,
        so small kernels triple their speed; large ones with several callers stay functions.
    python : bool
        Make it callable from Python. The code that unpacks a group of arrays takes a third of the
        time of compilation, and kernels are called by kernels; see `from_python`.
    """
    if function is None:
        return functools.partial(kernel, inline=inline, python=python)
    options = {"forceinline": inline, "no_cfunc_wrapper": True, "no_cpython_wrapper": not python}
    compiled = njit(**FLAGS, **options)(function)
    if _may_cache(Path(function.__code__.co_filename).resolve()):
        try:
            compiled._cache = _Cache(function)
        except RuntimeError:  # no usable folder
            pass
    compiled.__class__ = _Kernel if python else _Inner
    KERNELS.append(compiled)
    return compiled


@functools.cache
def from_python(inner: Any) -> Any:
    """Face of any kernel that Python can call, for tests and tools."""

    @njit(**FLAGS)  # type: ignore[untyped-decorator]
    def face(*args: Any) -> Any:
        return inner(*args)

    return face
