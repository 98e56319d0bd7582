"""Scenario margin of a preset as arrays: which shocks, what is added, expiries."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.margin.scenario_tables import Scenarios, Unit
from crossmargin.model.margin.arrays import Holdings, Terms
from crossmargin.model.margin.scenario import UNIT, Grid, charge_scenarios, scenario_gains
from crossmargin.model.margin.scenario_grid import (
    BASIS,
    SHOCK,
    VOLATILITY,
    columns_of,
    in_columns,
    series_deltas,
    value_scenarios,
)
from crossmargin.model.margin.span import CREDIT
from crossmargin.model.margin.standard_options import EXPIRY
from crossmargin.model.options.black76 import YEAR
from crossmargin.model.state import Array

if TYPE_CHECKING:
    from crossmargin.experiments.margin.desk import Desk, Part


def rows_of(unit: Unit) -> list[tuple[float, float, float, float]]:
    """Scenarios of an underlying: change of spot, moves of volatility, damping, days."""
    grid = [(spot, vol, 1.0, 0.0) for spot in unit.spots for vol in unit.vols]
    tails = [(tail.spot, tail.vol, tail.damping, tail.days) for tail in unit.tails]
    return [(unit.scan_range * spot, *rest) for spot, *rest in grid + tails]  # type: ignore[misc]


def expiries_of(desk: "Desk") -> Array:
    """(n_expiries,) EXPIRY of the series of a desk, nothing discounted."""
    series = desk.terms().series
    expiries = np.zeros(len(np.unique(series["expiry"])), EXPIRY)
    for e in range(len(expiries)):
        own = np.flatnonzero(series["expiry"] == e)
        expiries[e]["first"], expiries[e]["count"] = own[0], len(own)
        expiries[e]["underlying"] = series["underlying"][own[0]]
        expiries[e]["seconds"] = series["seconds"][own[0]]
    expiries["when_positive"] = expiries["when_negative"] = 1.0
    return expiries


def _discount(expiries: Array, units: list[Unit]) -> None:
    """Write what shocked values of expiries count."""
    for expiry in expiries:
        unit, years = units[int(expiry["underlying"])], float(expiry["seconds"]) / YEAR
        rule = unit.discount
        rate = rule.rate * rule.rate_multiple + rule.rate_add
        expiry["when_positive"] = rule.positive * math.exp(-years * rate)
        expiry["when_negative"] = rule.negative
        expiry["basis_weight"] = unit.basis.weight + unit.basis.weight_a_year * years


class ScenarioPart:
    """Scenario margin for one desk: what is fixed, and the grid at some prices."""

    def __init__(self, desk: "Desk", table: Scenarios) -> None:
        self.desk, self.table = desk, table
        self.units = [desk.row_of(table, name, "scenario") for name in desk.underlyings]
        self.rows = [rows_of(unit) for unit in self.units]
        n_units, n = len(self.units), max((len(rows) for rows in self.rows), default=1)
        self.shocks = np.zeros((n_units, n), SHOCK)
        self.damping = np.zeros((n_units, n))
        for u, rows in enumerate(self.rows):
            for s, (spot, vol, damping, days) in enumerate(rows):
                self.shocks[u, s] = spot, vol, days
                self.damping[u, s] = damping
        self.rules, self.basis = np.zeros(n_units, VOLATILITY), np.zeros(n_units, BASIS)
        self.charges = np.zeros(n_units, UNIT)
        for u, unit in enumerate(self.units):
            self._fill(u, unit)
        self.expiries = expiries_of(desk)
        _discount(self.expiries, self.units)

    def _fill(self, u: int, unit: Unit) -> None:
        for name in VOLATILITY.names or ():
            self.rules[u][name] = getattr(unit.volatility, name)
        self.basis[u] = unit.basis.shock, unit.basis.a_year
        charge, rule, table = self.charges[u], unit.charges, self.table
        for name in ("perpetual", "coin", "option", "offset", "calendar"):
            charge[f"{name}_charge"] = getattr(rule, name)
        charge["option_minimum"] = rule.option_minimum
        charge["perpetual_minimum"] = rule.perpetual_minimum
        charge["basis_adds"] = unit.basis.adds
        charge["threshold"], charge["distrust"] = table.distrust.threshold, table.distrust.factor
        lost = max(0.0, table.peg.threshold - self._quote_price())
        charge["initial_factor"] = table.initial_factor + table.peg.factor * lost
        charge["maintenance_factor"] = table.maintenance_factor

    def _quote_price(self) -> float:
        prices, preset = self.desk.portfolio.prices, self.desk.preset
        given = [prices[name] for name in (preset.quote, *preset.also) if name in prices]
        return min(given, default=1.0)

    def _credits(self) -> Array:
        """Credits between underlyings that the desk has."""
        known = self.desk.underlyings
        rows = [c for c in self.table.credits if c.one in known and c.other in known]
        found = np.zeros(len(rows), CREDIT)
        for row, c in zip(found, rows, strict=True):
            row["one"], row["other"] = known.index(c.one), known.index(c.other)
            row["of_one"], row["of_other"], row["rate"] = c.of_one, c.of_other, c.rate
        return found

    def grid(self, terms: Terms) -> Grid:
        """Values of all series under all scenarios at some prices."""
        n = self.shocks.shape[1]
        values = np.zeros((len(terms.series), columns_of(n)))
        deltas = np.zeros(len(terms.series))
        value_scenarios(terms.series, self.shocks, self.rules, self.basis, values)
        series_deltas(terms.series, deltas)
        return Grid(
            units=self.charges,
            expiries=self.expiries,
            values=values,
            moves=in_columns(self.shocks["spot"]),
            damping=in_columns(self.damping),
            deltas=deltas,
            steps=np.array([[s.above, s.multiple] for s in self.table.steps]).reshape(-1, 2),
            credits=self._credits(),
            work=np.zeros((2, columns_of(n))),
            risk=np.zeros((len(self.units), 2)),
        )

    def __call__(self, terms: Terms, held: Holdings, numbers: Array) -> None:
        """Add to the numbers of all rows."""
        charge_scenarios(held, terms, self.grid(terms), numbers)

    def table_of(self, terms: Terms, held: Holdings) -> list[dict[str, Any]]:
        """Rows of the scenario table of the first account; one binds for each underlying."""
        grid = self.grid(terms)
        gains = np.zeros(self.shocks.shape)
        scenario_gains(held, terms, grid, 0, gains)
        found = []
        for u, name in enumerate(self.desk.underlyings):
            losses = -gains[u] * self.damping[u]
            worst = int(losses.argmax()) if losses.max() > 0 else -1
            for s, (spot, vol, damping, days) in enumerate(self.rows[u]):
                found.append(
                    {
                        "underlying": name,
                        "spot": spot,
                        "vol": vol,
                        "damping": damping,
                        "days": days,
                        "pnl": float(gains[u, s]),
                        "counted": float(gains[u, s] * damping),
                        "binding": s == worst,
                    }
                )
        return found


def scenario_part(desk: "Desk") -> "Part":
    """Scenario margin for a desk."""
    assert desk.preset.scenario is not None
    return ScenarioPart(desk, desk.preset.scenario)
