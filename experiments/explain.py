"""What a message about bad input says: which key, its value, what is allowed, the likely fix."""

import difflib
import re
from collections.abc import Iterable
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

#: Keys by which a row of a list is named, the first that it has.
NAMES = ("name", "path", "kind", "market")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Clause that offers the nearest known words, or lists what is allowed."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"allowed are {', '.join(sorted(known)) or 'no keys'}"


def _allowed_keys(location: tuple[Any, ...], schema: Any) -> list[str]:
    """Keys that the table at a location of the schema takes."""
    model: Any = schema
    is_named = False
    for step in location:
        if isinstance(step, int) or is_named:
            is_named = False
            continue
        field = model.model_fields.get(step) if _is_model(model) else None
        if field is None:
            return []
        model = model_in(field.annotation)
        is_named = get_origin(field.annotation) is dict  # the next step names one of its tables
    return list(model.model_fields) if _is_model(model) else []


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def model_in(annotation: Any) -> Any:
    """Table that an annotation such as `tuple[Tier, ...]` or `Position | None` holds, or None."""
    if _is_model(annotation):
        return annotation
    return next((m for a in get_args(annotation) if (m := model_in(a)) is not None), None)


def explain(where: str, table: Any, error: ValidationError, schema: type[BaseModel]) -> str:
    """One line for the first few errors of a validation of a table against a schema."""
    details = [detail for detail in error.errors() if not _follows(detail, error.errors())]
    lines = [_explain_one(table, detail, schema) for detail in details[:5]]
    more = len(details) - len(lines)
    return f"{where}: " + "; ".join(lines) + (f"; and {more} more" if more else "")


def _follows(detail: Any, others: Iterable[Any]) -> bool:
    """Tell whether a list is too short only because its rows are wrong, which is said already."""
    place = detail["loc"]
    below = (other["loc"][: len(place)] == place for other in others if other["loc"] != place)
    return detail["type"] == "too_short" and any(below)


def _explain_one(table: Any, detail: Any, schema: type[BaseModel]) -> str:
    location = detail["loc"]
    key = path_text(table, location) or schema.__name__.lower()
    message = _in_toml(detail["msg"].removeprefix("Value error, "))
    if detail["type"] == "extra_forbidden":
        allowed = did_you_mean(str(location[-1]), _allowed_keys(location[:-1], schema))
        return f"{key}: unknown key; {allowed}"
    if detail["type"] == "missing":
        return f"{key}: is missing"
    value = detail.get("input")
    shown = "" if isinstance(value, dict | list | tuple | BaseModel) else f" = {value!r}"
    return f"{key}{shown}: {message[0].lower()}{message[1:]}"


def _in_toml(message: str) -> str:
    """Message of pydantic in the words of a TOML file."""
    message = re.sub(r" or instance of \w+", "", message)
    message = message.replace("Input should be a valid tuple", "Must be a list")
    return message.replace("Input should be a valid dictionary", "Must be a table")


def path_text(table: Any, location: Iterable[Any]) -> str:
    """Dotted path of a location, rows of lists by their name."""
    words: list[str] = []
    for step in location:
        table = _look(table, step)
        if isinstance(step, int) and isinstance(table, dict):
            words.append(str(next((table[key] for key in NAMES if key in table), step)))
        else:
            words.append(str(step))
    return ".".join(words)


def _look(table: Any, step: Any) -> Any:
    try:
        return table[step]
    except (KeyError, IndexError, TypeError):
        return None
