"""The calculator: a portfolio under a preset, in a report."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.margin.desk import Desk
from crossmargin.experiments.margin.lending import liquidation_of
from crossmargin.experiments.margin.parts import greeks_of
from crossmargin.experiments.margin.portfolio import Portfolio, load_portfolio, origin_of
from crossmargin.experiments.margin.presets import flat, load_preset
from crossmargin.experiments.margin.report import MarginReport
from crossmargin.experiments.margin.scenarios import ScenarioPart
from crossmargin.experiments.margin.searching import (
    is_liquidatable,
    joint_shock,
    liquidation_prices,
)
from crossmargin.experiments.margin.tables import Preset
from crossmargin.model.errors import ParameterError
from crossmargin.model.margin.arrays import (
    EQUITY,
    INITIAL,
    INITIAL_EQUITY,
    MAINTENANCE,
    MAINTENANCE_EQUITY,
    Holdings,
)
from crossmargin.model.options.black76 import GREEKS

if TYPE_CHECKING:
    from crossmargin.model.state import Array


def evaluate_margin(
    portfolio: "str | Path | Portfolio | Mapping[str, Any]",
    preset: "str | Path | Preset | Mapping[str, Any]",
    overrides: Mapping[str, Any] | None = None,
) -> MarginReport:
    """Margin of a portfolio under the rules of a venue.

    Parameters
    ----------
    portfolio : path, mapping or Portfolio
        What one account holds, and prices.
    preset : name, path, mapping or Preset
        The venue; `crossmargin presets` lists those that come along.
    overrides : mapping
        Dotted paths of the preset to values; they go before those of the portfolio.

    Returns
    -------
    MarginReport

    Raises
    ------
    ScenarioError, ParameterError
        With file and key, the value, and what is allowed.

    Examples
    --------
    >>> portfolio = {
    ...     "collateral": {"USDC": 1000.0},
    ...     "perp": [{"market": "BTC-PERP", "size": 0.1, "entry_price": 60000.0}],
    ...     "prices": {"BTC": 60000.0},
    ... }
    >>> report = evaluate_margin(portfolio, "dydx-v4")
    >>> report.initial_margin, round(report.maintenance_margin, 6)
    (120.0, 72.0)
    """
    desk = make_desk(portfolio, preset, overrides)
    numbers = desk.numbers()[0]
    if not np.isfinite(numbers).all():
        raise ParameterError(f"{origin_of(desk.portfolio)}: amounts and prices leave the floats")
    return MarginReport(
        preset=desk.preset.name,
        reports=desk.preset.reports,
        equity=float(numbers[EQUITY]),
        initial_equity=float(numbers[INITIAL_EQUITY]),
        maintenance_equity=float(numbers[MAINTENANCE_EQUITY]),
        initial_margin=float(numbers[INITIAL]),
        maintenance_margin=float(numbers[MAINTENANCE]),
        lending=liquidation_of(desk, numbers),
        withdrawable=withdrawable(desk, numbers),
        gross_notional=gross_notional(desk),
        is_liquidatable=is_liquidatable(numbers),
        liquidation_price=liquidation_prices(desk),
        joint_shock=joint_shock(desk),
        greeks=account_greeks(desk),
        scenarios=scenario_table(desk),
        positions=contributions(desk),
        notes=tuple(dict.fromkeys(desk.notes)),
        not_modelled=desk.preset.not_modelled,
    )


def make_desk(portfolio: Any, preset: Any, overrides: Mapping[str, Any] | None = None) -> Desk:
    """Portfolio under a preset; what the caller changes goes before what the portfolio changes.

    Raises
    ------
    ScenarioError, ParameterError
        With file and key, the value, and what is allowed.
    """
    found = load_portfolio(portfolio)
    changes = {**flat(found.overrides), **flat(overrides or {})}
    try:
        return Desk(found, load_preset(preset, changes))
    except ParameterError as error:
        where = origin_of(found)
        raise ParameterError(str(error) if where in str(error) else f"{where}: {error}") from None


def withdrawable(desk: Desk, numbers: "Array") -> float:
    """Free collateral less the part of unrealised profit that may not be taken out, quote."""
    held, perps = desk.holdings(), desk.terms().perps
    gains = np.maximum(held.perps[0] * perps["price"] - held.cost[0], 0.0)
    counted = np.minimum(gains * desk.preset.credit.initial, desk.preset.credit.cap).sum()
    locked = (1 - desk.preset.credit.withdrawable) * counted
    return float(max(0.0, numbers[INITIAL_EQUITY] - numbers[INITIAL] - locked))


def gross_notional(desk: Desk) -> float:
    """Positions at their prices without sign, options at the index, quote."""
    held, terms = desk.holdings(), desk.terms()
    perps = np.abs(held.perps[0]) * terms.perps["price"]
    options = np.abs(held.options[0]) * terms.spot[terms.series["underlying"]]
    return float(perps.sum() + options.sum())


def account_greeks(desk: Desk) -> dict[str, dict[str, float]]:
    """Greeks of positions by underlying; `delta_with_collateral` counts coins as well.

    Delta in base, gamma per quote of the price, vega in quote per 1.00 of volatility, theta in
    quote per day, rho in quote per 1.00 of the rate.
    """
    held, terms = desk.holdings(), desk.terms()
    series, found = greeks_of(terms), {}
    for u, name in enumerate(desk.underlyings):
        own = terms.series["underlying"] == u
        row = dict(zip(GREEKS, (held.options[0][own] @ series[own]).tolist(), strict=True))
        row["delta"] += float(held.perps[0][terms.perps["underlying"] == u].sum())
        coins = float(held.coins[0][terms.coins["underlying"] == u].sum())
        found[name] = row | {"delta_with_collateral": row["delta"] + coins}
    return found


def scenario_table(desk: Desk) -> list[dict[str, Any]]:
    """Scenarios of a preset that has them, with the one that binds."""
    for part in desk.parts:
        if isinstance(part, ScenarioPart):
            return part.table_of(desk.terms(), desk.holdings())
    return []


def contributions(desk: Desk) -> list[dict[str, Any]]:
    """What each position brings: the numbers with it less the numbers without it."""
    whole, terms = desk.holdings(), desk.terms()
    rows = _positions(desk)
    if not rows:
        return []
    held = Holdings(*(np.repeat(array, len(rows), axis=0) for array in whole))
    for k, (kind, place, _) in enumerate(rows):
        for name in ("perps", "cost", "bids", "asks") if kind == "perp" else (kind,):
            getattr(held, name)[k, place] = 0.0
    brought = desk.numbers() - desk.numbers(holdings=held)
    series = greeks_of(terms)
    found = []
    for k, (kind, place, name) in enumerate(rows):
        arrays = {"perp": (whole.perps, terms.perps["price"])}
        arrays |= {"options": (whole.options, terms.series["mark"])}
        arrays |= {"coins": (whole.coins, terms.coins["price"])}
        size, price = (float(array[..., place].ravel()[0]) for array in arrays[kind])
        found.append(
            {
                "position": name,
                "size": size,
                "price": price,
                "value": size * price,
                "equity": float(brought[k, EQUITY]),
                "initial_margin": float(brought[k, INITIAL]),
                "maintenance_margin": float(brought[k, MAINTENANCE]),
                "free_collateral": float(brought[k, INITIAL_EQUITY] - brought[k, INITIAL]),
            }
        )
        if kind == "options":
            found[-1] |= dict(zip(GREEKS, (size * series[place]).tolist(), strict=True))
    return found


def _positions(desk: Desk) -> list[tuple[str, int, str]]:
    """Kind, place and name of everything held."""
    held = desk.holdings()
    rows = [("coins", a, name) for a, name in enumerate(desk.coins) if held.coins[0, a]]
    rows += [("perp", m, name) for m, name in enumerate(desk.markets)]
    for i, row in enumerate(desk.options):
        days = row.expiry_seconds / 86400
        name = f"{row.underlying} {days:.3g}d {row.strike:.10g} {row.kind}"
        rows.append(("options", i, name))
    return rows
