"""A measured figure with its target, how it is measured, and where results are written."""

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("crossmargin", "numba", "llvmlite", "numpy", "mesa", "pandas", "bourse")


@dataclass(frozen=True)
class Figure:
    """One measurement; `at_least` or `at_most` is the number to reach."""

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_reached(self) -> bool | None:
        """Whether the number is reached; None when there is none."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return self.value <= self.at_most if self.at_most is not None else None

    @property
    def target(self) -> str:
        """The number to reach, in words."""
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return f"<= {self.at_most:g}" if self.at_most is not None else ""


def seconds(action: Callable[[], Any]) -> float:
    """Processor time of this thread that an action takes: other processes do not count."""
    began = time.thread_time()
    action()
    return time.thread_time() - began


def pairs(one: Callable[[], float], other: Callable[[], float], n: int) -> tuple[float, float]:
    """Medians of two timings taken in turns, so that both meet the same machine."""
    taken = [(one(), other()) for _ in range(n)]
    return median(t[0] for t in taken), median(t[1] for t in taken)


def processor() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return {
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": found,
    }


def table(figures: list[Figure]) -> str:
    """Figures as a Markdown table."""
    rows = ["| figure | value | unit | target | reached |", "|---|---:|---|---|---|"]
    words = {True: "yes", False: "no", None: ""}
    for f in figures:
        cells = (f.name, f"{f.value:,.4g}", f.unit, f.target, words[f.is_reached])
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _with_those_of_today(path: Path, figures: list[Figure]) -> list[Figure]:
    """Add what was measured today and is not measured anew."""
    if not path.exists():
        return figures
    rows = json.loads(path.read_text(encoding="utf-8"))["figures"]
    for row in rows:
        del row["reached"]
    names = {figure.name for figure in figures}
    return [f for row in rows if (f := Figure(**row)).name not in names] + figures


def write(figures: list[Figure]) -> Path:
    """Write the figures of today as JSON and Markdown; returns the Markdown file."""
    RESULTS.mkdir(exist_ok=True)
    facts = machine()
    path = RESULTS / facts["date"][:10]
    figures = _with_those_of_today(path.with_suffix(".json"), figures)
    rows = [asdict(f) | {"reached": f.is_reached} for f in figures]
    text = json.dumps({"machine": facts, "figures": rows}, indent=1)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    place = f"{facts['processor']}, {facts['cores']} cores, load {facts['load']:.1f} at the end"
    head = f"# Benchmarks of {facts['date']} UTC\n\n{place}; {facts['system']}; "
    head += f"Python {facts['python']}; {versions}.\n\n"
    path.with_suffix(".md").write_text(head + table(figures) + "\n", encoding="utf-8")
    return path.with_suffix(".md")
