"""What the documents show works: doctests, the README's code, commands and links."""

import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import FOLDERS, ROOT, files, module_name, sources

DOCUMENTS = [path for path in files() if path.suffix == ".md"]
README = (ROOT / "README.md").read_text()
WITH_DOCTESTS = [
    module_name(path)
    for folder in ("crossmargin", *FOLDERS)
    for path in sources(folder)
    if ">>> " in path.read_text()
]


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("name", WITH_DOCTESTS)
def test_doctests(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert tried
    assert not failed


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_readme_code_runs(tmp_path: Path) -> None:
    """Blocks that begin with the path of a file are written there, for those that follow."""
    for block in blocks("python"):
        named = re.match(r"# (\S+\.py)\n", block)
        script = tmp_path / (named[1] if named else "example.py")
        script.parent.mkdir(exist_ok=True)
        script.write_text(block)
        if not named:
            command = [sys.executable, script.name]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert done.stdout.strip()


def test_the_first_example_is_short() -> None:
    lines = [line for line in blocks("python")[0].splitlines() if line.strip()]
    assert len(lines) <= 12


def command_lines(program: str) -> list[str]:
    """Commands of all documents that call a program, in fences and in line, comments cut."""
    found = set()
    for path in DOCUMENTS:
        fences = re.findall(r"```\w*\n(.*?)```", path.read_text(), re.DOTALL)
        inline = re.findall(r"`([^`\n]+)`", path.read_text())
        lines = [line for fence in fences for line in fence.splitlines()] + inline
        found |= {
            line.partition("#")[0].strip() for line in lines if line.startswith(f"{program} ")
        }
    return sorted(found)


def test_documented_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {line.split()[1] for line in command_lines("make")}
    assert {"demo", "test", "check", "bench"} <= shown
    assert shown <= targets


def help_of(*arguments: str) -> str:
    code = "from crossmargin.experiments.cli import main; main()"
    command = [sys.executable, "-c", code, *arguments, "--help"]
    wide = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, text=True, env=wide)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stdout


def test_documented_commands_and_options_exist() -> None:
    lines = command_lines("crossmargin")
    assert lines
    for line in lines:
        command, *options = line.split()[1:]
        if not command.startswith("-"):
            text = help_of(*([command, options[0]] if command == "sweep" else [command]))
            assert all(o.partition("=")[0] in text for o in options if o.startswith("--")), line


@pytest.mark.parametrize("path", DOCUMENTS, ids=names(DOCUMENTS))
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", path.read_text())
    assert not [t for t in targets if "://" not in t and not (path.parent / t).exists()]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_has_a_readme(folder: str) -> None:
    assert (ROOT / folder / "README.md").stat().st_size > 500
