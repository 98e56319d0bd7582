"""Bad snapshots: every problem is named with file, row and column, and nothing is written."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import crossmargin as xm
from crossmargin.experiments.cli import main
from crossmargin.experiments.snapshots.importing import load_folder
from crossmargin.model.errors import ScenarioError
from tests.experiments.snapshots.folders import VENUE, Cells, problems, venue

MARKET = (VENUE / "market.toml").read_text()
DEPTH = (VENUE / "depth.csv").read_text()


def put(column: str, row: int, value: Any) -> Callable[[Cells], Any]:
    """Change of one cell."""

    def change(cells: Cells) -> None:
        cells[column] = [float(x) if isinstance(x, Decimal) else x for x in cells[column]]
        cells[column][row] = value

    return change


def add(column: str, value: Any) -> Callable[[Cells], Any]:
    """A column more."""

    def change(cells: Cells) -> None:
        cells[column] = [value] * len(cells["account"])

    return change


PERP, USDC, BTC = "position:BTC-PERP", "balance:USDC", "balance:BTC"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("account", 4, "r-02"), ["row 5 (account r-02), column account", "row 3 as well"]),
        (put("account", 4, None), ["row 5", "column account", "is empty"]),
        (put("account", 4, ""), ["row 5", "column account", "is empty"]),
        (put(USDC, 2, float("nan")), ["row 3 (account r-02), column balance:USDC", "is missing"]),
        (put(USDC, 2, None), ["row 3", "column balance:USDC", "write 0 for none"]),
        (put(USDC, 2, float("inf")), ["row 3", "column balance:USDC", "no finite number"]),
        (put(USDC, 2, "many"), ["row 3", "column balance:USDC", "'many' is no number"]),
        (put(USDC, 2, 1e30), ["row 3", "column balance:USDC", "too large"]),
        (put(USDC, 2, -50_000.0), ["row 3", "column balance:USDC", "equity", "below zero"]),
        (put(BTC, 2, -1.0), ["row 3", "column balance:BTC", "negative"]),
        (put(PERP, 2, float("nan")), ["row 3", f"column {PERP}", "is missing"]),
        (put(PERP, 18, 5.0), ["row 19", f"column {PERP}", "do not sum to zero", "exceed", "by 5"]),
        (put("entry:BTC-PERP", 2, None), ["row 3", "entry:BTC-PERP", "there is a position"]),
        (put("entry:BTC-PERP", 2, -1.0), ["row 3", "entry:BTC-PERP", "the mark is 60010.25"]),
        (put("entry:BTC-PERP", 2, 6e8), ["row 3", "entry:BTC-PERP", "is no price"]),
        (put("isolated_market", 2, "BTC-PREP"), ["row 3", "did you mean 'BTC-PERP'"]),
        (put("isolated_market", 2, "BTC-USDC"), ["row 3", PERP, "isolated to BTC-USDC"]),
        (put("population", 2, "a/b"), ["row 3", "column population", "'a/b' is no name"]),
        (put("population", 2, "backstop"), ["one row backstop, not 2"]),
        (add("balance:ETH", 0.0), ["column balance:ETH", "there is no asset 'ETH'"]),
        (add("position:ETH-PERP", 0.0), ["there is no market 'ETH-PERP'", "BTC-PERP"]),
        (add("position:BTC-USDC", 0.0), ["is a spot market", "balance:"]),
        (add("leverage", 3.0), ["column leverage", "unknown column"]),
        (lambda cells: cells.pop("account"), ["no column account"]),
        (lambda cells: [column.clear() for column in cells.values()], ["has no rows"]),
        (put(PERP, 2, 1e9), [f"column {PERP}", "do not sum to zero"]),
    ],
)
def test_bad_accounts(tmp_path: Path, change: Callable[[Cells], Any], words: list[str]) -> None:
    found = problems(venue(tmp_path / "venue", change))
    assert any(all(word in line for word in words) for line in found), found


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("BTC-PERP,bid,2,0.8", "BTC-PREP,bid,2,0.8", ["row 1, column market", "did you mean"]),
        ("BTC-PERP,bid,2,0.8", "BTC-PERP,buy,2,0.8", ["row 1, column side", "neither bid nor ask"]),
        ("bid,2,0.8", "bid,0,0.8", ["row 1, column distance_bps", "is no distance"]),
        ("bid,2,0.8", "bid,10000,0.8", ["row 1, column distance_bps", "is no distance"]),
        ("bid,2,0.8", "bid,nan,0.8", ["row 1, column distance_bps", "no finite number"]),
        ("bid,2,0.8", "bid,2,-1", ["row 1, column quantity", "negative"]),
        ("bid,2,0.8", "bid,2,7", ["row 2, column quantity", "quantities cumulate"]),
        ("bid,2,0.8", "bid,10,0.8", ["row 2, column distance_bps", "stands twice"]),
        ("bid,2,0.8", "bid,0.01,0.8", ["row 1, column distance_bps", "no price so near"]),
        ("BTC-USDC,ask", "BTC-USDC,bid", ["column"]),
        ("quantity", "amount", ["there is no column quantity"]),
    ],
)
def test_bad_depth(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    found = problems(venue(tmp_path / "venue", depth=DEPTH.replace(old, new)))
    assert any(all(word in line for word in ["depth.csv", *words]) for line in found), found


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"retail"', '"retial"', ["population.retial", "did you mean 'retail'"]),
        ('kind = "leveraged"', 'kind = "leveraged"\ncount = 3', ["count = 3", "has 16 accounts"]),
        ('kind = "leveraged"', 'kind = "leveraged"\nwealth = 5.0', ["retail.wealth", "snapshot"]),
        ('kind = "leveraged"', 'kind = "makers"', ["population.retail"]),
        ('kind = "depth_providers"', 'kind = "holders"', ["population.depth"]),
        ("mark = 60010.25", "mark = 6001025.0", ["snapshot.market.BTC-PERP.mark", "10 times"]),
        ("snapshot.market.BTC-PERP", "snapshot.market.BTC", ["snapshot.market.BTC", "there are"]),
        ("mark = 60010.25", "marc = 60010.25", ["marc", "did you mean 'mark'"]),
        ("[run]", "[walk]", ["walk", "unknown key"]),
        ("steps = 60", "steps = 0", ["market.toml", "run.steps"]),
    ],
)
def test_bad_parameters(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    folder = venue(tmp_path / "venue", market=MARKET.replace(old, new))
    with pytest.raises(ScenarioError) as error:
        load_folder(folder)
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize(
    ("table", "row", "words"),
    [
        ("positions", "r-77,BTC-PERP,0.1,60000", ["positions.csv, row 1", "no account 'r-77'"]),
        ("positions", "r-01,ETH-PERP,0.1,60000", ["positions.csv, row 1", "market 'ETH-PERP'"]),
        ("positions", "r-01,BTC-PERP,x,60000", ["positions.csv, row 1", "column position"]),
        ("positions", "r-01,BTC-PERP,0.1,", ["positions.csv, row 1", "column entry"]),
        ("positions", "r-01,BTC-PERP,1,60000\nr-01,BTC-PERP,1,60000", ["row 2", "a second row"]),
    ],
)
def test_bad_rows_of_long_tables(tmp_path: Path, table: str, row: str, words: list[str]) -> None:
    def bare(cells: Cells) -> None:
        cells.pop(PERP)
        cells.pop("entry:BTC-PERP")

    text = MARKET + f'\n[snapshot]\n{table} = "{table}.csv"\n'
    text = text.replace("[snapshot.market.BTC-PERP]\nmark = 60010.25\nmid = 60008.0\n", "")
    rows = f"account,market,position,entry\n{row}\n"
    found = problems(venue(tmp_path / "venue", bare, market=text, **{table: rows}))
    assert any(all(word in line for word in words) for line in found), found


@pytest.mark.parametrize("name", ["accounts.parquet", "market.toml"])
def test_missing_and_broken_files(tmp_path: Path, name: str) -> None:
    folder = venue(tmp_path / "venue")
    (folder / name).write_bytes(b"\x00\x01 no file")
    with pytest.raises(ScenarioError, match=name):
        xm.import_snapshot(folder)
    (folder / name).unlink()
    with pytest.raises(ScenarioError, match=name):
        xm.import_snapshot(folder)


def test_accounts_that_owe_more_than_they_have_can_be_kept(tmp_path: Path) -> None:
    text = MARKET.replace("[snapshot.m", '[snapshot]\nnegative_equity = "keep"\n\n[snapshot.m')
    folder = venue(tmp_path / "venue", put(USDC, 2, -50_000.0), market=text)
    found = load_folder(folder)
    assert (found.content.accounts.equity(found.grid) < 0).sum() == 1
    assert set(found.world.audit().values()) == {0}


def test_the_command_lists_every_problem_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(cells: Cells) -> None:
        put(USDC, 2, float("nan"))(cells)
        put("account", 7, "r-00")(cells)
        put(BTC, 5, -1.0)(cells)

    folder = venue(tmp_path / "venue", spoil, depth=DEPTH.replace("bid,2,0.8", "bid,2,-1"))
    before = sorted(folder.iterdir())
    for words in ([], ["--check"], ["--anonymise", str(tmp_path / "copy")]):
        with pytest.raises(SystemExit) as stop:
            main(["import", str(folder), *words])
        assert stop.value.code == 2
        lines = capsys.readouterr().err.splitlines()
        assert len([line for line in lines if line.startswith("error: ")]) == 4
        assert lines[-1] == "4 problems"
    assert sorted(folder.iterdir()) == before
    assert sorted(tmp_path.iterdir()) == [folder]
