"""Tables of a scenario that say who is in the market and what each holds at the start."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from crossmargin.experiments.tables import Name, Table, quantity
from crossmargin.model.state import SYSTEM_ROWS
from crossmargin.model.traits import Distribution, checked, checked_leverage

#: Names that results use for what is no population.
RESERVED = (*SYSTEM_ROWS, "others", "system")
#: The entry of a position that is drawn from `[[initial.volume_at_price]]`.
FROM_HISTORY = "volume_at_price"


def checked_entry(value: Any) -> Any:
    """Return a distribution of entry prices, or the word for the volume-at-price history."""
    return value if value == FROM_HISTORY else checked(value)


def checked_share(value: Any) -> Any:
    """Return a share as given, a number or a distribution over accounts."""
    if isinstance(value, dict):
        return checked(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ValueError("is neither a number nor a distribution")
    if not 0 <= value <= 1:
        raise ValueError("a share is neither below 0 nor more than 1")
    return float(value)


Leverage = Annotated[Any, AfterValidator(checked_leverage)]
Entry = Annotated[Any, AfterValidator(checked_entry)]
Share = Annotated[Any, AfterValidator(checked_share)]


class FirstStops(Table):
    """Stop orders that wait from the start: reduce-only, for the whole position."""

    share: float = quantity(1.0, "share of accounts", "Who has any.", ge=0, le=1)
    loss: Distribution | None = Field(
        default=None,
        description="Distance of the stop-loss; none without it.",
        json_schema_extra={"unit": "fraction of the price"},
    )
    gain: Distribution | None = Field(
        default=None,
        description="Distance of the take-profit; none without it.",
        json_schema_extra={"unit": "fraction of the price"},
    )
    measured_from: Literal["first_price", "entry"] = Field(
        default="first_price",
        description="What distances are measured from; a stop that has been passed is not placed.",
    )
    watch: Literal["mark", "last"] = Field(default="mark", description="Price that sets it off.")

    @model_validator(mode="after")
    def _any(self) -> Self:
        if self.loss is None and self.gain is None:
            raise ValueError("give the distance of a stop-loss, of a take-profit, or both")
        return self


class Position(Table):
    """What the accounts of a population hold at the start."""

    side: Literal["long", "short", "both", "balance"] = Field(
        description="`both`: long or short by draw; `balance`: the other side of what is unmatched."
    )
    leverage: Leverage = Field(
        default=1.0,
        description="Notional over wealth; at most what the first margin tier allows.",
        validate_default=True,
        json_schema_extra={"unit": "multiple of wealth"},
    )
    entry: Entry = Field(
        default=1.0,
        description="Entry price over the first price, or `volume_at_price` to draw it from there.",
        validate_default=True,
        json_schema_extra={"unit": "multiple of the first price"},
    )
    stops: FirstStops | None = None


class Whale(Table):
    """One account of a population by name; what is left out is as in the rest of it."""

    name: Name
    wealth: float = quantity(..., "quote", "Equity at the start.", gt=0, le=1e13)
    side: Literal["long", "short"] | None = Field(default=None, description="Of its position.")
    leverage: float | None = quantity(
        None, "multiple of wealth", "Notional over wealth; the first tier must allow it.", ge=0
    )
    entry: float | None = quantity(
        None, "multiple of the first price", "Entry price over the first price.", gt=0
    )
    markets: tuple[Name, ...] = Field(default=(), description="Where, of those of its population.")
    collateral: dict[Name, Share] | None = Field(
        default=None, description="Share of wealth held in an asset; the rest is quote."
    )


class Population(Table):
    """Agents of one kind."""

    name: Name
    kind: str = Field(description="Part, or `module:Class` of a trader written in Python.")
    count: int = quantity(..., "agents", "How many, whales included.", ge=1, le=10_000_000)
    markets: tuple[Name, ...] = ()
    wealth: Distribution = Field(
        default=0.0,
        description="Equity at the start.",
        validate_default=True,
        json_schema_extra={"unit": "quote"},
    )
    collateral: dict[Name, Share] = Field(
        default_factory=dict,
        description="Share of wealth held in an asset, a number or a distribution over accounts; "
        "the rest is quote. Shares that sum to more than 1 by draw are divided by their sum.",
    )
    margin: Literal["cross", "isolated"] = "cross"
    position: Position | None = None
    behaviour: dict[str, Any] = Field(default_factory=dict)
    traits: dict[str, Any] = Field(default_factory=dict)
    whale: tuple[Whale, ...] = Field(default=(), description="Accounts by name, its last ones.")

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.name in RESERVED or self.name.startswith(("settlement ", "pool ")):
            raise ValueError(f"the name {self.name!r} is that of a row of the venue")
        if self.position is not None and not self.markets:
            raise ValueError("a position needs markets to hold it in")
        if len(set(self.markets)) < len(self.markets):
            raise ValueError("markets: one stands twice")
        _check_collateral(self.collateral)
        self._check_whales()
        return self

    def _check_whales(self) -> None:
        names = [whale.name for whale in self.whale]
        if len(names) > self.count:
            raise ValueError(f"whale: {len(names)} are more than the count of {self.count}")
        for whale in self.whale:
            where = f"whale.{whale.name}"
            if names.count(whale.name) > 1:
                raise ValueError(f"{where}: the name stands twice")
            if whale.collateral is not None:
                _check_collateral(whale.collateral)
            for name in whale.markets:
                if name not in self.markets:
                    raise ValueError(f"{where}.markets: {name!r} is none of its population's")
            given = [key for key in ("leverage", "entry") if getattr(whale, key) is not None]
            is_directed = self.position is not None and self.position.side != "balance"
            if whale.side is None and not is_directed and (given or whale.markets):
                key = given[0] if given else "markets"
                raise ValueError(f"{where}.{key}: says nothing without a side")
            if whale.side is not None and not self.markets:
                raise ValueError(f"{where}.side: its population has no markets")


def _check_collateral(shares: dict[str, Any]) -> None:
    stated = [share for share in shares.values() if isinstance(share, float)]
    if sum(stated) > 1 + 1e-9:
        raise ValueError("shares of collateral sum to more than 1")
