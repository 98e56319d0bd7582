"""Rows and places of every population, before there is a state to put them in."""

import importlib
from dataclasses import dataclass
from typing import Any

from crossmargin.experiments.schema import Population, Scenario
from crossmargin.experiments.wiring import Behaviour, population_numbers
from crossmargin.model.errors import ParameterError


@dataclass(frozen=True)
class Block:
    """Rows and places of one population."""

    population: Population
    behaviour: Behaviour
    markets: tuple[int, ...]
    first: int
    count: int
    first_slot: int
    slots: int
    messages: int
    first_report: int
    stops: int = 0
    first_stops: int = 0

    @property
    def rows(self) -> slice:
        """Rows of the accounts."""
        return slice(self.first, self.first + self.count)

    @property
    def mask(self) -> int:
        """Bit mask of the markets."""
        return sum(1 << m for m in self.markets)


def home_of(behaviour: Behaviour, name: str) -> Any:
    """What the module or the class of a behaviour says under a name, or None."""
    home = behaviour.solo
    if behaviour.part is not None:
        home = importlib.import_module(behaviour.part.kernel.__module__)
    return getattr(home, name, None)


def _places(behaviour: Behaviour, name: str, n_markets: int) -> int:
    count = home_of(behaviour, name)
    return int(count(behaviour.numbers, n_markets)) if count else 0


def lay_out(scenario: Scenario, first: int) -> list[Block]:
    """Rows, handles and reports of every population, in order."""
    names = [market.name for market in scenario.market]
    blocks, slot, report = [], 0, 0
    for population in scenario.population:
        behaviour = population_numbers(population)
        markets = tuple(names.index(name) for name in population.markets)
        isolated = population.margin == "isolated"
        if isolated and home_of(behaviour, "CROSS_ONLY"):
            raise ParameterError(
                f"population.{population.name}.margin = 'isolated': {population.kind} act in all "
                "their markets from one account, which is 'cross'"
            )
        count = population.count * (max(1, len(markets)) if isolated else 1)
        slots = _places(behaviour, "slots_needed", len(markets))
        messages = _places(behaviour, "messages_needed", len(markets))
        stops = _places(behaviour, "stops_needed", len(markets))
        places = (slot, slots, messages, report, stops, _first_stops(population))
        blocks.append(Block(population, behaviour, markets, first, count, *places))
        first += count
        slot += slots * count
        if behaviour.part is not None and behaviour.part.phase == "oracles":
            report += count
    return blocks


def _first_stops(population: Population) -> int:
    """Most stop orders that an account of a population has from the start."""
    position = population.position
    has_stops = position is not None and position.stops is not None
    return 2 * max(1, len(population.markets)) if has_stops else 0


def is_reporting(block: Block) -> bool:
    """Tell whether a population reports to the oracle."""
    return block.behaviour.part is not None and block.behaviour.part.phase == "oracles"
