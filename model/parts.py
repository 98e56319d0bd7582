"""Parts: what a market is made of, each a kernel with documented parameters.

A part is one file: a kernel `(state, part, step) -> int`, a frozen record of its numbers and, for a
population, of the traits that its agents draw. Adding one edits no other file: a scenario names it
by its file (`"chiarella_iori"`) or, outside the package, by its module (`"my_study.my_trader"`).

    class Parameters(Numbers):
        spread: float = number(0.001, "fraction of the mid", low=0, high=1, source="...")

    P = slots(Parameters)

    @kernel
    def decide(state, part, step):
        spread = state.params[part, P.spread]
"""

import difflib
import functools
import importlib
import pkgutil
from collections import namedtuple
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from numba import int64, typeof
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from crossmargin.model.errors import ScenarioError
from crossmargin.model.kernel import machine_address
from crossmargin.model.state import N_PARAMETERS, State

#: Phases of a block, in order. A part belongs to one of them.
PHASES = (
    "chains",
    "scenario",
    "oracles",
    "marks",
    "margin",
    "liquidation",
    "decisions",
    "matching",
    "settlement",
    "record",
)


class Record(BaseModel):
    """What is read from a file: frozen, unknown keys refused, no truth value for a number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_values(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse `true` where a number belongs, which would be read as 1."""
        kind = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and kind in (int, float, int | None, float | None):
            raise ValueError("is a truth value, not a number")
        return value


class Numbers(Record):
    """Base of the parameter records of parts."""


def number(
    default: Any,
    unit: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    source: str = "",
    doc: str = "",
) -> Any:
    """Field of a parameter record: unit, range (`low <= x <= high`, `x > above`), source."""
    return Field(
        default,
        ge=low,
        le=high,
        gt=above,
        description=doc,
        json_schema_extra={"unit": unit, "source": source},
    )


def slots(record: type[BaseModel]) -> Any:
    """Places of a record's fields in a row of numbers, as a named tuple of constants."""
    names = list(record.model_fields)
    if len(names) > N_PARAMETERS:
        raise ScenarioError(f"{record.__module__}: {len(names)} numbers, {N_PARAMETERS} fit")
    return namedtuple("Slots", names)(*range(len(names)))


def row_of(numbers: BaseModel) -> list[float]:
    """Numbers of a record in the order of its slots; a choice of words is its place in the list."""
    row = []
    for name, field in type(numbers).model_fields.items():
        value = getattr(numbers, name)
        if isinstance(value, str):
            value = list(field.annotation.__args__).index(value)  # type: ignore[union-attr]
        row.append(float(value))
    return row


@dataclass(frozen=True)
class Part:
    """A kernel with its phase, its parameter record and its documentation."""

    name: str
    phase: str
    kernel: Callable[[State, int, int], int]
    parameters: type[Numbers]
    doc: str

    @property
    def is_compiled(self) -> bool:
        """False for a part written in Python, which makes the loop go part by part."""
        return hasattr(self.kernel, "overloads")


#: Where a short name is looked for.
HOMES = (
    "crossmargin.agents",
    "crossmargin.model.factors",
    "crossmargin.model.liquidation",
    "crossmargin.model.margin",
    "crossmargin.model.marks",
    "crossmargin.model.options",
    "crossmargin.model.oracle",
    "crossmargin.model.reference",
    "crossmargin.model.shocks",
    "crossmargin.model",
)


class NoNumbers(Numbers):
    """Parameters of a part that has none."""


def find_part(name: str) -> Part:
    """Part of a module, by short name or dotted path.

    The module has a kernel with the name of its family (`KERNEL` names it), its `PHASE`, and
    `Parameters` where it has any.

    Raises
    ------
    ScenarioError
        When no such module exists, or it is no part.
    """
    module = _find_module(name)
    if not hasattr(module, "PHASE") or not hasattr(module, "KERNEL"):
        raise ScenarioError(f"{name!r} is no part: its module sets no PHASE and KERNEL")
    return Part(
        name=name,
        phase=module.PHASE,
        kernel=module.KERNEL,
        parameters=getattr(module, "Parameters", NoNumbers),
        doc=(module.__doc__ or "").strip(),
    )


def _find_module(name: str) -> Any:
    if not all(word.isidentifier() for word in name.split(".")):
        raise ScenarioError(f"{name!r} is no name of a module")
    places = [name] if "." in name else [f"{home}.{name}" for home in HOMES]
    for place in places:
        try:
            return importlib.import_module(place)
        except ModuleNotFoundError as error:
            if error.name is None or not place.startswith(error.name):
                raise
    if "." in name:
        raise ScenarioError(f"there is no module {name!r}")
    near = difflib.get_close_matches(name, part_names(), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(part_names())}"
    raise ScenarioError(f"there is no part {name!r}: {hint}")


def part_names() -> list[str]:
    """Short names of the modules in which parts of this package live."""
    found: set[str] = set()
    for home in HOMES[:-1]:
        package = importlib.import_module(home)
        found |= {module.name for module in pkgutil.iter_modules(package.__path__)}
    return sorted(found)


def addresses_of(kernels: Iterable[Any], state: State) -> list[int]:
    """Machine addresses of compiled parts; compiles them, or loads them from the cache."""
    kind = typeof(state)
    return [_address_of(kernel, kind) for kernel in kernels]


@functools.cache
def _address_of(kernel: Any, kind: Any) -> int:
    """Address of a kernel for a type of state; worlds that follow one another share it."""
    return machine_address(kernel, int64(kind, int64, int64))
