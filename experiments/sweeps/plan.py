"""A plan of a sweep: what is varied, how, how often, and what is kept; a TOML file or an object.

Nothing here runs anything. `load_plan` reads a plan, checks it against its scenario, fills in the
units of the schema and puts into it what lies beside it: the scenario's tables, the rows of a CSV.
A plan so loaded needs no other file but the recordings that its scenario names.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from crossmargin.experiments.explain import explain
from crossmargin.experiments.load import find_toml, named_files, read_toml
from crossmargin.experiments.schema import Scenario, Table, quantity
from crossmargin.experiments.sweeps.distributions import has_ends
from crossmargin.experiments.sweeps.tables import MORRIS_LEVELS as MORRIS_LEVELS
from crossmargin.experiments.sweeps.tables import Design as Design
from crossmargin.experiments.sweeps.tables import Errors as Errors
from crossmargin.experiments.sweeps.tables import Factor as Factor
from crossmargin.experiments.sweeps.tables import Function as Function
from crossmargin.experiments.sweeps.tables import Keep as Keep
from crossmargin.experiments.sweeps.tables import Replications as Replications
from crossmargin.experiments.sweeps.tables import Seeds as Seeds
from crossmargin.experiments.sweeps.tables import Until as Until
from crossmargin.experiments.sweeps.tables import check_alike
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.traits import DISTRIBUTIONS

#: Folder of the plans that come with the package.
PLANS = Path(__file__).parents[1] / "studies" / "plans"

#: Columns of the results that no factor and no outcome can be.
COLUMNS = ("run_id", "point", "replicate", "seed")


class Plan(Table):
    """A sweep: a scenario or a function, its factors, the design, and what to keep.

    Examples
    --------
    >>> from crossmargin.experiments.sweeps.plan import Plan
    >>> penalty = {"path": "venue.penalty_rate", "values": [0.0, 0.01]}
    >>> plan = Plan(name="penalty", scenario="calm", factor=[penalty], replications={"count": 5})
    >>> plan.paths
    ('venue.penalty_rate',)
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _+.-]*$", max_length=80)
    title: str = ""
    story: str = ""
    sources: tuple[str, ...] = ()
    scenario: str | dict[str, Any] | None = Field(
        default=None,
        description="Built-in name, TOML file beside the plan, or the tables themselves.",
    )
    model: Function | None = Field(
        default=None, description="`module:function` of (values, seed), instead of a scenario."
    )
    steps: int | None = quantity(
        None, "blocks", "Instead of the scenario's own.", ge=1, le=10_000_000
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Overrides that hold in every run, by dotted path."
    )
    factor: tuple[Factor, ...] = ()
    design: Design = Field(default_factory=Design)
    replications: Replications = Field(default_factory=lambda: Replications(count=1))
    seeds: Seeds = Field(default_factory=Seeds)
    keep: Keep = Field(default_factory=Keep)
    errors: Errors = Field(default_factory=Errors)

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of the factors, in order."""
        return tuple(factor.path for factor in self.factor)

    @property
    def overrides(self) -> dict[str, Any]:
        """Overrides of the scenario that hold in every run: settings and steps."""
        steps = {} if self.steps is None else {"run.steps": self.steps}
        return {**self.settings, **steps}

    def toml(self) -> str:
        """Text of a TOML file that says this plan."""
        import tomli_w

        table = self.model_dump(mode="json", exclude_defaults=True)
        return tomli_w.dumps(table)

    @field_validator("scenario", mode="before")
    @classmethod
    def _as_table(cls, value: Any) -> Any:
        if isinstance(value, Scenario):
            return value.model_dump(mode="json", exclude_none=True)
        if not isinstance(value, str | Path | Mapping | None):
            raise ValueError("must be a name, a TOML file or the tables themselves")
        return str(value) if isinstance(value, Path) else _plain(value)

    @field_validator("factor", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            raise ValueError("must be a list; in TOML each factor is a table [[factor]]")
        return value

    @field_validator("settings", mode="before")
    @classmethod
    def _as_paths(cls, value: Any) -> Any:
        """Nested tables, as TOML makes them of keys without quotes, by dotted path."""
        if not isinstance(value, Mapping):
            return value
        found: dict[str, Any] = {}
        for path, setting in _leaves(_plain(value), ""):
            if path in found:
                raise ValueError(f"{path!r} stands twice")
            found[path] = setting
        return found

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.scenario is None) == (self.model is None):
            raise ValueError("give either a scenario or a model")
        if self.model is not None:
            self._only_of_models()
        twice = [path for i, path in enumerate(self.paths) if path in self.paths[:i]]
        if twice:
            raise ValueError(f"the factor {twice[0]!r} stands twice")
        taken = [path for path in self.paths if path in COLUMNS]
        if taken:
            raise ValueError(f"factor.{taken[0]}: is the name of a column of the results")
        fixed = [path for path in self.paths if path in self.settings]
        if fixed:
            raise ValueError(f"{fixed[0]!r} is both a factor and a setting")
        if self.steps is not None and "run.steps" in (*self.paths, *self.settings):
            raise ValueError("steps and run.steps are the same; give one")
        until = self.replications.until
        if until and self.keep.outcomes and until.outcome not in self.keep.outcomes:
            if not self.keep.functions:
                raise ValueError(f"{until.outcome!r} decides on replications: put it into keep")
        self._fits_the_design()
        return self

    def _only_of_models(self) -> None:
        for key in ("steps", "settings"):
            if getattr(self, key):
                raise ValueError(f"{key} goes with a scenario, not with a model")
        for key in ("functions", "series", "events"):
            if getattr(self.keep, key):
                raise ValueError(f"keep.{key} goes with a scenario, not with a model")

    def _fits_the_design(self) -> None:
        kind = self.design.kind
        if kind in ("list", "csv"):
            return self._fits_the_rows()
        if kind != "grid" and not self.factor:
            raise ValueError(f"a {kind} design needs a factor")
        for factor in self.factor:
            where = f"factor.{factor.path}"
            if not factor.is_given:
                raise ValueError(f"{where}: has neither values, nor low and high, nor distribution")
            if kind == "grid" and factor.values is None and self.design.levels is None:
                raise ValueError(f"{where}: a grid over a range needs design.levels, or values")
            if kind == "morris" and factor.distribution and not has_ends(factor.distribution):
                law = next(iter(factor.distribution))
                raise ValueError(f"{where}: {law} has no ends, which a morris design visits")
        return None

    def _fits_the_rows(self) -> None:
        given = [factor.path for factor in self.factor if factor.is_given]
        if given:
            raise ValueError(f"factor.{given[0]}: the rows of the design give its values")
        if not self.factor:
            raise ValueError(f"a {self.design.kind} design needs a factor for every column")
        for i, row in enumerate(self.design.rows or ()):
            if len(row) != len(self.factor):
                raise ValueError(f"row {i} has {len(row)} values for {len(self.factor)} factors")
        for path, column in zip(
            self.paths, zip(*self.design.rows or (), strict=True), strict=False
        ):
            try:
                check_alike(column)
            except ValueError as error:
                raise ValueError(f"factor.{path}: {error}") from None


def _plain(value: Any) -> Any:
    """Tables as TOML can hold them: lists, no NumPy scalars, no keys that say nothing."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, Mapping):
        return {key: _plain(kept) for key, kept in value.items() if kept is not None}
    if isinstance(value, list | tuple):
        return [_plain(row) for row in value]
    return value


def _leaves(table: Mapping[str, Any], stem: str) -> Iterator[tuple[str, Any]]:
    """Values of nested tables by dotted path; a part and a distribution are one value."""
    for key, value in table.items():
        is_value = not isinstance(value, Mapping) or not value or "kind" in value
        if is_value or (len(value) == 1 and next(iter(value)) in (*DISTRIBUTIONS, "choice")):
            yield f"{stem}{key}", value
        else:
            yield from _leaves(value, f"{stem}{key}.")


def plan_names() -> list[str]:
    """Names of the plans that come with the package."""
    return named_files(PLANS)


def load_plan(source: str | Path | Mapping[str, Any] | Plan) -> Plan:
    """Plan from a TOML file, the name of one that comes along, a mapping or a plan; checked.

    Raises
    ------
    ScenarioError, ParameterError
        With file and key, the value, and what is allowed.
    """
    from crossmargin.experiments.sweeps.factors import checked

    if isinstance(source, Plan):
        return checked(source, source.name, None)
    if isinstance(source, Mapping):
        where = str(source.get("name", "plan"))
        return checked(_validated(where, source), where, None)
    if not isinstance(source, str | Path):
        raise ScenarioError(f"plan = {source!r}: is no name, file, mapping or Plan")
    path = find_plan(source)
    return checked(_validated(str(path), read_toml(path)), str(path), path.parent)


def _validated(where: str, table: Mapping[str, Any]) -> Plan:
    try:
        return Plan.model_validate(table)
    except ValidationError as error:
        raise ParameterError(explain(where, table, error, Plan)) from None


def find_plan(source: str | Path) -> Path:
    """File of a plan by path, or by the name of one that comes with the package.

    Raises
    ------
    ScenarioError
        When there is none.
    """
    return find_toml(source, PLANS, "plan")
