"""A market that runs: the state, the program that moves it and the sealed chunks of its log.

It knows nothing of Mesa, so a branch copies arrays and shares the log: what is forked is the
state alone.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from crossmargin.model.book import copy_book
from crossmargin.model.compiling import warm
from crossmargin.model.errors import ConservationError, StateError
from crossmargin.model.ledger import residuals
from crossmargin.model.log import is_full
from crossmargin.model.loop import (
    begin_step,
    check_faults,
    is_due,
    next_part,
    run_blocks,
    run_compiled,
    run_part,
)
from crossmargin.model.memory import untouched
from crossmargin.model.parts import Part, addresses_of
from crossmargin.model.readiness import make_ready_for
from crossmargin.model.state import FAULTS, Array, State

#: Chunks of the log and the field of the cursor that says how full each is.
CHUNKS = {
    "events": "events",
    "traces": "traces",
    "liquidations": "liquidations",
    "market_rows": "rows",
    "system_rows": "rows",
    "unhedged_rows": "rows",
    "warnings": "warnings",
    "greek_rows": "greeks",
    "series_rows": "series",
}


class Names(NamedTuple):
    """Names behind the row numbers of the state."""

    assets: list[str]
    markets: list[str]
    underlyings: list[str]
    populations: list[str]


class Origin(NamedTuple):
    """Where a run began, when a burn-in came before it: what is recorded counts from here.

    Attributes
    ----------
    block : int, of the clock
    ladders : (n_markets,) LADDER at that moment, or None at block 0
    """

    block: int = 0
    ladders: Array | None = None


#: The start of a market that was not burnt in.
BEGINNING = Origin()
#: Running totals of a ladder that are recorded.
TOTALS = ("volume", "signed_volume", "trades")


@dataclass
class World:
    """State, program and log of one market.

    Attributes
    ----------
    state : State
    parts : list of Part, in the order in which they run
    names : Names
    sealed : dict of lists of arrays, chunks of the log that are finished
    step : int, blocks run, those of a burn-in left out
    origin : Origin, where the run began
    notes : dict, what is to be known of how the market came to its start; empty for most
    python_parts : dict, place in the program to a function `(world, step) -> None`
    solo : dict, place in the program to the class of traders that acts there
    """

    state: State
    parts: list[Part]
    names: Names
    scenario: Any = None
    step: int = 0
    sealed: dict[str, list[Array]] = field(default_factory=lambda: {c: [] for c in CHUNKS})
    python_parts: dict[int, Callable[["World", int], None]] = field(default_factory=dict)
    solo: dict[int, type] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    origin: Origin = BEGINNING
    _program: Array | None = None

    @property
    def program(self) -> Array:
        """(n_parts,) int64, machine addresses; made, compiling what is missing, on first use."""
        if self._program is None:
            warm(self.parts, announce)
            make_ready_for(self.state.ledger)
            compiled = [part.is_compiled for part in self.parts]
            kernels = [part.kernel for part in self.parts if part.is_compiled]
            self._program = np.zeros(len(compiled), np.int64)
            self._program[compiled] = addresses_of(kernels, self.state)
        return self._program

    def run(self, blocks: int, *, audit: bool = False, profile: bool = False) -> None:
        """Run some blocks; with `audit` the books are checked after every one.

        Raises
        ------
        StateError
            When a pool is full or a number leaves its range; the message names the part.
        ConservationError
            When `audit` finds something created or lost.
        """
        last = self.step + blocks
        while self.step < last:
            until = self.step + 1 if audit else last
            if self.python_parts or profile:
                self._run_by_part(profile)
            else:
                first = self.origin.block
                done = run_blocks(self.program, self.state, first + self.step, first + until)
                self.step = int(done) - first
            self._check()
            if is_full(self.state.log):
                self.seal()
            if audit:
                self.audit()

    def _run_by_part(self, profile: bool) -> None:
        """Run one block as `run_blocks` does, Python's parts where they stand.

        To time the phases every part is a call of its own.
        """
        program, state, part = self.program, self.state, 0
        now = self.origin.block + self.step
        begin_step(state, now)
        by_python = np.zeros(len(program), np.bool_)
        by_python[list(self.python_parts)] = True
        while part < len(program):
            if not profile:
                part = int(run_compiled(program, by_python, state, part, now))
                if part == len(program) or state.clock["fault"][0]:
                    break
            result, began = 0, perf_counter()
            if is_due(state, part, now):
                result = self._run_part(part, now)
                if check_faults(state, part):
                    break
            if profile:
                phase = self.parts[part].phase
                self.seconds[phase] = self.seconds.get(phase, 0.0) + perf_counter() - began
            part = int(next_part(state, part, result))
        if not state.clock["fault"][0]:
            self.step += 1

    def _run_part(self, part: int, now: int) -> int:
        if part in self.python_parts:
            self.python_parts[part](self, self.step)
            return 0
        return int(run_part(self.program, self.state, part, now))

    def _check(self) -> None:
        clock = self.state.clock[0]
        if clock["fault"]:
            name = self.parts[int(clock["fault_part"])].name
            raise StateError(f"step {self.step}, part {name}: {FAULTS[int(clock['fault'])]}")

    def seal(self) -> None:
        """Move the filled chunks of the log to `sealed` and begin new ones."""
        log, cursor = self.state.log, self.state.log.cursor[0]
        for chunk, filled in CHUNKS.items():
            n = int(cursor[filled])
            if n:
                self.sealed[chunk].append(getattr(log, chunk)[:n].copy())
        for filled in set(CHUNKS.values()):
            cursor[filled] = 0

    def rows(self, chunk: str) -> Array:
        """All rows of one table of the log so far, sealed and open."""
        open_rows = getattr(self.state.log, chunk)[: int(self.state.log.cursor[CHUNKS[chunk]][0])]
        found = np.concatenate([*self.sealed[chunk], open_rows])
        if self.origin.block:
            self._from_start(found, chunk)
        return found

    def _from_start(self, rows: Array, chunk: str) -> None:
        """Count blocks and running totals of some rows from the start of the run."""
        if "step" in (rows.dtype.names or ()):
            rows["step"] -= self.origin.block
        if chunk == "market_rows" and self.origin.ladders is not None:
            for name in TOTALS:
                rows[name] -= self.origin.ladders[name]

    def residuals(self) -> dict[str, int]:
        """What was created or lost, by asset and market; every value is 0."""
        return residuals(self.state.ledger, self.names.assets, self.names.markets)

    def audit(self) -> dict[str, int]:
        """Residuals of the books.

        Raises
        ------
        ConservationError
            When one is not zero.
        """
        found = self.residuals()
        wrong = {name: value for name, value in found.items() if value}
        if wrong:
            raise ConservationError(f"step {self.step}: created or lost {wrong}")
        return found

    def fork(self) -> "World":
        """Copy of this market that shares its past and not its future."""
        self.seal()
        return World(
            state=copy_state(self.state),
            parts=self.parts,
            names=self.names,
            scenario=self.scenario,
            step=self.step,
            sealed={chunk: list(rows) for chunk, rows in self.sealed.items()},
            python_parts=dict(self.python_parts),
            solo=self.solo,
            notes=self.notes,
            origin=self.origin,
            _program=self._program,
        )


def announce(line: str) -> None:
    """Say on standard error what takes time."""
    print(f"crossmargin: {line}", file=sys.stderr, flush=True)


def _arrays(group: Any) -> Iterator[Array]:
    for member in group:
        if isinstance(member, tuple):
            yield from _arrays(member)
        else:
            yield member


def copy_state(state: State) -> State:
    """Copy of all arrays of a state; the open chunks of its log, which are empty, are made new.

    An array that stands in two groups, as positions do, is copied once and shared as before.
    """
    chunks = [getattr(state.log, chunk) for chunk in CHUNKS]
    copies = {id(chunk): untouched(chunk) for chunk in chunks}
    book = copy_book(state.book, state.ledger.lots.copy())
    copies |= {id(old): new for old, new in zip(state.book, book, strict=True)}
    for array in _arrays(state):
        if id(array) not in copies:
            copies[id(array)] = array.copy()

    def rebuilt(group: Any) -> Any:
        members = (rebuilt(m) if isinstance(m, tuple) else copies[id(m)] for m in group)
        return type(group)(*members)

    return rebuilt(state)
