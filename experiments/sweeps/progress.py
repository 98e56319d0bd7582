"""How far a sweep is, and the bars that show it: rich on a terminal, tqdm in notebooks."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

#: Shortest time between two looks, s.
INTERVAL = 0.2


@dataclass
class Progress:
    """Counts of a sweep under way.

    Attributes
    ----------
    total : int
        Runs that the plan asks for, as far as that is known.
    done, failed : int
        Runs finished and failed, those of earlier times included.
    reused : int
        Of these, runs that were there before.
    """

    total: int = 0
    done: int = 0
    failed: int = 0
    reused: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Runs a second since this process began."""
        return (self.done + self.failed - self.reused) / max(self.seconds, 1e-9)

    @property
    def seconds(self) -> float:
        """Time since this process began, s."""
        return time.monotonic() - self.began

    @property
    def missing(self) -> int:
        """Runs that are neither done nor failed."""
        return max(0, self.total - self.done - self.failed)

    @property
    def left(self) -> float | None:
        """Time left at this rate, s; None while it is unknown."""
        return self.missing / self.rate if self.rate > 0 else None

    @property
    def told_failures(self) -> str:
        """`3 of 10,000 failed`."""
        return f"{self.failed:,} of {self.total:,} failed"


Report = Callable[[Progress], None]


class Calm:
    """Passes progress on, a few times a second."""

    def __init__(self, report: Report | None) -> None:
        self.report, self.next = report, 0.0

    def __call__(self, progress: Progress, *, last: bool = False) -> None:
        """Tell, when it is time or it is the last time."""
        now = time.monotonic()
        if self.report is not None and (last or now >= self.next):
            self.next = now + INTERVAL
            self.report(progress)


def memory() -> int:
    """Memory of this process that is in use, bytes; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython.get_ipython(), "kernel") if ipython is not None else False


@contextmanager
def reporting(progress: bool | Report | None) -> Iterator[Report | None]:
    """What shows progress: a function as given, a bar of tqdm, or nothing.

    By default a bar where somebody looks: on a terminal and in a notebook.
    """
    if callable(progress):
        yield progress
    elif progress or (progress is None and (sys.stderr.isatty() or in_notebook())):
        with tqdm_bar() as show:
            yield show
    else:
        yield None


@contextmanager
def tqdm_bar() -> Iterator[Report]:
    """Bar of tqdm, which knows terminals and notebooks."""
    from tqdm.auto import tqdm

    with tqdm(unit=" runs", smoothing=0.1) as bar:

        def show(progress: Progress) -> None:
            bar.total = progress.total or None
            bar.initial = progress.reused
            bar.n = progress.done + progress.failed
            bar.set_postfix(failed=progress.failed, refresh=False)
            bar.refresh()

        yield show


@contextmanager
def rich_bar(name: str, *, shown: bool) -> Iterator[Report]:
    """Bar of rich on standard error: done, failed, rate, time left, memory."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} runs"),
        TextColumn("{task.fields[facts]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not shown,
    )
    with bar:
        task = bar.add_task(name, total=1, facts="")

        def show(progress: Progress) -> None:
            facts = f"{progress.failed:,} failed  {progress.rate:,.3g}/s  {memory() / 1e6:,.0f} MB"
            count = progress.done + progress.failed
            bar.update(task, total=max(progress.total, 1), completed=count, facts=facts)

        yield show
