"""Outcomes of a run: numbers of its summary by dotted name, and those of the user's functions."""

import math
from collections.abc import Iterator, Mapping
from numbers import Real
from typing import Any

from crossmargin.experiments.explain import did_you_mean
from crossmargin.experiments.schema import Scenario
from crossmargin.experiments.sweeps.functions import find_function
from crossmargin.experiments.sweeps.plan import COLUMNS, Plan
from crossmargin.model.errors import ParameterError

#: Numbers of a run's summary, and those of each market in it.
OF_RUNS = (
    "steps",
    "messages",
    "fills",
    "orders_rejected",
    "liquidations",
    "liquidated_accounts",
    "liquidated_notional",
    "penalties",
    "bad_debt",
    "insurance_start",
    "insurance_end",
    "insurance_least",
    "adl_notional",
    "socialised_loss",
    "stops_triggered",
    "unhedged_most",
    "reproduction_first",
    "reproduction_before",
    "insolvency_most",
    "insolvency_end",
    "insolvency_first_step",
    "insolvency_first_seconds",
    "insolvency_consolidated_most",
    "insolvency_consolidated_first_step",
    "insolvency_consolidated_first_seconds",
)
OF_MARKETS = (
    "first",
    "last",
    "lowest",
    "highest",
    "largest_fall",
    "volume",
    "open_interest_first",
    "open_interest_last",
)
#: Dimensionless groups of each perpetual; what a run cannot support is NaN here.
OF_GROUPS = (
    "near_liquidation_over_depth",
    "refill_half_life",
    "permanent_share",
    "open_interest_over_daily_volume",
)


def flatten(summary: Mapping[str, Any]) -> dict[str, float]:
    """Numbers of a summary by dotted name; `residual` is the largest absolute residual."""
    found = dict(_leaves(summary, ""))
    residuals = [name for name in found if name.startswith("residuals.")]
    if residuals:
        found["residual"] = max(abs(found.pop(name)) for name in residuals)
    return found


def _leaves(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        elif value is None:
            yield f"{prefix}{key}", math.nan
        elif isinstance(value, Real):
            yield f"{prefix}{key}", float(value)


#: Numbers of a burn-in, its scores left out.
OF_BURN_INS = ("blocks", "seconds", "is_stationary", "threshold")


def outcomes(plan: Plan, run: Any) -> dict[str, float]:
    """Outcomes of a run that a plan keeps.

    Parameters
    ----------
    run : Run or mapping
        A run of a scenario, or what a model function returned.

    Raises
    ------
    ParameterError
        When there is no outcome of a name, or a function returns something else than numbers.
    """
    found = _numbers(plan.model, run) if plan.model is not None else flatten(_summary(run))
    wanted: dict[str, float] = {}
    for name in plan.keep.functions:
        wanted |= _numbers(name, find_function(name, "keep.functions")(run))
    twice = sorted(set(found) & set(wanted))
    if twice:
        raise ParameterError(f"keep.functions: {twice[0]!r} is a name of the summary")
    known = found | wanted
    taken = [name for name in (*COLUMNS, *plan.paths) if name in known]
    if taken:
        raise ParameterError(f"the outcome {taken[0]!r} has the name of a factor or of a column")
    for name in plan.keep.outcomes:
        if name not in known:
            raise ParameterError(f"keep.outcomes: no {name!r}; {did_you_mean(name, known)}")
    chosen = {name: known[name] for name in plan.keep.outcomes or found}
    return chosen | wanted


def summary_names(scenario: Scenario) -> list[str]:
    """Names of the outcomes that every run of a scenario has."""
    from crossmargin.model.state import REASONS

    reasons = [f"rejected_by_reason.{name}" for name in REASONS if name != "accepted"]
    markets = [f"markets.{market.name}.{name}" for market in scenario.market for name in OF_MARKETS]
    perpetuals = [market.name for market in scenario.market if market.kind == "perpetual"]
    groups = [f"groups.{name}.{group}" for name in perpetuals for group in OF_GROUPS]
    place = OF_RUNS.index("orders_rejected") + 1
    names = [*OF_RUNS[:place], *reasons, *OF_RUNS[place:], *markets, *groups, "residual"]
    return [*names, *_start_names(scenario), *_burn_in_names(scenario)]


def _start_names(scenario: Scenario) -> list[str]:
    """Names of what a summary says of the state at step 0."""
    populations = scenario.population
    names = [f"whales.{whale.name}" for population in populations for whale in population.whale]
    if scenario.initial is not None:
        names += ["entries_drawn_again", "positions_closed"]
    if any(p.position is not None and p.position.stops is not None for p in populations):
        names.append("stops")
    return [f"initial.{name}" for name in names]


def _burn_in_names(scenario: Scenario) -> list[str]:
    """Names of what a summary says of a burn-in."""
    table = scenario.initial.burn_in if scenario.initial is not None else None
    if table is None:
        return []
    scores = [
        f"scores.{market.name}.{series}"
        for market in scenario.market
        for series in table.series
        if series != "open_interest" or market.kind == "perpetual"
    ]
    return [f"burn_in.{name}" for name in (*OF_BURN_INS, *scores)]


def check_names(plan: Plan, scenario: Scenario) -> None:
    """Refuse names that no run of a scenario has, unless a function may bring them.

    Raises
    ------
    ParameterError
        With the key and the nearest name.
    """
    if plan.keep.functions:
        return
    until = plan.replications.until
    named = [("keep.outcomes", name) for name in plan.keep.outcomes]
    named += [] if until is None else [("replications.until.outcome", until.outcome)]
    known = summary_names(scenario)
    for key, name in named:
        if name not in known:
            raise ParameterError(
                f"{key}: there is no outcome {name!r}; {did_you_mean(name, known)}"
            )


def _summary(run: Any) -> dict[str, Any]:
    """Summary of a run with every reason of rejection, so that all runs have one form."""
    from crossmargin.model.state import REASONS

    reasons = {name: 0 for name in REASONS if name != "accepted"}
    summary = dict(run.summary)
    return summary | {"rejected_by_reason": reasons | summary.get("rejected_by_reason", {})}


def _numbers(name: str, result: Any) -> dict[str, float]:
    """What a function of the user's returned, as floats by name."""
    if not isinstance(result, Mapping):
        raise ParameterError(f"{name}: returned {type(result).__name__}, not numbers by name")
    for key, value in result.items():
        if not isinstance(key, str) or not isinstance(value, Real):
            raise ParameterError(f"{name}: returned {key!r}: {value!r}, not a number by its name")
    return {key: float(value) for key, value in result.items()}
