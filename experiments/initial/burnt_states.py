"""Burnt-in states in the user's cache folder, so that a sweep does not repeat them.

A state is known by the hash of what acts in its burn-in: the quiet form of the scenario, the
content of the files that it names, the seed, the sizes of its arrays and the version of the model.
Files are written whole or not at all, so that any number of processes may write at once; who finds
a damaged file makes it again. The folder is kept below a limit: what was used least recently goes.
"""

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from crossmargin.experiments.recordings import DATA
from crossmargin.experiments.schema import Scenario
from crossmargin.experiments.versions import foreign_modules, model_version
from crossmargin.model.code_cache import cache_folder
from crossmargin.model.errors import ParameterError, StateError
from crossmargin.model.saving import load_state, named_arrays, save_state
from crossmargin.model.state import State

#: Most bytes of the folder, unless `CROSSMARGIN_BURN_IN_BYTES` says otherwise.
MOST_BYTES = 1 << 30


def folder() -> Path:
    """Folder of burnt-in states."""
    return cache_folder() / "burn-in"


def key_of(quiet: Scenario, seed: int, state: State) -> str | None:
    """Name of a burnt-in state, 32 hex digits; None where sources are not known whole.

    Parts and traders from outside the package may import anything, so their states are not kept.
    """
    table = quiet.model_dump(mode="json", exclude={"initial": {"burn_in": {"cache"}}})
    if foreign_modules(table):
        return None
    shapes = [(name, array.shape) for name, array in named_arrays(state)]
    files = [
        hashlib.sha256(_content(name)).hexdigest()
        for row in (quiet.initial.volume_at_price if quiet.initial else ())
        for name in (row.file, row.candles)
        if name is not None
    ]
    facts = [json.dumps(table, sort_keys=True), str(seed), model_version(), repr(shapes), *files]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:32]


def _content(name: str) -> bytes:
    return (DATA / name).read_bytes()


def find_state(key: str | None, like: State) -> tuple[State, dict[str, Any]] | None:
    """State under a name with its notes, or None when there is none that can be read."""
    if key is None:
        return None
    path = folder() / f"{key}.npz"
    if not path.is_file():
        return None
    try:
        found = load_state(path, like)
    except StateError:
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return found


def keep_state(key: str | None, state: State, notes: dict[str, Any]) -> None:
    """Write a state under a name; where nothing can be written, it is made again next time."""
    if key is None:
        return
    with contextlib.suppress(OSError):
        folder().mkdir(parents=True, exist_ok=True)
        save_state(state, folder() / f"{key}.npz", notes)
        _forget(key)


def _limit() -> int:
    """Most bytes of the folder."""
    text = os.environ.get("CROSSMARGIN_BURN_IN_BYTES", str(MOST_BYTES))
    if not text.isdigit():
        raise ParameterError(f"CROSSMARGIN_BURN_IN_BYTES = {text!r}: is no number of bytes")
    return int(text)


def _forget(newest: str) -> None:
    """Delete the states used least recently until the folder is below its limit."""
    limit = _limit()
    files = []
    for path in folder().glob("*.npz"):
        with contextlib.suppress(OSError):  # another process may delete it
            facts = path.stat()
            files.append((facts.st_mtime_ns, facts.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= limit:
            return
        if path.stem != newest:
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size
