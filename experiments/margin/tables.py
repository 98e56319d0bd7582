"""Schema of a preset: the parts of a venue's margin, each a table with the source of its numbers.

A table of a part stands where the venue has it. Tables by market or asset begin from `default`:
what a row leaves out is taken from there. `live` is a partial scenario: what the venue is besides
its margin, in the tables of a scenario.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from crossmargin.experiments.margin.lending import Close
from crossmargin.experiments.margin.rows import ByMarket, spread
from crossmargin.experiments.margin.scenario_tables import Scenarios
from crossmargin.experiments.schema import Table, quantity
from crossmargin.experiments.tables import Name
from crossmargin.model.margin.adaptive import Parameters as AdaptiveNumbers
from crossmargin.model.margin.closing_cost import Parameters as ClosingCostNumbers
from crossmargin.model.margin.credit import Parameters as CreditNumbers
from crossmargin.model.margin.delta_gamma_vega import Parameters as DeltaGammaVegaNumbers
from crossmargin.model.margin.liquidity import Parameters as LiquidityNumbers
from crossmargin.model.margin.netting import Parameters as NettingNumbers
from crossmargin.model.margin.size_premium import Parameters as SizePremiumNumbers
from crossmargin.model.margin.skew_premium import Parameters as SkewPremiumNumbers
from crossmargin.model.margin.standard_options import Parameters as StandardOptionsNumbers
from crossmargin.model.margin.value_at_risk import Parameters as ValueAtRiskNumbers
from crossmargin.model.margin.weighted_health import Parameters as WeightedHealthNumbers
from crossmargin.model.margin.weights import Parameters as WeightsNumbers
from crossmargin.model.margin.wrong_way import Parameters as WrongWayNumbers


class Weights(Table):
    """Collateral assets."""

    default: WeightsNumbers | None = None
    asset: dict[Name, WeightsNumbers] = Field(default_factory=dict)
    owed: Literal["equity", "requirement"] = Field(
        default="equity", description="Whether a debt is negative equity or a requirement."
    )
    source: str = ""

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, table: Any) -> Any:
        return spread(table, "asset")


class Bracket(Table):
    """Rates above a notional."""

    notional: float = quantity(0.0, "quote", "Above which it holds.", ge=0, le=1e15)
    initial: float = quantity(..., "fraction", "Entry rate.", gt=0, le=1)
    maintenance: float | None = quantity(None, "fraction", "Maintenance rate.", gt=0, le=1)


class Rates(Table):
    """Fractions of one market: one rate or brackets."""

    initial: float | None = quantity(None, "fraction", "Entry rate.", gt=0, le=1)
    maintenance: float | None = quantity(None, "fraction", "Maintenance rate.", gt=0, le=1)
    maintenance_fraction: float | None = quantity(
        None, "fraction", "Maintenance over entry requirement.", gt=0, le=1
    )
    tiers: tuple[Bracket, ...] = ()
    open_interest_lower: float = quantity(0.0, "quote", "Where the entry rate rises.", ge=0)
    open_interest_upper: float = quantity(0.0, "quote", "Where it is 1; 0 never.", ge=0)
    charge: float = quantity(0.0, "quote", "Of each position.", ge=0)
    least: float = quantity(0.0, "quote", "Least requirement of a position.", ge=0)
    source: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        rows = self.brackets()
        if any(row.maintenance is None for row in rows) and self.maintenance_fraction is None:
            raise ValueError("needs a maintenance rate or a maintenance_fraction")
        lower = [row.notional for row in rows]
        if lower[0] != 0 or sorted(set(lower)) != lower:
            raise ValueError("the first bracket begins at notional 0 and the others rise")
        if 0 < self.open_interest_upper <= self.open_interest_lower:
            raise ValueError("open_interest_upper is not above open_interest_lower")
        if any(row.maintenance and row.maintenance > row.initial for row in rows):
            raise ValueError("maintenance is above initial")
        return self

    def brackets(self) -> tuple[Bracket, ...]:
        """Brackets, one when there is one rate."""
        if self.initial is not None:  # a rate of a row goes before the brackets of the default
            return (Bracket(initial=self.initial, maintenance=self.maintenance),)
        if not self.tiers:
            raise ValueError("needs an initial rate or tiers")
        return self.tiers


def _own_rates(row: Any) -> Any:
    """Row that takes no rate of the default which would go before its own."""
    if not isinstance(row, Mapping):
        return row
    none: dict[str, None] = {}
    if "tiers" in row:
        none |= {"initial": None, "maintenance": None}
    if "maintenance_fraction" in row:
        none |= {"maintenance": None}
    return {**none, **row}


class Fractions(ByMarket[Rates]):
    """Fractions of notional."""

    @model_validator(mode="before")
    @classmethod
    def _own_brackets(cls, table: Any) -> Any:
        """A row that says its rates in one way does not take those of the default in another."""
        if not isinstance(table, Mapping) or not isinstance(table.get("market"), Mapping):
            return table
        rows = {name: _own_rates(row) for name, row in table["market"].items()}
        return {**table, "market": rows}

    continuous: bool = Field(
        default=True, description="Entry requirements do not jump between brackets."
    )
    quantum: float = quantity(0.0, "quote", "Requirements are rounded up to it.", ge=0)
    counts_orders: bool = Field(
        default=False, description="Resting orders count by the worst case."
    )


class Live(Table):
    """What a venue is besides its margin: tables of a scenario."""

    venue: dict[str, Any] = Field(default_factory=dict)
    market: dict[str, Any] = Field(default_factory=dict)
    source: str = ""


class Preset(Table):
    """The margin of a venue, made of parts."""

    name: Name
    title: str
    quote: Name = Field("USDC", description="Asset in which the venue settles.")
    also: tuple[Name, ...] = Field((), description="Other names under which cash may be written.")
    quote_at_face: bool = Field(default=True, description="Cash counts at 1 whatever its price.")
    reports: Literal["margin", "balance", "health", "health_factor"] = "margin"
    sources: tuple[str, ...] = ()
    not_modelled: tuple[str, ...] = ()
    weights: Weights = Weights()
    credit: CreditNumbers = CreditNumbers()
    wrong_way: WrongWayNumbers | None = None
    health: ByMarket[WeightedHealthNumbers] | None = None
    fractions: Fractions | None = None
    size_premium: ByMarket[SizePremiumNumbers] | None = None
    skew_premium: ByMarket[SkewPremiumNumbers] | None = None
    netting: ByMarket[NettingNumbers] | None = None
    closing_cost: ByMarket[ClosingCostNumbers] | None = None
    standard_options: ByMarket[StandardOptionsNumbers] | None = None
    scenario: Scenarios | None = None
    value_at_risk: ValueAtRiskNumbers | None = None
    delta_gamma_vega: ByMarket[DeltaGammaVegaNumbers] | None = None
    liquidity: ByMarket[LiquidityNumbers] | None = None
    adaptive: AdaptiveNumbers | None = None
    close: Close | None = None
    live: Live = Live()
