"""The figure of a study shows its runs, with its words and units, and is written whole."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from crossmargin.dashboards import study as dashboards_study
from crossmargin.dashboards.figures.sweep_lines import lines_figure
from crossmargin.dashboards.study import study_figure, write_study
from crossmargin.experiments.studies.findings import cells
from crossmargin.experiments.studies.study import Study
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ScenarioError
from tests.experiments.sweeps.made_stores import grid_plan, sweep_of

DEPTH = {"name": "depth", "title": "depth of the book", "unit": "million"}
LEVERAGE = {"name": "leverage", "title": "leverage", "unit": "x"}
LOSS = {"name": "loss", "title": "Loss", "unit": "%", "scale": 100.0}
MUCH = {"name": "loss", "title": "Much", "unit": "%", "scale": 100.0, "above": 8.0}


def made(kind: str, *panels: dict[str, Any]) -> Study:
    axes = {"x": DEPTH, "by": LEVERAGE} if kind == "lines" else {"x": LEVERAGE, "by": DEPTH}
    table = {"plan": "made-up", "line": "made up", "kind": kind, "quick": {}, "panel": panels}
    return Study.model_validate(table | axes)


@pytest.fixture(scope="module")
def grid() -> Sweep:
    return sweep_of(grid_plan(count=40, title="A made-up market"))


def titles(figure: go.Figure) -> str:
    return str(figure.to_plotly_json()["layout"])


def test_lines_are_the_means_with_their_intervals(grid: Sweep) -> None:
    study = made("lines", LOSS)
    figure = lines_figure(grid, study)
    table = cells(grid, study, study.panel[0])
    assert [trace.name for trace in figure.data] == ["5", "10", "20"]
    for trace, (_, rows) in zip(figure.data, table.groupby("by"), strict=True):
        assert np.asarray(trace.y) == pytest.approx(rows["mean"].to_numpy())
        up = np.asarray(trace.y) + np.asarray(trace.error_y.array)
        down = np.asarray(trace.y) - np.asarray(trace.error_y.arrayminus)
        assert up == pytest.approx(rows["high"].to_numpy())
        assert down == pytest.approx(rows["low"].to_numpy())
        assert down.min() >= 0


def test_lines_bear_words_and_units(grid: Sweep) -> None:
    words = titles(lines_figure(grid, made("lines", LOSS, MUCH)))
    assert "depth of the book (million)" in words
    assert "leverage (x)" in words
    assert "Loss (%)" in words
    assert "Much (%)" in words


def test_shares_stay_between_nothing_and_all(grid: Sweep) -> None:
    figure = lines_figure(grid, made("lines", MUCH))
    for trace in figure.data:
        y = np.asarray(trace.y)
        assert (y + trace.error_y.array <= 100 + 1e-9).all()
        assert (y - trace.error_y.arrayminus >= -1e-9).all()
    assert tuple(figure.layout.yaxis.range) == (-2, 102)


def test_one_legend_for_several_panels(grid: Sweep) -> None:
    figure = lines_figure(grid, made("lines", LOSS, MUCH, LOSS, MUCH))
    assert len(figure.data) == 12
    assert sum(bool(trace.showlegend) for trace in figure.data) == 3


def test_a_map_shows_scaled_means(grid: Sweep) -> None:
    figure = study_figure(made("map", LOSS), grid)
    (heat,) = figure.data
    means = grid.runs.groupby(["depth", "venue.leverage"])["loss"].mean().unstack()
    assert np.asarray(heat.z) == pytest.approx(100 * means.to_numpy())
    assert heat.colorbar.title.text == "Loss (%)"
    assert "depth of the book (million)" in titles(figure)


@pytest.mark.parametrize("kind", ["map", "lines"])
def test_a_figure_bears_the_title_of_its_plan(kind: str, grid: Sweep) -> None:
    assert "A made-up market" in titles(study_figure(made(kind, LOSS), grid))


def test_a_study_is_written_with_its_report(grid: Sweep, tmp_path: Path) -> None:
    problem = write_study(made("lines", LOSS), grid, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"figure.html", "report.html"} <= names <= {"figure.html", "figure.svg", "report.html"}
    assert ("figure.svg" in names) == (problem == "")
    page = (tmp_path / "figure.html").read_text()
    assert not re.search(r'<(script|link)[^>]+(src|href)="http', page)


def test_without_a_browser_there_is_the_page_and_a_word(
    grid: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = dashboards_study.write_figure

    def without_browser(figure: go.Figure, path: Path) -> Path:
        if path.suffix == ".svg":
            raise ScenarioError(f"{path}: cannot be drawn, which takes Chrome")
        return write(figure, path)

    monkeypatch.setattr(dashboards_study, "write_figure", without_browser)
    (tmp_path / "figure.svg").write_text("of other runs")
    problem = write_study(made("map", LOSS), grid, tmp_path)
    assert problem == f"{tmp_path / 'figure.svg'}: cannot be drawn, which takes Chrome"
    assert {path.name for path in tmp_path.iterdir()} == {"figure.html", "report.html"}
