"""The one schema of a scenario: behind the files, the command line, sweeps and documentation.

Every field carries its unit, its range and, where a number comes from somewhere, its source.
Tables with a `kind` are parts: the other keys are the numbers of that part (see `parts.py`).
"""

import functools
from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from crossmargin.experiments import option_tables
from crossmargin.experiments.account_tables import Accounts
from crossmargin.experiments.initial_tables import Initial
from crossmargin.experiments.kinds import check_beginning, check_coin, check_keys
from crossmargin.experiments.loadings import check as check_loadings
from crossmargin.experiments.option_tables import OptionTable, Series
from crossmargin.experiments.pool_tables import Pool
from crossmargin.experiments.population_tables import FROM_HISTORY, Whale
from crossmargin.experiments.population_tables import RESERVED as RESERVED
from crossmargin.experiments.population_tables import Population as Population
from crossmargin.experiments.population_tables import Position as Position
from crossmargin.experiments.snapshots.table import Snapshot
from crossmargin.experiments.tables import Name, PartTable
from crossmargin.experiments.tables import Table as Table
from crossmargin.experiments.tables import quantity as quantity


class RunTable(Table):
    """How long to run and how finely."""

    block_seconds: float = quantity(..., "s", "Length of a block.", ge=1e-3, le=86400)
    steps: int = quantity(..., "blocks", "Blocks to run.", ge=1, le=10_000_000)
    depth_band: float = quantity(
        0.02, "fraction", "Depth counts lots this near the mid.", gt=0, le=0.5
    )
    early_warning: PartTable = Field(
        default_factory=lambda: {"kind": "early_warning"},
        description="How the reproduction number of forced sales is taken before any happen.",
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
    path: PartTable | None = Field(
        None, description="Part that moves it; geometric_brownian, unless [reference] moves it."
    )
    recording: Recording | None = None

    @model_validator(mode="after")
    def _has_price(self) -> Self:
        if (self.price is None) == (self.recording is None):
            raise ValueError("give either a price or a recording")
        if (self.recording is not None) != ((self.path or {}).get("kind") == "recorded"):
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
    """A market on an order book, or contracts against a pool."""

    name: Name
    kind: Literal["perpetual", "spot", "option", "inverse", "pool"] = "perpetual"
    underlying: Name
    base: Name | None = Field(None, description="Asset traded, spot only.")
    tick: float = quantity(..., "quote", "Smallest step of the price.", gt=0)
    lot: float = quantity(
        ..., "base", "Smallest step of the quantity; of an inverse market whole contracts.", gt=0
    )
    maker_fee: float = quantity(0.0002, "fraction", "Fee of the resting side.", ge=-0.01, le=0.1)
    taker_fee: float = quantity(0.0005, "fraction", "Fee of the taking side.", ge=0, le=0.1)
    self_trade: Literal["allow", "cancel_resting", "cancel_taker"] = "cancel_resting"
    tiers: tuple[Tier, ...] = ()
    open_interest_scale: OpenInterestScale | None = None
    settles_in: Name | None = Field(None, description="Coin of profit and fees, inverse only.")
    face: float | None = quantity(
        None,
        "quote",
        "Worth of a contract, inverse only.",
        gt=0,
        le=1e6,
        source="BitMEX XBTUSD: 1; Deribit BTC: 10; Binance BTCUSD: 100",
    )

    pool: Pool | None = None
    series: Series | None = Field(None, description="Of an option; see `[[option]]`.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        check_keys(self)
        lower = [tier.notional for tier in self.tiers]
        if lower and (lower[0] != 0 or sorted(set(lower)) != lower):
            raise ValueError("the first tier begins at notional 0 and the others rise")
        if self.maker_fee + self.taker_fee < 0:
            raise ValueError("the maker's rebate is larger than the taker's fee")
        return self


class Venue(Table):
    """The margin engine: its numbers, its mark, its oracle and its waterfall."""

    preset: str | None = Field(default=None, description="Venue whose rules it has; see `presets`.")
    margin: dict[str, Any] | None = Field(
        default=None, description="Risk model: parts as in a preset; brackets of markets otherwise."
    )
    risk_model: str | None = Field(
        default=None, description="A risk model of one's own, `module:Class` of a `RiskModel`."
    )
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
    option_mark: PartTable = Field(default_factory=lambda: {"kind": "option_marks"})
    option_greeks: PartTable = Field(default_factory=lambda: {"kind": "option_greeks"})
    oracle: PartTable = Field(default_factory=lambda: {"kind": "aggregate"})
    funding: PartTable = Field(default_factory=lambda: {"kind": "funding"})
    interest: PartTable = Field(default_factory=lambda: {"kind": "interest"})
    pool_fees: PartTable = Field(default_factory=lambda: {"kind": "pool_fees"})
    stops: PartTable = Field(default_factory=lambda: {"kind": "stops"})
    circuit_breaker: PartTable | None = None
    queue: PartTable = Field(default_factory=lambda: {"kind": "queue"})
    waterfall: tuple[PartTable, ...] = ()
    accounts: Accounts = Field(default_factory=Accounts)
    take_over: bool = Field(
        default=False, description="Forced orders become impact-free take-overs at the mark."
    )

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        if self.margin is not None and self.risk_model is not None:
            raise ValueError("margin and risk_model are two risk models; give one of them")
        return self

    @property
    def has_model(self) -> bool:
        """Whether margin is more than brackets and weights."""
        return self.margin is not None or self.risk_model is not None


class Scenario(Table):
    """A market, who is in it and what happens to it."""

    name: Name
    title: str = ""
    story: str = ""
    sources: tuple[str, ...] = ()
    run: RunTable
    asset: tuple[Asset, ...] = Field(min_length=1)
    underlying: tuple[Underlying, ...] = Field(min_length=1)
    reference: PartTable | None = Field(
        None, description="Part that moves several underlyings together, with rows of `loading`."
    )
    market: tuple[MarketTable, ...] = Field(min_length=1, max_length=62)
    option: tuple[OptionTable, ...] = ()
    venue: Venue = Field(default_factory=Venue)
    population: tuple[Population, ...] = Field(min_length=1)
    shock: tuple[PartTable, ...] = ()
    initial: Initial | None = None
    snapshot: Snapshot | None = None

    @functools.cached_property
    def origin(self) -> str:
        """Where it was read from, for errors; its name when no file is known."""
        return self.name

    @model_validator(mode="before")
    @classmethod
    def _list_series(cls, data: Any) -> Any:
        return option_tables.with_series(data)

    @model_serializer(mode="wrap")
    def _fold_series(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return option_tables.without_series(handler(self))

    @model_validator(mode="after")
    def _names(self) -> Self:
        for table in ("asset", "underlying", "market", "population"):
            names = [row.name for row in getattr(self, table)]
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{table}: the name {min(twice)!r} stands twice")
        whales = [whale.name for population in self.population for whale in population.whale]
        for name in whales:
            if whales.count(name) > 1:
                raise ValueError(f"population: two whales have the name {name!r}")
        self._references()
        option_tables.check_interest(self.option, self.market, self.population)
        self._check_initial()
        check_beginning(self)
        if self.reference is not None:
            free = [underlying.name for underlying in self.underlying if underlying.path is None]
            check_loadings(self.reference, [u.name for u in self.underlying], free)
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
            if market.settles_in is not None:
                _known(f"market {market.name}: settles_in", market.settles_in, assets[1:])
                check_coin(market, self.market)
        for population in self.population:
            for name in population.markets:
                _known(f"population {population.name}: markets", name, markets)
            _check_collateral(population.name, population, assets)
            for whale in population.whale:
                _check_collateral(population.name, whale, assets)
        perpetuals = [market.name for market in self.market if market.kind != "spot"]
        for group, members in self.venue.accounts.groups.items():
            for name in members:
                _known(f"venue: accounts.groups.{group}", name, perpetuals)
        bases = [market.base for market in self.market if market.base]
        for name in assets[1:]:
            if bases.count(name) != 1:
                raise ValueError(
                    f"asset {name}: needs one spot market of its own, has {bases.count(name)}"
                )

    def _check_initial(self) -> None:
        """Refuse names that `[initial]` gives and the scenario does not have."""
        drawn = {
            name
            for population in self.population
            if population.position is not None and population.position.entry == FROM_HISTORY
            for name in population.markets
        }
        initial = self.initial or Initial()
        if self.option and (self.snapshot is not None or initial.burn_in is not None):
            raise ValueError("option: neither [snapshot] nor [initial.burn_in] knows options")
        if self.snapshot is not None and initial.burn_in is not None:
            raise ValueError("initial: burn_in: would trade away what [snapshot] brings in")
        perpetuals = [market.name for market in self.market if market.kind != "spot"]
        for row in initial.open_interest:
            where = f"initial: open_interest.{row.market}"
            _known(where, row.market, perpetuals)
            holders = [p.name for p in self.population if row.market in p.markets]
            for side in ("longs", "shorts"):
                for name in getattr(row, side):
                    _known(f"{where}.{side}", name, holders)
        for history in initial.volume_at_price:
            where = f"initial: volume_at_price.{history.market}"
            _known(where, history.market, perpetuals)
            if history.market not in drawn:
                word = f'position.entry = "{FROM_HISTORY}"'
                raise ValueError(f"{where}: no population there has {word}")
        for name in sorted(drawn & set(perpetuals) - {h.market for h in initial.volume_at_price}):
            raise ValueError(
                f"initial: volume_at_price: there is none for {name}, from which a population "
                "draws its entry"
            )


def _check_collateral(name: str, holder: Population | Whale, assets: list[str]) -> None:
    where = f"population {name}: "
    where += f"whale.{holder.name}.collateral" if isinstance(holder, Whale) else "collateral"
    for asset in holder.collateral or ():
        _known(where, asset, assets)


def _known(where: str, name: str, known: list[str]) -> None:
    if name not in known:
        raise ValueError(f"{where}: there is no {name!r}; there are {', '.join(known) or 'none'}")
