r"""Share of events that other events brought about, from their counts alone.

If each event brings about n others on average, counts in windows much longer than its memory have

.. math:: \frac{\mathrm{Var}}{\mathrm{Mean}} = \frac{1}{(1 - n)^2}, \qquad
          \hat n = 1 - \sqrt{\mathrm{Mean} / \mathrm{Var}}

whatever the kernel. **A rate that changes from outside inflates the variance in the same way**:
with no endogeneity at all a shift of regime gives n near 1. So the estimate is taken a second time
from the differences of neighbouring windows, which a slow change leaves alone, and the cumulated
sums are tested for a change; either gives a `RegimeWarning`. Never fit it across a crash.

References
----------
Hardiman, S. J. and Bouchaud, J.-P. (2014), "Branching-ratio approximation for the self-exciting
Hawkes process", Phys. Rev. E 90:062807. https://doi.org/10.1103/PhysRevE.90.062807. Filimonov, V.
and Sornette, D. (2015), "Apparent criticality and calibration issues in the Hawkes self-excited
point process model", Quantitative Finance 15:1293. https://doi.org/10.1080/14697688.2015.1032544.
Brown, R. L., Durbin, J. and Evans, J. M. (1975), "Techniques for testing the constancy of
regression relationships over time", J. Royal Stat. Soc. B 37:149.
https://doi.org/10.1111/j.2517-6161.1975.tb01532.x (cumulated sums).
"""

import warnings
from typing import Any, NamedTuple

import numpy as np

from crossmargin.model.errors import ParameterError
from crossmargin.model.networks.checks import Floats, array_of, check_range

#: Fewest windows from which a variance is taken.
FEWEST = 20
#: Probability below which the test for a change of the rate speaks.
LEVEL = 0.01


class RegimeWarning(UserWarning):
    """The rate of events changed from outside: a branching ratio means nothing."""


class HawkesRatio(NamedTuple):
    """Endogeneity of a record of events.

    Attributes
    ----------
    ratio : float, n from the variance of counts; 0 where they scatter less than at random
    low, high : float, 95% interval, of counts that are nearly normal and independent
    local : float, n from the differences of neighbouring windows, robust to slow changes
    change : float, probability of cumulated sums this far off at a constant rate
    windows : int
    rate : float, events a window
    """

    ratio: float
    low: float
    high: float
    local: float
    change: float
    windows: int
    rate: float

    @property
    def is_stationary(self) -> bool:
        """False where the rate changed from outside, as far as the record can tell."""
        return self.change >= LEVEL and not self.low > self.local


def hawkes_branching_ratio(
    times: Any = None,
    window: float | None = None,
    *,
    counts: Any = None,
    until: float | None = None,
) -> HawkesRatio:
    """Mean number of events that an event brings about, from counts in windows.

    Parameters
    ----------
    times : (k,) array
        Moments of the events, in any unit.
    window : float
        Length of a window in the same unit: many times the memory of the process.
    counts : (w,) array
        Events a window, in place of times and window.
    until : float, optional
        End of the record; by default the last event. A window that it cuts off is left out.

    Returns
    -------
    HawkesRatio

    Raises
    ------
    ParameterError
        With the argument; for fewer than 20 windows too.

    Warns
    -----
    RegimeWarning
        Where the rate changed from outside.
    """
    if (counts is None) == (times is None):
        raise ParameterError("times, counts: give one of them")
    found = (
        _counted(times, window, until) if counts is None else array_of("counts", counts, (None,))
    )
    check_range("counts", found, 0.0)
    if len(found) < FEWEST:
        word = "counts" if times is None else "window"
        raise ParameterError(f"{word}: gives {len(found)} windows; at least {FEWEST} are needed")
    result = _estimated(found)
    if not result.is_stationary:
        warnings.warn(
            f"the rate of events is not constant (probability {result.change:.2g}; n = "
            f"{result.ratio:.3f} over the whole record, {result.local:.3f} between neighbouring "
            "windows): a change from outside looks like endogeneity",
            RegimeWarning,
            stacklevel=2,
        )
    return result


def _counted(times: Any, window: float | None, until: float | None) -> Floats:
    moments = np.sort(array_of("times", times, (None,)))
    if window is None:
        raise ParameterError("window: is needed with times")
    length = array_of("window", window, ())
    check_range("window", length, above=0.0)
    if not len(moments):
        raise ParameterError("times: holds no events")
    first = float(moments[0]) if until is None else min(0.0, float(moments[0]))
    last = float(moments[-1]) if until is None else float(array_of("until", until, ()))
    n = int((last - first) / float(length))
    places = ((moments - first) / float(length)).astype(np.int64)
    return np.bincount(places[places < n], minlength=n).astype(float)


def _ratio(mean: float, variance: Any) -> Any:
    """Branching ratio of a mean and a variance of counts; 0 where they scatter less."""
    return np.maximum(0.0, 1.0 - np.sqrt(mean / np.maximum(variance, mean)))


def _estimated(counts: Floats) -> HawkesRatio:
    from scipy.stats import chi2, kstwobign

    n, mean, variance = len(counts), float(counts.mean()), float(counts.var(ddof=1))
    if mean == 0:
        raise ParameterError("counts: holds no events")
    steps = float((np.diff(counts) ** 2).mean() / 2)
    bounds = (n - 1) * variance / chi2.ppf([0.975, 0.025], n - 1)
    sums = np.cumsum(counts - mean) / np.sqrt(n * max(steps, 1e-300))
    return HawkesRatio(
        ratio=float(_ratio(mean, variance)),
        low=float(_ratio(mean, bounds[0])),
        high=float(_ratio(mean, bounds[1])),
        local=float(_ratio(mean, steps)),
        change=float(kstwobign.sf(np.abs(sums).max())) if steps > 0 else 1.0 - float(variance > 0),
        windows=n,
        rate=mean,
    )
