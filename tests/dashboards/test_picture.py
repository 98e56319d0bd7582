"""The picture of the README is a small SVG that the same run makes again."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from crossmargin.dashboards.figures.picture import (
    HEIGHT,
    WIDTH,
    picture_svg,
    round_values,
    write_picture,
)
from tests.dashboards.synthetic import SyntheticRun

SVG = "{http://www.w3.org/2000/svg}"


def test_it_is_valid_small_and_repeats(crash: SyntheticRun, tmp_path: Path) -> None:
    path = write_picture(crash, tmp_path / "picture.svg")
    assert path.stat().st_size < 120_000
    assert path.read_text("utf-8") == picture_svg(crash)
    assert ElementTree.parse(path).getroot().tag == f"{SVG}svg"


def test_every_step_with_liquidations_is_a_circle(crash: SyntheticRun) -> None:
    root = ElementTree.fromstring(picture_svg(crash, "BTC-PERP"))
    own = crash.liquidations[crash.liquidations["market"] == "BTC-PERP"]
    circles = root.findall(f".//{SVG}circle")
    assert len(circles) == own["step"].nunique()
    assert all(0 < float(c.get("cx", -1)) < WIDTH for c in circles)
    assert all(0 < float(c.get("cy", -1)) < HEIGHT for c in circles)


def test_a_quiet_run_has_a_picture_too(quiet: SyntheticRun) -> None:
    assert not ElementTree.fromstring(picture_svg(quiet)).findall(f".//{SVG}circle")


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0, 10, [0, 2, 4, 6, 8, 10]), (0.93, 1.31, [1.0, 1.1, 1.2, 1.3])]
)
def test_round_values(low: float, high: float, expected: list[float]) -> None:
    assert round_values(low, high, 6) == pytest.approx(expected)
