"""Whether the moments tell a parameter: its profile, and the profile in plain words.

A profile is the lowest criterion with one parameter held, over all others. The surrogate says where
it lies and the model is run there, so that what is drawn was simulated.

References
----------
Raue et al. (2009), "Structural and practical identifiability analysis of partially observed
dynamical models by exploiting the profile likelihood", Bioinformatics 25(15),
doi:10.1093/bioinformatics/btp358.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from crossmargin.experiments.calibration.search import Look

Floats = NDArray[np.float64]
#: Times that a place of a profile is looked at, at most.
LOOKS = 3
#: Logarithm of 1 + criterion, beyond what was expected, that asks for another look.
SURPRISE = 0.5


@dataclass(frozen=True, eq=False)
class Profile:
    """Profile of one parameter.

    Attributes
    ----------
    coordinate : int
    units : (n, p) float64
        Points, by rising coordinate.
    criteria : (n,) float64
        Simulated there.
    lowest : float
        Criterion of the estimate.
    limit : float
        Rise of the criterion that counts.
    """

    coordinate: int
    units: Floats
    criteria: Floats
    lowest: float
    limit: float

    @property
    def places(self) -> Floats:
        """Unit coordinates of the profile, rising."""
        return np.asarray(self.units[:, self.coordinate])

    @property
    def verdict(self) -> str:
        """`identified`, `open below`, `open above`, or of those open at both ends `flat`, `uneven`.

        An uneven profile rises somewhere and comes down again at both ends.
        """
        low, high = self.interval
        if np.isnan(low) and np.isnan(high):
            return "uneven" if self.rise > 1.0 else "flat"
        return "open below" if np.isnan(low) else "open above" if np.isnan(high) else "identified"

    @property
    def rise(self) -> float:
        """Largest rise over what counts."""
        finite = self.criteria[np.isfinite(self.criteria)]
        return float((finite.max() - self.lowest) / self.limit)

    @property
    def interval(self) -> tuple[float, float]:
        """Unit coordinates between which the rise stays below the limit; NaN where it never does.

        Straight lines are drawn between the points of the profile.
        """
        rise = np.minimum(self.criteria - self.lowest, 1e300)
        best = int(np.argmin(rise))
        left = _crossing(self.places[: best + 1][::-1], rise[: best + 1][::-1], self.limit)
        right = _crossing(self.places[best:], rise[best:], self.limit)
        return left, right


def _crossing(places: Floats, rise: Floats, limit: float) -> float:
    """Where a rise last passes the limit on the way out; NaN when it ends below it."""
    below = np.flatnonzero(rise < limit)
    last = int(below[-1]) if len(below) else 0
    if last + 1 >= len(places):
        return np.nan
    share = (limit - rise[last]) / (rise[last + 1] - rise[last])
    return float(places[last] + np.clip(share, 0.0, 1.0) * (places[last + 1] - places[last]))


def rise_that_counts(noise: float, confidence: float) -> float:
    """Rise of a criterion outside of which a parameter is told, in units of the criterion.

    The quantile of a chi-square with one degree of freedom, and twice what the draws of the
    simulations may add or take.
    """
    return float(chi2.ppf(confidence, 1)) + 2.0 * noise


def scan(look: Look, places: list[Floats], seed: int) -> None:
    """Simulate the profiles at places of each coordinate, others where the surrogate has them.

    Where the model is worse than the surrogate expected, the surrogate learns of it and says again.
    """
    held = [(i, float(at)) for i, found in enumerate(places) for at in found]
    for _ in range(LOOKS):
        if not held:
            return
        surrogate = look.trace.surrogate(seed)
        units = np.array([surrogate.lowest(i, at) for i, at in held])
        surprise = np.log1p(look("profile", units)) - surrogate.mean(units)
        held = [place for place, much in zip(held, surprise, strict=True) if much > SURPRISE]


def grid(n: int, p: int) -> list[Floats]:
    """Places over the whole range of every parameter."""
    return [np.linspace(0.0, 1.0, n) for _ in range(p)] if n else []


def beside(unit: Floats, errors: Floats) -> list[Floats]:
    """Places two standard errors from the estimate, where they lie within the range."""
    ends = [u + 2.0 * e * np.array([-1.0, 1.0]) for u, e in zip(unit, errors, strict=True)]
    return [both[np.isfinite(both) & (both > 0.0) & (both < 1.0)] for both in ends]


def profile(look: Look, coordinate: int, best: int, places: Floats, limit: float) -> Profile:
    """Profile from the points that were evaluated: at each place, the lowest criterion.

    Parameters
    ----------
    best : int
        Number of the estimate in the trace.
    places : (n,) float64
        Unit coordinates that were scanned.
    limit : float
        Rise of the criterion that counts.
    """
    units, criteria = look.trace.units, np.array(look.trace.criteria)
    rows = {best}
    for at in places[np.abs(places - units[best, coordinate]) > 1e-9]:
        here = np.flatnonzero(np.abs(units[:, coordinate] - at) < 1e-9)
        rows.add(int(here[np.argmin(criteria[here])]))
    order = sorted(rows, key=lambda row: float(units[row, coordinate]))
    return Profile(coordinate, units[order], criteria[order], float(criteria[best]), limit)
