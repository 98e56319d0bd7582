"""From the tables of a preset to its parts: the arrays of each kernel, for one desk."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.margin.tables import Fractions, Rates
from crossmargin.model.errors import ParameterError
from crossmargin.model.kernel import from_python
from crossmargin.model.margin.adaptive import cap_leverage, limits_of, multiplier_at, multiply
from crossmargin.model.margin.arrays import Holdings, Terms
from crossmargin.model.margin.closing_cost import CLOSING, charge_closing
from crossmargin.model.margin.credit import CREDIT, credit_profit
from crossmargin.model.margin.delta_gamma_vega import MOVES, charge_greeks
from crossmargin.model.margin.fractions import (
    FRACTION,
    RATES,
    charge_fractions,
    mark_plain,
    open_interest_rate,
    set_credits,
)
from crossmargin.model.margin.liquidity import DEPTH, charge_liquidity
from crossmargin.model.margin.netting import NETTING, charge_netted
from crossmargin.model.margin.scenario_grid import series_deltas
from crossmargin.model.margin.size_premium import PREMIUM, charge_premium
from crossmargin.model.margin.skew_premium import SKEW, charge_skew
from crossmargin.model.margin.standard_options import SHORT_RULE, charge_options
from crossmargin.model.margin.weights import weigh_coins
from crossmargin.model.margin.wrong_way import discount_wrong_way
from crossmargin.model.options.series import series_greeks
from crossmargin.model.state import Array

if TYPE_CHECKING:
    from crossmargin.experiments.margin.desk import Desk, Part

#: Parts that count options; a preset has one of them at most.
OF_OPTIONS = ("standard_options", "scenario", "netting", "value_at_risk", "delta_gamma_vega")
#: Parts that ask a requirement of perpetuals.
OF_PERPETUALS = (
    "fractions",
    "size_premium",
    "skew_premium",
    "health",
    "scenario",
    "netting",
    "value_at_risk",
    "delta_gamma_vega",
)


def parts_of(desk: "Desk") -> "list[Part]":
    """Parts of a preset for a desk, in the order in which they add.

    Raises
    ------
    ParameterError
        When the portfolio holds what the preset cannot margin, or two parts count options.
    """
    found = [name for name in OF_OPTIONS if getattr(desk.preset, name) is not None]
    if len(found) > 1:
        raise ParameterError(f"{desk.preset.name}: {' and '.join(found)} both count options")
    if desk.options and not found:
        raise ParameterError(f"option: {desk.preset.name} has no options to margin")
    if desk.markets and not any(getattr(desk.preset, name) is not None for name in OF_PERPETUALS):
        raise ParameterError(f"perp: {desk.preset.name} has no perpetuals to margin")
    makers: dict[str, Callable[[Desk], Part]] = {**MAKERS}
    if desk.preset.health is not None:
        del makers["weights"], makers["credit"]
    return [make(desk) for name, make in makers.items() if getattr(desk.preset, name) is not None]


def _weights(desk: "Desk") -> "Part":
    return weigh_coins


def _credit(desk: "Desk") -> "Part":
    rule, credit = desk.preset.credit, np.zeros(len(desk.markets), CREDIT)
    credit["initial"], credit["maintenance"], credit["cap"] = (
        rule.initial,
        rule.maintenance,
        rule.cap,
    )
    return lambda terms, held, numbers: credit_profit(held, terms, credit, numbers)


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


def _fraction_arrays(desk: "Desk", table: Fractions) -> tuple[Array, Array]:
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


def without_orders(held: Holdings) -> Holdings:
    """Holdings of accounts that have nothing resting."""
    return held._replace(bids=np.zeros_like(held.bids), asks=np.zeros_like(held.asks))


def _fractions(desk: "Desk") -> "Part":
    table = desk.preset.fractions
    assert table is not None
    rates, rules = _fraction_arrays(desk, table)

    def add(terms: Terms, held: Holdings, numbers: Array) -> Any:
        counted = held if table.counts_orders else without_orders(held)
        return charge_fractions(counted, terms, rates, rules, numbers)

    return add


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


def _size_premium(desk: "Desk") -> "Part":
    rules = _copy(*_by_market(desk, "size_premium", PREMIUM))
    return lambda terms, held, numbers: charge_premium(held, terms, rules, numbers)


def _skew_premium(desk: "Desk") -> "Part":
    rules, rows = _by_market(desk, "skew_premium", SKEW)
    for rule, row in zip(rules, rows, strict=True):
        rule["initial"], rule["charge"] = row.initial, row.charge
        rule["initial_slope"] = row.slope / row.scale
        rule["maintenance"] = (
            row.initial * row.multiple if row.maintenance is None else row.maintenance
        )
        slope = row.slope * row.multiple if row.maintenance_slope is None else row.maintenance_slope
        rule["maintenance_slope"] = slope / row.scale

    def add(terms: Terms, held: Holdings, numbers: Array) -> Any:
        return charge_skew(without_orders(held), terms, rules, numbers)

    return add


def _closing_cost(desk: "Desk") -> "Part":
    rules = _copy(*_by_market(desk, "closing_cost", CLOSING))
    rules["imbalance"] = [desk.facts(market).imbalance for market in desk.markets]
    return lambda terms, held, numbers: charge_closing(held, terms, rules, numbers)


def _liquidity(desk: "Desk") -> "Part":
    rules, rows = _by_market(desk, "liquidity", DEPTH)
    _copy(rules, rows)
    for rule, row, market in zip(rules, rows, desk.markets, strict=True):
        facts = desk.facts(market)
        rule["volume"], rule["depth"] = facts.volume or row.volume, facts.depth or row.depth
        rule["daily"] = row.multiple * (facts.volatility or row.volatility) / np.sqrt(365.0)
    return lambda terms, held, numbers: charge_liquidity(held, terms, rules, numbers)


def _standard_options(desk: "Desk") -> "Part":
    from crossmargin.experiments.margin.scenarios import expiries_of

    rules, rows = _by_underlying(desk, "standard_options", SHORT_RULE)
    _copy(rules, rows)
    for rule, row in zip(rules, rows, strict=True):
        rule["floor"], rule["of_mark"] = row.entry_floor, row.maintenance_of_mark
        rule["uncovered"] = row.uncovered_initial, row.uncovered_maintenance
    expiries = expiries_of(desk)
    return lambda terms, held, numbers: charge_options(held, terms, expiries, rules, numbers)


def deltas_of(terms: Terms) -> Array:
    """Delta of one base unit of every series."""
    deltas = np.zeros(len(terms.series))
    series_deltas(terms.series, deltas)
    return deltas


def greeks_of(terms: Terms) -> Array:
    """(n_series, 5) float64, Greeks of one contract of every series."""
    greeks = np.zeros((len(terms.series), 5))
    series_greeks(terms.series, greeks)
    return greeks


def _netting(desk: "Desk") -> "Part":
    rules = _copy(*_by_underlying(desk, "netting", NETTING))
    return lambda terms, held, numbers: charge_netted(held, terms, rules, deltas_of(terms), numbers)


def _delta_gamma_vega(desk: "Desk") -> "Part":
    moves = _copy(*_by_underlying(desk, "delta_gamma_vega", MOVES))
    return lambda terms, held, numbers: charge_greeks(held, terms, moves, greeks_of(terms), numbers)


def _wrong_way(desk: "Desk") -> "Part":
    rule = desk.preset.wrong_way
    assert rule is not None
    n = len(desk.underlyings)
    correlation = np.where(np.eye(n, dtype=bool), 1.0, rule.correlation)
    strength = rule.strength
    return lambda terms, held, numbers: discount_wrong_way(
        held, terms, correlation, strength, numbers
    )


def _adaptive(desk: "Desk") -> "Part":
    """Multiplier of what stands so far; the level now is that of the table, else the reference."""
    rule = desk.preset.adaptive
    assert rule is not None
    level = rule.reference if rule.level is None else rule.level
    multiplier = float(from_python(multiplier_at)(limits_of(rule), level))

    def add(terms: Terms, held: Holdings, numbers: Array) -> Any:
        multiply(numbers, multiplier)
        gross = np.abs(held.perps) @ (terms.perps["lot"] * terms.perps["price"])
        return cap_leverage(numbers, gross, np.zeros(len(numbers)), rule.leverage)

    return add


def _scenario(desk: "Desk") -> "Part":
    from crossmargin.experiments.margin.scenarios import scenario_part

    return scenario_part(desk)


def _health(desk: "Desk") -> "Part":
    from crossmargin.experiments.margin.health import health_part

    return health_part(desk)


def _value_at_risk(desk: "Desk") -> "Part":
    from crossmargin.experiments.margin.risk_measures import risk_part

    return risk_part(desk)


def _by_order(weigh: "Callable[..., Any]") -> "Part":
    return lambda terms, held, numbers: weigh(held, terms, numbers)


#: Parts by their table, in the order in which they add.
MAKERS: "dict[str, Callable[[Desk], Part]]" = {
    "weights": lambda desk: _by_order(_weights(desk)),
    "credit": _credit,
    "health": _health,
    "wrong_way": _wrong_way,
    "fractions": _fractions,
    "size_premium": _size_premium,
    "skew_premium": _skew_premium,
    "netting": _netting,
    "closing_cost": _closing_cost,
    "standard_options": _standard_options,
    "scenario": _scenario,
    "value_at_risk": _value_at_risk,
    "delta_gamma_vega": _delta_gamma_vega,
    "liquidity": _liquidity,
    "adaptive": _adaptive,
}
