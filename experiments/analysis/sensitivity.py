"""Which factors matter: elementary effects of Morris, variance-based indices of Sobol.

An outcome is averaged over the replicates of a point first. What luck is left in those averages
looks like interaction: it raises sigma and the total indices. `noise` says how much it is; luck
that common random numbers give to all points alike does no such harm.

References
----------
Morris, M. (1991), Technometrics 33:161. https://doi.org/10.1080/00401706.1991.10484804
Campolongo, F. et al. (2007), Env. Mod. Soft. 22:1509. https://doi.org/10.1016/j.envsoft.2006.10.004
Saltelli, A. et al. (2010), Comp. Phys. Comm. 181:259. https://doi.org/10.1016/j.cpc.2009.09.018
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.experiments.analysis.responses import response, varying
from crossmargin.experiments.analysis.seed_share import noise_share
from crossmargin.experiments.checks import checked_share
from crossmargin.experiments.sweeps.extras import need
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.experiments.sweeps.tables import MORRIS_LEVELS
from crossmargin.experiments.sweeps.views import names_of
from crossmargin.model.errors import ParameterError

#: Resamples of a bootstrap interval.
RESAMPLES = 400


@dataclass(frozen=True)
class Sensitivity:
    """Measures of sensitivity with their intervals.

    Attributes
    ----------
    outcome, kind : str
        What was measured; `morris` or `sobol`.
    table : DataFrame
        One row a factor: `factor` (label), `path` and the measures. Morris: `mu`, `mu_star`,
        `mu_star_low`, `mu_star_high`, `sigma`, in the unit of the outcome per whole range of the
        factor. Sobol: `first`, `total` and their ends, shares of the variance.
    pairs : DataFrame
        Second-order indices by pair of factors, where the design has them.
    samples, left_out : int
        Trajectories or base points used, and those left out because a run of them is missing.
    noise : float
        Share of the variance of the points' averages that is due to the seed; NaN when each point
        has one run.
    """

    outcome: str
    kind: str
    table: pd.DataFrame
    pairs: pd.DataFrame
    samples: int
    left_out: int
    noise: float


def _whole_samples(
    sweep: Sweep, outcome: str, kind: str, size: int
) -> tuple[NDArray[np.bool_], pd.DataFrame]:
    """Which points belong to samples without a gap, and the outcome by point."""
    if sweep.plan.design.kind != kind:
        raise ParameterError(
            f"design.kind = {sweep.plan.design.kind!r}: these measures take a {kind} design"
        )
    table = response(sweep, outcome)
    is_whole = table["mean"].notna().to_numpy().reshape(-1, size).all(axis=1)
    if is_whole.sum() < 2:
        raise ParameterError(
            f"outcome {outcome!r}: {is_whole.sum()} of {len(is_whole)} samples of the {kind} "
            "design are complete; it takes 2 or more"
        )
    kept = np.repeat(is_whole, size)
    varying(sweep, outcome, table.loc[kept, "mean"])
    return kept, table


def _labelled(sweep: Sweep, **columns: Any) -> pd.DataFrame:
    names = names_of(sweep)
    facts = {"factor": list(names.values()), "path": list(names)}
    return pd.DataFrame(facts | columns)


def morris(
    sweep: Sweep,
    outcome: str,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> Sensitivity:
    """Elementary effects of the factors of a Morris design, in the unit of the outcome.

    `mu_star` is how much a factor matters: the mean absolute change of the outcome when the factor
    alone goes through its range. `sigma` is how much that depends on where the others stand, or on
    where the factor itself does.

    Parameters
    ----------
    sweep : Sweep
        With a design of kind `morris`.
    outcome : str
    confidence : float
        Of the interval of `mu_star`, by SALib's bootstrap over trajectories.
    resamples, seed : int
        Of the bootstrap.

    Raises
    ------
    ParameterError
        When the design is another, fewer than two trajectories are complete, or the outcome is the
        same everywhere.
    """
    from crossmargin.experiments.sweeps.designs import salib_problem, unit_points

    checked_share("confidence", confidence)
    size = len(sweep.plan.factor) + 1
    kept, table = _whole_samples(sweep, outcome, "morris", size)
    found = need("SALib.analyze.morris").analyze(
        salib_problem(sweep.plan),
        unit_points(sweep.plan)[kept],
        table.loc[kept, "mean"].to_numpy(float),
        num_resamples=resamples,
        conf_level=confidence,
        num_levels=sweep.plan.design.levels or MORRIS_LEVELS,
        seed=seed,
    )
    star, half = np.asarray(found["mu_star"], float), np.asarray(found["mu_star_conf"], float)
    rows = _labelled(
        sweep,
        mu=np.asarray(found["mu"], float),
        mu_star=star,
        mu_star_low=np.maximum(star - half, 0.0),
        mu_star_high=star + half,
        sigma=np.asarray(found["sigma"], float),
    )
    n, left = int(kept.sum()) // size, int((~kept).sum()) // size
    noise = noise_share(sweep, outcome, table["mean"])
    return Sensitivity(outcome, "morris", rows, pd.DataFrame(), n, left, noise)


def sobol(
    sweep: Sweep,
    outcome: str,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> Sensitivity:
    """Sobol indices of the factors of a Saltelli design, as shares of the outcome's variance.

    `first` is the share that would go if a factor were known and nothing else; `total` the share
    that would stay if everything else were known. Their difference is what a factor does together
    with others.

    Parameters
    ----------
    sweep : Sweep
        With a design of kind `saltelli`.
    outcome : str
    confidence : float
        Of the intervals, by SALib's bootstrap over base points.
    resamples, seed : int
        Of the bootstrap; the seed is 1 or more.

    Raises
    ------
    ParameterError
        When the design is another, fewer than two base points are complete, or the outcome is the
        same everywhere.
    """
    from crossmargin.experiments.sweeps.designs import salib_problem

    checked_share("confidence", confidence)
    second, k = sweep.plan.design.second_order, len(sweep.plan.factor)
    size = 2 * k + 2 if second else k + 2
    kept, table = _whole_samples(sweep, outcome, "saltelli", size)
    found = need("SALib.analyze.sobol").analyze(
        salib_problem(sweep.plan),
        table.loc[kept, "mean"].to_numpy(float),
        calc_second_order=second,
        num_resamples=resamples,
        conf_level=confidence,
        seed=max(seed, 1),  # SALib takes 0 for none
    )
    columns: dict[str, Any] = {}
    for name, key in (("first", "S1"), ("total", "ST")):
        value, half = np.asarray(found[key], float), np.asarray(found[f"{key}_conf"], float)
        columns |= {name: value, f"{name}_low": value - half, f"{name}_high": value + half}
    rows = _labelled(sweep, **columns)
    pairs = _pairs(list(rows["factor"]), found) if second else pd.DataFrame()
    n, left = int(kept.sum()) // size, int((~kept).sum()) // size
    noise = noise_share(sweep, outcome, table["mean"])
    return Sensitivity(outcome, "sobol", rows, pairs, n, left, noise)


def _pairs(names: list[str], found: Any) -> pd.DataFrame:
    rows = []
    for i, j in combinations(range(len(names)), 2):
        value, half = float(found["S2"][i, j]), float(found["S2_conf"][i, j])
        rows.append((names[i], names[j], value, value - half, value + half))
    return pd.DataFrame(rows, columns=["factor", "with", "second", "second_low", "second_high"])


def sensitivity(sweep: Sweep, outcome: str, **options: Any) -> Sensitivity:
    """Measures that the design of a sweep is made for: `morris` or `sobol`.

    Raises
    ------
    ParameterError
        When it is made for neither.
    """
    kind = sweep.plan.design.kind
    if kind == "morris":
        return morris(sweep, outcome, **options)
    if kind == "saltelli":
        return sobol(sweep, outcome, **options)
    raise ParameterError(
        f"design.kind = {kind!r}: sensitivity indices take a morris or saltelli design"
    )
