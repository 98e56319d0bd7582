"""Models of returns that cost nothing, to try a calibration on before a market is fitted.

Each is a function of (values, seed) that gives log returns; `n` is how many.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Returns when `n` is not given.
LENGTH = 4000


def _noise(values: Mapping[str, float], seed: int) -> Floats:
    return np.random.default_rng(seed).standard_normal(int(values.get("n", LENGTH)))


def normal_returns(values: Mapping[str, float], seed: int) -> Floats:
    """Independent normal returns: `volatility`."""
    return values["volatility"] * _noise(values, seed)


def autoregressive_returns(values: Mapping[str, float], seed: int) -> Floats:
    """Returns of which each keeps a share of the one before: `volatility` of the noise, `share`."""
    from scipy.signal import lfilter

    noise = values["volatility"] * _noise(values, seed)
    return np.asarray(lfilter([1.0], [1.0, -values["share"]], noise))


def garch_returns(values: Mapping[str, float], seed: int) -> Floats:
    """Returns by GARCH(1,1): `volatility` in the long run, `shock` and `memory` of the variance.

    References
    ----------
    Bollerslev (1986), "Generalized autoregressive conditional heteroskedasticity", Journal of
    Econometrics 31(3), doi:10.1016/0304-4076(86)90063-1.
    """
    noise = _noise(values, seed).tolist()
    level, shock, memory = values["volatility"] ** 2, values["shock"], values["memory"]
    constant, variance, returns = level * max(0.0, 1.0 - shock - memory), level, []
    for epsilon in noise:
        r = math.sqrt(variance) * epsilon
        returns.append(r)
        variance = constant + shock * r * r + memory * variance
    return np.array(returns)


def jumping_returns(values: Mapping[str, float], seed: int) -> Floats:
    """Normal returns with jumps now and then: `volatility`, `intensity` a return, `jump` size."""
    rng = np.random.default_rng(seed)
    n = int(values.get("n", LENGTH))
    counts = rng.poisson(values["intensity"], n)
    jumps = values["jump"] * np.sqrt(counts) * rng.standard_normal(n)
    return np.asarray(values["volatility"] * rng.standard_normal(n) + jumps)
