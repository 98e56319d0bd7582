"""Factors against the schema: paths, units, ranges, hints."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.experiments.load import load_scenario, scenario_names
from crossmargin.experiments.sweeps.corners import corner_points
from crossmargin.experiments.sweeps.designs import points
from crossmargin.experiments.sweeps.keys import Key, all_keys, find_key
from crossmargin.experiments.sweeps.plan import Factor, load_plan
from crossmargin.model.errors import ParameterError
from tests.experiments.sweeps.plans import table

CALM = load_scenario("calm")
KEYS = all_keys(CALM)


def one(**factor: Any) -> Factor:
    """Factor of a plan that was checked."""
    return load_plan(table(factor=[factor])).factor[0]


def refusal(**factor: Any) -> str:
    with pytest.raises(ParameterError) as caught:
        one(**factor)
    assert factor["path"] in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "unit", "sort"),
    [
        ("venue.penalty_rate", "fraction", "number"),
        ("venue.rounds", "rounds", "integer"),
        ("run.block_seconds", "s", "number"),
        ("venue.take_over", "", "truth"),
        ("venue.liquidate", "", "word"),
        ("venue.mark.band", "fraction of the index", "number"),
        ("venue.mark.kind", "", "word"),
        ("venue.waterfall.book_orders.fraction", "fraction of the position", "number"),
        ("market.BTC-PERP.taker_fee", "fraction", "number"),
        ("market.BTC-PERP.tiers.0.initial", "fraction", "number"),
        ("reference.calm_volatility", "per root year", "number"),
        ("population.makers.count", "agents", "integer"),
        ("population.makers.behaviour.depth", "quote", "number"),
        ("population.makers.traits.latency", "s", "number"),
        ("population.makers.collateral.BTC", "fraction", "number"),
        ("population.longs.wealth", "quote", "number"),
        ("population.longs.position.leverage", "multiple of wealth", "number"),
        ("population.longs.margin", "", "word"),
    ],
)
def test_a_key_has_the_unit_of_the_schema(path: str, unit: str, sort: str) -> None:
    key = find_key(CALM, path, KEYS)
    assert (key.path, key.unit, key.sort) == (path, unit, sort)


@pytest.mark.parametrize("name", scenario_names())
def test_every_key_takes_what_its_scenario_says(name: str) -> None:
    """So every number of every built-in scenario can be a factor, and is one at its own value."""
    scenario = load_scenario(name)
    keys = all_keys(scenario)
    plain = {
        key.path: key.value
        for key in keys.values()
        if key.value is not None and not isinstance(key.value, dict)
    }
    assert len(plain) > 150
    assert not [path for path, value in plain.items() if keys[path].refusal(value)]
    again = all_keys(load_scenario(name, plain))
    assert {path: again[path].value for path in plain} == plain


@pytest.mark.parametrize("path", ["population.1.count", "venue.waterfall.0.kind", "shock.0.at"])
def test_rows_are_found_by_their_number(path: str) -> None:
    scenario = load_scenario("leverage-spiral")
    keys = all_keys(scenario)
    key = find_key(scenario, path, keys)
    assert key is keys[key.path]
    assert key.path != path


def numeric() -> list[Key]:
    return [key for key in KEYS.values() if key.sort in ("number", "integer")]


@given(key=st.sampled_from(numeric()), value=st.floats(-1e13, 1e13))
def test_a_key_refuses_what_the_scenario_refuses(key: Key, value: float) -> None:
    """What loads lies within the range of its key: a range refuses nothing that is allowed."""
    within = not key.refusal(round(value) if key.sort == "integer" else value)
    try:
        load_scenario("calm", {key.path: round(value) if key.sort == "integer" else value})
    except ParameterError:
        return  # the key may be too small for another one, which its own range does not know
    assert within


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("venue.penalty", "did you mean 'venue.penalty_rate'?"),
        ("penalty_rate", "did you mean 'venue.penalty_rate'?"),
        ("venu.penalty_rate", "did you mean 'venue.penalty_rate'?"),
        ("venue.mark.bond", "did you mean 'venue.mark.band'?"),
        ("population.long.count", "did you mean 'population.longs.count'?"),
        ("population.longs.cont", "did you mean 'population.longs.count'?"),
        ("population.longs.position.leverge", "did you mean 'population.longs.position.leverage'"),
        ("population.makers.behaviour.dept", "did you mean 'population.makers.behaviour.depth'?"),
        ("venue.waterfall.adll.price", "did you mean 'venue.waterfall.adl.price'?"),
        ("market.0.tiers.9.initial", "after 'market.BTC-PERP.tiers' come 0"),
        ("venue.zzz", "after 'venue' come accounts"),
        ("zzz", "it begins with one of asset, market"),
        ("venue", "after 'venue' come accounts"),
        ("venue.insurance.0", "no such key"),
    ],
)
def test_a_path_that_leads_nowhere_gets_a_hint(path: str, hint: str) -> None:
    assert hint in refusal(path=path, values=[1, 2])


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        ({"low": 0.0, "high": 0.9}, ["high = 0.9", "less than or equal to 0.5", "0 <= x <= 0.5"]),
        ({"low": -0.1, "high": 0.1}, ["low = -0.1", "greater than or equal to 0"]),
        ({"values": [0.1, 0.6]}, ["values = 0.6", "0.5"]),
        ({"values": ["high"]}, ["'high' is no number"]),
        ({"values": [True, False]}, ["True is no number"]),
        ({"distribution": {"norm": {"loc": 0.01, "scale": 0.01}}}, ["least of norm = -0.05"]),
        ({"distribution": {"uniform": {"scale": 0.6}}}, ["largest of uniform = 0.6"]),
        ({"low": 0, "high": 0.1, "unit": "quote"}, ["unit = 'quote'", "the schema has 'fraction'"]),
    ],
)
def test_values_outside_the_schema_are_refused(factor: dict[str, Any], words: list[str]) -> None:
    said = refusal(path="venue.penalty_rate", **factor)
    assert not [word for word in words if word not in said]


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        ({"path": "venue.rounds", "values": [2.5]}, ["2.5", "integer", "whole numbers"]),
        ({"path": "venue.rounds", "low": 0, "high": 3}, ["low = 0", "1 <= x <= 100"]),
        ({"path": "venue.liquidate", "values": ["later"]}, ["'later'", "'after_matching'"]),
        ({"path": "venue.liquidate", "low": 0, "high": 1}, ["words", "give values"]),
        ({"path": "venue.take_over", "values": [0, 1]}, ["0 is no true or false"]),
        ({"path": "venue.take_over", "distribution": {"bernoulli": {"p": 0.5}}}, ["give values"]),
        ({"path": "venue.mark.kind", "values": ["median_mrk"]}, ["there is no part"]),
        ({"path": "market.BTC-PERP.tiers.0.maintenance", "low": 0.01, "high": 0.3}, ["above"]),
    ],
)
def test_each_sort_of_key_refuses_what_it_is_not(factor: dict[str, Any], words: list[str]) -> None:
    said = refusal(**factor)
    assert not [word for word in words if word not in said]


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        ({"values": []}, ["values", "at least 1"]),
        ({"values": [1, 1.0]}, ["stands twice"]),
        ({"values": [1, "a"]}, ["not of one type"]),
        ({"values": [0.1, float("nan")]}, ["nan is not finite"]),
        ({"values": [[1]]}, ["a number, a word"]),
        ({"low": 0.0}, ["both low and high"]),
        ({"low": 0.2, "high": 0.1}, ["low 0.2 is not below high 0.1"]),
        ({"low": 0.1, "high": float("inf")}, ["high", "finite"]),
        ({"low": 0.0, "high": 0.1, "scale": "log"}, ["logarithmic", "above 0"]),
        ({"values": [0.1], "scale": "log"}, ["low and high"]),
        ({"values": [0.1], "low": 0, "high": 1}, ["values, or low and high"]),
        ({}, ["neither values, nor low and high, nor distribution"]),
        ({"distribution": {}}, ["names 0 distributions"]),
        ({"distribution": {"unifrm": {}}}, ["did you mean 'uniform'"]),
        ({"distribution": {"uniform": {"lo": 0}}}, ["did you mean 'loc'"]),
        ({"distribution": {"beta": {"a": 1}}}, ["beta needs b"]),
        ({"distribution": {"beta": {"a": -1, "b": 2}}}, ["make no distribution"]),
        ({"distribution": {"uniform": {"scale": float("nan")}}}, ["scale", "finite"]),
    ],
)
def test_a_factor_that_says_no_range_is_refused(factor: dict[str, Any], words: list[str]) -> None:
    said = refusal(path="venue.penalty_rate", **factor)
    assert not [word for word in words if word not in said]


def test_two_paths_to_one_key_are_one_factor() -> None:
    number = [population.name for population in CALM.population].index("longs")
    twins = [
        {"path": "population.longs.count", "values": [5]},
        {"path": f"population.{number}.count", "values": [5]},
    ]
    with pytest.raises(ParameterError, match="stands twice"):
        load_plan(table(factor=twins))


def test_a_unit_may_be_repeated_and_words_have_none() -> None:
    assert one(path="venue.penalty_rate", values=[0.1], unit="fraction").unit == "fraction"
    assert one(path="venue.liquidate", values=["after_matching"]).unit is None


def test_keys_that_the_scenario_leaves_to_their_defaults_are_factors() -> None:
    """The part that stands by default is the one whose number is changed."""
    bare = CALM.model_dump(mode="json", exclude_none=True)
    for key in ("oracle", "mark", "queue", "funding", "interest"):
        bare["venue"].pop(key)
    factor = {"path": "venue.mark.band", "values": [0.01, 0.2]}
    assert load_plan(table(scenario=bare, factor=[factor])).factor[0].unit
    assert load_scenario(bare, {"venue.mark.band": 0.2}).venue.mark["band"] == 0.2


def test_a_number_of_a_distribution_is_a_factor() -> None:
    spiral = load_scenario("leverage-spiral")
    path = "population.longs.position.leverage.uniform.1"
    assert path in all_keys(spiral)
    factor = {"path": path, "low": 12.0, "high": 18.0}
    loaded = load_plan(table(scenario="leverage-spiral", factor=[factor]))
    changed = load_scenario("leverage-spiral", points(loaded).iloc[1].to_dict())
    longs = next(row for row in changed.population if row.name == "longs")
    assert longs.position is not None
    assert longs.position.leverage == {"uniform": [10.0, 15.0]}


def test_the_only_number_of_a_distribution_is_a_factor_too() -> None:
    bare = CALM.model_dump(mode="json", exclude_none=True)
    makers = next(row for row in bare["population"] if row["name"] == "makers")
    makers["traits"] = {"latency": {"exponential": 0.5}}
    path = "population.makers.traits.latency.exponential.0"
    loaded = load_plan(table(scenario=bare, factor=[{"path": path, "values": [3.0]}]))
    changed = load_scenario(loaded.scenario or {}, {path: 3.0})
    assert all_keys(changed)[path].value == 3.0


def test_ends_are_tried_with_the_other_factors_in_the_middle() -> None:
    """Two keys that depend on each other are refused only where they can meet."""
    tier = "market.BTC-PERP.tiers.0"
    together = [
        {"path": f"{tier}.initial", "low": 0.3, "high": 0.4},
        {"path": f"{tier}.maintenance", "low": 0.1, "high": 0.2},
    ]
    assert load_plan(table(factor=together)).factor[1].high == 0.2
    corners = list(corner_points(load_plan(table(factor=together))))
    assert [path.rpartition(".")[2] for path, _ in corners] == ["initial"] * 2 + ["maintenance"] * 2
    tried = np.array([list(values.values()) for _, values in corners])
    assert np.allclose(tried, [[0.3, 0.15], [0.4, 0.15], [0.35, 0.1], [0.35, 0.2]])


def test_rows_of_a_list_are_checked_like_values() -> None:
    paths = [{"path": "venue.penalty_rate"}, {"path": "venue.liquidate"}]
    rows = [[0.1, "before_matching"], [0.2, "after_matching"]]
    good = load_plan(table(factor=paths, design={"kind": "list", "rows": rows}))
    assert points(good).iloc[1].to_list() == [0.2, "after_matching"]
    with pytest.raises(ParameterError, match=r"venue\.penalty_rate.*0\.7"):
        load_plan(table(factor=paths, design={"kind": "list", "rows": [*rows, [0.7, rows[0][1]]]}))
