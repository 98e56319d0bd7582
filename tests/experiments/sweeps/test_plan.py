"""Plans: read, refused, written, and read again."""

import json
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

import crossmargin as xm
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.sweeps.designs import points
from crossmargin.experiments.sweeps.outcomes import outcomes
from crossmargin.experiments.sweeps.plan import Plan, load_plan, plan_names
from crossmargin.model.errors import ParameterError, ScenarioError
from tests.experiments.sweeps.plans import DESIGNS, FACTORS, model_plan, plan, sphere, table

TEXT = """
name = "penalty"
scenario = "calm"
steps = 5

[settings]
"venue.insurance" = 0

[[factor]]
path = "venue.penalty_rate"
values = [0.0, 0.01]

[replications]
count = 3
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


def test_a_file_is_a_plan(tmp_path: Path) -> None:
    found = load_plan(written(tmp_path, TEXT))
    assert found.paths == ("venue.penalty_rate",)
    assert found.factor[0].values == (0.0, 0.01)
    assert found.factor[0].unit == "fraction"
    assert found.overrides == {"venue.insurance": 0, "run.steps": 5}
    assert (found.design.kind, found.replications.count, found.seeds.common) == ("grid", 3, True)
    assert (found.errors.on_error, found.keep.outcomes, found.keep.series) == ("record", (), 0)


def test_file_mapping_and_object_are_one_plan(tmp_path: Path) -> None:
    from_file = load_plan(str(written(tmp_path, TEXT)))
    from_table = load_plan(tomllib.loads(TEXT))
    assert from_file == from_table == load_plan(Plan.model_validate(tomllib.loads(TEXT)))
    assert load_plan(from_file) == from_file


def test_the_public_name_loads_a_plan(tmp_path: Path) -> None:
    assert xm.load_plan(written(tmp_path, TEXT)) == load_plan(tomllib.loads(TEXT))
    assert xm.Plan is Plan


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design["kind"])
def test_a_plan_survives_toml_and_json(design: dict[str, Any]) -> None:
    before = load_plan(table(design=design, keep={"outcomes": ["bad_debt"], "series": 10}))
    assert load_plan(tomllib.loads(before.toml())) == before
    assert load_plan(json.loads(json.dumps(before.model_dump(mode="json")))) == before
    assert Plan.model_validate_json(before.model_dump_json()) == before


finite = st.floats(-1e9, 1e9, allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(
    story=texts,
    label=texts,
    root=st.integers(0, 2**63 - 1),
    values=st.lists(finite, min_size=1, max_size=6, unique=True),
    settings=st.dictionaries(texts.filter(bool), st.one_of(finite, texts, st.booleans())),
    width=st.floats(1e-9, 1e9),
)
def test_any_plan_survives_toml(
    story: str,
    label: str,
    root: int,
    values: list[float],
    settings: dict[str, Any],
    width: float,
) -> None:
    before = plan(
        story=story,
        factor=[{"path": "some.factor", "values": values, "label": label}],
        seeds={"root": root, "common": False},
        settings={f"key.{name}": value for name, value in settings.items()},
        replications={"until": {"outcome": "bad_debt", "half_width": width}},
    )
    assert Plan.model_validate(tomllib.loads(before.toml())) == before


def test_a_scenario_stands_in_the_plan_in_every_form(tmp_path: Path) -> None:
    calm = load_scenario("calm")
    inline = calm.model_dump(mode="json", exclude_none=True)
    assert load_plan(table(scenario=calm)).scenario == inline
    assert load_plan(table(scenario=calm.model_dump())).scenario == inline
    (tmp_path / "own.toml").write_text(xm_toml(inline))
    text = TEXT.replace('"calm"', '"own.toml"')
    assert load_plan(written(tmp_path, text)).scenario == inline


def xm_toml(inline: dict[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps(inline)


def test_a_loaded_plan_needs_no_file_but_itself(tmp_path: Path) -> None:
    calm = load_scenario("calm").model_dump(mode="json", exclude_none=True)
    (tmp_path / "own.toml").write_text(xm_toml(calm))
    (tmp_path / "points.csv").write_text("venue.penalty_rate\n0.01\n0.02\n")
    text = TEXT.replace('"calm"', '"own.toml"').replace("values = [0.0, 0.01]", "")
    path = written(tmp_path, text + '[design]\nkind = "csv"\nfile = "points.csv"\n')
    loaded = load_plan(path)
    for file in tmp_path.iterdir():
        file.unlink()
    assert load_plan(tomllib.loads(loaded.toml())) == loaded
    assert loaded.design.rows == ((0.01,), (0.02,))


def test_python_objects_become_what_toml_can_hold() -> None:
    frozen = stats.lognorm(0.5, scale=np.float64(3.0))
    found = plan(
        factor=[
            {"path": "a", "values": np.array([1, 2])},
            {"path": "b", "values": np.linspace(0, 1, 3)},
            {"path": "c", "distribution": frozen},
            {"path": "d", "distribution": stats.randint(1, 5)},
        ],
        settings={"venue.rounds": np.int64(3), "x": (1, 2)},
    )
    assert found.factor[0].values == (1, 2)
    assert type(found.factor[0].values[0]) is int
    assert found.factor[2].distribution == {"lognorm": {"s": 0.5, "scale": 3.0}}
    assert found.factor[3].distribution == {"randint": {"low": 1.0, "high": 5.0}}
    assert Plan.model_validate(tomllib.loads(found.toml())) == found


def test_settings_without_quotes_are_paths_too() -> None:
    """TOML makes nested tables of them; a part or a distribution in them stays whole."""
    text = """
name = "x"
scenario = "calm"
[settings]
"venue.backstop" = 1.0
venue.insurance = 0
venue.mark.band = 0.1
venue.oracle = { kind = "aggregate", fewest = 2 }
population.longs.wealth = { lognormal = [3e4, 0.5] }
population.longs.position = { leverage = 3.0, entry = { normal = [1.0, 0.01] } }
"""
    found = load_plan(tomllib.loads(text))
    assert found.settings == {
        "venue.backstop": 1.0,
        "venue.insurance": 0,
        "venue.mark.band": 0.1,
        "venue.oracle": {"kind": "aggregate", "fewest": 2},
        "population.longs.wealth": {"lognormal": [3e4, 0.5]},
        "population.longs.position.leverage": 3.0,
        "population.longs.position.entry": {"normal": [1.0, 0.01]},
    }
    assert load_plan(tomllib.loads(found.toml())) == found


def test_a_function_is_kept_by_its_name() -> None:
    assert model_plan().model == "tests.experiments.sweeps.plans:sphere"
    assert load_plan(model_plan()) == model_plan(model="tests.experiments.sweeps.plans:sphere")


def local() -> Callable[..., Any]:
    def inner(values: Any, seed: int) -> dict[str, float]:
        return {}

    return inner


@pytest.mark.parametrize("function", [lambda values, seed: {}, local(), partial(sphere)])
def test_a_function_that_no_worker_can_import_is_refused(function: Any) -> None:
    with pytest.raises(ParameterError, match=r"model.*worker"):
        load_plan({"name": "x", "model": function})


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"mine\.toml: .*venue\.penalty_rate.*values"):
        load_plan(written(tmp_path, TEXT.replace("0.01", "0.9")))
    with pytest.raises(ScenarioError, match=r"mine\.toml: is no TOML"):
        load_plan(written(tmp_path, TEXT + "["))
    with pytest.raises(ScenarioError, match=r"gone\.toml: there is no such file"):
        load_plan(tmp_path / "gone.toml")
    with pytest.raises(ScenarioError, match="is a folder"):
        load_plan(tmp_path)
    with pytest.raises(ScenarioError, match="is no name, file, mapping or Plan"):
        load_plan(3)  # type: ignore[arg-type]


def test_a_plan_that_comes_along_is_found_by_its_name() -> None:
    with pytest.raises(ScenarioError, match="did you mean 'leverage-depth'"):
        load_plan("leverage-deph")
    assert load_plan("leverage-depth").name == "leverage-depth"


@pytest.mark.parametrize("name", plan_names())
def test_every_plan_that_comes_along_loads_with_its_story(name: str) -> None:
    found = load_plan(name)
    assert found.name == name
    assert found.title
    assert len(found.story) > 200
    assert len(found.factor) >= 2


@pytest.mark.parametrize("name", plan_names())
def test_every_plan_that_comes_along_runs_at_its_first_point(name: str) -> None:
    found = load_plan(name)
    first = {path: column.tolist()[0] for path, column in points(found).items()}
    run = xm.simulate(found.scenario, overrides={**found.overrides, **first, "run.steps": 5})
    assert tuple(outcomes(found, run))[: len(found.keep.outcomes)] == found.keep.outcomes


def test_the_plan_of_the_documentation_loads() -> None:
    text = (Path(__file__).parents[3] / "experiments" / "README.md").read_text()
    shown = load_plan(
        tomllib.loads(
            text.partition("## Plans of sweeps")[2].partition("```toml\n")[2].partition("```")[0]
        )
    )
    assert [factor.unit for factor in shown.factor] == ["fraction", "quote"]
    assert shown.replications.until is not None


def test_nothing_of_a_plan_can_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        plan().name = "other"  # type: ignore[misc]
    assert len(plan().paths) == len(FACTORS)
