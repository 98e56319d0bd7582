"""From the tables of a preset to the arrays that kernels read, for one desk."""

from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.margin.tables import Fractions, Rates
from crossmargin.model.margin.closing_cost import CLOSING
from crossmargin.model.margin.credit import CREDIT
from crossmargin.model.margin.delta_gamma_vega import MOVES
from crossmargin.model.margin.fractions import (
    FRACTION,
    RATES,
    mark_plain,
    open_interest_rate,
    set_credits,
)
from crossmargin.model.margin.liquidity import DEPTH
from crossmargin.model.margin.netting import NETTING
from crossmargin.model.margin.size_premium import PREMIUM
from crossmargin.model.margin.skew_premium import SKEW
from crossmargin.model.margin.standard_options import SHORT_RULE
from crossmargin.model.state import Array

if TYPE_CHECKING:
    from crossmargin.experiments.margin.desk import Desk


def credit_rules(desk: "Desk") -> Array:
    """(n_perps,) CREDIT of what counts of unrealised profit."""
    rule, credit = desk.preset.credit, np.zeros(len(desk.markets), CREDIT)
    credit["initial"], credit["maintenance"], credit["cap"] = (
        rule.initial,
        rule.maintenance,
        rule.cap,
    )
    return credit


def fill_rates(rates: Array, table: Rates, *, continuous: bool) -> None:
    """Write the brackets of a market into its row of rates, the unused ones out of reach."""
    rates["lower"] = np.inf
    rows = table.brackets()
    for t, row in enumerate(rows):
        rates[t]["lower"], rates[t]["initial"] = row.notional, row.initial
        rates[t]["maintenance"] = row.maintenance or row.initial * (
            table.maintenance_fraction or 0.0
        )
    set_credits(rates[: len(rows)], initial=continuous)


def fraction_rules(desk: "Desk", table: Fractions) -> tuple[Array, Array]:
    """(n_perps, n_tiers) RATES and (n_perps,) FRACTION."""
    rows = [
        desk.row_of(table, desk.underlyings[int(p["underlying"])], "fractions")
        for p in desk.terms().perps
    ]
    most = max((len(row.brackets()) for row in rows), default=1)
    rates, rules = np.zeros((len(rows), most), RATES), np.zeros(len(rows), FRACTION)
    for m, row in enumerate(rows):
        fill_rates(rates[m], row, continuous=table.continuous)
        interest = desk.facts(desk.markets[m]).open_interest
        rules[m]["floor"] = open_interest_rate(
            float(rates[m, 0]["initial"]) if row.open_interest_upper else 0.0,
            row.open_interest_lower,
            row.open_interest_upper,
            interest,
        )
        has_rate = all(bracket.maintenance for bracket in row.brackets())
        rules[m]["fraction"] = 0.0 if has_rate else row.maintenance_fraction or 0.0
        rules[m]["charge"], rules[m]["least"] = row.charge, row.least
        rules[m]["quantum"] = table.quantum
    mark_plain(rules)
    return rates, rules


def _by_market(desk: "Desk", part: str, dtype: np.dtype[Any]) -> tuple[Array, list[Any]]:
    """Array of a part by market, and the rows of its table."""
    table, perps = getattr(desk.preset, part), desk.terms().perps
    names = [desk.underlyings[int(p["underlying"])] for p in perps]
    return np.zeros(len(perps), dtype), [desk.row_of(table, name, part) for name in names]


def _by_underlying(desk: "Desk", part: str, dtype: np.dtype[Any]) -> tuple[Array, list[Any]]:
    table = getattr(desk.preset, part)
    rows = [desk.row_of(table, name, part) for name in desk.underlyings]
    return np.zeros(len(rows), dtype), rows


def _copy(rules: Array, rows: list[Any]) -> Array:
    """Copy what records and tables call by the same name."""
    for rule, row in zip(rules, rows, strict=True):
        for name in set(rules.dtype.names or ()) & set(type(row).model_fields):
            rule[name] = getattr(row, name)
    return rules


def size_rules(desk: "Desk") -> Array:
    """(n_perps,) PREMIUM."""
    return _copy(*_by_market(desk, "size_premium", PREMIUM))


def skew_rules(desk: "Desk") -> Array:
    """(n_perps,) SKEW."""
    rules, rows = _by_market(desk, "skew_premium", SKEW)
    for rule, row in zip(rules, rows, strict=True):
        rule["initial"], rule["charge"] = row.initial, row.charge
        rule["initial_slope"] = row.slope / row.scale
        rule["maintenance"] = (
            row.initial * row.multiple if row.maintenance is None else row.maintenance
        )
        slope = row.slope * row.multiple if row.maintenance_slope is None else row.maintenance_slope
        rule["maintenance_slope"] = slope / row.scale
    return rules


def closing_rules(desk: "Desk") -> Array:
    """(n_perps,) CLOSING."""
    rules = _copy(*_by_market(desk, "closing_cost", CLOSING))
    rules["imbalance"] = [desk.facts(market).imbalance for market in desk.markets]
    return rules


def liquidity_rules(desk: "Desk") -> Array:
    """(n_perps,) DEPTH."""
    rules, rows = _by_market(desk, "liquidity", DEPTH)
    _copy(rules, rows)
    for rule, row, market in zip(rules, rows, desk.markets, strict=True):
        facts = desk.facts(market)
        rule["volume"], rule["depth"] = facts.volume or row.volume, facts.depth or row.depth
        rule["daily"] = row.multiple * (facts.volatility or row.volatility) / np.sqrt(365.0)
    return rules


def short_rules(desk: "Desk") -> Array:
    """(n_underlyings,) SHORT_RULE of options."""
    rules, rows = _by_underlying(desk, "standard_options", SHORT_RULE)
    _copy(rules, rows)
    for rule, row in zip(rules, rows, strict=True):
        rule["floor"], rule["of_mark"] = row.entry_floor, row.maintenance_of_mark
        rule["uncovered"] = row.uncovered_initial, row.uncovered_maintenance
    return rules


def netting_rules(desk: "Desk") -> Array:
    """(n_underlyings,) NETTING."""
    return _copy(*_by_underlying(desk, "netting", NETTING))


def greek_moves(desk: "Desk") -> Array:
    """(n_underlyings,) MOVES."""
    return _copy(*_by_underlying(desk, "delta_gamma_vega", MOVES))


def wrong_way_rules(desk: "Desk") -> tuple[Array, float]:
    """Correlation of underlyings, and the share of what is matched that does not count."""
    rule = desk.preset.wrong_way
    assert rule is not None
    n = len(desk.underlyings)
    correlation = np.where(np.eye(n, dtype=bool), 1.0, rule.correlation)
    return correlation, rule.strength
