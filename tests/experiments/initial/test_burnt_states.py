"""The folder of burnt-in states: what names a state, and how large the folder becomes."""

import os
from pathlib import Path

import pytest

from crossmargin.experiments.initial import burnt_states
from crossmargin.experiments.initial.burnt_states import find_state, keep_state, key_of
from crossmargin.model.errors import ParameterError
from crossmargin.model.saving import named_arrays
from tests.experiments.initial.markets import PERP, built, small


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(burnt_states, "folder", lambda: tmp_path / "burn-in")
    return tmp_path / "burn-in"


def test_a_name_holds_what_acts() -> None:
    state = built().state
    key = key_of(small(), 1, state)
    assert key == key_of(small(), 1, state)
    assert key != key_of(small(), 2, state)
    assert key != key_of(small(run__block_seconds=11.0), 1, state)
    assert key != key_of(small(), 1, built(population__longs__count=81).state)


def test_a_name_holds_the_content_of_files_and_no_foreign_part(tmp_path: Path) -> None:
    file = tmp_path / "profile.csv"
    table = {"market": PERP, "file": str(file)}
    scenario = small(
        initial={"volume_at_price": [table]}, population__longs__position__entry="volume_at_price"
    )
    state = built().state
    file.write_text("price,volume\n60000,1\n")
    first = key_of(scenario, 1, state)
    file.write_text("price,volume\n60000,2\n")
    assert key_of(scenario, 1, state) != first
    foreign = scenario.model_copy(update={"shock": ({"kind": "my_study.my_shock"},)})
    assert key_of(foreign, 1, state) is None


def test_what_is_kept_is_found_and_nothing_else() -> None:
    state = built().state
    keep_state("a" * 32, state, {"blocks": 3})
    found = find_state("a" * 32, state)
    assert found is not None
    assert found[1] == {"blocks": 3}
    for (_, one), (_, other) in zip(named_arrays(state), named_arrays(found[0]), strict=True):
        assert (one == other).all()
    assert find_state("b" * 32, state) is None
    assert find_state(None, state) is None


def test_the_folder_stays_below_its_limit(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = built().state
    for name in "abc":
        keep_state(name * 32, state, {})
    size = (cache / f"{'a' * 32}.npz").stat().st_size
    for age, name in enumerate("cab"):  # b was used last, c first
        os.utime(cache / f"{name * 32}.npz", (1e9 + age, 1e9 + age))
    monkeypatch.setenv("CROSSMARGIN_BURN_IN_BYTES", str(int(2.5 * size)))
    keep_state("d" * 32, state, {})
    assert sorted(file.stem[0] for file in cache.glob("*.npz")) == ["b", "d"]
    monkeypatch.setenv("CROSSMARGIN_BURN_IN_BYTES", "1")
    keep_state("e" * 32, state, {})
    assert [file.stem[0] for file in cache.glob("*.npz")] == ["e"]
    monkeypatch.setenv("CROSSMARGIN_BURN_IN_BYTES", "1 GB")
    with pytest.raises(ParameterError, match="no number of bytes"):
        keep_state("f" * 32, state, {})


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(burnt_states, "folder", lambda: tmp_path / "file" / "burn-in")
    state = built().state
    keep_state("a" * 32, state, {})
    assert find_state("a" * 32, state) is None
