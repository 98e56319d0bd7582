"""Designs: their points lie where they should, are the same every time, and can be extended."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from SALib.analyze import morris
from SALib.analyze import sobol as sobol_indices
from scipy import stats

from crossmargin.experiments.sweeps.designs import MOST, points, salib_problem, unit_points
from crossmargin.experiments.sweeps.plan import Plan, load_plan
from crossmargin.model.errors import ParameterError
from tests.experiments.sweeps.plans import DESIGNS, FACTORS, model_plan, plan, table

SAMPLED = [design for design in DESIGNS if design["kind"] != "grid"]


def kind(design: dict[str, Any]) -> str:
    return str(design["kind"])


def axes(*factors: dict[str, Any], **changes: Any) -> Plan:
    """Plan of a function with factors x0, x1 and so on."""
    named = [{"path": f"x{i}", **factor} for i, factor in enumerate(factors)]
    return model_plan(factor=named, **changes)


lows = st.floats(-1e6, 1e6)
spans = st.floats(1e-6, 1e6)


@st.composite
def ranges(draw: st.DrawFn) -> dict[str, Any]:
    """Range, linear or logarithmic, whole or not, or a list of values."""
    low = draw(lows)
    high = low + draw(spans)
    if draw(st.booleans()):
        return {"values": draw(st.lists(st.integers(-9, 9), min_size=1, max_size=5, unique=True))}
    is_log = low > 0 and draw(st.booleans())
    return {"low": low, "high": high, "scale": "log" if is_log else "linear"}


@given(
    factors=st.lists(ranges(), min_size=1, max_size=4),
    design=st.sampled_from(DESIGNS),
    seed=st.integers(0, 2**63 - 1),
)
def test_points_lie_within_their_ranges(
    factors: list[dict[str, Any]], design: dict[str, Any], seed: int
) -> None:
    drawn = design if design["kind"] == "grid" else {**design, "seed": seed}
    plan = axes(*factors, design=drawn)
    found = points(plan)
    assert list(found.columns) == list(plan.paths)
    assert found.index.equals(pd.RangeIndex(len(found), name="point"))
    for factor in plan.factor:
        column = found[factor.path]
        if factor.values is not None:
            assert set(column) <= set(factor.values)
        else:
            assert factor.low is not None
            assert column.between(factor.low, factor.high).all()
    pd.testing.assert_frame_equal(points(plan), found)


@given(low=st.floats(-50, 50), span=st.floats(1.5, 100), design=st.sampled_from(DESIGNS))
def test_whole_numbers_stay_within_their_range(
    low: float, span: float, design: dict[str, Any]
) -> None:
    whole = {"low": low, "high": low + span, "integer": True}
    column = points(axes(whole, {"values": [0.5]}, design=design))["x0"]
    assert column.dtype == np.int64
    assert column.between(low, low + span).all()


@given(seed=st.integers(0, 2**63 - 1), n=st.integers(1, 100))
def test_a_latin_hypercube_has_one_point_in_every_stratum(seed: int, n: int) -> None:
    design = {"kind": "latin_hypercube", "points": n, "seed": seed}
    cube = unit_points(axes({"low": 0, "high": 1}, {"low": 5, "high": 6}, design=design))
    assert cube.shape == (n, 2)
    for column in cube.T:
        assert sorted((column * n).astype(int)) == list(range(n))


@pytest.mark.parametrize("kind", ["sobol", "saltelli"])
@given(seed=st.integers(0, 2**63 - 1), power=st.integers(0, 6), more=st.integers(1, 2))
def test_a_larger_sobol_or_saltelli_design_begins_with_the_smaller(
    kind: str, seed: int, power: int, more: int
) -> None:
    def drawn(n: int) -> pd.DataFrame:
        return points(plan(design={"kind": kind, "points": n, "seed": seed}))

    small, large = drawn(2**power), drawn(2 ** (power + more))
    assert len(large) == len(small) * 2**more
    pd.testing.assert_frame_equal(small, large.iloc[: len(small)])


@given(power=st.integers(1, 8), seed=st.integers(0, 2**40))
def test_a_sobol_design_is_balanced(power: int, seed: int) -> None:
    design = {"kind": "sobol", "points": 2**power, "seed": seed}
    cube = unit_points(axes(*[{"low": 0, "high": 1}] * 4, design=design))
    assert ((cube < 0.5).sum(axis=0) == 2 ** (power - 1)).all()


def test_a_grid_visits_every_combination_and_grows_at_its_end() -> None:
    small = points(axes({"values": [3, 1]}, {"low": 0, "high": 1}))
    assert small.to_numpy().tolist() == [[x, y] for x in (3, 1) for y in (0.0, 0.5, 1.0)]
    large = points(axes({"values": [3, 1, 7]}, {"low": 0, "high": 1}))
    pd.testing.assert_frame_equal(small, large.iloc[:6])


def test_lists_grow_at_their_end() -> None:
    paths = [{"path": "x"}, {"path": "word"}]
    rows = [[1, "a"], [2.5, "b"], [3, "a"]]
    large = points(model_plan(factor=paths, design={"kind": "list", "rows": rows}))
    assert large["x"].tolist() == [1.0, 2.5, 3.0]
    assert large["word"].tolist() == ["a", "b", "a"]
    small = points(model_plan(factor=paths, design={"kind": "list", "rows": rows[:2]}))
    pd.testing.assert_frame_equal(small, large.iloc[:2])


def test_without_factors_there_is_one_point() -> None:
    found = points(plan(factor=[]))
    assert found.shape == (1, 0)
    assert list(found.index) == [0]


@pytest.mark.parametrize("design", DESIGNS, ids=kind)
def test_columns_have_the_types_of_their_keys(design: dict[str, Any]) -> None:
    found = points(load_plan(table(design=design)))
    assert [column.dtype.kind for _, column in found.items()] == ["f", "f", "i", "f", "O"]
    assert found["venue.rounds"].between(1, 9).all()
    assert (found["venue.grace_seconds"] >= 0).all()


@pytest.mark.parametrize("design", SAMPLED[:3], ids=kind)
def test_another_seed_draws_other_points(design: dict[str, Any]) -> None:
    one, other = (points(plan(design={**design, "seed": seed})) for seed in (1, 2))
    assert not one.equals(other)


@pytest.mark.parametrize(
    "law",
    [
        stats.norm(3.0, 2.0),
        stats.lognorm(0.5, scale=2.0),
        stats.beta(2.0, 5.0),
        stats.truncnorm(-2, 2, loc=1.0),
        stats.poisson(4.0),
        stats.randint(-3, 4),
    ],
    ids=lambda law: law.dist.name,
)
def test_samples_follow_their_distribution(law: Any) -> None:
    """A stratified sample of n has a distribution function within 2/n of the law's."""
    n = 512
    for design in ({"kind": "latin_hypercube", "points": n}, {"kind": "sobol", "points": n}):
        drawn = points(axes({"distribution": law}, {"low": 0, "high": 1}, design=design))["x0"]
        values = np.unique(drawn)
        empirical = np.searchsorted(np.sort(drawn), values, side="right") / n
        assert np.isfinite(drawn).all()
        assert np.abs(empirical - law.cdf(values)).max() <= 2 / n


def test_a_logarithmic_range_is_uniform_in_the_logarithm() -> None:
    design = {"kind": "sobol", "points": 256}
    drawn = points(axes({"low": 1e-3, "high": 1e3, "scale": "log"}, design=design))["x0"]
    shares = np.histogram(np.log10(drawn), bins=6, range=(-3, 3))[0] / 256
    assert np.allclose(shares, 1 / 6, atol=0.02)


def test_a_grid_over_a_distribution_has_cells_of_equal_probability() -> None:
    law = stats.expon(scale=2.0)
    drawn = points(axes({"distribution": law}, design={"kind": "grid", "levels": 5}))["x0"]
    assert np.allclose(law.cdf(drawn), [0.1, 0.3, 0.5, 0.7, 0.9])


def test_whole_numbers_of_a_grid_come_once() -> None:
    whole = {"low": 1, "high": 3, "integer": True}
    assert points(axes(whole, design={"kind": "grid", "levels": 9}))["x0"].tolist() == [1, 2, 3]


def test_a_list_of_values_is_drawn_evenly() -> None:
    design = {"kind": "sobol", "points": 64}
    drawn = points(axes({"values": ["a", "b", "c", "d"]}, design=design))["x0"]
    assert drawn.value_counts().tolist() == [16] * 4


def linear(found: pd.DataFrame) -> Any:
    return found.to_numpy() @ np.array([3.0, -1.0, 0.0])


def test_morris_points_give_the_effects_of_a_linear_function() -> None:
    """The effect of a factor over its whole range is its coefficient times the range, exactly."""
    factors = [{"low": 0, "high": 2}, {"low": -1, "high": 1}, {"low": 0, "high": 1}]
    made = axes(*factors, design={"kind": "morris", "trajectories": 4})
    found = points(made)
    assert len(found) == 4 * (3 + 1)
    cube = unit_points(made)
    moved = (np.diff(cube.reshape(4, 4, 3), axis=1) != 0).sum(axis=2)
    assert (moved == 1).all()
    effects = morris.analyze(salib_problem(made), cube, linear(found), seed=1)
    assert np.allclose(effects["mu"], [6.0, -2.0, 0.0])
    assert np.allclose(effects["sigma"], 0.0)


@pytest.mark.parametrize("second_order", [False, True])
def test_saltelli_points_give_the_indices_of_a_linear_function(second_order: bool) -> None:
    design = {"kind": "saltelli", "points": 256, "second_order": second_order}
    factors = [{"low": 0, "high": 2}, {"low": -1, "high": 1}, {"low": 0, "high": 1}]
    made = axes(*factors, design=design)
    found = points(made)
    assert len(found) == 256 * (2 * 3 + 2 if second_order else 3 + 2)
    indices = sobol_indices.analyze(
        salib_problem(made), linear(found), calc_second_order=second_order, seed=1
    )
    assert np.allclose(indices["S1"], [0.9, 0.1, 0.0], atol=0.02)


@pytest.mark.parametrize(
    ("design", "words"),
    [
        ({"kind": "sobol", "points": 100}, ["100", "power of 2", "64 or 128"]),
        ({"kind": "saltelli", "points": 3}, ["power of 2", "2 or 4"]),
        ({"kind": "sobol"}, ["needs points"]),
        ({"kind": "sobol", "points": 0}, ["points", "greater than or equal to 1"]),
        ({"kind": "morris", "levels": 4}, ["needs trajectories"]),
        ({"kind": "morris", "trajectories": 2, "levels": 5}, ["5", "even"]),
        ({"kind": "grid", "points": 5}, ["grid design has no points", "levels"]),
        ({"kind": "grid"}, ["venue.penalty_rate", "design.levels"]),
        ({"kind": "grid", "levels": 1}, ["levels", "greater than or equal to 2"]),
        ({"kind": "list"}, ["needs rows"]),
        ({"kind": "csv"}, ["needs file"]),
        ({"kind": "list", "rows": [[1, 2, 3, 4, 5]]}, ["venue.penalty_rate", "rows"]),
        ({"kind": "latin_hypercube", "points": 5, "level": 3}, ["level", "did you mean 'levels'"]),
    ],
)
def test_a_design_that_cannot_be_made_is_refused(design: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ParameterError) as caught:
        load_plan(table(design=design))
    assert not [word for word in words if word not in str(caught.value)]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[1, 2], [1]], ["row 1 has 1 values for 2 factors"]),
        ([[1, 2], ["a", 2]], ["factor.x", "not of one type"]),
        ([[1, float("inf")]], ["inf is not finite"]),
        ([[1, None]], ["not None"]),
        ([], ["rows"]),
    ],
)
def test_rows_that_are_no_points_are_refused(rows: list[Any], words: list[str]) -> None:
    paths = [{"path": "x"}, {"path": "y"}]
    with pytest.raises(ParameterError) as caught:
        load_plan(
            {"name": "x", "model": "math:hypot", "factor": paths}
            | {"design": {"kind": "list", "rows": rows}}
        )
    assert not [word for word in words if word not in str(caught.value)]


def test_a_morris_design_refuses_a_range_without_ends() -> None:
    endless = {"path": "venue.grace_seconds", "distribution": {"expon": {}}}
    with pytest.raises(ParameterError, match=r"venue\.grace_seconds: expon has no ends"):
        load_plan(table(factor=[endless], design={"kind": "morris", "trajectories": 2}))


def test_a_grid_that_no_one_can_run_is_refused() -> None:
    wide = [{"low": 0, "high": 1}] * 4
    with pytest.raises(ParameterError, match=f"grid of 1e.08 points; at most {MOST}"):
        points(axes(*wide, design={"kind": "grid", "levels": 100}))


def test_only_sampled_designs_have_a_place_in_the_unit_cube() -> None:
    with pytest.raises(ParameterError, match=r"grid.*unit cube"):
        unit_points(plan(factor=FACTORS))
