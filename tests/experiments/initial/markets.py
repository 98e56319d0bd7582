"""A small market for tests of `[initial]`: calm, with few accounts."""

from typing import Any

from crossmargin.experiments.build import build
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.schema import Scenario
from crossmargin.model.world import World

PERP = "BTC-PERP"
FEW = {
    "run.steps": 20,
    "population.traders.count": 60,
    "population.longs.count": 80,
    "population.shorts.count": 60,
    "population.targeters.count": 10,
    "population.hedgers.count": 10,
    "population.makers.count": 4,
    "population.arbitrageurs.count": 2,
}


def small(**changes: Any) -> Scenario:
    """Scenario with some keys changed; two underscores stand for a dot."""
    return load_scenario("calm", FEW | {k.replace("__", "."): v for k, v in changes.items()})


def built(seed: int = 1, **changes: Any) -> World:
    """Market at step 0."""
    return build(small(**changes), seed)


def notional_of(world: World, population: str, market: int = 0) -> float:
    """Sum of absolute positions of a population at the mark, quote."""
    accounts, ledger = world.state.ledger.accounts, world.state.ledger
    rows = accounts["population"] == world.names.populations.index(population)
    row = ledger.markets[market]
    price = 0.5 * float(row["mark"] * row["tick"]) * float(row["lot"])
    return float(abs(ledger.lots[rows, market]).sum() * price)
