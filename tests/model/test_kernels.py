"""Rules that every kernel keeps, whoever writes it."""

import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from numba import types

import crossmargin
from crossmargin.model import code_cache as home
from crossmargin.model.kernel import KERNELS, from_python, holds_array, kernel

MODULES = [
    info.name
    for info in pkgutil.walk_packages(crossmargin.__path__, "crossmargin.")
    if not info.name.endswith("__main__")
]
ROOT = Path(crossmargin.__file__).resolve().parents[1]


@pytest.fixture(scope="module", autouse=True)
def _everything_imported() -> None:
    for name in MODULES:
        importlib.import_module(name)


def ours() -> list[object]:
    """Kernels of the package; tests make some of their own."""
    return [k for k in KERNELS if k.__module__.startswith("crossmargin.")]


def test_all_kernels_are_known() -> None:
    names = {k.__module__ for k in ours()}
    assert {
        "crossmargin.model.book",
        "crossmargin.model.loop",
        "crossmargin.model.trading",
    } <= names
    assert len(ours()) > 100


def test_no_kernel_takes_more_than_five_arguments() -> None:
    crowded = {
        f"{k.__module__}.{k.__name__}": count
        for k in ours()
        if (count := len(inspect.signature(k.py_func).parameters)) > 5
    }
    assert crowded == {}


def _code_lines(function: object) -> int:
    """Lines of a function without its docstring and its decorators."""
    lines, _ = inspect.getsourcelines(function)  # type: ignore[arg-type]
    doc = inspect.getdoc(function)
    first = next(i for i, line in enumerate(lines) if line.lstrip().startswith("def "))
    return len(lines) - first - (len(doc.splitlines()) if doc else 0)


def test_kernels_are_short() -> None:
    lengths = {f"{k.__module__}.{k.__name__}": _code_lines(k.py_func) for k in ours()}
    assert {name: n for name, n in lengths.items() if n > 40} == {}
    assert median(lengths.values()) <= 12


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (types.int64, False),
        (types.Array(types.int64, 1, "C"), True),
        (types.UniTuple(types.int64, 3), False),
        (types.UniTuple(types.Array(types.int64, 1, "C"), 3), True),
        (types.Tuple((types.int64, types.Array(types.int64, 1, "C"))), True),
        (types.Tuple((types.int64, types.Tuple((types.ListType(types.int64),)))), True),
    ],
)
def test_what_holds_an_array(kind: types.Type, expected: bool) -> None:
    assert holds_array(kind) is expected


@pytest.mark.parametrize("python", [True, False])
def test_a_kernel_that_returns_an_array_is_refused(python: bool) -> None:
    @kernel(python=python)
    def tail(a):  # type: ignore[no-untyped-def]
        return a[1:], 1

    with pytest.raises(TypeError, match="kernel tail returns an array"):
        if python:
            tail(np.ones(3))
        else:
            tail.compile((types.Array(types.float64, 1, "C"),))


def test_no_compiled_overload_returns_an_array() -> None:
    wrong = [
        k.__name__
        for k in ours()
        for compiled in k.overloads.values()
        if holds_array(compiled.signature.return_type)
    ]
    assert wrong == []


def test_a_kernel_without_a_python_face_says_so() -> None:
    @kernel
    def double(x):  # type: ignore[no-untyped-def]
        return 2 * x

    with pytest.raises(TypeError, match="from_python"):
        double(1)
    assert from_python(double)(1) == 2


def test_one_file_alone_turns_reference_counting_off() -> None:
    files = [
        file
        for folder in (*home.FOLDERS, "crossmargin")
        for file in (ROOT / folder).glob("**/*.py")
        if not (ROOT / folder / file.relative_to(ROOT / folder).parts[0]).is_symlink()
    ]
    assert [f.name for f in files if "_nrt" in f.read_text()] == ["kernel.py"]
    pattern = re.compile(r"\bimport .*\bn?jit\b|\bnumba\.n?jit\b|fastmath|parallel=True")
    named = {f.name for f in files if pattern.search(f.read_text())}
    assert named <= {"kernel.py"}


@pytest.mark.long
def test_no_kernel_at_all_returns_an_array_when_all_is_compiled_anew(tmp_path: Path) -> None:
    code = (
        "from tests.model.test_kernels import *\n"
        "from crossmargin.model.parts import addresses_of, find_part\n"
        "from tests.small import small_state\n"
        "state = small_state(4)\n"
        "parts = [m for m in map(importlib.import_module, MODULES) if hasattr(m, 'KERNEL')]\n"
        "for part in parts:\n"
        "    if hasattr(part.KERNEL, 'overloads'):\n"
        "        addresses_of([part.KERNEL], state)\n"
        "test_no_compiled_overload_returns_an_array()\n"
        "assert sum(bool(k.overloads) for k in ours()) > 0.7 * len(ours())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"CROSSMARGIN_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
