"""The question as people ask it: what comes out, what is written, and one clear error."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import crossmargin as xm
from crossmargin.experiments.cli import app
from crossmargin.experiments.counterfactual.members import OUTCOMES
from crossmargin.experiments.store import read_sidecar
from tests.experiments.rare.spiral import spiral

END = 45
SMALL: dict[str, Any] = {"futures": 3, "steps": END}


@pytest.fixture(scope="module")
def free() -> xm.WhatIf:
    return xm.whatif(spiral(), no_feedback=True, seed=1, jobs=2, **SMALL)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return xm.simulate(spiral(), seed=1, steps=END).save(tmp_path_factory.mktemp("run"))


def test_the_table_is_what_the_members_say(free: xm.WhatIf) -> None:
    members = free.members
    futures = members[members["future"] >= 0].set_index(["future", "arm"])
    for name in OUTCOMES:
        wide = futures[name].unstack("arm")
        row = free.effect(name)
        assert row["baseline"] == pytest.approx(wide["baseline"].mean())
        gained = wide["intervention"] - wide["baseline"]
        assert row["effect"] == pytest.approx(gained.mean(), abs=1e-9)
        assert row["changed"] == pytest.approx((gained != 0).mean())
    assert free.effect("losses")["effect"] < 0
    assert free.effect("contagious_episodes")["intervention"] == 0
    assert free.effect("lowest:BTC-PERP")["effect"] > 0


def test_effects_of_accounts_sum_to_that_of_all(free: xm.WhatIf) -> None:
    accounts = free.accounts
    changes = free.trial.changes(1) - free.trial.changes(0)
    one = 10.0 ** -int(free.trial.branch.world.state.ledger.assets["decimals"][0])
    assert accounts["effect"].to_numpy() == pytest.approx(
        changes.mean(axis=0)[accounts["account"]] * one
    )
    assert (accounts["low"] <= accounts["effect"]).all()
    assert (accounts["placebo_high"] >= 0).all()
    assert accounts["ledger"].min() < 0 < accounts["ledger"].max()


def test_the_ledger_beside_is_the_price_ledger(free: xm.WhatIf) -> None:
    run = xm.simulate(spiral(), seed=1, steps=END)
    rows = run.contagion.price.rows_of(run.contagion.price.sources).sum(axis=0)
    shown = free.accounts.set_index("account")["ledger"]
    one = 10.0 ** -int(run.world.state.ledger.assets["decimals"][0])
    assert shown.to_numpy() == pytest.approx(rows[shown.index] * one)


def test_paths_hold_both_arms(free: xm.WhatIf) -> None:
    paths = free.paths
    assert set(paths["arm"]) == {"baseline", "intervention"}
    assert (paths["low"] <= paths["mean"] + 1e-9).all()
    branch = free.trial.branch
    assert paths["step"].max() == END - 1
    assert len(paths) == 2 * len(branch.steps) * len(branch.world.names.markets)


def test_a_folder_a_scenario_and_a_market_give_the_same(free: xm.WhatIf, saved: Path) -> None:
    at = free.trial.branch.first
    market = xm.Market(spiral(), seed=1)
    market.run_for(at)
    run = xm.simulate(spiral(), seed=1, steps=END)
    found = [
        xm.whatif(saved, no_feedback=True, futures=3),
        xm.whatif(run, no_feedback=True, futures=3),
        market.whatif(no_feedback=True, **SMALL),
    ]
    for other in found:
        assert other.trial.branch.first == at > 0
        assert other.table.equals(free.table)
    assert market.world.step == at


def test_sparing_spares_others_and_says_who_is_meant() -> None:
    found = xm.whatif(spiral(), spare="longs:7", seed=1, placebo="account", **SMALL)
    assert found.words == ("spare longs 7",)
    spared = found.accounts[found.accounts["spared"]]
    assert spared["label"].tolist() == ["longs 7"]
    own, others = (found.trial.totals(0, name) for name in ("losses", "losses_of_others"))
    assert (own > others).all()
    assert "in 3 of 3 futures" in found.notes[0]
    group = xm.whatif(spiral(), spare_group="longs", seed=1, placebo="none", **SMALL)
    assert group.effect("contagious_episodes")["intervention"] == 0
    assert np.isnan(group.effect("losses")["placebo_low"])


def test_an_irrelevant_account_has_no_effect_and_lies_in_the_band() -> None:
    found = xm.whatif(spiral(), spare="shorts:3", seed=1, **SMALL)
    assert not (found.table["effect"] != 0).any()
    assert (found.table["placebo_low"] <= 0).all()
    assert not any(found.is_beyond_placebo(name) for name in found.names)
    assert "in 0 of 3 futures" in found.notes[0]


class Idle(xm.Trader):
    """Trader in Python that sells a little in every block."""

    def decide(self, market):  # type: ignore[no-untyped-def]
        return [self.sell("BTC-PERP", 0.01)]


def test_traders_in_python_may_leave_and_stay_in_the_market() -> None:
    table = spiral()
    idle = {"name": "idle", "kind": f"{__name__}:Idle", "count": 2, "markets": ["BTC-PERP"]}
    table["population"].append(idle | {"wealth": 1e5})
    market = xm.Market(table, seed=1)
    market.run_for(2)
    for closure in ("behavioural", "mechanical"):
        found = market.whatif(without="idle", futures=1, steps=20, closure=closure)
        rows = found.accounts[found.accounts["population"] == "idle"]
        assert (rows["run_effect"] != 0).all()
    assert len(market.solo) == 2
    before = market.world.state.ledger.lots.copy()
    market.run_for(1)
    row = int(market.solo.to_list()[0].row)
    assert market.world.state.ledger.lots[row, 0] < before[row, 0]


def test_several_things_are_undone_together() -> None:
    changes = {"venue.penalty_rate": 0.0}
    found = xm.whatif(spiral(), set=changes, without="hedgers", seed=1, **SMALL)
    assert found.words == ("without hedgers", "venue.penalty_rate = 0.0")
    assert found.trial.branch.first == 0


def test_shares_of_groups_sum_to_the_whole_effect() -> None:
    found = xm.shapley(spiral(), "whale", k=2, seed=1, **SMALL)
    assert found.table["share"].sum() == pytest.approx(found.total, rel=1e-9)
    assert found.table.index[-1] == "all others"
    assert "sum to" in found.words
    drawn = xm.shapley(spiral(), "whale", k=2, seed=1, permutations=4, **SMALL)
    assert drawn.table["share"].sum() == pytest.approx(found.total, rel=1e-9)
    assert drawn.permutations == 4
    alone = xm.leave_out(spiral(), 2, seed=1, **SMALL)
    assert alone.table.index.tolist() == found.table.index[:2].tolist()
    json.dumps([found.summary, alone.summary])


def test_the_command_writes_all_or_prints_json(saved: Path, tmp_path: Path) -> None:
    words = ["whatif", str(saved), "--no-feedback", "--futures", "2"]
    made = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out")])
    assert made.exit_code == 0, made.output
    assert "losses of others" in made.output
    files = {file.name for file in (tmp_path / "out").iterdir()}
    assert files == {"whatif.json", "accounts.parquet", "paths.parquet", "members.parquet"}
    summary = json.loads((tmp_path / "out" / "whatif.json").read_text())
    printed = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert printed["effects"] == summary["effects"]
    assert printed["futures"] == 2


def asked(**options: Any) -> xm.WhatIf:
    return xm.whatif(options.pop("source", spiral()), **({"futures": 1, "steps": END} | options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spare": 999_999}, "there is no account in that row"),
        ({"spare": 0}, "rows 7 to"),
        ({"spare": "longz:3"}, "did you mean 'longs'"),
        ({"spare": "longs:100"}, "longs has the accounts 0 to 99"),
        ({"spare": "icarus"}, "account = 'icarus': there is none"),
        ({"spare": 1.5}, "write a row number or population:index"),
        ({"spare_group": "owner:5"}, "no account has that owner"),
        ({"spare_group": "makers"}, "none of its 6 accounts is liquidated"),
        ({"no_feedback": True, "at": END}, "the run has the blocks 0 to 44"),
        ({"without": "nobody"}, "without = 'nobody': no such population"),
        ({"set": {"venue.penalty_rat": 0}}, "did you mean 'penalty_rate'"),
        ({"set": {"venue.insurance": 1.0}}, "says only how the market starts"),
        ({"set": {"market.BTC-PERP.lot": 1.0}}, "is no rule"),
        ({"set": {"population.longs.count": 5}}, "is no rule"),
        ({"set": {"venue.waterfall": []}}, "keeps its parts"),
        ({"set": {"run.steps": 5}}, "keeps its blocks"),
        ({"no_feedback": True, "closure": "mechanic"}, "did you mean 'mechanical'"),
        ({"no_feedback": True, "placebo": "lots"}, "placebo = 'lots'"),
        ({"no_feedback": True, "futures": 0}, "futures = 0"),
        ({}, "nothing is undone"),
        ({"source": 7, "no_feedback": True}, "is no scenario, Run, folder of one or Market"),
    ],
)
def test_what_cannot_be_asked_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(xm.CrossmarginError, match=message):
        asked(**options)


def test_nobody_liquidated_leaves_nothing_to_share() -> None:
    calm = {"run.steps": 5}
    with pytest.raises(xm.ParameterError, match="nobody is liquidated"):
        xm.shapley("calm", overrides=calm, futures=1)
    with pytest.raises(xm.ParameterError, match="nothing to stop"):
        xm.stop_cascade("calm", "venue.penalty_rate", 0.0, 0.1, overrides=calm, futures=1)


def test_a_market_that_stands_elsewhere_is_refused() -> None:
    market = xm.Market(spiral())
    market.run_for(3)
    with pytest.raises(xm.ParameterError, match="has come to block 3"):
        market.whatif(no_feedback=True, at=9)
    with pytest.raises(xm.ParameterError, match="no future is left"):
        market.whatif(no_feedback=True, steps=3)


def test_a_run_of_another_version_is_refused(saved: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(saved, tmp_path / "copy"))
    record = read_sidecar(copy)
    record["versions"]["crossmargin"] = "0.0.9"
    (copy / "run.json").write_text(json.dumps(record))
    with pytest.raises(xm.ScenarioError, match=r"was run with crossmargin 0\.0\.9 \(here "):
        xm.whatif(copy, no_feedback=True, futures=1)
    record["versions"] = read_sidecar(saved)["versions"]
    record["seed"] = 2
    (copy / "run.json").write_text(json.dumps(record))
    with pytest.raises(xm.ScenarioError, match="its liquidations differ"):
        xm.whatif(copy, no_feedback=True, futures=1)
    with pytest.raises(xm.ParameterError, match="has its seed"):
        xm.whatif(saved, no_feedback=True, seed=3, futures=1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--no-feedback", "--shapley", "whale"], "questions of their own"),
        (["--stop-cascade", "venue.penalty_rate"], "give the ends"),
        (["--leave-one-out", "2", "--report"], "only for what is undone"),
    ],
)
def test_options_that_contradict_are_refused(words: list[str], message: str) -> None:
    made = CliRunner().invoke(app, ["whatif", "calm", *words])
    assert isinstance(made.exception, xm.ParameterError)
    assert message in str(made.exception)
