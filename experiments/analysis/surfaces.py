"""Response surfaces: an outcome between the points, by a Gaussian process, with its error.

References
----------
Rasmussen, C. and Williams, C. (2006), Gaussian Processes for Machine Learning.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.experiments.analysis.responses import response, varying
from crossmargin.experiments.sweeps.extras import need
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ParameterError

Floats = NDArray[np.float64]
#: Points used at most: the cost grows with their cube.
MOST = 500
#: Points from which the numbers of the kernel are found: each trial of them costs a cube.
TRIED = 200
#: Points below which a surface means nothing.
LEAST = 8
FOLDS = 10


@dataclass(frozen=True)
class Surface:
    """A Gaussian process through the points' averages.

    Attributes
    ----------
    outcome : str
    factors : tuple of str
        Paths, in the order of the inputs.
    explained : float
        Share of the variance of left-out points that is predicted (Q2): 1 is perfect, 0 no better
        than the mean, below 0 worse.
    error : float
        Root mean square error at left-out points, in the unit of the outcome.
    covered : float
        Share of left-out points within the band of 95%, which should be near 0.95.
    points, of_points : int
        Points used and points there were.
    """

    outcome: str
    factors: tuple[str, ...]
    explained: float
    error: float
    covered: float
    points: int
    of_points: int
    _low: Floats
    _high: Floats
    _is_log: NDArray[np.bool_]
    _middle: Mapping[str, float]
    _scale: tuple[float, float]
    _model: Any

    def predict(self, points: pd.DataFrame) -> pd.DataFrame:
        """Mean and standard deviation of the surface at some points, in the unit of the outcome.

        The standard deviation is that of an average over as many replicates as the sweep has.

        Parameters
        ----------
        points : DataFrame
            Columns by path; a factor that is missing stands at the middle of the design.
        """
        given = {p: points.get(p, self._middle[p]) for p in self.factors}
        raw = pd.DataFrame(given, index=points.index).to_numpy(float)
        mean, sd = self._model.predict(self._unit(raw), return_std=True)
        shift, scale = self._scale
        return pd.DataFrame({"mean": shift + scale * mean, "sd": scale * sd}, index=points.index)

    def grid(self, x: str, y: str, n: int = 41) -> pd.DataFrame:
        """Surface over two factors by path, the others at the middle: columns x, y, mean, sd."""
        axes = []
        for path in (x, y):
            i = self.factors.index(path)
            ends = (self._low[i], self._high[i])
            axes.append(np.geomspace(*ends, n) if self._is_log[i] else np.linspace(*ends, n))
        xs, ys = (axis.ravel() for axis in np.meshgrid(*axes))
        frame = pd.DataFrame({x: xs, y: ys})
        return frame.join(self.predict(frame))

    def _unit(self, raw: Floats) -> Floats:
        return to_unit(raw, self._low, self._high, self._is_log)


def to_unit(raw: Floats, low: Floats, high: Floats, is_log: NDArray[np.bool_]) -> Floats:
    """Values of factors on the unit interval, logarithmic where the factor is."""
    safe = np.where(is_log, np.maximum(raw, np.finfo(float).tiny), 1.0)
    floor, top = np.where(is_log, low, 1.0), np.where(is_log, high, math.e)
    logarithmic = np.log(safe / floor) / np.log(top / floor)
    return np.where(is_log, logarithmic, (raw - low) / (high - low))


def response_surface(
    sweep: Sweep, outcome: str, factors: Sequence[str] | None = None, *, seed: int = 0
) -> Surface:
    """Fit a Gaussian process to the averages of an outcome at the points of a design.

    The kernel is Matern's with a length for each factor, and noise; its numbers are those of the
    largest likelihood, of at most 200 of the points. The error is found by leaving out a tenth of
    the points at a time, the numbers of the kernel kept.

    Parameters
    ----------
    factors : sequence of str, optional
        By path or label; by default all that vary.
    seed : int
        Of the choice of points where there are more than 500, and of the folds.

    Raises
    ------
    ParameterError
        When there are fewer than 8 points, a factor is no number, or nothing varies.
    """
    paths = [sweep.path(name) for name in factors] if factors else list(sweep.plan.paths)
    table = response(sweep, outcome)
    known = table["mean"].notna()
    varying(sweep, outcome, table.loc[known, "mean"])
    points = sweep.points.loc[known, paths]
    points = _numbers(points, required=factors is not None)
    kept = _spread(len(points), seed, outcome)
    raw, y = points.to_numpy(float), table.loc[known, "mean"].to_numpy(float)
    low, high = raw.min(axis=0), raw.max(axis=0)
    is_log = np.array([_is_log(sweep, path) for path in points.columns])
    unit = to_unit(raw[kept], low, high, is_log)
    scale = (float(y[kept].mean()), float(y[kept].std()))
    with need("threadpoolctl").threadpool_limits(1, "blas"):  # the same on any number of cores
        model = _fitted(unit, (y[kept] - scale[0]) / scale[1], seed)
        explained, error, covered = _left_out(model, unit, y[kept], scale, seed)
    middle = dict(zip(points.columns, np.median(raw, axis=0), strict=True))
    return Surface(
        outcome,
        tuple(points.columns),
        explained,
        error,
        covered,
        len(kept),
        len(points),
        low,
        high,
        is_log,
        middle,
        scale,
        model,
    )


def _numbers(points: pd.DataFrame, *, required: bool) -> pd.DataFrame:
    """Columns that are numbers and vary; others are refused when they were asked for."""
    usable = [
        path
        for path in points
        if pd.api.types.is_numeric_dtype(points[path]) and points[path].nunique() > 1
    ]
    wrong = [path for path in points if path not in usable]
    if required and wrong:
        raise ParameterError(f"factor {wrong[0]}: a surface takes numbers that vary")
    if not usable:
        raise ParameterError("a response surface takes a factor that is a number and varies")
    return points[usable]


def _spread(n: int, seed: int, outcome: str) -> NDArray[np.int64]:
    if n < LEAST:
        raise ParameterError(
            f"outcome {outcome!r}: a response surface takes {LEAST} points or more, not {n}"
        )
    if n <= MOST:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, MOST, replace=False))


def _is_log(sweep: Sweep, path: str) -> bool:
    return next(f.scale == "log" for f in sweep.plan.factor if f.path == path)


def _fitted(unit: Floats, y: Floats, seed: int) -> Any:
    process = need("sklearn.gaussian_process")
    kernels = need("sklearn.gaussian_process.kernels")
    lengths = np.ones(unit.shape[1])
    smooth = kernels.Matern(lengths, (0.05, 50.0), nu=2.5)
    kernel = kernels.ConstantKernel(1.0, (1e-2, 1e3)) * smooth + kernels.WhiteKernel(
        0.05, (1e-6, 2.0)
    )
    model = process.GaussianProcessRegressor(kernel, random_state=0)
    some = np.random.default_rng(seed).permutation(len(y))[:TRIED]
    with warnings.catch_warnings():  # a length at its bound says that a factor has no effect
        warnings.simplefilter("ignore", need("sklearn.exceptions").ConvergenceWarning)
        model.fit(unit[some], y[some])
    return process.GaussianProcessRegressor(model.kernel_, optimizer=None).fit(unit, y)


def _left_out(
    model: Any, unit: Floats, y: Floats, scale: tuple[float, float], seed: int
) -> tuple[float, float, float]:
    """Share of variance predicted, root mean square error, share within the band of 95%."""
    process = need("sklearn.gaussian_process")
    fold = np.random.default_rng(seed).permutation(len(y)) % min(FOLDS, len(y))
    standard = (y - scale[0]) / scale[1]
    miss, within = np.empty(len(y)), np.empty(len(y), bool)
    for k in np.unique(fold):
        own, rest = fold == k, fold != k
        part = process.GaussianProcessRegressor(model.kernel_, optimizer=None)
        mean, sd = part.fit(unit[rest], standard[rest]).predict(unit[own], return_std=True)
        miss[own] = standard[own] - mean
        within[own] = np.abs(miss[own]) <= 1.96 * sd
    error = float(np.sqrt((miss**2).mean()))
    return 1.0 - error**2, error * scale[1], float(within.mean())
