"""Ready studies: what their files say, what they find, and the command that reruns them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crossmargin.experiments.cli import main
from crossmargin.experiments.studies import study as studies
from crossmargin.experiments.studies.findings import cells, findings, shown, values_of, with_unit
from crossmargin.experiments.studies.study import Shown, Study, load_study, study_names
from crossmargin.experiments.sweeps.engine import sweep as run_sweep
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.experiments.sweeps.statistics import proportion
from crossmargin.model.errors import CrossmarginError, ScenarioError
from tests.experiments.sweeps.made_stores import grid_plan, plan_of, sweep_of
from tests.repository import ROOT

NAMES = study_names()
LOSS = {"name": "loss", "title": "Loss", "unit": "quote"}
MADE: dict[str, Any] = {
    "plan": "made-up",
    "line": "A made-up study",
    "kind": "lines",
    "x": {"name": "depth", "title": "depth"},
    "by": {"name": "leverage", "title": "leverage", "unit": "x"},
    "panel": [
        LOSS,
        LOSS | {"name": "loss", "title": "Much", "unit": "%", "scale": 100, "above": 8},
    ],
    "quick": {},
}


def made(**changes: Any) -> Study:
    return Study.model_validate(MADE | changes)


@pytest.fixture(scope="module")
def grid() -> Sweep:
    return sweep_of(grid_plan(count=40))


@pytest.fixture(scope="module")
def quick() -> dict[str, Sweep]:
    """Coarse runs of every ready study, done once."""
    return {
        name: run_sweep(load_study(name).make_plan(quick=True), executor="serial", progress=False)
        for name in NAMES
    }


def pairs(sweep: Sweep, factor: str, outcome: str) -> Any:
    """Outcome summed over the seeds, by the values of a factor."""
    return sweep.runs.groupby(sweep.path(factor))[outcome].sum()


def test_five_studies_come_along() -> None:
    assert {
        "leverage-depth",
        "cross-isolated",
        "penalty-partial",
        "oracle-latency",
        "fund-ruin",
    } <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_study_fits_its_plan(name: str) -> None:
    study = load_study(name)
    full, coarse = study.make_plan(), study.make_plan(quick=True)
    assert full.paths == coarse.paths
    known = {*full.paths, *(factor.name for factor in full.factor)}
    assert {study.x.name, study.by.name} <= known
    points = [len(Sweep.of(plan, None).points) for plan in (full, coarse)]  # type: ignore[arg-type]
    assert points[1] < points[0]


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_quick_runs_say_what_was_found(name: str, quick: dict[str, Sweep]) -> None:
    sweep, study = quick[name], load_study(name)
    assert sweep.failures.empty
    sentences = findings(sweep, study)
    assert sentences
    assert all(len(panel.title) and re.search(r"\d", s) for s in sentences for panel in study.panel)
    assert not any("nan" in sentence for sentence in sentences)


@pytest.mark.long
def test_leverage_and_a_thin_book_make_cascades(quick: dict[str, Sweep]) -> None:
    liquidations = pairs(quick["leverage-depth"], "leverage", "liquidations")
    assert liquidations.is_monotonic_increasing
    falls = pairs(quick["leverage-depth"], "depth", "markets.BTC-PERP.largest_fall")
    assert falls.iloc[-1] < falls.iloc[1]


@pytest.mark.long
def test_isolated_margin_keeps_a_loss_where_it_is(quick: dict[str, Sweep]) -> None:
    sweep = quick["cross-isolated"]
    sold = pairs(sweep, "margin", "sold_elsewhere")
    assert 0.0 <= sold["isolated"] < 0.05 * sold["cross"]
    owners = pairs(sweep, "margin", "owners_liquidated")
    assert owners["isolated"] > owners["cross"]


@pytest.mark.long
def test_a_penalty_fills_the_fund(quick: dict[str, Sweep]) -> None:
    assert pairs(quick["penalty-partial"], "penalty", "insurance_end").is_monotonic_increasing


@pytest.mark.long
def test_a_slow_oracle_costs_more_when_the_fall_is_fast(quick: dict[str, Sweep]) -> None:
    sweep = quick["oracle-latency"]
    longs = pairs(sweep, "latency", "loss_of_longs")
    assert longs.iloc[-1] > longs.iloc[0]
    assert pairs(sweep, "latency", "bad_debt").idxmin() == 0
    debts = pairs(sweep, "fall takes", "bad_debt")
    assert debts.iloc[0] > debts.iloc[-1]


@pytest.mark.long
def test_a_larger_fund_suffices_more_often(quick: dict[str, Sweep]) -> None:
    sweep, study = quick["fund-ruin"], load_study("fund-ruin")
    ruined = values_of(sweep, study.panel[0])
    by_fund = ruined.groupby(sweep.runs[sweep.path("fund")]).mean()
    assert by_fund.iloc[-1] < by_fund.iloc[0]


def test_cells_are_means_and_exact_shares(grid: Sweep) -> None:
    study = made()
    means = cells(grid, study, study.panel[0]).set_index(["by", "x"])["mean"].sort_index()
    wanted = grid.runs.groupby(["venue.leverage", "depth"])["loss"].mean()
    assert means.to_numpy() == pytest.approx(wanted.to_numpy())
    shares = cells(grid, study, study.panel[1])
    row = shares[(shares["by"] == 20) & (shares["x"] == 8.0)].iloc[0]
    own = grid.runs[(grid.runs["venue.leverage"] == 20) & (grid.runs["depth"] == 8.0)]["loss"]
    exact = proportion(int((own > 8).sum()), len(own))
    assert 0 < row["mean"] < 100
    assert (row["mean"], row["low"], row["high"]) == pytest.approx([100 * v for v in exact[:3]])


def test_lines_tell_both_ends_and_the_difference(grid: Sweep) -> None:
    words = findings(grid, made())[0]
    assert "depth from 1 to 8" in words
    assert "with leverage 5 x" in words
    assert re.search(r"20 x less 5 x: \+[\d.]+ quote \([\d.]+ to [\d.]+ at 95%\)", words)


def test_differences_pair_the_replicates_that_every_point_has(grid: Sweep) -> None:
    odd = grid.runs[(grid.runs["replicate"] < 20) | (grid.runs["venue.leverage"] == 20)]
    even = grid.runs[grid.runs["replicate"] < 20]
    said = [findings(Sweep.of(grid.plan, runs), made())[0] for runs in (odd, even)]
    assert said[0].partition("On average")[2] == said[1].partition("On average")[2]


def test_a_negative_scale_turns_the_ends_round(grid: Sweep) -> None:
    turned = made(x={"name": "depth", "title": "lack", "scale": -1.0})
    assert "lack from -8 to -1" in findings(grid, turned)[0]


def test_a_map_tells_its_ends_and_the_border(grid: Sweep) -> None:
    words = findings(grid, made(kind="map", panel=[LOSS], x=MADE["by"], by=MADE["x"]))
    assert "at leverage 5 x and depth 8" in words[0]
    assert "at leverage 20 x and depth 1" in words[0]
    assert "leverage from 5 x to 20 x: +" in words[1]
    assert "nowhere with depth 8" in words[2]


def test_a_sweep_without_runs_says_so() -> None:
    plan = grid_plan()
    assert findings(Sweep.of(plan, sweep_of(plan).runs.iloc[:0]), made()) == ["No run is finished."]


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(12.5, "%", "12.5%"), (20000, "USDC", "20,000 USDC"), (-0.0, "s", "0 s"), (3.0, "", "3")],
)
def test_numbers_bear_their_units(value: float, unit: str, words: str) -> None:
    assert with_unit(Shown(name="a", title="a", unit=unit), value) == words


def test_a_word_is_shown_as_it_is() -> None:
    assert shown(Shown(name="a", title="a", scale=100.0), "cross") == "cross"


def test_a_study_that_there_is_not() -> None:
    with pytest.raises(ScenarioError, match="did you mean 'oracle-latency'"):
        load_study("oracle-latncy")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "map"', 'kind = "pie"', "kind"),
        ("[quick]", "[quick]\nsize = 3", "quick.size"),
        ("values = { leverage", "values = { levrage", "did you mean 'leverage'"),
    ],
)
def test_a_wrong_file_is_refused(
    old: str, new: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (studies.READY / "leverage-depth.toml").read_text()
    assert old in text
    (tmp_path / "wrong.toml").write_text(text.replace(old, new))
    monkeypatch.setattr(studies, "READY", tmp_path)
    with pytest.raises(CrossmarginError, match=re.escape(words)):
        load_study("wrong").make_plan(quick=True)


def test_a_map_has_one_panel() -> None:
    with pytest.raises(ValueError, match="one outcome"):
        made(kind="map")


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["study", *map(str, words)])
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out, told.err


def test_the_command_lists_the_studies(capsys: pytest.CaptureFixture[str]) -> None:
    code, told, _ = call(capsys)
    assert code == 0
    assert [line.split()[0] for line in told.splitlines()] == NAMES
    assert json.loads(call(capsys, "--json")[1]).keys() == set(NAMES)


def test_the_command_refuses_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, told = call(capsys, "leverage-dept")
    assert code == 2
    assert "did you mean 'leverage-depth'" in told


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A study of a plain function among the ready ones."""
    import tomli_w

    factors = [
        {"path": "leverage", "values": [5, 10, 20], "unit": "x"},
        {"path": "depth", "values": [1.0, 2.0, 4.0, 8.0]},
    ]
    plan = plan_of(factors, {"kind": "grid"}, 3)
    (tmp_path / "plan.toml").write_text(plan.toml())
    table = made(plan=str(tmp_path / "plan.toml"), quick={"values": {"leverage": [5, 20]}})
    text = tomli_w.dumps(table.model_dump(mode="json", exclude_none=True))
    (tmp_path / "small.toml").write_text(text)
    monkeypatch.setattr(studies, "READY", tmp_path)
    return "small"


def test_the_command_writes_figure_and_report_and_goes_on(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "study"
    options = (small, "--quick", "--jobs", 1, "--out", out)
    code, told, _ = call(capsys, *options)
    assert code == 0
    assert "Loss, depth from 1 to 8" in told
    assert "small: 16 runs" in told
    assert {"figure.html", "report.html", "plan.json"} <= {path.name for path in out.iterdir()}
    assert not [path for path in out.iterdir() if "part" in path.name.split(".")]
    before = sorted(path.name for path in out.glob("runs-*.parquet"))
    code, told, _ = call(capsys, *options, "--json")
    facts = json.loads(told)
    assert (code, facts["study"], facts["runs"], facts["failed"]) == (0, small, 16, 0)
    assert len(facts["found"]) == 2
    assert sorted(path.name for path in out.glob("runs-*.parquet")) == before


@pytest.mark.long
def test_a_ready_study_runs_by_its_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told, _ = call(capsys, "leverage-depth", "--quick", "--jobs", 2, "--out", tmp_path / "s")
    assert code == 0
    assert "Largest fall of the price: from" in told


def test_help_is_there_without_heavy_imports() -> None:
    code = "import sys, crossmargin.experiments.cli; print('plotly' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert told.stdout.strip() == "False"
