"""A whole state in one file, to be taken up again bit for bit by the same version of the model.

The file is a zip of NumPy arrays (`.npz`), each under its path in the state (`ledger.lots`), with a
header: the digest of all record types, and the size of the chunks of the log, which must be
sealed and are not kept. It is written to a temporary name and renamed, so that a reader finds a
whole file or none. It is no format for exchange: `digest_of` changes with any record.
"""

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crossmargin.model.errors import StateError
from crossmargin.model.readiness import make_ready_for
from crossmargin.model.state import (
    Array,
    Book,
    Crowd,
    Ledger,
    Log,
    Options,
    Outside,
    State,
    Stops,
)
from crossmargin.model.world import CHUNKS

GROUPS: dict[str, Any] = {
    "book": Book,
    "ledger": Ledger,
    "log": Log,
    "crowd": Crowd,
    "outside": Outside,
    "stops": Stops,
    "options": Options,
}
HEADER = "header"
#: What reading a damaged file can raise.
DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def named_arrays(state: State) -> Iterator[tuple[str, Array]]:
    """Every array of a state once, with its path; the chunks of the log are left out."""
    for name in State._fields:
        member: Any = getattr(state, name)
        if name not in GROUPS:
            yield name, member
            continue
        for field, array in zip(member._fields, member, strict=True):
            is_chunk = name == "log" and field in CHUNKS
            is_shared = (name, field) == ("book", "lots")  # the ledger's own
            if not is_chunk and not is_shared:
                yield f"{name}.{field}", array


def digest_of(state: State) -> str:
    """Hash of the record types of a state, 16 hex digits; shapes do not count."""
    types = [(name, str(np.dtype(array.dtype).descr)) for name, array in named_arrays(state)]
    chunks = [str(getattr(state.log, chunk).dtype.descr) for chunk in CHUNKS]
    return hashlib.sha256(repr((types, chunks)).encode()).hexdigest()[:16]


def save_state(state: State, path: Path, notes: Mapping[str, Any] | None = None) -> None:
    """Write a state to a file.

    Parameters
    ----------
    notes : mapping, optional
        What is to be kept beside it, in JSON's terms.

    Raises
    ------
    StateError
        When the log holds rows that were not sealed: they would be lost.
    OSError
        When the file cannot be written.
    """
    if any(int(state.log.cursor[filled][0]) for filled in set(CHUNKS.values())):
        raise StateError(f"{path}: the log holds rows that are not sealed; call World.seal first")
    header = {
        "digest": digest_of(state),
        "chunks": {chunk: getattr(state.log, chunk).shape for chunk in CHUNKS},
        "notes": dict(notes or {}),
    }
    arrays: dict[str, Any] = dict(named_arrays(state))
    arrays[HEADER] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".partial-", suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def load_state(path: Path, like: State) -> tuple[State, dict[str, Any]]:
    """State from a file, with what was kept beside it.

    Parameters
    ----------
    like : State
        Of the same model: the file must have its record types. Sizes may differ.

    Raises
    ------
    StateError
        When the file is missing or damaged, or another version of the model wrote it.
    """
    try:
        with np.load(path, allow_pickle=False) as found:
            header = json.loads(found[HEADER].tobytes())
            if header["digest"] != digest_of(like):
                raise StateError(
                    f"{path}: was written by a version of the model with other records "
                    f"({header['digest']}, this one has {digest_of(like)}); make it again"
                )
            # a file does not say that records are aligned, which kernels are compiled for
            arrays = {name: found[name].view(array.dtype) for name, array in named_arrays(like)}
        state = _rebuilt(arrays, header["chunks"], like)
        make_ready_for(state.ledger)
        return state, header["notes"]
    except DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StateError(f"{path}: cannot be read as a state: {reason}") from None


def _rebuilt(arrays: Mapping[str, Array], chunks: Mapping[str, list[int]], like: State) -> State:
    def member(group: str, field: str) -> Array:
        if (group, field) == ("book", "lots"):
            return arrays["ledger.lots"]
        if group == "log" and field in CHUNKS:
            return np.zeros(tuple(chunks[field]), getattr(like.log, field).dtype)
        return arrays[f"{group}.{field}"]

    groups: dict[str, Any] = {
        name: kind(*(member(name, field) for field in kind._fields))
        for name, kind in GROUPS.items()
    }
    plain: dict[str, Any] = {name: arrays[name] for name in State._fields if name not in GROUPS}
    return State(**groups, **plain)
