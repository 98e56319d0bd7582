"""From the tables of a preset to its parts: the arrays of each kernel, for one desk."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.margin.rules import (
    closing_rules,
    credit_rules,
    fraction_rules,
    greek_moves,
    liquidity_rules,
    netting_rules,
    short_rules,
    size_rules,
    skew_rules,
    wrong_way_rules,
)
from crossmargin.model.errors import ParameterError
from crossmargin.model.kernel import from_python
from crossmargin.model.margin.adaptive import cap_leverage, limits_of, multiplier_at, multiply
from crossmargin.model.margin.arrays import Holdings, Terms
from crossmargin.model.margin.closing_cost import charge_closing
from crossmargin.model.margin.credit import credit_profit
from crossmargin.model.margin.delta_gamma_vega import charge_greeks
from crossmargin.model.margin.fractions import charge_fractions
from crossmargin.model.margin.liquidity import charge_liquidity
from crossmargin.model.margin.netting import charge_netted
from crossmargin.model.margin.scenario_grid import series_deltas
from crossmargin.model.margin.size_premium import charge_premium
from crossmargin.model.margin.skew_premium import charge_skew
from crossmargin.model.margin.standard_options import charge_options
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
    credit = credit_rules(desk)
    return lambda terms, held, numbers: credit_profit(held, terms, credit, numbers)


def without_orders(held: Holdings) -> Holdings:
    """Holdings of accounts that have nothing resting."""
    return held._replace(bids=np.zeros_like(held.bids), asks=np.zeros_like(held.asks))


def _fractions(desk: "Desk") -> "Part":
    table = desk.preset.fractions
    assert table is not None
    rates, rules = fraction_rules(desk, table)

    def add(terms: Terms, held: Holdings, numbers: Array) -> Any:
        counted = held if table.counts_orders else without_orders(held)
        return charge_fractions(counted, terms, rates, rules, numbers)

    return add


def _size_premium(desk: "Desk") -> "Part":
    rules = size_rules(desk)
    return lambda terms, held, numbers: charge_premium(held, terms, rules, numbers)


def _skew_premium(desk: "Desk") -> "Part":
    rules = skew_rules(desk)

    def add(terms: Terms, held: Holdings, numbers: Array) -> Any:
        return charge_skew(without_orders(held), terms, rules, numbers)

    return add


def _closing_cost(desk: "Desk") -> "Part":
    rules = closing_rules(desk)
    return lambda terms, held, numbers: charge_closing(held, terms, rules, numbers)


def _liquidity(desk: "Desk") -> "Part":
    rules = liquidity_rules(desk)
    return lambda terms, held, numbers: charge_liquidity(held, terms, rules, numbers)


def _standard_options(desk: "Desk") -> "Part":
    from crossmargin.experiments.margin.scenarios import expiries_of

    rules = short_rules(desk)
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
    rules = netting_rules(desk)
    return lambda terms, held, numbers: charge_netted(held, terms, rules, deltas_of(terms), numbers)


def _delta_gamma_vega(desk: "Desk") -> "Part":
    moves = greek_moves(desk)
    return lambda terms, held, numbers: charge_greeks(held, terms, moves, greeks_of(terms), numbers)


def _wrong_way(desk: "Desk") -> "Part":
    correlation, strength = wrong_way_rules(desk)
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
