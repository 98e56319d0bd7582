"""Runs of a model at points, stored as they come: what was run once is never run again."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.experiments.calibration.plan import Calibration
from crossmargin.experiments.calibration.simulated import (
    OBSERVATIONS,
    digest,
    evaluate,
    names_of,
)
from crossmargin.experiments.sweeps.functions import importing_from
from crossmargin.experiments.sweeps.identity import model_version, run_id, scenario_digest
from crossmargin.experiments.sweeps.plan import Factor
from crossmargin.experiments.sweeps.seeds import seed_of
from crossmargin.model.errors import ScenarioError, StateError

Floats = NDArray[np.float64]
#: Called with what is being done and the number of runs finished.
Progress = Callable[[str, int], None]
#: Seconds between two writings of the file.
EVERY = 2.0


@dataclass(frozen=True, eq=False)
class Point:
    """A point of parameter space and what the model gave there.

    Attributes
    ----------
    unit : (p,) float64
        In the unit cube.
    values : dict
        Parameters by path.
    sample : (n_replicates, n_moments) float64
        NaN rows where a run failed.
    observations : float
        Returns behind a row.
    """

    unit: Floats
    values: dict[str, float]
    sample: Floats
    observations: float

    def mean(self, n_moments: int) -> Floats:
        """Mean of the first moments over the replicates; NaN where one of them is none."""
        return np.asarray(self.sample[:, :n_moments].mean(axis=0))


def value_at(parameter: Factor, unit: float) -> float:
    """Value of a parameter at a place of its range: 0 is low, 1 is high; it may lie beyond."""
    low, high = float(parameter.low or 0.0), float(parameter.high or 0.0)
    if parameter.scale == "log":
        return float(low * (high / low) ** unit)
    return float(low + (high - low) * unit)


def _given(parameter: Factor, unit: float) -> float:
    """Value that the model is run at, with as many digits as its identity is made of."""
    value = value_at(parameter, unit)
    return round(value) if parameter.integer else float(f"{value:.7g}")


class Evaluations:
    """Runs a calibration's model at points of the unit cube.

    Parameters
    ----------
    found : Calibration
    folder : Path, optional
        Where `evaluations.parquet` is kept; nowhere by default.
    jobs : int
        Worker processes; 1 runs in this one.
    progress : callable, optional
    home : Path, optional
        Folder of modules beside the plan.
    """

    def __init__(
        self,
        found: Calibration,
        folder: Path | None = None,
        jobs: int = 1,
        progress: Progress | None = None,
        home: Path | None = None,
    ) -> None:
        self.found, self.jobs = found, jobs
        self.file = folder / "evaluations.parquet" if folder else None
        self.names = names_of(found)
        self.paths = tuple(parameter.path for parameter in found.parameter)
        self.stage, self.n_new, self.n_failed, self.failure = "", 0, 0, ""
        self._home = str(home) if home else None
        with importing_from(home):
            self._digest = f"{scenario_digest(found.plan())}{digest(found)}"
        self._text = found.model_dump_json(exclude_unset=True)
        self._progress = progress or (lambda *_: None)
        self._pool: ProcessPoolExecutor | None = None
        self._rows: dict[str, dict[str, Any]] = {row["run_id"]: row for row in self._stored()}
        self._saved = time.monotonic()

    def close(self) -> None:
        """Write what is not yet written and let the workers go."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._save()

    @property
    def n_runs(self) -> int:
        """Runs that are stored."""
        return len(self._rows)

    def at(self, units: Floats, replicates: int) -> list[Point]:
        """Run the model at points of the unit cube, or find what it gave there before."""
        tables = [
            {p.path: _given(p, u) for p, u in zip(self.found.parameter, unit, strict=True)}
            for unit in units
        ]
        wanted = {}
        keys: list[list[str]] = []
        for point, values in enumerate(tables):
            keys.append([])
            for r in range(replicates):
                seed = seed_of(self.found.seeds, point, r)
                key = run_id(self._digest, values, seed, model_version())
                keys[-1].append(key)
                if key not in self._rows:
                    wanted[key] = (values, seed, r)
        self._run(wanted)
        return [
            self._point(u, v, k) for u, v, k in zip(np.atleast_2d(units), tables, keys, strict=True)
        ]

    def _point(self, unit: Floats, values: dict[str, float], keys: list[str]) -> Point:
        rows = [self._rows[key] for key in keys]
        sample = np.array([[row[name] for name in self.names] for row in rows], float)
        counts = [row[OBSERVATIONS] for row in rows if np.isfinite(row[OBSERVATIONS])]
        return Point(np.asarray(unit, float), values, sample, float(np.mean(counts or [0.0])))

    def _run(self, wanted: dict[str, tuple[dict[str, float], int, int]]) -> None:
        for key, result, wall in self._results(wanted):
            values, seed, replicate = wanted[key]
            failed = isinstance(result, str)
            numbers = dict.fromkeys((*self.names, OBSERVATIONS), np.nan) if failed else result
            row = {"run_id": key, "replicate": replicate, "seed": seed, **values, **numbers}
            self._rows[key] = row | {"error": result if failed else "", "wall_seconds": wall}
            self.n_new += 1
            self.n_failed += failed
            self.failure = self.failure or (result if failed else "")
            self._progress(self.stage, self.n_new)
            if time.monotonic() - self._saved > EVERY:
                self._save()

    def _results(
        self, wanted: dict[str, tuple[dict[str, float], int, int]]
    ) -> Iterator[tuple[str, Any, float]]:
        if self.jobs == 1 or not wanted:
            for key, (values, seed, _) in wanted.items():
                began = time.perf_counter()
                result = evaluate(self._text, self._home, values, seed)
                yield key, result, time.perf_counter() - began
            return
        try:
            yield from self._from_pool(wanted)
        except BrokenProcessPool:
            self._pool = None
            raise StateError(
                "a worker process died, for want of memory perhaps; what was finished is kept: "
                "run again with fewer jobs"
            ) from None

    def _from_pool(
        self, wanted: dict[str, tuple[dict[str, float], int, int]]
    ) -> Iterator[tuple[str, Any, float]]:
        if self._pool is None:
            import multiprocessing

            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.jobs, mp_context=spawn)
        keys: dict[Future[Any], str] = {
            self._pool.submit(_timed, self._text, self._home, values, seed): key
            for key, (values, seed, _) in wanted.items()
        }
        for future in as_completed(keys):
            yield keys[future], *future.result()

    def _stored(self) -> list[dict[str, Any]]:
        if self.file is None or not self.file.is_file():
            return []
        try:
            table = pd.read_parquet(self.file)
        except (OSError, ValueError) as error:
            raise ScenarioError(
                f"{self.file}: cannot be read: {str(error).splitlines()[0]}; move it away to "
                "begin anew"
            ) from None
        lacking = {"run_id", OBSERVATIONS, "error"} - set(table.columns)
        if lacking:
            raise ScenarioError(f"{self.file}: holds no evaluations; it lacks {min(lacking)}")
        good: list[dict[str, Any]] = table[table["error"] == ""].to_dict("records")
        return good  # a run that failed is tried again

    def _save(self) -> None:
        """Write all rows anew, whole or not at all."""
        self._saved = time.monotonic()
        if self.file is None or not self.n_new:
            return
        partial = self.file.with_name(f".{self.file.name}.{os.getpid()}.part")
        try:
            frame = pd.DataFrame(list(self._rows.values()))
            frame.to_parquet(partial, compression="zstd", index=False)
            partial.replace(self.file)
        except OSError as error:
            raise ScenarioError(f"{self.file}: cannot be written: {error.strerror}") from error
        finally:
            partial.unlink(missing_ok=True)


def _timed(text: str, home: str | None, values: dict[str, float], seed: int) -> tuple[Any, float]:
    began = time.perf_counter()
    return evaluate(text, home, values, seed), time.perf_counter() - began
