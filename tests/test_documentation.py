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


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_the_readme_code_runs(number: int, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(blocks("python")[number])
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_first_example_is_short() -> None:
    lines = [line for line in blocks("python")[0].splitlines() if line.strip()]
    assert len(lines) <= 12


def command_lines(program: str) -> list[str]:
    """Lines of all documents that call a program, comments cut."""
    text = "\n".join(path.read_text() for path in DOCUMENTS)
    shown = re.findall(rf"(?:^|`)(?:\$ )?({program} [^`\n#]*)", text, re.MULTILINE)
    return sorted({line.strip() for line in shown})


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
            text = help_of(command)
            assert all(o.partition("=")[0] in text for o in options if o.startswith("--")), line


@pytest.mark.parametrize("path", DOCUMENTS, ids=names(DOCUMENTS))
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", path.read_text())
    assert not [t for t in targets if "://" not in t and not (path.parent / t).exists()]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_has_a_readme(folder: str) -> None:
    assert (ROOT / folder / "README.md").stat().st_size > 500
