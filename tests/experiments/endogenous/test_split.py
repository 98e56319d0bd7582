"""Splits of recorded falls: they give the record back, and their shares mean something."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crossmargin.experiments.endogenous.files import EXOGENOUS
from crossmargin.experiments.endogenous.identify import Split, split_path
from crossmargin.experiments.endogenous.leverage import with_leverage
from crossmargin.experiments.endogenous.push import Strength, pushed
from crossmargin.experiments.endogenous.solve import follow, target_of, ticks_of
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import simulate
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.state import CLASSES
from tests.experiments.endogenous.falling import FALL, STEPS, falling, write_record

SEEDS = 6


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_record(tmp_path_factory.mktemp("record") / "record.csv")


@pytest.fixture(scope="module")
def split(record: Path) -> Split:
    return split_path(falling(record), seeds=SEEDS, leverages=[0.5, 2.0])


def stated(split: Split, leverage: float) -> Any:
    """Shares by seed with the strength as the scenario has it."""
    strength = split.summary["strength"]
    rows = split.members[split.members["leverage"] == leverage]
    for name in ("elasticity", "permanent", "half_life"):
        rows = rows[rows[name] == strength[name]]
    return rows.sort_values("seed")["share"].to_numpy()


def test_a_split_gives_the_record_back_to_the_tick(split: Split) -> None:
    assert split.summary["reproduces"] == {"solved_ticks": 0, "again_ticks": 0}
    path = split.path
    assert (path["record"] == path["exogenous"] + path["forced"] + path["other"]).all()
    assert (path["record"] != path["exogenous"]).any()
    assert split.summary["fall"]["ticks"]["record"] > 9000


def test_the_exogenous_part_on_disk_gives_the_record_back(split: Split, tmp_path: Path) -> None:
    split.save(tmp_path / "out")
    changes = {
        "underlying.BTC.recording.file": str(tmp_path / "out" / EXOGENOUS),
        "underlying.BTC.path.holds": "outside",
    }
    again = simulate(split.scenario, seed=0, overrides=changes)
    solved = simulate(split.scenario, seed=0)
    reference = again.series["reference"].to_numpy()
    assert np.array_equal(ticks_of(np.log(reference), 1.0), split.path["record"])
    for name in ("reference", "mid", "mark", "volume", "forced_volume"):  # everything is as it was
        assert np.array_equal(again.series[name].to_numpy(), solved.series[name].to_numpy())


def test_a_record_of_everything_is_not_counted_twice(record: Path) -> None:
    twice = simulate(falling(record), seed=0)
    once = simulate(falling(record, holds="everything"), seed=0)
    prices = pd.read_csv(record)["price"].to_numpy()[:STEPS]
    assert np.allclose(once.series["reference"], prices, rtol=1e-12)
    assert np.abs(twice.series["reference"] / prices - 1).max() > 1e-3


@pytest.mark.parametrize("name", ["august-2024", "black-thursday"])
def test_splits_of_built_in_scenarios_reproduce_their_records(name: str) -> None:
    few = {f"population.{p.name}.count": -(-p.count // 20) for p in load_scenario(name).population}
    found = split_path(name, seeds=1, leverages=[1.0], overrides={**few, "run.steps": 1500})
    assert found.summary["reproduces"] == {"solved_ticks": 0, "again_ticks": 0}
    assert found.summary["fall"]["fraction"] > 0.05


def test_the_mid_is_the_sum_of_its_classes(record: Path) -> None:
    scenario = load_scenario(falling(record, holds="everything"))
    found = follow(scenario, target_of(scenario), 1)
    assert np.array_equal(found.mid - found.mid[0], (found.by_class - found.by_class[0]).sum(1))
    assert found.by_class[-1, CLASSES.index("forced")] < 0


def test_no_feedback_is_no_share(record: Path) -> None:
    found = split_path(falling(record, elasticity=0.0), seeds=2, leverages=[1.0])
    assert found.summary["share"]["mean"] == 0.0
    assert found.summary["band"] == [0.0, 0.0]
    assert found.summary["verdict"] == "fits"
    assert (found.path["exogenous"] == found.path["record"]).all()


def test_shares_rise_with_leverage(split: Split) -> None:
    low, middle, high = (stated(split, leverage) for leverage in (0.5, 1.0, 2.0))
    assert len(low) == SEEDS
    assert (low < high).all()
    assert low.mean() < middle.mean()
    least, most = split.summary["by"]["leverage"]
    assert least == pytest.approx(low.mean())
    assert most == pytest.approx(max(middle.mean(), high.mean()))


def test_what_accounts_do_does_not_depend_on_the_strength(record: Path) -> None:
    """So every strength gives the record back, and the push of one run tells all others."""
    paths = ({}, {"elasticity": 3.0, "permanent": 0.6, "half_life": 300.0})
    runs = []
    for path in paths:
        scenario = load_scenario(falling(record, holds="everything", **path))
        runs.append(follow(scenario, target_of(scenario), 3))
    assert np.array_equal(runs[0].flow, runs[1].flow)
    for run in runs:
        for of, path in zip(runs, paths, strict=True):
            strength = Strength.of({"daily_volume": 2e8, **path})
            np.testing.assert_allclose(pushed(run, strength), of.push, atol=1e-12)


def test_shares_grow_with_the_market_that_the_venue_stands_for(record: Path) -> None:
    few: dict[str, Any] = {"seeds": 2, "leverages": [1.0]}
    alone = split_path(falling(record), **few)
    size = alone.summary["open_interest"]
    found = split_path(falling(record), open_interest=3 * size, **few)
    assert found.summary["venues"] == pytest.approx(3.0)
    assert stated(found, 1.0) == pytest.approx(3 * stated(alone, 1.0))
    np.testing.assert_allclose(found.path["push"], 3 * alone.path["push"])
    strong = split_path(falling(record, elasticity=3.0), **few)
    assert stated(strong, 1.0) == pytest.approx(3 * stated(alone, 1.0))


def test_a_share_beyond_the_whole_fall_is_a_misfit(split: Split, record: Path) -> None:
    huge = 1e5 * split.summary["open_interest"]
    found = split_path(falling(record), seeds=2, leverages=[1.0], open_interest=huge)
    assert found.summary["share"]["mean"] > 1
    assert found.summary["verdict"] == "misfit"
    assert found.summary["misfits"] == 1.0
    assert split.summary["verdict"] != "misfit"
    assert split.summary["misfits"] < 1.0


def test_the_band_holds_the_share_and_every_mean(split: Split) -> None:
    low, high = split.summary["band"]
    assert low < split.summary["share"]["mean"] < high
    for ends in split.summary["by"].values():
        assert low <= ends[0] <= ends[1] <= high
    means = split.members.groupby(["leverage", "elasticity", "permanent", "half_life"])["share"]
    assert [means.mean().min(), means.mean().max()] == pytest.approx([low, high])
    json.dumps(split.summary, allow_nan=False)


def test_splits_do_not_depend_on_threads(record: Path) -> None:
    one, two = (
        split_path(falling(record), seeds=2, leverages=[0.5], threads=n).summary for n in (1, 2)
    )
    assert one == two


def test_leverage_multiplies_positions(record: Path) -> None:
    scenario = load_scenario(falling(record))
    twice = with_leverage(scenario, 2.0)
    assert twice.population[0].position is not None
    assert twice.population[0].position.leverage == {"uniform": [6.0, 12.0]}
    assert twice.population[1] == scenario.population[1]
    held = [simulate(s, steps=1).series["open_interest"].iloc[0] for s in (scenario, twice)]
    assert held[1] == pytest.approx(2 * held[0], rel=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 0}, "seeds = 0: 1 to 1000 are allowed"),
        ({"seeds": True}, "seeds = True"),
        ({"open_interest": -1.0}, "open_interest = -1.0: must be above 0"),
        ({"open_interest": float("nan")}, "open_interest = nan"),
        ({"leverages": [0.0]}, "leverage = 0.0: a multiple must be above 0"),
        ({"underlying": "ETH"}, "underlying = 'ETH': recorded are BTC"),
    ],
)
def test_bad_input_names_the_argument(record: Path, options: Any, message: str) -> None:
    with pytest.raises(ParameterError) as error:
        split_path(falling(record), **{"seeds": 1, **options})
    assert message in str(error.value)


def test_a_scenario_without_a_record_is_refused() -> None:
    with pytest.raises(ParameterError, match="a split needs a record"):
        split_path("calm", seeds=1)


def test_a_shock_on_top_of_a_record_is_refused(record: Path) -> None:
    shock = {"kind": "price_shock", "at": 600.0, "change": -0.1}
    with pytest.raises(ParameterError, match=r"shock\.0: a record holds all"):
        split_path(falling(record) | {"shock": [shock]}, seeds=1)


def test_a_record_that_never_falls_is_refused(tmp_path: Path) -> None:
    rising = write_record(tmp_path / "rising.csv", -FALL)
    frame = pd.read_csv(rising)
    frame["price"] = np.maximum.accumulate(frame["price"])
    frame.to_csv(rising, index=False)
    with pytest.raises(ParameterError, match="never falls"):
        split_path(falling(rising), seeds=1, leverages=[1.0])


def test_a_log_price_that_is_none_of_the_price_names_its_line(record: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(record)
    frame["log_price"] = np.log(frame["price"])
    frame.loc[7, "log_price"] += 0.1
    frame.to_csv(tmp_path / "wrong.csv", index=False)
    with pytest.raises(ScenarioError, match=r"wrong\.csv, line 9, column log_price"):
        simulate(falling(tmp_path / "wrong.csv"), steps=2)
