"""A market becomes a folder, and the folder the same market again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crossmargin as xm
from crossmargin.experiments.cli import main
from crossmargin.experiments.load import load_scenario, scenario_names
from crossmargin.experiments.snapshots.depth import curve_of_book
from crossmargin.experiments.snapshots.importing import load_folder
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import FIRST_SETTLEMENT, State
from crossmargin.model.world import World
from tests.experiments.snapshots.folders import VENUE, Cells, venue

NUMBERS = (
    "equity",
    "initial_equity",
    "maintenance_equity",
    "initial_requirement",
    "maintenance_requirement",
)


def without_orders(state: State) -> State:
    """Margin numbers of positions alone: resting orders are not in a snapshot."""
    book = state.book._replace(open_lots=np.zeros_like(state.book.open_lots))
    measure_all(state.ledger, book)
    return state


def assert_same(before: World, after: World) -> None:
    """Every account and row of the venue holds the same, to the unit."""
    old, new = without_orders(before.state).ledger, without_orders(after.state).ledger
    first = FIRST_SETTLEMENT + sum(m.kind == "perpetual" for m in before.scenario.market)
    last = first + int((old.accounts["population"] >= 0).sum())  # behind them: the depth curve
    for name in ("balances", "lots", "cost"):
        assert np.array_equal(getattr(old, name)[:last], getattr(new, name)[:last]), name
    for name in (*NUMBERS, "owner", "only_market", "index", "key"):
        ours, theirs = (ledger.accounts[name][first:last] for ledger in (old, new))
        assert np.array_equal(ours, theirs), name
    for name in ("mark", "index", "open_interest"):
        assert np.array_equal(old.markets[name], new.markets[name]), name
    assert set(after.audit().values()) == {0}


def assert_same_depth(before: World, after: World) -> int:
    """Depth curves are the same to a lot where there was one; returns how many there were."""
    compared = 0
    for m in range(len(before.names.markets)):
        curves = [curve_of_book(before.state, m, side) for side in range(2)]
        if all(curves):
            assert [curve_of_book(after.state, m, side) for side in range(2)] == curves
            compared += 1
    return compared


#: Built-in scenarios with markets of a kind that a snapshot cannot hold.
OTHER_KINDS = {"coin-margined", "gamma-squeeze", "pool-perps"}


def round_trip(market: xm.Market, folder: Path) -> World:
    return load_folder(xm.export_snapshot(market, folder)).world


@pytest.mark.parametrize("name", sorted(OTHER_KINDS))
def test_kinds_that_a_snapshot_cannot_hold_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ParameterError, match="a snapshot holds"):
        xm.export_snapshot(xm.Market(name, seed=1), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "step"), [("calm", 0), ("calm", 40), ("leverage-spiral", 140)])
def test_round_trip_of_a_scenario(tmp_path: Path, name: str, step: int) -> None:
    market = xm.Market(name, seed=2)
    market.run_for(step)
    again = round_trip(market, tmp_path / "out")
    assert_same(market.world, again)
    compared = assert_same_depth(market.world, again)
    assert compared == (2 if name == "calm" and step else compared)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(set(scenario_names()) - OTHER_KINDS))
@pytest.mark.parametrize("step", [100, 400])
def test_round_trip_of_every_built_in_scenario(tmp_path: Path, name: str, step: int) -> None:
    market = xm.Market(name, seed=3)
    market.run_for(min(step, load_scenario(name).run.steps))
    again = round_trip(market, tmp_path / "out")
    assert_same(market.world, again)
    assert_same_depth(market.world, again)
    again.run(10, audit=True)


def test_a_market_exported_twice_is_the_same(tmp_path: Path) -> None:
    first = load_folder(VENUE)
    market = xm.Market(first.scenario, seed=1)
    market.run_for(20)
    again = round_trip(market, tmp_path / "out")
    assert_same(market.world, again)
    assert assert_same_depth(market.world, again) == 2
    assert [row.name for row in again.scenario.population][-1] == "depth-again"


@st.composite
def books(draw: st.DrawFn) -> Cells:
    """Small books: amounts, entries and matched positions of any size that fits."""
    n = draw(st.integers(2, 8))
    lots = draw(st.lists(st.integers(-(10**5), 10**5), min_size=n, max_size=n))
    lots[-1] = -sum(lots[:-1])
    entries = draw(st.lists(st.floats(6_000, 600_000), min_size=n, max_size=n))
    worth = [abs(x) / 1000 * (abs(p - 60_010.25)) for x, p in zip(lots, entries, strict=True)]
    extra = draw(st.lists(st.floats(0, 1e7), min_size=n, max_size=n))
    coins = draw(st.lists(st.integers(0, 10**5), min_size=n, max_size=n))
    modes = draw(st.lists(st.sampled_from([None, "BTC-PERP"]), min_size=n, max_size=n))
    labels = draw(st.lists(st.sampled_from(["retail", "fund", None]), min_size=n, max_size=n))
    return {
        "account": [f"x{i}" for i in range(n)],
        "population": ["retail", *labels[1:]],
        "isolated_market": modes,
        "balance:USDC": [w + e + 1.0 for w, e in zip(worth, extra, strict=True)],
        "balance:BTC": [c / 1000 for c in coins],
        "position:BTC-PERP": [x / 1000 for x in lots],
        "entry:BTC-PERP": entries,
    }


@settings(max_examples=25)
@given(cells=books())
def test_round_trip_of_random_books(cells: Cells, tmp_path_factory: pytest.TempPathFactory) -> None:
    def change(old: Cells) -> None:
        old.clear()
        old.update(cells)

    place = tmp_path_factory.mktemp("books")
    first = load_folder(venue(place / "in", change))
    assert set(first.world.audit().values()) == {0}
    assert_same(first.world, round_trip_of(first.world, place / "out"))


def round_trip_of(world: World, folder: Path) -> World:
    return load_folder(xm.export_snapshot(world, folder)).world


def test_what_is_over_is_left_out_and_what_is_to_come_moves_nearer(tmp_path: Path) -> None:
    market = xm.Market("leverage-spiral", seed=1)
    market.run_for(60)  # five of ten minutes until the venue raises its margins
    before = load_folder(xm.export_snapshot(market, tmp_path / "before")).scenario
    assert [row["at"] for row in before.shock] == [300.0]
    market.run_for(80)
    after = load_folder(xm.export_snapshot(market, tmp_path / "after")).scenario
    assert after.shock == ()
    rates = [scenario.market[0].tiers[0].initial for scenario in (before, after)]
    assert rates[1] == pytest.approx(1.6 * rates[0])
    assert after.run.steps == 960 - 140


def test_makers_hold_or_quote_on(tmp_path: Path) -> None:
    market = xm.Market("calm", seed=1)
    market.run_for(30)
    curve = xm.import_snapshot(xm.export_snapshot(market, tmp_path / "curve"))
    kept = xm.import_snapshot(xm.export_snapshot(market, tmp_path / "kept", keep_makers=True))
    kinds = [{row.name: row.kind for row in scenario.population} for scenario in (curve, kept)]
    assert kinds[0]["makers"] == "holders"
    assert kinds[0]["depth"] == "depth_providers"
    assert kinds[1]["makers"] == "makers"
    assert "depth" not in kinds[1]
    assert not (tmp_path / "kept" / "depth.csv").exists()


def test_a_recording_goes_on_where_it_was(tmp_path: Path) -> None:
    market = xm.Market("black-thursday")
    market.run_for(30)
    reference = market.world.state.outside.references["price"].copy()
    again = load_folder(xm.export_snapshot(market, tmp_path / "out")).world
    found = again.state.outside.references["price"]
    assert found == pytest.approx(reference, rel=0.02)


def test_a_folder_that_holds_a_snapshot_is_not_written_over(tmp_path: Path) -> None:
    folder = venue(tmp_path / "venue")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(ScenarioError, match=r"holds market\.toml already"):
        xm.export_snapshot(xm.Market(xm.import_snapshot(VENUE)), folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


# The commands -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "venue"
    xm.simulate(xm.import_snapshot(VENUE), seed=5, steps=30).save(folder)
    return folder


def test_export_of_a_run_is_the_market_at_that_step(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main_quietly(["export", str(run), "--step", "12", "--out", str(tmp_path / "out")])
    assert "differs" not in capsys.readouterr().err
    market = xm.Market(xm.import_snapshot(VENUE), seed=5)
    market.run_for(12)
    assert_same(market.world, load_folder(tmp_path / "out").world)
    main_quietly(["import", str(tmp_path / "out")])
    again = xm.simulate(tmp_path / "out" / "scenario.toml", steps=5, audit=True)
    assert set(again.summary["residuals"].values()) == {0}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--step", "31"], "steps 0 to 30"),
        (["--step", "-1"], "step"),
        (["--step", "many"], "step"),
        ([], "step"),
        (["--step", "3", "--digits", "3"], "--anonymise"),
        (["--step", "3", "--out", "/proc/nowhere"], "cannot be written"),
    ],
)
def test_bad_words(
    run: Path, tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [] if "--out" in words else ["--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as stop:
        main(["export", str(run), *words, *where])
    assert stop.value.code == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in (tmp_path, tmp_path / "none", VENUE):
        with pytest.raises(SystemExit) as stop:
            main(["export", str(place), "--step", "1", "--out", str(tmp_path / "out")])
        assert stop.value.code == 2
    assert not list(tmp_path.iterdir())


def test_a_record_that_this_code_does_not_make_is_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    copy.mkdir()
    for file in run.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    record: dict[str, Any] = json.loads((copy / "run.json").read_text())
    record["seed"] += 1
    (copy / "run.json").write_text(json.dumps(record))
    main_quietly(["export", str(copy), "--step", "9", "--out", str(tmp_path / "out")])
    assert "differs from its record" in capsys.readouterr().err


def main_quietly(words: list[str]) -> None:
    """Run a command that must end well."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert not stop.value.code
