"""Fewer points, same picture: long series keep the lowest and the highest point of each bin."""

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: A browser draws this many points of an SVG line smoothly.
POINTS = 1200


def _bin_extremes(values: NDArray[np.float64], edges: NDArray[np.int64]) -> set[int]:
    """Positions of the lowest and highest finite value between consecutive edges."""
    kept: set[int] = set()
    for first, last in pairwise(edges):
        part = values[first:last]
        if not np.isfinite(part).any():
            continue
        kept.add(int(first + np.nanargmin(part)))
        kept.add(int(first + np.nanargmax(part)))
    return kept


def kept_points(values: pd.Series, points: int = POINTS) -> NDArray[np.int64]:
    """Positions to keep of a series: all when it is short, else the extremes of equal bins.

    The first and the last point are kept too, so that running totals end where they end.
    """
    n = len(values)
    if n <= points:
        return np.arange(n)
    edges = np.linspace(0, n, max(1, points // 2 - 1) + 1).astype(np.int64)
    kept = _bin_extremes(values.to_numpy(dtype=np.float64), edges)
    return np.array(sorted(kept | {0, n - 1}), dtype=np.int64)


def thin(frame: pd.DataFrame, column: str, points: int = POINTS) -> pd.DataFrame:
    """Rows of a frame that one of its columns needs in order to be drawn."""
    return frame.iloc[kept_points(frame[column], points)]


def every(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    """At most so many rows of a frame, evenly spread, the last one among them."""
    if len(frame) <= rows:
        return frame
    return frame.iloc[np.unique(np.linspace(0, len(frame) - 1, rows).round().astype(np.int64))]
