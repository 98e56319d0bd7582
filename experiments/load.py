"""From a file or a name to a scenario, with errors that say what, where and what is allowed."""

import importlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from crossmargin.experiments.anchoring import SCENARIOS, anchor_files, anchor_folder
from crossmargin.experiments.explain import did_you_mean as did_you_mean
from crossmargin.experiments.explain import explain
from crossmargin.experiments.loadings import SIMPLEST
from crossmargin.experiments.schema import RunTable, Scenario, Venue
from crossmargin.model.code_cache import PACKAGE
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.parts import NoNumbers, Numbers, Part, find_part

HOME = Path(__file__).parent


def scenario_names() -> list[str]:
    """Names of the built-in scenarios."""
    return named_files(SCENARIOS)


def read_toml(path: Path) -> dict[str, Any]:
    """Content of a TOML file.

    Raises
    ------
    ScenarioError
        When it cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: is no UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{path}: is no TOML: {error}") from error


def named_files(folder: Path) -> list[str]:
    """Names of the TOML files of a folder of this package."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def find_toml(source: str | Path, folder: Path, sort: str) -> Path:
    """File by the name of one that comes with the package, or by path.

    Parameters
    ----------
    folder : Path
        Where those that come along lie.
    sort : str
        What is looked for, in one word, for the message.

    Raises
    ------
    ScenarioError
        When there is none.
    """
    known = named_files(folder)
    if str(source) in known:
        return folder / f"{source}.toml"
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir():
        raise ScenarioError(f"{path}: is a folder, not a TOML file")
    if path.suffix == ".toml" or path.exists():
        raise ScenarioError(f"{path}: there is no such file")
    raise ScenarioError(f"there is no {sort} {str(source)!r}: {did_you_mean(str(source), known)}")


def load_scenario(
    scenario: str | Path | Scenario | Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
) -> Scenario:
    """Scenario from a built-in name, a TOML file, a mapping or a scenario.

    Parameters
    ----------
    overrides : mapping
        Dotted paths to values, such as `{"venue.insurance": 0, "population.longs.count": 500}`;
        rows of lists are named by their name or number.

    Raises
    ------
    ScenarioError, ParameterError
        With file and key, the value, and what is allowed.
    """
    where, table = scenario_table(scenario)
    named = isinstance(overrides or {}, Mapping) and all(
        isinstance(k, str) for k in overrides or ()
    )
    if not named:
        raise ParameterError(f"overrides = {overrides!r}: must map dotted paths to values")
    changes = _with_preset(table, dict(overrides or {}), where)
    for path, value in changes.items():
        override(table, path, value)
    try:
        found = Scenario.model_validate(table)
    except ValidationError as error:
        raise ParameterError(explain(where, table, error, Scenario)) from None
    check_parts(found, where)
    if found.venue.has_model:
        found = _with_model(found, where)
    vars(found)["origin"] = where
    return found


def _with_model(scenario: Scenario, where: str) -> Scenario:
    """Scenario with a risk model, checked, and with the brackets that it implies."""
    from crossmargin.experiments.margin.live import complete

    try:
        return complete(scenario)
    except ParameterError as error:
        raise ParameterError(f"{where}: {error}") from None


def _with_preset(table: dict[str, Any], changes: dict[str, Any], where: str) -> dict[str, Any]:
    """Write the preset of a venue into a scenario; what is changed besides goes before it.

    A preset that overrides name goes before the scenario, one in the scenario after it.
    """
    named = changes.pop("venue.preset", None)
    venue = table.get("venue")
    own = venue.get("preset") if isinstance(venue, dict) else None
    if named is None and own is None:
        return changes
    from crossmargin.experiments.margin.merging import merge_preset

    try:
        has_model = any(path.startswith("venue.margin") for path in changes)
        merge_preset(table, named or own, preset_wins=named is not None, has_model=has_model)
    except ParameterError as error:
        raise ParameterError(f"{where}: {error}") from None
    return changes


def scenario_table(scenario: Any) -> tuple[str, dict[str, Any]]:
    """Where a scenario comes from, in words, and its tables, not yet checked.

    Raises
    ------
    ScenarioError
        When there is no such name or file, or it is no TOML.
    """
    if isinstance(scenario, Scenario):
        return scenario.origin, scenario.model_dump(mode="json", exclude_none=True)
    if isinstance(scenario, Mapping):
        return "scenario", copied(scenario)
    if not isinstance(scenario, str | Path):
        raise ScenarioError(f"scenario = {scenario!r}: is no name, file, mapping or Scenario")
    path = find_toml(scenario, SCENARIOS, "scenario")
    table = read_toml(path)
    if isinstance(table, dict):
        anchor_files(path, table)
        if isinstance(table.get("snapshot"), dict):
            anchor_folder(path.parent, table["snapshot"])
    return str(path), table


def copied(value: Any) -> Any:
    """Copy of nested tables and lists that may be changed without their owner noticing."""
    if isinstance(value, Mapping):
        return {key: copied(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [copied(member) for member in value]
    return value


def override(table: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a dotted path of a scenario's table, in place.

    Raises
    ------
    ParameterError
        When the path leads nowhere.
    """
    node: Any = table
    keys = path.split(".")
    for depth in range(len(keys) - 1):
        single = node.get(keys[depth]) if isinstance(node, dict) else None
        if keys[depth + 1] == "0" and isinstance(single, int | float):
            node[keys[depth]] = [single]  # the only number of a distribution
        node = _member(node, keys[: depth + 1])
    last: Any = keys[-1]
    if isinstance(node, list):
        last = _place_of_number(node, last, path)
    if len(keys) == 1 and last not in Scenario.model_fields:
        raise ParameterError(f"{path}: no such key; {did_you_mean(path, Scenario.model_fields)}")
    node[last] = copied(value)  # a later path may lead into it


def _member(node: Any, keys: list[str]) -> Any:
    """Table or list that the last of some keys names within a table or a list."""
    key, where = keys[-1], ".".join(keys)
    if isinstance(node, list):
        loadings = keys[:-1] == ["reference", "loading"]
        words = ("underlying",) if loadings else ("name", "kind", "market")
        names = [_row_name(row, words) if isinstance(row, dict) else "" for row in node]
        if key in names or (key.isdigit() and int(key) < len(node)):
            member = node[names.index(key) if key in names else int(key)]
        else:
            raise ParameterError(f"{where}: no such row; {did_you_mean(key, map(str, names))}")
    elif key not in node and keys[0] not in Scenario.model_fields:
        raise ParameterError(f"{where}: no such key; {did_you_mean(key, Scenario.model_fields)}")
    else:
        member = node.setdefault(key, _default_table(keys))
    if not isinstance(member, dict | list):
        raise ParameterError(f"{where}: is a value, {member!r}, not a table")
    return member


def _row_name(row: Mapping[str, Any], words: tuple[str, ...]) -> Any:
    """Word by which a path names a row of a list."""
    return next((row[word] for word in words if word in row), None)


def _place_of_number(node: list[Any], key: str, path: str) -> int:
    """Place of one of the numbers of a distribution, as in `population.longs.wealth.pareto.0`."""
    if any(isinstance(row, dict) for row in node):
        raise ParameterError(f"{path}: names a whole table; add the key to change")
    if not key.isdigit() or int(key) >= len(node):
        raise ParameterError(f"{path}: no such number; allowed are 0 to {len(node) - 1}")
    return int(key)


def _default_table(keys: list[str]) -> dict[str, Any]:
    """Table that stands where a scenario is silent: the part that is the default."""
    if keys[0] == "underlying" and keys[-1] == "path":
        return dict(SIMPLEST)
    tables = {"venue": Venue.model_fields, "run": RunTable.model_fields}
    field = tables.get(keys[0], {}).get(keys[1]) if len(keys) == 2 else None
    default = field.get_default(call_default_factory=True) if field is not None else None
    return default if isinstance(default, dict) else {}


def read_numbers(record: type[Numbers], table: Mapping[str, Any], where: str) -> Any:
    """Parameter record from a table of a scenario, with the key in every error."""
    try:
        return record.model_validate(dict(table))
    except ValidationError as error:
        lines = []
        for detail in error.errors()[:5]:
            if detail["type"] == "extra_forbidden":
                hint = did_you_mean(str(detail["loc"][-1]), record.model_fields)
                lines.append(f"{where}.{detail['loc'][-1]}: unknown key; {hint}")
            else:
                key = ".".join([where, *map(str, detail["loc"])])
                message = detail["msg"].removeprefix("Value error, ")
                lines.append(f"{key} = {detail.get('input')!r}: {message[0].lower()}{message[1:]}")
        raise ParameterError("; ".join(lines)) from None


#: Where a table stands, the phases of the parts that it takes and the folder of those built in.
FAMILIES = {
    "underlying.": (("scenario",), "model.reference."),
    "reference": (("scenario",), "model.factors."),
    "venue.oracle": (("oracles",), "model.oracle."),
    "venue.circuit_breaker": (("oracles",), "model.oracle.circuit_breaker"),
    "venue.mark": (("marks",), "model.marks."),
    "venue.option_mark": (("marks",), "model.options."),
    "venue.option_greeks": (("record",), "model.options."),
    "venue.funding": (("marks",), "model.funding"),
    "venue.pool_fees": (("marks",), "model.pool_fees"),
    "venue.interest": (("marks",), "model.interest"),
    "venue.stops": (("marks",), "model.stops"),
    "venue.queue": (("liquidation",), "model.liquidation.queue"),
    "venue.waterfall": (("liquidation",), "model.liquidation."),
    "shock.": (("scenario",), "model.shocks."),
    "run.early_warning": (("record",), "model.early_warning"),
    "population.": (("decisions", "oracles"), "agents."),
}


def _check_family(part: Part, where: str) -> None:
    """Refuse a part that belongs elsewhere; one of a user is known by its phase alone."""
    moves_several = hasattr(importlib.import_module(part.kernel.__module__), "LOADING")
    if (where == "reference") != moves_several:
        raise ParameterError(f"{where}.kind: {part.name!r} is no part for {where}")
    for key, (phases, folder) in FAMILIES.items():
        if where.startswith(key):
            home = part.kernel.__module__
            is_foreign = not home.startswith(f"{PACKAGE}.")
            if part.phase in phases and (is_foreign or home.startswith(f"{PACKAGE}.{folder}")):
                return
            name = key.rstrip(".")
            raise ParameterError(f"{where}.kind: {part.name!r} is no part for {name}")


def part_numbers(table: Mapping[str, Any], where: str) -> tuple[Any, Any]:
    """Part that a table names and its numbers."""
    if "kind" not in table:
        raise ParameterError(f"{where}.kind: is missing; it names a part")
    if not isinstance(table["kind"], str):
        raise ParameterError(f"{where}.kind = {table['kind']!r}: is no name of a part")
    try:
        part = find_part(table["kind"])
    except ScenarioError as error:
        raise ParameterError(f"{where}.kind: {error}") from None
    _check_family(part, where)
    numbers = {key: value for key, value in table.items() if key != "kind"}
    return part, read_numbers(part.parameters or NoNumbers, numbers, where)


def check_parts(scenario: Scenario, where: str) -> None:
    """Check every table with a kind against the part that it names.

    Raises
    ------
    ParameterError
        With file and key.
    """
    from crossmargin.experiments.wiring import part_tables, population_numbers

    try:
        for key, table in part_tables(scenario):
            part_numbers(table, key)
        for population in scenario.population:
            population_numbers(population)
    except ParameterError as error:
        raise ParameterError(f"{where}: {error}") from None
