"""Points of a design: a table with one row a point and one column a factor.

Random designs are drawn in the unit cube and carried over by the quantile function of each factor,
so that a range, a logarithmic range, a list of values and a distribution are all the same to them.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.experiments.sweeps.distributions import frozen
from crossmargin.experiments.sweeps.extras import need
from crossmargin.experiments.sweeps.plan import MORRIS_LEVELS, Factor, Plan
from crossmargin.model.errors import ParameterError

Floats = NDArray[np.float64]
#: Most points of a grid; more belong into a sampled design.
MOST = 2**24
#: Distance from the ends of the unit interval, where a quantile may be infinite.
EDGE = 2.0**-33
#: Designs that are drawn in the unit cube.
SAMPLED = ("latin_hypercube", "sobol", "morris", "saltelli")


def points(plan: Plan) -> pd.DataFrame:
    """Points of a plan, one row each, in the units of their factors.

    The same plan has the same points. Those of a Sobol or Saltelli design are the first of one with
    more; so are those of a list or a CSV that grew at its end, and those of a grid whose first
    factor got more values at its end. Values of whole-numbered keys are rounded.

    Returns
    -------
    DataFrame
        Index `point` from 0; columns by path.

    Raises
    ------
    ParameterError
        When the factors do not go with the design.
    """
    columns = _sampled(plan) if plan.design.kind in SAMPLED else _tabulated(plan)
    n = len(columns[0]) if columns else 1
    index = pd.RangeIndex(n, name="point")
    data = {f.path: typed(plan, f, c) for f, c in zip(plan.factor, columns, strict=True)}
    return pd.DataFrame(data, index=index)


def unit_points(plan: Plan) -> Floats:
    """Points of a sampled design in the unit cube, (n_points, n_factors).

    The sensitivity measures of SALib take these, with the problem of `salib_problem`.
    """
    design, k = plan.design, len(plan.factor)
    if design.kind not in SAMPLED:
        raise ParameterError(f"design.kind = {design.kind!r}: is not drawn in the unit cube")
    if design.kind == "latin_hypercube":
        from scipy.stats import qmc

        return np.asarray(qmc.LatinHypercube(k, rng=design.seed).random(design.points))
    if design.kind == "sobol":
        from scipy.stats import qmc

        return np.asarray(qmc.Sobol(k, rng=design.seed).random(design.points))
    if design.kind == "morris":
        return _morris(plan)
    sobol, problem = need("SALib.sample.sobol"), salib_problem(plan)
    return np.asarray(
        sobol.sample(
            problem, design.points, calc_second_order=design.second_order, seed=design.seed
        )
    )


def _morris(plan: Plan) -> Floats:
    morris, design = need("SALib.sample.morris"), plan.design
    levels = design.levels or MORRIS_LEVELS
    return np.asarray(
        morris.sample(salib_problem(plan), design.trajectories, levels, seed=design.seed)
    )


def salib_problem(plan: Plan) -> dict[str, Any]:
    """Problem of SALib for a plan: factors by path, each uniform on [0, 1].

    Elementary effects are then per whole range of a factor, or per whole probability.
    """
    k = len(plan.factor)
    return {
        "num_vars": k,
        "names": list(plan.paths),
        "bounds": [[0.0, 1.0]] * k,
        "dists": ["unif"] * k,
    }


def quantile(factor: Factor, uniform: Floats) -> Any:
    """Values of a factor at some places of the unit interval."""
    if factor.values is not None:
        place = np.minimum((uniform * len(factor.values)).astype(int), len(factor.values) - 1)
        return [factor.values[i] for i in place]
    if factor.distribution is not None:
        law = frozen(factor.distribution)
        return law.ppf(uniform if is_bounded(law) else uniform.clip(EDGE, 1 - EDGE))
    low, high = ends(factor)
    if factor.scale == "log":
        return np.clip(low * (high / low) ** uniform, low, high)
    return np.clip(low + (high - low) * uniform, low, high)


def is_bounded(law: Any) -> bool:
    """Tell whether the quantiles at 0 and 1 are values; of a discrete law that at 0 is not."""
    return not hasattr(law.dist, "pmf") and bool(np.isfinite(law.support()).all())


def ends(factor: Factor) -> tuple[float, float]:
    """Low and high of a factor that is a range."""
    if factor.low is None or factor.high is None:
        raise ParameterError(f"factor.{factor.path}: has no values, no range, no distribution")
    return factor.low, factor.high


def _sampled(plan: Plan) -> list[Any]:
    cube = unit_points(plan)
    return [quantile(factor, cube[:, j]) for j, factor in enumerate(plan.factor)]


def _tabulated(plan: Plan) -> list[Any]:
    """Columns of a grid, a list or a CSV."""
    if plan.design.kind == "grid":
        axes = [levels(plan, factor) for factor in plan.factor]
        size = np.prod([len(axis) for axis in axes], dtype=float)
        if size > MOST:
            raise ParameterError(
                f"design: a grid of {size:.3g} points; at most {MOST}, take a sampled design"
            )
        places = np.indices([len(axis) for axis in axes]).reshape(len(axes), int(size))
        return [[axis[i] for i in place] for axis, place in zip(axes, places, strict=True)]
    return [list(column) for column in zip(*(plan.design.rows or ()), strict=True)]


def levels(plan: Plan, factor: Factor) -> list[Any]:
    """Values of a factor in a grid: as listed, even over a range, or of equal probability."""
    if factor.values is not None:
        return list(factor.values)
    n = plan.design.levels
    if n is None:
        raise ParameterError(f"factor.{factor.path}: has no values; give them or design.levels")
    if factor.distribution is not None:
        found = quantile(factor, (np.arange(n) + 0.5) / n)
    else:
        found = quantile(factor, np.linspace(0.0, 1.0, n))
    return list(dict.fromkeys(typed(plan, factor, found).tolist()))


def typed(plan: Plan, factor: Factor, column: Any) -> Any:
    """Column with the type of its key: whole numbers rounded, other numbers as floats."""
    array = np.asarray(column)
    if array.dtype.kind not in "iuf":
        return array if array.dtype.kind == "b" else np.asarray(column, dtype=object)
    if factor.integer:
        return _rounded(factor, array)
    return array.astype(np.float64) if plan.scenario is not None else array


def _rounded(factor: Factor, array: Any) -> NDArray[np.int64]:
    whole = np.rint(array)
    if factor.low is not None and factor.high is not None:
        whole = whole.clip(np.ceil(factor.low), np.floor(factor.high))
    return np.asarray(whole, dtype=np.int64)
