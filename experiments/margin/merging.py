"""A venue's preset in a scenario: its brackets, weights, fees, mark, funding and waterfall.

What a running market cannot represent is refused by name, never left out in silence.
"""

from typing import Any

from crossmargin.experiments.margin.presets import load_preset
from crossmargin.experiments.margin.tables import Preset, Rates
from crossmargin.model.errors import ParameterError
from crossmargin.model.margin.credit import Parameters as Credit
from crossmargin.model.margin.weights import Parameters as Weight

#: Parts that a running market has no place for; rules of options rest while there are none.
NOT_LIVE = (
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


def merge_preset(table: dict[str, Any], name: Any, *, preset_wins: bool) -> None:
    """Write a preset into the tables of a scenario, in place.

    Parameters
    ----------
    table : dict
        Tables of a scenario, not yet checked.
    name : str
        Of the preset.
    preset_wins : bool
        Whether it goes before what the scenario says of its venue and markets.

    Raises
    ------
    ScenarioError, ParameterError
        When there is no such preset, or a running market cannot represent it.
    """
    preset = load_preset(name)
    _check(preset)
    venue = table.setdefault("venue", {})
    table["venue"] = {**_joined(venue, preset.live.venue, preset_wins), "preset": name}
    for market in table.get("market", []):
        if isinstance(market, dict):
            found = {**preset.live.market, **_brackets(preset, market)}
            market |= _joined(market, found, preset_wins)
    for asset in table.get("asset", [])[1:]:
        if isinstance(asset, dict):
            asset |= _joined(asset, _weights(preset, str(asset.get("name"))), preset_wins)


def _joined(own: dict[str, Any], preset: dict[str, Any], preset_wins: bool) -> dict[str, Any]:
    return {**own, **preset} if preset_wins else {**preset, **own}


def _check(preset: Preset) -> None:
    missing = [part for part in NOT_LIVE if getattr(preset, part) is not None]
    default = Credit(source=preset.credit.source)
    if preset.credit != default:
        missing.append("credit")
    if preset.fractions is None and not missing:
        missing.append("fractions (there are none)")
    if missing:
        raise ParameterError(
            f"venue.preset = {preset.name!r}: a running market cannot represent its "
            f"{', '.join(missing)}; `crossmargin margin` can"
        )


def _brackets(preset: Preset, market: dict[str, Any]) -> dict[str, Any]:
    """Brackets of a perpetual and its scale by open interest; nothing for a spot market."""
    if market.get("kind", "perpetual") != "perpetual":
        return {}
    table, name = preset.fractions, str(market.get("underlying"))
    row = table.market.get(name, table.default) if table is not None else None
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
    return {"initial_weight": found.initial, "maintenance_weight": found.maintenance}
