"""Designs from a CSV: what is read, and what is refused with file, line and column."""

from pathlib import Path

import pytest

from crossmargin.experiments.sweeps.csv_points import read_points
from crossmargin.experiments.sweeps.designs import points
from crossmargin.experiments.sweeps.plan import load_plan
from crossmargin.model.errors import ParameterError, ScenarioError
from tests.experiments.sweeps.plans import table

FACTORS = ("venue.penalty_rate", "venue.rounds", "venue.liquidate")
TEXT = """venue.rounds, venue.liquidate, venue.penalty_rate
3, after_matching, 0.01
5, before_matching, 2e-2

7, after_matching, 0
"""
ROWS = (
    (0.01, 3, "after_matching"),
    (0.02, 5, "before_matching"),
    (0, 7, "after_matching"),
)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "points.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.replace("\n", "\r\n"),
        "\ufeff" + TEXT,
        TEXT.replace("after_matching", '"after_matching"'),
    ],
)
def test_columns_come_in_the_order_of_the_factors(tmp_path: Path, text: str) -> None:
    assert read_points(written(tmp_path, text), FACTORS) == ROWS


def test_a_file_beside_the_plan_becomes_its_points(tmp_path: Path) -> None:
    written(tmp_path, TEXT)
    lines = ['name = "x"', 'scenario = "calm"', "[design]", 'kind = "csv"', 'file = "points.csv"']
    lines += [f'[[factor]]\npath = "{path}"' for path in FACTORS]
    (tmp_path / "plan.toml").write_text("\n".join(lines))
    loaded = load_plan(tmp_path / "plan.toml")
    assert loaded.design.rows == ROWS
    found = points(loaded)
    assert found["venue.rounds"].tolist() == [3, 5, 7]
    assert found["venue.penalty_rate"].tolist() == [0.01, 0.02, 0.0]
    assert [column.dtype.kind for _, column in found.items()] == ["f", "i", "O"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no points"),
        ("venue.rounds\n", "holds no points"),
        (
            TEXT.replace("rounds", "round"),
            "'venue.round' is no factor; did you mean 'venue.rounds'",
        ),
        (TEXT.replace("venue.rounds", "venue.liquidate"), "'venue.liquidate' stands twice"),
        ("venue.rounds\n3\n", "no column for the factor 'venue.penalty_rate'"),
        (TEXT.replace("3, ", ""), "line 2: has 2 cells, the header 3"),
        (TEXT.replace("0.01", "nan"), "line 2, column 'venue.penalty_rate': nan is not finite"),
        (TEXT.replace("2e-2", "1e999"), "line 3, column 'venue.penalty_rate': 1e999 is not finite"),
        (TEXT.replace("0.01", ""), "line 2, column 'venue.penalty_rate': is empty"),
        (TEXT.replace("0.01", '"0.01'), "is no CSV"),
        (b"venue.rounds\n\xff\n", "is no UTF-8 text"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        read_points(written(tmp_path, text), FACTORS)
    assert "points.csv" in str(caught.value)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"gone\.csv: cannot be read: No such file"):
        read_points(tmp_path / "gone.csv", FACTORS)
    with pytest.raises(ScenarioError, match="cannot be read"):
        read_points(tmp_path, FACTORS)


def test_cells_are_checked_against_the_schema(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT.replace("0.01", "0.9"))
    factors = [{"path": name} for name in FACTORS]
    with pytest.raises(ParameterError, match=r"venue\.penalty_rate: value = 0\.9.*0 <= x <= 0\.5"):
        load_plan(table(factor=factors, design={"kind": "csv", "file": str(path)}))
