"""The folders import one another in one direction, and only kernels go without annotations."""

import ast
from pathlib import Path

import pytest

from tests.repository import FOLDERS, ROOT, imports, sources

SOURCES = [path for folder in FOLDERS for path in sources(folder)]
NAMES = [str(path.relative_to(ROOT)) for path in SOURCES]

#: Decorators whose functions Numba types: kernels, and the bodies of its intrinsics.
COMPILED = {"kernel", "intrinsic", "overload", "njit", "register_jitable"}


def allowed(folder: str) -> set[str]:
    return set(FOLDERS[: FOLDERS.index(folder) + 1])


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_run_one_way(folder: str) -> None:
    wrong = []
    for path in sources(folder):
        for name in imports(path):
            package, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            if package == "crossmargin" and target in FOLDERS and target not in allowed(folder):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong, wrong


def test_an_upward_import_would_be_seen(tmp_path: Path) -> None:
    upward = tmp_path / "upward.py"
    upward.write_text("def f():\n    from crossmargin.dashboards import figures\n")
    assert imports(upward) == {"crossmargin.dashboards.figures"}
    assert "dashboards" not in allowed("model")


def test_the_model_knows_nothing_of_mesa() -> None:
    mesa = [path for path in sources("model") if any(n.startswith("mesa") for n in imports(path))]
    assert not mesa


def decorators(function: ast.FunctionDef) -> set[str]:
    names = set()
    for decorator in function.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        names.add(target.id if isinstance(target, ast.Name) else getattr(target, "attr", ""))
    return names


def unannotated(tree: ast.AST, *, compiled: bool = False) -> list[ast.FunctionDef]:
    """Functions that lack an annotation and are neither compiled nor inside a compiled one."""
    found = []
    for node in ast.iter_child_nodes(tree):
        inside = compiled
        if isinstance(node, ast.FunctionDef):
            inside = compiled or bool(decorators(node) & COMPILED)
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            lacking = [
                a for a in arguments if a.annotation is None and a.arg not in {"self", "cls"}
            ]
            returns = node.returns is not None or (node.name == "__init__" and not lacking)
            if not inside and (lacking or not returns):
                found.append(node)
        found += unannotated(node, compiled=inside)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_only_kernels_go_without_annotations(path: Path) -> None:
    found = unannotated(ast.parse(path.read_bytes()))
    assert not found, [f"{path.name}:{f.lineno} {f.name}" for f in found]


def test_a_function_without_annotations_would_be_seen() -> None:
    code = "@kernel(inline=False)\ndef compiled(a): ...\n\ndef plain(a): ...\n"
    assert [f.name for f in unannotated(ast.parse(code))] == ["plain"]
