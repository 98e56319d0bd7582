"""Procyclicality: how much a requirement rises when markets fall, on recorded prices.

A requirement that doubles in a week of stress takes money when there is none. The measures are
those that regulators use: the largest requirement over the smallest, the largest rise in some days,
and how much it moves in calm.

References
----------
Murphy, Vasios and Vause (2014), An investigation into the procyclicality of risk-based initial
margin models, Bank of England Financial Stability Paper 29.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.load import HOME
from crossmargin.experiments.margin.signals import annual, log_returns, multipliers
from crossmargin.experiments.margin.signals import garch_volatility as garch_volatility
from crossmargin.experiments.margin.signals import realised_volatility as realised_volatility
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.margin.adaptive import Parameters
from crossmargin.model.state import Array

if TYPE_CHECKING:
    import pandas as pd

#: Days of returns that the first value at risk is made of.
WINDOW = 250


def measures(requirement: Array, volatility: Array, *, days: int = 5) -> dict[str, float]:
    """Measures of procyclicality of a path of a requirement, a fraction of notional.

    Parameters
    ----------
    requirement : (n,) float64
        One a day.
    volatility : (n,) float64
        Realised, on the same days; calm are those below its median.
    days : int
        Over which the largest rise is measured.

    Returns
    -------
    dict
        `peak_to_trough` (multiple), `rise` (largest relative rise over `days`), `calm_deviation`
        (standard deviation of daily relative changes in calm), `mean` (fraction).
    """
    if len(requirement) <= days or (requirement <= 0).any():
        raise ParameterError(f"requirement: needs more than {days} days, all positive")
    rises = requirement[days:] / requirement[:-days] - 1
    changes = np.diff(requirement) / requirement[:-1]
    calm = (volatility <= np.median(volatility))[1:]
    return {
        "peak_to_trough": float(requirement.max() / requirement.min()),
        "rise": float(rises.max()),
        "calm_deviation": float(changes[calm].std()),
        "mean": float(requirement.mean()),
    }


def requirement_paths(prices: Array, base: float = 0.05) -> dict[str, Array]:
    """Requirements of risk models on daily prices, fractions of notional, after a window.

    Fixed at `base`; value at risk and expected shortfall of the last 250 days; parametric by EWMA;
    EWMA under a floor and a speed limit; and the multiplier of realised volatility on `base`.
    """
    returns = log_returns(prices)
    if len(returns) <= WINDOW:
        raise ParameterError(f"prices: need more than {WINDOW} days")
    volatility = realised_volatility(returns, 0.94, annual(1))
    past = np.lib.stride_tricks.sliding_window_view(-returns, WINDOW)
    worst = np.sort(past, axis=1)[:, ::-1]
    known = volatility[WINDOW - 1 :]
    plain = Parameters(floor=0.01, cap=100.0, reference=0.6)
    limited = Parameters(floor=0.7, cap=3.0, reference=0.6, rise=1.1, fall=1.02)
    return {
        "fixed": np.full(len(known), base),
        "historical value at risk": np.maximum(worst[:, 2], 1e-6),
        "historical expected shortfall": np.maximum(worst[:, :3].mean(axis=1), 1e-6),
        "parametric EWMA": 2.33 * known / np.sqrt(annual(1)),
        "adaptive": base * multipliers(plain, known, 1.0),
        "adaptive, floor and speed limits": base * multipliers(limited, known, 1.0),
    }


def procyclicality(
    prices: "Array | str | Path", paths: Mapping[str, Array] | None = None, *, days: int = 5
) -> "pd.DataFrame":
    """Measures of procyclicality by risk model on daily prices.

    Parameters
    ----------
    prices : array or str
        Daily closes, or a CSV of candles: a name in `experiments/data`, or a path.
    paths : mapping
        Requirements by name, as long as those of `requirement_paths`, to be measured as well.

    Returns
    -------
    DataFrame
        A row a model, a column a measure.
    """
    import pandas as pd

    closes = read_closes(prices) if isinstance(prices, str | Path) else np.asarray(prices, float)
    found: dict[str, Any] = dict(requirement_paths(closes)) | dict(paths or {})
    volatility = realised_volatility(log_returns(closes), 0.94, annual(1))[WINDOW - 1 :]
    rows = {name: measures(path, volatility, days=days) for name, path in found.items()}
    return pd.DataFrame(rows).T


def read_closes(path: str | Path) -> Array:
    """Closing prices of a CSV of candles."""
    import pandas as pd

    file = HOME / "data" / path
    file = file if file.is_file() else Path(path)
    if not file.is_file():
        raise ScenarioError(f"{path}: there is no such file")
    return pd.read_csv(file)["close"].to_numpy(float)
