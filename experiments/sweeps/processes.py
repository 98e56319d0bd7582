"""Worker processes of this machine.

They are started anew (`spawn`), in an executor each: when one dies, by its own hand or that of the
system, the others go on and only its chunks are tried again. The global start method is never
touched, and a worker imports neither the user's script nor the notebook, so neither needs a guard.
"""

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any

from crossmargin.experiments.sweeps.blackbox import Death, open_box, read_box
from crossmargin.experiments.sweeps.executors import AHEAD, WorkerError
from crossmargin.experiments.sweeps.tasks import Task
from crossmargin.experiments.sweeps.worker import Job, Outcome, run_chunk

#: Workers in a row that may die before they were ready.
EARLY_DEATHS = 5


class _Worker(SpawnProcess):
    """A process that knows nothing of the script that started it, nor of Ctrl-C."""

    def start(self) -> None:
        with _interrupts_held(), _no_script():
            super().start()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """A process started meanwhile never sees Ctrl-C; this one sees it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _no_script() -> Iterator[None]:
    """A process started meanwhile does not run the user's script again, as `spawn` would have it.

    Tasks lie in modules, so nothing of the script is needed, and it need not be guarded.
    """
    main = sys.modules["__main__"]
    facts: dict[str, Any] = {
        key: vars(main)[key] for key in ("__file__", "__spec__") if key in vars(main)
    }
    main.__spec__ = None
    main.__dict__.pop("__file__", None)
    try:
        yield
    finally:
        vars(main).update(facts)


class _Context(SpawnContext):
    """Starts processes anew and remembers them."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[SpawnProcess] = []

    @property
    def Process(self) -> Callable[..., SpawnProcess]:  # type: ignore[override]
        return self._process

    def _process(self, *arguments: Any, **options: Any) -> SpawnProcess:
        self.started.append(_Worker(*arguments, **options))
        return self.started[-1]


def start_worker(box: str) -> None:
    """Prepare a worker process: it records what it does and ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    open_box(box)


def _follow(parent: Any) -> None:
    parent.join()
    os._exit(1)


class _Seat:
    """Place of one worker process: when it dies, another takes its place."""

    def __init__(self, boxes: Path, number: int) -> None:
        self.boxes, self.number, self.generation = boxes, number, 0
        self.under_way = 0
        self._begin()

    def _begin(self) -> None:
        self.context = _Context()
        self.box = self.boxes / f"{self.number}-{self.generation}"
        self.executor = ProcessPoolExecutor(
            1, mp_context=self.context, initializer=start_worker, initargs=(str(self.box),)
        )

    def submit(self, job: Job, chunk: Sequence[Task]) -> "Future[list[Outcome]]":
        try:
            return self.executor.submit(run_chunk, job, chunk)
        except BrokenProcessPool:  # it died while it had nothing to do
            self.renew()
            return self.executor.submit(run_chunk, job, chunk)

    def renew(self) -> None:
        self.kill()
        self.generation += 1
        self._begin()

    def kill(self) -> None:
        for process in self.context.started:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                process.kill()
        self.executor.shutdown(wait=False, cancel_futures=True)


class ProcessPool:
    """Runs in processes of this machine, each in a seat of its own."""

    name = "processes"

    def __init__(self, jobs: int) -> None:
        self.width, self.room = jobs, AHEAD * jobs
        self.boxes = Path(tempfile.mkdtemp(prefix="crossmargin-sweep-"))
        self.seats = [_Seat(self.boxes, number) for number in range(jobs)]
        self.places: dict[Any, tuple[_Seat, int, Path]] = {}
        self.early = 0

    def submit(self, job: Job, chunk: Sequence[Task]) -> "Future[list[Outcome]]":
        """Future of the outcomes, in the seat that has least to do."""
        seat = min(self.seats, key=lambda s: s.under_way)
        future = seat.submit(job, chunk)
        self.places[future] = (seat, seat.generation, seat.box)
        seat.under_way += 1
        return future

    def settle(self, future: Any, error: BaseException | None) -> Death | None:
        """How the worker died, when it did; another has its seat then."""
        seat, generation, box = self.places.pop(future)
        seat.under_way -= 1
        if not isinstance(error, BrokenExecutor):
            self.early = 0
            return None
        death = read_box(box)
        if generation == seat.generation:
            seat.renew()
            self._count(death)
        return death

    def _count(self, death: Death) -> None:
        self.early = self.early + 1 if death.is_early else 0
        if self.early >= EARLY_DEATHS:
            raise WorkerError(
                f"{self.early} worker processes died as they started: is there memory for "
                f"{self.width} of them? Fewer with --jobs, or none with --executor threads"
            )

    def close(self, *, now: bool) -> None:
        """End the processes: when they are done, or at once."""
        for seat in self.seats:
            if now:
                seat.kill()
            seat.executor.shutdown(wait=True, cancel_futures=now)
        shutil.rmtree(self.boxes, ignore_errors=True)
