"""What a method of variance reduction found, what it cost, and what plain Monte Carlo would cost.

The work of a method is its variance times its cost. Its gain is the work of plain Monte Carlo over
its own: by that factor plain Monte Carlo costs more for the same standard error.

References
----------
Glynn, P. and Whitt, W. (1992), "The asymptotic efficiency of simulation estimators", Operations
Research 40:505. https://doi.org/10.1287/opre.40.3.505
"""

import html
import math
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Estimation:
    """An estimate with its error, its cost and its gain.

    Attributes
    ----------
    method : str
    estimate, standard_error : float
        In the unit of the outcome.
    low, high, confidence : float
        Interval and its confidence.
    cost : float
        All that was spent, pilots included, in `unit`.
    unit : str
        What is counted: runs, or steps of the process.
    gain : float
        Cost of plain Monte Carlo with the same standard error over `cost`; NaN when unknown.
    diagnostics : dict
        What tells whether to trust it, by name; each method lists its own.
    """

    method: str
    estimate: float
    standard_error: float
    low: float
    high: float
    confidence: float
    cost: float
    unit: str
    gain: float
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_runs(
        cls,
        method: str,
        spread: tuple[float, float, float],
        runs: float,
        gain: float,
        confidence: float,
        diagnostics: dict[str, Any],
    ) -> Self:
        """Estimate with Student's interval, its cost counted in runs.

        Parameters
        ----------
        spread : tuple of float
            Estimate, its standard error, and the degrees of freedom of that.
        runs : float
            All runs, pilots included.
        """
        estimate, error, freedom = spread
        half = half_width(error, freedom, confidence)
        ends = (estimate - half, estimate + half)
        cost = (float(runs), "runs")
        return cls(method, estimate, error, *ends, confidence, *cost, gain, diagnostics)

    @property
    def relative_error(self) -> float:
        """Standard error over the estimate."""
        return self.standard_error / abs(self.estimate) if self.estimate else math.inf

    def __str__(self) -> str:
        """All of it in one line."""
        return (
            f"{self.method}: {self.estimate:.4g}, standard error {self.standard_error:.2g}, "
            f"{self.confidence:.0%} interval {self.low:.4g} to {self.high:.4g}, "
            f"{self.cost:,.0f} {self.unit}, gain {self.gain:.3g}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(str(self))}</p>"


def gain_of(plain_work: float, standard_error: float, cost: float) -> float:
    """Work of plain Monte Carlo (variance of one run times its cost) over that of a method."""
    work = standard_error**2 * cost
    if math.isnan(work) or math.isnan(plain_work):
        return math.nan
    return plain_work / work if work > 0 else math.inf


def half_width(standard_error: float, freedom: float, confidence: float) -> float:
    """Half of Student's interval; without a degree of freedom there is none."""
    from scipy.stats import t

    if freedom <= 0:
        return math.nan
    return float(t.ppf(0.5 + confidence / 2, freedom)) * standard_error


def standard_error(values: Floats) -> float:
    """Standard error of a mean of independent values; NaN for fewer than two."""
    n = len(values)
    return float(values.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan
