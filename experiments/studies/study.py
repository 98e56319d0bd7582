"""A ready study: a plan that comes along and the figure that it is made for; a TOML file."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from crossmargin.experiments.explain import did_you_mean, explain
from crossmargin.experiments.load import read_toml
from crossmargin.experiments.schema import Table
from crossmargin.experiments.sweeps.plan import Plan, load_plan
from crossmargin.experiments.sweeps.tables import Replications, Scalar
from crossmargin.model.errors import ParameterError, ScenarioError

#: Folder of the ready studies.
READY = Path(__file__).parent / "ready"


class Shown(Table):
    """A factor or an outcome as people read it."""

    name: str = Field(description="Factor by path or label, or outcome.")
    title: str
    unit: str = ""
    scale: float = Field(
        default=1.0, description="What is shown is the number times this; 100 for per cent."
    )
    above: float | None = Field(
        default=None, description="Of an outcome: the share of runs in which it is beyond this."
    )

    @property
    def axis(self) -> str:
        """Title of an axis, with the unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


class Quick(Table):
    """What a quick look at a study changes in its plan."""

    values: dict[str, tuple[Scalar, ...]] = Field(
        default_factory=dict, description="Values of factors by path or label."
    )
    replications: int = Field(default=2, ge=1)


class Study(Table):
    """A plan, the figure that shows what it finds, and its coarse form.

    A `map` shows one outcome over two factors; `lines` show outcomes along the factor `x`, a line
    for each value of the factor `by`. `convergence` are lines whose last level stands for a limit:
    what is said is from where on the others are the same.
    """

    plan: str
    line: str = Field(description="What is asked, in one line.")
    kind: Literal["map", "lines", "convergence"]
    x: Shown
    by: Shown
    panel: tuple[Shown, ...] = Field(min_length=1, max_length=6)
    finest: Literal["most", "least"] | None = Field(
        default=None, description="Of a convergence: which end of x stands for the limit."
    )
    quick: Quick

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind == "map" and len(self.panel) > 1:
            raise ValueError("a map shows one outcome; give one panel")
        if (self.kind == "convergence") != (self.finest is not None):
            raise ValueError("finest goes with a convergence, which needs it")
        return self

    def make_plan(self, *, quick: bool = False) -> Plan:
        """Plan of the study, or its coarse form that takes seconds."""
        plan = load_plan(self.plan)
        if not quick:
            return plan
        names = {factor.name: factor.path for factor in plan.factor}
        values = {names.get(name, name): v for name, v in self.quick.values.items()}
        unknown = [name for name in values if name not in plan.paths]
        if unknown:
            hint = did_you_mean(unknown[0], [*names, *plan.paths])
            raise ParameterError(f"{self.plan}: quick.values.{unknown[0]}: no such factor; {hint}")
        if plan.design.rows is not None:
            return self._fewer_rows(plan, values)
        no_range = {"low": None, "high": None, "scale": "linear", "distribution": None}
        factors = [
            factor.model_copy(update={"values": values[factor.path], **no_range})
            if factor.path in values
            else factor
            for factor in plan.factor
        ]
        changed = {
            "factor": tuple(factors),
            "replications": Replications(count=self.quick.replications),
        }
        return load_plan(plan.model_copy(update=changed))

    def _fewer_rows(self, plan: Plan, values: dict[str, tuple[Scalar, ...]]) -> Plan:
        """Plan of a list with only the rows whose factors have the quick values."""
        places = {plan.paths.index(path): kept for path, kept in values.items()}
        rows = [
            row
            for row in plan.design.rows or ()
            if all(row[place] in kept for place, kept in places.items())
        ]
        if not rows:
            raise ParameterError(f"{self.plan}: quick.values: no row of the design has them")
        changed = {
            "design": plan.design.model_copy(update={"rows": tuple(rows)}),
            "replications": Replications(count=self.quick.replications),
        }
        return load_plan(plan.model_copy(update=changed))


def study_names() -> list[str]:
    """Names of the ready studies."""
    return sorted(path.stem for path in READY.glob("*.toml"))


def load_study(name: str) -> Study:
    """Ready study by its name.

    Raises
    ------
    ScenarioError
        When there is none of that name.
    """
    if name not in study_names():
        raise ScenarioError(f"there is no study {name!r}: {did_you_mean(name, study_names())}")
    path = READY / f"{name}.toml"
    table: dict[str, Any] = read_toml(path)
    try:
        return Study.model_validate(table)
    except ValidationError as error:
        raise ParameterError(explain(str(path), table, error, Study)) from None
