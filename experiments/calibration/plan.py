"""A calibration in a file: parameters, targets, where the same numbers are in a run, the search.

Parameters are written as the factors of a sweep with `low` and `high`; targets are stylised facts
of recorded prices, or named outcomes with a value and an error.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from crossmargin.experiments.calibration.moments import fact
from crossmargin.experiments.schema import Scenario, Table, quantity
from crossmargin.experiments.sweeps.plan import Design, Factor, Function, Keep, Plan, Seeds
from crossmargin.model.errors import ParameterError

Facts = tuple[str, ...]


def _checked_facts(names: Facts) -> Facts:
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise ValueError(f"the fact {twice[0]!r} stands twice")
    for name in names:
        try:
            _ = name if ":" in name else fact(name)
        except ParameterError as error:
            raise ValueError(str(error)) from None
    return names


class Recorded(Table):
    """Recorded prices and the facts of their returns that are to be met."""

    file: str = Field(description="CSV: a name in experiments/data, or a path beside the plan.")
    column: str = Field(default="close", description="Column of the prices.")
    start: str | None = Field(None, description="First moment, ISO date or time.")
    end: str | None = Field(None, description="Moment before which the prices end.")
    facts: Facts = Field(min_length=1, description="Names of stylised facts.")
    window: int = quantity(
        0, "returns", "Facts are averaged over windows of this length; 0: one of all.", ge=0
    )

    _facts = field_validator("facts")(_checked_facts)


class Bootstrap(Table):
    """How the covariance of recorded facts is found."""

    kind: Literal["stationary", "moving"] = "stationary"
    block: float | Literal["auto"] = Field(
        default="auto",
        description="Mean length of a block, returns; auto: Politis and White's, of |r|.",
    )
    draws: int = quantity(1000, "resamples", "More than moments.", ge=50, le=100_000)
    seed: int = quantity(0, "1", "Of the resamples.", ge=0, lt=2**63)

    @field_validator("block")
    @classmethod
    def _positive(cls, value: Any) -> Any:
        if value != "auto" and not 1 <= float(value) < 1e9:
            raise ValueError("a block has one return at least")
        return value


class Simulated(Table):
    """Which prices of a run the facts are taken from."""

    market: str = Field(description="Name of a market of the scenario.")
    column: Literal["mid", "mark", "index", "reference", "last"] = "mid"
    seconds: float = quantity(..., "s", "Between two prices, as in the record.", gt=0)
    skip: int = quantity(0, "returns", "Left out at the start.", ge=0)


class Target(Table):
    """An outcome of a run by name, with the value that it should have."""

    outcome: str
    value: float = quantity(..., "of the outcome", "To be met.")
    error: float = quantity(..., "of the outcome", "Standard error of the value.", gt=0)
    held: bool = Field(False, description="Kept out of the fit, to judge it by.")
    source: str = Field("", description="Who says so, and where the error comes from.")


class HoldOut(Table):
    """What the fit does not see, to judge it by."""

    start: str | None = Field(None, description="First moment of other dates.")
    end: str | None = Field(None, description="Moment before which the other dates end.")
    facts: Facts = Field((), description="Other facts of the dates of the fit.")

    _facts = field_validator("facts")(_checked_facts)


class Search(Table):
    """How the criterion is searched for its lowest point."""

    points: int = quantity(32, "points", "First, a Sobol design; a power of 2.", ge=4, le=2**16)
    steps: int = quantity(24, "points", "By expected improvement.", ge=0, le=10_000)
    batch: int = quantity(2, "points", "Evaluated at a time.", ge=1, le=64)
    polish: int = quantity(3, "rounds", "Gauss-Newton steps at the end.", ge=0, le=20)
    seed: int = quantity(0, "1", "Of the design and of the surrogate.", ge=0, lt=2**63)

    @field_validator("points")
    @classmethod
    def _power(cls, value: int) -> int:
        if value & (value - 1):
            raise ValueError("is no power of 2, and a Sobol sequence is balanced at those only")
        return value


class Inference(Table):
    """What is done at the estimate."""

    replicates: int = quantity(
        0, "runs", "For the estimate; 0: four times those of the search.", ge=0
    )
    step: float = quantity(0.05, "fraction of the range", "Of derivatives.", gt=0, le=0.25)
    profile: int = quantity(7, "points", "Of each profile; 0 none.", ge=0, le=101)
    confidence: float = quantity(0.95, "probability", "Of intervals.", gt=0.5, lt=1)
    simulation_error: Literal["measured", "ratio"] = Field(
        default="measured", description="From the replicates, or 1/S of the targets' covariance."
    )


class Calibration(Table):
    """A model, its unknown parameters, and what it should look like."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _+.-]*$", max_length=80)
    title: str = ""
    story: str = ""
    sources: tuple[str, ...] = ()
    scenario: str | dict[str, Any] | None = Field(
        None, description="Built-in name, TOML file beside the plan, or the tables themselves."
    )
    model: Function | None = Field(
        None, description="`module:function` of (values, seed): returns, or outcomes by name."
    )
    steps: int | None = quantity(None, "blocks", "Instead of the scenario's own.", ge=1)
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Overrides that hold in every run, by dotted path."
    )
    functions: tuple[Function, ...] = Field(
        (), description="`module:function` from a Run to more outcomes by name."
    )
    parameter: tuple[Factor, ...] = Field(min_length=1, max_length=12)
    recorded: Recorded | None = None
    bootstrap: Bootstrap = Field(default_factory=Bootstrap)
    simulated: Simulated | None = None
    target: tuple[Target, ...] = ()
    holdout: HoldOut | None = None
    weighting: Literal["full", "diagonal"] = "full"
    replicates: int = quantity(4, "runs", "Averaged at each point.", ge=1, le=10_000)
    seeds: Seeds = Field(default_factory=Seeds)
    search: Search = Field(default_factory=Search)
    inference: Inference = Field(default_factory=Inference)

    @field_validator("scenario", mode="before")
    @classmethod
    def _as_table(cls, value: Any) -> Any:
        if isinstance(value, Scenario):
            return value.model_dump(mode="json", exclude_none=True)
        return str(value) if isinstance(value, Path) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.scenario is None) == (self.model is None):
            raise ValueError("give either a scenario or a model")
        for parameter in self.parameter:
            if parameter.low is None:
                raise ValueError(f"parameter {parameter.path}: needs low and high")
        self._targets()
        if self.scenario is not None and self.recorded is not None and self.simulated is None:
            raise ValueError("facts of a scenario need [simulated]: market and seconds")
        if self.holdout is not None and self.recorded is None:
            raise ValueError("[holdout] goes with [recorded]")
        return self

    def _targets(self) -> None:
        names = self.moments + self.held_outcomes
        twice = [name for i, name in enumerate(names) if name in names[:i]]
        if twice:
            raise ValueError(f"the moment {twice[0]!r} stands twice")
        if len(self.moments) < len(self.parameter):
            raise ValueError(
                f"{len(self.moments)} moments cannot fix {len(self.parameter)} parameters; "
                "there must be as many at least"
            )
        both = set(self.facts) - set(self.recorded.facts if self.recorded else ())
        if self.holdout is not None and len(both) < len(self.holdout.facts):
            raise ValueError("holdout.facts: holds a fact that the fit uses")

    @property
    def facts(self) -> Facts:
        """Facts taken from every run, those of the hold-out included."""
        held = self.holdout.facts if self.holdout else ()
        own = self.recorded.facts if self.recorded else ()
        return own + tuple(name for name in held if name not in own)

    @property
    def moments(self) -> tuple[str, ...]:
        """Names of the moments that are to be met."""
        own = self.recorded.facts if self.recorded else ()
        return own + tuple(target.outcome for target in self.target if not target.held)

    @property
    def held_outcomes(self) -> tuple[str, ...]:
        """Names of the given targets that the fit does not see."""
        return tuple(target.outcome for target in self.target if target.held)

    @property
    def final(self) -> int:
        """Replicates at the estimate."""
        return self.inference.replicates or 4 * self.replicates

    def plan(self) -> Plan:
        """Return the sweep that holds the same scenario and parameters, for what sweeps check."""
        return Plan(
            name=self.name,
            scenario=self.scenario,
            model=self.model,
            steps=self.steps,
            settings=self.settings,
            factor=self.parameter,
            design=Design(kind="sobol", points=self.search.points, seed=self.search.seed),
            seeds=self.seeds,
            keep=Keep(functions=self.functions),
        )
