"""Plans and functions for tests of sweeps; functions stand here so that workers can import them."""

from collections.abc import Mapping
from typing import Any

from crossmargin.experiments.sweeps.plan import Plan

#: A factor of each kind, on keys that every built-in scenario has.
RATE = {"path": "venue.penalty_rate", "low": 0.0, "high": 0.1}
FUND = {"path": "venue.insurance", "low": 1e3, "high": 1e6, "scale": "log"}
ROUNDS = {"path": "venue.rounds", "low": 1, "high": 9}
DELAY = {"path": "venue.grace_seconds", "distribution": {"truncexpon": {"b": 5.0, "scale": 60.0}}}
WHEN = {"path": "venue.liquidate", "values": ["before_matching", "after_matching"]}
FACTORS = [RATE, FUND, ROUNDS, DELAY, WHEN]
DESIGNS: list[dict[str, Any]] = [
    {"kind": "grid", "levels": 3},
    {"kind": "latin_hypercube", "points": 10},
    {"kind": "sobol", "points": 8},
    {"kind": "saltelli", "points": 4},
    {"kind": "morris", "trajectories": 3},
]


def table(**changes: Any) -> dict[str, Any]:
    """Table of a small plan over the calm scenario."""
    plain = {"name": "small", "scenario": "calm", "steps": 5, "factor": FACTORS}
    return {**plain, "design": {"kind": "grid", "levels": 3}, **changes}


def plan(**changes: Any) -> Plan:
    """Plan that is not checked against its scenario."""
    return Plan.model_validate(table(**changes))


def model_plan(**changes: Any) -> Plan:
    """Plan of `sphere`, whose factors are x and y."""
    axes = [{"path": name, "low": -1.0, "high": 1.0} for name in "xy"]
    plain = {"name": "sphere", "model": sphere, "factor": axes}
    return Plan.model_validate({**plain, "design": {"kind": "grid", "levels": 3}, **changes})


def sphere(values: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Sum of squares, and the seed."""
    return {"square": sum(value**2 for value in values.values()), "drawn": float(seed)}


def echo(values: Mapping[str, Any], seed: int) -> dict[str, float]:
    """The factors themselves, under their own names."""
    return dict(values)


def losses(run: Any) -> dict[str, float]:
    """Outcomes of a run by a function: bad debt and what all accounts together made."""
    return {"doubled_debt": 2 * run.summary["bad_debt"], "steps_again": run.summary["steps"]}


def repeated(run: Any) -> dict[str, float]:
    """An outcome whose name the summary has already."""
    return {"bad_debt": 0.0}


def words(run: Any) -> dict[str, str]:
    """What no outcome can be."""
    return {"verdict": "bad"}


def nothing(run: Any) -> None:
    """What is no table of outcomes."""
