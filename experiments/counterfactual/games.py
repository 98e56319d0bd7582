"""Players whose forced orders reach a book or not, and the outcome that a set of them makes."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crossmargin.experiments.counterfactual.arms import run_future
from crossmargin.experiments.counterfactual.interventions import NoFeedback, SpareRows
from crossmargin.experiments.counterfactual.members import Branch, Floats, Member, before_of
from crossmargin.experiments.counterfactual.names import label_of, people_of
from crossmargin.experiments.counterfactual.situation import branch_of
from crossmargin.experiments.load import did_you_mean
from crossmargin.experiments.rare.particles import over
from crossmargin.model.errors import ParameterError

#: Sorts of players that a total is shared among.
PLAYERS = ("population", "whale")
#: Accounts that are players of their own by default.
WHALES = 5
#: Name of the player that stands for all other accounts.
REST = "all others"


@dataclass(frozen=True, eq=False)
class Game:
    """Players of a branch and the outcome that their forced orders make.

    Attributes
    ----------
    branch : Branch
    players : dict, name to rows
    seeds : list of int or None, of the futures; None is the run itself
    outcome : str
    """

    branch: Branch
    players: Mapping[str, tuple[int, ...]]
    seeds: Sequence[int | None]
    outcome: str
    jobs: int = 1

    @functools.cached_property
    def _before(self) -> Any:
        return before_of(self.branch)

    def value(self, players: frozenset[Any]) -> Floats:
        """(n_seeds + 1,) float64, the outcome when these players' forced orders reach the book.

        The last number is the mean over the futures.
        """
        off = [row for name, rows in self.players.items() if name not in players for row in rows]
        arm = (SpareRows(tuple(off), "the others"),) if off else ()

        def one(seed: int | None) -> float:
            member: Member = run_future(self.branch, self._before, [arm], seed)[0]
            return member.totals[self.outcome]

        first = one(self.seeds[0])
        others = over(self.jobs, one, self.seeds[1:])
        return np.array([first, *others, np.mean(others)])


def largest(member: Member, k: int) -> list[int]:
    """Rows of the k accounts with the largest notional closed by force, largest first."""
    order = np.argsort(-member.notional, kind="stable")[:k]
    return [int(row) for row in member.closed[order]]


def named(branch: Branch, rows: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Players of one account each, by its label."""
    return {label_of(branch.world, row): (row,) for row in rows}


def players_of(branch: Branch, by: str, member: Member, k: int) -> dict[str, tuple[int, ...]]:
    """Players among those that the run itself liquidates: populations, or whales and the rest.

    Raises
    ------
    ParameterError
        When there is no such sort of players, or nobody is liquidated.
    """
    if by not in PLAYERS:
        raise ParameterError(f"by = {by!r}: {did_you_mean(str(by), PLAYERS)}")
    world, people = branch.world, people_of(branch.world)
    closed = np.intersect1d(member.closed, people)
    if not len(closed):
        raise ParameterError(
            f"by = {by!r}: nobody is liquidated from block {branch.first} on; there is nothing to "
            "share"
        )
    population = world.state.ledger.accounts["population"]
    if by == "population":
        kinds = np.unique(population[closed]).tolist()
        names = world.names.populations
        rows = {names[kind]: people[population[people] == kind] for kind in kinds}
        return {name: tuple(found.tolist()) for name, found in rows.items()}
    found = named(branch, largest(member, k))
    taken = [row for rows in found.values() for row in rows]
    rest = np.setdiff1d(people, taken)
    return found | {REST: tuple(rest.tolist())}


def baseline_of(branch: Branch) -> Member:
    """The run itself, nothing undone."""
    return run_future(branch, before_of(branch), [()], None)[0]


def check_outcome(member: Member, outcome: str) -> None:
    """Refuse an outcome that there is not.

    Raises
    ------
    ParameterError
        With what there is.
    """
    if outcome not in member.totals:
        raise ParameterError(
            f"outcome = {outcome!r}: there is none; {did_you_mean(outcome, member.totals)}"
        )


def situation_of(source: Any, at: int | None, options: Mapping[str, Any]) -> Branch:
    """Branch at a block, or where anyone is first closed by force."""
    return branch_of(source, (NoFeedback(),), at=at, **options)
