"""Distributions of factors: those of scipy.stats, by name."""

import math
from collections.abc import Mapping
from typing import Any

from crossmargin.experiments.explain import did_you_mean


def described(value: Any) -> Any:
    """Name and parameters of a frozen distribution of scipy.stats; a table stays as it is."""
    dist = getattr(value, "dist", None)
    if dist is None:
        return value
    names = [word.strip() for word in (dist.shapes or "").split(",") if word.strip()]
    names += ["loc"] if hasattr(dist, "pmf") else ["loc", "scale"]
    given = dict(zip(names, value.args, strict=False)) | value.kwds
    return {dist.name: {key: float(number) for key, number in given.items()}}


def frozen(table: Mapping[str, Mapping[str, float]]) -> Any:
    """Frozen distribution of scipy.stats from `{name: {parameter: number}}`.

    Raises
    ------
    ValueError
        When there is no such distribution or its parameters make none.
    """
    import numpy as np
    from scipy import stats

    if len(table) != 1:
        raise ValueError(f"distribution: names {len(table)} distributions; give one")
    name, numbers = next(iter(table.items()))
    kinds = (stats.rv_continuous, stats.rv_discrete)
    known = [key for key, dist in vars(stats).items() if isinstance(dist, kinds)]
    if name not in known:
        raise ValueError(f"there is no distribution {name!r} in scipy.stats; {_near(name, known)}")
    dist = getattr(stats, name)
    allowed = [word.strip() for word in (dist.shapes or "").split(",") if word.strip()]
    allowed += ["loc"] if isinstance(dist, stats.rv_discrete) else ["loc", "scale"]
    for key in numbers:
        if key not in allowed:
            raise ValueError(f"{name} has no {key!r}; {did_you_mean(key, allowed)}")
    try:
        found = dist(**numbers)
    except TypeError:
        missing = [key for key in allowed if key not in (*numbers, "loc", "scale")]
        raise ValueError(f"{name} needs {', '.join(missing)}") from None
    if not np.isfinite(found.ppf(0.5)):
        raise ValueError(f"{name}: its parameters {dict(numbers)} make no distribution")
    return found


def _near(name: str, known: list[str]) -> str:
    hint = did_you_mean(name, known)
    return hint if hint.startswith("did") else "see its list"


def has_ends(table: Mapping[str, Mapping[str, float]]) -> bool:
    """Tell whether all values of a distribution lie between two finite ones."""
    return all(map(math.isfinite, frozen(table).support()))
