"""What a sweep found: tidy tables, summaries with intervals, and the ways to other tools."""

import functools
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from crossmargin.experiments.checks import checked_number, checked_share
from crossmargin.experiments.sweeps import reading, summaries
from crossmargin.experiments.sweeps.alignment import in_plan_order
from crossmargin.experiments.sweeps.clusters import seeds_of
from crossmargin.experiments.sweeps.groups import Groups
from crossmargin.experiments.sweeps.names import outcome_of, path_of
from crossmargin.experiments.sweeps.plan import Plan
from crossmargin.experiments.sweeps.statistics import Tail
from crossmargin.model.errors import ParameterError

if TYPE_CHECKING:
    import duckdb
    import xarray

#: Quantiles of a summary that names none.
QUANTILES = (0.05, 0.5, 0.95)


def load_sweep(folder: str | Path) -> "Sweep":
    """Results of a sweep from its folder, finished or not; its tables are read when asked for.

    Raises
    ------
    ScenarioError
        When the folder holds no sweep.
    """
    return Sweep(folder)


class Sweep:
    """Runs of a plan, finished so far.

    Attributes
    ----------
    plan : Plan
        What was asked.
    folder : Path or None
        Where the results are; None when they are in memory only.
    record : dict
        `plan.json`: besides the plan the versions and the machine that it began with.
    """

    def __init__(
        self,
        folder: str | Path | None,
        plan: Plan | None = None,
        tables: Mapping[str, pd.DataFrame] | None = None,
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.record: dict[str, Any] = {}
        self._tables = dict(tables or {})
        if self.folder is not None:
            self.record = reading.read_record(self.folder)
            plan = reading.read_plan(self.folder, self.record) if plan is None else plan
        if plan is None:
            raise ParameterError("a sweep without a folder needs a plan")
        self.plan = plan

    @classmethod
    def of(
        cls,
        plan: Plan,
        runs: pd.DataFrame,
        failures: pd.DataFrame | None = None,
        timing: pd.DataFrame | None = None,
        series: pd.DataFrame | None = None,
        events: pd.DataFrame | None = None,
    ) -> Self:
        """Sweep of frames in memory, with the columns that they have on disk."""
        names = ("runs", "failures", "timing", "series", "events")
        frames = zip(names, (runs, failures, timing, series, events), strict=True)
        return cls(None, plan, {name: frame for name, frame in frames if frame is not None})

    @functools.cached_property
    def points(self) -> pd.DataFrame:
        """Points of the design: index `point`, a column a factor."""
        from crossmargin.experiments.sweeps.designs import points

        return points(self.plan)

    @functools.cached_property
    def runs(self) -> pd.DataFrame:
        """Finished runs: run_id, point, replicate, seed, factors by path, outcomes.

        A row for each point and replicate: a run that points of equal values share stands once for
        each of them, so that what is computed from the rows weighs points as the design does.
        """
        return self._runs(None)

    @functools.cached_property
    def finished(self) -> int:
        """Runs finished, each once, however many points share it."""
        runs = self._some(())
        is_shared = self.plan.seeds.common and self.points.duplicated().any()
        return int(runs["run_id"].nunique()) if is_shared else len(runs)

    def _some(self, outcomes: Sequence[str]) -> pd.DataFrame:
        """Runs with at least some outcomes: those in memory, or no more than is needed."""
        return self.runs if "runs" in self.__dict__ else self._runs(outcomes)

    def _runs(self, outcomes: Sequence[str] | None) -> pd.DataFrame:
        """Runs with some of the outcomes, or all."""
        columns = None
        if outcomes is not None:
            columns = [*reading.IDENTITY, *self.plan.paths, *outcomes]
        found = self._read("runs", columns)
        if found.empty:
            known = [*reading.IDENTITY, *self.plan.paths]
            found = found.reindex(columns=list(dict.fromkeys([*known, *found.columns])))
        elif columns is not None and len(found.columns) > len(columns):
            found = found[columns]
        return in_plan_order(found, self.plan, self.points)

    def _read(self, kind: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        if self.folder is not None:
            return reading.read(self.folder, kind, columns)
        found = self._tables.get(kind)
        if found is None or found.empty:
            return pd.DataFrame({name: [] for name in reading.EMPTY.get(kind, reading.IDENTITY)})
        return found

    @functools.cached_property
    def outcomes(self) -> tuple[str, ...]:
        """Names of the outcomes, in the order in which they stand in the files."""
        names: Iterable[str]
        if self.folder is not None and "runs" not in self.__dict__:
            names = reading.columns_of(self.folder, "runs")
        else:
            names = self.runs.columns
        return self._named(names)

    def _named(self, columns: Iterable[str]) -> tuple[str, ...]:
        return tuple(n for n in columns if n not in (*reading.IDENTITY, *self.plan.paths))

    @functools.cached_property
    def timing(self) -> pd.DataFrame:
        """One row a finished run: wall seconds, worker, attempts, when finished, model version."""
        return reading.first_of(self._read("timing"), self._some(())["run_id"])

    @functools.cached_property
    def versions(self) -> dict[str, int]:
        """Runs by the version of the model that made them, where the store tells it."""
        return reading.versions_of(self.timing)

    @functools.cached_property
    def failures(self) -> pd.DataFrame:
        """One row a run that failed and that has not succeeded since, with its traceback."""
        found = self._read("failures")
        is_open = ~found["run_id"].isin(self._some(())["run_id"])
        return found[is_open].drop_duplicates("run_id", keep="last").reset_index(drop=True)

    @functools.cached_property
    def series(self) -> pd.DataFrame:
        """Thinned series of all runs, if the plan keeps them, with the factors of each run."""
        return self._rows("series")

    @functools.cached_property
    def events(self) -> pd.DataFrame:
        """Logs of events of all runs, if the plan keeps them, with the factors of each run."""
        return self._rows("events")

    def _rows(self, kind: str) -> pd.DataFrame:
        rows = reading.read_rows(self.folder, kind) if self.folder else self._read(kind)
        columns = ["point", "replicate", *self.plan.paths]
        return reading.of_runs(rows, self._some(()), columns)

    def path(self, name: str) -> str:
        """Path of a factor by its path, its label or the last word of its path; or refused."""
        return path_of(self.plan, name)

    def outcome(self, name: str) -> str:
        """Name of an outcome; refused when there is no such outcome."""
        return outcome_of(self.outcomes, name)

    def _grouped(
        self, by: str | Sequence[str] | None, outcomes: Sequence[str]
    ) -> tuple[pd.DataFrame, Groups]:
        """Runs with some outcomes, grouped by columns that bear the names given."""
        if not isinstance(by, str | list | tuple | None):
            raise ParameterError(f"by = {by!r}: must be the name of a factor, or several")
        names = [by] if isinstance(by, str) else list(dict.fromkeys(by or ()))
        columns = [n if n in ("point", "replicate") else self.path(n) for n in names]
        runs = self._some(outcomes)
        self._warn_of_versions()
        keys = runs[columns].set_axis(names, axis=1)
        seeds = None if "point" in columns else seeds_of(self.plan, runs)
        return runs, Groups(keys, names, seeds)

    def _warn_of_versions(self) -> None:
        if self.record.get("other_versions") and len(self.versions) > 1:
            words = f"{reading.mixed(self.versions)}: .timing says which made each run"
            warnings.warn(words, stacklevel=4)

    def summary(
        self,
        by: str | Sequence[str] | None = None,
        outcomes: str | Sequence[str] | None = None,
        quantiles: Sequence[float] | None = None,
        confidence: float = 0.95,
    ) -> pd.DataFrame:
        """Mean, standard deviation and quantiles of outcomes, with intervals: a row a group.

        Parameters
        ----------
        by : str or sequence of str, optional
            Factors by path or label, `point` or `replicate`; by default all runs together.
        outcomes : str or sequence of str, optional
            All by default.
        quantiles : sequence of float, optional
            5%, 50% and 95% by default, where there are runs enough; `note` says what it takes
            where there are not. Quantiles asked for are given or refused.
        confidence : float
            Of all intervals.

        Returns
        -------
        DataFrame
            The columns of `by`, `outcome`, `n`, `seeds`, `mean`, `mean_low`, `mean_high`
            (Student), `sd`, `q50`, `q50_low`, `q50_high` (order statistics) and so on, `note`.

        Raises
        ------
        ParameterError
            When a name is unknown, or a quantile is asked for that the runs cannot support.

        Notes
        -----
        Intervals are over seeds, of which `seeds` says the number: runs of several points that
        share them under common random numbers are not independent (`clusters.py`). They say what
        other seeds would give at these points; how well the points stand for all values that the
        factors may take is another question.
        """
        if outcomes is None:  # all of them are read anyway, and their names with them
            outcomes = self._named(self.runs.columns)
        names = [outcomes] if isinstance(outcomes, str) else list(outcomes)
        names = [self.outcome(name) for name in names]
        asked = [quantiles] if isinstance(quantiles, float) else quantiles
        asked = QUANTILES if asked is None else asked
        orders = [checked_share("quantiles", p) for p in asked]
        level = checked_share("confidence", confidence)
        runs, groups = self._grouped(by, names)
        return summaries.summarise(runs, groups, names, orders, level, strict=quantiles is not None)

    def exceedance(
        self,
        outcome: str,
        threshold: float,
        by: str | Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> pd.DataFrame:
        """Probability that an outcome lies above a threshold, with Clopper-Pearson intervals.

        `seeds` is the number of independent ones: where points share them, the intervals are those
        of so many runs as the sample is worth (Korn and Graubard).
        """
        level = checked_share("confidence", confidence)
        runs, groups = self._grouped(by, [self.outcome(outcome)])
        threshold = checked_number("threshold", threshold)
        return summaries.exceedances(runs[outcome].to_numpy(float), groups, threshold, level)

    def shortfall(
        self,
        outcome: str,
        level: float = 0.95,
        by: str | Sequence[str] | None = None,
        confidence: float = 0.95,
        tail: Tail = "upper",
    ) -> pd.DataFrame:
        """Expected shortfall: mean of the worst `1 - level` of the runs, with bootstrap intervals.

        `tail` says which end is the worst: large values (a loss) or small ones (a balance). Where
        points share seeds, whole seeds are drawn, and runs of ten must lie in the tail.
        """
        runs, groups = self._grouped(by, [self.outcome(outcome)])
        values = runs[outcome].to_numpy(float)
        return summaries.shortfalls(values, groups, level, confidence, tail)

    def to_xarray(self) -> "xarray.Dataset":
        """Outcomes on the grid of factors and replicates, or of points where there is no grid."""
        from crossmargin.experiments.sweeps.views import to_xarray

        return to_xarray(self)

    def duckdb(self) -> "duckdb.DuckDBPyConnection":
        """Connection with views runs, timing, failures, series and events over the files."""
        from crossmargin.experiments.sweeps.views import connect

        return connect(self)

    def report(self, path: str | Path) -> Path:
        """Write the report: one HTML file that needs nothing else."""
        import importlib

        # the report lies above this folder: it is looked up by name, so that imports run one way
        home = importlib.import_module("crossmargin.dashboards.sweep_report")
        written: Path = home.write_sweep_report(self, path)
        return written

    def __repr__(self) -> str:
        """The name of the plan, and where the results are."""
        return f"<Sweep {self.plan.name!r} {self.folder or 'in memory'}>"

    def _repr_html_(self) -> str:
        from crossmargin.experiments.sweeps.views import html

        return html(self)
