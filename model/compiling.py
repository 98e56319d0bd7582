"""First compilation: what is missing from the cache, said aloud and shared by two processes."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from crossmargin.model.blank import Sizes, blank_state
from crossmargin.model.code_cache import cache_folder
from crossmargin.model.kernel import entry_of
from crossmargin.model.loop import run_blocks
from crossmargin.model.parts import Part, addresses_of, find_part

#: Fewer parts than this are not worth a second process.
FEWEST = 6


def is_missing(kernel: Any) -> bool:
    """Tell whether a kernel could lie in the cache folder and does not.

    Kernels of a user, and all when no folder can be written, are never cached.
    """
    files = getattr(entry_of(kernel)._cache, "_cache_file", None)
    return files is not None and not Path(files._index_path).exists()


def missing_parts(parts: Iterable[Part]) -> list[Part]:
    """Compiled parts without machine code in the cache, each once."""
    found = {p.name: p for p in parts if p.is_compiled and is_missing(p.kernel)}
    return list(found.values())


def compile_parts(names: Iterable[str]) -> None:
    """Compile parts into the cache; which numbers a state holds does not matter to their code."""
    state = blank_state(Sizes(accounts=8, assets=1, markets=1), 0, 1.0)
    with rare_collection():
        addresses_of([find_part(name).kernel for name in names], state)


def compile_aside(names: list[str]) -> None:
    """What a second process compiles meanwhile: some parts, and the loop that calls them all."""
    compile_parts(names)
    state = blank_state(Sizes(accounts=8, assets=1, markets=1), 0, 1.0)
    run_blocks(np.zeros(0, np.int64), state, 0, 0)


@contextmanager
def rare_collection() -> Iterator[None]:
    """Look for cycles of garbage less often: a compiler keeps nearly all of what it makes.

    A fifth of the time of compilation, for a tenth more memory.
    """
    usual = gc.get_threshold()
    gc.set_threshold(50_000, 50, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def warm(parts: Iterable[Part], say: Callable[[str], None]) -> None:
    """Compile what is missing, on two cores when there are two, and say so first."""
    missing = missing_parts(parts)
    if not missing:
        return
    say(f"compiling {len(missing)} parts for this machine, once; it can take a minute ...")
    if len(missing) < FEWEST or (os.cpu_count() or 1) < 2 or not os.access(_writable(), os.W_OK):
        compile_parts(part.name for part in missing)
        return
    mine, theirs = _halves(missing)
    command = (
        "from crossmargin.model.compiling import compile_aside as c; import sys; c(sys.argv[1:])"
    )
    words = [sys.executable, "-c", command, *theirs]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        compile_parts(mine)


def _writable() -> Path:
    folder = cache_folder()
    return next(path for path in (folder, *folder.parents) if path.exists())


def _halves(parts: list[Part]) -> tuple[list[str], list[str]]:
    """Parts that send orders to the book share most of their code: they stay in one process."""
    trading = [p.name for p in parts if p.phase in ("liquidation", "matching")]
    others = [p.name for p in parts if p.name not in trading]
    return trading, others
