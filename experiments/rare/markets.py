"""Markets as these methods take them: a process that branches, and a function of a shock."""

import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from crossmargin.experiments.checks import checked_count
from crossmargin.experiments.futures import future
from crossmargin.experiments.load import did_you_mean, load_scenario
from crossmargin.experiments.run import begin, checked_seed
from crossmargin.experiments.wiring import program_of
from crossmargin.model.errors import ParameterError
from crossmargin.model.parts import row_of
from crossmargin.model.world import World


class MarketProcess:
    """A market as a process for splitting: all particles share a past, draws differ.

    Parameters
    ----------
    source : scenario (name, path, mapping, Scenario) or World
        Built with `seed`, which fixes wealth and positions, or a world at any block.
    score : function of a World and the World that all particles began as
        How close it is to the event; see `scores`.
    stride : int
        Blocks between two looks at the score, one step of the process.
    steps : int, optional
        Block at which a particle is over; the scenario's own by default.

    Examples
    --------
    >>> from crossmargin.experiments.rare import adaptive_splitting
    >>> from crossmargin.experiments.rare.scores import nearest_liquidation
    >>> process = MarketProcess("calm", nearest_liquidation, steps=60)
    >>> found = adaptive_splitting(process, 0.2, particles=8, kill=2, repeats=2)
    >>> 0 <= found.estimate <= 1
    True
    """

    def __init__(
        self,
        source: Any,
        score: Callable[[World, World], float],
        *,
        seed: int = 0,
        stride: int = 5,
        steps: int | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self.stride = checked_count("stride", stride, 1)
        self._score = score
        self.base = _base(source, seed, steps, overrides)
        self.last = checked_count("steps", steps or self.base.scenario.run.steps, 1)
        if self.base.step >= self.last:
            raise ParameterError(f"steps = {self.last}: the world is at block {self.base.step}")

    def start(self, seed: int) -> World:
        """Branch of the base with draws of its own."""
        return future(self.base, seed)

    def step(self, particle: World) -> None:
        """Run some blocks."""
        particle.run(min(self.stride, self.last - particle.step))

    def is_over(self, particle: World) -> bool:
        """At the horizon."""
        return particle.step >= self.last

    def score(self, particle: World) -> float:
        """Score now."""
        return self._score(particle, self.base)

    def branch(self, particle: World, seed: int) -> World:
        """Copy whose later draws come from the seed."""
        return future(particle, seed)


def _base(source: Any, seed: int, steps: int | None, overrides: Mapping[str, Any] | None) -> World:
    """World to branch from, its program made and its log sealed, so that threads only read it."""
    if isinstance(source, World):
        if overrides:
            raise ParameterError("overrides: the past of a world is given; build another")
        return source.fork()
    changes = dict(overrides or {}) | ({} if steps is None else {"run.steps": steps})
    world, _ = begin(load_scenario(source, changes), checked_seed(seed))
    if world.solo:
        raise ParameterError("source: has traders written in Python, which need their Market")
    _ = world.program
    return world


class ShockOutcome:
    """Outcome of a market as a function of one number of a scheduled shock and a seed.

    Parameters
    ----------
    source : scenario
        Built once, with `population_seed`; every call runs a branch of it from the start.
    outcome : function of a World, or str
        What is kept: a function, or a number of the summary by dotted name.
    shock : int
        Row of the scenario's shocks.
    key : str
        Parameter of that shock.
    transform : function
        From the number that is drawn to the parameter.

    Examples
    --------
    >>> import crossmargin as xm
    >>> loss = ShockOutcome("flash-crash", "liquidated_notional", steps=30)
    >>> loss(-0.01, 1) == loss(-0.01, 1)
    True
    """

    def __init__(
        self,
        source: Any,
        outcome: Callable[[World], float] | str,
        *,
        shock: int = 0,
        key: str = "change",
        transform: Callable[[float], float] = float,
        population_seed: int = 0,
        steps: int | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self.base = _base(source, population_seed, steps, overrides)
        self.outcome, self.transform, self.key = outcome, transform, key
        self.where = f"shock.{shock}"
        self.seed = population_seed
        self._lock = threading.Lock()
        _ = self._place

    @cached_property
    def _place(self) -> tuple[int, Any]:
        """Place of the shock in the program, and its numbers."""
        for place, entry in enumerate(program_of(self.base.scenario)):
            if entry.key == self.where:
                known = type(entry.numbers).model_fields
                if self.key not in known:
                    hint = did_you_mean(self.key, known)
                    raise ParameterError(f"{self.where}.{self.key}: no such parameter; {hint}")
                return place, entry.numbers
        n = len(self.base.scenario.shock)
        raise ParameterError(f"{self.where}: the scenario has {n} shocks, counted from 0")

    def world(self, size: float, seed: int) -> World:
        """World at the end of a run with this shock."""
        place, numbers = self._place
        changed = self._changed(numbers, self.transform(size))
        with self._lock:  # a fork seals the log of its parent
            world = future(self.base, seed)
        row = row_of(changed)
        world.state.params[place, : len(row)] = row
        world.run(world.scenario.run.steps - world.step)
        return world

    def _changed(self, numbers: Any, value: float) -> Any:
        try:
            return type(numbers)(**(numbers.model_dump() | {self.key: value}))
        except ValueError as error:
            raise ParameterError(
                f"{self.where}.{self.key} = {value!r}: out of range; the transform or the "
                "distribution of the shock gives it"
            ) from error

    def __call__(self, size: float, seed: int) -> float:
        """Outcome of a run with this shock."""
        world = self.world(size, seed)
        if not isinstance(self.outcome, str):
            return float(self.outcome(world))
        return self._from_summary(world, self.outcome)

    def _from_summary(self, world: World, name: str) -> float:
        from crossmargin.experiments.run import Run
        from crossmargin.experiments.sweeps.outcomes import flatten
        from crossmargin.model.margin.numbers import measure_all

        measure_all(world.state.ledger, world.state.book)
        start = self.base.state.ledger.accounts["equity"]
        known = flatten(Run(world.scenario, self.seed, world.step, world, start).summary)
        if name not in known:
            raise ParameterError(f"outcome: no {name!r}; {did_you_mean(name, known)}")
        return known[name]
