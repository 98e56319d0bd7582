"""One future, run several times: as it is, and with each intervention, with the same draws."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crossmargin.experiments.counterfactual.interventions import Intervention
from crossmargin.experiments.counterfactual.members import (
    Before,
    Branch,
    Floats,
    Member,
    before_of,
    booked_to,
    measured,
)
from crossmargin.experiments.counterfactual.tape import Player, record
from crossmargin.experiments.rare.particles import over
from crossmargin.model.state import Array
from crossmargin.model.world import World

#: What one arm does: some interventions, or none.
Arm = tuple[Intervention, ...]


def _advance(market: Any, blocks: int) -> None:
    (market.run_for if hasattr(market, "run_for") else market.run)(blocks)


def _world(market: Any) -> World:
    found: World = getattr(market, "world", market)
    return found


def run_future(
    branch: Branch, before: Before, arms: Sequence[Arm], seed: int | None
) -> list[Member]:
    """Run every arm of one future with the same draws.

    Parameters
    ----------
    seed : int or None
        Of what comes after the branch; None: the run itself goes on.
    """
    children = [branch.child(seed) for _ in arms]
    if branch.closure == "mechanical":
        _run_mechanical(branch, children, arms)
    else:
        for child, arm in zip(children, arms, strict=True):
            _apply(arm, _world(child))
            _advance(child, branch.last - branch.first)
    found = [measured(branch, before, _world(child)) for child in children]
    if seed is None:
        booked = booked_to(_world(children[0]), branch.left_out) - before.booked
        found[0] = found[0]._replace(ledger=booked)
    return found


def _apply(arm: Arm, world: World) -> None:
    for intervention in arm:
        intervention.apply(world)


def _run_mechanical(branch: Branch, children: Sequence[Any], arms: Sequence[Arm]) -> None:
    """Run all arms block by block; those that undo something get the orders of the baseline.

    The first arm that undoes nothing is the baseline; without one it is a run of its own.
    """
    place = next((k for k, arm in enumerate(arms) if not arm), None)
    seed = int(_world(children[0]).state.clock["seed"][0])
    baseline = branch.child(seed) if place is None else children[place]
    tape = record(_world(baseline))
    players = []
    for k, (child, arm) in enumerate(zip(children, arms, strict=True)):
        if k != place:
            _apply(arm, _world(child))
            players.append((child, Player(_world(child), tape)))
    for _ in range(branch.first, branch.last):
        tape.clear()
        _advance(baseline, 1)
        for child, player in players:
            player.begin_block()
            _advance(child, 1)
            player.finish_block(_world(child))


@dataclass(frozen=True, eq=False)
class Trial:
    """All arms over an ensemble of futures.

    Attributes
    ----------
    branch : Branch
    seeds : list of int, of the futures
    factual : list of Member, the run itself by arm
    futures : list of list of Member, by future, then by arm
    """

    branch: Branch
    seeds: list[int]
    factual: list[Member]
    futures: list[list[Member]]

    def totals(self, arm: int, outcome: str) -> Floats:
        """(n_futures,) float64, an outcome of an arm."""
        return np.array([members[arm].totals[outcome] for members in self.futures])

    def changes(self, arm: int) -> Array:
        """(n_futures, n_accounts) int64, changes of equity in an arm, quote units."""
        return np.array([members[arm].change for members in self.futures])

    def marks(self, arm: int) -> Floats:
        """(n_futures, n_points, n_markets) float64, marks of an arm, quote per base."""
        return np.array([members[arm].marks for members in self.futures])


def run_trial(
    branch: Branch,
    arms: Sequence[Arm],
    seeds: Sequence[int],
    *,
    jobs: int = 1,
    progress: Any = None,
) -> Trial:
    """Run all arms of the run itself and of all futures.

    Parameters
    ----------
    progress : callable, optional
        Called with the futures done and their number, the run itself among them.
    """
    before, done = before_of(branch), 0
    lock = threading.Lock()

    def one(seed: int | None) -> list[Member]:
        nonlocal done
        found = run_future(branch, before, arms, seed)
        with lock:
            done += 1
            if progress is not None:
                progress(done, len(seeds) + 1)
        return found

    factual = one(None)  # compiles what is missing before threads start
    return Trial(branch, list(seeds), factual, over(jobs, one, seeds))
