"""Shares of a fall: how much of it the venue added, and whether that can be."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from crossmargin.experiments.endogenous.solve import Floats
from crossmargin.model.errors import ParameterError

FITS, PARTLY, MISFIT = "fits", "partly misfit", "misfit"


class Window(NamedTuple):
    """Blocks of a fall: of its peak and of its trough."""

    peak: int
    trough: int


def largest_fall(log_price: Floats) -> Window:
    """Peak and trough of the largest fall of a path.

    Raises
    ------
    ParameterError
        When the path never falls.
    """
    highest = np.maximum.accumulate(log_price)
    trough = int(np.argmax(highest - log_price))
    peak = int(np.argmax(log_price[: trough + 1]))
    if peak == trough:
        raise ParameterError("the record never falls; there is no fall to take apart")
    return Window(peak, trough)


def fall(log_price: Floats, window: Window) -> float:
    """Fall of a path over a window, log price."""
    return float(log_price[window.peak] - log_price[window.trough])


def verdict(low: float, high: float) -> str:
    """Whether shares from `low` to `high` can be shares: all, some or none within [0, 1]."""
    if low >= 0.0 and high <= 1.0:
        return FITS
    return MISFIT if high < 0.0 or low > 1.0 else PARTLY


def spread(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and its 95% interval (Student), from draws; no interval from a single one."""
    found = np.asarray(values, float)
    half = None
    if len(found) > 1:
        from scipy.stats import t

        error = found.std(ddof=1) / np.sqrt(len(found))
        half = float(t.ppf(0.975, len(found) - 1) * error)
    mean = float(found.mean())
    return {
        "mean": mean,
        "low": None if half is None else mean - half,
        "high": None if half is None else mean + half,
    }


def verdict_of(values: Sequence[float]) -> str:
    """Whether the mean of draws can be a share, as far as its interval tells."""
    found = spread(values)
    ends = [found[name] if found[name] is not None else found["mean"] for name in ("low", "high")]
    return verdict(float(ends[0] or 0.0), float(ends[1] or 0.0))
