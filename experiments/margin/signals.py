"""Signals of risk from prices: realised volatility, a GARCH forecast; what adaptive margin follows.

References
----------
Bollerslev (1986), Generalized autoregressive conditional heteroskedasticity,
doi:10.1016/0304-4076(86)90063-1; fitted with the `arch` library.
"""

import math

import numpy as np

from crossmargin.experiments.sweeps.extras import need
from crossmargin.model.errors import ParameterError
from crossmargin.model.kernel import from_python
from crossmargin.model.margin.adaptive import Parameters, follow, limits_of, next_variance
from crossmargin.model.state import Array


def log_returns(prices: Array) -> Array:
    """Changes of the logarithm of prices.

    Raises
    ------
    ParameterError
        When a price is not positive or there are fewer than two.
    """
    prices = np.asarray(prices, float)
    if len(prices) < 2 or not (np.isfinite(prices) & (prices > 0)).all():
        raise ParameterError("prices: need two or more, all positive")
    return np.diff(np.log(prices))


def realised_volatility(returns: Array, decay: float, a_year: float) -> Array:
    """Volatility known after each return, per root year, by falling weights.

    Parameters
    ----------
    decay : float
        Weight that is left of a return after the next.
    a_year : float
        Returns in a year.
    """
    step = from_python(next_variance)
    variance, found = float(np.mean(returns[:30] ** 2)), np.empty(len(returns))
    for t, change in enumerate(returns):
        variance = step(variance, change, decay)
        found[t] = variance
    return np.sqrt(found * a_year)


def garch_volatility(returns: Array, a_year: float, *, fitted: int = 500) -> Array:
    """One-step forecasts of a GARCH(1,1), per root year, fitted to the first returns alone.

    The forecasts of the fitted part are in sample; those after it use no later return.

    Parameters
    ----------
    fitted : int
        Returns to which the model is fitted; at least 100.

    Raises
    ------
    ParameterError
        When there are too few returns.
    ScenarioError
        When the `arch` library is not installed.
    """
    if not 100 <= fitted <= len(returns):
        raise ParameterError(f"fitted = {fitted}: need 100 to {len(returns)} returns")
    arch = need("arch")
    model = arch.arch_model(100.0 * returns, mean="Zero", p=1, q=1, rescale=False)
    result = model.fit(last_obs=fitted, disp="off", show_warning=False)
    omega, alpha, beta = (float(result.params[k]) for k in ("omega", "alpha[1]", "beta[1]"))
    variance, found = float(np.mean((100.0 * returns[:fitted]) ** 2)), np.empty(len(returns))
    for t, change in enumerate(100.0 * returns):
        variance = omega + alpha * change**2 + beta * variance
        found[t] = variance
    return np.sqrt(found * a_year) / 100.0


def multipliers(rule: Parameters, signal: Array, days: float) -> Array:
    """Multipliers of requirements along a path of a signal, one a step of some days."""
    found = np.empty(len(signal))
    follow(limits_of(rule), np.asarray(signal, float), float(days), found)
    return found


def annual(steps_a_day: float) -> float:
    """Steps in a year of 365 days.

    Examples
    --------
    >>> annual(24)
    8760.0
    """
    return math.fsum([365.0 * steps_a_day])
