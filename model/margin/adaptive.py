r"""Adaptive margin: a multiplier of all requirements that follows a signal of risk.

.. math::
    m^* = \min\left(\bar m, \max\left(\underline m, (x / x_0)^p\right)\right), \qquad
    m_{t + \Delta} = \min(m_t u^\Delta, \max(m_t / d^\Delta, m^*))

for a signal x, its reference x0 and a power p (negative for depth: the more the safer); limits u
and d of what it may rise and fall in a day keep it from doing all at once what makes a spiral. A
cap of leverage may come with grandfathering: who holds positions keeps the cap under which they
were opened.

References
----------
Murphy, Vasios and Vause (2014), An investigation into the procyclicality of risk-based initial
margin models, Bank of England Financial Stability Paper 29 (floors, caps, buffers, speed limits).
"""

from typing import Literal

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import INITIAL, MAINTENANCE
from crossmargin.model.parts import Numbers, number, row_of, slots
from crossmargin.model.state import Array


class Limits(Numbers):
    """Multiplier by signal, and how fast it may move."""

    reference: float = number(0.6, "as the signal", above=0, doc="Where the multiplier is one.")
    power: float = number(1.0, "power", low=-4, high=4, doc="Negative where more is safer.")
    floor: float = number(1.0, "multiple", above=0, high=100, doc="Least multiplier.")
    cap: float = number(3.0, "multiple", above=0, high=100, doc="Largest multiplier.")
    rise: float = number(
        1e6, "multiple a day", low=1, doc="Most by which it rises in a day; 1e6 at once."
    )
    fall: float = number(1e6, "multiple a day", low=1, doc="Most by which it falls in a day.")


class Parameters(Limits):
    """How requirements follow a signal."""

    signal: Literal["realised", "garch", "implied", "depth", "open_interest"] = "realised"
    level: float | None = number(None, "as the signal", above=0, doc="Of the signal now.")
    decay: float = number(0.94, "fraction a day", above=0, high=0.9999, doc="Of realised EWMA.")
    alpha: float = number(
        0.06,
        "weight",
        low=0,
        high=1,
        source="usual for daily returns: Hansen and Lunde (2005), doi:10.1002/jae.800",
        doc="Of the last squared return in a GARCH forecast.",
    )
    beta: float = number(
        0.93, "weight", low=0, high=1, source="the same", doc="Of the last forecast."
    )
    forecast_seconds: float = number(
        86400.0, "s", above=0, source="daily returns", doc="Between two returns of GARCH."
    )
    leverage: float = number(
        1e6, "multiple of equity", above=0, doc="Largest gross notional over equity for entry."
    )
    leverage_follows: bool = number(
        False, "choice", doc="The cap of leverage falls as the multiplier rises."
    )
    grandfathering: bool = number(
        False, "choice", doc="Who holds positions keeps the cap under which they were opened."
    )
    source: str = ""


P = slots(Limits)


def limits_of(rule: Parameters) -> Array:
    """Numbers of a multiplier in the order of their slots, as kernels read them."""
    own = {name: getattr(rule, name) for name in Limits.model_fields}
    return np.array(row_of(Limits(**own)))


@kernel
def multiplier_at(rule, signal):
    """Multiplier that a signal asks for; `rule` has the slots of `Limits`."""
    return min(max((signal / rule[P.reference]) ** rule[P.power], rule[P.floor]), rule[P.cap])


@kernel
def next_multiplier(rule, now, signal, days):
    """Multiplier some days later, held by what it may rise and fall."""
    highest, lowest = now * rule[P.rise] ** days, now / rule[P.fall] ** days
    return min(highest, max(lowest, multiplier_at(rule, signal)))


@kernel
def next_variance(variance, change, decay):
    """Variance of the changes of a logarithm after one more, by falling weights."""
    return decay * variance + (1.0 - decay) * change * change


@kernel(python=True)
def follow(rule, signals, days, out):
    """Multipliers along a path of signals, (n,) float64, beginning where the first asks for."""
    now = multiplier_at(rule, signals[0])
    for t in range(signals.shape[0]):
        now = next_multiplier(rule, now, signals[t], days)
        out[t] = now
    return 0


@kernel(python=True)
def multiply(numbers, multiplier):
    """Multiply the requirements of every account."""
    for row in range(numbers.shape[0]):
        numbers[row, INITIAL] *= multiplier
        numbers[row, MAINTENANCE] *= multiplier
    return 0


@kernel(python=True)
def cap_leverage(numbers, gross, granted, cap):
    """Raise entry requirements to gross notional over the cap of leverage.

    Parameters
    ----------
    gross : (n_accounts,) float64
        Notional of all positions, quote.
    granted : (n_accounts,) float64
        Cap under which the positions of an account were opened; 0 where that counts no more.
    cap : float
        Of today.
    """
    for row in range(numbers.shape[0]):
        asked = gross[row] / max(cap, granted[row])
        numbers[row, INITIAL] = max(numbers[row, INITIAL], asked)
    return 0
