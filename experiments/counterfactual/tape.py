"""The mechanical closure: what others sent in the baseline is sent again, whatever happens.

The baseline runs a block and keeps, before each matching, what stood in the inbox. The other arm
then runs the same block: whoever decides is silent, and before each matching the orders of the
baseline are put in their place. Order numbers differ once anything differs, so a cancel is sent
with the number that the same order has here. What the venue sends itself (forced orders, slices of
the backstop vault) is not kept and happens anew. So **with nothing undone the two arms are equal
bit for bit (but for the log of triggered stops), and with forced orders off the book the price path
is the replay of all other orders.**

Orders are replayed as they were sent. The market's own rules still apply to them: an account that
was liquidated in one arm alone may have an order refused in the other.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from crossmargin.experiments.counterfactual.interventions import nobody
from crossmargin.model.inbox import matching
from crossmargin.model.loop import run_part
from crossmargin.model.state import BACKSTOP, Array, State
from crossmargin.model.stops import trigger_stops
from crossmargin.model.world import World


class Batch(NamedTuple):
    """What stood in the inbox before one matching of the baseline.

    Attributes
    ----------
    place, round : int, where in the program it was matched, and in which round
    messages : (n,) ORDER
    before : (n_slots,) int64, handles that the baseline had
    after : (n_slots,) int64, handles once it was matched
    stops : pair of copies, the desk and the orders of the stops before
    """

    place: int
    round: int
    messages: Array
    before: Array
    after: Array
    stops: tuple[Array, Array]


@dataclass
class Tape:
    """What one block of the baseline leaves for the other arms."""

    batches: list[Batch] = field(default_factory=list)
    memory: dict[str, Array] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget the last block."""
        self.batches.clear()


#: What agents leave behind besides messages: arrays of the crowd, fields of the references.
LEFT = ("memory", "requests", "outside_lots", "unhedged")
LEFT_OUTSIDE = ("flow", "unhedged")


def _places(world: World, kernel: Any) -> list[int]:
    return [place for place, part in enumerate(world.parts) if part.kernel is kernel]


def matchings(world: World) -> list[int]:
    """Places of the program where the inbox is executed."""
    return _places(world, matching)


def record(world: World) -> Tape:
    """Let a world keep what each block sends; returns the tape, which its caller clears."""
    tape = Tape()
    for place in matchings(world):
        world.python_parts[place] = _recorder(tape, place)
    return tape


def _recorder(tape: Tape, place: int) -> Callable[[World, int], None]:
    def keep_and_match(world: World, step: int) -> None:
        state = world.state
        clock = state.clock[0]
        messages = state.crowd.inbox[: int(clock["n_inbox"])]
        messages = messages[messages["account"] != BACKSTOP].copy()
        before = state.crowd.handles.copy()
        stops = (state.stops.desk.copy(), state.stops.orders.copy())
        round_ = int(clock["round"])
        if not state.parts["after_forced"][place]:
            _keep_rest(tape, state)
        _match(world, place)
        after = state.crowd.handles.copy()
        tape.batches.append(Batch(place, round_, messages, before, after, stops))

    return keep_and_match


def _keep_rest(tape: Tape, state: State) -> None:
    for name in LEFT:
        tape.memory[name] = getattr(state.crowd, name).copy()
    for name in LEFT_OUTSIDE:
        tape.memory[f"outside.{name}"] = state.outside.references[name].copy()


def _match(world: World, place: int) -> None:
    """Run the compiled matching at a place."""
    run_part(world.program, world.state, place, world.origin.block + world.step)


class Player:
    """Plays a tape into another arm, block by block.

    Parameters
    ----------
    world : World, branched where the baseline was; from now on its agents are silent
    tape : Tape of the baseline, which has always run the block before this arm runs it
    """

    def __init__(self, world: World, tape: Tape) -> None:
        self.tape, self.played = tape, 0
        self.theirs = world.state.crowd.handles.copy()
        self.ours = self.theirs.copy()
        is_agent = world.state.parts["population"] >= 0
        stops = _places(world, trigger_stops)
        for place, part in enumerate(world.parts):
            if place in stops or (is_agent[place] and part.phase == "decisions"):
                world.python_parts[place] = nobody
        for place in matchings(world):
            world.python_parts[place] = self._matching(place)

    def begin_block(self) -> None:
        """Take up the tape of the next block."""
        self.played = 0

    def _matching(self, place: int) -> Callable[[World, int], None]:
        def play(world: World, step: int) -> None:
            is_final = not world.state.parts["after_forced"][place]
            if is_final:
                self._leave(world.state)
            due = self._due(place, int(world.state.clock["round"][0]), is_final)
            for batch in due:
                self._play(world, place, batch)
            if not due:
                _match(world, place)

        return play

    def _due(self, place: int, round_: int, is_final: bool) -> list[Batch]:
        """Batches up to this moment of the block that have not been played yet."""
        due: list[Batch] = []
        for batch in self.tape.batches[self.played :]:
            is_here = batch.place == place
            if not is_final and (not is_here or batch.round > round_):
                break
            due.append(batch)
            if is_final and is_here:
                break
        self.played += len(due)
        return due

    def finish_block(self, world: World) -> None:
        """Play what rounds of the baseline sent that this arm never came to."""
        for batch in self.tape.batches[self.played :]:
            self._play(world, batch.place, batch)
        self.played = len(self.tape.batches)

    def _leave(self, state: State) -> None:
        for name, values in self.tape.memory.items():
            if name.startswith("outside."):
                state.outside.references[name.removeprefix("outside.")] = values
            else:
                getattr(state.crowd, name)[...] = values

    def _play(self, world: World, place: int, batch: Batch) -> None:
        """Put a batch behind what stands in the inbox, and match it."""
        state = world.state
        crowd, clock = state.crowd, state.clock
        waiting = int(clock["n_inbox"][0])
        messages = batch.messages.copy()
        messages["order"] = self._renamed(messages, batch.before)
        crowd.inbox[waiting : waiting + len(messages)] = messages
        clock["n_inbox"] = waiting + len(messages)
        state.stops.desk[...], state.stops.orders[...] = batch.stops
        _match(world, place)
        self.theirs = np.where(batch.after != 0, batch.after, self.theirs)
        self.ours = np.where(batch.after != 0, crowd.handles, self.ours)

    def _renamed(self, messages: Array, before: Array) -> Array:
        """Numbers of the orders that messages name, as this arm has them."""
        named = messages["order"]
        order = np.argsort(self.theirs, kind="stable")
        known = self.theirs[order]
        place = np.minimum(np.searchsorted(known, named, side="right") - 1, len(known) - 1)
        is_known = (place >= 0) & (known[place] == named) & (named > 0)
        return np.where(is_known, self.ours[order][place], named)
