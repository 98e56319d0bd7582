"""What is in the repository, for tests about the repository itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: The folders of the package, in the order in which they may import one another.
FOLDERS = ("model", "agents", "experiments", "dashboards")

#: Made by the tools, never committed. Folders whose names begin with a dot are left out too.
MADE = {"build", "demo", "dist", "__pycache__", "crossmargin.egg-info"}


def files(folder: Path = ROOT) -> Iterator[Path]:
    """Every file below a folder that is written by hand; links are not followed."""
    for path in sorted(folder.iterdir()):
        if path.name in MADE or path.is_symlink() or path.name in {".git", ".venv"}:
            continue
        if path.is_file():
            yield path
        elif not path.name.startswith(".") or path.name == ".ci":
            yield from files(path)


def sources(folder: str) -> list[Path]:
    """Python files of one folder of the package."""
    return [path for path in files(ROOT / folder) if path.suffix == ".py"]


def module_name(path: Path) -> str:
    """Name under which a file of the package is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    names = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(names if names[:1] == ("crossmargin",) else ("crossmargin", *names))


def imports(path: Path) -> set[str]:
    """Full names of all modules that a file imports, at whatever depth of its code."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found
