"""Sweeps: what two workers gain, what a run costs beyond itself, what the parent holds."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from statistics import mean
from typing import Any

from crossmargin.experiments.sweeps.engine import sweep
from crossmargin.experiments.sweeps.progress import Progress
from tests.benchmarks.figures import Figure

#: Turns of a loop that take about a second.
TURNS = 22_000_000
#: A market of the size that sweeps use, and how long.
MARKET = {"scenario": "leverage-spiral", "steps": 240}
#: A market that takes about a second.
SECOND = {"scenario": "calm", "steps": 8640}
#: What two cores can gain: the same loop in two processes that know nothing of sweeps.
BARE = """
import sys, time
from tests.benchmarks.sweeps import work
began = time.perf_counter()
for _ in range(int(sys.argv[1])):
    work({}, 0)
print((time.perf_counter() - began) / int(sys.argv[1]))
"""
#: What the parent of a sweep holds at most, MB, told by itself.
HELD = """
import json, re, sys
from pathlib import Path
from crossmargin.experiments.sweeps.engine import sweep
sweep(json.loads(sys.argv[1]), out=sys.argv[2], jobs=2, executor="processes", progress=False)
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024)
"""


def work(values: Mapping[str, Any], seed: int) -> dict[str, float]:
    """About a second of work, the same for every run."""
    total = 0
    for turn in range(TURNS):
        total += turn & 1
    return {"total": float(total)}


def nothing(values: Mapping[str, Any], seed: int) -> dict[str, float]:
    """A run that takes no time."""
    return {"x": float(values["a"]), "y": seed % 7 / 7}


def plan(model: str, n: int, count: int = 1) -> dict[str, Any]:
    """Plan of n points of a function here."""
    factor = {"path": "a", "values": list(range(n))}
    table = {"name": model, "model": f"{__name__}:{model}", "factor": [factor]}
    return table | {"replications": {"count": count}}


def market(count: int, **table: Any) -> dict[str, Any]:
    """Plan of a real market."""
    factor = {"path": "venue.penalty_rate", "values": [0.0, 0.01]}
    return {
        "name": "market",
        **(table or MARKET),
        "factor": [factor],
        "replications": {"count": count},
    }


def wall(table: dict[str, Any], **options: Any) -> float:
    """Seconds on the clock of a sweep that is written to a folder."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        sweep(table, out=folder, progress=False, **options)
        return time.perf_counter() - began


def bare(n_processes: int, runs: int = 15) -> float:
    """Seconds a run, on the clock, of processes that do nothing else, all together."""
    words = [sys.executable, "-c", BARE, str(runs)]
    started = [
        subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(n_processes)
    ]
    taken = [float(process.communicate()[0]) for process in started]
    return sum(taken) / n_processes**2


def one_and_two(table: dict[str, Any], runs: int) -> tuple[float, float]:
    """Seconds of the same runs with one worker and with two, each a single sweep.

    The sweep with two begins when the other is half done and waits, so that both meet the same
    machine however it drifts, and the fixed cost of a sweep is in each of them once.
    """
    two: list[float] = []

    def interrupt(progress: Progress) -> None:
        if progress.done >= runs // 2 and not two:
            two.append(0.0)  # this sweep's own reports find that it is under way
            two[0] = wall(table, jobs=2)

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        found = sweep(table, out=folder, executor="serial", progress=interrupt)
        whole = time.perf_counter() - began
        assert len(found.runs) == runs
    return whole - two[0], two[0]


def gains(runs: int = 200) -> Iterator[Figure]:
    """What two workers gain, by default, on markets of a second."""
    one, two = one_and_two(market(runs // 2, **SECOND), runs)
    yield Figure("sweep: a market of the next figure", one / runs, "s")
    yield Figure(f"sweep: two workers, {runs} markets of a second", one / two, "times one", 1.8)


def gains_of_functions(runs: int = 200) -> Iterator[Figure]:
    """The same on functions in Python, beside what the machine gives two bare processes."""
    alone, pair = [bare(1)], [bare(2)]
    one, two = one_and_two(plan("work", runs), runs)
    alone.append(bare(1))
    pair.append(bare(2))
    yield Figure("sweep: a function of the next figures", one / runs, "s")
    yield Figure("two bare processes, the same function", mean(alone) / mean(pair), "times one")
    yield Figure(f"sweep: two workers, {runs} functions of a second", one / two, "times one", 1.8)


def held(n: int) -> float:
    """Most memory of a parent over so many trivial runs, MB."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-c", HELD, json.dumps(plan("nothing", n // 10, 10)), folder]
        ran = subprocess.run(words, check=True, capture_output=True, text=True, env=os.environ)
        return float(ran.stdout)


def figures() -> Iterator[Figure]:
    """All figures of sweeps; the machine should have nothing else to do."""
    sweep(market(1, **SECOND), executor="serial", progress=False)
    yield from gains()
    yield from gains_of_functions()
    for executor in ("serial", "threads", "processes"):
        each = wall(plan("nothing", 10_000), executor=executor, jobs=2) / 10_000
        yield Figure(f"sweep: overhead, {executor}", 1e3 * each, "ms a run", at_most=2.0)
    yield Figure("sweep: parent at 10,000 rows", held(10_000), "MB", at_most=500)
    yield Figure("sweep: parent at 100,000 rows", held(100_000), "MB", at_most=500)
    sweep(market(1), executor="serial", progress=False)
    speed = {"serial": 0.0, "threads": 0.0, "processes": 0.0}
    for executor in [*speed] * 3:  # in turns, so that all meet the same machine
        speed[executor] = max(speed[executor], 40 / wall(market(20), executor=executor, jobs=2))
    for executor, rate in speed.items():
        yield Figure(f"sweep: leverage-spiral, {executor}", rate, "runs/s")
