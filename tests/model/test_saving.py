"""A state that is written and read again, and what is refused."""

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import typeof

from crossmargin.model.errors import StateError
from crossmargin.model.saving import HEADER, digest_of, load_state, named_arrays, save_state
from crossmargin.model.state import State
from crossmargin.model.world import World
from tests.small import PERP, first_row, give, open_pair, send, small_state, small_world


def lively() -> State:
    state = small_state(4)
    row = first_row(state)
    for k in range(4):
        give(state, row + k, 1000.0)
    open_pair(state, row, row + 1, 100)
    send(state, row + 2, 1, 9900, 5)
    send(state, row + 3, -1, 10100, 5)
    return state


def equal(a: State, b: State) -> bool:
    pairs = zip(named_arrays(a), named_arrays(b), strict=True)
    return all(x == y and u.dtype == v.dtype and (u == v).all() for (x, u), (y, v) in pairs)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    state = lively()
    save_state(state, tmp_path / "state.npz", {"blocks": 7})
    found, notes = load_state(tmp_path / "state.npz", state)
    assert notes == {"blocks": 7}
    assert equal(found, state)
    assert found.book.lots is found.ledger.lots
    assert found.log.events.shape == state.log.events.shape
    assert typeof(found) == typeof(state)  # or every kernel would be compiled again
    assert [file.name for file in tmp_path.iterdir()] == ["state.npz"]


def test_a_state_that_was_read_runs_on_as_before(tmp_path: Path) -> None:
    program: Any = [("geometric_brownian", {"volatility": 0.5})]
    world = small_world(program, n_accounts=2)
    world.run(20)
    world.seal()
    save_state(world.state, tmp_path / "state.npz")
    found, _ = load_state(tmp_path / "state.npz", world.state)
    again = World(found, world.parts, world.names, step=20)
    again.run(20)
    world.run(20)
    assert equal(again.state, world.state)


def test_rows_that_were_not_sealed_are_not_lost_in_silence(tmp_path: Path) -> None:
    state = lively()
    state.log.cursor["events"] = 1
    with pytest.raises(StateError, match="not sealed"):
        save_state(state, tmp_path / "state.npz")
    assert not list(tmp_path.iterdir())


def test_another_version_is_refused_clearly(tmp_path: Path) -> None:
    state, path = lively(), tmp_path / "state.npz"
    save_state(state, path)
    arrays = dict(np.load(path))
    header = json.loads(arrays[HEADER].tobytes()) | {"digest": "0123456789abcdef"}
    arrays[HEADER] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(StateError, match="version of the model with other records"):
        load_state(path, state)


def test_the_digest_knows_record_types_and_not_sizes() -> None:
    state = lively()
    assert digest_of(state) == digest_of(small_state(9, markets=(PERP, PERP)))
    other = state._replace(queue=state.queue.astype(np.int64))
    assert digest_of(other) != digest_of(state)


@pytest.mark.parametrize("content", [b"", b"none", b"PK\x03\x04 broken"])
def test_what_is_no_state_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.npz"
    with pytest.raises(StateError, match="cannot be read as a state"):
        load_state(path, lively())
    path.write_bytes(content)
    with pytest.raises(StateError, match="cannot be read as a state"):
        load_state(path, lively())


def test_writers_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    state, path = lively(), tmp_path / "state.npz"
    save_state(state, path)
    failures: list[BaseException] = []

    def write_and_read() -> None:
        try:
            for _ in range(5):
                save_state(state, path)
                assert equal(load_state(path, state)[0], state)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write_and_read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [file.name for file in tmp_path.iterdir()] == ["state.npz"]
