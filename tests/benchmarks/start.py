"""How long a user waits: imports, help, a short run from a warm cache, first compilations."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import Figure

SCRIPT = str(Path(sys.executable).with_name("crossmargin"))
ALL_PARTS = """
import importlib, pkgutil
import crossmargin
from crossmargin.model.compiling import warm
from crossmargin.model.parts import find_part
names = [m.name for m in pkgutil.walk_packages(crossmargin.__path__, "crossmargin.")]
modules = [importlib.import_module(n) for n in names if not n.endswith("__main__")]
warm([find_part(m.__name__) for m in modules if hasattr(m, "KERNEL")], print)
"""


def wall(words: list[str], **environment: str) -> float:
    """Seconds on the clock that a command takes."""
    began = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True, env=os.environ | environment)
    return time.perf_counter() - began


def figures() -> Iterator[Figure]:
    """All figures of waiting; the machine should have nothing else to do."""
    nothing = [sys.executable, "-c", "pass"]
    bare = min(wall(nothing) for _ in range(5))
    importing = min(wall([sys.executable, "-c", "import crossmargin"]) for _ in range(5))
    yield Figure("import crossmargin", importing - bare, "s", at_most=0.3)
    help_page = min(wall([SCRIPT, "--help"]) for _ in range(5))
    yield Figure("crossmargin --help", help_page, "s", at_most=0.6)
    short = [SCRIPT, "run", "calm", "--steps", "100"]
    wall(short)
    warm = min(wall(short) for _ in range(3))
    yield Figure("run calm --steps 100, warm cache", warm, "s", at_most=4)
    august = [SCRIPT, "run", "august-2024", "--steps", "1"]
    wall(august)
    warm = min(wall(august) for _ in range(2))
    with tempfile.TemporaryDirectory() as empty:
        cold = wall(august, CROSSMARGIN_CACHE_DIR=empty)
    yield Figure("first compilation of august-2024", cold - warm, "s", at_most=30)
    with tempfile.TemporaryDirectory() as empty:
        cold = wall([sys.executable, "-c", ALL_PARTS], CROSSMARGIN_CACHE_DIR=empty)
    yield Figure("first compilation of the whole package", cold, "s", at_most=60)
