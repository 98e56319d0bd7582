"""Recorded prices between two dates, with errors that name file, line and column."""

from pathlib import Path

import numpy as np
import pytest

from crossmargin.experiments.calibration.plan import Calibration
from crossmargin.experiments.calibration.recorded import block_of, fit_targets
from crossmargin.experiments.recordings import recorded_prices
from crossmargin.model.errors import ParameterError, ScenarioError
from tests.experiments.calibration.models import autoregressive

LINES = [f"2024-01-0{day},{100 + day}" for day in range(1, 8)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prices.csv"
    path.write_text("\n".join(["timestamps,price", *LINES]))
    return path


def test_a_span_holds_its_first_moment_and_not_its_last(file: Path) -> None:
    found = recorded_prices(file, "price", "2024-01-02", "2024-01-05")
    assert found.tolist() == [102, 103, 104]
    assert len(recorded_prices(file, "price")) == 7


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"column": "close"}, "line 1: no column close; found timestamps, price"),
        ({"start": "2024-01-07"}, "holds 1 prices from 2024-01-07"),
        ({"start": "2024-01-05", "end": "2024-01-02"}, "holds 0 prices"),
        ({"end": "noon"}, "end 'noon' is no ISO 8601 moment"),
    ],
)
def test_bad_spans(file: Path, changes: dict[str, str], said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        recorded_prices(file, **{"column": "price", **changes})


def test_a_price_that_is_left_out_is_named(file: Path) -> None:
    file.write_text("\n".join(["timestamps,price", *LINES[:3], *LINES[4:]]))
    with pytest.raises(ScenarioError, match="after 2024-01-03 00:00:00 should begin at 2024-01-04"):
        recorded_prices(file, "price")
    assert len(recorded_prices(file, "price", "2024-01-05")) == 3


def test_windows_longer_than_the_record_are_refused() -> None:
    recorded = {**autoregressive()["recorded"], "window": 500}
    found = Calibration.model_validate(autoregressive(recorded=recorded))
    with pytest.raises(ParameterError, match="400 returns; windows take 500"):
        fit_targets(found, np.random.default_rng(0).standard_normal(400))


def test_blocks_are_twice_as_long_as_the_longest_lag() -> None:
    recorded = {"file": "none", "facts": ["volatility", "abs_acf_60"]}
    found = Calibration.model_validate(autoregressive(recorded=recorded))
    assert block_of(found, np.random.default_rng(0).standard_normal(4000)) == 120
    plain = Calibration.model_validate(autoregressive(bootstrap={"block": 33}))
    assert block_of(plain, np.zeros(10)) == 33
