r"""A Gaussian process that stands in for the criterion, and where to look next.

It is fitted to :math:`\ln(1 + Q)`: near the bottom that is :math:`Q` itself, far away its size. The
white part of its covariance is what the draws of the model add, which common random numbers leave.

References
----------
Jones, Schonlau, Welch (1998), "Efficient global optimization of expensive black-box functions",
Journal of Global Optimization 13, doi:10.1023/A:1008306431147.
Gonzalez, Dai, Hennig, Lawrence (2016), "Batch Bayesian optimization via local penalization",
AISTATS, PMLR 51, for the points of one batch.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import ndtr
from scipy.stats import qmc

Floats = NDArray[np.float64]
#: Points among which the next one is chosen: all over the cube, and near the best.
ALL_OVER, NEAR = 1024, 512
#: Distance in the unit cube within which points of a batch are in one another's way.
APART = 0.15


class Surrogate:
    """Gaussian process of the logarithm of the criterion over the unit cube.

    Parameters
    ----------
    units : (n, p) float64
    criteria : (n,) float64
        Infinite where the model gave no numbers.
    seed : int
        Of the restarts of its fit and of the points looked at.
    """

    def __init__(self, units: Floats, criteria: Floats, seed: int = 0) -> None:
        self.units, self.logs = np.atleast_2d(units), logs_of(criteria)
        self._rng = np.random.default_rng([seed, 2, len(units)])
        self._process = _fitted(self.units, self.logs, seed)

    def mean(self, units: Floats) -> Floats:
        """Expected logarithm of 1 + criterion at points of the unit cube."""
        return np.asarray(self._process.predict(np.atleast_2d(units)))

    @property
    def incumbent(self) -> float:
        """Smallest expected value at the points that were evaluated: noise does not lower it."""
        return float(self.mean(self.units).min())

    def improvement(self, units: Floats) -> Floats:
        """Expected improvement on the incumbent, in units of the logarithm."""
        mean, spread = self._process.predict(np.atleast_2d(units), return_std=True)
        # the model runs on the same draws at every point: only the smooth part can improve
        spread = np.sqrt(np.maximum(spread**2 - self.noise, 1e-18))
        gain = self.incumbent - mean
        z = gain / spread
        return np.asarray(gain * ndtr(z) + spread * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))

    @property
    def noise(self) -> float:
        """Variance that the surrogate takes for noise, of the logarithm."""
        return float(self._process.kernel_.k2.noise_level) * float(np.var(self.logs))

    def propose(self, n: int) -> tuple[Floats, float]:
        """Points to evaluate next, and the largest expected improvement.

        Those of one batch keep away from one another: what is expected of a point shrinks in
        proportion to its distance from those chosen before it, within `APART`.
        """
        chosen: list[Floats] = []
        largest = 0.0
        for _ in range(n):
            best, value = self._best(lambda units: self.improvement(units) * _room(units, chosen))
            largest = max(largest, value)
            chosen.append(best)
        return np.array(chosen), largest

    def lowest(self, fixed: int | None = None, at: float = 0.0) -> Floats:
        """Point with the smallest expected criterion; with one coordinate fixed, over the others.

        Parameters
        ----------
        fixed : int, optional
            Coordinate that is held.
        at : float
            Where it is held.
        """
        return self._best(lambda units: -self.mean(units), fixed, at)[0]

    def _best(
        self, value: Callable[[Floats], Floats], fixed: int | None = None, at: float = 0.0
    ) -> tuple[Floats, float]:
        candidates = self._candidates()
        if fixed is not None:
            candidates[:, fixed] = at
        values = value(candidates)
        bounds = [(at, at) if i == fixed else (0.0, 1.0) for i in range(candidates.shape[1])]
        best, most = candidates[np.argmax(values)], float(values.max())
        for start in candidates[np.argsort(values)[-2:]]:
            found = minimize(
                lambda x: -float(value(x)[0]), start, bounds=bounds, options={"maxiter": 30}
            )
            if -found.fun > most:
                best, most = np.clip(found.x, 0.0, 1.0), float(-found.fun)
        return np.asarray(best, float), most

    def _candidates(self) -> Floats:
        p = self.units.shape[1]
        over = qmc.Sobol(p, rng=self._rng).random(ALL_OVER)
        order = np.argsort(self.mean(self.units))[:8]
        centres = self.units[self._rng.choice(order, NEAR)]
        widths = 10.0 ** self._rng.uniform(-2.5, -0.5, (NEAR, 1))
        near = np.clip(centres + widths * self._rng.standard_normal((NEAR, p)), 0.0, 1.0)
        return np.vstack([over, near])


def _room(units: Floats, chosen: list[Floats]) -> Floats:
    """Share of its expected improvement that a point keeps beside others of its batch."""
    if not chosen:
        return np.ones(len(np.atleast_2d(units)))
    gaps = np.atleast_2d(units)[:, None, :] - np.array(chosen)[None, :, :]
    return np.asarray(np.minimum(np.sqrt((gaps**2).sum(axis=2)).min(axis=1) / APART, 1.0))


def logs_of(criteria: Floats) -> Floats:
    """Logarithms of 1 + criterion, those far above the others cut down to a fence.

    The fence is Tukey's: the upper quartile and half as much again of the distance between the
    quartiles. A model that explodes somewhere would else hide from the surrogate where it fits.
    What is no number counts as the fence.
    """
    finite = np.isfinite(criteria)
    logs = np.log1p(np.where(finite, criteria, 0.0))
    low, high = np.quantile(logs[finite], [0.25, 0.75]) if finite.any() else (0.0, 1.0)
    fence = high + 1.5 * (high - low)
    return np.asarray(np.where(finite, np.minimum(logs, fence), fence))


def _fitted(units: Floats, logs: Floats, seed: int) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    lengths = np.full(units.shape[1], 0.5)
    smooth = ConstantKernel(1.0, (1e-2, 1e3)) * Matern(lengths, (0.05, 20.0), nu=2.5)
    process = GaussianProcessRegressor(
        smooth + WhiteKernel(1e-3, (1e-6, 1.0)),
        normalize_y=True,
        n_restarts_optimizer=1,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # a length at its bound says that a parameter does not matter, which profiles report
        warnings.simplefilter("ignore", ConvergenceWarning)
        return process.fit(units, logs)
