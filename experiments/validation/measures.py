"""What a stylised fact measures, a number from what was observed at one scale.

What an array cannot support is NaN.
"""

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.calibration.moments import acf, kurtosis
from crossmargin.experiments.validation.estimates import (
    correlation,
    decay_exponent,
    half_life,
    slope,
)
from crossmargin.experiments.validation.observed import EDGES, Observed

Floats = NDArray[np.float64]
MINUTE, HOUR = 60.0, 3600.0


def mean_acf(seen: Observed) -> float:
    """Mean autocorrelation of returns over lags of 20 to 60 intervals."""
    return float(np.mean([acf(seen.returns, lag) for lag in range(20, 61)]))


def volume_volatility(seen: Observed) -> float:
    """Correlation of volume with the absolute return of the same interval."""
    return correlation(seen.volume[1:], np.abs(seen.returns))


def spread_volatility(seen: Observed) -> float:
    """Correlation of the mean spread with the absolute return of the same interval."""
    return correlation(seen.spread[1:], np.abs(seen.returns))


def kurtosis_ratio(seen: Observed) -> float:
    """Kurtosis of hourly returns over that of returns of a minute."""
    return kurtosis(seen.every(HOUR).returns) / kurtosis(seen.returns)


def sign_memory(seen: Observed) -> float:
    """Exponent with which the autocorrelation of the sign of net taker flow decays."""
    return decay_exponent(np.sign(seen.flow), 100)


def volatility_memory(seen: Observed) -> float:
    """Exponent with which the autocorrelation of absolute returns decays."""
    return decay_exponent(np.abs(seen.returns), 100)


def _density(seen: Observed) -> tuple[Floats, Floats]:
    """Middle of each ring around the mid, fraction of it, and base resting there per fraction."""
    edges = np.concatenate([[0.0], EDGES])
    return 0.5 * (edges[1:] + edges[:-1]), np.diff(seen.profile, prepend=0.0) / np.diff(edges)


def depth_peak(seen: Observed) -> float:
    """Distance at which the book is densest over half the mean spread."""
    middle, density = _density(seen)
    half = 0.5 * float(np.mean(seen.spread))
    return float(middle[np.argmax(density)] / half) if density.any() and half > 0 else np.nan


def depth_tail(seen: Observed) -> float:
    """Exponent with which the density of the book falls with distance beyond its peak."""
    middle, density = _density(seen)
    far = (np.arange(len(middle)) >= np.argmax(density)) & (density > 0)
    return -slope(np.log(middle[far]), np.log(density[far]))


def basis_size(seen: Observed) -> float:
    """Mean absolute distance of the mid from the index, fraction of the index."""
    return float(np.mean(np.abs(seen.basis)))


def basis_half_life(seen: Observed) -> float:
    """Half-life of the basis, hours."""
    return half_life(seen.basis, seen.seconds) / HOUR


def funding_level(seen: Observed) -> float:
    """Mean funding rate, per 8 hours."""
    return float(np.mean(seen.funding))


def funding_positive(seen: Observed) -> float:
    """Share of time in which longs pay shorts."""
    return float(np.mean(seen.funding > 0))


def funding_follows(seen: Observed) -> float:
    """Correlation of an hour's mean basis with the rate paid at its end.

    Hours before the first payment are left out, and a rate that rests at the venues' interest, as
    it does while the premium stays within the clamp, follows nothing: NaN.
    """
    paid = np.flatnonzero(seen.funding)
    first = int(paid[0]) if len(paid) else len(seen.funding)
    rate = seen.funding[first:]
    if len(rate) < 3 or np.ptp(rate) < 1e-9:
        return np.nan
    return correlation(seen.basis[first:], rate)
