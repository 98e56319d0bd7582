"""Rows and places of every population, before there is a state to put them in."""

import importlib
from dataclasses import dataclass, replace
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
    groups: tuple[tuple[int, ...], ...] = ()
    first_apart: int = -1

    @property
    def rows(self) -> slice:
        """Rows of the accounts, one an owner where owners are divided after they were drawn."""
        return slice(self.first, self.first + self.count)

    @property
    def size(self) -> int:
        """Rows in all: those of each margin group follow one another, what is apart left out."""
        return self.count * max(1, len(self.groups))

    def of_group(self, g: int) -> "Block":
        """Rows of one margin group as a block of their own."""
        ahead = g * self.count
        slot = self.first_slot + ahead * self.slots
        return replace(self, first=self.first + ahead, first_slot=slot, groups=())

    def by_group(self) -> list["Block"]:
        """Blocks of all margin groups, that of the owners' first accounts first."""
        return [self.of_group(g) for g in range(max(1, len(self.groups)))]

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
    is_divided = scenario.venue.accounts.mode != "as_stated"
    for population in scenario.population:
        behaviour = population_numbers(population)
        if is_divided:  # all are drawn as cross accounts, so that every mode holds the same
            population = population.model_copy(update={"margin": "cross"})
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
        groups = groups_of(scenario, behaviour, markets) if is_divided else ()
        block = Block(population, behaviour, markets, first, count, *places, groups=groups)
        blocks.append(block)
        first += block.size
        slot += slots * block.size
        if behaviour.part is not None and behaviour.part.phase == "oracles":
            report += count
    return _with_apart(scenario, blocks, first)


def _with_apart(scenario: Scenario, blocks: list[Block], first: int) -> list[Block]:
    """Rows of what owners keep apart, after those of all populations, where nobody acts on them."""
    found = []
    for block in blocks:
        if scenario.venue.accounts.split == "idle" and any(block.groups):
            block = replace(block, first_apart=first)
            first += block.count
        found.append(block)
    return found


def last_row(blocks: list[Block]) -> int:
    """Row after the last one."""
    ends = [block.first + block.size for block in blocks]
    return max([*ends, *(b.first_apart + b.count for b in blocks if b.first_apart >= 0)])


def groups_of(
    scenario: Scenario, behaviour: Behaviour, markets: tuple[int, ...]
) -> tuple[tuple[int, ...], ...]:
    """Markets of each margin group of a population, by row; spot markets go with the first.

    Who acts in several markets at once, as an arbitrageur does, has all of them in one group.
    """
    table = scenario.venue.accounts
    kinds = [scenario.market[m].kind for m in markets]
    perpetuals = [m for m, kind in zip(markets, kinds, strict=True) if kind != "spot"]
    is_whole = behaviour.part is None or behaviour.part.phase == "oracles"
    if not perpetuals or is_whole or home_of(behaviour, "CROSS_ONLY") or table.mode == "cross":
        return (markets,)
    named = {name: group for group, members in table.groups.items() for name in members}
    found: dict[str, list[int]] = {}
    for m in perpetuals:
        name = scenario.market[m].name
        found.setdefault(named.get(name, f"only {name}"), []).append(m)
    first, *others = found.values()
    first += [m for m in markets if m not in perpetuals]
    return (tuple(first), *(tuple(group) for group in others))


def _first_stops(population: Population) -> int:
    """Most stop orders that an account of a population has from the start."""
    position = population.position
    has_stops = position is not None and position.stops is not None
    return 2 * max(1, len(population.markets)) if has_stops else 0


def is_reporting(block: Block) -> bool:
    """Tell whether a population reports to the oracle."""
    return block.behaviour.part is not None and block.behaviour.part.phase == "oracles"
