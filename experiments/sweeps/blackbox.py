"""The black box of a worker process: what it was doing when it died.

Before each run a worker writes the run's identity to a small file of its own, mapped to memory.
When the process dies, the parent reads there which run it was, and whether the run had taken too
long, crashed the interpreter, or was killed from outside. Time is kept by a thread of the
interpreter that needs no lock, so that a run which hangs in compiled code is stopped too.
"""

import faulthandler
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: How a record of a run begins that took too long, as the interpreter writes it.
TIMED_OUT = "Timeout ("
#: How one begins that crashed the interpreter.
CRASHED = "Fatal Python error"

#: Bytes of the identity at the beginning of a box; what the interpreter writes comes after.
WIDTH = 64

_descriptor: int | None = None
_page: mmap.mmap | None = None


def open_box(path: str) -> None:
    """Begin to record in this process."""
    global _descriptor, _page
    binary = getattr(os, "O_BINARY", 0)
    _descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | binary)
    os.write(_descriptor, b"\n".rjust(WIDTH))
    _page = mmap.mmap(_descriptor, WIDTH)
    faulthandler.enable(_descriptor, all_threads=False)


@contextmanager
def recorded(run_id: str, seconds: float) -> Iterator[None]:
    """Record that a run is under way; after some seconds the process ends, 0 means never.

    Outside a worker process nothing happens.
    """
    if _descriptor is None or _page is None:
        yield
        return
    _page[:WIDTH] = f"{run_id}\n".rjust(WIDTH).encode()  # memory, so that it costs nothing
    if seconds:
        faulthandler.dump_traceback_later(seconds, exit=True, file=_descriptor)
    try:
        yield
    finally:
        if seconds:
            faulthandler.cancel_dump_traceback_later()
        _page[:WIDTH] = b"\n".rjust(WIDTH)


@dataclass(frozen=True)
class Death:
    """How a worker process ended.

    Attributes
    ----------
    run_id : str
        Run that was under way; empty when there was none, or none is known.
    reason : str
        `timeout`, `crash`, or `killed`: by the system, for want of memory, by somebody.
    trace : str
        Where the run was, when that is known.
    is_early : bool
        The worker died before it was ready.
    workers : int
        How many died over it.
    """

    run_id: str
    reason: Literal["timeout", "crash", "killed"]
    trace: str
    is_early: bool = False
    workers: int = 1


def read_box(path: Path) -> Death:
    """What a black box says about the death of its worker."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Death("", "killed", "", is_early=True)
    run_id, _, trace = text.partition("\n")
    run_id = run_id.strip()
    if TIMED_OUT in trace:
        return Death(run_id, "timeout", _of_the_run(trace))
    return Death(run_id, "crash" if CRASHED in trace else "killed", _of_the_run(trace))


def _of_the_run(trace: str) -> str:
    """The head line and the thread in which the run was."""
    head, _, rest = trace.strip().partition("\n")
    blocks = [block for block in rest.split("\n\n") if "in run_chunk" in block]
    return "\n".join([head, *(block.strip() for block in blocks)])
