"""A market with every part of the waterfall, whose parts tests run one by one."""

from typing import Any

from crossmargin.model.kernel import from_python
from crossmargin.model.loop import run_part
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.parts import find_part, row_of
from crossmargin.model.state import Array, State
from crossmargin.model.world import World
from tests.small import ONE, clock_step, first_row, give, residuals_of, small_world

#: Parts in the order of a venue that has them all, with numbers that keep arithmetic plain.
NUMBERS: dict[str, dict[str, Any]] = {
    "queue": {},
    "cancel_orders": {},
    "book_orders": {"fraction": 1.0, "cooldown": 0.0, "slippage": 0.5},
    "seizure": {"slippage": 0.5},
    "keepers_takeover": {"minimum": 0.0},
    "backstop": {},
    "insurance": {},
    "adl": {},
    "socialise": {},
    "round": {},
}
PARTS = ("states", *NUMBERS)
#: Those that close positions or settle what is left, which venues put in any order.
CLOSING = tuple(NUMBERS)[2:-1]


def market(n_accounts: int = 8, **options: Any) -> World:
    """World with all parts, the quote of whose accounts is still to be given."""
    program = [(name, NUMBERS.get(name, {})) for name in PARTS]
    return small_world(program, n_accounts, **options)


def set_numbers(world: World, name: str, **numbers: Any) -> None:
    """Change numbers of a part; the others keep the values of `NUMBERS`."""
    part = find_part(name)
    row = row_of(part.parameters(**(NUMBERS.get(name, {}) | numbers)))
    world.state.params[PARTS.index(name), : len(row)] = row


def run(world: World, *names: str) -> int:
    """Run parts in turn at the current step; returns what the last one returned."""
    result = 0
    for name in names:
        step = int(world.state.clock["step"][0])
        result = int(run_part(world.program, world.state, PARTS.index(name), step))
        assert not any(residuals_of(world.state).values()), name
    return result


def next_step(world: World) -> None:
    """Go on to the next block."""
    clock = world.state.clock[0]
    clock["n_forced"] = clock["round"] = 0
    clock_step(world.state, int(clock["step"]) + 1)


def rich(world: World, amount: float, *accounts: int) -> list[int]:
    """Give quote to some accounts, by their place; returns their rows."""
    rows = [first_row(world.state) + account for account in accounts]
    for row in rows:
        give(world.state, row, amount)
    return rows


def equity_of(state: State, row: int) -> int:
    """Raw equity as it stands, quote units."""
    from_python(measure_all)(state.ledger, state.book)
    return int(state.ledger.accounts["equity"][row])


def events_of(world: World, kind: int) -> Array:
    """Events of a kind so far."""
    events = world.rows("events")
    return events[events["kind"] == kind]


def quote(units: float) -> float:
    """Whole quote of an amount in units."""
    return units / ONE
