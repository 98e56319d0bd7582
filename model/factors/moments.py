"""What the numbers of a factor and of its loadings say about variance and correlation."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crossmargin.model.factors import factor_loading, factor_model

Floats = NDArray[np.float64]
REGIMES = ("calm", "stressed")


def covariance(
    factor: factor_model.Parameters, loadings: Sequence[factor_loading.Parameters], regime: str
) -> Floats:
    r"""Covariance of log returns in a regime, jumps included, per year.

    .. math:: \Sigma_{ij} = \beta_i \beta_j \sigma^2 + b_i b_j \lambda (m^2 + s^2)
              + \delta_{ij} \iota_i^2

    Parameters
    ----------
    factor, loadings
        Numbers of the factor and of each underlying.
    regime : str
        "calm" or "stressed".

    Returns
    -------
    (n_underlyings, n_underlyings) float64
    """
    beta, own, jump = (
        np.array([getattr(loading, name) for loading in loadings])
        for name in (f"{regime}_beta", f"{regime}_volatility", "jump_beta")
    )
    size = factor.jump_mean**2 + factor.jump_deviation**2
    rate: float = getattr(factor, f"{regime}_intensity")
    level: float = getattr(factor, f"{regime}_volatility")
    common = level**2 * np.outer(beta, beta) + rate * size * np.outer(jump, jump)
    return np.asarray(common + np.diag(own**2))


def average_covariance(
    factor: factor_model.Parameters, loadings: Sequence[factor_loading.Parameters]
) -> Floats:
    """Covariance of log returns over all time, per year: regimes by the time that they last."""
    durations = [factor.calm_duration, factor.stressed_duration]
    found = np.zeros((len(loadings), len(loadings)))
    for regime, duration in zip(REGIMES, durations, strict=True):
        found += duration / sum(durations) * covariance(factor, loadings, regime)
    return found


def correlation(covariances: Floats) -> Floats:
    """Correlations of a covariance matrix; an underlying that stands still has none (NaN)."""
    deviations = np.sqrt(np.diag(covariances))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(covariances / np.outer(deviations, deviations))
