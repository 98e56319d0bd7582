"""Runs: repeatable, independent of threads and of each other, saved whole, reproducible."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import crossmargin as xm
from crossmargin.experiments import store
from crossmargin.experiments.build import build
from crossmargin.experiments.load import load_scenario, scenario_names
from crossmargin.experiments.run import TABLES, Run, simulate
from crossmargin.model.state import CLASSES

#: Blocks of the quick runs: enough for trading, shocks and first liquidations.
STEPS = 260
SUMMARY = {
    "steps",
    "messages",
    "fills",
    "orders_rejected",
    "liquidations",
    "liquidated_accounts",
    "liquidated_notional",
    "bad_debt",
    "insurance_start",
    "insurance_end",
    "adl_notional",
    "socialised_loss",
    "residuals",
}


@pytest.fixture(scope="module")
def crash() -> Run:
    return simulate("flash-crash", seed=11, steps=STEPS)


def equal(left: Run, right: Run) -> bool:
    return all(store.same(getattr(left, name), getattr(right, name)) for name in TABLES)


def test_a_seed_repeats_bit_for_bit_and_another_differs(crash: Run) -> None:
    assert equal(crash, simulate("flash-crash", seed=11, steps=STEPS))
    assert not equal(crash, simulate("flash-crash", seed=12, steps=STEPS))


def test_threads_change_nothing(crash: Run) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: simulate("flash-crash", seed=11, steps=STEPS), range(2)))
    assert all(equal(crash, run) for run in runs)


def test_two_markets_in_one_process_do_not_touch(crash: Run) -> None:
    first = build(load_scenario("flash-crash"), 11)
    second = build(load_scenario("calm"), 3)
    while first.step < STEPS:
        first.run(20)
        second.run(7)
    np.testing.assert_array_equal(first.state.ledger.balances, crash.world.state.ledger.balances)
    np.testing.assert_array_equal(first.rows("market_rows"), crash.world.rows("market_rows"))


def test_part_by_part_equals_the_compiled_loop(crash: Run) -> None:
    profiled = simulate("flash-crash", seed=11, steps=STEPS, profile=True)
    assert equal(crash, profiled)
    assert {"phase decisions", "phase matching", "phase liquidation"} <= set(profiled.wall)


@pytest.mark.parametrize("name", scenario_names())
def test_books_close_after_every_block(name: str) -> None:
    run = simulate(name, seed=5, steps=STEPS, audit=True)
    assert set(run.summary["residuals"].values()) == {0}
    assert run.summary["fills"] > 0


@pytest.mark.long
@pytest.mark.parametrize("name", scenario_names())
def test_books_close_after_every_block_of_the_whole_scenario(name: str) -> None:
    run = simulate(name, seed=2, audit=True)
    assert set(run.summary["residuals"].values()) == {0}


def test_another_agent_moves_no_draw_of_the_others() -> None:
    few = build(load_scenario("calm"), 7)
    more = build(load_scenario("calm", {"population.traders.count": 1001}), 7)
    few.run(1)
    more.run(1)

    def traits(world: object) -> pd.DataFrame:
        accounts = world.state.ledger.accounts  # type: ignore[attr-defined]
        table = pd.DataFrame(world.state.crowd.traits, index=accounts["key"])  # type: ignore[attr-defined]
        return table[accounts["population"] >= 0]

    pd.testing.assert_frame_equal(traits(few), traits(more).loc[traits(few).index])


def test_summary_has_what_others_rely_on(crash: Run) -> None:
    assert set(crash.summary) >= SUMMARY
    assert crash.summary["liquidations"] == len(crash.liquidations)
    assert crash.summary["liquidated_accounts"] == crash.liquidations["account"].nunique()


def test_class_gains_of_perpetuals_sum_to_zero(crash: Run) -> None:
    from crossmargin.experiments.frames import class_gains

    log, ledger = crash.world.state.log, crash.world.state.ledger
    total = log.by_class + ledger.lots[:, :, None] * log.shift[None]
    perpetual = ledger.markets["kind"] == 1
    assert (total[:, perpetual].sum(axis=0) == 0).all()
    assert class_gains(crash.world).shape == (len(ledger.accounts), len(CLASSES))


def test_a_saved_run_is_complete_and_reproduces(crash: Run, tmp_path: Path) -> None:
    folder = crash.save(tmp_path / "a" / "b")
    assert {file.stem for file in folder.glob("*.parquet")} == set(TABLES)
    record = json.loads((folder / "run.json").read_text())
    assert record["seed"] == 11
    assert record["scenario_hash"] == store.scenario_hash(crash.scenario)
    assert set(record["summary"]) >= SUMMARY
    assert not list(folder.glob(".partial*"))
    is_equal, _, notes = store.reproduce(folder)
    assert is_equal, notes


def test_a_changed_table_is_found(crash: Run, tmp_path: Path) -> None:
    folder = crash.save(tmp_path / "run")
    table = pd.read_parquet(folder / "series.parquet")
    table.loc[3, "mid"] *= 1.0 + 1e-9
    table.to_parquet(folder / "series.parquet", index=False)
    is_equal, is_near, notes = store.reproduce(folder)
    assert (is_equal, is_near) == (False, True)
    assert any(note.startswith("series") for note in notes)
    table.loc[3, "mid"] *= 1.01
    table.to_parquet(folder / "series.parquet", index=False)
    assert store.reproduce(folder)[:2] == (False, False)


def test_wall_times_stand_in_no_table(crash: Run) -> None:
    for name in TABLES:
        assert not [c for c in getattr(crash, name).columns if "wall" in c or "time" in c]


def test_take_over_leaves_the_book_alone() -> None:
    run = simulate("flash-crash", seed=11, steps=STEPS, overrides={"venue.take_over": True})
    assert run.summary["liquidations"] > 0
    assert run.world.state.log.shift[:, 1].tolist() == [0, 0]  # nothing of class forced


def test_sums_beyond_64_bits_are_refused() -> None:
    with pytest.raises(xm.ScenarioError, match="decimals"):
        simulate("calm", steps=1, overrides={"population.makers.wealth": 1e13})


@pytest.mark.parametrize("seed", [-1, 1 << 63, 1.5, "x"])
def test_seeds_that_are_none(seed: object) -> None:
    with pytest.raises(xm.ParameterError, match="seed"):
        simulate("calm", seed=seed, steps=1)  # type: ignore[arg-type]


def test_every_long_has_its_short_at_the_start() -> None:
    world = build(load_scenario("august-2024"), 1)
    assert set(world.residuals().values()) == {0}
    assert world.state.ledger.lots[:, 0].sum() == 0
    assert (world.state.ledger.lots[:, 0] > 0).sum() > 1000


def test_positions_without_another_side_are_refused() -> None:
    with pytest.raises(xm.ParameterError, match="without another side"):
        build(load_scenario("calm", {"population.hedgers.position.side": "long"}), 0)


def test_an_isolated_population_has_a_row_a_market() -> None:
    scenario = load_scenario(
        "calm",
        {
            "population.traders.margin": "isolated",
            "population.traders.markets": ["BTC-PERP", "BTC-USDC"],
            "population.traders.count": 10,
        },
    )
    world = build(scenario, 1)
    rows = world.state.ledger.accounts[world.state.ledger.accounts["population"] == 0]
    assert len(rows) == 20
    assert rows["only_market"].tolist() == [0, 1] * 10
    assert len(np.unique(rows["owner"])) == 10
