"""Modes compared over the same seeds, and the command."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossmargin.experiments.cli import main
from crossmargin.experiments.modes.comparing import ModeComparison, Question, compare_modes
from crossmargin.experiments.modes.modes import NAMES, Terms, overrides_of
from crossmargin.experiments.modes.outcomes import OUTCOMES
from crossmargin.experiments.run import simulate
from crossmargin.model.errors import ParameterError

STEPS = 150
#: The fall of ether comes early.
EARLY = {"shock.0.at": 300.0}


@pytest.fixture(scope="module")
def found() -> ModeComparison:
    return compare_modes(
        "two-coins",
        ["cross", "isolated", "isolated-idle"],
        question=Question(seeds=3, hours=0.1),
        terms=Terms(posted=1.1),
        capitals=[0.9],
        steps=STEPS,
        overrides=EARLY,
    )


def test_positions_and_money_are_equal_between_modes(found: ModeComparison) -> None:
    own = found.frame[found.frame["capital"] == 1.0]
    for name in ("gross_notional", "raw_equity"):
        table = own.pivot_table(index="member", columns="mode", values=name).to_numpy()
        assert table == pytest.approx(np.repeat(table[:, :1], 3, axis=1), rel=1e-12)
    lower = found.frame[found.frame["capital"] == 0.9]["raw_equity"].to_numpy()
    assert lower == pytest.approx(0.9 * own["raw_equity"].to_numpy(), rel=1e-3)


def test_cross_is_the_scenario_itself(found: ModeComparison) -> None:
    rows = found.of("cross").frame
    row = rows.iloc[1]
    run = simulate("two-coins", seed=int(rows["seed"].iloc[1]), steps=STEPS, overrides=EARLY)
    for name in ("liquidated_notional", "bad_debt", "adl_notional", "socialised_loss"):
        assert row[name] == run.summary[name]
    rows = run.accounts[run.accounts["liquidations"] > 0]
    system = ("backstop", "insurance")
    assert row["liquidated_accounts"] == (~rows["population"].isin(system)).sum()


def test_isolated_margin_does_not_hit_both_legs_at_once(found: ModeComparison) -> None:
    """The story of the scenario: the fall of ether sells the bitcoin of who holds both."""
    means = found.summary().set_index(["outcome", "mode"])["mean"]
    assert means["simultaneous", "cross"] > 0.5
    assert means["simultaneous", "isolated"] < 0.1


def test_differences_are_taken_seed_by_seed(found: ModeComparison) -> None:
    rows = found.summary().set_index(["outcome", "mode"])
    base, other = found.of("cross"), found.of("isolated")
    wanted = other.less(base, "liquidated_notional")
    row = rows.loc["liquidated_notional", "isolated"]
    assert (row["difference"], row["difference_low"]) == (wanted.value, wanted.low)


def test_outcomes_hang_together(found: ModeComparison) -> None:
    rows = found.frame
    assert (rows["premature_liquidations"] <= rows["solvent_liquidations"]).all()
    assert (rows["solvent_liquidations"] <= rows["liquidated_accounts"]).all()
    assert (rows["liquidated_owners"] <= rows["liquidated_accounts"]).all()
    assert (rows["profitable_notional"] <= rows["liquidated_notional"] + 1e-6).all()
    assert rows["largest_wave"].between(0, 1).all()


def test_results_do_not_depend_on_the_number_of_threads(found: ModeComparison) -> None:
    again = compare_modes(
        "two-coins",
        ["isolated", "cross"],
        question=Question(seeds=2, hours=0.1),
        steps=STEPS,
        overrides=EARLY,
        jobs=2,
    )
    for mode in ("cross", "isolated"):
        first = found.of(mode).frame.iloc[:2]
        assert first.equals(again.of(mode).frame)


def test_at_equal_initial_margin_cross_has_no_more_than_it_posted() -> None:
    terms = Terms(basis="initial-margin", posted=1.3)
    for mode in ("cross", "isolated", "isolated-top-up"):
        table = overrides_of(mode, terms)["venue.accounts"]
        assert (table["split"], table["posted"]) == ("idle", 1.3)
    assert "split" not in overrides_of("cross", Terms())["venue.accounts"]


def test_every_name_is_a_mode() -> None:
    terms = Terms(groups={"all": ["BTC-PERP", "ETH-PERP"]})
    assert len({json.dumps(overrides_of(name, terms)) for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--modes", "cross,isolatd"], "did you mean 'isolated'"),
        (["--modes", "cross"], "two or more"),
        (["--modes", "cross,sub-portfolios"], "needs groups"),
        (["--modes", "cross,sub-portfolios", "--group", "a=NONE"], "NONE"),
        (["--group", "a"], "name=MARKET"),
        (["--hours", "0"], "hours"),
        (["--basis", "leverage"], "initial-margin"),
        (["--capital", "-1"], "capital"),
        (["--tail", "1.5"], "tail"),
        (["--posted", "0.5", "--modes", "cross,isolated-idle"], "posted"),
        (["--limit", "2", "--modes", "cross,isolated-top-up"], "limit"),
    ],
)
def test_bad_input_ends_with_two(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["compare-margin", "two-coins", "--steps", "2", "--seeds", "1", *words])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "modes"
    words = ["compare-margin", "two-coins", "--modes", "cross,isolated", "--seeds", "2"]
    with pytest.raises(SystemExit) as stop:
        main(
            [*words, "--steps", "60", "--hours", "0.1", "--json", "--report", "--out", str(folder)]
        )
    assert stop.value.code in (0, None)
    printed = json.loads(capsys.readouterr().out)
    written: dict[str, Any] = json.loads((folder / "modes.json").read_text())
    assert printed["outcomes"] == written["outcomes"]
    assert set(printed["outcomes"]["isolated"]) == set(OUTCOMES)
    assert (folder / "modes.html").is_file()
    assert (folder / "runs.parquet").is_file()


def test_an_unknown_mode_is_refused_before_anything_runs() -> None:
    with pytest.raises(ParameterError, match="isolated"):
        compare_modes("two-coins", ["cross", "isolat"])
