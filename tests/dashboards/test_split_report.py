"""The page of a split says what the split says."""

from pathlib import Path

import numpy as np
import pytest

from crossmargin.dashboards.figures.split import (
    band_figure,
    classes_figure,
    parts_figure,
    push_figure,
)
from crossmargin.dashboards.split_report import in_short, split_html, write_split
from crossmargin.experiments.endogenous.identify import Split, split_path
from tests.experiments.endogenous.falling import falling, write_record


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    record = write_record(tmp_path_factory.mktemp("record") / "record.csv")
    return split_path(falling(record), seeds=2, leverages=[0.5])


def window(split: Split) -> tuple[int, int]:
    return split.summary["fall"]["peak_step"], split.summary["fall"]["trough_step"]


def test_the_parts_are_drawn_as_they_are(split: Split) -> None:
    figure = parts_figure(split.path, 1.0, 60.0, window(split))
    lines = {trace.name: np.asarray(trace.y) for trace in figure.data}
    assert np.array_equal(lines["record"], split.path["record"])
    assert np.array_equal(lines["exogenous, one venue"], split.path["exogenous"])
    forced = lines["record"] - lines["without forced orders"]
    assert np.array_equal(forced, split.path["forced"])
    assert figure.layout.shapes[0].x1 == pytest.approx(window(split)[1] / 60)  # hours


def test_the_push_lies_between_least_and_most(split: Split) -> None:
    most, least, mean = (np.asarray(t.y) for t in push_figure(split.path, 60.0, window(split)).data)
    assert (least <= mean + 1e-12).all()
    assert (mean <= most + 1e-12).all()


def test_classes_are_drawn_in_quote(split: Split) -> None:
    figure = classes_figure(split.path, 1.0, 60.0, window(split))
    lines = {trace.name: np.asarray(trace.y) for trace in figure.data}
    assert "exogenous" not in lines  # nobody outside a population moved it
    assert np.array_equal(lines["refill"], split.path["mid_refill"] / 2)


def test_the_band_is_drawn_in_percent() -> None:
    figure = band_figure({"all": (0.1, 0.3), "one": (0.2, 0.2)}, 0.2)
    assert tuple(figure.data[0].x) == pytest.approx((10.0, 30.0))
    assert figure.layout.xaxis.range[0] < 10


def test_the_page_is_whole_and_says_the_verdict(split: Split, tmp_path: Path) -> None:
    text = write_split(split, tmp_path / "split.html").read_text()
    assert text == split_html(split)
    assert split.summary["verdict"] in text
    assert "exogenous.csv" in text
    for name in ("parts", "push", "band", "classes"):
        assert f'id="chart-{name}"' in text
    assert not list(tmp_path.glob(".*part"))


def test_the_short_version_names_a_misfit(split: Split) -> None:
    wrong = {**split.summary, "verdict": "misfit", "band": [1.2, 3.0], "venues": 12.0}
    words = in_short(wrong)
    assert "misfit" in words
    assert "120% to 300%" in words
    assert "12 venues" in words
