"""The search for the lowest criterion: a Sobol design, expected improvement, Gauss-Newton steps.

Every choice depends on the plan and on the evaluations alone, not on worker processes or time: a
search that was stopped goes the same way again over what it stored.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from crossmargin.experiments.calibration.distance import Distance
from crossmargin.experiments.calibration.evaluations import Evaluations, Point
from crossmargin.experiments.calibration.plan import Search
from crossmargin.experiments.calibration.surrogate import Surrogate

Floats = NDArray[np.float64]
#: Expected improvement of the logarithm of 1 + criterion below which a search has settled.
SETTLED = 1e-3
#: Damping of the Gauss-Newton steps that are tried, as shares of the diagonal.
DAMPING = (0.0, 0.3, 3.0)


@dataclass(eq=False)
class Trace:
    """Points in the order in which they were evaluated.

    Attributes
    ----------
    points : list of Point
    criteria : list of float
    stages : list of str
        Which part of the search asked for a point.
    """

    points: list[Point] = field(default_factory=list)
    criteria: list[float] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)

    def add(self, stage: str, points: list[Point], distance: Distance) -> Floats:
        """Take points in; returns their criteria."""
        k = len(distance.targets.names)
        found = [distance(point.mean(k)) for point in points]
        self.points += points
        self.criteria += found
        self.stages += [stage] * len(points)
        return np.array(found)

    @property
    def best(self) -> int:
        """Number of the point with the lowest criterion."""
        return int(np.argmin(self.criteria))

    def contenders(self, n: int) -> Floats:
        """Points with the lowest criteria, each once: (at most n, p) float64."""
        order = np.argsort(self.criteria, kind="stable")
        chosen: list[Floats] = []
        for unit in self.units[order]:
            if len(chosen) < n and not any(np.array_equal(unit, other) for other in chosen):
                chosen.append(unit)
        return np.array(chosen)

    @property
    def units(self) -> Floats:
        """(n, p) float64, points in the unit cube."""
        return np.array([point.unit for point in self.points])

    def surrogate(self, seed: int) -> Surrogate:
        """Gaussian process of all criteria."""
        return Surrogate(self.units, np.array(self.criteria), seed)


class Look:
    """Evaluates points with the replicates of the search and writes them into a trace."""

    def __init__(self, runs: Evaluations, distance: Distance, trace: Trace) -> None:
        self.runs, self.distance, self.trace = runs, distance, trace
        self.replicates = runs.found.replicates

    def __call__(self, stage: str, units: Floats) -> Floats:
        """Criteria at points of the unit cube, (n,) float64."""
        self.runs.stage = stage
        points = self.runs.at(np.atleast_2d(units), self.replicates)
        return self.trace.add(stage, points, self.distance)


def sobol(n: int, p: int, seed: int) -> Floats:
    """First points of a search, (n, p) float64 in the unit cube."""
    return np.asarray(qmc.Sobol(p, rng=np.random.default_rng([seed, 3])).random(n))


def improve(look: Look, settings: Search) -> None:
    """Follow expected improvement until the points are spent or nothing more is expected."""
    left, quiet = settings.steps, 0
    while left > 0 and quiet < 2:
        units, expected = look.trace.surrogate(settings.seed).propose(min(left, settings.batch))
        look("improvement", units)
        left -= len(units)
        quiet = quiet + 1 if expected < SETTLED else 0
    if settings.steps:
        look("surrogate", look.trace.surrogate(settings.seed).lowest())


def around(unit: Floats, step: float) -> Floats:
    """Points above and below in each coordinate, kept within the cube: (2p, p) float64."""
    ends = np.repeat(unit[None, :], 2 * len(unit), axis=0)
    for i in range(len(unit)):
        ends[2 * i, i] = min(unit[i] + step, 1.0)
        ends[2 * i + 1, i] = max(unit[i] - step, 0.0)
    return ends


def slopes(units: Floats, moments: Floats) -> Floats:
    """Derivatives of moments by coordinate from points of `around`: (k, p) float64."""
    p = units.shape[1]
    columns = []
    for i in range(p):
        above, below = 2 * i, 2 * i + 1
        columns.append((moments[above] - moments[below]) / (units[above, i] - units[below, i]))
    return np.array(columns).T


def polish(look: Look, rounds: int, step: float) -> None:
    """Take Gauss-Newton steps from the best point as long as they lower the criterion.

    With the derivatives D of the moments, a step is -(D'WD)^-1 D'W g; damped ones are tried too.
    """
    for n in range(rounds):
        start, lowest = look.trace.points[look.trace.best], min(look.trace.criteria)
        steps = _newton(look, start, step / 2**n)
        if steps is None or look("polish", steps).min() >= lowest:
            return


def _newton(look: Look, start: Point, step: float) -> Floats | None:
    k = len(look.distance.targets.names)
    units = around(start.unit, step)
    first = len(look.trace.points)
    look("derivative", units)
    moments = np.array([point.mean(k) for point in look.trace.points[first:]])
    if not np.isfinite(moments).all():
        return None
    gap = start.mean(k) - look.distance.targets.values
    return newton_steps(start.unit, gap, slopes(units, moments), look.distance.weights)


def newton_steps(unit: Floats, gap: Floats, slope: Floats, weights: Floats) -> Floats:
    """Points to which Gauss-Newton steps of rising damping lead: (n, p) float64.

    Parameters
    ----------
    unit : (p,) float64
        Where the steps begin.
    gap : (k,) float64
        Simulated moments less their targets, there.
    slope : (k, p) float64
        Derivatives of the moments.
    weights : (k, k) float64
    """
    square, pull = slope.T @ weights @ slope, -slope.T @ weights @ gap
    damped = [square + share * np.diag(np.diag(square)) for share in DAMPING]
    moves = [np.linalg.lstsq(matrix, pull, rcond=1e-10)[0] for matrix in damped]
    return np.clip([unit + np.clip(move, -0.25, 0.25) for move in moves], 0.0, 1.0)
