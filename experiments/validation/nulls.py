"""Null markets: the same scenario with one cause taken away, to see which facts need it.

`zero impact` replaces forced orders by take-overs at the mark; `shuffled holdings` deals the
holdings of the start out anew among those who hold some, so that nobody's position fits its
behaviour; `no leverage` cuts every position and every limit of leverage to one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.schema import Scenario
from crossmargin.experiments.wiring import population_numbers
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.world import World


class Null(NamedTuple):
    """A null market: how its scenario is made and what is done to its world at the start."""

    name: str
    title: str
    meaning: str
    scenario: Callable[[Scenario], Scenario]
    prepare: Callable[[World, int], None]


def _as_it_is(world: World, seed: int) -> None:
    """Leave a world alone."""


def _same(scenario: Scenario) -> Scenario:
    return scenario


def taken_over(scenario: Scenario) -> Scenario:
    """Forced orders become take-overs at the mark, which move no price."""
    return load_scenario(scenario, {"venue.take_over": True})


def unlevered(scenario: Scenario) -> Scenario:
    """Positions, targets and limits of leverage are at most one."""
    table: dict[str, Any] = scenario.model_dump(mode="json", exclude_none=True)
    for row, population in zip(table["population"], scenario.population, strict=True):
        numbers = population_numbers(population)
        if population.position is not None and population.position.side != "balance":
            row["position"]["leverage"] = 1.0
        if hasattr(numbers.numbers, "leverage"):
            row["behaviour"] = row.get("behaviour", {}) | {"leverage": 1.0}
        target = getattr(numbers.traits, "target", None)
        if target is not None and population.kind == "leverage_targeters":
            row["traits"] = row.get("traits", {}) | {"target": 1.0}
    return load_scenario(table)


def shuffle_holdings(world: World, seed: int) -> None:
    """Deal balances, positions and costs out anew among the cross accounts that hold positions.

    Whole holdings change hands, so every margin ratio exists as before, with another owner.
    """
    ledger = world.state.ledger
    derivatives = ledger.markets["settlement"] >= 0
    accounts = ledger.accounts
    holds = (ledger.lots[:, derivatives] != 0).any(axis=1)
    rows = np.flatnonzero(holds & (accounts["population"] >= 0) & (accounts["only_market"] < 0))
    dealt = np.random.Generator(np.random.Philox(seed)).permutation(rows)
    for table in (ledger.balances, ledger.lots, ledger.cost):
        table[rows] = table[dealt].copy()
    measure_all(ledger, world.state.book)


NULLS = (
    Null(
        "zero_impact",
        "Zero impact",
        "Forced orders are take-overs at the mark.",
        taken_over,
        _as_it_is,
    ),
    Null(
        "shuffled_holdings",
        "Shuffled holdings",
        "Who holds what is dealt out anew.",
        _same,
        shuffle_holdings,
    ),
    Null(
        "no_leverage",
        "No leverage",
        "Positions, targets and limits of leverage are at most one.",
        unlevered,
        _as_it_is,
    ),
)
