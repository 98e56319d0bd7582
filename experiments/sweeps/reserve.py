"""Room kept on the disk of a sweep's folder, so that a full one can still be told there.

Each writer holds one block. When results cannot be written it gives the block back and puts the
error into `errors.txt`. That succeeds when the folder's own disk or quota was full; it cannot when
the disk is gone or read-only, or when another program takes the block in that moment. Then the
error is on standard error alone.
"""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

from crossmargin.experiments.sweeps.files import PARTIAL, write_atomically
from crossmargin.experiments.sweeps.worker import worker_name

#: Where errors of writing stand, a line each.
ERRORS = "errors.txt"
#: Size of the room that is kept, bytes: a block of most file systems, and more than an error takes.
BLOCK = 4096


class Reserve:
    """Room of one writer in a folder."""

    def __init__(self, folder: Path, tag: str) -> None:
        self.folder, self.is_told = folder, False
        self.path = folder / f".reserve-{tag}{PARTIAL}"
        write_atomically(self.path, os.urandom(BLOCK))  # noise: zeros may take no room at all

    def release(self) -> None:
        """Give the room back."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def record(self, error: Exception) -> None:
        """Give the room back and write an error there, once, if that can be."""
        if self.is_told:
            return
        self.release()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        line = f"{now} {worker_name()}: {error}"[: BLOCK - 1]
        with contextlib.suppress(OSError), (self.folder / ERRORS).open("a", encoding="utf-8") as to:
            to.write(f"{line}\n")
            self.is_told = True


def errors_of(folder: Path) -> list[str]:
    """Errors of writing that a folder has recorded, oldest first."""
    try:
        return (folder / ERRORS).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
