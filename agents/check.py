"""Checks of a behaviour, to be run on one's own before it enters a market.

>>> from crossmargin import Trader, check_agent
>>> class Idler(Trader):
...     def decide(self, market):
...         return []
>>> check_agent(Idler)
"""

import inspect
import random
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
from numba.core.errors import NumbaError

from crossmargin.agents.orders import AgentError, write_orders
from crossmargin.agents.stage import BEHAVIOUR, FIRST, Stage, needed
from crossmargin.agents.trader import Trader
from crossmargin.model.errors import ParameterError
from crossmargin.model.inbox import MOMENTS
from crossmargin.model.parts import NoNumbers, Part, find_part
from crossmargin.model.state import CANCEL, CANCEL_STOP, FORCED, MARKET_ORDER, STOP_ORDER, Array
from crossmargin.model.world import CHUNKS

#: Blocks for which a behaviour is tried.
BLOCKS = 25
N_AGENTS = 4


def check_agent(behaviour: Any) -> None:
    """Try a behaviour on a small market; return when nothing is wrong with it.

    It must return or write valid orders and nothing else; leave the state, other agents and all
    random generators but its own alone; do the same when run again; and not care whether there is
    one agent more.

    Parameters
    ----------
    behaviour : subclass of Trader, module or str
        A class with `decide(self, market)`, or a part: its module, or the name that a scenario
        would use.

    Raises
    ------
    AgentError
        With one sentence that says what is wrong.
    """
    if isinstance(behaviour, type):
        _check_class(behaviour)
        _check_runs(behaviour, _solo_block)
    else:
        part = _part(behaviour)
        _check_kernel(part)
        _check_runs(part, _crowd_block)


# What it is -----------------------------------------------------------------------------------


def _check_class(cls: type) -> None:
    if not issubclass(cls, Trader):
        raise AgentError(f"{cls.__name__} is no subclass of crossmargin.Trader")
    if cls.decide is Trader.decide:
        raise AgentError(f"{cls.__name__} has no method decide(self, market)")
    try:
        inspect.signature(cls.decide).bind(None, None)
    except TypeError as error:
        raise AgentError(f"{cls.__name__}.decide takes (self, market): {error}") from None
    if cls.author_class == FORCED:
        raise AgentError(f"{cls.__name__} signs orders as forced; only a venue does")


def _part(behaviour: Any) -> Part:
    if not isinstance(behaviour, str | ModuleType):
        raise AgentError(f"{behaviour!r} is neither a subclass of Trader nor a part")
    if isinstance(behaviour, str):
        return find_part(behaviour)
    for name in ("PHASE", "KERNEL"):
        if not hasattr(behaviour, name):
            raise AgentError(f"{behaviour.__name__} is no part: it sets no {name}")
    return Part(
        name=behaviour.__name__,
        phase=behaviour.PHASE,
        kernel=behaviour.KERNEL,
        parameters=getattr(behaviour, "Parameters", NoNumbers),
        doc=(behaviour.__doc__ or "").strip(),
    )


def _check_kernel(part: Part) -> None:
    if part.phase != "decisions":
        raise AgentError(f"{part.name}: PHASE is {part.phase!r}, agents decide in 'decisions'")
    if not part.is_compiled:
        raise AgentError(f"{part.name}: KERNEL is no compiled kernel; decorate it with @kernel")
    arguments = list(inspect.signature(part.kernel.py_func).parameters)  # type: ignore[attr-defined]
    if len(arguments) != 3:
        raise AgentError(f"{part.name}: the kernel takes (state, part, step), not {arguments}")


# What it does ---------------------------------------------------------------------------------

Block = Callable[[Stage, int], None]


def _check_runs(behaviour: Any, block: Block) -> None:
    name = getattr(behaviour, "name", None) or behaviour.__name__
    first = _run(behaviour, block, N_AGENTS, is_trading=True)
    if not _equal(first, _run(behaviour, block, N_AGENTS, is_trading=True)):
        raise AgentError(
            f"{name} sends other orders when run again with the same seed; draw from self.rng only"
        )
    alone = _run(behaviour, block, N_AGENTS, is_trading=False)
    beside = _run(behaviour, block, N_AGENTS + 1, is_trading=False)
    kept = [messages[messages["account"] < FIRST + N_AGENTS] for messages in beside]
    if not _equal(alone, kept):
        raise AgentError(f"{name}: one agent more changes what the others do; share nothing")


def _run(behaviour: Any, block: Block, n_agents: int, *, is_trading: bool) -> list[Array]:
    """Messages of every block; without trading the inbox is thrown away."""
    stage, seen = _stage(behaviour, n_agents), []
    for step in range(1, BLOCKS + 1):
        stage.open_block(step)
        block(stage, step)
        messages = stage.messages()
        _check_messages(stage, behaviour, messages)
        seen.append(messages)
        if is_trading:
            stage.close_block(step)
            stage.world.audit()
        else:
            stage.world.state.clock["n_inbox"] = 0
    return seen


def _stage(behaviour: Any, n_agents: int) -> Stage:
    try:
        return Stage(behaviour, n_agents)
    except NumbaError as error:
        reason = str(error).partition("\n")[2].partition("\n")[0][:200]
        name = getattr(behaviour, "name", None) or behaviour.__name__
        raise AgentError(f"{name}: the kernel does not compile: {reason}") from error


def _equal(one: list[Array], other: list[Array]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def _solo_block(stage: Stage, step: int) -> None:
    traders = stage.world.python_parts[BEHAVIOUR].traders  # type: ignore[attr-defined]
    name, before, generators = type(traders[0]).__name__, snapshot(stage), _generators(stage)
    wishes = [_wishes(trader, stage) for trader in traders]
    for changed in changes(before, stage):
        raise AgentError(f"{name}.decide changed {changed}; agents only return orders")
    if _generators(stage) != generators:
        raise AgentError(f"{name}.decide drew from a shared generator; draw from self.rng")
    for trader, wanted in zip(traders, wishes, strict=True):
        n = len(stage.messages())
        write_orders(stage.world, trader, wanted)
        sent, most = len(stage.messages()) - n, needed(type(trader), "messages_needed")
        if sent > most:
            raise AgentError(f"{name} sent {sent} messages in a block; messages_needed says {most}")


def _wishes(trader: Trader, stage: Stage) -> Any:
    try:
        return trader.decide(stage)
    except ParameterError:
        raise
    except Exception as error:
        name = type(trader).__name__
        raise AgentError(f"{name}.decide raised {type(error).__name__}: {error}") from error


def _crowd_block(stage: Stage, step: int) -> None:
    before = snapshot(stage)
    stage.behave(step)
    name = stage.world.parts[BEHAVIOUR].name
    if stage.world.state.clock["fault"][0]:
        raise AgentError(f"{name} sends more messages in a block than messages_needed says")
    for changed in changes(before, stage):
        if changed not in ("crowd.inbox", "clock.n_inbox", *_own(before, stage)):
            raise AgentError(
                f"{name}: the kernel changed {changed}; agents write to the inbox only"
            )


def _own(before: dict[str, Array], stage: Stage) -> Iterator[str]:
    """Arrays of the crowd in which nothing changed but what belongs to the agents."""
    part, crowd = stage.world.state.parts[BEHAVIOUR], stage.world.state.crowd
    rows = (int(part["first"]), int(part["count"]))
    places = (int(part["first_slot"]), int(part["count"]) * int(part["slots"]))
    fields = {"memory": rows, "requests": rows, "outside_lots": rows, "handles": places}
    fields["unhedged"] = rows
    for field, (first, count) in fields.items():
        now, then = getattr(crowd, field).copy(), before[f"crowd.{field}"]
        now[first : first + count] = then[first : first + count]
        if np.array_equal(now, then):
            yield f"crowd.{field}"
    yield from ("outside.references.flow", "outside.references.unhedged")


def _check_messages(stage: Stage, behaviour: Any, messages: Array) -> None:
    name = getattr(behaviour, "name", None) or behaviour.__name__
    part = stage.world.state.parts[BEHAVIOUR]
    last_slot = int(part["first_slot"] + part["count"] * part["slots"])
    for message in messages:
        said = f"{name} sent {dict(zip(message.dtype.names, message.item(), strict=True))}"
        if not part["first"] <= message["account"] < part["first"] + part["count"]:
            raise AgentError(f"{said}: the account is not its own")
        if not 0 <= message["market"] < len(stage.world.names.markets):
            raise AgentError(f"{said}: there is no such market")
        if message["side"] not in (1, -1) or not 0 <= message["action"] <= CANCEL_STOP:
            raise AgentError(f"{said}: a side is +1 or -1, an action one of six")
        if message["author_class"] == FORCED:
            raise AgentError(f"{said}: only a venue signs orders as forced")
        if message["arrival"] >= MOMENTS or not 0 <= message["slot"] <= last_slot:
            raise AgentError(f"{said}: arrival or slot lies outside what is its own")
        if message["action"] >= STOP_ORDER:
            if message["order"] <= 0:
                raise AgentError(f"{said}: a stop order has a trigger, its cancel a handle")
            continue
        if message["action"] != CANCEL and message["quantity"] <= 0:
            raise AgentError(f"{said}: a quantity is at least one lot")
        if message["action"] not in (CANCEL, MARKET_ORDER) and message["price"] <= 0:
            raise AgentError(f"{said}: a price is at least one tick")


# What it leaves alone -------------------------------------------------------------------------


def _leaves(group: Any, path: str = "") -> Iterator[tuple[str, Array]]:
    for name in group._fields:
        member = getattr(group, name)
        if isinstance(member, tuple):
            yield from _leaves(member, f"{path}{name}.")
        elif path == "log." and name in CHUNKS:
            yield f"{path}{name}", member[: int(group.cursor[CHUNKS[name]][0])]
        else:
            yield f"{path}{name}", member


def snapshot(stage: Stage) -> dict[str, Array]:
    """Copy of every array of a market, by name."""
    return {name: array.copy() for name, array in _leaves(stage.world.state)}


def changes(before: dict[str, Array], stage: Stage) -> Iterator[str]:
    """Names of the arrays that differ from a snapshot; of small records also the field."""
    for name, array in _leaves(stage.world.state):
        then = before[name]
        if array.tobytes() == then.tobytes():
            continue
        fields = array.dtype.names or ()
        differing = [f for f in fields if not np.array_equal(array[f], then[f])]
        if name in ("clock", "outside.references"):
            yield from (f"{name}.{field}" for field in differing)
        else:
            yield name


def _generators(stage: Stage) -> Any:
    shared = np.random.get_state(legacy=False)  # noqa: NPY002 - to see whether it was used
    return (
        random.getstate(),
        repr(shared),
        stage.random.getstate(),
        repr(stage.rng.bit_generator.state),
    )
