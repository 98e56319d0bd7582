r"""The criterion: how far simulated moments are from their targets.

.. math:: Q(\theta) = g(\theta)' W g(\theta), \quad g(\theta) = \bar m(\theta) - m

with the weights :math:`W = [(1 + 1/S)\,\Omega]^{-1}`, so that :math:`Q` has the size of a
chi-square where the model is true. :math:`\Omega` is the covariance of the targets, shrunk until it
can be inverted safely, and :math:`S` the simulated observations per recorded one.

References
----------
McFadden (1989), "A method of simulated moments", Econometrica 57(5), doi:10.2307/1913621.
Duffie, Singleton (1993), "Simulated moments estimation of Markov models of asset prices",
Econometrica 61(4), doi:10.2307/2951768.
Ledoit, Wolf (2004), "A well-conditioned estimator for large-dimensional covariance matrices",
Journal of Multivariate Analysis 88(2), doi:10.1016/S0047-259X(03)00096-4.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.calibration.bootstrap import Targets
from crossmargin.model.errors import ParameterError

Floats = NDArray[np.float64]
#: Largest ratio of eigenvalues of the correlations of targets that weights are made from.
CONDITION = 200.0


@dataclass(frozen=True, eq=False)
class Shrunk:
    """A covariance that can be inverted.

    Attributes
    ----------
    covariance : (k, k) float64
    intensity : float
        Share of the diagonal in the correlations: 0 as estimated, 1 uncorrelated.
    before, condition : float
        Ratio of the largest to the smallest eigenvalue of the correlations, before and after.
    """

    covariance: Floats
    intensity: float
    before: float
    condition: float


def _ratio(eigenvalues: Floats) -> float:
    low, high = float(eigenvalues[0]), float(eigenvalues[-1])
    return high / low if low > high * 1e-15 else np.inf


def least_intensity(eigenvalues: Floats, limit: float) -> float:
    """Smallest shrinkage to the identity that brings a condition number to a limit."""
    low, high = float(eigenvalues[0]), float(eigenvalues[-1])
    excess = high - limit * low
    return excess / (excess + limit - 1.0) if excess > 0 else 0.0


def shrunk(targets: Targets, limit: float = CONDITION) -> Shrunk:
    """Covariance of targets with correlations drawn to zero as far as noise and condition ask.

    The intensity is Ledoit and Wolf's on the standardised draws, or what the condition number
    takes, if that is more.
    """
    errors = targets.errors
    correlations = targets.covariance / np.outer(errors, errors)
    eigenvalues = np.linalg.eigvalsh(correlations)
    intensity = max(_ledoit_wolf(targets.draws), least_intensity(eigenvalues, limit))
    shrunken = (1.0 - intensity) * correlations + intensity * np.eye(len(errors))
    after = _ratio(np.linalg.eigvalsh(shrunken))
    covariance = shrunken * np.outer(errors, errors)
    return Shrunk(covariance, intensity, _ratio(eigenvalues), after)


def _ledoit_wolf(draws: Floats) -> float:
    if draws.shape[1] < 2 or len(draws) < 2:
        return 0.0
    from sklearn.covariance import ledoit_wolf_shrinkage

    return float(ledoit_wolf_shrinkage((draws - draws.mean(axis=0)) / draws.std(axis=0)))


@dataclass(frozen=True, eq=False)
class Distance:
    """Criterion with its weights.

    Attributes
    ----------
    targets : Targets
    shrunk : Shrunk
    weights : (k, k) float64
    ratio : float
        Simulated observations per recorded one, S.
    """

    targets: Targets
    shrunk: Shrunk
    weights: Floats
    ratio: float

    def __call__(self, moments: Floats) -> float:
        """Criterion of some moments; infinite where one of them is no number."""
        gap = moments - self.targets.values
        return float(gap @ self.weights @ gap) if np.isfinite(gap).all() else np.inf


def distance_of(targets: Targets, ratio: float, weighting: str = "full") -> Distance:
    """Criterion of targets.

    Parameters
    ----------
    ratio : float
        Simulated observations per recorded one, S.
    weighting : {"full", "diagonal"}
        Inverse of the shrunk covariance, or of its diagonal alone.

    Raises
    ------
    ParameterError
        When the covariance cannot be inverted.
    """
    found = shrunk(targets)
    if not np.isfinite(found.condition):
        raise ParameterError("moments: their covariance cannot be inverted; drop one of them")
    kept = found.covariance if weighting == "full" else np.diag(np.diag(found.covariance))
    return Distance(targets, found, np.linalg.inv((1.0 + 1.0 / ratio) * kept), ratio)
