"""An outcome by point: averages over the replicates, and how sure they are."""

import numpy as np
import pandas as pd

from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ParameterError


def response(sweep: Sweep, outcome: str) -> pd.DataFrame:
    """Mean, variance and number of runs of an outcome by point of the design.

    Points that have the same values share their runs: identity goes by values. A point without a
    run has NaN.

    Returns
    -------
    DataFrame
        Index `point`; `mean` in the unit of the outcome, `variance` within the point, `n`.
    """
    sweep.outcome(outcome)
    runs = sweep.runs[["point", outcome]].dropna()
    grouped = runs.groupby("point")[outcome]
    found = pd.DataFrame({"mean": grouped.mean(), "variance": grouped.var(), "n": grouped.size()})
    found = found.reindex(sweep.points.index)
    missing = found["n"].isna()
    if missing.any() and sweep.plan.paths:
        found.loc[missing] = _of_equal_points(sweep, found)[missing]
    return found.assign(n=found["n"].fillna(0).astype(np.int64))


def _of_equal_points(sweep: Sweep, found: pd.DataFrame) -> pd.DataFrame:
    paths = list(sweep.plan.paths)
    known = sweep.points[paths].join(found).dropna(subset="n").drop_duplicates(paths)
    merged = sweep.points[paths].merge(known, on=paths, how="left")
    return merged[["mean", "variance", "n"]].set_axis(sweep.points.index)


def varying(sweep: Sweep, outcome: str, means: "pd.Series[float]") -> None:
    """Refuse an outcome that is the same everywhere: there is nothing to explain.

    Raises
    ------
    ParameterError
        With the outcome and its value.
    """
    known = means.dropna()
    if known.empty:
        raise ParameterError(f"outcome {outcome!r}: no run has a value of it")
    if float(np.ptp(known)) <= 1e-12 * float(known.abs().max()):
        raise ParameterError(
            f"outcome {outcome!r} is {known.iloc[0]:g} at every point: there is nothing to explain"
        )
