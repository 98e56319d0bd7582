"""A venue's preset in a scenario: its brackets, weights, fees, mark, funding and waterfall.

Weights and brackets of a venue that has no more become those of the scenario. A venue with other
parts has a risk model: its tables become `venue.margin`. A venue without margin for what a scenario
trades is refused by name.
"""

from collections.abc import Mapping
from typing import Any

from crossmargin.experiments.margin.market_desk import PARTS
from crossmargin.experiments.margin.parts import OF_PERPETUALS
from crossmargin.experiments.margin.presets import load_preset, preset_table
from crossmargin.experiments.margin.tables import Preset, Rates
from crossmargin.model.errors import ParameterError
from crossmargin.model.margin.credit import Parameters as Credit
from crossmargin.model.margin.weights import Parameters as Weight

#: Parts that weights and brackets cannot say, so that a venue with one of them has a risk model.
#: Rules of options rest while there are none.
OF_A_MODEL = (
    "wrong_way",
    "health",
    "size_premium",
    "skew_premium",
    "netting",
    "closing_cost",
    "scenario",
    "value_at_risk",
    "delta_gamma_vega",
    "liquidity",
    "adaptive",
)
#: Bracket that waits for what the risk model of a venue implies.
OPEN = {"initial": 1.0, "maintenance": 1.0}


def merge_preset(
    table: dict[str, Any], name: Any, *, preset_wins: bool, has_model: bool = False
) -> None:
    """Write a preset into the tables of a scenario, in place.

    Where brackets and weights cannot say its margin, its parts become `venue.margin`.

    Parameters
    ----------
    table : dict
        Tables of a scenario, not yet checked.
    name : str
        Of the preset.
    preset_wins : bool
        Whether it goes before what the scenario says of its venue and markets.
    has_model : bool
        Whether parts of its margin are changed, so that it needs a risk model in any case.

    Raises
    ------
    ScenarioError, ParameterError
        When there is no such preset, or a running market cannot represent it.
    """
    preset = load_preset(name)
    _check(preset, table)
    venue = table.setdefault("venue", {})
    own = None if preset_wins else venue.get("margin")
    table["venue"] = {**_joined(venue, preset.live.venue, preset_wins), "preset": name}
    table["venue"].pop("margin", None)
    if has_model or own or needs_model(preset, table):
        table["venue"]["margin"] = deep(_margin(preset, name, table), own or {})
    for market in table.get("market", []):
        if isinstance(market, dict):
            found = {**preset.live.market, **_brackets(preset, market)}
            market |= _joined(market, found, preset_wins)
    for asset in table.get("asset", [])[1:]:
        if isinstance(asset, dict):
            asset |= _joined(asset, _weights(preset, str(asset.get("name"))), preset_wins)


def _joined(own: dict[str, Any], preset: dict[str, Any], preset_wins: bool) -> dict[str, Any]:
    return {**own, **preset} if preset_wins else {**preset, **own}


def deep(table: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Tables within tables, those of the second before those of the first."""
    found = dict(table)
    for key, value in own.items():
        inner = found.get(key)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping)
        found[key] = deep(inner, value) if both else value  # type: ignore[arg-type]
    return found


def needs_model(preset: Preset, table: Mapping[str, Any]) -> bool:
    """Tell whether a venue's margin is more than weights and brackets in a scenario."""
    if any(getattr(preset, part) is not None for part in OF_A_MODEL):
        return True
    if preset.credit != Credit(source=preset.credit.source):
        return True
    if preset.standard_options is not None and _has(table, "option"):
        return True
    rows = [row for row in (*preset.weights.asset.values(), preset.weights.default) if row]
    return preset.weights.owed == "requirement" or not all(map(_is_plain, rows))


def _is_plain(row: Weight) -> bool:
    """Tell whether two weights are all that a row says."""
    return row == Weight(initial=row.initial, maintenance=row.maintenance, source=row.source)


def _has(table: Mapping[str, Any], *kinds: str) -> bool:
    rows = [row for row in table.get("market", []) if isinstance(row, dict)]
    return any(row.get("kind", "perpetual") in kinds for row in rows)


def _margin(preset: Preset, name: Any, table: Mapping[str, Any]) -> dict[str, Any]:
    """Parts of a preset as they are written in its file, for the quote asset of a scenario."""
    _, raw = preset_table(name)
    found = {part: raw[part] for part in PARTS if part in raw}
    quote = next((str(row.get("name")) for row in table.get("asset", [])[:1]), preset.quote)
    rows = dict(found.get("weights", {}).get("asset", {}))
    if quote not in rows and preset.quote in rows:
        rows[quote] = rows[preset.quote]
        found["weights"] = {**found["weights"], "asset": rows}
    return found


def _check(preset: Preset, table: Mapping[str, Any]) -> None:
    """Refuse a venue that has no margin for what a scenario trades."""
    if not _has(table, "perpetual", "inverse", "pool"):
        return
    if not any(getattr(preset, part) is not None for part in OF_PERPETUALS):
        raise ParameterError(
            f"venue.preset = {preset.name!r}: has no perpetuals to margin: it lends against "
            "coins; take a scenario of spot markets alone, or `crossmargin margin`"
        )


def _brackets(preset: Preset, market: dict[str, Any]) -> dict[str, Any]:
    """Brackets of a perpetual and its scale by open interest; nothing for a spot market."""
    if market.get("kind", "perpetual") != "perpetual":
        return {}
    table, name = preset.fractions, str(market.get("underlying"))
    if table is None:
        return {"tiers": [dict(OPEN)], "open_interest_scale": None}
    row = table.market.get(name, table.default)
    if row is None:
        raise ParameterError(f"venue.preset = {preset.name!r}: knows no market of {name}")
    scale = {"lower": row.open_interest_lower, "upper": row.open_interest_upper}
    return {
        "tiers": [_tier(row, t) for t in range(len(row.brackets()))],
        "open_interest_scale": scale if row.open_interest_upper > 0 else None,
    }


def _tier(row: Rates, t: int) -> dict[str, float]:
    bracket = row.brackets()[t]
    kept = bracket.maintenance or bracket.initial * (row.maintenance_fraction or 0.0)
    return {"notional": bracket.notional, "initial": bracket.initial, "maintenance": kept}


def _weights(preset: Preset, name: str) -> dict[str, float]:
    """Weights of a collateral asset; what the venue does not take counts for nothing."""
    nothing = Weight(initial=0.0, maintenance=0.0)
    found = preset.weights.asset.get(name, preset.weights.default) or nothing
    kept = min(found.maintenance, 1.0)
    return {"initial_weight": min(found.initial, kept), "maintenance_weight": kept}
