"""What happens before step 0, and that none of it shows in what is counted after it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import crossmargin as xm
from crossmargin.experiments.frames import class_gains
from crossmargin.experiments.initial import burnt_states
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import Run, begin, simulate
from crossmargin.experiments.store import TABLES, reproduce, same, sidecar
from crossmargin.experiments.sweeps.outcomes import flatten, summary_names
from crossmargin.model.errors import ParameterError
from crossmargin.model.state import BACKSTOP, FEES, INSURANCE
from tests.experiments.initial.markets import FEW, PERP, small

#: Two windows of 40 blocks: the shortest that can be judged.
SHORT = {"window": 400.0, "least": 800.0, "most": 800.0, "threshold": 10.0, "tolerance": 1.0}
BURNT = FEW | {"initial.burn_in": SHORT}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(burnt_states, "folder", lambda: tmp_path / "burn-in")
    return tmp_path / "burn-in"


def run_of(seed: int = 1, **changes: Any) -> Run:
    more = {key.replace("__", "."): value for key, value in changes.items()}
    return simulate("calm", seed=seed, overrides=BURNT | more)


def equal(a: Run, b: Run) -> bool:
    return all(same(getattr(a, name), getattr(b, name)) for name in TABLES)


def test_a_cached_burn_in_equals_a_fresh_one_bit_for_bit(cache: Path) -> None:
    fresh, cached = run_of(), run_of()
    alone = run_of(initial__burn_in__cache=False)
    found = [run.world.notes["burn_in_cache"]["was_found"] for run in (fresh, cached, alone)]
    assert found == [False, True, False]
    assert equal(fresh, cached)
    assert equal(fresh, alone)
    assert len(list(cache.glob("*.npz"))) == 1
    assert not list(cache.glob(".partial*"))


def test_results_begin_at_step_0_and_at_the_first_price() -> None:
    run = run_of()
    assert run.world.state.clock["first"][0] == 80
    assert run.series["step"].iloc[0] == 0
    assert run.series["seconds"].iloc[0] == 0.0
    assert run.series["step"].max() == run.summary["steps"] - 1 == 19
    assert run.series["reference"].iloc[0] == pytest.approx(60000.0, rel=1e-12)
    assert run.summary["fills"] < 2000
    assert run.series["volume"].min() >= 0
    assert run.series["volume"].iloc[:2].sum() < run.world.state.book.ladders["volume"].sum()
    bids = run.series["bid"].to_numpy()
    assert np.isfinite(bids).all()  # books stand from the first block on


def test_nothing_of_the_burn_in_is_counted() -> None:
    world, start = begin(small(initial__burn_in=SHORT), 1)
    state, accounts = world.state, world.state.ledger.accounts
    assert world.step == 0
    assert all(len(world.rows(chunk)) == 0 for chunk in ("events", "market_rows", "system_rows"))
    assert not class_gains(world).any()
    assert not state.log.counters.any()
    assert not accounts["deposited"].any()
    assert not accounts["liquidations"].any()
    assert set(world.audit().values()) == {0}
    balances = state.ledger.balances
    assert balances[FEES, 0] == 0
    assert balances[INSURANCE, 0] == balances[BACKSTOP, 0] == 2e6 * 1e6
    assert state.ledger.venue["min_fund"][0] == 2e6 * 1e6
    assert (start == accounts["equity"]).all()
    assert state.log.cursor["next_event"][0] == 0


def test_gains_by_class_are_those_since_step_0() -> None:
    run = run_of(run__steps=60)
    accounts, lots = run.accounts, run.world.state.ledger.lots
    held = (lots != 0).any(axis=1) & (accounts["population"].astype(str) != "makers").to_numpy()
    gains = accounts.filter(like="pnl:").sum(axis=1).to_numpy()[held]
    change = (accounts["equity"] - accounts["equity_start"]).to_numpy()[held]
    # prices move equity by what classes gained, fees and the gap of mark and mid aside
    assert np.corrcoef(gains, change)[0, 1] > 0.9


def test_what_does_not_act_in_the_burn_in_does_not_repeat_it(cache: Path) -> None:
    run_of()
    shock = {"kind": "price_shock", "at": 50.0, "change": -0.1}
    others: list[dict[str, Any]] = [
        {"run__steps": 5},
        {"venue__insurance": 1e4},
        {"venue__penalty_rate": 0.02},
        {"venue__waterfall": []},
        {"shock": [shock]},
        {"reference__loading__BTC__elasticity": 0.0},
    ]
    for changes in others:
        run = run_of(**changes)
        assert run.world.notes["burn_in_cache"]["was_found"], changes
        assert set(run.summary["residuals"].values()) == {0}
    acting: list[dict[str, Any]] = [
        {"seed": 2},
        {"population__longs__count": 81},
        {"market__BTC-PERP__taker_fee": 0.001},
        {"reference__calm_volatility": 0.4},
        {"initial__liquidatable": "close"},
    ]
    for changes in acting:
        assert not run_of(**changes).world.notes["burn_in_cache"]["was_found"], changes
    assert len(list(cache.glob("*.npz"))) == 6


def test_the_fund_of_a_run_is_its_own_whatever_the_cache_holds() -> None:
    run_of()
    run = run_of(venue__insurance=1e4, run__steps=1)
    assert run.summary["insurance_start"] == 1e4
    assert run.world.notes["burn_in_cache"]["was_found"]


def test_shocks_count_from_step_0() -> None:
    shock = {"kind": "price_shock", "at": 50.0, "change": -0.1}
    run = run_of(shock=[shock])
    prices = run.series[run.series["market"] == PERP]["reference"].to_numpy()
    falls = np.flatnonzero(np.diff(np.log(prices)) < -0.05)
    assert falls.tolist() == [4]
    assert run.events[run.events["kind"] == "shock"]["step"].tolist() == [5]


def test_a_manipulator_waits_for_the_run() -> None:
    manipulators = {
        "name": "manipulators",
        "kind": "manipulators",
        "count": 1,
        "markets": [PERP, "BTC-USDC"],
        "wealth": 1e6,
        "behaviour": {"at": 50.0},
        "traits": {"delay": 0.0},
    }
    table = small(initial__burn_in=SHORT).model_dump(mode="json", exclude_none=True)
    table["population"].append(manipulators)
    world, _ = begin(load_scenario(table), 1)
    assert world.origin.block == 80
    assert not world.state.ledger.lots[-1].any()
    world.run(20)
    assert world.state.ledger.lots[-1].any()


def test_a_recording_counts_from_step_0() -> None:
    recording = {"file": "btc_usd_hourly.csv", "start": "2024-08-04T12:00"}
    table = small().model_dump(mode="json", exclude_none=True)
    table["underlying"] = [{"name": "BTC", "path": {"kind": "recorded"}, "recording": recording}]
    del table["reference"]
    plain = simulate(table, seed=1)
    burnt = simulate(table | {"initial": {"burn_in": SHORT}}, seed=1)
    assert burnt.world.origin.block == 80
    paths = [run.world.state.outside.paths[0] for run in (plain, burnt)]
    np.testing.assert_array_equal(*paths)
    base = [run.series["reference"].to_numpy()[::2] for run in (plain, burnt)]
    np.testing.assert_allclose(*base, rtol=2e-3)  # the venue's own push is another one
    assert base[0][0] == pytest.approx(base[1][0], rel=1e-12)


def test_a_damaged_file_is_made_again(cache: Path) -> None:
    first = run_of()
    (file,) = cache.glob("*.npz")
    whole = file.read_bytes()
    for damaged in (b"", b"no zip", whole[: len(whole) // 2], _flipped(whole)):
        file.write_bytes(damaged)
        again = run_of()
        assert not again.world.notes["burn_in_cache"]["was_found"]
        assert equal(first, again)
        assert file.stat().st_size > 1000


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return (
        data[:middle]
        + bytes(255 - byte for byte in data[middle : middle + 64])
        + data[middle + 64 :]
    )


def test_a_burn_in_that_finds_no_rest_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    strict = SHORT | {"threshold": 1e-9, "tolerance": 0.0}
    run = simulate("calm", overrides=FEW | {"initial.burn_in": strict})
    told = run.summary["burn_in"]
    assert not told["is_stationary"]
    assert told["blocks"] == 80
    assert "before the market was at rest" in capfd.readouterr().err
    assert sidecar(run)["burn_in"]["key"]
    restful = run_of().summary["burn_in"]
    assert restful["is_stationary"]
    assert set(restful["scores"][PERP]) == {"open_interest", "basis", "spread", "depth"}


def test_a_saved_run_is_reproduced_with_and_without_the_cache(cache: Path, tmp_path: Path) -> None:
    folder = run_of().save(tmp_path / "out")
    assert reproduce(folder) == (True, True, [])
    for file in cache.glob("*.npz"):
        file.unlink()
    assert reproduce(folder)[0]


def test_a_branch_goes_on_as_its_parent_and_a_market_as_a_run() -> None:
    run = run_of()
    market = xm.Market("calm", seed=1, overrides=BURNT)
    market.run_for(10)
    branch = market.branch()
    branch.run_for(10)
    pd.testing.assert_frame_equal(
        run.series, Run(run.scenario, 1, 20, branch.world, market.start).series
    )
    market.run_for(10)
    assert (branch.world.state.ledger.balances == market.world.state.ledger.balances).all()


def test_members_of_an_ensemble_are_burnt_in_each_with_its_seed() -> None:
    found = xm.ensemble("calm", 2, overrides=BURNT, outcomes=["burn_in.blocks", "fills"])
    assert found.frame["burn_in.blocks"].tolist() == [80.0, 80.0]
    assert found.frame["fills"].nunique() == 2


def test_a_plan_knows_what_a_summary_says_of_the_start() -> None:
    more = {
        "population.longs.whale": [{"name": "big", "wealth": 1e6}],
        "population.shorts.position.stops": {"loss": 0.2},
    }
    run = simulate("calm", overrides=BURNT | more)
    assert set(flatten(run.summary)) <= set(summary_names(run.scenario))
    new = {n for n in summary_names(run.scenario) if n.startswith(("initial.", "burn_in."))}
    assert new <= set(flatten(run.summary))
    assert len(new) == 4 + 4 + 4 + 3


def test_a_sweep_burns_in_once_for_what_does_not_act_in_it(cache: Path) -> None:
    plan = {
        "name": "penalties",
        "scenario": "calm",
        "steps": 10,
        "settings": {k: v for k, v in BURNT.items() if k not in ("initial.burn_in", "run.steps")}
        | {f"initial.burn_in.{key}": value for key, value in SHORT.items()},
        "factor": [{"path": "venue.penalty_rate", "values": [0.001, 0.02]}],
        "keep": {"outcomes": ["burn_in.blocks", "burn_in.scores.BTC-PERP.basis"]},
    }
    found = xm.sweep(plan, executor="serial")
    assert found.runs["burn_in.blocks"].tolist() == [80.0, 80.0]
    assert len(list(cache.glob("*.npz"))) == 1


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"window": 100.0}, "initial.burn_in.window = 100: holds 10 blocks"),
        ({"most": 100.0}, "most = 100: is below least"),
        ({"window": 900.0}, "window = 900: is longer than most"),
        ({"series": []}, "initial.burn_in.series"),
        ({"treshold": 1.0}, "did you mean 'threshold'"),
    ],
)
def test_bad_burn_ins_are_named(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        begin(small(initial__burn_in=SHORT | keys), 1)


def test_traders_written_in_python_begin_at_step_0_and_are_not_cached() -> None:
    solo = {
        "name": "watchers",
        "kind": f"{__name__}:Watcher",
        "count": 1,
        "markets": [PERP],
        "wealth": 1e5,
    }
    table = small().model_dump(mode="json", exclude_none=True)
    table["population"].append(solo)
    table["initial"] = {"burn_in": SHORT}
    market = xm.Market(table, seed=1)
    market.run_for(3)
    (watcher,) = list(market.solo)
    assert watcher.seen == [0, 1, 2]
    assert market.world.notes["burn_in_cache"] == {"key": None, "was_found": False}


class Watcher(xm.Trader):  # type: ignore[misc]
    """Writes down the blocks that it sees."""

    def begin(self) -> None:
        self.seen: list[int] = []

    def decide(self, market: Any) -> list[Any]:
        self.seen.append(self.block)
        return []
