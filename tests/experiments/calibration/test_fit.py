"""Whole calibrations of cheap models: recovery, verdicts, hold-out, failures, resuming."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crossmargin.experiments.calibration.fit import calibrate
from crossmargin.experiments.calibration.toys import autoregressive_returns
from crossmargin.model.errors import ParameterError, ScenarioError
from tests.experiments.calibration.models import HERE, autoregressive, linear

RECORDED = autoregressive_returns({"volatility": 0.012, "share": 0.3, "n": 6000}, 77)


@pytest.fixture(scope="module")
def lines() -> Any:
    return calibrate(linear())


def test_parameters_of_a_linear_model_are_found(lines: Any) -> None:
    rows = lines.parameters.set_index("path")
    assert rows.loc["a", "estimate"] == pytest.approx(0.3, abs=0.03)
    assert rows.loc["b", "estimate"] == pytest.approx(0.6, abs=0.03)
    assert ((rows["low_95"] < [0.3, 0.6]) & (rows["high_95"] > [0.3, 0.6])).all()
    assert (rows["verdict"] == "identified").all()


def test_errors_are_those_of_weighted_least_squares(lines: Any) -> None:
    # outcomes a + b, a - b, 2a with errors of 0.02: the information is 6 for a and 2 for b
    errors = lines.parameters.set_index("path")["error"]
    assert errors["a"] == pytest.approx(0.02 / np.sqrt(6), rel=0.1)
    assert errors["b"] == pytest.approx(0.02 / np.sqrt(2), rel=0.1)


def test_slope_and_profile_intervals_agree_where_the_model_is_linear(lines: Any) -> None:
    rows = lines.parameters
    for ends in (("low_95", "profile_low"), ("high_95", "profile_high")):
        gap = (rows[ends[0]] - rows[ends[1]]).abs()
        assert (gap < 1.2 * rows["error"]).all()


def test_targets_that_cannot_be_met_reject_the_model() -> None:
    targets = linear()["target"]
    fit = calibrate(linear(target=[*targets[:2], targets[2] | {"value": 0.9}]))
    assert fit.summary["p_value"] < 1e-6
    assert "rejected" in fit.words[0]
    assert (fit.moments["z"].abs() > 2).any()


def test_a_parameter_without_effect_is_flat() -> None:
    fit = calibrate(linear(model=f"{HERE}:only_a", target=TARGETS_OF_A))
    rows = fit.parameters.set_index("path")
    assert rows.loc["b", "verdict"] == "flat"
    assert rows.loc["b", "error"] == np.inf
    assert rows.loc["a", "verdict"] == "identified"
    assert any("b is not told by these moments" in sentence for sentence in fit.words)
    at_edge = replace(fit, parameters=fit.parameters.assign(at_edge=True))
    assert [s.partition(" ")[0] for s in at_edge.words if "a wider one" in s] == ["a"]
    assert fit.summary["degrees_of_freedom"] == 2


TARGETS_OF_A = [
    {"outcome": "sum", "value": 0.3, "error": 0.02},
    {"outcome": "difference", "value": 0.3, "error": 0.02},
    {"outcome": "a twice", "value": 0.6, "error": 0.02},
]


def test_parameters_that_only_act_together_are_open_or_flat_and_tied() -> None:
    targets = [
        row | {"value": value} for row, value in zip(TARGETS_OF_A, (0.9, 0.9, 1.8), strict=True)
    ]
    fit = calibrate(linear(model=f"{HERE}:only_sum", target=targets))
    assert not (fit.parameters["verdict"] == "identified").all()
    assert any("told apart poorly" in s or "not told" in s or "limit only" in s for s in fit.words)


def test_returns_are_recovered_with_a_hold_out() -> None:
    plan = autoregressive(holdout={"facts": ["skewness", "hill_5"]})
    fit = calibrate(plan, returns=RECORDED)
    rows = fit.parameters.set_index("path")
    for path, truth in (("volatility", 0.012), ("share", 0.3)):
        assert abs(rows.loc[path, "estimate"] - truth) < 4 * rows.loc[path, "error"]
        assert rows.loc[path, "error"] < 0.2 * (rows.loc[path, "range_high"])
    held = fit.moments[fit.moments["part"] == "other facts"]
    assert list(held["moment"]) == ["skewness", "hill_5"]
    assert (held["z"].abs() < 4).all()
    assert fit.summary["simulated_per_recorded"] == pytest.approx(4 * 4000 / 6000)


def test_other_dates_are_held_out(tmp_path: Path) -> None:
    prices = 100 * np.exp(np.cumsum(RECORDED[:4000]))
    moments = pd.date_range("2024-01-01", periods=4000, freq="h")
    frame = pd.DataFrame({"timestamps": moments, "price": prices})
    frame.to_csv(tmp_path / "prices.csv", index=False)
    recorded = {
        **autoregressive()["recorded"],
        "file": str(tmp_path / "prices.csv"),
        "column": "price",
        "end": "2024-04-01",
    }
    plan = autoregressive(recorded=recorded, holdout={"start": "2024-04-01"})
    fit = calibrate(plan)
    assert fit.summary["recorded_returns"] == 91 * 24 - 1
    later = fit.moments[fit.moments["part"] == "other dates"]
    assert list(later["moment"]) == ["volatility", "acf_1", "acf_2", "kurtosis"]
    assert fit.summary["holdout_moments"] == 4
    assert fit.summary["holdout_p_value"] > 1e-4


class Stop(Exception):
    """Stands for Ctrl-C, or for a machine that goes down."""


def test_a_search_goes_on_where_it_was_stopped(tmp_path: Path, lines: Any) -> None:

    def stop(stage: str, runs: int) -> None:
        if runs == 70:
            raise Stop

    with pytest.raises(Stop):
        calibrate(linear(), out=tmp_path, progress=stop)
    assert len(pd.read_parquet(tmp_path / "evaluations.parquet")) == 70
    half = calibrate(linear(), out=tmp_path)
    assert half.summary["new_runs"] == lines.summary["runs"] - 70
    again = calibrate(linear(), out=tmp_path)
    assert again.summary["new_runs"] == 0
    for name in ("parameters", "moments", "profiles", "trace"):
        pd.testing.assert_frame_equal(getattr(half, name), getattr(lines, name), check_exact=True)
        pd.testing.assert_frame_equal(getattr(again, name), getattr(lines, name), check_exact=True)
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_workers_change_nothing(lines: Any) -> None:
    other = calibrate(linear(), jobs=2)
    pd.testing.assert_frame_equal(other.trace, lines.trace, check_exact=True)
    pd.testing.assert_frame_equal(other.parameters, lines.parameters, check_exact=True)


def test_another_model_does_not_take_the_runs_of_the_first(tmp_path: Path) -> None:
    short = {"search": {"points": 4, "steps": 0, "polish": 0}, "inference": {"profile": 0}}
    first = calibrate(linear(**short), out=tmp_path)
    second = linear(model=f"{HERE}:only_a", **short)
    other, alone = calibrate(second, out=tmp_path), calibrate(second)
    assert other.summary["new_runs"] == alone.summary["new_runs"] > 0
    assert other.summary["runs"] == first.summary["runs"] + alone.summary["runs"]


def test_runs_that_fail_are_counted_and_avoided(tmp_path: Path) -> None:
    fit = calibrate(linear(model=f"{HERE}:half_broken"), out=tmp_path)
    assert fit.summary["failed_runs"] > 0
    assert fit.parameters.set_index("path").loc["a", "estimate"] == pytest.approx(0.3, abs=0.03)
    errors = pd.read_parquet(tmp_path / "evaluations.parquet")["error"]
    assert errors.str.contains("is too much").sum() == fit.summary["failed_runs"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"model": f"{HERE}:broken"},
            "every run .* failed; the first one: RuntimeError: always so",
        ),
        ({"model": f"{HERE}:strange"}, "neither an array of returns nor numbers by name"),
        (
            {"target": [*linear()["target"][:2], {"outcome": "summ", "value": 1, "error": 1}]},
            "no outcome 'summ'; did you mean 'sum'",
        ),
    ],
)
def test_models_that_give_nothing(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        calibrate(linear(**changes))


def test_facts_need_returns() -> None:
    plan = autoregressive(model=f"{HERE}:line", parameter=linear()["parameter"])
    with pytest.raises(ParameterError, match="facts need an array of returns"):
        calibrate(plan, returns=RECORDED)


def test_a_store_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "evaluations.parquet").write_text("no parquet")
    with pytest.raises(ScenarioError, match=r"evaluations.parquet: cannot be read"):
        calibrate(linear(), out=tmp_path)


def test_diagonal_weights_and_stated_simulation_error() -> None:
    plan = autoregressive(
        weighting="diagonal", inference={"profile": 0, "simulation_error": "ratio"}
    )
    fit = calibrate(plan, returns=RECORDED)
    rows = fit.parameters.set_index("path")
    assert abs(rows.loc["share", "estimate"] - 0.3) < 4 * rows.loc["share", "error"]
