"""A small crowded market for tests: some 300 accounts, 20 minutes, one price shock."""

from typing import Any

from crossmargin.experiments.load import load_scenario

OVERRIDES = {
    "run.steps": 120,
    "population.traders.count": 100,
    "population.longs.count": 100,
    "population.shorts.count": 80,
    "population.hedgers.count": 6,
    "population.makers.count": 6,
    "venue.insurance": 20000.0,
}


def spiral(change: float = -0.05, **more: Any) -> dict[str, Any]:
    """Table of the built-in scenario with fewer accounts and a shock of the price."""
    shock = {"kind": "price_shock", "at": 30.0, "change": change, "spread": 60.0}
    table = load_scenario("leverage-spiral").model_dump(mode="json", exclude_none=True)
    changed = load_scenario(table | {"shock": [shock]}, OVERRIDES | more)
    return changed.model_dump(mode="json", exclude_none=True)
