"""Anonymised snapshots: names gone, order gone, sums kept, the small in crowds of k."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import crossmargin as xm
from crossmargin.experiments.cli import main
from crossmargin.experiments.snapshots.accounts import Accounts
from crossmargin.experiments.snapshots.anonymising import (
    Disguise,
    anonymise,
    comparison,
    hashed,
    matched,
    to_digits,
)
from crossmargin.experiments.snapshots.importing import Imported, load_folder
from crossmargin.experiments.snapshots.merging import merge_small
from crossmargin.model.ledger import QUOTE
from tests.experiments.snapshots.folders import VENUE, venue

SALT = bytes(range(32))


@pytest.fixture(scope="module")
def found() -> Imported:
    return load_folder(VENUE)


@pytest.fixture(scope="module")
def crowd() -> Imported:
    """A market of 1,800 accounts."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        market = xm.Market("calm", seed=1)
        return load_folder(xm.export_snapshot(market, f"{folder}/calm"))


def holdings(accounts: Accounts) -> Counter[tuple[int, ...]]:
    """What accounts hold, whoever they are."""
    table = np.hstack([accounts.balances, accounts.lots, accounts.cost, accounts.outside])
    return Counter(map(tuple, table.tolist()))


def test_names_and_order_go_and_holdings_stay(found: Imported) -> None:
    before = found.content.accounts
    after = anonymise(before, found.grid, Disguise())
    assert holdings(after) == holdings(before)
    kept = set(after.ids) & set(before.ids)
    assert kept == {"backstop"}
    assert len(set(after.ids)) == len(before.ids)
    assert not any(name in "".join(after.ids + after.owners) for name in ("r-0", "f-", "treasury"))
    assert not np.array_equal(after.balances, before.balances)


def test_two_copies_share_no_name(found: Imported) -> None:
    copies = [anonymise(found.content.accounts, found.grid, Disguise()) for _ in range(2)]
    assert set(copies[0].ids) & set(copies[1].ids) == {"backstop"}


def test_a_name_needs_its_salt() -> None:
    assert hashed("alice", SALT) == hashed("alice", SALT)
    assert hashed("alice", SALT) != hashed("alice", SALT[::-1])
    assert hashed("alice", SALT) != hashed("bob", SALT)


def test_accounts_of_one_owner_stay_together(found: Imported) -> None:
    after = anonymise(found.content.accounts, found.grid, Disguise(), SALT)
    owners = Counter(owner for owner in after.owners if owner)
    assert list(owners.values()) == [2]
    assert "f" not in owners


@given(
    amounts=arrays(np.int64, st.integers(1, 30), elements=st.integers(-(10**17), 10**17)),
    digits=st.integers(1, 15),
)
def test_digits_are_significant(amounts: np.ndarray, digits: int) -> None:
    rounded = to_digits(amounts, digits)
    for old, new in zip(amounts.tolist(), rounded.tolist(), strict=True):
        assert len(str(abs(new)).rstrip("0")) <= digits
        assert abs(new - old) * 2 <= 10 ** max(0, len(str(abs(old))) - digits)


@given(
    lots=arrays(np.int64, st.integers(2, 30), elements=st.integers(-(10**12), 10**12)),
    share=st.floats(-1, 1),
)
def test_what_is_taken_off_makes_the_sum_right(lots: np.ndarray, share: float) -> None:
    low, high = (int(side.sum()) for side in (lots[lots < 0], lots[lots > 0]))
    total = int(low + (high - low) * (share + 1) / 2)
    found = matched(lots, min(max(total, low), high))
    assert found.sum() == min(max(total, low), high)
    assert (found * np.sign(lots) >= 0).all()
    assert (np.abs(found) <= np.abs(lots)).all()


def test_rounded_amounts_match_and_leave_nobody_below_zero(crowd: Imported) -> None:
    before, grid = crowd.content.accounts, crowd.grid
    after = anonymise(before, grid, Disguise(digits=2), SALT)
    assert not after.lots.sum(axis=0).any()
    assert (after.equity(grid) >= 0).all()
    people = after.balances[~after.is_system, QUOTE]
    plain = sum(len(str(abs(int(units))).rstrip("0")) <= 2 for units in people)
    assert plain > 0.95 * len(people)
    for name, old, new in comparison(before, after, grid):
        assert new == pytest.approx(old, rel=0.02, abs=0.02), name


def test_small_accounts_become_buckets_of_at_least_k(crowd: Imported) -> None:
    before, grid = crowd.content.accounts, crowd.grid
    after = anonymise(before, grid, Disguise(merge_below=5_000.0, k=7), SALT)
    small = (before.equity(grid) < 5_000 * 10**6) & ~before.is_system
    buckets = len(after.ids) - int((~small).sum())
    assert 0 < buckets <= small.sum() // 7
    assert after.balances.sum(axis=0).tolist() == before.balances.sum(axis=0).tolist()
    assert np.abs(after.lots).sum() == np.abs(before.lots).sum()
    assert after.equity(grid).sum() == before.equity(grid).sum()
    whole = (~small).nonzero()[0]
    assert not holdings_of(before, whole) - holdings(after)
    old, new = (row[1:] for row in comparison(before, after, grid)[-3:-1])
    assert old[0] == pytest.approx(old[1], abs=0.03)
    assert new[0] == pytest.approx(new[1], abs=0.03)


def holdings_of(accounts: Accounts, rows: np.ndarray) -> Counter[tuple[int, ...]]:
    table = np.hstack([accounts.balances, accounts.lots, accounts.cost, accounts.outside])
    return Counter(map(tuple, table[rows].tolist()))


def test_longs_and_shorts_cancel_only_when_nobody_is_alike(found: Imported) -> None:
    accounts, grid = found.content.accounts, found.grid
    people = anonymise(accounts, grid, Disguise(), SALT)
    held = {k: np.abs(merge_small(people, grid, 1e12, k).lots).sum() for k in (5, 11)}
    assert held[11] < held[5] == np.abs(people.lots).sum()  # there are ten longs
    merged = merge_small(people, grid, 1e12, 5)
    assert merged.equity(grid).sum() == people.equity(grid).sum()
    assert any("stay alone" in note for note in merged.notes)


def test_a_copy_is_a_snapshot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = venue(tmp_path / "venue")
    words = ["--digits", "3", "--merge-below", "9000", "--k", "3"]
    with pytest.raises(SystemExit) as stop:
        main(["import", str(folder), "--anonymise", str(tmp_path / "copy"), *words])
    assert not stop.value.code
    assert "open interest BTC-PERP" in capsys.readouterr().out
    assert not (folder / "scenario.toml").exists()
    for file in (tmp_path / "copy").iterdir():
        assert b"r-03" not in file.read_bytes()
    copy = load_folder(tmp_path / "copy")
    assert set(copy.world.audit().values()) == {0}
    assert (
        copy.content.curves[0].lots.tolist() == load_folder(folder).content.curves[0].lots.tolist()
    )
    table = pyarrow.parquet.read_table(tmp_path / "copy" / "accounts.parquet")
    assert table.schema.metadata is None or b"r-03" not in str(table.schema.metadata).encode()


def test_a_run_is_exported_anonymously(tmp_path: Path) -> None:
    xm.simulate(xm.import_snapshot(VENUE), seed=5, steps=6).save(tmp_path / "run")
    words = ["--step", "6", "--anonymise", "--digits", "4", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as stop:
        main(["export", str(tmp_path / "run"), *words])
    assert not stop.value.code
    found = load_folder(tmp_path / "out")
    assert set(found.world.audit().values()) == {0}
    assert not any(name.startswith("retail-") for name in found.content.accounts.ids)
