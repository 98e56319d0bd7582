"""A market in which stop orders are placed, looked at and sent one step at a time."""

from typing import Any

from crossmargin.model.loop import begin_step, run_part
from crossmargin.model.state import (
    REDUCE_ONLY,
    STOP_ORDER,
    Array,
)
from crossmargin.model.world import World
from tests.small import (
    PERP,
    first_row,
    give,
    message,
    open_pair,
    send,
    small_world,
)

TRIGGER_PART, INBOX_PART, CANCEL_PART = range(3)
CAPACITY = 6
MARK = 20_000  # half ticks


def market(n_accounts: int = 6) -> World:
    """Long and short of 100 lots, a deep book of a third account, room for a few stops."""
    program: list[tuple[str, dict[str, Any]]] = [
        ("stops", {}),
        ("inbox", {}),
        ("cancel_orders", {}),
    ]
    world = small_world(program, n_accounts, markets=(PERP,), stops=CAPACITY)
    state, first = world.state, first_row(world.state)
    for row in range(first, first + n_accounts):
        give(state, row, 1e6)
    open_pair(state, first, first + 1, 100)
    state.book.ladders["last"] = MARK // 2
    for away in range(1, 60):
        send(state, first + 2, 1, 10_000 - away, 50)
        send(state, first + 2, -1, 10_000 + away, 50)
    return world


def put(world: World, messages: list[Array]) -> None:
    clock = world.state.clock[0]
    for record in messages:
        world.state.crowd.inbox[clock["n_inbox"]] = record[0]
        clock["n_inbox"] += 1


def stop(row: int, side: int, trigger: int, lots: int = 0, price: int = 0, **how: Any) -> Array:
    flags = how.pop("flags", REDUCE_ONLY)
    return message(row, side, price, lots, action=STOP_ORDER, order=trigger, flags=flags, **how)


def match(world: World, *messages: Array) -> int:
    put(world, list(messages))
    return run_part(world.program, world.state, INBOX_PART, int(world.state.clock["step"][0]))


def look(world: World, mark: int, step: int = 1) -> Array:
    """Let the venue look at its stops at a mark; what it sent."""
    begin_step(world.state, step)
    world.state.clock["n_inbox"] = 0
    world.state.ledger.markets["mark"] = mark
    n = run_part(world.program, world.state, TRIGGER_PART, step)
    assert n == world.state.clock["n_inbox"][0]
    return world.state.crowd.inbox[:n].copy()


def desk(world: World, *names: str) -> list[int]:
    return [int(world.state.stops.desk[name][0]) for name in names]
