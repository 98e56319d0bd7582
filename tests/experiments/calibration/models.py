"""Cheap models that the tests of calibrations name by module and function."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from crossmargin.experiments.calibration import toys

HERE = "tests.experiments.calibration.models"
TOYS = "crossmargin.experiments.calibration.toys"


def line(values: Mapping[str, float], seed: int) -> dict[str, float]:
    """Two outcomes that are sums of the parameters `a` and `b`, with a little noise."""
    noise = 0.01 * np.random.default_rng(seed).standard_normal(3)
    a, b = values["a"], values.get("b", 0.0)
    return {"sum": a + b + noise[0], "difference": a - b + noise[1], "a twice": 2 * a + noise[2]}


def only_a(values: Mapping[str, float], seed: int) -> dict[str, float]:
    """Like `line`, but `b` has no effect."""
    return line({"a": values["a"]}, seed)


def only_sum(values: Mapping[str, float], seed: int) -> dict[str, float]:
    """Outcomes that know the sum of `a` and `b` alone."""
    return line({"a": values["a"] + values["b"]}, seed)


def half_broken(values: Mapping[str, float], seed: int) -> dict[str, float]:
    """Fails where `a` is large."""
    if values["a"] > 0.7:
        raise RuntimeError(f"a of {values['a']:g} is too much")
    return line(values, seed)


def broken(values: Mapping[str, float], seed: int) -> dict[str, float]:
    """Fails everywhere."""
    raise RuntimeError("always so")


def strange(values: Mapping[str, float], seed: int) -> Any:
    """Gives neither returns nor numbers by name."""
    return "neither"


def short_returns(values: Mapping[str, float], seed: int) -> Any:
    """Autoregressive returns, few of them."""
    return toys.autoregressive_returns({**values, "n": 2000}, seed)


def linear(**changes: Any) -> dict[str, Any]:
    """Calibration of `line`: two parameters, three outcomes, truth a = 0.3, b = 0.6."""
    plan: dict[str, Any] = {
        "name": "line",
        "model": f"{HERE}:line",
        "parameter": [{"path": "a", "low": 0, "high": 1}, {"path": "b", "low": 0, "high": 1}],
        "target": [
            {"outcome": "sum", "value": 0.9, "error": 0.02},
            {"outcome": "difference", "value": -0.3, "error": 0.02},
            {"outcome": "a twice", "value": 0.6, "error": 0.02},
        ],
        "search": {"points": 8, "steps": 4},
        "inference": {"profile": 5},
    }
    return plan | changes


def autoregressive(**changes: Any) -> dict[str, Any]:
    """Calibration of autoregressive returns: volatility and the share that is kept."""
    plan: dict[str, Any] = {
        "name": "autoregressive",
        "model": f"{TOYS}:autoregressive_returns",
        "parameter": [
            {"path": "volatility", "low": 0.003, "high": 0.03, "scale": "log"},
            {"path": "share", "low": -0.5, "high": 0.8},
        ],
        "recorded": {"file": "none", "facts": ["volatility", "acf_1", "acf_2", "kurtosis"]},
        "bootstrap": {"draws": 200},
        "search": {"points": 16, "steps": 6},
        "inference": {"profile": 0},
    }
    return plan | changes


def small_moves(returns: Any) -> float:
    """Median of absolute returns, which jumps hardly move."""
    return float(np.median(np.abs(returns)))


def without_difference(values: Mapping[str, float], seed: int) -> dict[str, float]:
    """Like `line`, with a second outcome that no run has."""
    return line(values, seed) | {"difference": float("nan")}
