"""How sure a recorded moment is: block bootstraps of a series, and targets made of them.

References
----------
Politis, Romano (1994), "The stationary bootstrap", JASA 89, doi:10.1080/01621459.1994.10476870.
Kuensch (1989), "The jackknife and the bootstrap for general stationary observations", Annals of
Statistics 17(3), doi:10.1214/aos/1176347265.
Politis, White (2004), "Automatic block-length selection for the dependent bootstrap", Econometric
Reviews 23(1), doi:10.1081/ETC-120028836, with the correction of Patton, Politis, White (2009),
doi:10.1080/07474930802459016.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.calibration.moments import windowed
from crossmargin.model.errors import ParameterError

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


def stationary_indices(n: int, block: float, rng: np.random.Generator) -> Indices:
    """Rows of a resample by blocks of geometric length with a mean, on a circle.

    Returns
    -------
    (n,) int64
    """
    begins = rng.random(n) < 1.0 / block
    begins[0] = True
    place = np.arange(n)
    last = np.maximum.accumulate(np.where(begins, place, 0))
    starts = rng.integers(0, n, n)
    return np.asarray((starts[last] + place - last) % n)


def moving_indices(n: int, block: float, rng: np.random.Generator) -> Indices:
    """Rows of a resample by blocks of one length from any place of the series.

    Returns
    -------
    (n,) int64
    """
    size = min(n, max(1, round(block)))
    starts = rng.integers(0, n - size + 1, -(-n // size))
    return np.asarray((starts[:, None] + np.arange(size)).reshape(-1)[:n])


KINDS = {"stationary": stationary_indices, "moving": moving_indices}


def _flat_top(covariances: Floats, cut: int) -> Floats:
    """Weights of a flat-top lag window on covariances at lags 0, 1, ..."""
    lags = np.arange(len(covariances)) / cut
    return np.clip(2.0 * (1.0 - lags), 0.0, 1.0)


def block_length(values: Floats) -> float:
    """Mean block length of the stationary bootstrap that suits a series, observations."""
    n = len(values)
    centred = values - values.mean()
    run = max(5, int(np.ceil(np.log10(n))))
    most = int(np.ceil(np.sqrt(n))) + run
    covariances = np.array([centred[k:] @ centred[: n - k] / n for k in range(most + run + 1)])
    if covariances[0] <= 0:
        return 1.0
    small = np.abs(covariances[1:] / covariances[0]) < 2.0 * np.sqrt(np.log10(n) / n)
    quiet = [k for k in range(most) if small[k : k + run].all()]
    cut = min(2 * max(1, quiet[0] if quiet else most), most)
    kept = covariances[: cut + 1]
    weights = _flat_top(kept, cut)
    slope = 2.0 * float(np.sum(weights * np.arange(cut + 1) * kept))
    level = float(kept[0] + 2.0 * np.sum(weights[1:] * kept[1:]))
    if level <= 0:
        return 1.0
    length = (slope**2 * n / level**2) ** (1 / 3)
    return float(np.clip(length, 1.0, np.ceil(min(3 * np.sqrt(n), n / 3))))


@dataclass(frozen=True, eq=False)
class Targets:
    """Moments to be met.

    Attributes
    ----------
    names : tuple of str
    values : (k,) float64
    covariance : (k, k) float64
        Of the values as estimates.
    draws : (n_draws, k) float64
        Bootstrapped values; no rows when all targets were given with their errors.
    observations : int
        Returns behind them; 0 when they were given.
    """

    names: tuple[str, ...]
    values: Floats
    covariance: Floats
    draws: Floats
    observations: int = 0

    @property
    def errors(self) -> Floats:
        """Standard error of each."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def targets_of(
    returns: Floats,
    names: Sequence[str],
    *,
    kind: str = "stationary",
    block: float,
    draws: int = 1000,
    seed: int = 0,
    window: int = 0,
) -> Targets:
    """Facts of recorded returns with their covariance by a block bootstrap.

    Raises
    ------
    ParameterError
        When a fact is not a number on these returns, or the same on every resample.
    """
    names = tuple(names)
    values = windowed(returns, names, window)
    rng = np.random.default_rng([seed, 1])
    n, indices = len(returns), KINDS[kind]
    rows = [windowed(returns[indices(n, block, rng)], names, window) for _ in range(draws)]
    sample = np.array(rows).reshape(draws, len(names))
    for name, value, column in zip(names, values, sample.T, strict=True):
        if not np.isfinite(value) or not np.isfinite(column).all() or np.ptp(column) == 0:
            raise ParameterError(
                f"fact {name!r}: has no value or no spread on {n} recorded returns"
                + (f" in windows of {window}" if window else "")
            )
    return Targets(names, values, np.cov(sample, rowvar=False).reshape(2 * [len(names)]), sample, n)


def given_targets(names: Sequence[str], values: Floats, errors: Floats) -> Targets:
    """Targets with stated standard errors, independent of one another."""
    none = np.empty((0, len(names)))
    return Targets(tuple(names), np.asarray(values), np.diag(np.asarray(errors) ** 2), none)


def together(first: Targets, second: Targets) -> Targets:
    """Two independent sets of targets as one; the draws stay those of the first."""
    k, m = len(first.names), len(second.names)
    covariance = np.zeros((k + m, k + m))
    covariance[:k, :k], covariance[k:, k:] = first.covariance, second.covariance
    return Targets(
        first.names + second.names,
        np.concatenate([first.values, second.values]),
        covariance,
        first.draws,
        first.observations,
    )
