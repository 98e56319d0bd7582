"""Bad calibrations are refused by file and key before anything is run."""

from pathlib import Path
from typing import Any

import pytest
import tomli_w

from crossmargin.experiments.calibration.evaluations import value_at
from crossmargin.experiments.calibration.plan import Calibration
from crossmargin.experiments.calibration.reading import calibration_names, load_calibration
from crossmargin.model.errors import ParameterError, ScenarioError
from tests.experiments.calibration.models import HERE, autoregressive, linear

PENALTY = {"path": "venue.penalty_rate", "low": 0.0, "high": 0.1}
#: Facts of the calm market, hour by hour.
CALM: dict[str, Any] = {
    "name": "calm",
    "scenario": "calm",
    "parameter": [PENALTY],
    "recorded": {"file": "btc_usd_hourly.csv", "facts": ["volatility"]},
    "simulated": {"market": "BTC-PERP", "seconds": 300},
}


def test_calibrations_that_come_along_are_sound() -> None:
    assert calibration_names()
    for name in calibration_names():
        found = load_calibration(name)
        assert found.story
        assert found.sources
        assert len(found.moments) > len(found.parameter)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": None}, "either a scenario or a model"),
        ({"model": f"{HERE}:lime"}, "did you mean 'line'"),
        ({"parameters": []}, "parameters: unknown key; did you mean 'parameter'"),
        ({"parameter": []}, "parameter"),
        ({"parameter": [{"path": "a", "values": [1]}]}, "parameter a: needs low and high"),
        ({"parameter": [{"path": "a", "low": 1, "high": 0}]}, "low 1 is not below high 0"),
        ({"parameter": 2 * [{"path": "a", "low": 0, "high": 1}]}, "'a' stands twice"),
        ({"target": linear()["target"][:1]}, "1 moments cannot fix 2 parameters"),
        ({"target": 2 * linear()["target"]}, "the moment 'sum' stands twice"),
        ({"target": [{"outcome": "a", "value": 1, "error": 0}]}, "error = 0"),
        ({"search": {"points": 12}}, "no power of 2"),
        ({"replicates": 0}, "replicates = 0"),
        ({"holdout": {"start": "2024-01-01"}}, "goes with [recorded]"),
        ({"steps": 5}, "steps goes with a scenario"),
    ],
)
def test_bad_calibrations(changes: dict[str, Any], said: str) -> None:
    table = {key: value for key, value in linear(**changes).items() if value is not None}
    with pytest.raises(ParameterError) as caught:
        load_calibration(table)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"facts": ["volatility", "kurtosys"]}, "did you mean 'kurtosis'"),
        ({"facts": ["volatility", "volatility"]}, "stands twice"),
    ],
)
def test_bad_facts(changes: dict[str, Any], said: str) -> None:
    recorded = autoregressive()["recorded"] | changes
    with pytest.raises(ParameterError, match=said):
        load_calibration(autoregressive(recorded=recorded))


def test_blocks_that_cut_lags_apart() -> None:
    recorded = {"file": "x", "facts": ["volatility", "abs_acf_24"]}
    with pytest.raises(ParameterError, match=r"bootstrap.block = 30: .* longest lag, 24"):
        load_calibration(autoregressive(recorded=recorded, bootstrap={"block": 30}))


def test_a_fact_of_the_fit_is_not_held_out() -> None:
    with pytest.raises(ParameterError, match="holds a fact that the fit uses"):
        load_calibration(autoregressive(holdout={"facts": ["kurtosis"]}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"parameter": [PENALTY | {"path": "venue.penalti_rate"}]},
            "parameter.venue.penalti_rate: .*did you mean",
        ),
        ({"parameter": [PENALTY | {"high": 2.0}]}, "venue.penalty_rate: high = 2.0"),
        ({"parameter": [PENALTY | {"unit": "kg"}]}, "unit"),
        ({"simulated": None}, r"need \[simulated\]"),
        ({"simulated": {"market": "BTC-PERK", "seconds": 300}}, "did you mean 'BTC-PERP'"),
        ({"simulated": {"market": "BTC-PERP", "seconds": 15}}, "no whole number of blocks"),
        ({"simulated": {"market": "BTC-PERP", "seconds": 3600}}, "hold 5 returns"),
        ({"functions": [f"{HERE}:nothing"]}, "no 'nothing'"),
        ({"scenario": "clam"}, "did you mean 'calm'"),
    ],
)
def test_calibrations_that_do_not_fit_the_scenario(changes: dict[str, Any], said: str) -> None:
    table = {key: value for key, value in (CALM | changes).items() if value is not None}
    with pytest.raises(ScenarioError, match=said):
        load_calibration(table)


def test_units_come_from_the_schema() -> None:
    assert load_calibration(CALM).parameter[0].unit == "fraction"


def test_a_file_is_read_and_named_in_errors(tmp_path: Path) -> None:
    file = tmp_path / "line.toml"
    file.write_text(tomli_w.dumps(linear()))
    assert load_calibration(file) == load_calibration(linear())
    file.write_text(tomli_w.dumps(linear(repliactes=3)))
    with pytest.raises(ParameterError, match=r"line.toml: .*did you mean 'replicates'"):
        load_calibration(file)
    with pytest.raises(ScenarioError, match=r"none.toml: there is no such file"):
        load_calibration(tmp_path / "none.toml")
    with pytest.raises(ScenarioError, match="did you mean 'crowd-hourly'"):
        load_calibration("crowd-hurly")


def test_a_model_and_prices_beside_the_file_are_found(tmp_path: Path) -> None:
    (tmp_path / "my_own_returns.py").write_text(
        "def returns(values, seed):\n    return [values['a'] * x for x in (1, -1, 2)]\n"
    )
    (tmp_path / "my.csv").write_text("timestamps,price\n2024-01-01,1\n2024-01-02,2\n")
    plan = {
        "name": "mine",
        "model": "my_own_returns:returns",
        "parameter": [{"path": "a", "low": 1, "high": 2}],
        "recorded": {"file": "my.csv", "column": "price", "facts": ["volatility"]},
    }
    (tmp_path / "mine.toml").write_text(tomli_w.dumps(plan))
    found = load_calibration(tmp_path / "mine.toml")
    assert found.recorded is not None
    assert found.recorded.file == str(tmp_path / "my.csv")


def test_values_at_places_of_a_range() -> None:
    a, b = Calibration.model_validate(
        linear(
            parameter=[
                {"path": "a", "low": 1, "high": 3},
                {"path": "b", "low": 1, "high": 100, "scale": "log"},
            ]
        )
    ).parameter
    assert [value_at(a, unit) for unit in (0, 0.5, 1, 2)] == pytest.approx([1, 2, 3, 5])
    assert [value_at(b, unit) for unit in (0, 0.5, 1, -1)] == pytest.approx([1, 10, 100, 0.01])
