"""Files of a sweep's folder: written whole or not at all, and by one process at a time."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossmargin.model.errors import CrossmarginError, ScenarioError

if TYPE_CHECKING:
    import pyarrow as pa

#: Ending of a file that is being written.
PARTIAL = ".partial"
#: Age at which such a file is what a killed process left, s.
STALE = 3600.0


class StorageError(CrossmarginError):
    """What was found cannot be written: the disk is full or gone."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under another name, to the disk, then rename it.

    Raises
    ------
    StorageError
        When it cannot be written; an older file of that name is as it was.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error


def write_table(path: Path, table: "pa.Table") -> None:
    """Write a table as Parquet, whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    write_atomically(path, buffer.getvalue().to_pybytes())


def read_table(path: Path, columns: list[str] | None = None) -> "pa.Table":
    """Table of a file, or the columns of it that there are.

    Raises
    ------
    ScenarioError
        When it is broken.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        known = [c for c in columns if c in file.schema_arrow.names] if columns else None
        return file.read(columns=known)
    except (OSError, pa.ArrowInvalid) as error:
        raise ScenarioError(
            f"{path}: cannot be read: {str(error).splitlines()[0]}; without the file its runs "
            "are done again"
        ) from None


def tables(folder: Path, kind: str) -> list[Path]:
    """Files of a kind, `runs`, `timing`, `series` or `events`, in order of their names."""
    return sorted(folder.glob(f"{kind}-*.parquet"))


def clear_partial(folder: Path) -> None:
    """Remove what processes left that were killed while they wrote."""
    for file in folder.glob(f".*{PARTIAL}"):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > STALE:
                file.unlink()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold other writers off a file that all of them write; freed when the process ends."""
    try:
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror}") from error
    try:
        with suppress(OSError):  # a file system without locks: sweeps of one writer are safe
            _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)


def size_of(table: Any) -> int:
    """Bytes of a table; 0 of none."""
    return 0 if table is None else int(table.nbytes)
