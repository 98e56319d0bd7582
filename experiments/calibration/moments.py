r"""Stylised facts of returns, as numbers on an array.

A fact is named: `volatility`, `skewness`, `kurtosis`, `hill_5` (tail index of the largest 5% of
absolute returns), `acf_1`, `abs_acf_24`, `leverage_1`, or `module:function` of a user. Recorded and
simulated returns go through the same functions. A fact that an array cannot support (too short,
no variance) is NaN, never an error.

References
----------
Cont (2001), "Empirical properties of asset returns: stylized facts and statistical issues",
Quantitative Finance 1(2), doi:10.1080/713665670.
"""

import re
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.explain import did_you_mean
from crossmargin.experiments.sweeps.functions import find_function
from crossmargin.model.errors import ParameterError

Floats = NDArray[np.float64]
Fact = Callable[[Floats], float]


def volatility(returns: Floats) -> float:
    """Standard deviation, log return an interval."""
    return float(np.std(returns)) if len(returns) > 1 else np.nan


def _standardised(returns: Floats) -> Floats:
    """Deviations over the standard deviation; empty when there is none."""
    centred = returns - returns.mean() if len(returns) > 1 else returns[:0]
    spread = float(np.sqrt(np.mean(centred**2))) if len(centred) else 0.0
    return centred / spread if spread > 0 else centred[:0]


def skewness(returns: Floats) -> float:
    """Third standardised moment, pure number; 0 when symmetric."""
    z = _standardised(returns)
    return float(np.mean(z**3)) if len(z) else np.nan


def kurtosis(returns: Floats) -> float:
    """Fourth standardised moment, pure number; 3 when normal.

    Notes
    -----
    With a tail index below 4, as returns of crypto assets have, the moment does not exist and its
    estimate grows with the sample: compare samples of one length, or take `hill` in its place.
    """
    z = _standardised(returns)
    return float(np.mean(z**4)) if len(z) else np.nan


def hill(returns: Floats, percent: float) -> float:
    r"""Tail index :math:`\alpha` of absolute returns, pure number.

    .. math:: 1/\hat\alpha = \frac1k \sum_{i=1}^{k} \ln \frac{x_{(i)}}{x_{(k+1)}}

    over the :math:`k` largest, `percent` of the sample.

    References
    ----------
    Hill (1975), "A simple general approach to inference about the tail of a distribution",
    Annals of Statistics 3(5), doi:10.1214/aos/1176343247.
    """
    k = int(len(returns) * percent / 100)
    if k < 2 or k + 1 > len(returns):
        return np.nan
    largest = np.sort(np.abs(returns))[-(k + 1) :]
    if largest[0] <= 0:
        return np.nan
    excess = float(np.mean(np.log(largest[1:] / largest[0])))
    return 1.0 / excess if excess > 0 else np.nan


def _correlation(first: Floats, second: Floats) -> float:
    a, b = _standardised(first), _standardised(second)
    return float(np.mean(a * b)) if len(a) and len(a) == len(b) else np.nan


def acf(values: Floats, lag: int) -> float:
    """Autocorrelation at a lag, pure number: sample covariance at the lag over the variance.

    References
    ----------
    Box, Jenkins (1976), "Time Series Analysis", section 2.1.5.
    """
    z = _standardised(values)
    return float(np.sum(z[lag:] * z[:-lag]) / len(z)) if len(z) > lag else np.nan


def abs_acf(returns: Floats, lag: int) -> float:
    """Autocorrelation of absolute returns at a lag, pure number: volatility clusters.

    References
    ----------
    Ding, Granger, Engle (1993), "A long memory property of stock market returns and a new model",
    Journal of Empirical Finance 1(1), doi:10.1016/0927-5398(93)90006-D.
    """
    return acf(np.abs(returns), lag)


def leverage(returns: Floats, lag: int) -> float:
    """Correlation of a return with the squared return a lag later; negative: falls stir markets.

    References
    ----------
    Bouchaud, Matacz, Potters (2001), "Leverage effect in financial markets", Physical Review
    Letters 87(22), doi:10.1103/PhysRevLett.87.228701; as a correlation in Cont (2001).
    """
    return _correlation(returns[:-lag], returns[lag:] ** 2) if len(returns) > lag + 1 else np.nan


PLAIN: dict[str, Fact] = {"volatility": volatility, "skewness": skewness, "kurtosis": kurtosis}
LAGGED: dict[str, Callable[[Floats, int], float]] = {
    "acf": acf,
    "abs_acf": abs_acf,
    "leverage": leverage,
}
#: One name of every family, for error messages.
EXAMPLES = (*PLAIN, "hill_5", "acf_1", "abs_acf_24", "leverage_1")


def lag_of(name: str) -> int:
    """Observations that a fact looks back; 0 when it needs none."""
    found = re.fullmatch(rf"({'|'.join(LAGGED)})_(\d+)", name)
    return int(found.group(2)) if found else 0


def fact(name: str) -> Fact:
    """Stylised fact by name.

    Raises
    ------
    ParameterError
        When there is no such fact.
    """
    if name in PLAIN:
        return PLAIN[name]
    if ":" in name:
        return find_function(name, "fact")
    family, _, number = name.rpartition("_")
    if family in LAGGED and number.isdigit() and int(number) > 0:
        function, lag = LAGGED[family], int(number)
        return lambda returns: function(returns, lag)
    if family == "hill" and re.fullmatch(r"\d+(\.\d+)?", number) and 0 < float(number) <= 50:
        percent = float(number)
        return lambda returns: hill(returns, percent)
    raise ParameterError(f"fact {name!r}: there is no such fact; {did_you_mean(name, EXAMPLES)}")


def facts(returns: Floats, names: Iterable[str]) -> dict[str, float]:
    """Facts of some returns, by name."""
    return {name: float(fact(name)(returns)) for name in names}


def windowed(returns: Floats, names: Iterable[str], window: int = 0) -> Floats:
    """Facts averaged over windows of one length that follow one another; 0: one window of all.

    The average over windows as long as a simulation is what a simulation can be compared with:
    tails and autocorrelations of short samples are biased, and the bias then is on both sides.

    Returns
    -------
    (n_names,) float64
    """
    size = window or len(returns)
    starts = range(0, len(returns) - size + 1, size)
    rows = [list(facts(returns[a : a + size], names).values()) for a in starts]
    return np.mean(np.array(rows, float), axis=0)
