"""Effects over pairs of futures: means, intervals, placebo bands, what pairing saves."""

import math
from typing import Any

import numpy as np

from crossmargin.experiments.counterfactual.members import Floats


def student(n: int, confidence: float) -> float:
    """Half width of Student's interval of a mean, in standard errors; NaN below two values."""
    from scipy.stats import t

    return float(t.ppf(0.5 + confidence / 2, n - 1)) if n > 1 else math.nan


def spans(effects: Floats, placebo: Floats | None, confidence: float) -> dict[str, Floats]:
    """Mean, interval and placebo band of effects by future (rows), for every column.

    The band is where the mean of so many futures lies when nothing that matters is changed:
    Student's interval around 0 with the spread of the placebo.
    """
    n = len(effects)
    mean = effects.mean(axis=0)
    error = effects.std(axis=0, ddof=1) / math.sqrt(n) if n > 1 else np.full(mean.shape, np.nan)
    half = student(n, confidence) * error
    found = {"effect": mean, "low": mean - half, "high": mean + half}
    width = np.full(mean.shape, np.nan)
    if placebo is not None and n > 1:
        spread = np.sqrt((placebo**2).mean(axis=0))
        width = student(n, confidence) * spread / math.sqrt(n)
    return found | {"placebo_low": -width, "placebo_high": width}


def reduction(base: Floats, other: Floats) -> float:
    """Variance of a difference of independent arms over that of the pairs; NaN without any."""
    if len(base) < 2:
        return math.nan
    paired = float((other - base).var(ddof=1))
    return float((base.var(ddof=1) + other.var(ddof=1)) / paired) if paired > 0 else math.nan


def plain(value: Any) -> Any:
    """Number as JSON has it: what is not finite is null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
