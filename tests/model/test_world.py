"""A market that runs: blocks, forks, faults, sealed logs, two markets side by side."""

from collections.abc import Iterator

import numpy as np
import pytest

from crossmargin.model import inbox
from crossmargin.model.draws import DECIDE, uniforms
from crossmargin.model.errors import ConservationError, StateError
from crossmargin.model.inbox import arrival, next_message
from crossmargin.model.kernel import kernel
from crossmargin.model.memory import SMALLEST
from crossmargin.model.parts import NoNumbers, Part
from crossmargin.model.state import DISCRETIONARY
from crossmargin.model.world import CHUNKS, World
from tests.small import (
    ONE,
    first_row,
    give,
    names_of,
    residuals_of,
    set_price,
    small_state,
    small_world,
)


@kernel
def babble(state, part, step):  # type: ignore[no-untyped-def]
    """Every account sends one order near the mark."""
    row = state.parts[part]
    for account in range(row.first, row.first + row.count):
        key = state.ledger.accounts[account].key
        a, b, c, d = uniforms(state.clock[0].seed, key, DECIDE, step, 0)
        message = next_message(state.crowd, state.clock)
        message.side = 1 if a < 0.5 else -1
        message.price = 10_000 - message.side * np.int64(6 * b - 2)
        message.quantity = 1 + np.int64(9 * c)
        message.account = account
        message.market = 0
        message.author_class = DISCRETIONARY
        message.arrival = arrival(d, 0.0, 1.0)
    return row.count


BABBLE = Part("babble", "decisions", babble, NoNumbers, "")


def market(seed: int = 1, n_accounts: int = 20, **sizes: int) -> World:
    """Accounts that trade at random, margin, matching and the record."""
    world = small_world(
        [("states", {}), ("inbox", {}), ("record", {})], n_accounts, seed=seed, **sizes
    )
    world.parts.insert(1, BABBLE)
    rows = world.state.parts[[0, 0, 1, 2]].copy()
    params = world.state.params[[0, 0, 1, 2]].copy()
    world.state = world.state._replace(parts=rows, params=params)
    for row in range(first_row(world.state), len(world.state.ledger.lots)):
        give(world.state, row, 1000.0)
    return world


def arrays(group: object) -> Iterator[np.ndarray]:
    """All arrays of a state."""
    for member in group:  # type: ignore[attr-defined]
        if isinstance(member, tuple):
            yield from arrays(member)
        else:
            yield member


def bytes_of(world: World) -> list[bytes]:
    """All that a market is and was; what is left in sealed chunks of the log does not count."""
    open_chunks = [getattr(world.state.log, chunk) for chunk in CHUNKS]
    kept = [a for a in arrays(world.state) if not any(a is chunk for chunk in open_chunks)]
    return [array.tobytes() for array in kept + [world.rows(chunk) for chunk in CHUNKS]]


def is_equal(one: World, other: World) -> bool:
    """Bit for bit."""
    return bytes_of(one) == bytes_of(other)


def test_it_runs_and_loses_nothing() -> None:
    world = market()
    world.run(50, audit=True)
    assert world.step == 50
    assert int(world.state.log.cursor["fills"][0]) > 100
    assert set(world.residuals().values()) == {0}
    assert world.rows("system_rows")["step"].tolist() == list(range(50))
    assert world.rows("market_rows").shape == (50, 2)


def test_the_same_seed_gives_the_same_market_and_another_another() -> None:
    one, two, other = market(), market(), market(seed=2)
    for world in (one, two, other):
        world.run(30)
    assert is_equal(one, two)
    assert one.state.ledger.lots.tolist() != other.state.ledger.lots.tolist()


def test_two_markets_in_one_process_do_not_touch_each_other() -> None:
    alone, one, two = market(), market(), market(seed=9)
    alone.run(20)
    for _ in range(20):
        one.run(1)
        two.run(1)
    assert is_equal(alone, one)


def test_an_account_more_changes_nobodys_draws() -> None:
    few, many = market(n_accounts=20), market(n_accounts=21)
    for world in (few, many):
        world.parts = world.parts[:2]
        world.state = world.state._replace(
            parts=world.state.parts[:2], params=world.state.params[:2]
        )
        world.run(1)
    assert (few.state.crowd.inbox[:20] == many.state.crowd.inbox[:20]).all()


@pytest.mark.parametrize("how", [{"profile": True}, {"audit": True}])
def test_part_by_part_is_as_in_one_go(how: dict[str, bool]) -> None:
    one, two = market(), market()
    one.run(25)
    two.run(25, **how)
    assert is_equal(one, two)
    if "profile" in how:
        assert set(two.seconds) == {"margin", "decisions", "matching", "record"}


def test_a_python_part_stands_in_for_a_compiled_one() -> None:
    one, two = market(), market()
    seen = []
    original = two.program[1]

    def talk(world: World, step: int) -> None:
        from crossmargin.model.loop import run_part

        seen.append(step)
        run_part(np.array([original]), world.state, 0, step)

    two.python_parts[1] = talk
    for world in (one, two):
        world.run(10)
    assert seen == list(range(10))
    assert is_equal(one, two)


def test_a_fork_has_the_same_past_and_a_future_of_its_own() -> None:
    world = market()
    world.run(20)
    fork, again = world.fork(), world.fork()
    assert is_equal(world, fork)
    assert fork.state.book.lots is fork.state.ledger.lots
    set_price(fork.state, 0, 50.0)
    give(fork.state, first_row(fork.state), 5.0)
    fork.run(10)
    assert world.step == 20
    world.run(10)
    again.run(10)
    assert is_equal(world, again)
    assert not is_equal(world, fork)
    assert (fork.rows("system_rows")[:20] == world.rows("system_rows")[:20]).all()
    assert len(fork.rows("system_rows")) == len(world.rows("system_rows")) == 30
    assert fork.sealed["system_rows"][0] is world.sealed["system_rows"][0]


def test_a_copy_is_whole_where_it_is_not_touched() -> None:
    """Large arrays that are mostly empty are mapped and filled where the book was used."""
    world = market(price_levels=1 << 24, pages=1 << 13)
    world.run(20)
    copied = world.fork().state.book
    assert copied.table.nbytes > SMALLEST
    for name, array in zip(copied._fields, world.state.book, strict=True):
        assert (getattr(copied, name) == array).all(), name
        assert not np.shares_memory(getattr(copied, name), array), name


def test_full_chunks_are_sealed_and_read_as_one_table() -> None:
    short, long = market(steps_a_chunk=7), market(steps_a_chunk=100)
    for world in (short, long):
        world.run(30)
    assert len(short.sealed["system_rows"]) == 4
    assert short.rows("system_rows").tobytes() == long.rows("system_rows").tobytes()
    assert short.rows("market_rows").tobytes() == long.rows("market_rows").tobytes()


def test_a_full_inbox_is_an_error_that_names_step_and_part() -> None:
    world = market(messages=10)
    with pytest.raises(StateError, match=r"step 0, part babble: more messages .* inbox"):
        world.run(1)


def test_an_overrun_log_is_an_error() -> None:
    world = market()
    world.run(3)
    world.state.log.cursor["events"] = len(world.state.log.events) + 1
    with pytest.raises(StateError, match=r"step 3, part states: more events"):
        world.run(1)


def test_an_audit_says_what_was_lost() -> None:
    world = market()
    world.run(2, audit=True)
    world.state.ledger.balances[0, 0] -= 3
    with pytest.raises(ConservationError, match=r"step 3: .*'USD': -3"):
        world.run(1, audit=True)


def test_messages_are_executed_by_arrival_and_the_inbox_is_emptied() -> None:
    state = small_state(4)
    a = first_row(state)
    for row in range(a, a + 4):
        give(state, row, 100.0)
    message = state.crowd.inbox
    for i, (row, moment) in enumerate([(a, 9), (a + 1, 3), (a + 2, 3), (a + 3, 4095)]):
        message[i]["side"], message[i]["price"], message[i]["quantity"] = 1, 10_000, 1
        message[i]["account"], message[i]["arrival"], message[i]["slot"] = row, moment, 1 + i
    state.clock["n_inbox"] = 4
    world = World(
        state, [Part("inbox", "matching", inbox.matching, NoNumbers, "")], names_of(state)
    )
    world.run(1)
    assert int(state.clock["n_inbox"][0]) == 0
    ids = state.crowd.handles[:4] >> 24
    assert np.argsort(ids).tolist() == [1, 2, 0, 3]
    assert state.ledger.balances[a, 0] == 100 * ONE
    assert set(residuals_of(state).values()) == {0}
