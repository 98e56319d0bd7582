"""The cache of machine code never serves stale code: the real decorator, in a package of its own.

A small package that is named as the real one is made of the real `model/kernel.py`, a callee and a
caller in another file. Every run is a process of its own, and prints the result and the number of
kernels that came from the cache.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crossmargin.model import code_cache
from crossmargin.model import kernel as real

CALLEE = """
from crossmargin.model.kernel import kernel

SCALE = 2.0


@kernel
def callee(x):
    return SCALE * x[0]
"""
CALLER = """
from crossmargin.model.callee import callee
from crossmargin.model.kernel import kernel


@kernel(python=True)
def caller(x):
    return callee(x) + 1.0
"""
RUN = """
import numpy as np
from crossmargin.model.caller import caller
try:
    value = caller(np.ones({n}))
except IndexError:
    value = "IndexError"
print(value, sum(caller.stats.cache_hits.values()))
"""


class Package:
    """A copy of the small package, and processes that use it."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.cache = folder, cache

    @property
    def callee(self) -> Path:
        """File that the caller imports."""
        return self.folder / "crossmargin/model/callee.py"

    def write(self) -> "Package":
        """Write the package."""
        model = self.folder / "crossmargin" / "model"
        model.mkdir(parents=True)
        (model.parent / "__init__.py").touch()
        (model / "__init__.py").touch()
        for name in ("kernel.py", "lowering.py", "code_cache.py"):
            shutil.copy(Path(real.__file__).parent / name, model / name)
        (model / "callee.py").write_text(CALLEE)
        (model / "caller.py").write_text(CALLER)
        return self

    def start(self, code: str = RUN, n: int = 3, **environment: str) -> "subprocess.Popen[str]":
        """Start a process that runs some code with this package."""
        settings = {"CROSSMARGIN_CACHE_DIR": str(self.cache), "PYTHONPATH": str(self.folder)}
        return subprocess.Popen(
            [sys.executable, "-B", "-c", code.format(n=n)],
            cwd=self.folder,
            env=os.environ | settings | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, code: str = RUN, n: int = 3, **environment: str) -> str:
        """Run some code with this package; returns what it printed."""
        process = self.start(code, n, **environment)
        out, errors = process.communicate()
        assert process.returncode == 0, errors
        return out.strip()

    def edit(self, old: str, new: str) -> None:
        """Edit the callee so that its time of modification, as ever so often, says nothing."""
        before = self.callee.stat()
        text = self.callee.read_text()
        assert old in text
        self.callee.write_text(text.replace(old, new))
        os.utime(self.callee, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path / "one", tmp_path / "cache").write()


def test_the_second_process_reads_what_the_first_compiled(package: Package) -> None:
    assert package.run() == "3.0 0"
    assert package.run() == "3.0 1"


def test_an_edited_callee_in_another_file_is_compiled_anew(package: Package) -> None:
    package.run()
    package.edit("x[0]", "9.0 * x[0]")
    assert package.run() == "19.0 0"


def test_an_edited_global_of_equal_size_and_time_is_seen(package: Package) -> None:
    package.run()
    package.edit("2.0", "7.0")
    assert package.run() == "8.0 0"


def test_edited_records_count_though_a_kernel_does_not_import_them(package: Package) -> None:
    records = package.callee.with_name("state.py")
    records.write_text("WIDTH = 8\n")
    assert package.run() == "3.0 0"
    assert package.run() == "3.0 1"
    records.write_text("WIDTH = 9\n")
    assert package.run() == "3.0 0"


def test_a_reverted_edit_finds_the_old_code_again(package: Package) -> None:
    package.run()
    package.edit("2.0", "7.0")
    package.run()
    package.edit("7.0", "2.0")
    assert package.run() == "3.0 1"


def test_code_that_checks_bounds_is_kept_apart(package: Package) -> None:
    package.run()
    assert package.run(n=0, NUMBA_BOUNDSCHECK="1") == "IndexError 0"
    assert package.run() == "3.0 1"


def test_an_unwritable_folder_means_compiling_every_time(package: Package) -> None:
    package.cache = Path("/proc/nowhere")
    assert package.run() == "3.0 0"
    assert package.run() == "3.0 0"


def test_two_versions_live_side_by_side(package: Package, tmp_path: Path) -> None:
    other = Package(tmp_path / "two", package.cache).write()
    other.edit("2.0", "7.0")
    versions = (package, other, package, other)
    assert [version.run() for version in versions] == ["3.0 0", "8.0 0", "3.0 1", "8.0 1"]


def test_eight_processes_at_once_agree(package: Package) -> None:
    processes = [package.start() for _ in range(8)]
    printed = [process.communicate()[0].split()[0] for process in processes]
    assert printed == ["3.0"] * 8
    assert package.run() == "3.0 1"


def test_a_process_killed_while_it_writes_spoils_nothing(package: Package) -> None:
    slow_writes = (
        "import os, time, numba.core.caching as caching\n"
        "replace = os.replace\n"
        "os.replace = lambda *names: (print('writing', flush=True), time.sleep(60))\n"
    )
    for _ in range(2):
        process = package.start(slow_writes + RUN)
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.kill()
        process.communicate()
    assert package.run() == "3.0 0"
    assert package.run() == "3.0 1"


def test_what_is_edited_while_a_process_runs_is_not_cached_under_the_new_text(
    package: Package,
) -> None:
    edited = (
        "from pathlib import Path\n"
        "import crossmargin.model.kernel\n"
        "import crossmargin.model.caller\n"  # the text is read, and stamped, here
        f"file = Path({str(package.callee)!r})\n"
        "text = file.read_text()\n"
        "file.write_text(text.replace('2.0', '7.0'))\n"
    )
    assert package.run(edited + RUN) == "3.0 0"
    assert package.run() == "8.0 0"
    package.edit("7.0", "2.0")
    assert package.run() == "3.0 0"


@pytest.mark.parametrize(
    ("imported", "value"),
    [("crossmargin.model.callee", "3.0"), ("crossmargin.model.kernel", "8.0")],
)
def test_an_edit_between_two_imports_never_reaches_the_cache(
    package: Package, imported: str, value: str
) -> None:
    package.run()
    edited = (
        f"import {imported}\n"
        "from pathlib import Path\n"
        f"file = Path({str(package.callee)!r})\n"
        "file.write_text(file.read_text().replace('2.0', '7.0'))\n"
    )
    assert package.run(edited + RUN) == f"{value} 0"
    assert package.run() == "8.0 0"


def test_what_is_edited_before_its_import_and_reverted_leaves_nothing_stale(
    package: Package,
) -> None:
    edited = (
        "from pathlib import Path\n"
        f"file = Path({str(package.callee)!r})\n"
        "text = file.read_text()\n"
        "file.write_text(text.replace('2.0', '7.0'))\n"
    )
    assert package.run(edited + RUN + "file.write_text(text)\n") == "8.0 0"
    assert package.run() == "3.0 0"


def test_a_kernel_of_a_user_is_not_cached(package: Package) -> None:
    own = package.folder / "own.py"
    own.write_text(
        "from crossmargin.model.callee import callee\n"
        "from crossmargin.model.kernel import kernel\n\n\n"
        "@kernel(python=True)\n"
        "def caller(x):\n"
        "    return callee(x) + 1.0\n"
    )
    code = RUN.replace("crossmargin.model.caller", "own")
    assert package.run(code) == "3.0 0"
    assert package.run(code) == "3.0 0"
    assert not list(package.cache.glob("*own*"))


def test_the_digest_reads_all_that_a_file_can_reach() -> None:
    trading = code_cache.HOME / "model" / "trading.py"
    names = {file.name for file in code_cache.import_closure(trading)}
    assert {"trading.py", "book.py", "levels.py", "bits.py", "integers.py", "state.py"} <= names
