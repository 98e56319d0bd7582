"""A portfolio under a preset as arrays: instruments in a fixed order, prices that can be moved."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from crossmargin.experiments.margin.portfolio import (
    STABLE,
    AssetFacts,
    MarketFacts,
    OptionRow,
    Portfolio,
    origin_of,
    pair_of,
    underlying_of,
)
from crossmargin.experiments.margin.tables import Preset
from crossmargin.model.errors import ParameterError
from crossmargin.model.margin.arrays import COIN, PERPETUAL, SERIES, Holdings, Terms, clear
from crossmargin.model.margin.weights import (
    Parameters,
    borrow_scale,
    deposit_scale,
    volatility_scale,
)
from crossmargin.model.options.black76 import CALL, PUT
from crossmargin.model.options.series import mark_series
from crossmargin.model.options.surface import Parameters as Smile
from crossmargin.model.state import Array

#: A part ready for one portfolio: adds to the numbers of all rows.
Part = Callable[[Terms, Holdings, Array], Any]


class Desk:
    """Instruments of a portfolio, in the order of its file, and the parts of a preset for them."""

    def __init__(self, portfolio: Portfolio, preset: Preset) -> None:
        self.portfolio, self.preset = portfolio, preset
        self.notes: list[str] = []
        self.markets = _unique(
            [row.market for row in portfolio.perp] + [row.market for row in portfolio.perp_order]
        )
        self.options = sorted(portfolio.option, key=_place)
        self.coins = self._coin_names()
        names = [self._underlying(market) for market in self.markets]
        names += [row.underlying for row in self.options]
        names += [self._coin_underlying(name) for name in self.coins if name not in self._flat()]
        self.underlyings = self._underlying_names(names)
        self.index = np.array([portfolio.price(u, self._why(u)) for u in self.underlyings])
        self._coins, self._perps = self._coin_array(), self._perp_array()
        self._series = self._series_array()
        from crossmargin.experiments.margin.parts import parts_of

        self.parts: Sequence[Part] = parts_of(self)

    # Names -------------------------------------------------------------------------------------

    def _flat(self) -> set[str]:
        """Names of what does not move with a market: the quote asset and stable coins."""
        return {self.preset.quote, *STABLE}

    def _underlying(self, market: str) -> str:
        return underlying_of(market)

    def _underlying_names(self, names: Sequence[str]) -> list[str]:
        """Underlyings in their order, from those of all instruments."""
        return _unique(names)

    def _coin_underlying(self, name: str) -> str:
        """Underlying whose price a coin has."""
        return name

    def _why(self, name: str) -> str:
        where = origin_of(self.portfolio)
        return f"{where} holds {name}" if name in self.coins else f"{where} has a market of {name}"

    def _coin_names(self) -> list[str]:
        """The quote asset first, then the others; other names of cash are the quote asset."""
        rows = list(self.portfolio.collateral)
        for order in self.portfolio.spot_order:
            rows += pair_of(order.market)
        return _unique([self.preset.quote, *(self.cash_name(name) for name in rows)])

    def cash_name(self, name: str) -> str:
        """Name under which the venue knows an asset."""
        return self.preset.quote if name in self.preset.also else name

    def place(self, underlying: str) -> int:
        """Row of an underlying."""
        return self.underlyings.index(underlying)

    def row_of(self, table: Any, name: str, part: str) -> Any:
        """Row of a table by underlying, or its default.

        Raises
        ------
        ParameterError
            When it has neither.
        """
        found = table.market.get(name, table.default)
        if found is None:
            known = ", ".join(sorted(table.market)) or "none"
            raise ParameterError(
                f"{self.preset.name}: {part}.market.{name}: is missing; the preset knows {known}"
            )
        return found

    def facts(self, market: str) -> MarketFacts:
        """What the portfolio says of a market, by its name or its underlying."""
        given = self.portfolio.market
        return given.get(market, given.get(self._underlying(market), MarketFacts()))

    # Arrays ------------------------------------------------------------------------------------

    def _coin_array(self) -> Array:
        coins = np.zeros(len(self.coins), COIN)
        for row, name in zip(coins, self.coins, strict=True):
            facts = self.portfolio.asset.get(name, AssetFacts())
            row["lot"], row["confidence"] = 1.0, facts.confidence
            row["price"] = self._coin_price(name)
            row["underlying"] = -1
            if name not in self._flat():
                row["underlying"] = self.place(self._coin_underlying(name))
            row["owed_is_required"] = self.preset.weights.owed == "requirement"
            self._weigh(row, name, facts)
        return coins

    def _coin_price(self, name: str) -> float:
        if name == self.preset.quote:
            face = self.preset.quote_at_face
            return 1.0 if face else self.portfolio.prices.get(name, 1.0)
        return self.portfolio.price(name, self._why(name))

    def _weigh(self, row: Any, name: str, facts: AssetFacts) -> None:
        rule = self._weight_rule(name)
        for key in ("initial", "maintenance", "owed_initial", "owed_maintenance", "size_discount"):
            row[key] = getattr(rule, key)
        price = float(row["price"])
        row["scale"] = deposit_scale(rule.deposit_start, facts.deposits * price)
        row["owed_scale"] = borrow_scale(rule.borrow_start, facts.borrows * price)
        if facts.volatility is not None:
            slope = rule.volatility_slope
            row["scale"] *= volatility_scale(rule.calm_volatility, slope, facts.volatility)

    def _weight_rule(self, name: str) -> Parameters:
        table = self.preset.weights
        if name in table.asset:
            return table.asset[name]
        if name == self.preset.quote:
            return Parameters(initial=1.0, maintenance=1.0)
        if table.default is not None:
            return table.default
        self.notes.append(
            f"{name} is no collateral of {self.preset.name}: it counts as equity only"
        )
        return Parameters(initial=0.0, maintenance=0.0)

    def _perp_array(self) -> Array:
        perps = np.zeros(len(self.markets), PERPETUAL)
        for row, market in zip(perps, self.markets, strict=True):
            u = self.place(self._underlying(market))
            row["lot"], row["underlying"] = 1.0, u
            row["price"] = self.portfolio.prices.get(market, self.index[u])
            own = self.facts(market).confidence
            spot = self.portfolio.asset.get(self.underlyings[u], AssetFacts()).confidence
            row["confidence"] = min(own, spot)
        return perps

    def _series_array(self) -> Array:
        series = np.zeros(len(self.options), SERIES)
        expiries = _unique([(row.underlying, row.expiry_seconds) for row in self.options])
        for row, option in zip(series, self.options, strict=True):
            u = self.place(option.underlying)
            row["kind"] = CALL if option.kind == "call" else PUT
            row["strike"], row["seconds"] = option.strike, option.expiry_seconds
            row["forward"] = option.forward or self.index[u]
            row["volatility"] = self._volatility(option)
            row["lot"], row["underlying"] = 1.0, u
            row["expiry"] = expiries.index((option.underlying, option.expiry_seconds))
            spot = self.portfolio.asset.get(option.underlying, AssetFacts()).confidence
            row["confidence"] = min(option.confidence, spot)
        return series

    def _volatility(self, option: OptionRow) -> float:
        if option.vol is not None:
            return option.vol
        known = self.facts(option.underlying).volatility
        if known is None:
            known = Smile().level
            self.notes.append(f"options on {option.underlying} without vol are priced at {known:g}")
        return known

    def terms(self, factors: ArrayLike | None = None, volatility: float = 1.0) -> Terms:
        """Terms of all instruments when prices are multiplied, by underlying, and volatilities."""
        moves = np.ones(len(self.underlyings)) if factors is None else np.asarray(factors)
        coins, perps, series = self._coins.copy(), self._perps.copy(), self._series.copy()
        moving = coins["underlying"] >= 0
        coins["price"][moving] *= moves[coins["underlying"][moving]]
        coins["low"] = coins["high"] = coins["price"]
        for k, name in enumerate(self.coins):
            facts = self.portfolio.asset.get(name)
            if facts is not None and facts.stable_price is not None:
                coins["low"][k] = min(coins["price"][k], facts.stable_price)
                coins["high"][k] = max(coins["price"][k], facts.stable_price)
        perps["price"] *= moves[perps["underlying"]]
        self._bound(perps)
        series["forward"] *= moves[series["underlying"]]
        series["volatility"] *= volatility
        mark_series(series)
        return Terms(coins, perps, series, self.index * moves)

    def _bound(self, perps: Array) -> None:
        """Set the prices at which perpetuals count for entry."""
        perps["low"] = perps["high"] = perps["price"]
        for k, market in enumerate(self.markets):
            facts = self.portfolio.asset.get(self._underlying(market))
            if facts is not None and facts.stable_price is not None:
                perps["low"][k] = min(perps["price"][k], facts.stable_price)
                perps["high"][k] = max(perps["price"][k], facts.stable_price)

    def holdings(self, rows: int = 1) -> Holdings:
        """Holdings of equal rows, as the portfolio has them."""
        held = Holdings(
            coins=np.zeros((rows, len(self.coins))),
            perps=np.zeros((rows, len(self.markets))),
            cost=np.zeros((rows, len(self.markets))),
            bids=np.zeros((rows, len(self.markets))),
            asks=np.zeros((rows, len(self.markets))),
            options=np.zeros((rows, len(self.options))),
        )
        for name, amount in self.portfolio.collateral.items():
            held.coins[:, self.coins.index(self.cash_name(name))] += amount
        for perp in self.portfolio.perp:
            m = self.markets.index(perp.market)
            mark = float(self._perps["price"][m])
            held.perps[:, m] += perp.size
            held.cost[:, m] += perp.size * (perp.entry_price or mark) - (perp.unrealised_pnl or 0.0)
        for order in self.portfolio.perp_order:
            side = held.bids if order.base > 0 else held.asks
            side[:, self.markets.index(order.market)] += abs(order.base)
        held.options[:] = [row.size for row in self.options]
        return held

    def numbers(
        self,
        factors: ArrayLike | None = None,
        holdings: Holdings | None = None,
        volatility: float = 1.0,
    ) -> Array:
        """(n_rows, 5) float64: the five numbers of rows of holdings at moved prices."""
        rows = self.holdings() if holdings is None else holdings
        found, terms = np.zeros((len(rows.coins), 5)), self.terms(factors, volatility)
        clear(found)
        for part in self.parts:
            part(terms, rows, found)
        return found


def _unique(names: Sequence[Any]) -> list[Any]:
    return list(dict.fromkeys(names))


def _place(row: OptionRow) -> tuple[str, float, float, str]:
    """Order of series: by underlying, expiry, strike, kind."""
    return row.underlying, row.expiry_seconds, row.strike, row.kind
