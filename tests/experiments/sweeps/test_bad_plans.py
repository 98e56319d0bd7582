"""Plans that cannot be run are refused, with the plan, the key and what is allowed."""

from typing import Any

import pytest

from crossmargin.experiments.sweeps.plan import load_plan
from crossmargin.model.errors import CrossmarginError, ParameterError
from tests.experiments.sweeps.plans import RATE, sphere, table

#: The longs of the calm market, by their number.
BY_NUMBER = {"path": "population.2.count", "values": [5, 6]}

BAD = [
    (table(name="a/b"), ["name", "a/b"]),
    (table(nmae="x"), ["nmae", "did you mean 'name'"]),
    (table(scenario="clam"), ["clam", "did you mean 'calm'"]),
    (table(scenario="none.toml"), ["none.toml", "no such file"]),
    (table(scenario=None), ["either a scenario or a model"]),
    (table(model=sphere), ["either a scenario or a model"]),
    (table(steps=0), ["steps", "0", "greater than or equal to 1"]),
    (table(settings={"run.steps": 3}), ["run.steps", "give one"]),
    (table(settings={"venue.insurence": 3}), ["settings", "venue.insurence", "insurance"]),
    (table(settings={"venue.backstop": -3}), ["settings", "venue.backstop", "-3"]),
    (table(settings={"venue.penalty_rate": 0}), ["venue.penalty_rate", "factor and a setting"]),
    (
        table(settings={"population.longs.count": 9}, factor=[BY_NUMBER]),
        ["settings.population.longs.count", "the factor 'population.2.count'"],
    ),
    (
        table(settings={"population.longs.count": 9, "population.2.count": 8}),
        ["settings.population.2.count", "the setting 'population.longs.count'"],
    ),
    (table(settings={"venue": {"rounds": 3}}), ["venue.rounds", "factor and a setting"]),
    (table(settings={"run": {"steps": 3}}), ["run.steps", "give one"]),
    (table(settings={"a": {"b": 1}, "a.b": 2}), ["settings", "'a.b' stands twice"]),
    (table(settings=3), ["settings", "must be a table"]),
    (table(scenario=3), ["scenario = 3", "a name, a TOML file"]),
    (table(factor=RATE), ["factor", "[[factor]]"]),
    (table(factor=[{**RATE, "path": "seed"}]), ["factor.seed", "name of a column"]),
    (table(factor=[{"path": "a", "values": 0.1}]), ["factor.a.values = 0.1", "must be a list"]),
    (table(design="sobol"), ["design = 'sobol'", "must be a table"]),
    (table(factor=[RATE, RATE]), ["venue.penalty_rate", "stands twice"]),
    (table(factor=[{**RATE, "hihg": 1}]), ["venue.penalty_rate.hihg", "did you mean 'high'"]),
    (table(replications={"count": 0}), ["replications.count", "0", "greater than or equal to 1"]),
    (table(replications={"count": 2.5}), ["replications.count", "2.5"]),
    (
        table(replications={"count": 2, "until": {"outcome": "a", "relative": 1}}),
        ["count or until"],
    ),
    (table(replications={"until": {"outcome": "bad_debt"}}), ["half_width or relative"]),
    (
        table(replications={"until": {"outcome": "bad_debt", "relative": 0}}),
        ["relative", "greater than 0"],
    ),
    (
        table(
            replications={"until": {"outcome": "fills", "relative": 1, "at_least": 9, "at_most": 8}}
        ),
        ["at_most 8", "at_least 9"],
    ),
    (
        table(
            replications={"until": {"outcome": "bad_debt", "relative": 1}},
            keep={"outcomes": ["fills"]},
        ),
        ["bad_debt", "keep"],
    ),
    (table(seeds={"root": -1}), ["seeds.root", "-1"]),
    (table(keep={"outcomes": ["bad_dept"]}), ["keep.outcomes", "did you mean 'bad_debt'"]),
    (table(keep={"functions": ["json:dumpz"]}), ["json:dumpz", "did you mean 'dump"]),
    (table(keep={"functions": ["jsn:dump"]}), ["jsn:dump", "No module named"]),
    (table(keep={"functions": ["json"]}), ["json", "module:function"]),
    (table(keep={"functions": ["math:pi"]}), ["math:pi", "no function"]),
    (table(errors={"on_error": "ignore"}), ["errors.on_error", "ignore", "record"]),
    (table(errors={"retries": -1}), ["errors.retries", "-1"]),
    (table(errors={"timeout_seconds": float("nan")}), ["timeout_seconds", "finite"]),
    (table(design={"kind": "soboll", "points": 8}), ["design.kind", "soboll", "sobol"]),
    ({"name": "x", "model": sphere, "factor": [RATE, RATE]}, ["penalty_rate' stands twice"]),
    ({"name": "x", "model": sphere, "steps": 3}, ["steps goes with a scenario"]),
    ({"name": "x", "model": sphere, "keep": {"series": 3}}, ["keep.series", "scenario"]),
    ({"name": "x", "model": "nowhere:f"}, ["model", "nowhere"]),
]


@pytest.mark.parametrize(("bad", "words"), BAD)
def test_a_bad_plan_is_refused_by_name(bad: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(CrossmarginError) as caught:
        load_plan(bad)
    assert not [word for word in [str(bad["name"]), *words] if word not in str(caught.value)]


def test_one_mistake_is_said_once() -> None:
    with pytest.raises(ParameterError) as caught:
        load_plan(table(factor=[{"path": "a", "values": [{"b": 1}]}]))
    assert "not {'b': 1}" in str(caught.value)
    assert ";" not in str(caught.value)
