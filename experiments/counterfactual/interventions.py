"""What is undone: each intervention acts once, on the state of a branch, and then the market runs.

**Sparing** an account takes its forced orders off the book: what the venue would close is taken
over at the mark by the outside row, in the same sizes and with the same penalty, so that the
account fares as if the book were deep and nobody else sees it sold. Resting orders of a liquidated
account are cancelled all the same: that is the venue's doing and stays a forced displacement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from crossmargin.experiments.counterfactual.names import (
    account_row,
    group_rows,
    label_of,
    people_of,
    population_rows,
)
from crossmargin.experiments.counterfactual.rules import change_rules
from crossmargin.model.errors import ParameterError
from crossmargin.model.interventions import leave
from crossmargin.model.state import Array
from crossmargin.model.world import World

NOBODY = np.zeros(0, np.int64)


class Intervention(Protocol):
    """One thing that is other than it was, from the branch on."""

    def words(self, world: World) -> str:
        """What is done, in a few words."""
        ...

    def rows(self, world: World) -> Array:
        """(n,) int64, accounts whose forced orders it takes off the book.

        Raises
        ------
        ParameterError
            When it names what is not there.
        """
        ...

    def apply(self, world: World) -> None:
        """Change the state of a branch."""
        ...


@dataclass(frozen=True)
class Spare:
    """Spare one account: a row, `population:index`, or the name of a whale."""

    account: int | str

    def words(self, world: World) -> str:
        """What is done, in a few words."""
        return f"spare {label_of(world, account_row(world, self.account))}"

    def rows(self, world: World) -> Array:
        """(1,) int64, its row."""
        return np.array([account_row(world, self.account)])

    def apply(self, world: World) -> None:
        """Take its forced orders off the book."""
        world.state.ledger.accounts["off_book"][self.rows(world)] = 1


@dataclass(frozen=True)
class SpareRows:
    """Spare some rows that have been looked up already."""

    accounts: tuple[int, ...]
    name: str

    def words(self, world: World) -> str:
        """What is done, in a few words."""
        return f"spare {self.name}"

    def rows(self, world: World) -> Array:
        """(n,) int64, as given."""
        return np.array(self.accounts, np.int64)

    def apply(self, world: World) -> None:
        """Take their forced orders off the book."""
        world.state.ledger.accounts["off_book"][self.rows(world)] = 1


@dataclass(frozen=True)
class SpareGroup:
    """Spare a population, `owner:12`, or `venue` for all accounts."""

    name: str

    def words(self, world: World) -> str:
        """What is done, in a few words."""
        return f"spare all {len(self.rows(world)):,} accounts of {self.name}"

    def rows(self, world: World) -> Array:
        """(n,) int64, rows of the group."""
        return group_rows(world, self.name)

    def apply(self, world: World) -> None:
        """Take their forced orders off the book."""
        world.state.ledger.accounts["off_book"][self.rows(world)] = 1


@dataclass(frozen=True)
class NoFeedback:
    """All forced orders off the book."""

    def words(self, world: World) -> str:
        """What is done, in a few words."""
        return "no forced order reaches a book"

    def rows(self, world: World) -> Array:
        """(n,) int64, all accounts."""
        return people_of(world)

    def apply(self, world: World) -> None:
        """Take every forced order off the book."""
        world.state.ledger.accounts["off_book"] = 1


def nobody(world: World, step: int) -> None:
    """Decide nothing, in place of traders written in Python."""


@dataclass(frozen=True)
class Without:
    """A population leaves: orders cancelled, holdings taken over at the mark, nobody of it acts."""

    population: str

    def words(self, world: World) -> str:
        """What is done, in a few words."""
        return f"without {self.population}"

    def rows(self, world: World) -> Array:
        """(n,) int64, its accounts, which have nothing left to liquidate."""
        return population_rows(world, self.population, "without")

    def apply(self, world: World) -> None:
        """Let it leave."""
        rows = self.rows(world)
        leave(world.state, int(rows[0]), int(rows[-1]) + 1)
        parts = world.state.parts
        parts["count"][parts["population"] == world.names.populations.index(self.population)] = 0
        for place, part in list(world.python_parts.items()):
            if parts["count"][place] == 0 and hasattr(part, "traders"):
                world.python_parts[place] = nobody


@dataclass(frozen=True)
class Set:
    """Rules with other numbers, by dotted path of the scenario."""

    changes: tuple[tuple[str, Any], ...]

    def words(self, world: World) -> str:
        """What is done, in a few words."""
        return ", ".join(f"{key} = {value}" for key, value in self.changes)

    def rows(self, world: World) -> Array:
        """(0,) int64: forced orders go where they went."""
        return NOBODY

    def apply(self, world: World) -> None:
        """Write the numbers into the market."""
        change_rules(world, dict(self.changes))


#: Interventions that take nothing but forced orders away: before the first one they change nothing.
SPARING = (Spare, SpareRows, SpareGroup, NoFeedback)


def interventions_of(
    *,
    spare: Any = None,
    spare_group: Any = None,
    set: Mapping[str, Any] | None = None,
    without: Any = None,
    no_feedback: bool = False,
) -> tuple[Intervention, ...]:
    """Interventions that a caller names; none of them is none.

    Parameters
    ----------
    spare, spare_group, without : name or sequence of names
    set : mapping
        Dotted paths to values.

    Raises
    ------
    ParameterError
        When something is not written as a name or as a mapping.
    """
    found: list[Intervention] = [Spare(name) for name in _listed(spare)]
    found += [SpareGroup(str(name)) for name in _listed(spare_group)]
    found += [Without(str(name)) for name in _listed(without)]
    if set is not None and not isinstance(set, Mapping):
        raise ParameterError(f"set = {set!r}: must map dotted paths to values")
    if set:
        found.append(Set(tuple((str(key), value) for key, value in set.items())))
    return (*found, NoFeedback()) if no_feedback else tuple(found)


def _listed(names: Any) -> list[Any]:
    """One name or several, as a list."""
    if names is None:
        return []
    return list(names) if isinstance(names, Sequence) and not isinstance(names, str) else [names]
