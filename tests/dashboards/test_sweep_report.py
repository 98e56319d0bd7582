"""A sweep's report is whole, safe and self-contained, whatever the sweep holds."""

import json
import re
import warnings
from pathlib import Path

import pandas as pd
import pytest

from crossmargin.dashboards.sweep_captions import NOTHING_VARIES
from crossmargin.dashboards.sweep_report import planned, sweep_report_html, write_sweep_report
from crossmargin.experiments.sweeps.results import Sweep
from tests.experiments.sweeps.made_stores import (
    GRID,
    grid_plan,
    losses,
    plan_of,
    runs_of,
    sweep_of,
)

RANGES = [
    {"path": "leverage", "low": 2.0, "high": 30.0},
    {"path": "depth", "low": 1.0, "high": 100.0, "scale": "log"},
]


def own(page: str) -> str:
    """The page without plotly.js."""
    return page[: page.index("MathJaxConfig")] + page[page.index('<script type="application/') :]


def charts(page: str) -> dict:
    found = re.search(r'id="figures">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])["charts"]


@pytest.fixture(scope="module")
def grid() -> str:
    plan = grid_plan(count=30, title="A <b>made-up</b> sweep", sources=["One & all"])
    return sweep_report_html(sweep_of(plan))


def test_all_sections_have_a_chart_and_a_place(grid: str) -> None:
    names = set(charts(grid))
    expected = {"curves-loss", "curves-failed", "curves-luck", "phase", "seed"}
    assert {f"chart-{name}" for name in expected | {"parallel", "spread-loss"}} <= names
    assert all(f'id="{name}"' in grid for name in names)
    assert own(grid).count('<figure aria-label="') == len(names)


def test_a_corner_takes_points_enough(grid: str) -> None:
    assert "More points would tell, more replicates would not." in grid
    page = sweep_report_html(
        sweep_of(plan_of(RANGES, {"kind": "latin_hypercube", "points": 80}, 3))
    )
    assert "chart-corner" in charts(page)


def test_intervals_are_said_to_be_over_seeds(grid: str) -> None:
    assert "The interval is over the 30 seeds that the points share." in grid
    once = sweep_report_html(sweep_of(grid_plan(count=1)))
    assert "one seed: no interval" in once
    assert "one replicate cannot tell" in once


def test_infinite_outcomes_are_listed_and_not_drawn() -> None:
    sweep = sweep_of(grid_plan(), endless)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = sweep_report_html(sweep)
        assert "inf" in sweep._repr_html_()
    assert "9 of 36 runs are infinite" in page
    assert "chart-curves-endless" not in charts(page)
    assert "chart-curves-loss" in charts(page)


def endless(values: dict, seed: int) -> dict[str, float]:
    found = losses(values, seed)
    return found | {"endless": float("inf") if values["depth"] == 1 else found["loss"]}


def test_runs_of_equal_points_are_counted_once_and_weigh_twice() -> None:
    rows = [[1, 2], [1, 2], [3, 4]]
    factors = [{"path": "leverage"}, {"path": "depth"}]
    sweep = sweep_of(plan_of(factors, {"kind": "list", "rows": rows}, 5))
    assert len(sweep.runs) == 15
    page = sweep_report_html(sweep)
    assert ">10</b><small>of 10; equal points share theirs</small>" in page


def test_words_of_a_plan_are_escaped(grid: str) -> None:
    assert "A &lt;b&gt;made-up&lt;/b&gt; sweep" in grid
    assert "<b>made-up" not in grid
    assert "One &amp; all" in grid


def test_no_other_host_is_named(grid: str) -> None:
    assert not re.findall(r"https?://", own(grid))
    assert "Content-Security-Policy\" content=\"default-src 'none'" in grid


def test_headline_numbers(grid: str) -> None:
    assert ">360</b><small>of 360</small>" in grid
    assert "In short." in grid
    assert ">nan" not in own(grid).lower()
    assert "nan%" not in own(grid).lower()


@pytest.mark.parametrize("kind", ["saltelli", "morris"])
def test_sensitivity_is_there_when_the_design_is_made_for_it(kind: str) -> None:
    size = {"points": 32} if kind == "saltelli" else {"trajectories": 8}
    page = sweep_report_html(sweep_of(plan_of(RANGES, {"kind": kind, **size}, 2)))
    assert "chart-sensitivity-loss" in charts(page)


def test_one_run_says_what_it_cannot() -> None:
    plan = plan_of([f | {"values": f["values"][:1]} for f in GRID], {"kind": "grid"}, 1)
    page = sweep_report_html(sweep_of(plan))
    assert NOTHING_VARIES in page
    assert not charts(page)


def test_nothing_finished_is_a_page_too() -> None:
    page = sweep_report_html(Sweep.of(grid_plan(), pd.DataFrame()))
    assert "No run is finished" in page
    assert ">0</b><small>of 36</small>" in page


def test_nothing_varied_but_the_seed() -> None:
    page = sweep_report_html(sweep_of(plan_of([], {"kind": "grid"}, 50), luck_alone))
    assert "Nothing was varied but the seed." in page
    assert "chart-spread-y" in charts(page)


def luck_alone(values: dict, seed: int) -> dict[str, float]:
    return {"y": float(seed % 1009)}


def test_missing_values_words_and_truth_values() -> None:
    factors = [
        {"path": "mode", "values": ["cross", "isolated"]},
        {"path": "partial", "values": [True, False]},
        {"path": "x", "values": [1, 2, 3]},
    ]
    sweep = sweep_of(
        plan_of(factors, {"kind": "grid"}, 6),
        lambda v, seed: {"y": float("nan") if v["x"] == 2 else v["x"] * (seed % 5) * v["partial"]},
    )
    assert {"chart-curves-y", "chart-phase", "chart-parallel"} <= set(
        charts(sweep_report_html(sweep))
    )


def test_failures_are_listed_and_counted() -> None:
    plan = grid_plan(count=4)
    runs = runs_of(plan)
    failed = runs.iloc[:3][["run_id", "point", "replicate", "seed"]]
    failed = failed.assign(stage="run", error="StateError: <pool> is full", traceback="...")
    page = sweep_report_html(Sweep.of(plan, runs.iloc[3:], failed))
    assert "StateError: &lt;pool&gt; is full" in page
    assert '<b class="bad">3</b>' in page
    assert '<b class="bad">45</b>' in page


def test_equal_points_are_planned_once() -> None:
    rows = [[1, 2], [1, 2], [3, 4]]
    factors = [{"path": "leverage"}, {"path": "depth"}]
    plan = plan_of(factors, {"kind": "list", "rows": rows}, 5)
    assert planned(Sweep.of(plan, pd.DataFrame())) == 10


def test_it_is_written_whole(tmp_path: Path) -> None:
    sweep = sweep_of(grid_plan())
    path = write_sweep_report(sweep, tmp_path / "report.html")
    assert path.read_text("utf-8").endswith("</html>\n")
    assert list(tmp_path.iterdir()) == [path]
    assert sweep.report(tmp_path / "again.html").read_bytes() == path.read_bytes()
    assert path.stat().st_size < 8_000_000
