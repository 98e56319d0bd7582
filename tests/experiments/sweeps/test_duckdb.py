"""The views of DuckDB have the rows of the attributes of a sweep, whatever the files hold."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import crossmargin as xm
from crossmargin.experiments.sweeps.results import Sweep, load_sweep
from tests.experiments.sweeps import toys
from tests.experiments.sweeps.made_stores import (
    GRID,
    grid_plan,
    plan_of,
    runs_of,
    write_plan,
    write_rows,
    write_store,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:.* are not of the plan", "ignore:.* failed. see .failures"
)


def filed(values: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Outcomes with names that a query might use itself."""
    return {"file": float(values["a"]), "File_": 2.0, 'a "b"': 3.0, "s": 4.0}


def agree(sweep: Sweep, *tables: str) -> None:
    """Compare views with attributes, rows and columns in their order."""
    for name in tables:
        view, frame = sweep.duckdb().sql(f"SELECT * FROM {name}").df(), getattr(sweep, name)
        if name != "runs":
            view, frame = (t.sort_values("run_id", ignore_index=True) for t in (view, frame))
        assert view.columns.tolist() == frame.columns.tolist()
        pd.testing.assert_frame_equal(view, frame, check_dtype=False)


def values(of: list[int]) -> Any:
    return toys.plan(factor=[{"path": "a", "values": of}], replications={"count": 2})


def test_points_are_those_of_the_larger_plan(tmp_path: Path) -> None:
    toys.runs(values([1, 2, 3]), out=tmp_path, executor="serial")
    found = xm.sweep(values([4, 1, 2, 3, 5]), out=tmp_path, executor="serial", progress=False)
    agree(found, "runs", "timing")
    points = found.duckdb().sql("SELECT DISTINCT a, point FROM runs ORDER BY point").fetchall()
    assert points == [(4, 0), (1, 1), (2, 2), (3, 3), (5, 4)]


def test_what_a_smaller_plan_no_longer_has_is_not_there(tmp_path: Path) -> None:
    old = grid_plan(count=3)
    runs = runs_of(old)
    folder = write_store(tmp_path / "s", old, runs)
    timing = runs[["run_id"]].assign(wall_seconds=1.0, model_version="x")
    write_rows(folder, "timing", timing)
    write_rows(folder, "timing", timing.assign(wall_seconds=9.0), "w1")
    write_rows(folder, "series", runs[["run_id"]].merge(pd.DataFrame({"step": [0, 1]}), "cross"))
    write_plan(folder, plan_of([GRID[0] | {"values": [10, 20]}, GRID[1]], {"kind": "grid"}, 2))
    found = load_sweep(folder)
    assert len(found.runs) == 16
    agree(found, "runs", "timing")
    assert set(found.timing["wall_seconds"]) == {1.0}
    joined = found.duckdb().sql("SELECT count(*) FROM series").fetchall()[0][0]
    assert joined == len(found.series) == 32


def test_points_of_equal_values_are_as_in_runs(tmp_path: Path) -> None:
    rows = [[1.0], [2.0], [1.0]]
    plan = toys.plan(factor=[{"path": "a"}], design={"kind": "list", "rows": rows})
    found = xm.sweep(plan, out=tmp_path, executor="serial", progress=False)
    agree(found, "runs", "timing")
    assert sorted(set(found.runs["point"])) == [0, 1, 2]


def test_an_outcome_may_have_any_name(tmp_path: Path) -> None:
    plan = toys.plan(f"{__name__}:filed", n=3)
    found = xm.sweep(plan, out=tmp_path, executor="serial", progress=False)
    agree(found, "runs", "timing")
    assert found.duckdb().sql("SELECT sum(file) FROM runs").fetchall() == [(3.0,)]


def test_failures_that_have_succeeded_since_are_none(tmp_path: Path) -> None:
    found = xm.sweep(toys.plan(toys.picky, n=5), out=tmp_path, executor="serial", progress=False)
    agree(found, "runs", "failures", "timing")
    assert len(found.failures) == 1
