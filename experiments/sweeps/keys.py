"""Every key of a scenario that holds one number, word or truth value: its path, unit and range."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from crossmargin.experiments import wiring
from crossmargin.experiments.explain import NAMES
from crossmargin.experiments.load import part_numbers
from crossmargin.experiments.population_tables import checked_entry
from crossmargin.experiments.schema import Population, Scenario
from crossmargin.model import traits
from crossmargin.model.errors import ParameterError


@dataclass(frozen=True)
class Key:
    """A key of the schema as one scenario has it.

    Attributes
    ----------
    path : str
        Dotted; rows of lists by their name or kind.
    field : FieldInfo
        Field of the schema, or of the numbers of a part.
    value : Any
        What the scenario says; None where it says nothing.
    """

    path: str
    field: FieldInfo
    value: Any

    @property
    def unit(self) -> str:
        """Unit as the schema says it; empty when it says none, as of a choice."""
        extra = self.field.json_schema_extra
        if not isinstance(extra, dict) or self.sort not in ("number", "integer"):
            return ""
        return str(extra.get("unit", ""))

    @cached_property
    def sort(self) -> str:
        """`number`, `integer`, `truth` or `word`; empty for what no factor can be."""
        if any(getattr(mark, "func", None) in DRAWN for mark in self.field.metadata):
            return "number"
        return _sort(self.field.annotation)

    @property
    def limits(self) -> str:
        """Range or choice in words, such as `0 <= x <= 0.5`; empty when there is none."""
        words = _words(self.field.annotation)
        if words:
            return "one of " + ", ".join(map(repr, words))
        found: dict[str, Any] = {}
        for mark in self.field.metadata:
            for name in ("ge", "gt", "le", "lt"):
                if getattr(mark, name, None) is not None:
                    found[name] = getattr(mark, name)
        low = [f"{found[k]:g} {sign} " for k, sign in (("ge", "<="), ("gt", "<")) if k in found]
        high = [f" {sign} {found[k]:g}" for k, sign in (("le", "<="), ("lt", "<")) if k in found]
        return "".join([*low, "x", *high]) if low or high else ""

    @property
    def takes(self) -> str:
        """Sort, range and unit in words: `numbers, 0 <= x <= 0.5, fraction`."""
        plural = {"truth": NOUNS["truth"]}.get(self.sort, f"{NOUNS[self.sort]}s")
        return ", ".join(word for word in (plural, self.limits, self.unit) if word)

    def refusal(self, value: Any) -> str:
        """Why the schema refuses a value for this key; empty when it takes it."""
        if _sort(type(value)) not in ALLOWED[self.sort]:
            return f"{value!r} is no {NOUNS[self.sort]}"
        if self.sort == "word" and not _words(self.field.annotation):
            return ""
        try:
            self._checker.validate_python(value)
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            return message[0].lower() + message[1:]
        return ""

    @cached_property
    def _checker(self) -> TypeAdapter[Any]:
        kind: Any = self.field.annotation
        return TypeAdapter(Annotated[kind, *self.field.metadata] if self.field.metadata else kind)


#: What checks a field that holds a distribution.
DRAWN = (traits.checked, traits.checked_leverage, checked_entry)
#: Sorts of values that a key of a sort takes, and what the sort is called.
ALLOWED = {
    "number": {"number", "integer"},
    "integer": {"number", "integer"},
    "truth": {"truth"},
    "word": {"word"},
}
MIXTURES = (traits.MIXTURE, traits.BY_NOTIONAL)
NOUNS = {
    "number": "number",
    "integer": "whole number",
    "truth": "true or false",
    "word": "word",
}


def _sort(annotation: Any) -> str:
    plain = {bool: "truth", int: "integer", float: "number", str: "word"}
    inner = _inner(annotation)
    return "word" if _words(inner) else plain.get(inner, "")


def _inner(annotation: Any) -> Any:
    """Annotation without the None that it may be and without what is said about it."""
    while get_origin(annotation) in (Annotated, Union, UnionType):
        members = [kind for kind in get_args(annotation) if kind is not NoneType]
        if len(members) > 1 and get_origin(annotation) is not Annotated:
            return annotation
        annotation = members[0]
    return annotation


def _words(annotation: Any) -> tuple[str, ...]:
    inner = _inner(annotation)
    return get_args(inner) if get_origin(inner) is Literal else ()


def all_keys(scenario: Scenario) -> dict[str, Key]:
    """Keys of a scenario that a factor can be, by path, in the order of the schema."""
    found = [*_of_table(scenario, ""), *_of_parts(scenario)]
    for population in scenario.population:
        found += _of_population(population)
    found += _of_open_interest(scenario)
    inner = [number for key in found for number in _of_distribution(key)]
    return {key.path: key for key in (*found, *inner) if key.sort and not _is_text(key)}


#: What a scenario says in words, and the names of its rows, by which paths find them.
TEXTS = ("name", "title", "story")


def _is_text(key: Key) -> bool:
    return key.sort == "word" and key.path.rpartition(".")[2] in TEXTS


def _of_table(table: BaseModel, prefix: str) -> Iterator[Key]:
    """Keys of a table and of the tables in it, parts left out."""
    for name, field in type(table).model_fields.items():
        value, path = getattr(table, name), f"{prefix}{name}"
        if isinstance(value, BaseModel):
            yield from _of_table(value, f"{path}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for word, row in zip(row_names(value), value, strict=True):
                if getattr(row, "series", None) is None:  # a series follows from its table
                    yield from _of_table(row, f"{path}.{word}.")
        else:
            yield Key(path, field, value)


def _of_parts(scenario: Scenario) -> Iterator[Key]:
    """Keys of the parts of a scenario, populations left out."""
    lists = {"venue.waterfall": scenario.venue.waterfall, "shock": scenario.shock}
    for where, table in wiring.part_tables(scenario):
        stem, _, place = where.rpartition(".")
        if stem in lists:
            where = f"{stem}.{row_names(lists[stem])[int(place)]}"
        _, numbers = part_numbers(table, where)
        yield Key(f"{where}.kind", FieldInfo(annotation=str), table["kind"])
        yield from _of_table(numbers, f"{where}.")


def _of_population(population: Population) -> Iterator[Key]:
    where = f"population.{population.name}"
    found = wiring.population_numbers(population)
    yield from _of_table(found.numbers, f"{where}.behaviour.")
    for key in _of_table(found.traits, f"{where}.traits."):
        stated = key.path.rpartition(".")[2] in population.traits
        yield key if stated else replace(key, value=None)
    share = FieldInfo(annotation=float, json_schema_extra={"unit": "fraction"})
    for asset, value in population.collateral.items():
        is_drawn = isinstance(value, Mapping)
        field = FieldInfo.from_annotation(traits.Distribution) if is_drawn else share
        yield Key(f"{where}.collateral.{asset}", field, value)


def _of_open_interest(scenario: Scenario) -> Iterator[Key]:
    """Shares of a stated open interest, by population."""
    share = FieldInfo(annotation=float, json_schema_extra={"unit": "fraction of the open interest"})
    for row in scenario.initial.open_interest if scenario.initial is not None else ():
        for side in ("longs", "shorts"):
            for name, value in getattr(row, side).items():
                yield Key(f"initial.open_interest.{row.market}.{side}.{name}", share, value)


def _of_distribution(key: Key) -> Iterator[Key]:
    """Numbers of a distribution that a scenario states at a key; their units may be others."""
    if key.sort and isinstance(key.value, Mapping) and "constant" not in key.value:
        for name, numbers in key.value.items():
            for i, number in enumerate(() if name in MIXTURES else numbers):
                yield Key(f"{key.path}.{name}.{i}", FieldInfo(annotation=float), number)


def row_names(rows: Iterable[Any]) -> list[str]:
    """Words by which paths name the rows of a list: name or kind, the number where it repeats."""
    words: list[str] = []
    for i, row in enumerate(rows):
        table: Mapping[str, Any] = row if isinstance(row, Mapping) else dict(row)
        word = next((str(table[name]) for name in NAMES if isinstance(table.get(name), str)), "")
        words.append(word if word and "." not in word and word not in words else str(i))
    return words


def find_key(scenario: Scenario, path: str, keys: Mapping[str, Key]) -> Key:
    """Key at a path, whose rows may be named by their number too.

    Raises
    ------
    ParameterError
        When there is none, with the nearest path.
    """
    named = named_path(scenario, path)
    found = keys.get(named)
    if found is None:
        raise ParameterError(f"the scenario has no such key; {_hint(named, keys)}")
    return found


def _hint(path: str, keys: Mapping[str, Key]) -> str:
    """Nearest path that exists, or what can follow the longest beginning that does."""
    words = path.split(".")
    n = next(n for n in range(len(words), -1, -1) if _following(words[:n], keys))
    near = difflib.get_close_matches("".join(words[n : n + 1]), _following(words[:n], keys), n=1)
    if near:
        whole = ".".join([*words[:n], *near, *words[n + 1 :]])
        return f"did you mean {whole if whole in keys else '.'.join([*words[:n], *near])!r}?"
    tails = [key for key in keys if key.endswith(f".{words[-1]}")]
    if len(tails) == 1:
        return f"did you mean {tails[0]!r}?"
    where = f"after {'.'.join(words[:n])!r} come" if n else "it begins with one of"
    return f"{where} {', '.join(sorted(_following(words[:n], keys)))}"


def _following(words: list[str], keys: Mapping[str, Key]) -> set[str]:
    """Words that come after the beginning of a path."""
    stem = "".join(f"{word}." for word in words)
    return {key[len(stem) :].split(".")[0] for key in keys if key.startswith(stem)}


def named_path(scenario: Scenario, path: str) -> str:
    """Path with the rows of lists by name that it gives by number."""
    node: Any = scenario
    words = path.split(".")
    for i, word in enumerate(words):
        if isinstance(node, tuple) and node and isinstance(node[0], BaseModel | Mapping):
            names = row_names(node)
            if word.isdigit() and int(word) < len(node):
                words[i] = names[int(word)]
            place = names.index(words[i]) if words[i] in names else None
            node = None if place is None else node[place]
        else:
            node = getattr(node, word, None) if isinstance(node, BaseModel) else None
    return ".".join(words)
