"""How much of what differs between runs is luck: the share of the variance due to the seed.

With independent seeds the replicates of a point are a sample of its luck, and the analysis of
variance has one way:

    y_ij = m + a_i + e_ij,  share = var(e) / (var(a) + var(e))

With common random numbers replicate j has the same luck in every point, and it has two:

    y_ij = m + a_i + b_j + c_ij,  share = (var(b) + var(c)) / (var(a) + var(b) + var(c))

where b is luck that moves all points alike, which comparisons of points do not see, and c is luck
that each point meets in its own way. One less the share is the intraclass correlation: ICC(1) and
ICC(A,1) of McGraw and Wong, whose intervals are used. They take effects as normal.

References
----------
McGraw, K. and Wong, S. (1996), Psych. Methods 1:30. https://doi.org/10.1037/1082-989X.1.1.30
Shrout, P. and Fleiss, J. (1979), Psych. Bull. 86:420. https://doi.org/10.1037/0033-2909.86.2.420
Thomas, J. and Hultquist, R. (1978), Ann. Stat. 6:582. https://doi.org/10.1214/aos/1176344202
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.experiments.analysis.responses import varying
from crossmargin.experiments.checks import checked_share
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ParameterError

Floats = NDArray[np.float64]


class SeedShare(NamedTuple):
    """Share of an outcome's variance that is due to the seed, with its interval.

    `alike` and `apart` split it: luck that moves all points alike, and luck that each point meets
    in its own way; NaN with independent seeds, which cannot tell.
    """

    outcome: str
    share: float
    low: float
    high: float
    alike: float
    apart: float
    points: int
    runs: int


def one_way(groups: list[Floats], confidence: float = 0.95) -> tuple[float, float, float]:
    """Share of the variance within groups and its interval, by one-way random effects.

    Groups of several sizes take the harmonic mean of the sizes (Thomas and Hultquist), which is
    exact when they are equal.
    """
    from scipy.stats import f

    k, total = len(groups), sum(map(len, groups))
    within = sum(float(((g - g.mean()) ** 2).sum()) for g in groups) / (total - k)
    size = k / sum(1.0 / len(g) for g in groups)
    between = size * float(np.var([g.mean() for g in groups], ddof=1))
    if within == 0.0:
        return 0.0, 0.0, 0.0
    ratio, tail = between / within, (1.0 - confidence) / 2
    ends = (
        ratio / f.ppf(1.0 - tail, k - 1, total - k),
        ratio * f.ppf(1.0 - tail, total - k, k - 1),
    )
    share, high, low = (1.0 - max((x - 1.0) / (x + size - 1.0), 0.0) for x in (ratio, *ends))
    return share, low, high


class TwoWay(NamedTuple):
    """Variances of a table of points by replicates, and the interval of the seed's share."""

    points: float
    alike: float
    apart: float
    low: float
    high: float


def two_way(table: Floats, confidence: float = 0.95) -> TwoWay:
    """Variance components of points (rows) and replicates (columns), by two-way random effects."""
    n, k = table.shape
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    mean_rows = k * float(rows.var(ddof=1))
    mean_columns = n * float(columns.var(ddof=1))
    rest = table - rows[:, None] - columns + table.mean()
    mean_rest = float((rest**2).sum()) / ((n - 1) * (k - 1))
    components = (
        max((mean_rows - mean_rest) / k, 0.0),
        max((mean_columns - mean_rest) / n, 0.0),
        mean_rest,
    )
    low, high = _agreement(n, k, mean_rows, mean_columns, mean_rest, confidence)
    return TwoWay(*components, 1.0 - high, 1.0 - low)


def _agreement(
    n: int, k: int, rows: float, columns: float, rest: float, confidence: float
) -> tuple[float, float]:
    """Interval of ICC(A,1) from mean squares (McGraw and Wong, table 7), within 0 and 1."""
    from scipy.stats import f

    if rest == 0.0 and 0.0 in (rows, columns):
        return (1.0, 1.0) if rows else (0.0, 0.0)
    icc = (rows - rest) / (rows + (k - 1) * rest + k * (columns - rest) / n)
    icc = min(max(icc, 0.0), 1.0 - 1e-12)
    a = k * icc / (n * (1.0 - icc))
    b = 1.0 + k * icc * (n - 1) / (n * (1.0 - icc))
    freedom = (a * columns + b * rest) ** 2 / (
        (a * columns) ** 2 / (k - 1) + (b * rest) ** 2 / ((n - 1) * (k - 1))
    )
    tail = (1.0 - confidence) / 2
    below = f.ppf(1.0 - tail, n - 1, freedom)
    above = f.ppf(1.0 - tail, freedom, n - 1)
    spread = k * columns + (k * n - k - n) * rest
    low = n * (rows - below * rest) / (below * spread + n * rows)
    high = n * (above * rows - rest) / (spread + n * above * rows)
    return float(np.clip(low, 0.0, 1.0)), float(np.clip(high, 0.0, 1.0))


def seed_share(sweep: Sweep, outcome: str, confidence: float = 0.95) -> SeedShare:
    """Share of the variance of an outcome over all runs that is due to the seed.

    With common random numbers only replicates count that every point has, and points that have
    them.

    Raises
    ------
    ParameterError
        When there are not two points with two runs each, or the outcome is the same in all runs.
    """
    confidence = checked_share("confidence", confidence)
    sweep.outcome(outcome)
    runs = sweep.runs[["point", "replicate", outcome]].dropna()
    varying(sweep, outcome, runs[outcome])
    counts = runs.groupby("point").size()
    kept = counts.index[counts >= 2]
    if len(kept) < 2:
        raise ParameterError(
            f"outcome {outcome!r}: {len(kept)} points have two runs or more; the share of the seed "
            "takes 2 (replications.count = 2 or more)"
        )
    runs = runs[runs["point"].isin(kept)]
    if sweep.plan.seeds.common:
        return _common(runs, outcome, confidence)
    groups = [part.to_numpy(float) for _, part in runs.groupby("point")[outcome]]
    found = one_way(groups, confidence)
    return SeedShare(outcome, *found, np.nan, np.nan, len(groups), len(runs))


def _common(runs: pd.DataFrame, outcome: str, confidence: float) -> SeedShare:
    whole = _rectangle(_table(runs, outcome))
    if whole.shape[0] < 2 or whole.shape[1] < 2:
        raise ParameterError(
            f"outcome {outcome!r}: no two points have two replicates in common; the share of the "
            "seed takes that"
        )
    table = whole.to_numpy(float)
    found = two_way(table, confidence)
    total = found.points + found.alike + found.apart
    parts = (found.alike / total, found.apart / total) if total else (0.0, 0.0)
    return SeedShare(outcome, sum(parts), found.low, found.high, *parts, len(table), table.size)


def _table(runs: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Points by replicates.

    A folder has one run of each; of two that writers of two versions of the model made at the same
    time, the one that comes last by the name of its file.
    """
    once = runs.drop_duplicates(["point", "replicate"], keep="last")
    return once.pivot(index="point", columns="replicate", values=outcome)


def noise_share(sweep: Sweep, outcome: str, means: "pd.Series[float]") -> float:
    """Share of the variance of the points' averages that is due to the seed.

    With common random numbers luck that moves all points alike does not count: it changes no
    difference between averages. NaN when each point has one run.
    """
    runs = sweep.runs[["point", "replicate", outcome]].dropna()
    spread, counts = float(means.var()), runs.groupby("point").size()
    if not spread or counts.empty or counts.min() < 2:
        return float("nan")
    if sweep.plan.seeds.common:
        whole = _rectangle(_table(runs, outcome))
        if min(whole.shape) >= 2:
            return two_way(whole.to_numpy(float)).apart / whole.shape[1] / spread
    within = runs.groupby("point")[outcome].var() / counts
    return float(within.mean()) / spread


def _rectangle(wide: pd.DataFrame) -> pd.DataFrame:
    """Points and replicates without a gap, as many runs as that leaves when columns go last."""
    if not wide.isna().any(axis=None):
        return wide
    best = wide.iloc[:0]
    for width in range(2, wide.shape[1] + 1):
        columns = wide.columns[np.sort(np.argsort(-wide.notna().sum(), kind="stable")[:width])]
        found = wide[columns].dropna()
        if found.size > best.size:
            best = found
    return best
