"""Tables of a scenario that list option series, each of which becomes a market.

`[[option]]` names an underlying, its expiries and its strikes; the series are written out when a
scenario is read, by underlying, expiry, strike and kind, behind all other markets. What a scenario
writes back are the tables again, so that a sweep may change a strike. Populations trade all series
of a table by its name, or single ones by theirs, such as `BTC-20000s-60000-C`.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from crossmargin.experiments.tables import Name, Table, quantity
from crossmargin.model.options.surface import Parameters as Smile

#: Most markets of a venue: a mask of them fits 64 bits.
MOST_MARKETS = 62
RIGHTS = {"call": 1, "put": -1}


class OptionExpiry(Smile):
    """One expiry, with its smile at the start."""

    seconds: float = quantity(..., "s", "From the start of the run.", le=1e10)

    @field_validator("seconds")
    @classmethod
    def _lies_ahead(cls, value: float) -> float:
        if not value > 0:
            raise ValueError("has already expired; an expiry lies after the start of the run")
        return value


class OptionMargin(Table):
    """Standard rule of a venue for single options (Deribit's by default)."""

    short_initial: float = quantity(
        0.15, "fraction of the index", "Of a short at the money, entry.", ge=0, le=1
    )
    short_floor: float = quantity(
        0.10, "fraction of the index", "Least, out of the money.", ge=0, le=1
    )
    short_maintenance: float = quantity(
        0.075, "fraction of the index", "Of a short, against liquidation.", ge=0, le=1
    )
    long_initial: float = quantity(
        0.0, "share of the value", "Of a long that counts for entry.", ge=0, le=1
    )
    long_maintenance: float = quantity(
        1.0, "share of the value", "Of a long that counts against liquidation.", ge=0, le=1
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.short_maintenance > self.short_floor:
            raise ValueError("short_maintenance is above short_floor")
        if self.short_floor > self.short_initial:
            raise ValueError("short_floor is above short_initial")
        if self.long_initial > self.long_maintenance:
            raise ValueError("long_initial is above long_maintenance")
        return self


class OptionInterest(Table):
    """Options that two populations hold against one another at the start."""

    longs: Name
    shorts: Name
    units: float = quantity(..., "units of the underlying", "In each series.", gt=0, le=1e12)
    series: tuple[Name, ...] = Field((), description="Names of series; all of the table without.")


class OptionTable(Table):
    """European options on an underlying, settled in the quote asset."""

    name: Name
    underlying: Name
    expiries: tuple[OptionExpiry, ...] = Field(min_length=1, description="With their smiles.")
    strikes: tuple[float, ...] = Field((), description="Quote per unit.")
    moneyness: tuple[float, ...] = Field(
        (), description="Strikes over the first price instead, taken to three digits."
    )
    kinds: tuple[Literal["call", "put"], ...] = Field(("call", "put"), min_length=1)
    tick: float = quantity(..., "quote", "Smallest step of the price.", gt=0)
    lot: float = quantity(..., "units of the underlying", "Smallest quantity.", gt=0)
    maker_fee: float = quantity(
        0.0003, "fraction of the index", "Resting side (Deribit: 0.03%).", ge=-0.01, le=0.1
    )
    taker_fee: float = quantity(
        0.0003, "fraction of the index", "Taking side (Deribit: 0.03%).", ge=0, le=0.1
    )
    fee_cap: float = quantity(
        0.125, "fraction of the price", "No fee is more (Deribit: 12.5%).", ge=0, le=1
    )
    settlement_seconds: float = quantity(
        1800.0, "s", "Window of the average that it pays by (Deribit: 30 min).", ge=0, le=1e7
    )
    margin: OptionMargin = Field(default_factory=OptionMargin)
    open_interest: tuple[OptionInterest, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if bool(self.strikes) == bool(self.moneyness):
            raise ValueError("give either strikes or moneyness")
        for key in ("strikes", "moneyness"):
            for value in getattr(self, key):
                if not 0 < value < float("inf"):
                    raise ValueError(f"{key}: {value:g} is no positive number")
        for key in ("strikes", "moneyness", "kinds"):
            _once(key, [str(value) for value in getattr(self, key)])
        _once("expiries", [f"{expiry.seconds:g} s" for expiry in self.expiries])
        if self.maker_fee + self.taker_fee < 0:
            raise ValueError("the maker's rebate is larger than the taker's fee")
        return self


class Series(Table):
    """Which option a market is; written out of an `[[option]]` table, never by hand."""

    option: Name
    expiry: int = quantity(..., "row", "Of the expiries of its table.", ge=0)
    kind: Literal["call", "put"]
    strike: float = quantity(..., "quote", "At which it is exercised.", gt=0)
    seconds: float = quantity(..., "s", "To expiry, from the start of the run.", gt=0)


def _once(key: str, words: list[str]) -> None:
    for word in words:
        if words.count(word) > 1:
            raise ValueError(f"{key}: {word} stands twice")


def plain(value: float) -> str:
    """Shortest decimal text of a number, without an exponent."""
    return f"{value:.10f}".rstrip("0").rstrip(".")


def series_name(underlying: str, series: Mapping[str, Any]) -> str:
    """Name of a series: underlying, seconds to expiry at the start, strike, C or P."""
    right = series["kind"][0].upper()
    return f"{underlying}-{plain(series['seconds'])}s-{plain(series['strike'])}-{right}"


def _key(row: Any, name: str) -> Any:
    return row.get(name) if isinstance(row, Mapping) else getattr(row, name, None)


def _strikes(table: OptionTable, price: Any) -> list[float]:
    """Strikes of a table, those relative to the first price rounded to three digits."""
    if table.strikes:
        return sorted(table.strikes)
    if not isinstance(price, int | float) or isinstance(price, bool):
        raise ValueError(
            f"option.{table.name}.moneyness: {table.underlying} has no first price here, as it "
            "follows a recording; give strikes"
        )
    found = [float(f"{price * ratio:.3g}") for ratio in sorted(table.moneyness)]
    _once(f"option.{table.name}.moneyness: strike", [plain(strike) for strike in found])
    return found


def _rows(table: OptionTable, price: Any) -> Iterator[dict[str, Any]]:
    """Market rows of one table."""
    for e, expiry in enumerate(table.expiries):
        for strike, kind in product(_strikes(table, price), table.kinds):
            series = {"option": table.name, "expiry": e, "kind": kind, "strike": strike}
            series["seconds"] = expiry.seconds
            yield {
                "name": series_name(table.underlying, series),
                "kind": "option",
                "underlying": table.underlying,
                "tick": table.tick,
                "lot": table.lot,
                "maker_fee": table.maker_fee,
                "taker_fee": table.taker_fee,
                "series": series,
            }


def _sorted_rows(tables: list[OptionTable], prices: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """Market rows of all tables by underlying, expiry, strike and kind."""
    rows = [row for table in tables for row in _rows(table, prices[table.underlying])]
    places, names = list(prices), [table.name for table in tables]

    def order(row: Mapping[str, Any]) -> tuple[Any, ...]:
        s = row["series"]
        table = names.index(s["option"])
        return places.index(row["underlying"]), s["seconds"], table, s["strike"], s["kind"]

    return sorted(rows, key=order)


def with_series(data: Any) -> Any:
    """Scenario's tables with a market row for every option series, and names of tables resolved.

    Tables that are no options as they stand are left to the schema, which says what is wrong.

    Raises
    ------
    ValueError
        When a strike cannot be known, a market is an option by hand, or there are too many.
    """
    if not isinstance(data, Mapping):
        return data
    rows = data.get("market")
    for row in rows if isinstance(rows, list | tuple) else ():
        if isinstance(row, Mapping) and row.get("kind") == "option":
            raise ValueError(f"market.{row.get('name')}.kind: options are listed in [[option]]")
    if not data.get("option"):
        return data
    try:
        tables = [OptionTable.model_validate(row) for row in data["option"]]
        prices = {_key(u, "name"): _key(u, "price") for u in data["underlying"]}
        markets = [m for m in data["market"] if _key(m, "kind") != "option"]
        population = list(data["population"])
    except (ValidationError, KeyError, TypeError):
        return data
    _check_names(tables, prices, [_key(market, "name") for market in markets])
    rows = _sorted_rows(tables, prices)
    if len(markets) + len(rows) > MOST_MARKETS:
        raise ValueError(
            f"option: {len(rows)} series and {len(markets)} other markets are more than the "
            f"{MOST_MARKETS} that fit; list fewer strikes or expiries"
        )
    names = names_of(tables, rows)
    people = [_resolved(p, names) if isinstance(p, Mapping) else p for p in population]
    return {**data, "market": [*markets, *rows], "population": people}


def _check_names(tables: list[OptionTable], prices: Mapping[Any, Any], taken: list[Any]) -> None:
    for table in tables:
        if table.underlying not in prices:
            raise ValueError(
                f"option {table.name}: underlying: there is no {table.underlying!r}; there are "
                f"{', '.join(map(str, prices))}"
            )
        if table.name in taken:
            raise ValueError(f"option: the name {table.name!r} is that of a market too")
    _once("option: name", [table.name for table in tables])


def check_interest(
    tables: Iterable[OptionTable], markets: Iterable[Any], populations: Iterable[Any]
) -> None:
    """Refuse an open interest of populations or series that are not there."""
    names = [population.name for population in populations]
    for table in tables:
        own = [m.name for m in markets if m.series is not None and m.series.option == table.name]
        for k, row in enumerate(table.open_interest):
            where = f"option.{table.name}.open_interest.{k}"
            for name in (row.longs, row.shorts):
                if name not in names:
                    known = ", ".join(names)
                    raise ValueError(f"{where}: there is no population {name!r}; there are {known}")
            if row.longs == row.shorts:
                raise ValueError(f"{where}: {row.longs} stand on both sides")
            for name in row.series:
                if name not in own:
                    raise ValueError(f"{where}.series: {name!r} is no series of {table.name}")


def names_of(tables: list[OptionTable], rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Names of the series of each table."""
    return {
        table.name: [row["name"] for row in rows if row["series"]["option"] == table.name]
        for table in tables
    }


def _resolved(population: Mapping[str, Any], names: Mapping[str, list[str]]) -> dict[str, Any]:
    """Population with the series of a table in place of its name."""
    markets = population.get("markets") or ()
    if not isinstance(markets, list | tuple):
        return dict(population)
    found = [n for word in markets for n in names.get(word, [word])]
    return {**population, "markets": list(dict.fromkeys(found))}


def without_series(data: dict[str, Any]) -> dict[str, Any]:
    """Tables as a file has them: series left out, and their names folded where all stand."""
    rows = [row for row in data.get("market", ()) if row.get("kind") == "option"]
    if not rows:
        return data
    for table in data["option"]:
        names = [row["name"] for row in rows if row["series"]["option"] == table["name"]]
        for population in data["population"]:
            markets = list(population["markets"])
            if set(names) <= set(markets):
                first = markets.index(names[0])
                kept = [n for n in markets[:first] if n not in names]
                rest = [n for n in markets[first:] if n not in names]
                population["markets"] = [*kept, table["name"], *rest]
    data["market"] = [row for row in data["market"] if row.get("kind") != "option"]
    return data
