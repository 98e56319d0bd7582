"""The instruments of a scenario as a desk: the same arrays as the calculator's, in its order."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from crossmargin.experiments.margin.desk import Desk
from crossmargin.experiments.margin.parts import OF_PERPETUALS
from crossmargin.experiments.margin.portfolio import PerpRow, Portfolio
from crossmargin.experiments.margin.tables import Preset
from crossmargin.experiments.schema import MarketTable, Scenario
from crossmargin.model.errors import ParameterError
from crossmargin.model.margin.arrays import SERIES
from crossmargin.model.state import Array

#: Parts of a preset that a scenario may have in `[venue.margin]`.
PARTS = (
    "weights",
    "credit",
    "wrong_way",
    "health",
    "fractions",
    "size_premium",
    "skew_premium",
    "netting",
    "closing_cost",
    "standard_options",
    "scenario",
    "value_at_risk",
    "delta_gamma_vega",
    "liquidity",
    "adaptive",
)


def perpetuals(scenario: Scenario) -> list[tuple[int, MarketTable]]:
    """Markets that margin counts as perpetuals, with their rows."""
    return [(m, t) for m, t in enumerate(scenario.market) if t.kind not in ("spot", "option")]


class MarketDesk(Desk):
    """Instruments of a scenario: coins in the order of its assets, perpetuals of its markets.

    Parameters
    ----------
    scenario : Scenario
    prices : sequence of float
        Of its underlyings, quote per base.
    preset : Preset
        With the quote asset of the scenario.
    series : (n_series,) SERIES, optional
        Of its option markets, in their order.
    """

    def __init__(
        self,
        scenario: Scenario,
        prices: Sequence[float],
        preset: Preset,
        series: Array | None = None,
    ) -> None:
        self._listed = np.zeros(0, SERIES) if series is None else series
        self._names = [underlying.name for underlying in scenario.underlying]
        self._of = {table.name: table.underlying for table in scenario.market}
        self._bases = {str(t.base): t.underlying for t in scenario.market if t.base is not None}
        known = dict(zip(self._names, prices, strict=True))
        held: dict[str, Any] = {
            "collateral": {asset.name: 0.0 for asset in scenario.asset},
            "perp": tuple(PerpRow(market=t.name, size=0.0) for _, t in perpetuals(scenario)),
            "prices": {name: known[u] for name, u in self._bases.items()} | known,
        }
        super().__init__(Portfolio(**held), preset)

    def _underlying(self, market: str) -> str:
        return self._of.get(market, market)

    def _underlying_names(self, names: Sequence[str]) -> list[str]:
        return self._names

    def _series_array(self) -> Array:
        return np.array(self._listed)

    def _coin_underlying(self, name: str) -> str:
        return self._bases[name]


def preset_of(scenario: Scenario) -> Preset:
    """Margin of a scenario with tables of its own, as a preset.

    Raises
    ------
    ParameterError
        With the key, the value and what is allowed.
    """
    from pydantic import ValidationError

    from crossmargin.experiments.explain import explain

    quote = scenario.asset[0].name
    table = dict(scenario.venue.margin or {})
    unknown = [name for name in table if name not in PARTS]
    if unknown:
        from crossmargin.experiments.explain import did_you_mean

        raise ParameterError(
            f"venue.margin.{unknown[0]}: unknown key; {did_you_mean(unknown[0], PARTS)}"
        )
    named = {"name": scenario.venue.preset or scenario.name, "title": "", "quote": quote}
    if uses_brackets(scenario):
        table["fractions"] = {"market": _brackets(scenario)}
    if "weights" not in table:
        table["weights"] = {"asset": {a.name: _weight(a) for a in scenario.asset}}
    try:
        return Preset.model_validate(named | table)
    except ValidationError as error:
        raise ParameterError(explain("venue.margin", named | table, error, Preset)) from None


def uses_brackets(scenario: Scenario) -> bool:
    """Tell whether no part asks a requirement of perpetuals, so that their own brackets do."""
    table = scenario.venue.margin or {}
    return not any(name in table for name in OF_PERPETUALS) and bool(perpetuals(scenario))


def _brackets(scenario: Scenario) -> dict[str, Any]:
    """Brackets of the first perpetual of each underlying."""
    rows = {table.underlying: table for _, table in reversed(perpetuals(scenario))}
    return {
        name: {"tiers": [tier.model_dump() for tier in table.tiers]} for name, table in rows.items()
    }


def _weight(asset: Any) -> dict[str, float]:
    return {"initial": asset.initial_weight, "maintenance": asset.maintenance_weight}
