"""The one schema of a scenario: behind the files, the command line, sweeps and documentation.

Every field carries its unit, its range and, where a number comes from somewhere, its source.
Tables with a `kind` are parts: the other keys are the numbers of that part (see `parts.py`).
"""

import functools
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from crossmargin.model.parts import number_only
from crossmargin.model.state import SYSTEM_ROWS
from crossmargin.model.traits import Distribution

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _+.-]*$", max_length=40)]
PartTable = dict[str, Any]
#: Names that results use for what is no population.
RESERVED = (*SYSTEM_ROWS, "others", "system")


def quantity(default: Any, unit: str, doc: str, **limits: Any) -> Any:
    """Field with a unit; limits are pydantic's `ge`, `gt`, `le`, `lt`."""
    source = limits.pop("source", "")
    extra = {"unit": unit, "source": source}
    return Field(default, description=doc, json_schema_extra=extra, allow_inf_nan=False, **limits)


class Table(BaseModel):
    """Base of all tables: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_values(cls, value: Any, info: ValidationInfo) -> Any:
        return number_only(cls, value, info)


class RunTable(Table):
    """How long to run and how finely."""

    block_seconds: float = quantity(..., "s", "Length of a block.", ge=1e-3, le=86400)
    steps: int = quantity(..., "blocks", "Blocks to run.", ge=1, le=10_000_000)
    depth_band: float = quantity(
        0.02, "fraction", "Depth counts lots this near the mid.", gt=0, le=0.5
    )


class Asset(Table):
    """A collateral asset; the first one is the quote asset, in which everything settles."""

    name: Name
    decimals: int = quantity(6, "digits", "Smallest unit is 10**-decimals.", ge=0, le=8)
    initial_weight: float = quantity(1.0, "fraction", "Value that counts for entry.", ge=0, le=1)
    maintenance_weight: float = quantity(
        1.0, "fraction", "Value that counts against liquidation.", ge=0, le=1
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.maintenance_weight < self.initial_weight:
            raise ValueError("maintenance_weight is below initial_weight")
        return self


class Recording(Table):
    """Recorded prices that an underlying follows."""

    file: str = Field(description="CSV: a name in experiments/data, or a path beside the scenario.")
    start: str = Field(description="First moment, ISO date or time.")
    end: str | None = Field(None, description="Last moment; by default as far as the run goes.")


class Underlying(Table):
    """What a market is about, with its price on an external reference market."""

    name: Name
    price: float | None = quantity(None, "quote", "First price; a recording brings its own.", gt=0)
    path: PartTable = Field(default_factory=lambda: {"kind": "geometric_brownian"})
    recording: Recording | None = None

    @model_validator(mode="after")
    def _has_price(self) -> Self:
        if (self.price is None) == (self.recording is None):
            raise ValueError("give either a price or a recording")
        if (self.recording is not None) != (self.path.get("kind") == "recorded"):
            raise ValueError('a recording goes with path.kind = "recorded" and with no other')
        return self


class Tier(Table):
    """A bracket of margin by notional."""

    notional: float = quantity(0.0, "quote", "Notional from which it holds.", ge=0, le=1e12)
    initial: float = quantity(..., "fraction", "Initial rate.", gt=0, le=1)
    maintenance: float = quantity(..., "fraction", "Maintenance rate.", gt=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.maintenance > self.initial:
            raise ValueError("maintenance is above initial")
        return self


class OpenInterestScale(Table):
    """Initial rate raised with open interest (dYdX v4, x/perpetuals)."""

    lower: float = quantity(..., "quote", "Open interest from which the rate rises.", ge=0)
    upper: float = quantity(..., "quote", "Open interest at which it is 1.", gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.upper <= self.lower:
            raise ValueError("upper is not above lower")
        return self


class MarketTable(Table):
    """A market on an order book."""

    name: Name
    kind: Literal["perpetual", "spot"] = "perpetual"
    underlying: Name
    base: Name | None = Field(None, description="Asset traded, spot only.")
    tick: float = quantity(..., "quote", "Smallest step of the price.", gt=0)
    lot: float = quantity(..., "base", "Smallest step of the quantity.", gt=0)
    maker_fee: float = quantity(0.0002, "fraction", "Fee of the resting side.", ge=-0.01, le=0.1)
    taker_fee: float = quantity(0.0005, "fraction", "Fee of the taking side.", ge=0, le=0.1)
    self_trade: Literal["allow", "cancel_resting", "cancel_taker"] = "cancel_resting"
    tiers: tuple[Tier, ...] = ()
    open_interest_scale: OpenInterestScale | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.kind == "spot") != (self.base is not None):
            raise ValueError("a spot market names its base asset and no other market does")
        if (self.kind == "spot") == bool(self.tiers):
            raise ValueError("a perpetual has margin tiers and a spot market has none")
        lower = [tier.notional for tier in self.tiers]
        if lower and (lower[0] != 0 or sorted(set(lower)) != lower):
            raise ValueError("the first tier begins at notional 0 and the others rise")
        if self.maker_fee + self.taker_fee < 0:
            raise ValueError("the maker's rebate is larger than the taker's fee")
        return self


class Venue(Table):
    """The margin engine: its numbers, its mark, its oracle and its waterfall."""

    preset: str | None = Field(default=None, description="Venue whose rules it has; see `presets`.")
    insurance: float = quantity(1e6, "quote", "Insurance fund at the start.", ge=0)
    backstop: float = quantity(0.0, "quote", "Capital of the backstop vault.", ge=0)
    interest_rate: float = quantity(0.0, "per year", "On negative quote balances.", ge=0, le=10)
    call_ratio: float = quantity(
        1.5, "multiple of maintenance", "Margin call below this.", ge=1, le=100
    )
    reduce_only_ratio: float = quantity(
        0.0, "multiple of maintenance", "Only reducing orders below this; 0 never.", ge=0, le=100
    )
    check_seconds: float = quantity(
        0.0, "s", "Between two checks of margin; 0 every block.", ge=0, le=1e9
    )
    grace_seconds: float = quantity(
        0.0, "s", "From breach to the first forced order.", ge=0, le=1e9
    )
    rounds: int = quantity(4, "rounds", "Most rounds of liquidation in a block.", ge=1, le=100)
    penalty_rate: float = quantity(0.005, "fraction", "Of the notional liquidated.", ge=0, le=0.5)
    liquidator_share: float = quantity(
        0.5, "fraction", "Of the penalty; the fund takes the rest.", ge=0, le=1
    )
    liquidate: Literal["before_matching", "after_matching"] = "before_matching"
    mark: PartTable = Field(default_factory=lambda: {"kind": "median_mark"})
    oracle: PartTable = Field(default_factory=lambda: {"kind": "aggregate"})
    funding: PartTable = Field(default_factory=lambda: {"kind": "funding"})
    interest: PartTable = Field(default_factory=lambda: {"kind": "interest"})
    stops: PartTable = Field(default_factory=lambda: {"kind": "stops"})
    circuit_breaker: PartTable | None = None
    queue: PartTable = Field(default_factory=lambda: {"kind": "queue"})
    waterfall: tuple[PartTable, ...] = ()
    take_over: bool = Field(
        default=False, description="Forced orders become impact-free take-overs at the mark."
    )


class Position(Table):
    """What the accounts of a population hold at the start."""

    side: Literal["long", "short", "both", "balance"] = Field(
        description="`both`: long or short by draw; `balance`: the other side of what is unmatched."
    )
    leverage: Distribution = Field(
        1.0,
        description="Notional over wealth; at most what the first margin tier allows.",
        validate_default=True,
        json_schema_extra={"unit": "multiple of wealth"},
    )
    entry: Distribution = Field(
        1.0,
        description="Entry price over the first price.",
        validate_default=True,
        json_schema_extra={"unit": "multiple of the first price"},
    )


class Population(Table):
    """Agents of one kind."""

    name: Name
    kind: str = Field(description="Part, or `module:Class` of a trader written in Python.")
    count: int = quantity(..., "agents", "How many.", ge=1, le=10_000_000)
    markets: tuple[Name, ...] = ()
    wealth: Distribution = Field(
        0.0,
        description="Equity at the start.",
        validate_default=True,
        json_schema_extra={"unit": "quote"},
    )
    collateral: dict[Name, float] = Field(
        default_factory=dict, description="Share of wealth held in an asset; the rest is quote."
    )
    margin: Literal["cross", "isolated"] = "cross"
    position: Position | None = None
    behaviour: dict[str, Any] = Field(default_factory=dict)
    traits: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.name in RESERVED or self.name.startswith("settlement "):
            raise ValueError(f"the name {self.name!r} is that of a row of the venue")
        if self.position is not None and not self.markets:
            raise ValueError("a position needs markets to hold it in")
        if len(set(self.markets)) < len(self.markets):
            raise ValueError("markets: one stands twice")
        if not all(share >= 0 for share in self.collateral.values()):
            raise ValueError("a share of collateral is negative")
        if sum(self.collateral.values()) > 1 + 1e-9:
            raise ValueError("shares of collateral sum to more than 1")
        return self


class Scenario(Table):
    """A market, who is in it and what happens to it."""

    name: Name
    title: str = ""
    story: str = ""
    sources: tuple[str, ...] = ()
    run: RunTable
    asset: tuple[Asset, ...] = Field(min_length=1)
    underlying: tuple[Underlying, ...] = Field(min_length=1)
    market: tuple[MarketTable, ...] = Field(min_length=1, max_length=62)
    venue: Venue = Field(default_factory=Venue)
    population: tuple[Population, ...] = Field(min_length=1)
    shock: tuple[PartTable, ...] = ()

    @functools.cached_property
    def origin(self) -> str:
        """Where it was read from, for errors; its name when no file is known."""
        return self.name

    @model_validator(mode="after")
    def _names(self) -> Self:
        for table in ("asset", "underlying", "market", "population"):
            names = [row.name for row in getattr(self, table)]
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{table}: the name {min(twice)!r} stands twice")
        self._references()
        return self

    def _references(self) -> None:
        assets = [asset.name for asset in self.asset]
        markets = [market.name for market in self.market]
        for market in self.market:
            _known(
                f"market {market.name}: underlying",
                market.underlying,
                [u.name for u in self.underlying],
            )
            if market.base is not None:
                _known(f"market {market.name}: base", market.base, assets[1:])
        for population in self.population:
            for name in population.markets:
                _known(f"population {population.name}: markets", name, markets)
            for name in population.collateral:
                _known(f"population {population.name}: collateral", name, assets)
        bases = [market.base for market in self.market if market.base]
        for name in assets[1:]:
            if bases.count(name) != 1:
                raise ValueError(
                    f"asset {name}: needs one spot market of its own, has {bases.count(name)}"
                )


def _known(where: str, name: str, known: list[str]) -> None:
    if name not in known:
        raise ValueError(f"{where}: there is no {name!r}; there are {', '.join(known) or 'none'}")
