"""The scorecard as a whole: what it refuses, what it replaces, what it keeps, what it prints."""

import json
from pathlib import Path

import numpy as np
import pytest

from crossmargin.experiments import cli
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.validation import scorecard as cards
from crossmargin.experiments.validation import tasks
from crossmargin.experiments.validation.judging import judge, plain
from crossmargin.experiments.validation.plan import Plan, check, synthetic
from crossmargin.experiments.validation.scorecard import scorecard
from crossmargin.model.errors import ParameterError

#: A small market whose day is soon over.
SMALL = {"run.block_seconds": 60.0, "population.traders.count": 150}


def test_verdicts_go_by_intervals() -> None:
    assert judge(0.1, 0.2, (0.0, 1.0)) == "passes"
    assert judge(1.1, 1.2, (0.0, 1.0)) == "fails"
    assert judge(0.9, 1.2, (0.0, 1.0)) == "undecided"
    assert judge(np.nan, np.nan, (0.0, 1.0)) == "undecided"
    assert judge(4.0, 5.0, (3.0, np.inf)) == "passes"


def test_json_has_no_nan() -> None:
    value = {"a": [np.float64("nan"), np.inf, 1.0, np.int64(2)], "b": (None, "x")}
    assert plain(value) == {"a": [None, None, 1.0, 2], "b": [None, "x"]}
    json.dumps(plain(value), allow_nan=False)


def test_a_recorded_path_is_replaced_and_said() -> None:
    found, notes = synthetic(load_scenario("august-2024"))
    assert found.underlying[0].recording is None
    assert found.underlying[0].path["kind"] == "geometric_brownian"
    assert found.underlying[0].price == pytest.approx(60_000, rel=0.1)
    assert any("recorded" in note for note in notes)
    assert synthetic(load_scenario("calm")) == (load_scenario("calm"), [])
    assert synthetic(load_scenario("flash-crash"))[0].shock == ()


@pytest.mark.parametrize(
    ("changes", "plan", "words"),
    [
        ({}, Plan(0, 1.0), "seeds = 0"),
        ({}, Plan(1, 0.1), "days = 0.1"),
        ({"run.block_seconds": 45.0}, Plan(1, 1.0), "block_seconds = 45"),
        ({"run.block_seconds": 120.0}, Plan(1, 1.0), "block_seconds = 120"),
    ],
)
def test_what_cannot_be_judged_is_refused(changes: dict, plan: Plan, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        check(load_scenario("calm", changes), plan)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tasks, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(cards.events, "read_events", lambda: ())
    return tmp_path


def _refuse(*_: object, **__: object) -> None:
    raise AssertionError("something was run")


def test_a_second_call_runs_nothing_and_says_the_same(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario, counted = load_scenario("calm", SMALL), []
    first = scorecard(scenario, Plan(2, 1.0), progress=lambda n, of: counted.append((n, of)))
    assert counted == [(n, 8) for n in range(1, 9)]
    monkeypatch.setattr(cards, "begin", _refuse)
    monkeypatch.setattr(cards, "simulate", _refuse)
    again = scorecard(scenario, Plan(2, 1.0))
    assert first | {"wall_seconds": 0} == again | {"wall_seconds": 0}
    json.dumps(first, allow_nan=False)
    assert sum(first["tally"].values()) == len(first["facts"])
    paths = {row["name"]: row.get("path") for row in first["facts"]}
    assert np.isfinite(paths["tail_index_1m"]["mean"]) and paths["kurtosis_1h"]["verdict"]
    assert paths["basis"] is None and paths["impact_exponent"] is None
    assert [null["name"] for null in first["nulls"]] == [
        "scenario",
        "zero_impact",
        "shuffled_holdings",
        "no_leverage",
    ]


def test_threads_change_nothing(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, plan = load_scenario("calm", SMALL), Plan(2, 1.0)
    alone = scorecard(scenario, plan)
    monkeypatch.setattr(tasks, "cache_folder", lambda: own_cache / "other")
    assert scorecard(scenario, plan, threads=2)["facts"] == alone["facts"]


def test_the_first_error_of_a_run_is_raised() -> None:
    def broken() -> None:
        raise ParameterError("broken")

    with pytest.raises(ParameterError, match="broken"):
        tasks.in_threads([broken, lambda: 1], 2, lambda: None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["scorecard", "clam"], "calm"),
        (["scorecard", "calm", "--seeds", "0"], "seeds"),
        (["scorecard", "calm", "--days", "0.5"], "days"),
    ],
)
def test_bad_input_ends_with_two(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_the_command_writes_json_and_a_page(
    own_cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.toml"
    text = (Path(cards.__file__).parents[1] / "scenarios" / "calm.toml").read_text()
    file.write_text(text.replace("block_seconds = 10.0", "block_seconds = 60.0"))
    words = ["scorecard", str(file), "--seeds", "1", "--days", "1", "--report"]
    with pytest.raises(SystemExit) as stop:
        cli.main([*words, "--out", str(tmp_path / "out")])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert "Tail index" in printed and "path alone" in printed
    card = json.loads((tmp_path / "out" / "scorecard.json").read_text())
    page = (tmp_path / "out" / "scorecard.html").read_text()
    assert card["plan"]["seeds"] == 1
    assert all(row["title"].split("|")[0] in page for row in card["facts"])
    assert "NaN" not in page.split('id="figures">')[1].split("</script>")[0]
