"""What a snapshot is read against: assets, markets and populations, in whole units."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from crossmargin.experiments.schema import MarketTable, Scenario
from crossmargin.experiments.snapshots.exact import power, step_of
from crossmargin.experiments.snapshots.table import Prices
from crossmargin.model.errors import ParameterError
from crossmargin.model.state import SPOT, State


@dataclass(frozen=True)
class Coin:
    """An asset: name, smallest unit, and the spot market that prices it, -1 for the quote."""

    name: str
    unit: Decimal
    market: int


@dataclass(frozen=True)
class Listed:
    """A market in whole numbers: prices in half ticks, values in quote units."""

    name: str
    is_spot: bool
    tick: Decimal
    lot: Decimal
    half_unit: int
    lot_units: int
    mark: int
    mid: int


@dataclass(frozen=True)
class Grid:
    """Assets, markets and names of populations; the first asset is the quote."""

    assets: tuple[Coin, ...]
    markets: tuple[Listed, ...]
    populations: frozenset[str]

    def asset(self, name: str) -> int:
        """Place of an asset, -1 for none of that name."""
        return next((a for a, coin in enumerate(self.assets) if coin.name == name), -1)

    def market(self, name: str) -> int:
        """Place of a market, -1 for none of that name."""
        return next((m for m, listed in enumerate(self.markets) if listed.name == name), -1)


def grid_of(state: State, scenario: Scenario) -> Grid:
    """Grid of a state whose markets and prices are set."""
    ledger = state.ledger
    assets = tuple(
        Coin(asset.name, power(asset.decimals), int(ledger.assets["market"][a]))
        for a, asset in enumerate(scenario.asset)
    )
    markets = tuple(_listed(state, m, table) for m, table in enumerate(scenario.market))
    return Grid(assets, markets, frozenset(row.name for row in scenario.population))


def _listed(state: State, m: int, table: MarketTable) -> Listed:
    row = state.ledger.markets[m]
    return Listed(
        table.name,
        bool(row["kind"] == SPOT),
        step_of(table.tick),
        step_of(table.lot),
        int(row["half_unit"]),
        int(row["lot_units"]),
        int(row["mark"]),
        int(state.book.ladders[m]["mid"]),
    )


def set_prices(state: State, scenario: Scenario, prices: Mapping[str, Prices]) -> None:
    """Set marks, indices and mids of markets to those of a snapshot, to the nearest half tick.

    Raises
    ------
    ParameterError
        When there is no such market, or a price is far from the first price of its underlying.
    """
    names = [market.name for market in scenario.market]
    trail, first = state.outside.trail, len(scenario.underlying)
    for name, given in prices.items():
        if name not in names:
            raise ParameterError(f"snapshot.market.{name}: there are {', '.join(names)}")
        m = names.index(name)
        row, ladder = state.ledger.markets[m], state.book.ladders[m]
        tick = scenario.market[m].tick
        half = {kind: _half_ticks(name, kind, row["mark"], tick, given) for kind in KINDS}
        row["mark"], row["index"] = half["mark"], half["index"]
        ladder["mid"], ladder["last"] = half["mid"], half["mid"] // 2
        trail[first + m] = np.log(half["mid"] * tick / 2)
        trail[first + len(names) + m] = np.log(half["index"] * tick / 2)


KINDS = ("mark", "index", "mid")
#: How far a price may be from the first price of the underlying, a factor.
FAR = 10.0


def _half_ticks(name: str, kind: str, usual: int, tick: float, given: Prices) -> int:
    """Price in half ticks; that of the underlying where none is given."""
    price = getattr(given, kind)
    if price is None:
        return int(usual)
    found = round(2.0 * price / tick)
    if not usual / FAR <= found <= usual * FAR or found < 2:
        raise ParameterError(
            f"snapshot.market.{name}.{kind} = {price:g}: is more than {FAR:g} times away from "
            f"{usual * tick / 2:g}, the first price of its underlying"
        )
    return found
