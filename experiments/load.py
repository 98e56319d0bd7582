"""From a file or a name to a scenario, with errors that say what, where and what is allowed."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from crossmargin.experiments.schema import Scenario
from crossmargin.model.code_cache import PACKAGE
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.parts import NoNumbers, Numbers, Part, find_part

HOME = Path(__file__).parent
SCENARIOS = HOME / "scenarios"


def scenario_names() -> list[str]:
    """Names of the built-in scenarios."""
    return sorted(path.stem for path in SCENARIOS.glob("*.toml"))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Clause that offers the nearest known words, or lists what is allowed."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"allowed are {', '.join(sorted(known)) or 'no keys'}"


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


def find_file(scenario: str | Path) -> Path:
    """File of a built-in scenario by name, or a path as given."""
    built_in = SCENARIOS / f"{scenario}.toml"
    if str(scenario) in scenario_names():
        return built_in
    path = Path(scenario)
    if path.is_file():
        return path
    if path.is_dir():
        raise ScenarioError(f"{path}: is a folder, not a TOML file")
    if path.suffix == ".toml" or path.exists():
        raise ScenarioError(f"{path}: there is no such file")
    hint = did_you_mean(str(scenario), scenario_names())
    raise ScenarioError(f"there is no scenario {str(scenario)!r}: {hint}")


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
    where, table = _source(scenario)
    named = isinstance(overrides or {}, Mapping) and all(
        isinstance(k, str) for k in overrides or ()
    )
    if not named:
        raise ParameterError(f"overrides = {overrides!r}: must map dotted paths to values")
    for path, value in (overrides or {}).items():
        override(table, path, value)
    try:
        found = Scenario.model_validate(table)
    except ValidationError as error:
        raise ParameterError(_explain(where, table, error)) from None
    check_parts(found, where)
    return found


def _source(scenario: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(scenario, Scenario):
        return scenario.name, scenario.model_dump(mode="json", exclude_none=True)
    if isinstance(scenario, Mapping):
        return "scenario", _copied(scenario)
    if not isinstance(scenario, str | Path):
        raise ScenarioError(f"scenario = {scenario!r}: is no name, file, mapping or Scenario")
    path = find_file(scenario)
    table = read_toml(path)
    for underlying in table.get("underlying", []) if isinstance(table, dict) else []:
        _anchor(path, underlying)
    return str(path), table


def _anchor(path: Path, underlying: Any) -> None:
    """A CSV named without a folder lies in experiments/data or beside the scenario."""
    recording = underlying.get("recording") if isinstance(underlying, dict) else None
    if isinstance(recording, dict) and isinstance(recording.get("file"), str):
        beside = path.parent / recording["file"]
        if beside.is_file() and path.parent != SCENARIOS:
            recording["file"] = str(beside.resolve())


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(member) for member in value]
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
    for depth, key in enumerate(keys[:-1]):
        node = _member(node, key, ".".join(keys[: depth + 1]), keys[0])
    if isinstance(node, list):
        raise ParameterError(f"{path}: names a whole table; add the key to change")
    if len(keys) == 1 and keys[0] not in Scenario.model_fields:
        raise ParameterError(f"{path}: no such key; {did_you_mean(path, Scenario.model_fields)}")
    node[keys[-1]] = value


def _member(node: Any, key: str, where: str, top: str) -> Any:
    if isinstance(node, list):
        names = [row.get("name", row.get("kind")) for row in node]
        if key in names:
            return node[names.index(key)]
        if key.isdigit() and int(key) < len(node):
            return node[int(key)]
        raise ParameterError(f"{where}: no such row; {did_you_mean(key, map(str, names))}")
    if key not in node and top not in Scenario.model_fields:
        raise ParameterError(f"{where}: no such key; {did_you_mean(key, Scenario.model_fields)}")
    member = node.setdefault(key, {})
    if not isinstance(member, dict | list):
        raise ParameterError(f"{where}: is a value, {member!r}, not a table")
    return member


def _allowed_keys(location: tuple[Any, ...]) -> list[str]:
    """Keys that the table at a location of the schema takes."""
    model: Any = Scenario
    for step in location:
        if isinstance(step, int):
            continue
        field = model.model_fields.get(step) if _is_model(model) else None
        if field is None:
            return []
        model = _model_in(field.annotation)
    return list(model.model_fields) if _is_model(model) else []


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _model_in(annotation: Any) -> Any:
    if _is_model(annotation):
        return annotation
    return next((m for a in get_args(annotation) if (m := _model_in(a)) is not None), None)


def _explain(where: str, table: dict[str, Any], error: ValidationError) -> str:
    """One line for the first few errors of a validation."""
    lines = [_explain_one(table, detail) for detail in error.errors()[:5]]
    more = error.error_count() - len(lines)
    return f"{where}: " + "; ".join(lines) + (f"; and {more} more" if more else "")


def _explain_one(table: dict[str, Any], detail: Any) -> str:
    location = detail["loc"]
    key = path_text(table, location)
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        allowed = did_you_mean(str(location[-1]), _allowed_keys(location[:-1]))
        return f"{key}: unknown key; {allowed}"
    if detail["type"] == "missing":
        return f"{key}: is missing"
    value = detail.get("input")
    shown = "" if isinstance(value, dict | list | tuple | BaseModel) else f" = {value!r}"
    return f"{key}{shown}: {message[0].lower()}{message[1:]}"


def path_text(table: Any, location: Iterable[Any]) -> str:
    """Dotted path of a location, rows of lists by their name."""
    words: list[str] = []
    for step in location:
        table = _look(table, step)
        if isinstance(step, int) and isinstance(table, dict):
            words.append(str(table.get("name", table.get("kind", step))))
        else:
            words.append(str(step))
    return ".".join(words) or "scenario"


def _look(table: Any, step: Any) -> Any:
    try:
        return table[step]
    except (KeyError, IndexError, TypeError):
        return None


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
    "venue.oracle": (("oracles",), "model.oracle."),
    "venue.circuit_breaker": (("oracles",), "model.oracle.circuit_breaker"),
    "venue.mark": (("marks",), "model.marks."),
    "venue.funding": (("marks",), "model.funding"),
    "venue.interest": (("marks",), "model.interest"),
    "venue.stops": (("marks",), "model.stops"),
    "venue.queue": (("liquidation",), "model.liquidation.queue"),
    "venue.waterfall": (("liquidation",), "model.liquidation."),
    "shock.": (("scenario",), "model.shocks."),
    "population.": (("decisions", "oracles"), "agents."),
}


def _check_family(part: Part, where: str) -> None:
    """Refuse a part that belongs elsewhere; one of a user is known by its phase alone."""
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
