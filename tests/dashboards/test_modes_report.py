"""The page of margin modes says what the comparison says."""

from pathlib import Path

import numpy as np
import pytest

from crossmargin.dashboards.figures.modes import (
    difference_figure,
    efficiency_figure,
    outcome_figure,
)
from crossmargin.dashboards.modes_report import in_short, modes_html, write_modes
from crossmargin.experiments.modes.comparing import ModeComparison, Question, compare_modes


@pytest.fixture(scope="module")
def found() -> ModeComparison:
    asked = Question(seeds=3, hours=0.1)
    return compare_modes(
        "two-coins",
        ["cross", "isolated"],
        question=asked,
        capitals=[0.8],
        steps=150,
        overrides={"shock.0.at": 300.0},
    )


def test_means_and_intervals_are_drawn_as_they_are(found: ModeComparison) -> None:
    summary = found.summary()
    rows = summary[summary["outcome"] == "liquidated_notional"]
    dots = outcome_figure(summary, "liquidated_notional").data[0]
    assert np.array_equal(dots.x, rows["mean"])
    assert np.asarray(dots.error_x.array) == pytest.approx((rows["high"] - rows["mean"]).to_numpy())
    dots = difference_figure(summary, "liquidated_notional").data[0]
    assert np.array_equal(dots.x, rows["difference"].iloc[1:])


def test_a_point_a_capital(found: ModeComparison) -> None:
    rows = found.efficiency()
    lines = efficiency_figure(rows).data
    assert [line.name for line in lines] == ["cross", "isolated"]
    assert all(len(line.x) == 2 for line in lines)


def test_an_outcome_that_no_run_has_is_a_sentence(found: ModeComparison) -> None:
    summary = found.summary().assign(mean=np.nan)
    figure = outcome_figure(summary, "bad_debt")
    assert "No run" in figure.layout.annotations[0].text


def test_the_page_is_whole(found: ModeComparison, tmp_path: Path) -> None:
    text = write_modes(found, tmp_path / "modes.html").read_text()
    assert text == modes_html(found)
    assert 'id="chart-liquidated_notional"' in text
    assert 'id="chart-efficiency"' in text
    assert "nan" not in text.split("<footer")[0].split("plotly.js v")[0].split("<style")[0]
    assert not list(tmp_path.glob(".*part"))


def test_only_what_is_beyond_luck_is_said(found: ModeComparison) -> None:
    words = in_short(found)
    assert "simultaneous" in words
    summary = found.summary()
    sure = (summary["difference_low"] > 0) | (summary["difference_high"] < 0)
    if not sure[summary["outcome"] == "bad_debt"].any():
        assert "bad debt" not in words
