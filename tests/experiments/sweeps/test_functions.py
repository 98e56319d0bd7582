"""Functions by name: which ones a worker can import, and from where."""

import subprocess
import sys
from pathlib import Path

import pytest

from crossmargin.experiments.sweeps.functions import find_function, function_name, importing_from
from crossmargin.model.errors import ParameterError
from tests.experiments.sweeps.plans import sphere

SCRIPT = """
from crossmargin.experiments.sweeps.functions import find_function, function_name

def mine(values, seed):
    return {}

if __name__ == "__main__":
    name = function_name(mine)
    print(name, find_function(name).__name__)
"""


def test_name_and_function_lead_to_each_other() -> None:
    name = function_name(sphere)
    assert name == "tests.experiments.sweeps.plans:sphere"
    assert find_function(name) is sphere
    assert function_name(name) == name


def test_a_function_of_a_script_is_found_by_the_name_of_the_script(tmp_path: Path) -> None:
    script = tmp_path / "a_script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["a_script:mine", "mine"]


def test_a_function_of_a_notebook_is_refused() -> None:
    done = subprocess.run([sys.executable], input=SCRIPT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "a worker cannot import what a notebook defines" in done.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sphere", "write module:function"),
        (":sphere", "write module:function"),
        ("no_such_module:f", "No module named 'no_such_module'"),
        ("math:sinn", "there is no 'sinn'; did you mean 'sin'"),
        ("math:pi", "is no function"),
        ("..relative:f", "write module:function"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(name: str, words: str) -> None:
    with pytest.raises(ParameterError) as caught:
        find_function(name, "keep.functions")
    assert f"keep.functions = {name!r}" in str(caught.value)
    assert words in str(caught.value)


def test_modules_beside_a_plan_are_found_within_the_block_only(tmp_path: Path) -> None:
    (tmp_path / "beside_a_plan.py").write_text("def f(values, seed):\n    return {'x': 1.0}\n")
    with importing_from(tmp_path):
        assert find_function("beside_a_plan:f")({}, 1) == {"x": 1.0}
    assert str(tmp_path) not in sys.path
    with importing_from(None):
        assert find_function("math:sin")


def test_a_module_that_breaks_while_it_is_imported_says_so(tmp_path: Path) -> None:
    (tmp_path / "a_broken_module.py").write_text("1 / 0\n")
    with importing_from(tmp_path), pytest.raises(ParameterError, match="division by zero"):
        find_function("a_broken_module:f")
