"""Futures: where the members of an ensemble come from, and a branch with draws of its own.

Every draw of a market is a pure function of its seed, the agent, the purpose and the step. Futures
from a branch share all of the past, and with a new seed every later draw is new: they differ from
one another as runs with different seeds do, and each can be made again from its seed alone.
"""

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import ParameterError

if TYPE_CHECKING:
    from crossmargin.experiments.market import Market
    from crossmargin.model.world import World


def member_seed(seed: int, member: int) -> int:
    """Seed of a member, below 2**63; it does not depend on how many members there are."""
    words = np.random.SeedSequence(seed, spawn_key=(member,)).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


def future[M: (Market, World)](parent: M, seed: int) -> M:
    """Branch of a market or a world whose later draws all come from another seed.

    The past is shared: accounts, traits, positions, book and log. A recorded price path goes on as
    recorded; Mesa's own generators of a `Market` are seeded anew as well.

    Raises
    ------
    ParameterError
        When the seed is out of range, or a bare world has traders written in Python: those belong
        to their `Market`.
    StateError
        When a pending event of a market cannot be carried over.
    """
    from crossmargin.experiments.run import checked_seed
    from crossmargin.model.world import World

    if not 0 <= checked_seed(seed) < 1 << 63:
        raise ParameterError(f"seed = {seed}: allowed are 0 to 2**63 - 1")
    if isinstance(parent, World):
        if any(getattr(part, "traders", None) for part in parent.python_parts.values()):
            raise ParameterError("this world has traders written in Python: branch its Market")
        child = parent.fork()
        child.state.clock["seed"] = seed
        return child
    market = parent.branch()
    market.seed = int(seed)
    market.reset_rng(seed)
    market.random.seed(seed)
    market.world.state.clock["seed"] = seed
    return market


def checked_root(seed: Any) -> int:
    """Seed of an ensemble, a whole number from 0 up."""
    from crossmargin.experiments.run import checked_seed

    if checked_seed(seed) < 0:
        raise ParameterError(f"seed = {seed}: must be 0 or more")
    return int(seed)


@dataclass(frozen=True, eq=False)
class Source:
    """Where futures come from.

    Attributes
    ----------
    parent : Market, World or None
        What is branched; None for the start of the scenario.
    first, last : int
        Blocks at which a future begins and ends.
    start : (n_accounts,) int64
        Equity at the start of a market that is branched, or of a world at the branch, quote units.
    """

    scenario: Scenario
    parent: Any
    first: int
    last: int
    start: Any = None
    lock: Any = field(default_factory=threading.Lock)  # a fork seals the log of its parent

    def begin(self, seed: int) -> tuple[Any, Any]:
        """Market or world of a member, and its equity at the start."""
        if self.parent is None:
            return _started(self.scenario, seed)
        with self.lock:
            child = future(self.parent, seed)
        return child, self.start


def _started(scenario: Scenario, seed: int) -> tuple[Any, Any]:
    from crossmargin.experiments.market import Market
    from crossmargin.experiments.run import begin

    if any(":" in population.kind for population in scenario.population):
        market = Market(scenario, seed=seed)
        return market, market.start
    return begin(scenario, seed)


def source_of(scenario: Any, parent: Any, steps: int | None, overrides: Any) -> Source:
    """Source of an ensemble from what its caller gave.

    Raises
    ------
    ScenarioError, ParameterError
        When scenario, branch, steps and overrides do not go together.
    """
    changes = dict(overrides or {}) | ({} if steps is None else {"run.steps": steps})
    if parent is None:
        if scenario is None:
            raise ParameterError("scenario = None: give a scenario, or a branch with from_branch")
        found = load_scenario(scenario, changes)
        return Source(found, None, 0, found.run.steps)
    if overrides:
        raise ParameterError("overrides: the past of a branch is given; build another market")
    world = _world_of(parent)
    if scenario is not None and load_scenario(scenario) != world.scenario:
        raise ParameterError("scenario: is not that of from_branch; give None")
    found = load_scenario(world.scenario, changes)
    if found.run.steps <= world.step:
        raise ParameterError(
            f"steps = {found.run.steps}: the branch has come to block {world.step} already"
        )
    return Source(found, parent, world.step, found.run.steps, _start_of(parent))


def _world_of(parent: Any) -> "World":
    from crossmargin.model.world import World

    world = getattr(parent, "world", parent)
    if not isinstance(world, World):
        raise ParameterError(
            f"from_branch = {parent!r}: is no Market and no World; run one to where it branches"
        )
    return world


def _start_of(parent: Any) -> Any:
    from crossmargin.model.margin.numbers import measure_all

    if hasattr(parent, "start"):
        return parent.start
    state = parent.fork().state
    measure_all(state.ledger, state.book)
    return state.ledger.accounts["equity"].copy()
