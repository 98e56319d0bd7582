"""A folder becomes a market: who holds what, at what cost, and what rests in the books."""

import csv
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

import crossmargin as xm
from crossmargin.experiments.describe import json_schema
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.snapshots.importing import Imported, load_folder, write_scenario
from crossmargin.experiments.snapshots.table import COLUMNS
from crossmargin.experiments.sweeps.identity import scenario_digest
from crossmargin.experiments.sweeps.plan import load_plan
from crossmargin.model.errors import ScenarioError
from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import BACKSTOP, INSURANCE
from tests.experiments.snapshots.folders import VENUE, depth, row_of, unrealised, venue, write

CELLS: dict[str, list[Any]] = pyarrow.parquet.read_table(VENUE / "accounts.parquet").to_pydict()


@pytest.fixture(scope="module")
def found() -> Imported:
    return load_folder(VENUE)


def test_every_account_holds_what_its_row_says(found: Imported) -> None:
    ledger = found.world.state.ledger
    for i, name in enumerate(CELLS["account"]):
        if name == "backstop":
            continue
        row = row_of(found, name)
        assert ledger.balances[row, QUOTE] == CELLS["balance:USDC"][i] * 10**6
        assert ledger.balances[row, 1] == CELLS["balance:BTC"][i] * 10**8
        assert ledger.lots[row, 0] == CELLS["position:BTC-PERP"][i] * 1000


def test_unrealised_profit_is_that_of_the_entry_price_to_the_unit(found: Imported) -> None:
    for i, name in enumerate(CELLS["account"]):
        base, entry = CELLS["position:BTC-PERP"][i], CELLS["entry:BTC-PERP"][i]
        if base:
            profit = base * (Decimal("60010.25") - Decimal(entry)) * 10**6
            assert unrealised(found.world.state, row_of(found, name), 0) == profit


def test_the_books_balance_and_the_venue_has_its_money(found: Imported) -> None:
    world = found.world
    assert set(world.audit().values()) == {0}
    balances = world.state.ledger.balances
    assert balances[INSURANCE, QUOTE] == 250_000 * 10**6
    assert balances[BACKSTOP].tolist() == [0, 10**7]
    held = sum(abs(base) for base in CELLS["position:BTC-PERP"])
    assert world.state.ledger.markets["open_interest"][0] == held * 1000


def test_types_get_behaviours_and_passive_holders_by_default(found: Imported) -> None:
    kinds = {row.name: row.kind for row in found.scenario.population}
    assert kinds["retail"] == "leveraged"
    assert kinds["fund"] == kinds["treasury"] == "holders"
    assert {row.name: row.count for row in found.scenario.population}["retail"] == 16


def test_owners_and_isolated_accounts_stay_what_they_are(found: Imported) -> None:
    accounts = found.world.state.ledger.accounts
    main, hedge, idle = (row_of(found, f"f-{name}") for name in ("main", "hedge", "idle"))
    assert accounts["owner"][main] == accounts["owner"][hedge] != accounts["owner"][idle]
    assert accounts["only_market"][row_of(found, "r-03")] == 0
    assert (accounts["only_market"] >= 0).sum() == 1


def test_draws_go_by_population_and_place_in_the_file(found: Imported) -> None:
    """The same traits as accounts of a population of that name that was not imported."""
    table = load_scenario("calm", {"run.steps": 1}).model_dump(mode="json", exclude_none=True)
    longs = next(row for row in table["population"] if row["name"] == "longs")
    longs |= {"name": "retail", "count": 16}
    other = xm.Market(table).world
    rows = [
        np.flatnonzero(w.state.ledger.accounts["population"] == w.names.populations.index("retail"))
        for w in (found.world, other)
    ]
    for array in ("traits",):
        ours = getattr(found.world.state.crowd, array)[rows[0]]
        assert np.array_equal(ours, getattr(other.state.crowd, array)[rows[1]])


def test_the_book_has_the_given_depth_at_every_given_distance(found: Imported) -> None:
    names = found.world.names.markets
    for row in csv.DictReader((VENUE / "depth.csv").read_text().splitlines()):
        market, side = names.index(row["market"]), ("bid", "ask").index(row["side"])
        rests = depth(found.world, market, side, float(row["distance_bps"]))
        assert rests == pytest.approx(float(row["quantity"]), abs=1e-9)


def test_points_between_spread_the_depth_and_keep_its_sums(tmp_path: Path) -> None:
    text = (VENUE / "market.toml").read_text() + "\n[snapshot.depth]\npoints_between = 4\n"
    finer = load_folder(venue(tmp_path / "venue", market=text)).world
    for bps, base in ((2, 0.8), (10, 6.25), (50, 31), (200, 90)):
        assert depth(finer, 0, 0, bps) == pytest.approx(base, abs=1e-9)
    assert 6.25 < depth(finer, 0, 0, 30) < 31
    assert depth(load_folder(VENUE).world, 0, 0, 30) == pytest.approx(6.25)


def test_prices_of_the_snapshot_are_those_of_the_market(found: Imported) -> None:
    markets, ladders = found.world.state.ledger.markets, found.world.state.book.ladders
    assert markets["mark"].tolist() == [240041, 240000]
    assert markets["index"].tolist() == [240000, 240000]
    assert ladders["mid"].tolist() == [240032, 240000]


def test_it_runs_conserves_and_repeats(found: Imported) -> None:
    first = xm.simulate(found.scenario, seed=4, audit=True)
    second = xm.simulate(xm.import_snapshot(VENUE), seed=4)
    assert first.series.equals(second.series)
    assert first.summary["messages"] > 0


def test_the_scenario_file_runs_wherever_it_lies(tmp_path: Path, found: Imported) -> None:
    folder = venue(tmp_path / "data" / "venue")
    out = write_scenario(load_folder(folder), tmp_path / "mine.toml")
    again = load_scenario(out)
    assert again.snapshot is not None
    assert Path(again.snapshot.folder) == folder.resolve()
    assert again.population == found.scenario.population
    assert 'folder = "data/venue"' in out.read_text()
    with pytest.raises(ScenarioError, match="is there already"):
        write_scenario(load_folder(folder), out)


def test_files_that_changed_since_are_refused(tmp_path: Path) -> None:
    folder = venue(tmp_path / "venue")
    out = write_scenario(load_folder(folder), folder / "scenario.toml")
    cells = {name: list(values) for name, values in CELLS.items()}
    cells["balance:USDC"][0] += 1
    write(folder / "accounts.parquet", cells)
    with pytest.raises(ScenarioError, match="not those that were imported"):
        xm.simulate(out, steps=1)


def test_the_content_of_a_snapshot_is_part_of_a_sweeps_identity(tmp_path: Path) -> None:
    def digest(folder: Path) -> str:
        out = write_scenario(load_folder(folder), folder / "scenario.toml")
        text = out.read_text().splitlines()
        out.write_text("\n".join(line for line in text if not line.startswith("digest")))
        factor = {"path": "venue.insurance", "values": [1.0]}
        plan = {"name": "one", "scenario": str(out), "factor": [factor]}
        return scenario_digest(load_plan(plan))

    def richer(cells: dict[str, list[Any]]) -> None:
        cells["balance:USDC"][0] += 1

    first = digest(venue(tmp_path / "a"))
    assert digest(venue(tmp_path / "b")) == first
    assert digest(venue(tmp_path / "c", richer)) != first


def test_long_tables_say_the_same_as_wide_ones(tmp_path: Path, found: Imported) -> None:
    folder, held = tmp_path / "venue", range(len(CELLS["account"]))
    shutil.copytree(VENUE, folder)
    names = ("account", "population", "owner", "isolated_market")
    write(folder / "accounts.parquet", {name: CELLS[name] for name in names})
    lines = ["account,asset,balance"]
    for asset in ("USDC", "BTC"):
        for i in held:
            if CELLS[f"balance:{asset}"][i]:
                lines.append(f"{CELLS['account'][i]},{asset},{CELLS[f'balance:{asset}'][i]}")
    (folder / "balances.csv").write_text("\n".join(lines) + "\n")
    rows = [i for i in held if CELLS["position:BTC-PERP"][i]]
    write(
        folder / "positions.parquet",
        {
            "account": [CELLS["account"][i] for i in rows],
            "market": ["BTC-PERP"] * len(rows),
            "position": [CELLS["position:BTC-PERP"][i] for i in rows],
            "entry": [CELLS["entry:BTC-PERP"][i] for i in rows],
        },
    )
    text = (VENUE / "market.toml").read_text()
    files = '[snapshot]\nbalances = "balances.csv"\npositions = "positions.parquet"\n\n'
    (folder / "market.toml").write_text(
        text.replace("[snapshot.market", files + "[snapshot.market")
    )
    long = load_folder(folder).world.state
    for name in ("balances", "lots", "cost"):
        ours = getattr(found.world.state.ledger, name)
        assert np.array_equal(getattr(long.ledger, name), ours), name


def test_the_readme_and_the_schema_say_every_column() -> None:
    text = (VENUE.parents[3] / "experiments" / "README.md").read_text()
    shown = {"balance:": "balance:ASSET", "position:": "position:MARKET", "entry:": "entry:MARKET"}
    shown["outside:"] = "outside:MARKET"
    for column in COLUMNS:
        assert f"| `{shown.get(column, column)}` |" in text
    assert json_schema()["snapshot_columns"]["accounts"] == COLUMNS
    assert "snapshot" in json_schema()["properties"]


def test_columns_of_other_names_are_mapped(tmp_path: Path, found: Imported) -> None:
    def rename(cells: dict[str, list[Any]]) -> None:
        cells["cash"] = cells.pop("balance:USDC")

    text = (VENUE / "market.toml").read_text() + '\n[snapshot.columns]\n"balance:USDC" = "cash"\n'
    renamed = load_folder(venue(tmp_path / "venue", rename, market=text)).world.state
    assert np.array_equal(renamed.ledger.balances, found.world.state.ledger.balances)


def test_without_entries_positions_count_as_opened_at_the_mark(tmp_path: Path) -> None:
    found = load_folder(venue(tmp_path / "venue", lambda cells: cells.pop("entry:BTC-PERP")))
    ledger = found.world.state.ledger
    assert np.array_equal(ledger.cost[:, 0], ledger.lots[:, 0] * 240041 * 250)
    assert any("opened at the mark" in note for note in found.content.accounts.notes)


def test_what_rounding_to_lots_leaves_over_is_taken_off_the_largest(tmp_path: Path) -> None:
    def shave(cells: dict[str, list[Any]]) -> None:
        base = [float(x) for x in cells["position:BTC-PERP"]]
        base[0] += 0.0004  # in all within a lot of zero
        base[1] += 0.0004
        base[2] -= 0.0006
        cells["position:BTC-PERP"] = base

    found = load_folder(venue(tmp_path / "venue", shave))
    lots = found.content.accounts.lots[:, 0]
    assert lots.sum() == 0
    given = np.array([float(x) * 1000 for x in CELLS["position:BTC-PERP"]])
    assert np.abs(lots - given).sum() == 2
    assert any("rounded to whole lots in 3 rows" in note for note in found.content.accounts.notes)


def test_coins_are_rounded_down_to_whole_lots_of_their_market(tmp_path: Path) -> None:
    def odd(cells: dict[str, list[Any]]) -> None:
        cells["balance:BTC"][0] = Decimal("0.01234567")

    found = load_folder(venue(tmp_path / "venue", odd))
    assert found.content.accounts.balances[0, 1] == 1_200_000
    assert any("0.00034567 BTC in all" in note for note in found.content.accounts.notes)
