"""Weighted health of a preset as arrays: weights of perpetuals, resting spot orders."""

from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.margin.portfolio import OrderRow, pair_of
from crossmargin.model.errors import ParameterError
from crossmargin.model.margin.arrays import Holdings, Terms
from crossmargin.model.margin.weighted_health import HEALTH, PAIR, Resting, weigh_health
from crossmargin.model.state import Array

if TYPE_CHECKING:
    from crossmargin.experiments.margin.desk import Desk, Part


def health_rules(desk: "Desk") -> Array:
    """(n_perps,) HEALTH of the markets of a desk, which settle in the quote asset."""
    table, perps = desk.preset.health, desk.terms().perps
    rules = np.zeros(len(perps), HEALTH)
    for rule, perp in zip(rules, perps, strict=True):
        row = desk.row_of(table, desk.underlyings[int(perp["underlying"])], "health")
        rule["asset"] = row.initial_asset, row.maintenance_asset
        rule["owed"] = row.initial_owed, row.maintenance_owed
        rule["overall"] = row.overall_initial, row.overall_maintenance
    return rules


class SpotOrders:
    """Resting spot orders of a portfolio by pair, and what they hold back."""

    def __init__(self, desk: "Desk") -> None:
        orders = desk.portfolio.spot_order
        names = list(dict.fromkeys(order.market for order in orders))
        self.pairs = np.zeros(len(names), PAIR)
        self.reserved = np.zeros((len(names), 2))
        self._prices = {name: float(row["price"]) for name, row in _named(desk)}
        for p, name in enumerate(names):
            coins = [desk.cash_name(coin) for coin in pair_of(name)]
            self.pairs[p]["base"], self.pairs[p]["quote"] = map(desk.coins.index, coins)
            for order in orders:
                if order.market == name:
                    self._hold(p, order, coins)

    def _hold(self, p: int, order: OrderRow, coins: list[str]) -> None:
        """Add what one order holds back."""
        base, quote = (self._prices[name] for name in coins)
        price = order.price or base / quote
        pair = self.pairs[p]
        if order.base > 0:
            self.reserved[p, 1] += order.base * price
            pair["bid"] = max(pair["bid"], price)
        elif order.base < 0:
            self.reserved[p, 0] -= order.base
            pair["ask"] = min(pair["ask"], price) if pair["ask"] > 0 else price
        else:
            raise ParameterError(f"spot_order.{order.market}.size = 0: an order has a size")

    def of(self, rows: int, n_coins: int) -> Resting:
        """The same orders for every row."""
        return Resting(
            pairs=np.tile(self.pairs, (rows, 1)),
            reserved=np.tile(self.reserved, (rows, 1, 1)),
            balance=np.zeros((n_coins, 2)),
        )


def _named(desk: "Desk") -> Any:
    return zip(desk.coins, desk.terms().coins, strict=True)


def health_part(desk: "Desk") -> "Part":
    """Weighted health for a desk."""
    rules, orders = health_rules(desk), SpotOrders(desk)

    def add(terms: Terms, held: Holdings, numbers: Array) -> Any:
        resting = orders.of(len(numbers), len(desk.coins))
        return weigh_health(held, terms, rules, resting, numbers)

    return add
