r"""What an estimate is worth: standard errors, the test of the fit, the hold-out.

With the derivatives :math:`D` of the moments and any weights :math:`W`,

.. math:: \hat\theta - \theta \approx -B g, \quad B = (D'WD)^{-1} D'W, \quad
          \operatorname{Var}(\hat\theta) = B V B', \quad V = \Omega + \Sigma_s

where :math:`\Sigma_s` is the covariance of the simulated means: measured over the replicates, or
:math:`\Omega/S`, which makes the well-known factor :math:`1 + 1/S`. The statistic of the fit is
:math:`J = g'V^{-1}g`, a chi-square with as many degrees of freedom as there are moments beyond
parameters; with diagonal weights, which are not efficient, :math:`J = g'(M V M')^{+} g` with
:math:`M = I - DB`.

The lowest of many noisy criteria is low by luck. So the best points of the search meet again with
more replicates, the winner takes one more Gauss-Newton step with those, and is judged by them.

References
----------
Hansen (1982), "Large sample properties of generalized method of moments estimators", Econometrica
50(4), doi:10.2307/1912775. Lemma 4.1 for any weights.
Gourieroux, Monfort (1996), "Simulation-based econometric methods", section 2.3.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from crossmargin.experiments.calibration.distance import Distance
from crossmargin.experiments.calibration.evaluations import Evaluations, Point
from crossmargin.experiments.calibration.plan import Calibration
from crossmargin.experiments.calibration.search import around, newton_steps, slopes

Floats = NDArray[np.float64]
#: Points of the search that meet again.
CONTENDERS = 5
#: Change of the criterion over the whole range of a parameter that is none.
NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class Estimate:
    """The estimate and what is known about it.

    Attributes
    ----------
    point : Point
        With the replicates of the inference.
    slope : (k, p) float64
        Derivatives of the moments by unit coordinate.
    variance : (k, k) float64
        Of targets and simulated means together.
    covariance : (p, p) float64
        Of the unit coordinates; infinite where a parameter moves nothing.
    simulation : (k, k) float64
        Of the simulated means.
    noise : (p,) float64
        Share of a derivative's size that is the noise of the simulations.
    gap : (k,) float64
        Simulated means less their targets.
    criterion : float
    statistic, p_value : float
        J; NaN p-value when there is nothing to test.
    freedom : int
    """

    point: Point
    slope: Floats
    variance: Floats
    covariance: Floats
    simulation: Floats
    noise: Floats
    gap: Floats
    criterion: float
    statistic: float
    p_value: float
    freedom: int

    @property
    def simulation_share(self) -> float:
        """Share of the variance of the gaps that the simulations make, mean over the moments."""
        return float(np.mean(np.diag(self.simulation) / np.diag(self.variance)))

    @property
    def errors(self) -> Floats:
        """Standard errors of the unit coordinates."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def correlations(self) -> Floats:
        """(p, p) float64 of the estimates; 0 with one that is infinitely unsure."""
        errors = np.where(np.isfinite(self.errors) & (self.errors > 0), self.errors, np.inf)
        finite = np.where(np.isfinite(self.covariance), self.covariance, 0.0)
        return np.asarray(finite / np.outer(errors, errors))


def solver(slope: Floats, weights: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Matrix B from gaps of moments to coordinates, and which coordinates it can tell.

    Returns
    -------
    (p, k) float64
        Zero in the rows of coordinates that move no moment.
    (p,) bool
    """
    square = slope.T @ weights @ slope
    sizes = np.diag(square)
    told = sizes > NOTHING
    matrix = np.zeros((slope.shape[1], slope.shape[0]))
    if told.any():
        scale = 1.0 / np.sqrt(sizes[told])
        scaled = square[np.ix_(told, told)] * np.outer(scale, scale)
        inverse = np.linalg.pinv(scaled, rcond=1e-12, hermitian=True) * np.outer(scale, scale)
        matrix[told] = inverse @ (slope.T @ weights)[told]
    return matrix, told


def sandwich(slope: Floats, weights: Floats, variance: Floats) -> Floats:
    """Covariance of the estimates, (p, p) float64; infinite where a coordinate moves nothing."""
    matrix, told = solver(slope, weights)
    covariance = matrix @ variance @ matrix.T
    covariance[~told, :] = covariance[:, ~told] = 0.0
    covariance[~told, ~told] = np.inf
    return np.asarray(covariance)


def fit_statistic(
    gap: Floats, slope: Floats, weights: Floats, variance: Floats, *, is_efficient: bool
) -> tuple[float, int]:
    """J and its degrees of freedom.

    Parameters
    ----------
    is_efficient : bool
        The weights are those of the variance. What an unfinished search leaves of the gap then
        counts against the model, where the form for other weights would overlook it.
    """
    matrix, told = solver(slope, weights)
    freedom = len(gap) - int(told.sum())
    if freedom <= 0:
        return 0.0, 0
    if is_efficient:
        return float(gap @ np.linalg.solve(variance, gap)), freedom
    rest = np.eye(len(gap)) - slope @ matrix
    scale = np.sqrt(np.diag(variance))  # moments differ by orders of magnitude
    spread = rest @ variance @ rest.T / np.outer(scale, scale)
    values, vectors = np.linalg.eigh(spread)
    parts = vectors.T @ (rest @ gap / scale)
    return float(np.sum(parts[-freedom:] ** 2 / values[-freedom:])), freedom


def simulation_covariance(found: Calibration, distance: Distance, sample: Floats) -> Floats:
    """Covariance of the mean of a sample of simulated moments, (k, k) float64."""
    if found.inference.simulation_error == "ratio" or len(sample) < 2:
        return distance.shrunk.covariance / distance.ratio
    return np.atleast_2d(np.cov(sample, rowvar=False)) / len(sample)


def criterion_noise(gap: Floats, weights: Floats, simulation: Floats) -> float:
    """Standard deviation of a criterion by the draws of the simulations, to second order."""
    pull = weights @ gap
    product = weights @ simulation
    variance = 4.0 * pull @ simulation @ pull + 2.0 * np.trace(product @ product)
    return float(np.sqrt(variance))


def derivative_noise(points: list[Point], k: int, weights: Floats) -> Floats:
    """Share of the squared size of each derivative that is noise, (p,) float64."""
    shares = []
    for above, below in zip(points[::2], points[1::2], strict=True):
        change = above.sample[:, :k] - below.sample[:, :k]
        mean, n = change.mean(axis=0), len(change)
        size = float(mean @ weights @ mean)
        noise = np.trace(weights @ np.atleast_2d(np.cov(change, rowvar=False))) / n if n > 1 else 0
        shares.append(min(1.0, float(noise) / size) if size > 0 else 1.0)
    return np.array(shares)


def _settled(
    runs: Evaluations, distance: Distance, units: Floats, n: int, step: float
) -> tuple[Point, Floats, list[Point]]:
    """Winner of some points after one more step; points around it, and what was run there."""
    k = len(distance.targets.names)
    points = runs.at(units, n)
    start = min(points, key=lambda point: distance(point.mean(k)))
    ends = around(start.unit, step)
    beside = runs.at(ends, n)
    slope = slopes(ends, np.array([point.mean(k) for point in beside]))
    if not np.isfinite(slope).all():
        return start, ends, beside
    gap = start.mean(k) - distance.targets.values
    steps = runs.at(newton_steps(start.unit, gap, slope, distance.weights), n)
    best = min([start, *steps], key=lambda point: distance(point.mean(k)))
    if np.abs(best.unit - start.unit).max() > step:
        ends = around(best.unit, step)
        beside = runs.at(ends, n)
    return best, ends, beside


def infer(found: Calibration, runs: Evaluations, distance: Distance, units: Floats) -> Estimate:
    """Run the model at the best points and around the winner, with replicates of the inference.

    Parameters
    ----------
    distance : Distance
        For as many replicates.
    units : (n, p) float64
        Best points of the search.
    """
    runs.stage = "estimate"
    k = len(distance.targets.names)
    point, ends, beside = _settled(runs, distance, units, found.final, found.inference.step)
    slope = slopes(ends, np.array([p.mean(k) for p in beside]))
    slope = np.where(np.isfinite(slope), slope, 0.0)
    simulation = simulation_covariance(found, distance, point.sample[:, :k])
    variance = distance.shrunk.covariance + simulation
    gap = point.mean(k) - distance.targets.values
    statistic, freedom = fit_statistic(
        gap, slope, distance.weights, variance, is_efficient=found.weighting == "full"
    )
    return Estimate(
        point,
        slope,
        variance,
        sandwich(slope, distance.weights, variance),
        simulation,
        derivative_noise(beside, k, distance.weights),
        gap,
        distance(point.mean(k)),
        statistic,
        float(chi2.sf(statistic, freedom)) if freedom else np.nan,
        freedom,
    )
