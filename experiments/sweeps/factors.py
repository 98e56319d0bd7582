"""A plan against its scenario: paths, units, ranges, files beside it, functions and outcomes."""

import math
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from crossmargin.experiments.load import load_scenario, scenario_names, scenario_table
from crossmargin.experiments.schema import Scenario
from crossmargin.experiments.sweeps.corners import corner_points, extremes
from crossmargin.experiments.sweeps.functions import find_function, importing_from
from crossmargin.experiments.sweeps.keys import Key, all_keys, find_key, named_path
from crossmargin.experiments.sweeps.plan import Factor, Plan
from crossmargin.model.errors import ParameterError, ScenarioError


def checked(plan: Plan, where: str, folder: Path | None) -> Plan:
    """Plan with what lies beside it put in, and with units, when all of it fits the scenario.

    Parameters
    ----------
    where : str
        Name of the plan in messages.
    folder : Path, optional
        Where its files and modules lie; the current one by default.

    Raises
    ------
    ScenarioError, ParameterError
        With the plan, the factor and the key.
    """
    try:
        plan = _filled(plan, folder or Path())
        with importing_from(folder):
            if plan.model is not None:
                find_function(plan.model, "model")
                return plan
            for name in plan.keep.functions:
                find_function(name, "keep.functions")
            return _fitted(plan)
    except ScenarioError as error:
        raise type(error)(f"{where}: {error}") from None


def _filled(plan: Plan, folder: Path) -> Plan:
    """Plan with the tables of its scenario's file and the rows of its CSV."""
    changes: dict[str, Any] = {}
    scenario, design = plan.scenario, plan.design
    if isinstance(scenario, str) and scenario not in scenario_names():
        beside = folder / scenario
        changes["scenario"] = scenario_table(beside if beside.is_file() else scenario)[1]
    if design.kind == "csv" and design.rows is None:
        from crossmargin.experiments.sweeps.csv_points import read_points

        rows = read_points(folder / str(design.file), plan.paths)
        changes["design"] = design.model_copy(update={"rows": rows})
    if not changes:
        return plan
    filled = plan.model_copy(update=changes)
    try:
        return Plan.model_validate(filled.model_dump(exclude_unset=True))
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ParameterError(message) from None


def base_scenario(plan: Plan) -> Scenario:
    """Scenario of a plan with its settings and steps, before any factor.

    Raises
    ------
    ScenarioError, ParameterError
        With `settings` in front when the scenario alone is all right.
    """
    try:
        return load_scenario(plan.scenario or {}, plan.overrides)
    except ScenarioError as error:
        load_scenario(plan.scenario or {})
        raise type(error)(f"settings: {error}") from None


def _fitted(plan: Plan) -> Plan:
    """Plan whose factors carry the units of the schema, when their values lie in its ranges."""
    from crossmargin.experiments.sweeps.outcomes import check_names

    scenario = base_scenario(plan)
    keys = all_keys(scenario)
    found = [_found(scenario, factor, keys) for factor in plan.factor]
    for i, key in enumerate(found):
        if key.path in {other.path for other in found[:i]}:
            raise ParameterError(f"factor.{plan.paths[i]}: is {key.path}, which stands twice")
    _check_settings(plan, scenario, found)
    fitted = [_with_unit(factor, key) for factor, key in zip(plan.factor, found, strict=True)]
    plan = plan.model_copy(update={"factor": tuple(fitted)})
    for factor, key in zip(plan.factor, found, strict=True):
        _check_values(plan, factor, key)
    _try_ends(plan)
    check_names(plan, scenario)
    return plan


def _check_settings(plan: Plan, scenario: Scenario, found: list[Key]) -> None:
    """Refuse a setting of a key that a factor or another setting has under another name."""
    pairs = zip(plan.paths, found, strict=True)
    known = {key.path: f"the factor {path!r}" for path, key in pairs}
    for path in plan.overrides:
        key = named_path(scenario, path)
        if key in known:
            raise ParameterError(f"settings.{path}: is {key}, which {known[key]} sets as well")
        known[key] = f"the setting {path!r}"


def _found(scenario: Scenario, factor: Factor, keys: dict[str, Key]) -> Key:
    try:
        return find_key(scenario, factor.path, keys)
    except ParameterError as error:
        raise ParameterError(f"factor.{factor.path}: {error}") from None


def _with_unit(factor: Factor, key: Key) -> Factor:
    if factor.unit and key.unit and factor.unit != key.unit:
        raise ParameterError(
            f"factor.{factor.path}: unit = {factor.unit!r}, but the schema has {key.unit!r}"
        )
    unit = factor.unit or key.unit or None
    whole = factor.integer or key.sort == "integer"
    if whole and factor.low is not None and factor.high is not None:
        if math.ceil(factor.low) > math.floor(factor.high):
            raise ParameterError(
                f"factor.{factor.path}: low = {factor.low:g} to high = {factor.high:g} holds no "
                "whole number, which the key takes"
            )
    return factor.model_copy(update={"unit": unit, "integer": whole})


def _check_values(plan: Plan, factor: Factor, key: Key) -> None:
    """Refuse values of a factor that its key cannot have."""
    if key.sort in ("word", "truth") and (factor.low is not None or factor.distribution):
        raise ParameterError(f"factor.{factor.path}: takes {key.takes}; give values")
    for name, value in extremes(plan, factor):
        refusal = key.refusal(value)
        if refusal:
            raise ParameterError(
                f"factor.{factor.path}: {name} = {value!r}: {refusal}; {key.path} takes {key.takes}"
            )


def _try_ends(plan: Plan) -> None:
    """Load the scenario at both ends of every factor, the others in the middle of theirs.

    What one key may be can depend on another; such conflicts show here and not after a night.
    """
    for path, values in corner_points(plan):
        try:
            load_scenario(plan.scenario or {}, {**plan.overrides, **values})
        except ScenarioError as error:
            raise type(error)(f"factor.{path} = {values[path]!r}: {error}") from None
