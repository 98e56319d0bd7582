"""What a risk model estimates while a market runs: from what it begins."""

import math
from typing import Any

import numpy as np

from crossmargin.experiments.margin.market_desk import MarketDesk
from crossmargin.experiments.margin.risk_measures import past_returns
from crossmargin.experiments.margin.scenarios import ScenarioPart
from crossmargin.model.margin.account import Risk
from crossmargin.model.margin.adaptive import limits_of
from crossmargin.model.margin.estimates import (
    ADAPTIVE,
    COIN_RULE,
    DISCOUNT,
    FLOW,
    INTEREST,
    METHODS,
    PAST,
    PRICE,
    SIGNALS,
    Estimates,
)
from crossmargin.model.margin.scenario_grid import BASIS, SHOCK, VOLATILITY

#: Volatility at the start where nothing says it, per root year; a default of its own.
USUAL = 0.6


def first_estimates(desk: MarketDesk, risk: Risk, accounts: int) -> Estimates:
    """What a risk model estimates, as it begins."""
    n, preset = len(desk.underlyings), desk.preset
    part = ScenarioPart(desk, preset.scenario) if preset.scenario is not None else None
    rule = preset.adaptive
    keeps = rule is not None and rule.leverage_follows and rule.grandfathering
    past, covariance, returns = _past(desk, risk)
    return Estimates(
        shocks=np.zeros((n, 0), SHOCK) if part is None else part.shocks,
        volatility=np.zeros(n, VOLATILITY) if part is None else part.rules,
        basis=np.zeros(n, BASIS) if part is None else part.basis,
        discounts=np.zeros(n, DISCOUNT) if part is None else _discounts(part),
        coins=_coin_rules(desk),
        prices=_prices(desk),
        interest=_interest(desk, risk),
        flows=_flows(desk),
        adaptive=_adaptive(desk),
        rates=np.zeros((len(desk.markets), 2)),
        limits=np.zeros(6) if rule is None else limits_of(rule),
        granted=np.zeros(accounts if keeps else 0),
        past=past,
        covariance=covariance,
        returns=returns,
        window=desk.index.copy(),
    )


def _discounts(part: ScenarioPart) -> Any:
    found = np.zeros(len(part.units), DISCOUNT)
    for row, unit in zip(found, part.units, strict=True):
        rule = unit.discount
        row["positive"], row["negative"] = rule.positive, rule.negative
        row["rate"] = rule.rate * rule.rate_multiple + rule.rate_add
        row["weight"], row["weight_a_year"] = unit.basis.weight, unit.basis.weight_a_year
    return found


def _coin_rules(desk: MarketDesk) -> Any:
    found = np.zeros(len(desk.coins), COIN_RULE)
    for row, name in zip(found, desk.coins, strict=True):
        rule = desk._weight_rule(name)
        row["deposit_start"], row["borrow_start"] = rule.deposit_start, rule.borrow_start
        row["calm"], row["slope"] = rule.calm_volatility, rule.volatility_slope
    return found


def _level(desk: MarketDesk) -> float:
    """Volatility at the start: as stated, else where the multiplier is one; 0 without."""
    rule = desk.preset.adaptive
    if rule is None or rule.signal in ("depth", "open_interest"):
        return 0.0
    return rule.reference if rule.level is None else rule.level


def _prices(desk: MarketDesk) -> Any:
    found = np.zeros(len(desk.underlyings), PRICE)
    found["variance"] = found["forecast"] = (_level(desk) or USUAL) ** 2
    for name, rule in zip(desk.coins, _coin_rules(desk), strict=True):
        if rule["calm"] > 0 and name in desk._bases and _level(desk) == 0:
            found["variance"][desk.place(desk._coin_underlying(name))] = rule["calm"] ** 2
    return found


def _interest(desk: MarketDesk, risk: Risk) -> Any:
    found = np.zeros(len(desk.markets), INTEREST)
    if desk.preset.fractions is None:
        return found
    for k, market in enumerate(desk.markets):
        row = desk.row_of(desk.preset.fractions, desk._underlying(market), "fractions")
        found[k] = row.open_interest_lower, row.open_interest_upper, risk.rates[k, 0]["initial"]
        if row.open_interest_upper > 0:
            risk.fractions["is_plain"][k] = 0
    return found


def _flows(desk: MarketDesk) -> Any:
    found = np.zeros(len(desk.markets), FLOW)
    found["memory"] = 1.0
    if desk.preset.liquidity is not None:
        for row, market in zip(found, desk.markets, strict=True):
            rule = desk.row_of(desk.preset.liquidity, desk._underlying(market), "liquidity")
            row["is_measured"], row["memory"] = rule.measured, rule.memory_days
    return found


def _adaptive(desk: MarketDesk) -> Any:
    found, rule = np.zeros(1, ADAPTIVE), desk.preset.adaptive
    found["decay"] = 0.94
    if rule is None:
        return found
    found["is_on"], found["signal"] = 1, SIGNALS.index(rule.signal)
    found["level"] = rule.reference if rule.level is None else rule.level
    found["decay"], found["alpha"], found["beta"] = rule.decay, rule.alpha, rule.beta
    found["long_run"] = _level(desk) ** 2
    found["interval"] = rule.forecast_seconds / 86400.0
    found["leverage"] = rule.leverage if rule.leverage < 1e6 else np.inf
    found["follows"] = rule.leverage_follows
    return found


def _past(desk: MarketDesk, risk: Risk) -> tuple[Any, Any, Any]:
    """How value at risk goes on estimating, from which covariance and which returns."""
    rule, n, found = desk.preset.value_at_risk, len(desk.underlyings), np.zeros(1, PAST)
    covariance, returns = np.zeros((n, n)), np.zeros((0, n))
    if rule is None:
        return found, covariance, returns
    found["is_on"], found["method"] = rule.renew, METHODS.index(rule.method)
    found["decay"], found["stress"] = rule.decay, min(rule.correlation_stress, 1 - 1e-9)
    found["root"] = math.sqrt(rule.horizon_days)
    if rule.method == "parametric":
        factor = risk.measure.factors[0]
        return found, factor @ factor.T, returns
    return found, covariance, past_returns(rule, desk.underlyings, "venue.margin.value_at_risk")
