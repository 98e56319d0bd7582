"""Tables of `[initial]`: how the state at step 0 is made."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from crossmargin.experiments.tables import Name, Table, quantity


class OpenInterest(Table):
    """Open interest of a market at the start, and who holds it."""

    market: Name
    notional: float = quantity(
        ..., "quote", "Of all longs, and so of all shorts, at the first price.", gt=0, le=1e13
    )
    longs: dict[Name, float] = Field(
        default_factory=dict,
        description="Share of the long side by population; with none given, what they draw.",
    )
    shorts: dict[Name, float] = Field(
        default_factory=dict, description="Share of the short side by population."
    )

    @model_validator(mode="after")
    def _shares(self) -> Self:
        for side in ("longs", "shorts"):
            shares = getattr(self, side)
            for name, share in shares.items():
                if not 0 <= share <= 1:
                    raise ValueError(f"{side}.{name} = {share:g}: a share lies between 0 and 1")
            if sum(shares.values()) > 1 + 1e-9:
                raise ValueError(f"{side}: the shares sum to {sum(shares.values()):g}, above 1")
        return self


class VolumeAtPrice(Table):
    """Volume traded at each price before the start, from which entry prices are drawn."""

    market: Name
    prices: tuple[float, ...] = Field(
        default=(), description="Middles of the bins, rising.", json_schema_extra={"unit": "quote"}
    )
    volumes: tuple[float, ...] = Field(default=(), description="Volume of each bin, any unit.")
    file: str | None = Field(default=None, description="CSV with the columns price and volume.")
    candles: str | None = Field(
        default=None,
        description="CSV of candles: a name in experiments/data, or a path beside the scenario. "
        "The recording of the underlying where look_back alone is given.",
    )
    simulated: bool = Field(
        default=False, description="From a past that is simulated backwards from the first price."
    )
    look_back: float | None = quantity(
        None, "s", "Length of the past, of candles or simulated.", gt=0, le=1e10
    )
    end: str | None = Field(
        default=None,
        description="Last moment of the candles; the start of the recording by default.",
    )
    half_life: float | None = quantity(
        None, "s", "Of the weight of past volume: older positions were closed since.", gt=0
    )
    volatility: float = quantity(
        0.6,
        "per root year",
        "Of the simulated past.",
        ge=0,
        le=20,
        source="BTC-USD daily 2020-2026: 3.22% a day, x sqrt(365)",
    )
    rescale: bool = Field(
        default=False, description="Multiply prices so that the last one is the first price."
    )
    bins: int = quantity(100, "bins", "Of the histogram of candles or a path.", ge=1, le=100_000)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [key for key in ("prices", "file", "candles", "simulated") if getattr(self, key)]
        if len(given) > 1:
            raise ValueError(f"{given[1]}: {given[0]} is given already; one source is enough")
        if not given and self.look_back is None:
            raise ValueError("give prices and volumes, file, candles, simulated, or look_back")
        if given and given[0] in ("prices", "file"):
            self._refuse(("look_back", "end", "half_life", "rescale"), f"without {given[0]}")
        elif self.look_back is None:
            raise ValueError("look_back: is missing; it says how far back the past goes")
        if given == ["simulated"]:
            self._refuse(("end", "rescale"), "with candles")
        if len(self.prices) != len(self.volumes):
            raise ValueError(f"{len(self.prices)} prices and {len(self.volumes)} volumes")
        return self

    def _refuse(self, keys: tuple[str, ...], when: str) -> None:
        for key in keys:
            if getattr(self, key):
                raise ValueError(f"{key}: says something only {when}")


#: What must be stationary.
SeriesName = Literal["open_interest", "basis", "spread", "depth"]
SERIES: tuple[SeriesName, ...] = ("open_interest", "basis", "spread", "depth")


class BurnIn(Table):
    """Blocks before step 0, until the market is stationary; results begin after them."""

    window: float = quantity(
        3600.0, "s", "The reference returns to its first price, and stationarity is judged.", gt=0
    )
    least: float = quantity(14400.0, "s", "Shortest burn-in; whole windows.", ge=0)
    most: float = quantity(86400.0, "s", "Longest burn-in; whole windows.", gt=0, le=1e9)
    threshold: float = quantity(
        2.0,
        "standard errors",
        "Largest score of Geweke's test of each series.",
        gt=0,
        le=10,
        source="Geweke (1992): two means of a stationary series differ by no more than chance",
    )
    tolerance: float = quantity(
        0.02,
        "fraction of the level",
        "Two means as near as this count as equal, whatever their error.",
        ge=0,
        le=1,
    )
    series: tuple[SeriesName, ...] = Field(
        default=SERIES, min_length=1, description="What must be stationary, in every market."
    )
    volatility: float | None = quantity(
        None, "per root year", "Of the reference; that of its own path by default.", ge=0, le=20
    )
    cache: bool = Field(default=True, description="Keep the state in the user's cache folder.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.most < self.least:
            raise ValueError(f"most = {self.most:g}: is below least, {self.least:g}")
        if self.window > self.most:
            raise ValueError(f"window = {self.window:g}: is longer than most, {self.most:g}")
        return self


class Initial(Table):
    """How the state at step 0 is made: positions, entry prices, burn-in."""

    wealth_at: Literal["start", "entry"] = Field(
        default="start",
        description="Whether wealth is equity at the start, or what was paid in at the entry.",
    )
    liquidatable: Literal["redraw", "close", "keep", "refuse"] = Field(
        default="redraw",
        description="Positions below their maintenance margin at the start: entry prices are drawn "
        "again, and what stays so is closed; closed at once; kept; or an error.",
    )
    attempts: int = quantity(
        50, "draws", "Of the entry price of an account, before it is closed.", ge=1, le=1000
    )
    scale: Literal["wealth", "leverage"] = Field(
        default="wealth",
        description="What is scaled to reach a stated open interest; the other is as drawn.",
    )
    open_interest: tuple[OpenInterest, ...] = ()
    volume_at_price: tuple[VolumeAtPrice, ...] = ()
    burn_in: BurnIn | None = None

    @model_validator(mode="after")
    def _once(self) -> Self:
        for table in ("open_interest", "volume_at_price"):
            names = [row.market for row in getattr(self, table)]
            if len(set(names)) < len(names):
                twice: Any = next(name for name in names if names.count(name) > 1)
                raise ValueError(f"{table}: the market {twice!r} stands twice")
        return self
