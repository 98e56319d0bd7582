"""Work of a scorecard: one function of a scenario and a seed, kept on disk once it is done.

A result is found again by a hash of the scenario, of what is asked and of the code that answers.
"""

import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from crossmargin.experiments.store import versions
from crossmargin.model.code_cache import HOME, cache_folder

#: Folders whose code can change a result.
CODE = ("model", "agents", "experiments")
DATA = ("*.py", "*.csv")


@functools.cache
def code_hash() -> str:
    """Hash of the code and data that results come from, and of the versions below it."""
    total = hashlib.sha256(json.dumps(versions()).encode())
    for folder in CODE:
        for file in sorted(f for kind in DATA for f in (HOME / folder).rglob(kind)):
            total.update(f"\0{file.relative_to(HOME)}\0".encode() + file.read_bytes())
    return total.hexdigest()


def key_of(question: Any) -> str:
    """Name under which the answer to a question is kept, 32 hex digits."""
    text = json.dumps(question, sort_keys=True, default=str) + code_hash()
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _place(key: str) -> Path:
    return cache_folder() / "scorecards" / f"{key}.json"


def is_answered(question: Any) -> bool:
    """Tell whether the answer to a question is on the disk."""
    return _place(key_of(question)).is_file()


def answered(question: Any, answer: Callable[[], Any]) -> Any:
    """Answer to a question: from the disk, or worked out and put there.

    Parameters
    ----------
    question : anything that JSON can hold; says all that the answer depends on but the code
    answer : function without arguments, whose result JSON can hold
    """
    place = _place(key_of(question))
    try:
        return json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = answer()
    text = json.dumps(found)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_suffix(f".{os.getpid()}.part")
        partial.write_text(text, encoding="utf-8")
        partial.replace(place)
    except OSError:  # nowhere to keep it: work it out again next time
        pass
    return json.loads(text)


def in_threads(
    tasks: Iterable[Callable[[], Any]], threads: int, done: Callable[[], None]
) -> list[Any]:
    """Results of tasks in their order; kernels run without the interpreter's lock.

    The first error stops what has not begun and is raised.
    """
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            for future in futures:
                future.result()
                done()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        return [future.result() for future in futures]
