"""Presets: the margin of venues, one TOML file each in `experiments/presets`, no code for any."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from crossmargin.experiments.explain import did_you_mean, explain
from crossmargin.experiments.load import HOME, copied, named_files, read_toml
from crossmargin.experiments.margin.tables import Preset
from crossmargin.model.errors import ParameterError, ScenarioError

PRESETS = HOME / "presets"


def preset_names() -> list[str]:
    """Names of the presets that come along."""
    return named_files(PRESETS)


def find_preset(name: str | Path) -> Path:
    """File of a preset by name, or a path as given.

    Raises
    ------
    ScenarioError
        When there is none.
    """
    if str(name) in preset_names():
        return PRESETS / f"{name}.toml"
    path = Path(name)
    if path.suffix == ".toml" and path.is_file():
        return path
    if path.suffix == ".toml":
        raise ScenarioError(f"{path}: there is no such file")
    raise ScenarioError(
        f"there is no preset {str(name)!r}: {did_you_mean(str(name), preset_names())}"
    )


def load_preset(
    preset: "str | Path | Preset | Mapping[str, Any]", overrides: Mapping[str, Any] | None = None
) -> Preset:
    """Preset from a name, a TOML file, a mapping or a preset, with some keys changed.

    Parameters
    ----------
    overrides : mapping
        Dotted paths to values, such as `{"fractions.market.BTC.initial": 0.05}`; tables within
        tables say the same.

    Raises
    ------
    ScenarioError, ParameterError
        With file and key, the value, and what is allowed.
    """
    where, table = preset_table(preset)
    for path, value in flat(overrides or {}).items():
        change(table, path, value)
    try:
        return Preset.model_validate(table)
    except ValidationError as error:
        raise ParameterError(explain(where, table, error, Preset)) from None


def preset_table(preset: Any) -> tuple[str, dict[str, Any]]:
    """Where a preset comes from, in words, and its tables, not yet checked."""
    if isinstance(preset, Preset):
        return preset.name, preset.model_dump(mode="json", exclude_unset=True)
    if isinstance(preset, Mapping):
        return "preset", copied(preset)
    if not isinstance(preset, str | Path):
        raise ScenarioError(f"preset = {preset!r}: is no name, file, mapping or Preset")
    path = find_preset(preset)
    return str(path), read_toml(path)


def flat(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Dotted paths to the values of tables within tables.

    Examples
    --------
    >>> flat({"credit": {"initial": 0.5}, "credit.cap": 100.0})
    {'credit.initial': 0.5, 'credit.cap': 100.0}
    """
    found: dict[str, Any] = {}
    for key, value in table.items():
        path = f"{before}{key}"
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{path}.")
        else:
            found[path] = value
    return found


def change(table: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a dotted path, in place; rows of lists are named by their number.

    Raises
    ------
    ParameterError
        When the path leads nowhere.
    """
    keys = path.split(".")
    node: Any = table
    if keys[0] not in Preset.model_fields:
        raise ParameterError(f"{path}: no such key; {did_you_mean(keys[0], Preset.model_fields)}")
    for depth, key in enumerate(keys[:-1]):
        node = _step(node, key, ".".join(keys[: depth + 1]))
    if isinstance(node, list):
        if not keys[-1].isdigit() or int(keys[-1]) >= len(node):
            raise ParameterError(f"{path}: no such row; there are 0 to {len(node) - 1}")
        node[int(keys[-1])] = value
    else:
        node[keys[-1]] = value


def _step(node: Any, key: str, path: str) -> Any:
    """Table or list under a key, made when it is not there."""
    if isinstance(node, list):
        if not key.isdigit() or int(key) >= len(node):
            raise ParameterError(f"{path}: no such row; there are 0 to {len(node) - 1}")
        return node[int(key)]
    found = node.setdefault(key, {})
    if not isinstance(found, dict | list):
        raise ParameterError(f"{path}: is a value, {found!r}, not a table")
    return found
