"""Numbers are written as people read them."""

import math

import pytest

from crossmargin.dashboards.figures import words


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "$0"),
        (1.5, "$1.5"),
        (999.7, "$1k"),
        (1234567, "$1.23M"),
        (-340, "−$340"),
        (2.5e9, "$2.5B"),
        (0.001, "$0"),
        (math.nan, "–"),
    ],
)
def test_money(value: float, written: str) -> None:
    assert words.money(value) == written


@pytest.mark.parametrize(
    ("value", "written"), [(58123.4, "$58,123"), (3.4159, "$3.42"), (0.01234, "$0.0123")]
)
def test_price(value: float, written: str) -> None:
    assert words.price(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0341, "3.4%"), (0.0005, "0.05%"), (1.5, "150%"), (-0.2, "−20.0%"), (0, "0%")],
)
def test_share(value: float, written: str) -> None:
    assert words.share(value) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (75, "1 min 15 s"),
        (720, "12 min"),
        (12000, "3 h 20 min"),
        (187200, "2 d 4 h"),
    ],
)
def test_duration(seconds: float, written: str) -> None:
    assert words.duration(seconds) == written


def test_plural() -> None:
    assert words.plural(1, "account") == "1 account"
    assert words.plural(1200, "account") == "1,200 accounts"
