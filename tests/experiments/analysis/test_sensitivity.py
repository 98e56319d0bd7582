"""Indices agree with those published, and with what is known of simple laws."""

import numpy as np
import pandas as pd
import pytest

from crossmargin.experiments.analysis.sensitivity import Sensitivity, morris, sensitivity, sobol
from crossmargin.experiments.sweeps.designs import points
from crossmargin.experiments.sweeps.plan import Plan
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ParameterError
from tests.experiments.sweeps.made_stores import plan_of

PI = float(np.pi)
ANGLES = [{"path": f"x{i}", "low": -PI, "high": PI} for i in (1, 2, 3)]
UNITS = [{"path": f"x{i}", "low": 0.0, "high": 2.0} for i in (1, 2, 3)]


def ishigami(x: pd.DataFrame) -> "pd.Series[float]":
    """The function of Ishigami and Homma (1990) with a = 7 and b = 0.1."""
    return np.sin(x["x1"]) * (1 + 0.1 * x["x3"] ** 4) + 7 * np.sin(x["x2"]) ** 2


def evaluated(plan: Plan, y: "pd.Series[float]", noise: float = 0.0) -> Sweep:
    """Sweep whose outcome is a column by point, with independent noise a replicate."""
    at, rng, frames = points(plan), np.random.default_rng(5), []
    own = at.groupby(list(at), sort=False).ngroup()  # points of equal values share their runs
    for replicate in range(plan.replications.count or 1):
        frame = at.assign(point=at.index, replicate=replicate, seed=replicate)
        frame["y"] = y + noise * rng.normal(size=len(at))
        frames.append(frame.assign(run_id=[f"{replicate}-{p}" for p in own]))
    return Sweep.of(plan, pd.concat(frames, ignore_index=True))


def saltelli(n: int, count: int = 1, *, second: bool = False) -> Plan:
    design = {"kind": "saltelli", "points": n, "second_order": second}
    return plan_of(ANGLES, design, count)


def check_ishigami(found: Sensitivity) -> None:
    table = found.table
    for first, total, (_, row) in zip(
        (0.3139, 0.4424, 0.0), (0.5576, 0.4424, 0.2437), table.iterrows(), strict=True
    ):
        assert row["first_low"] <= first <= row["first_high"]
        assert row["total_low"] <= total <= row["total_high"]
        assert row["first_high"] - row["first_low"] < 0.25


def test_ishigamis_indices_lie_within_their_intervals() -> None:
    plan = saltelli(1024)
    found = sobol(evaluated(plan, ishigami(points(plan))), "y")
    check_ishigami(found)
    assert found.samples == 1024
    assert list(found.table["factor"]) == ["x1", "x2", "x3"]


def test_ishigamis_factors_one_and_three_interact() -> None:
    plan = saltelli(1024, second=True)
    found = sobol(evaluated(plan, ishigami(points(plan))), "y")
    check_ishigami(found)
    pairs = found.pairs.set_index(["factor", "with"])
    row = pairs.loc[("x1", "x3")]
    assert row["second_low"] <= 0.2437 <= row["second_high"]
    assert abs(pairs.loc[("x1", "x2"), "second"]) < 0.1


def test_replicates_are_averaged_and_the_noise_is_told() -> None:
    plan = saltelli(512, count=20)
    found = sobol(evaluated(plan, ishigami(points(plan)), noise=3.0), "y")
    check_ishigami(found)
    expected = 9 / 20 / (13.8446 + 9 / 20)
    assert found.noise == pytest.approx(expected, rel=0.1)


def test_a_missing_run_costs_its_base_point_only() -> None:
    plan = saltelli(64)
    whole = evaluated(plan, ishigami(points(plan)))
    holed = Sweep.of(plan, whole.runs.drop(index=[7, 8, 44]))
    found = sobol(holed, "y")
    assert (found.samples, found.left_out) == (62, 2)


def test_points_of_equal_values_share_their_run() -> None:
    factors = [{"path": "x1", "values": [1, 2]}, {"path": "x2", "values": [1, 2]}]
    plan = plan_of(factors, {"kind": "saltelli", "points": 16}, 1)
    at = points(plan)
    whole = evaluated(plan, at["x1"] * 1.0 + at["x2"])
    once = Sweep.of(plan, whole.runs.drop_duplicates(["x1", "x2"]))
    assert (once.finished, len(once.runs)) == (4, 64)
    pd.testing.assert_frame_equal(once.runs, whole.runs)
    pd.testing.assert_frame_equal(sobol(once, "y").table, sobol(whole, "y").table)


def test_effects_of_a_linear_law_are_its_slopes_over_the_range() -> None:
    plan = plan_of(UNITS, {"kind": "morris", "trajectories": 8}, 1)
    at = points(plan)
    found = morris(evaluated(plan, 3 * at["x1"] - 5 * at["x2"]), "y").table
    assert found["mu"].to_numpy() == pytest.approx([6, -10, 0], abs=1e-9)
    assert found["mu_star"].to_numpy() == pytest.approx([6, 10, 0], abs=1e-9)
    assert found["sigma"].to_numpy() == pytest.approx([0, 0, 0], abs=1e-9)


def test_interaction_shows_in_sigma() -> None:
    plan = plan_of(UNITS, {"kind": "morris", "trajectories": 30, "levels": 6}, 1)
    at = points(plan)
    found = morris(evaluated(plan, at["x1"] * at["x2"] + 4 * at["x3"]), "y").table
    sigma = found.set_index("factor")["sigma"]
    assert sigma["x1"] > 0.5
    assert sigma["x2"] > 0.5
    assert sigma["x3"] == pytest.approx(0, abs=1e-9)
    assert (found["mu_star_low"] <= found["mu_star"]).all()


def test_an_incomplete_trajectory_is_left_out() -> None:
    plan = plan_of(UNITS, {"kind": "morris", "trajectories": 8}, 1)
    at = points(plan)
    runs = evaluated(plan, 3 * at["x1"] - 5 * at["x2"]).runs
    is_lost = runs["run_id"].isin(runs["run_id"][[0, 1, 5]])
    lost = set(runs["point"][is_lost] // 4)
    found = morris(Sweep.of(plan, runs[~is_lost]), "y")
    assert (found.samples, found.left_out) == (8 - len(lost), len(lost))
    assert {0, 1} <= lost < set(range(8))
    assert found.table["mu"].to_numpy() == pytest.approx([6, -10, 0], abs=1e-9)


def test_the_design_decides_and_others_are_refused() -> None:
    plan = saltelli(16)
    sweep = evaluated(plan, ishigami(points(plan)))
    assert sensitivity(sweep, "y").kind == "sobol"
    with pytest.raises(ParameterError, match="take a morris design"):
        morris(sweep, "y")
    grid = plan_of([{"path": "x1", "values": [1, 2]}], {"kind": "grid"}, 1)
    with pytest.raises(ParameterError, match="morris or saltelli"):
        sensitivity(evaluated(grid, points(grid)["x1"] * 1.0), "y")


def test_an_outcome_that_never_changes_is_refused() -> None:
    plan = saltelli(16)
    with pytest.raises(ParameterError, match="'y' is 2 at every point"):
        sobol(evaluated(plan, points(plan)["x1"] * 0 + 2), "y")
    with pytest.raises(ParameterError, match="no outcome 'z'"):
        sobol(evaluated(plan, points(plan)["x1"]), "z")


def test_the_same_seed_gives_the_same_intervals() -> None:
    plan = saltelli(64)
    sweep = evaluated(plan, ishigami(points(plan)))
    pd.testing.assert_frame_equal(sobol(sweep, "y").table, sobol(sweep, "y").table)
