"""Where outcomes have converged: made-up studies whose answer is known, and blocks of a market."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import crossmargin as xm
from crossmargin.dashboards.figures.sweep_lines import lines_figure
from crossmargin.experiments.studies.convergence import (
    converged_from,
    convergence_words,
    gaps,
    spread_exponent,
)
from crossmargin.experiments.studies.outcomes import cascade
from crossmargin.experiments.studies.study import Study, load_study
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ParameterError
from tests.experiments.sweeps.made_stores import plan_of, sweep_of

SIZES = (100, 400, 1600, 6400)


def study(**changes: Any) -> Study:
    table = {
        "plan": "made-up",
        "line": "made up",
        "kind": "convergence",
        "finest": "most",
        "x": {"name": "size", "title": "accounts"},
        "by": {"name": "kind", "title": "kind"},
        "panel": [{"name": "loss", "title": "Loss", "unit": "%", "scale": 100.0}],
        "quick": {},
    }
    return Study.model_validate(table | changes)


def biased(values: dict[str, Any], seed: int) -> dict[str, float]:
    """A loss of a tenth, an error of 1000 / size ** 2 or a drift, and luck of size ** -1/2."""
    random = np.random.default_rng([seed, int(values["size"])])
    error = 1000.0 / values["size"] ** 2 if values["kind"] == "biased" else 0.0
    drift = 0.02 * np.log(values["size"]) if values["kind"] == "drifting" else 0.0
    return {"loss": 0.1 + error + drift + 0.1 * values["size"] ** -0.5 * random.normal()}


@pytest.fixture(scope="module")
def made() -> Sweep:
    factors = [
        {"path": "size", "values": SIZES},
        {"path": "kind", "values": ["biased", "drifting", "fair"]},
    ]
    return sweep_of(plan_of(factors, {"kind": "grid"}, 40), biased)


def line(found: pd.DataFrame, by: str) -> pd.DataFrame:
    return found[found["by"] == by]


def test_a_gap_is_the_mean_of_pairs_with_the_interval_of_all_levels(made: Sweep) -> None:
    found = line(gaps(made, study(), study().panel[0]), "biased")
    assert found["x"].tolist() == list(SIZES[:-1])
    runs = made.runs[made.runs["kind"] == "biased"]
    table = runs.pivot_table(index="replicate", columns="size", values="loss")
    pairs = 100.0 * (table[100] - table[6400])
    assert found["gap"].iloc[0] == pytest.approx(pairs.mean())
    plain = 2.02 * pairs.std() / np.sqrt(40)
    assert found["high"].iloc[0] - found["gap"].iloc[0] > 1.15 * plain


def test_convergence_begins_where_nothing_is_told_apart_any_more(made: Sweep) -> None:
    found = gaps(made, study(), study().panel[0])
    assert converged_from(line(found, "fair")) == 100
    assert converged_from(line(found, "biased")) in (400, 1600)
    assert converged_from(line(found, "drifting")) is None


def test_the_spread_falls_with_the_root_of_the_size(made: Sweep) -> None:
    runs = made.runs[made.runs["kind"] == "fair"]
    found = spread_exponent(runs.pivot_table(index="replicate", columns="size", values="loss"))
    assert found.low < -0.5 < found.high
    assert found.value == pytest.approx(-0.5, abs=0.12)
    alike = pd.DataFrame(np.ones((9, 3)), columns=[1, 2, 4])
    assert np.isnan(spread_exponent(alike).value)


def test_words_tell_the_limit_where_it_begins_and_what_is_off(made: Sweep) -> None:
    (words,) = convergence_words(made, study())
    assert words.startswith("Loss at accounts 6,400: ")
    assert re.search(r"with kind biased, the same from [\d,]+ on \([+-]", words)
    assert re.search(r"at 400 off by \+[\d.]+ points, [\d.]+ to [\d.]+", words)
    assert re.search(r"with kind drifting, not converged; at 1,600 off by -", words)
    assert re.search(r"runs differ as a power -0\.\d\d \(-0\.\d\d to -0\.\d\d\) of accounts", words)
    assert "nan" not in words


def test_the_shortest_is_the_finest_when_it_says_so(made: Sweep) -> None:
    short = study(finest="least")
    found = line(gaps(made, short, short.panel[0]), "biased")
    assert found["x"].tolist() == list(SIZES[:0:-1])
    (words,) = convergence_words(made, short)
    assert words.startswith("Loss at accounts 100: ")
    assert "power" not in words


def test_an_outcome_that_is_nothing_everywhere_is_said_to_be(made: Sweep) -> None:
    none = Sweep.of(made.plan, made.runs.assign(loss=0.0))
    assert "0% (0 to 0) with kind fair at every level" in convergence_words(none, study())[0]


def test_the_figure_goes_from_coarse_to_fine_with_a_band(made: Sweep) -> None:
    figure = lines_figure(made, study())
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis.autorange != "reversed"
    band = figure.layout.shapes[0]
    trace = figure.data[0]
    assert band.y1 == pytest.approx(trace.y[-1] + trace.error_y.array[-1])
    assert len(figure.layout.shapes) == 3
    assert lines_figure(made, study(finest="least")).layout.xaxis.autorange == "reversed"


@pytest.mark.parametrize("changes", [{"finest": None}, {"kind": "lines"}])
def test_finest_belongs_to_a_convergence(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="finest goes with a convergence"):
        study(**changes)


def test_a_quick_look_takes_rows_of_a_list() -> None:
    found = load_study("finite-size")
    quick = found.make_plan(quick=True)
    assert {row[0] for row in quick.design.rows or ()} == set(found.quick.values["longs"])
    none = found.model_copy(
        update={"quick": found.quick.model_copy(update={"values": {"longs": (7,)}})}
    )
    with pytest.raises(ParameterError, match="no row of the design"):
        none.make_plan(quick=True)


def test_accounts_share_the_same_aggregates() -> None:
    plan = load_study("finite-size").make_plan()
    places = {path: i for i, path in enumerate(plan.paths)}
    for row in plan.design.rows or ():
        for name, wealth in (("longs", 3.6e6), ("shorts", 3.75e6), ("traders", 4.05e6)):
            count = row[places[f"population.{name}.count"]]
            scale = row[places[f"population.{name}.wealth.pareto.0"]]
            assert count * scale == pytest.approx(wealth)


def test_steps_and_blocks_make_the_same_time() -> None:
    plan = load_study("block-length").make_plan()
    for row in plan.design.rows or ():
        assert row[0] * row[2] == 1200.0


@pytest.mark.long
@pytest.mark.parametrize("refresh", [0.0, 5.0])
def test_outcomes_converge_as_blocks_get_shorter(refresh: float) -> None:
    plan = load_study("block-length").make_plan()
    found = {}
    for row in plan.design.rows or ():
        if row[0] in (60.0, 5.0, 1.0) and row[1] == refresh:
            changes = plan.overrides | dict(zip(plan.paths, row, strict=True))
            found[row[0]] = xm.ensemble(
                "leverage-spiral", 24, overrides=changes, functions=[cascade], jobs=2
            )
    fine, coarse = (found[b].less(found[1.0], "liquidated") for b in (5.0, 60.0))
    assert coarse.low > 0.0 or coarse.high < 0.0
    assert abs(fine.value) < 0.5 * abs(coarse.value)
