"""Outcomes: the numbers of a summary by name, and those of functions."""

from typing import Any

import numpy as np
import pytest

from crossmargin.experiments.load import scenario_names
from crossmargin.experiments.run import Run, simulate
from crossmargin.experiments.sweeps.outcomes import flatten, outcomes, summary_names
from crossmargin.model.errors import ParameterError
from tests.experiments.sweeps import plans

HERE = "tests.experiments.sweeps.plans"
SMALL = {f"population.{name}.count": 20 for name in ("traders", "longs", "shorts")}


@pytest.fixture(scope="module", params=["calm", "leverage-spiral"])
def run(request: pytest.FixtureRequest) -> Run:
    return simulate(request.param, seed=3, steps=20, overrides=SMALL)


def test_a_summary_is_flattened_with_dots_and_one_residual() -> None:
    summary = {
        "a": 1,
        "b": {"c": 2.5, "d": {"e": True}},
        "word": "x",
        "residuals": {"p": -3, "q": 2},
    }
    assert flatten(summary) == {"a": 1.0, "b.c": 2.5, "b.d.e": 1.0, "residual": 3.0}
    assert flatten({"a": np.float32(0.5), "b": np.int64(2)}) == {"a": 0.5, "b": 2.0}
    assert flatten({}) == {}


def test_every_run_has_the_same_names_known_beforehand(run: Run) -> None:
    found = outcomes(plans.plan(), run)
    assert list(found) == summary_names(run.scenario)
    assert all(type(value) is float for value in found.values())
    assert found["residual"] == 0.0
    assert found["steps"] == 20.0
    assert found["fills"] == run.summary["fills"]
    market = run.summary["markets"]["BTC-PERP"]
    assert found["markets.BTC-PERP.largest_fall"] == market["largest_fall"]


def test_reasons_that_did_not_occur_are_zero(run: Run) -> None:
    found = outcomes(plans.plan(), run)
    reasons = {k.partition(".")[2]: v for k, v in found.items() if k.startswith("rejected_by")}
    assert {k: v for k, v in reasons.items() if v} == run.summary["rejected_by_reason"]
    assert sum(reasons.values()) == found["orders_rejected"]


def test_named_outcomes_come_in_their_order(run: Run) -> None:
    names = ["markets.BTC-PERP.last", "bad_debt", "fills"]
    found = outcomes(plans.plan(keep={"outcomes": names}), run)
    assert list(found) == names


def test_functions_add_what_they_return(run: Run) -> None:
    kept = {"outcomes": ["fills"], "functions": [plans.losses]}
    found = outcomes(plans.plan(keep=kept), run)
    assert list(found) == ["fills", "doubled_debt", "steps_again"]
    assert found["doubled_debt"] == 2 * run.summary["bad_debt"]
    everything = outcomes(plans.plan(keep={"functions": [plans.losses]}), run)
    assert everything.keys() >= {"doubled_debt", "fills", "residual"}
    chosen = {"outcomes": ["doubled_debt", "fills"], "functions": [plans.losses]}
    assert set(outcomes(plans.plan(keep=chosen), run)) == {"doubled_debt", "fills", "steps_again"}


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        ({"outcomes": ["bad_dept"]}, ["keep.outcomes", "bad_dept", "did you mean 'bad_debt'"]),
        ({"functions": [f"{HERE}:repeated"]}, ["bad_debt", "summary"]),
        ({"functions": [f"{HERE}:words"]}, [f"{HERE}:words", "'verdict': 'bad'"]),
        ({"functions": [f"{HERE}:nothing"]}, [f"{HERE}:nothing", "NoneType"]),
        ({"functions": [f"{HERE}:lossses"]}, ["did you mean 'losses'"]),
    ],
)
def test_what_is_no_outcome_is_refused(run: Run, keep: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ParameterError) as caught:
        outcomes(plans.plan(keep=keep), run)
    assert not [word for word in words if word not in str(caught.value)]


def test_a_model_returns_its_outcomes() -> None:
    result = plans.sphere({"x": 1.0, "y": 2.0}, 7)
    assert outcomes(plans.model_plan(), result) == {"square": 5.0, "drawn": 7.0}
    kept = plans.model_plan(keep={"outcomes": ["square"]})
    assert outcomes(kept, result) == {"square": 5.0}
    with pytest.raises(ParameterError, match="did you mean 'square'"):
        outcomes(plans.model_plan(keep={"outcomes": ["sqare"]}), result)
    with pytest.raises(ParameterError, match=r"plans:sphere: returned float, not numbers by name"):
        outcomes(plans.model_plan(), 3.0)


def test_an_outcome_has_no_name_of_a_column() -> None:
    for name in ("x", "seed"):
        with pytest.raises(ParameterError, match=f"'{name}' has the name of a factor or of a col"):
            outcomes(plans.model_plan(), {"square": 5.0, name: 1.0})


@pytest.mark.parametrize("name", scenario_names())
def test_names_of_outcomes_are_distinct(name: str) -> None:
    from crossmargin.experiments.load import load_scenario

    names = summary_names(load_scenario(name))
    assert len(set(names)) == len(names)
