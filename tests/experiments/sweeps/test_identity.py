"""Identity of a run: changes with what a run depends on, and with nothing else."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.experiments.load import SCENARIOS, load_scenario
from crossmargin.experiments.sweeps.designs import points
from crossmargin.experiments.sweeps.identity import (
    model_files,
    model_version,
    run_id,
    scenario_digest,
)
from crossmargin.experiments.sweeps.plan import load_plan
from tests.experiments.sweeps.plans import model_plan, plan

numbers = st.one_of(st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False))
scalars = st.one_of(numbers, st.booleans(), st.text(max_size=9))
tables = st.dictionaries(st.text(min_size=1, max_size=9), scalars, max_size=5)


@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_the_factors_does_not_matter(values: dict[str, Any], shuffler: Any) -> None:
    keys = list(values)
    shuffler.shuffle(keys)
    other = {key: values[key] for key in keys}
    assert run_id("d", values, 1, "v") == run_id("d", other, 1, "v")


@given(tables, tables)
def test_other_values_are_another_run(one: dict[str, Any], other: dict[str, Any]) -> None:
    def kinds(values: dict[str, Any]) -> dict[str, Any]:
        return {key: (isinstance(value, bool), value) for key, value in values.items()}

    assert (run_id("d", one, 1, "v") == run_id("d", other, 1, "v")) == (kinds(one) == kinds(other))


@given(st.integers(-(2**31), 2**31 - 1))
def test_one_number_in_all_its_types_is_one_value(value: int) -> None:
    forms = [value, float(value), np.int64(value), np.float64(value), np.int32(value)]
    assert len({run_id("d", {"x": form}, np.int64(3), "v") for form in forms}) == 1


def test_every_part_of_the_identity_counts() -> None:
    facts: list[tuple[str, dict[str, Any], int, str]] = [
        ("d", {"x": 1}, 1, "v"),
        ("e", {"x": 1}, 1, "v"),
        ("d", {"y": 1}, 1, "v"),
        ("d", {"x": 2}, 1, "v"),
        ("d", {"x": True}, 1, "v"),
        ("d", {"x": "1"}, 1, "v"),
        ("d", {"x": 1}, 2, "v"),
        ("d", {"x": 1}, 1, "w"),
        ("d", {}, 1, "v"),
    ]
    found = [run_id(*fact) for fact in facts]
    assert len(set(found)) == len(found)
    assert all(len(name) == 20 and set(name) <= set("0123456789abcdef") for name in found)


def test_what_is_no_number_has_no_identity() -> None:
    with pytest.raises(ValueError, match="JSON"):
        run_id("d", {"x": float("nan")}, 1, "v")


def test_a_row_of_the_design_and_its_values_are_one_run() -> None:
    made = plan(design={"kind": "sobol", "points": 4})
    found = points(made)
    row = {path: found[path].iloc[2] for path in made.paths}
    listed = {path: found[path].tolist()[2] for path in reversed(made.paths)}
    assert run_id("d", row, 1, "v") == run_id("d", listed, 1, "v")


def test_the_words_of_a_plan_and_its_design_do_not_count() -> None:
    same = [
        plan(),
        plan(name="other", title="A title", story="A story", sources=["A source"]),
        plan(factor=[], design={"kind": "grid"}),
        plan(replications={"count": 9}, seeds={"root": 4}, keep={"series": 2}),
        plan(scenario=load_scenario("calm")),
        plan(scenario={**load_scenario("calm").model_dump(mode="json"), "title": "Other"}),
        plan(steps=None, settings={"run.steps": 5}),
        plan(scenario=str(SCENARIOS / "calm.toml")),
    ]
    assert len({scenario_digest(one) for one in same}) == 1


def test_what_all_runs_have_in_common_counts() -> None:
    others = [
        plan(),
        plan(scenario="leverage-spiral"),
        plan(steps=6),
        plan(settings={"venue.backstop": 1.0}),
        plan(settings={"venue.backstop": 1.0, "venue.mark.band": 0.2}),
        model_plan(),
        model_plan(model="tests.experiments.sweeps.plans:losses"),
    ]
    assert len({scenario_digest(one) for one in others}) == len(others)


def test_the_content_of_a_recording_counts_and_its_place_does_not(tmp_path: Path) -> None:
    crash = load_scenario("black-thursday").model_dump(mode="json", exclude_none=True)
    recording = crash["underlying"][0]["recording"]
    text = (SCENARIOS.parent / "data" / recording["file"]).read_text()

    def digest(folder: str, content: str) -> str:
        place = tmp_path / folder
        place.mkdir()
        (place / "prices.csv").write_text(content)
        recording["file"] = str(place / "prices.csv")
        return scenario_digest(plan(scenario=crash, steps=None))

    same = digest("a", text)
    assert digest("b", text) == same
    assert digest("c", text + "\n") != same


def test_the_source_of_a_model_function_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / "a_model_of_mine.py"
    source.write_text("def f(values, seed):\n    return {'x': 1.0}\n")
    made = load_plan({"name": "x", "model": "a_model_of_mine:f"})
    first = scenario_digest(made)
    assert scenario_digest(made) == first
    source.write_text("def f(values, seed):\n    return {'x': 2.0}\n")
    assert scenario_digest(made) != first


def test_the_source_of_a_trader_outside_the_package_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / "a_trader_of_mine.py"
    text = "from crossmargin import Trader\n\n\nclass Idle(Trader):\n    def decide(self, view):\n"
    source.write_text(text + "        return []\n")
    calm = load_scenario("calm").model_dump(mode="json", exclude_none=True)
    idle = {"name": "idle", "kind": "a_trader_of_mine:Idle", "count": 1, "markets": ["BTC-PERP"]}
    made = plan(scenario={**calm, "population": [*calm["population"], idle]})
    first = scenario_digest(made)
    source.write_text(text + "        return None\n")
    assert scenario_digest(made) != first
    assert first != scenario_digest(plan())


def test_the_version_of_the_model_is_that_of_its_sources() -> None:
    """The same in another process, whatever else is loaded there."""
    code = "from crossmargin.experiments.sweeps.identity import model_version as v; print(v())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == model_version()
    assert len(model_version()) == 16


def test_the_version_counts_what_makes_a_run_and_nothing_else() -> None:
    home = Path(__file__).parents[3]
    found = {file.relative_to(home).as_posix() for file in model_files()}
    assert {"model/world.py", "agents/makers.py", "experiments/build.py"} <= found
    assert {"experiments/schema.py", "experiments/frames.py", "experiments/paths.py"} <= found
    idle = ("experiments/sweeps/", "experiments/cli.py", "experiments/console.py", "dashboards/")
    assert not [name for name in found if name.startswith(idle)]


def digest_in_a_fresh_process(folder: Path, plan: str) -> str:
    code = (
        "from crossmargin.experiments.sweeps.identity import scenario_digest\n"
        "from crossmargin.experiments.sweeps.plan import load_plan\n"
        f"print(scenario_digest(load_plan({plan})))\n"
    )
    command = [sys.executable, "-B", "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


OF_A_MODEL = "dict(name='m', model='study.model:run', factor=[dict(path='a', values=[1])])"
OF_OUTCOMES = "dict(name='o', scenario='calm', keep=dict(functions=['study.model:run']))"


@pytest.mark.parametrize("plan", [OF_A_MODEL, OF_OUTCOMES])
def test_what_a_function_imports_of_its_own_folder_counts(tmp_path: Path, plan: str) -> None:
    study = tmp_path / "study"
    study.mkdir()
    (study / "__init__.py").touch()
    (study / "model.py").write_text(
        "from study.deep import K\n\n\ndef run(*_):\n    return {'y': K}\n"
    )
    (study / "deep.py").write_text("from .deeper import K\n")
    (study / "deeper.py").write_text("K = 1\n")
    (study / "other.py").write_text("K = 1\n")
    first = digest_in_a_fresh_process(tmp_path, plan)
    (study / "other.py").write_text("K = 2\n")
    assert digest_in_a_fresh_process(tmp_path, plan) == first
    (study / "deeper.py").write_text("K = 2\n")
    assert digest_in_a_fresh_process(tmp_path, plan) != first
