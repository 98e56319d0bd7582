"""A calibration from start to end: targets, search, profiles, inference, hold-out."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.calibration import identifiability as ident
from crossmargin.experiments.calibration.bootstrap import Targets
from crossmargin.experiments.calibration.distance import Distance, distance_of
from crossmargin.experiments.calibration.evaluations import Evaluations, Progress
from crossmargin.experiments.calibration.inference import (
    CONTENDERS,
    Estimate,
    criterion_noise,
    infer,
)
from crossmargin.experiments.calibration.plan import Calibration
from crossmargin.experiments.calibration.reading import find_calibration, load_calibration
from crossmargin.experiments.calibration.recorded import (
    facts_of,
    fit_targets,
    recorded_returns,
    stated,
)
from crossmargin.experiments.calibration.result import Fit
from crossmargin.experiments.calibration.search import Look, Trace, improve, polish, sobol
from crossmargin.experiments.sweeps.extras import need
from crossmargin.model.errors import ParameterError

Floats = NDArray[np.float64]


def calibrate(
    source: str | Path | Mapping[str, Any] | Calibration,
    *,
    out: str | Path | None = None,
    jobs: int = 1,
    returns: Floats | None = None,
    progress: Progress | None = None,
) -> Fit:
    """Find the parameters whose simulated moments are nearest to their targets.

    Parameters
    ----------
    source : str, Path, mapping or Calibration
        TOML file, the name of one that comes with the package, or the calibration itself.
    out : str or Path, optional
        Folder in which every run is kept as it comes. The same call goes on where one stopped.
    jobs : int
        Worker processes; 1 stays in this one. The result does not depend on it.
    returns : (n,) float64, optional
        Log returns in place of those of the recorded file.
    progress : callable, optional
        Called with what is being done and the number of runs finished.

    Returns
    -------
    Fit

    Raises
    ------
    ScenarioError, ParameterError
        When the calibration cannot be used as given, or no run gives numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import crossmargin as xm
    >>> plan = {
    ...     "name": "normal",
    ...     "model": "crossmargin.experiments.calibration.toys:normal_returns",
    ...     "parameter": [{"path": "volatility", "low": 0.005, "high": 0.05, "scale": "log"}],
    ...     "recorded": {"file": "none", "facts": ["volatility", "kurtosis"]},
    ...     "search": {"points": 8, "steps": 2},
    ...     "inference": {"profile": 0},
    ... }
    >>> recorded = 0.02 * np.random.default_rng(1).standard_normal(4000)
    >>> row = xm.calibrate(plan, returns=recorded).parameters.iloc[0]
    >>> bool(row["low_95"] < 0.02 < row["high_95"])
    True
    """
    began = time.perf_counter()
    threads = need("sklearn") and need("threadpoolctl")  # before anything is run
    if jobs < 1:
        raise ParameterError(f"jobs = {jobs}: must be 1 at least")
    found = load_calibration(source)
    home = find_calibration(source).parent if isinstance(source, str | Path) else None
    if returns is None and found.recorded is not None:
        returns = recorded_returns(found.recorded, found.recorded.start, found.recorded.end)
    targets = fit_targets(found, returns)
    folder = _folder(out)
    runs = Evaluations(found, folder, jobs, progress, home)
    try:
        # matrices of a surrogate are small: threads would wait for one another at every product
        with threads.threadpool_limits(1, user_api="blas"):
            distance, trace = _searched(found, runs, targets)
            estimate, profiles = _profiled(found, runs, distance, trace)
        fit = Fit.of(found, distance, trace, estimate, profiles, _held_out(found, returns))
    finally:
        runs.close()
    facts = {"runs": runs.n_runs, "new_runs": runs.n_new, "failed_runs": runs.n_failed}
    fit = fit.with_facts({**facts, "seconds": time.perf_counter() - began})
    if folder is not None:
        fit.save(folder)
    return fit


def _folder(out: str | Path | None) -> Path | None:
    if out is None:
        return None
    from crossmargin.experiments.store import check_folder

    folder = Path(out)
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _ratio(found: Calibration, targets: Targets, observations: float) -> float:
    """Simulated observations per recorded one."""
    own = observations / targets.observations if targets.observations and observations else 1.0
    return found.replicates * own


def _searched(found: Calibration, runs: Evaluations, targets: Targets) -> tuple[Distance, Trace]:
    settings = found.search
    units = sobol(settings.points, len(found.parameter), settings.seed)
    runs.stage = "design"
    points = runs.at(units, found.replicates)
    seen = [point.observations for point in points if point.observations > 0]
    distance = distance_of(
        targets, _ratio(found, targets, float(np.mean(seen or [0.0]))), found.weighting
    )
    trace = Trace()
    criteria = trace.add("design", points, distance)
    if not np.isfinite(criteria).any():
        raise ParameterError(_nothing(runs, points[0].sample))
    look = Look(runs, distance, trace)
    improve(look, settings)
    polish(look, settings.polish, found.inference.step)
    return distance, trace


def _nothing(runs: Evaluations, sample: Floats) -> str:
    if runs.failure:
        return f"every run of the first points failed; the first one: {runs.failure}"
    k = len(runs.found.moments)
    bad = [n for n, c in zip(runs.found.moments, sample[:, :k].T, strict=True) if np.isnan(c).any()]
    return f"no run of the first points gave numbers for all moments; look at {', '.join(bad)}"


def _profiled(
    found: Calibration, runs: Evaluations, distance: Distance, trace: Trace
) -> tuple[Estimate, list[ident.Profile]]:
    """Profiles over the ranges, the estimate that they leave standing, and profiles near it."""
    settings, p = found.inference, len(found.parameter)
    look = Look(runs, distance, trace)
    places, before = ident.grid(settings.profile, p), trace.best
    ident.scan(look, places, found.search.seed)
    if trace.best != before:  # a profile found a better point than the search
        polish(look, found.search.polish, settings.step)
    more = found.final / found.replicates
    final = distance_of(distance.targets, distance.ratio * more, found.weighting)
    estimate = infer(found, runs, final, trace.contenders(CONTENDERS))
    unit = estimate.point.unit
    look("estimate", unit)
    if not places:
        return estimate, []
    best = len(trace.points) - 1
    near = ident.beside(unit, estimate.errors)
    ident.scan(look, near, found.search.seed)
    noise = criterion_noise(estimate.gap, distance.weights, more * estimate.simulation)
    limit = ident.rise_that_counts(noise, settings.confidence)
    both = [np.concatenate(pair) for pair in zip(places, near, strict=True)]
    return estimate, [ident.profile(look, i, best, at, limit) for i, at in enumerate(both)]


def _held_out(found: Calibration, returns: Floats | None) -> dict[str, Targets]:
    """Targets that the fit did not see: other facts of its dates, and all facts of other dates."""
    held, recorded = found.holdout, found.recorded
    parts = {"other outcomes": stated(found, held=True)} if found.held_outcomes else {}
    if held is None or recorded is None or returns is None:
        return parts
    if held.facts:
        parts["other facts"] = facts_of(found, held.facts, returns)
    if held.start is not None or held.end is not None:
        later = recorded_returns(recorded, held.start, held.end)
        parts["other dates"] = facts_of(found, found.facts, later)
    return parts
