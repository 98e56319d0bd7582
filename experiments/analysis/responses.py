"""An outcome by point: averages over the replicates, and how sure they are."""

import numpy as np
import pandas as pd

from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ParameterError


def response(sweep: Sweep, outcome: str) -> pd.DataFrame:
    """Mean, variance and number of runs of an outcome by point of the design.

    A point without a run has NaN.

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
    return found.assign(n=found["n"].fillna(0).astype(np.int64))


def varying(sweep: Sweep, outcome: str, means: "pd.Series[float]") -> None:
    """Refuse an outcome that is the same everywhere, or somewhere infinite: nothing explains it.

    Raises
    ------
    ParameterError
        With the outcome and its value.
    """
    known = means.dropna()
    if known.empty:
        raise ParameterError(f"outcome {outcome!r}: no run has a value of it")
    if not np.isfinite(known).all():
        raise ParameterError(f"outcome {outcome!r} is infinite in a run: it has no variance")
    if float(np.ptp(known)) <= 1e-12 * float(known.abs().max()):
        raise ParameterError(
            f"outcome {outcome!r} is {known.iloc[0]:g} at every point: there is nothing to explain"
        )
