"""Runs on a Dask cluster: other machines, through a scheduler's address or a client.

A worker that dies is the scheduler's affair: it gives the chunk to another one. Only when several
have died over a chunk does the chunk come back; its runs then go out one by one, so that the one
which kills workers is found.

References
----------
https://distributed.dask.org
"""

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from crossmargin.experiments.sweeps.blackbox import Death
from crossmargin.experiments.sweeps.executors import AHEAD, WorkerError
from crossmargin.experiments.sweeps.tasks import Task
from crossmargin.experiments.sweeps.worker import Job, run_chunk
from crossmargin.model.errors import ParameterError

#: Longest wait for a scheduler to answer, s.
PATIENCE = 20.0
#: Time between two looks at how many workers there are, s.
LOOK_SECONDS = 2.0
GONE = "dask: the scheduler is gone"


class DaskPool:
    """Runs on the workers of a Dask cluster, as many at a time as they have threads.

    Parameters
    ----------
    place : str or Client
        Address of a scheduler, as `tcp://10.0.0.1:8786`, or a client, which stays open.
    """

    name = "dask"

    def __init__(self, place: Any) -> None:
        self.is_own = isinstance(place, str)
        self.client = _connected(place) if self.is_own else place
        if getattr(self.client, "asynchronous", False):
            raise ParameterError("dask: is an asynchronous client; give one that waits")
        self.alive: set[Any] = set()
        self.threads, self.next_look = 1, 0.0

    @property
    def width(self) -> int:
        """Threads of the workers that there are, asked for now and then: a cluster may grow."""
        if time.monotonic() >= self.next_look:
            self.next_look = time.monotonic() + LOOK_SECONDS
            try:
                self.threads = max(1, sum(self.client.nthreads().values()))
            except Exception as error:
                raise WorkerError(GONE) from error
        return self.threads

    @property
    def room(self) -> int:
        """Chunks that may be under way."""
        return AHEAD * self.width

    def submit(self, job: Job, chunk: Sequence[Task]) -> Any:
        """Future of the outcomes."""
        try:
            future = self.client.submit(run_chunk, job, list(chunk), pure=False)
        except Exception as error:  # whatever a lost connection brings
            raise WorkerError(GONE) from error
        self.alive.add(future)
        return future

    def settle(self, future: Any, error: BaseException | None) -> Death | None:
        """Let the cluster forget a chunk; how its workers died, if they did."""
        from distributed import KilledWorker

        self.alive.discard(future)
        future.release()
        if self.client.status not in ("running", "connecting"):
            raise WorkerError(GONE) from error
        if isinstance(error, KilledWorker):
            return Death("", "killed", str(error), workers=error.allowed_failures + 1)
        return None

    def close(self, *, now: bool) -> None:
        """Give up what is under way; a client that was opened here is closed."""
        with contextlib.suppress(Exception):  # the scheduler may be gone
            if now:
                self.client.cancel(list(self.alive), force=True)
            if self.is_own:
                self.client.close()


def _connected(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise ParameterError("dask: is not installed; pip install 'crossmargin[dask]'") from None
    try:
        return Client(address, timeout=PATIENCE)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise ParameterError(f"dask = {address!r}: no scheduler answers there: {error}") from None
