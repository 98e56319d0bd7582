"""Portfolio files: what one account holds, what it has resting, and prices.

    [collateral]
    USDC = 10000.0

    [[perp]]
    market = "BTC-PERP"
    size = -0.5
    entry_price = 61000.0

    [prices]
    BTC = 60000.0

Units are natural: USD, coins, contracts of one coin. Cash in the quote asset needs no price.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from crossmargin.experiments.explain import explain
from crossmargin.experiments.load import read_toml
from crossmargin.experiments.schema import Table, quantity
from crossmargin.experiments.tables import Name
from crossmargin.model.errors import ParameterError, ScenarioError

#: Name of a market: BTC-PERP, BTC/USDC.
MarketName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _+./:-]*$", max_length=40)]
#: Assets that are worth one quote unit unless a price says otherwise.
STABLE = ("USD", "USDC", "USDT", "DAI", "sUSD", "USDe", "PYUSD")
#: What follows the underlying in the name of a market.
ENDINGS = ("PERP", "PERPETUAL", "SWAP", "USD", "USDC", "USDT")
#: Largest amount or price that a file may hold, so that products stay finite.
MOST = 1e15


class PerpRow(Table):
    """A perpetual position."""

    market: MarketName = Field(description="Market, such as BTC-PERP, or its underlying.")
    size: float = quantity(..., "base", "Signed.", ge=-MOST, le=MOST)
    entry_price: float | None = quantity(None, "quote per base", "Of the position.", gt=0, le=MOST)
    unrealised_pnl: float | None = quantity(
        None, "quote", "Profit at the mark, instead of an entry price.", ge=-MOST, le=MOST
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.entry_price is not None and self.unrealised_pnl is not None:
            raise ValueError("give an entry_price or an unrealised_pnl, not both")
        return self


class OptionRow(Table):
    """A European option position."""

    underlying: Name
    kind: Literal["call", "put"]
    strike: float = quantity(..., "quote per base", "Strike.", gt=0, le=MOST)
    expiry_seconds: float = quantity(..., "s", "To expiry.", le=1e10)
    size: float = quantity(..., "contracts", "Signed; one contract is one base.", ge=-MOST, le=MOST)
    vol: float | None = quantity(None, "per root year", "Implied volatility.", gt=0, le=100)
    forward: float | None = quantity(None, "quote per base", "Of the expiry.", gt=0, le=MOST)
    confidence: float = quantity(1.0, "fraction", "Of its price feeds.", ge=0, le=1)

    @field_validator("expiry_seconds")
    @classmethod
    def _still_alive(cls, value: float) -> float:
        if value <= 0:
            raise ValueError("the option has expired; settle it into cash")
        return value


class OrderRow(Table):
    """A resting order."""

    market: MarketName
    size: float = quantity(..., "base", "Signed, or with a side.", ge=-MOST, le=MOST)
    side: Literal["buy", "sell"] | None = None
    price: float | None = quantity(None, "quote per base", "Limit; by default the mark.", gt=0)

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.side is not None and self.size < 0:
            raise ValueError("a size with a side is not negative")
        return self

    @property
    def base(self) -> float:
        """Size, negative for a sale."""
        return -self.size if self.side == "sell" else self.size


class MarketFacts(Table):
    """What is known of a market; each has a value at which it changes nothing."""

    open_interest: float = quantity(0.0, "quote", "One side.", ge=0)
    imbalance: float = quantity(0.0, "quote", "Long less short open interest.")
    volume: float | None = quantity(None, "base per day", "Traded.", gt=0)
    depth: float | None = quantity(None, "quote", "Within one per cent of the mid.", gt=0)
    volatility: float | None = quantity(None, "per root year", "Realised.", gt=0, le=100)
    confidence: float = quantity(1.0, "fraction", "Of its price feed.", ge=0, le=1)


class AssetFacts(Table):
    """What is known of an asset."""

    deposits: float = quantity(0.0, "coins", "Of all accounts.", ge=0)
    borrows: float = quantity(0.0, "coins", "Of all accounts.", ge=0)
    stable_price: float | None = quantity(
        None, "quote per coin", "Slow price that entry compares with the price now.", gt=0
    )
    volatility: float | None = quantity(None, "per root year", "Realised.", gt=0, le=100)
    confidence: float = quantity(1.0, "fraction", "Of its price feed.", ge=0, le=1)


class Portfolio(Table):
    """What one account holds."""

    collateral: dict[Name, float] = Field(default_factory=dict)
    perp: tuple[PerpRow, ...] = ()
    option: tuple[OptionRow, ...] = ()
    spot_order: tuple[OrderRow, ...] = ()
    perp_order: tuple[OrderRow, ...] = ()
    prices: dict[MarketName, float] = Field(default_factory=dict)
    market: dict[MarketName, MarketFacts] = Field(default_factory=dict)
    asset: dict[Name, AssetFacts] = Field(default_factory=dict)
    overrides: dict[str, Any] = Field(default_factory=dict)

    @field_validator("prices")
    @classmethod
    def _positive(cls, prices: dict[str, float]) -> dict[str, float]:
        for name, price in prices.items():
            if not 0 < price <= MOST:
                raise ValueError(f"the price of {name} is {price:g}; it must be positive")
        return prices

    @field_validator("collateral")
    @classmethod
    def _finite(cls, amounts: dict[str, float]) -> dict[str, float]:
        for name, amount in amounts.items():
            if not -MOST <= amount <= MOST:
                raise ValueError(f"{name} = {amount:g} is no amount")
        return amounts

    def price(self, name: str, why: str) -> float:
        """Price of an underlying or asset, quote; one for stable coins without a price.

        An underlying without a price has that of the first of its markets.

        Raises
        ------
        ParameterError
            When it is missing.
        """
        found = self.prices.get(name, 1.0 if name in STABLE else None)
        if found is None:
            same = (price for key, price in self.prices.items() if underlying_of(key) == name)
            found = next(same, None)
        if found is None:
            given = ", ".join(sorted(self.prices)) or "none"
            raise ParameterError(f"prices.{name}: is missing; {why}; prices given: {given}")
        return found


def underlying_of(market: str) -> str:
    """Underlying of a market by its name.

    Examples
    --------
    >>> [underlying_of(m) for m in ("BTC-PERP", "BTC/USDC", "BTC-USD-SWAP", "BTCUSDT", "BTC")]
    ['BTC', 'BTC', 'BTC', 'BTC', 'BTC']
    """
    parts = market.replace("/", "-").replace("_", "-").split("-")
    while len(parts) > 1 and parts[-1].upper() in ENDINGS:
        parts.pop()
    name = "-".join(parts)
    for ending in ENDINGS:
        if name.endswith(ending) and len(name) > len(ending) + 1 and name not in STABLE:
            return name[: -len(ending)]
    return name


def pair_of(market: str) -> tuple[str, str]:
    """Base and quote asset of a spot market such as ETH/USDC or ETH-USDC.

    Raises
    ------
    ParameterError
        When the name does not say both.
    """
    words = market.replace("/", "-").replace("_", "-").split("-")
    if len(words) != 2 or not all(words):
        raise ParameterError(f"spot_order.{market}: name base and quote asset, as in ETH/USDC")
    return words[0], words[1]


def load_portfolio(portfolio: "str | Path | Portfolio | Mapping[str, Any]") -> Portfolio:
    """Portfolio from a TOML file, a mapping or a portfolio.

    Raises
    ------
    ScenarioError, ParameterError
        With file and key, the value, and what is allowed.
    """
    if isinstance(portfolio, Portfolio):
        return portfolio
    where, table = portfolio_table(portfolio)
    try:
        found = Portfolio.model_validate(table)
    except ValidationError as error:
        raise ParameterError(explain(where, table, error, Portfolio)) from None
    vars(found)["origin"] = where
    return found


def portfolio_table(portfolio: Any) -> tuple[str, dict[str, Any]]:
    """Where a portfolio comes from, in words, and its tables, not yet checked."""
    if isinstance(portfolio, Mapping):
        return "portfolio", dict(portfolio)
    if not isinstance(portfolio, str | Path):
        raise ScenarioError(f"portfolio = {portfolio!r}: is no file, mapping or Portfolio")
    path = Path(portfolio)
    if not path.is_file():
        raise ScenarioError(f"{path}: there is no such file")
    return str(path), read_toml(path)


def origin_of(portfolio: Portfolio) -> str:
    """File that a portfolio was read from, for messages."""
    return str(vars(portfolio).get("origin", "portfolio"))


def parse_portfolio(text: str) -> Portfolio:
    """Portfolio from the text of a TOML file.

    Examples
    --------
    >>> parse_portfolio("collateral = { USDC = 5.0 }").collateral
    {'USDC': 5.0}
    """
    return load_portfolio(tomllib.loads(text))
