"""Tables of a plan: a factor, the design, replications, seeds, what is kept, errors."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, FiniteFloat, field_validator, model_validator

from crossmargin.experiments.schema import Table, quantity
from crossmargin.experiments.sweeps.distributions import described, frozen
from crossmargin.experiments.sweeps.functions import function_name


def _scalar(value: Any) -> Any:
    """A number, a word or a truth value; NumPy's own become Python's."""
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"must be a number, a word, true or false, not {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value!r} is not finite")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{value!r} is no whole number of 64 bits; write it with a point")
    return value


def _listed(values: Any) -> Any:
    return values.tolist() if hasattr(values, "tolist") else values


def check_alike(values: Iterable[Any]) -> None:
    """Refuse values that are partly numbers and partly words: a column has one type.

    Raises
    ------
    ValueError
        With one value of each sort.
    """
    sorts: dict[type, Any] = {}
    for value in values:
        sorts.setdefault(float if type(value) in (int, float) else type(value), value)
    if len(sorts) > 1:
        one, other = list(sorts.values())[:2]
        raise ValueError(f"{one!r} and {other!r} are not of one type")


Scalar = Annotated[Any, BeforeValidator(_scalar)]
Function = Annotated[str, BeforeValidator(function_name)]


class Factor(Table):
    """What is varied: a path of the scenario schema, or any name that a model function takes."""

    path: str = Field(min_length=1, description="Dotted path of the scenario, a name for a model.")
    values: Annotated[tuple[Scalar, ...] | None, BeforeValidator(_listed)] = Field(
        default=None, min_length=1, description="Levels, in the order of the grid."
    )
    low: float | None = quantity(None, "of the factor", "Lower end of the range.")
    high: float | None = quantity(None, "of the factor", "Upper end of the range.")
    scale: Literal["linear", "log"] = "linear"
    distribution: dict[str, dict[str, FiniteFloat]] | None = Field(
        default=None, description="A distribution of scipy.stats by name, with its parameters."
    )
    unit: str | None = Field(default=None, description="Of the values; taken from the schema.")
    label: str | None = Field(default=None, description="Short name in figures.")
    integer: bool = Field(default=False, description="Values are rounded to whole numbers.")

    @field_validator("distribution", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return described(value)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        ranged = (self.low is not None, self.high is not None)
        if any(ranged) and not all(ranged):
            raise ValueError("a range has both low and high")
        given = (self.values is not None, any(ranged), self.distribution is not None)
        if sum(given) > 1:
            raise ValueError("give values, or low and high, or a distribution")
        if self.low is not None and self.high is not None:
            if not self.low < self.high:
                raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
            if self.scale == "log" and self.low <= 0:
                raise ValueError(f"low {self.low:g}: a logarithmic range begins above 0")
        elif self.scale == "log":
            raise ValueError('scale = "log" goes with low and high')
        return self._distinct()

    def _distinct(self) -> Self:
        values = self.values or ()
        check_alike(values)
        twice = [value for value, n in Counter(values).items() if n > 1]
        if twice:
            raise ValueError(f"the value {twice[0]!r} stands twice")
        if self.distribution is not None:
            frozen(self.distribution)
        return self

    @property
    def is_given(self) -> bool:
        """True when the factor says its values, which those of a list or a CSV do not."""
        return any(value is not None for value in (self.values, self.low, self.distribution))

    @property
    def name(self) -> str:
        """Label for figures; the last word of the path when none was given."""
        return self.label or self.path.rpartition(".")[2]


Kind = Literal["grid", "list", "csv", "latin_hypercube", "sobol", "morris", "saltelli"]
#: Keys of a design by kind: those it needs and those it may have.
DESIGN_KEYS: dict[str, tuple[set[str], set[str]]] = {
    "grid": (set(), {"levels"}),
    "list": ({"rows"}, set()),
    "csv": (set(), {"file", "rows"}),
    "latin_hypercube": ({"points"}, {"seed"}),
    "sobol": ({"points"}, {"seed"}),
    "morris": ({"trajectories"}, {"levels", "seed"}),
    "saltelli": ({"points"}, {"seed", "second_order"}),
}
#: Levels of a Morris design when none are given.
MORRIS_LEVELS = 4


class Design(Table):
    """Which points of the factors' space are visited."""

    kind: Kind = "grid"
    points: int | None = quantity(
        None, "points", "Of a sample; of a Saltelli design the base sample.", ge=1, le=2**24
    )
    levels: int | None = quantity(
        None, "levels", "Of a factor with low and high in a grid or Morris design.", ge=2, le=10**6
    )
    trajectories: int | None = quantity(None, "trajectories", "Of a Morris design.", ge=1, le=10**6)
    rows: Annotated[tuple[tuple[Scalar, ...], ...] | None, BeforeValidator(_listed)] = Field(
        default=None,
        min_length=1,
        description="Points of a list, values in the order of the factors.",
    )
    file: str | None = Field(
        default=None, description="CSV with one column a factor, beside the plan."
    )
    seed: int = quantity(0, "1", "Of a random design.", ge=0, lt=2**63)
    second_order: bool = Field(default=False, description="Saltelli: second-order indices too.")

    @model_validator(mode="after")
    def _keys(self) -> Self:
        needed, allowed = DESIGN_KEYS[self.kind]
        given = {key for key in self.model_fields_set if getattr(self, key) is not None}
        given -= {"kind"} | {key for key in ("seed", "second_order") if not getattr(self, key)}
        for key in sorted(needed - given):
            raise ValueError(f"a {self.kind} design needs {key}")
        for key in sorted(given - needed - allowed):
            hint = ", ".join(sorted(needed | allowed)) or "nothing else"
            raise ValueError(f"a {self.kind} design has no {key}; it takes {hint}")
        if self.kind == "csv" and self.file is None and self.rows is None:
            raise ValueError("a csv design needs file")
        return self._counts()

    def _counts(self) -> Self:
        if self.kind in ("sobol", "saltelli") and self.points is not None:
            below = 2 ** (self.points.bit_length() - 1)
            if self.points != below:
                raise ValueError(
                    f"points = {self.points}: is no power of 2, and a Sobol sequence is balanced "
                    f"at powers of 2 only; take {below} or {2 * below}"
                )
        if self.kind == "morris" and self.levels is not None and self.levels % 2:
            raise ValueError(f"levels = {self.levels}: a Morris design has an even number")
        return self


class Until(Table):
    """Replications go on until the mean of an outcome is known well enough."""

    outcome: str
    half_width: float | None = quantity(
        None, "of the outcome", "Largest half-width of the interval, absolute.", gt=0
    )
    relative: float | None = quantity(
        None, "fraction", "Largest half-width relative to the mean.", gt=0
    )
    confidence: float = quantity(0.95, "probability", "Of the interval.", gt=0, lt=1)
    at_least: int = quantity(5, "runs", "Before the first look.", ge=2, le=10**9)
    at_most: int = quantity(100, "runs", "Ceiling.", ge=2, le=10**9)

    @model_validator(mode="after")
    def _one_width(self) -> Self:
        if (self.half_width is None) == (self.relative is None):
            raise ValueError("give either half_width or relative")
        if self.at_most < self.at_least:
            raise ValueError(f"at_most {self.at_most} is below at_least {self.at_least}")
        return self


class Replications(Table):
    """How many runs each point gets."""

    count: int | None = quantity(None, "runs", "Of each point.", ge=1, le=10**9)
    until: Until | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_by_default(cls, table: Any) -> Any:
        return {"count": 1} if isinstance(table, Mapping) and not table else table

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.count is None) == (self.until is None):
            raise ValueError("give either count or until")
        return self


class Seeds(Table):
    """From which numbers the runs draw."""

    root: int = quantity(0, "1", "Of all seeds.", ge=0, lt=2**63)
    common: bool = Field(
        default=True,
        description="Replicate r has the same seed in every point (common random numbers).",
    )


class Keep(Table):
    """What is kept of a run."""

    outcomes: tuple[str, ...] = Field(
        default=(), description="Names of the summary, dotted; none means every number of it."
    )
    functions: tuple[Function, ...] = Field(
        default=(), description="`module:function` from a Run to more outcomes by name."
    )
    series: int = quantity(0, "steps", "Every n-th step of the series; 0 none.", ge=0)
    events: bool = Field(default=False, description="Keep the log of forced orders and transfers.")


class Errors(Table):
    """What happens when a run fails."""

    on_error: Literal["record", "raise"] = "record"
    timeout_seconds: float = quantity(0.0, "s", "Longest run; 0 without limit.", ge=0)
    retries: int = quantity(0, "times", "A failed run is tried again.", ge=0, le=100)
