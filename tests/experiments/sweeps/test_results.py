"""What a store holds is what is read: every run once, in order, with intervals that are right."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.experiments.sweeps import reading, statistics
from crossmargin.experiments.sweeps.engine import sweep
from crossmargin.experiments.sweeps.results import Sweep, load_sweep
from crossmargin.experiments.sweeps.summaries import Groups, summarise
from crossmargin.model.errors import ParameterError, ScenarioError
from tests.experiments.sweeps.made_stores import (
    GRID,
    grid_plan,
    plan_of,
    runs_of,
    sweep_of,
    write_plan,
    write_rows,
    write_store,
)


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return runs_of(grid_plan(count=80))


@pytest.fixture(scope="module")
def store(runs: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_store(tmp_path_factory.mktemp("store"), grid_plan(count=80), runs)


def test_runs_are_in_order_whoever_wrote_them(store: Path, runs: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(load_sweep(store).runs, runs, check_dtype=False)


def test_a_run_that_was_written_twice_counts_once(tmp_path: Path, runs: pd.DataFrame) -> None:
    folder = write_store(tmp_path / "s", grid_plan(count=80), runs)
    write_rows(folder, "runs", runs.iloc[5:50], "w9")
    sweep = load_sweep(folder)
    pd.testing.assert_frame_equal(sweep.runs, runs, check_dtype=False)
    assert sweep.duckdb().sql("SELECT count(*) FROM runs").fetchall()[0] == (len(runs),)


def test_files_that_are_being_written_are_not_read(tmp_path: Path, runs: pd.DataFrame) -> None:
    folder = write_store(tmp_path / "s", grid_plan(count=80), runs)
    (folder / ".runs-w0-000009.parquet.part").write_bytes(b"PAR1 half of it")
    assert len(load_sweep(folder).runs) == len(runs)


def test_files_with_other_columns_are_joined(tmp_path: Path, runs: pd.DataFrame) -> None:
    write_plan(tmp_path, grid_plan(count=80))
    write_rows(tmp_path, "runs", runs.iloc[:100].drop(columns="luck"), seq=0)
    write_rows(tmp_path, "runs", runs.iloc[100:], seq=1)
    found = load_sweep(tmp_path)
    assert found.runs["luck"].isna().sum() == 100
    assert found.summary(outcomes="luck")["n"].item() == len(runs) - 100


def test_an_extended_plan_finds_its_old_runs_at_their_new_points(tmp_path: Path) -> None:
    old = grid_plan(count=2)
    folder = write_store(tmp_path / "s", old, runs_of(old))
    wider = [GRID[0] | {"values": [2, 5, 10, 20]}, GRID[1]]
    new = plan_of(wider, {"kind": "grid"}, 2)
    write_plan(folder, new)
    found = load_sweep(folder).runs
    assert len(found) == len(runs_of(old))
    expected = runs_of(new).merge(found[["run_id"]], on="run_id")
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_a_smaller_plan_leaves_out_what_it_no_longer_has(tmp_path: Path) -> None:
    old = grid_plan(count=3)
    folder = write_store(tmp_path / "s", old, runs_of(old))
    new = plan_of([GRID[0] | {"values": [10, 20]}, GRID[1]], {"kind": "grid"}, 2)
    write_plan(folder, new)
    with pytest.warns(UserWarning, match="20 of 36 runs are not of the plan"):
        found = load_sweep(folder).runs
    pd.testing.assert_frame_equal(found, runs_of(new), check_dtype=False)


EQUAL = [[1], [1], [2], [1]]


def same(values: dict, seed: int) -> dict[str, float]:
    return {"y": float(values["a"])}


def test_a_shared_run_has_a_row_for_each_of_its_points(tmp_path: Path) -> None:
    plan = plan_of([{"path": "a"}], {"kind": "list", "rows": EQUAL}, 2)
    stored = runs_of(plan, same).drop_duplicates("run_id")
    assert len(stored) == 4
    elsewhere = stored.assign(point=stored["point"].replace({0: 3}))  # made for another of them
    twice = pd.concat([stored, elsewhere])  # as two shards may have done
    for i, runs in enumerate((stored, elsewhere, twice)):
        sweep = load_sweep(write_store(tmp_path / str(i), plan, runs))
        pd.testing.assert_frame_equal(sweep.runs, runs_of(plan, same), check_dtype=False)
        assert sweep.finished == 4
        assert sweep.summary(by="point")["point"].tolist() == [0, 1, 2, 3]
        assert sweep.summary()["mean"].item() == 1.25
        assert sweep.exceedance("y", 1.5)["probability"].item() == 0.25
        assert dict(sweep.to_xarray().sizes) == {"point": 4, "replicate": 2}
        assert "4 runs of 4 points (list), 0 failed; points of equal" in sweep._repr_html_()


def test_points_share_only_the_runs_that_are_done() -> None:
    plan = plan_of([{"path": "a"}], {"kind": "list", "rows": EQUAL}, 3)
    runs = runs_of(plan, same).drop_duplicates("run_id")
    found = Sweep.of(plan, runs[(runs["a"] == 1) & (runs["replicate"] != 1)]).runs
    places = list(zip(found["point"], found["replicate"], strict=True))
    assert places == [(0, 0), (0, 2), (1, 0), (1, 2), (3, 0), (3, 2)]


def test_equal_points_with_their_own_seeds_keep_their_own_runs() -> None:
    plan = plan_of([{"path": "a"}], {"kind": "list", "rows": EQUAL}, 2, seeds={"common": False})
    sweep = sweep_of(plan, same)
    assert (sweep.finished, sweep.runs["run_id"].nunique()) == (8, 8)


@pytest.mark.parametrize("kind", ["latin_hypercube", "sobol"])
def test_a_discrete_factor_weighs_as_its_law(kind: str) -> None:
    law = {"path": "a", "distribution": {"poisson": {"mu": 0.5}}}
    plan = plan_of([law], {"kind": kind, "points": 1024}, 2)
    stored = runs_of(plan, same).drop_duplicates("run_id")
    sweep = Sweep.of(plan, stored)
    assert (len(sweep.runs), sweep.finished) == (2048, len(stored))
    assert sweep.summary()["mean"].item() == pytest.approx(0.5, abs=0.01)
    assert sweep.exceedance("y", 1.5)["probability"].item() == pytest.approx(0.0902, abs=0.002)


def test_series_of_a_shared_run_go_with_each_point(tmp_path: Path) -> None:
    plan = plan_of([{"path": "a"}], {"kind": "list", "rows": EQUAL}, 1)
    stored = runs_of(plan, same).drop_duplicates("run_id")
    folder = write_store(tmp_path / "s", plan, stored, 1)
    write_rows(folder, "series", stored[["run_id"]].assign(step=0, mid=1.0))
    assert load_sweep(folder).series["point"].tolist() == [0, 1, 2, 3]


def test_values_that_differ_in_their_last_bits_are_those_of_the_plan(tmp_path: Path) -> None:
    factors = [{"path": "leverage", "low": 1, "high": 9}, {"path": "depth", "low": 1, "high": 2}]
    plan = plan_of(factors, {"kind": "latin_hypercube", "points": 20}, 2)
    runs = runs_of(plan)
    elsewhere = runs.assign(leverage=np.nextafter(runs["leverage"], 99))
    folder = write_store(tmp_path / "s", plan, elsewhere)
    pd.testing.assert_frame_equal(load_sweep(folder).runs, runs, check_dtype=False)
    moved = elsewhere.assign(point=(runs["point"] + 7) % 20)
    folder = write_store(tmp_path / "moved", plan, moved)
    pd.testing.assert_frame_equal(load_sweep(folder).runs, runs, check_dtype=False)


def test_summary_agrees_with_the_plain_statistics(store: Path, runs: pd.DataFrame) -> None:
    found = load_sweep(store).summary(by=["leverage", "depth"], outcomes="loss")
    assert len(found) == 12
    for _, row in found.iterrows():
        own = runs[(runs["venue.leverage"] == row["leverage"]) & (runs["depth"] == row["depth"])]
        middle = statistics.quantile(own["loss"], 0.5)
        mean = statistics.mean(own["loss"])
        assert (row["q50"], row["q50_low"], row["q50_high"], row["n"]) == pytest.approx(middle)
        assert (row["mean"], row["mean_low"], row["mean_high"], row["n"]) == pytest.approx(mean)


@given(st.data(), st.integers(1, 60), st.integers(1, 5))
def test_groups_of_any_size_are_summarised_alike(data: st.DataObject, n: int, k: int) -> None:
    numbers = st.one_of(st.floats(-1e3, 1e3), st.just(math.nan))
    values = data.draw(st.lists(numbers, min_size=n, max_size=n))
    names = data.draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n))
    frame = pd.DataFrame({"x": values, "g": names})
    groups = Groups(frame, ["g"])
    found = summarise(frame, groups, ["x"], [0.25, 0.5], 0.8, strict=False).set_index("g")
    assert sorted(found.index) == sorted(set(names))
    for name, part in frame.groupby("g"):
        row, known = found.loc[name], part["x"].dropna()
        assert row["n"] == len(known)
        if len(known):
            assert row["mean"] == pytest.approx(known.mean(), abs=1e-9)
        if len(known) >= statistics.runs_needed(0.5, 0.8):
            expected = statistics.quantile(known, 0.5, 0.8)
            got = (row["q50"], row["q50_low"], row["q50_high"], row["n"])
            assert got == pytest.approx(expected)
        else:
            assert math.isnan(row["q50"])
            assert "quantile 0.5" in row["note"]


def test_factors_go_by_path_or_label(store: Path) -> None:
    sweep = load_sweep(store)
    by_label, by_path = sweep.summary(by="leverage"), sweep.summary(by="venue.leverage")
    assert by_label["leverage"].tolist() == by_path["venue.leverage"].tolist()
    assert by_label["mean"].tolist() == by_path["mean"].tolist()
    assert len(sweep.summary(by="point", outcomes="loss")) == 12
    with pytest.raises(ParameterError, match="did you mean 'leverage'"):
        sweep.summary(by="leverag")
    with pytest.raises(ParameterError, match="did you mean 'loss'"):
        sweep.summary(outcomes="los")


def test_a_label_that_two_factors_bear_is_refused() -> None:
    plan = plan_of(
        [{"path": "a.x", "values": [1]}, {"path": "b.x", "values": [1]}], {"kind": "grid"}
    )
    sweep = Sweep.of(plan, runs_of(plan, lambda values, seed: {"y": 1.0}))
    with pytest.raises(ParameterError, match=r"a\.x, b\.x"):
        sweep.path("x")


def test_quantiles_are_refused_when_asked_for_and_noted_when_not() -> None:
    sweep = sweep_of(grid_plan(count=5))
    row = sweep.summary(by="point", outcomes="loss").iloc[0]
    assert math.isnan(row["q95"])
    assert "it takes 59" in row["note"]
    with pytest.raises(ParameterError, match=r"5 runs with point = 0 .* it takes 59"):
        sweep.summary(by="point", quantiles=[0.95])
    with pytest.raises(ParameterError, match=r"60 runs of 5 seeds, worth .* add replicates"):
        sweep.summary(outcomes="luck", quantiles=[0.95])
    apart = sweep_of(grid_plan(count=5, seeds={"common": False}))
    pooled = apart.summary(outcomes="loss", quantiles=[0.95])
    assert (pooled["n"].item(), pooled["seeds"].item()) == (60, 60)


def test_exceedance_and_shortfall_by_group(store: Path, runs: pd.DataFrame) -> None:
    sweep = load_sweep(store)
    found = sweep.exceedance("loss", 8.0, by="leverage")
    assert found["n"].sum() == len(runs)
    assert (found["probability"] * found["n"]).sum() == pytest.approx((runs["loss"] > 8).sum())
    assert found["probability"].is_monotonic_increasing
    worst = sweep.shortfall("loss", 0.9, by="leverage")
    assert (worst["low"] <= worst["shortfall"]).all()
    own = runs.loc[runs["venue.leverage"] == 5]
    expected = statistics.expected_shortfall(own["loss"], 0.9, seeds=own["replicate"])
    assert tuple(worst.iloc[0][1:5]) == pytest.approx(tuple(expected))
    assert set(worst["seeds"]) == set(found["seeds"]) == {80}
    plain = statistics.expected_shortfall(own["loss"], 0.9)
    assert plain.value == pytest.approx(expected.value)
    with pytest.raises(ParameterError, match=r"with point = 0: .* it takes 1,000"):
        sweep.shortfall("loss", 0.99, by="point")


def test_xarray_has_the_grid(store: Path, runs: pd.DataFrame) -> None:
    found = load_sweep(store).to_xarray()
    assert dict(found.sizes) == {"leverage": 3, "depth": 4, "replicate": 80}
    own = runs[(runs["venue.leverage"] == 20) & (runs["depth"] == 2.0)]
    assert found["loss"].sel(leverage=20, depth=2.0).to_numpy() == pytest.approx(own["loss"])
    assert found["leverage"].attrs == {"path": "venue.leverage", "units": "x"}


def test_xarray_without_a_grid_is_by_point() -> None:
    factors = [{"path": "leverage", "low": 1, "high": 9}, {"path": "depth", "low": 1, "high": 2}]
    sweep = sweep_of(plan_of(factors, {"kind": "latin_hypercube", "points": 7}, 2))
    found = sweep.to_xarray()
    assert dict(found.sizes) == {"point": 7, "replicate": 2}
    assert found["leverage"].to_numpy() == pytest.approx(sweep.points["leverage"])


def test_a_missing_run_is_a_gap_in_xarray() -> None:
    plan = grid_plan()
    sweep = Sweep.of(plan, runs_of(plan).drop(index=4))
    assert int(sweep.to_xarray()["loss"].isnull().sum()) == 1


def test_duckdb_sees_all_tables(tmp_path: Path, runs: pd.DataFrame) -> None:
    folder = write_store(tmp_path / "it's", grid_plan(count=80), runs)
    wall = pd.DataFrame({"run_id": runs["run_id"], "wall_seconds": 0.5})
    write_rows(folder, "timing", wall)
    connection = load_sweep(folder).duckdb()
    joined = "SELECT sum(wall_seconds), max(loss) FROM runs JOIN timing USING (run_id)"
    assert connection.sql(joined).fetchall()[0] == pytest.approx(
        (len(runs) / 2, runs["loss"].max())
    )
    for name in ("failures", "series", "events"):
        assert connection.sql(f"SELECT count(*) FROM {name}").fetchall()[0] == (0,)


def test_series_of_a_run_come_from_one_file(tmp_path: Path) -> None:
    plan = grid_plan(count=1)
    runs = runs_of(plan)
    folder = write_store(tmp_path / "s", plan, runs)
    steps = pd.DataFrame({"step": range(5), "mid": 1.0})
    series = runs[["run_id"]].merge(steps, how="cross")
    write_rows(folder, "series", series.iloc[:30], "w0")
    write_rows(folder, "series", series.iloc[25:], "w1")  # one run twice
    stray = pd.DataFrame({"run_id": ["none"] * 5}).assign(**steps)
    write_rows(folder, "series", stray, "w2")
    sweep = load_sweep(folder)
    assert len(sweep.series) == 60
    assert {"point", "replicate", "venue.leverage", "depth", "mid"} <= set(sweep.series.columns)
    query = "SELECT count(*), count(DISTINCT run_id) FROM series JOIN runs USING (run_id)"
    assert sweep.duckdb().sql(query).fetchall()[0] == (60, 12)


def test_a_failure_that_has_succeeded_since_is_none(tmp_path: Path) -> None:
    plan = grid_plan(count=1)
    runs = runs_of(plan)
    folder = write_store(tmp_path / "s", plan, runs.iloc[1:])
    failed = runs.iloc[:2][["run_id", "point"]].assign(stage="run", error="E", traceback="T")
    failed.to_parquet(folder / "failures.parquet")
    assert load_sweep(folder).failures["run_id"].tolist() == [runs["run_id"][0]]


def test_an_empty_store_has_empty_tables(tmp_path: Path) -> None:
    write_plan(tmp_path, grid_plan())
    sweep = load_sweep(tmp_path)
    assert [len(t) for t in (sweep.runs, sweep.timing, sweep.failures, sweep.series)] == [0] * 4
    assert sweep.outcomes == ()
    assert "0 runs of 12 points" in sweep._repr_html_()


def test_wrong_folders_say_so(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no such folder"):
        load_sweep(tmp_path / "nowhere")
    with pytest.raises(ScenarioError, match=r"no plan\.json"):
        load_sweep(tmp_path)
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(ScenarioError, match="no JSON"):
        load_sweep(tmp_path)
    (tmp_path / "plan.json").write_text(json.dumps({"plan": {"name": "x", "colour": 1}}))
    with pytest.raises(ScenarioError, match=r"plan\.json: colour"):
        load_sweep(tmp_path)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    write_plan(tmp_path, grid_plan())
    (tmp_path / "runs-w0-000000.parquet").write_bytes(b"not a table at all")
    with pytest.raises(ScenarioError, match="runs-w0-000000"):
        _ = load_sweep(tmp_path).runs


def test_files_that_are_merged_meanwhile_are_looked_for_again(
    tmp_path: Path, runs: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_store(tmp_path / "s", grid_plan(count=80), runs)
    listed, looks = reading.files, []

    def merged_once_listed(folder: Path, kind: str) -> list[Path]:
        found = listed(folder, kind)
        if not looks:
            write_rows(folder, "runs", runs, "merged")
            for path in found:
                path.unlink()
        looks.append(kind)
        return found

    monkeypatch.setattr(reading, "files", merged_once_listed)
    assert len(load_sweep(folder).runs) == len(runs)
    assert looks == ["runs", "runs"]


def test_a_real_sweep_has_series_and_events(tmp_path: Path) -> None:
    plan = {
        "name": "real",
        "scenario": "calm",
        "steps": 20,
        "settings": {"population.traders.count": 20, "population.longs.count": 10},
        "factor": [{"path": "venue.insurance", "values": [0.0, 1e6]}],
        "replications": {"count": 2},
        "keep": {"outcomes": ["bad_debt", "fills"], "series": 5, "events": True},
    }
    for out in (tmp_path / "real", None):
        found = sweep(plan, out=out, executor="serial", progress=False)
        assert found.outcomes == ("bad_debt", "fills")
        assert len(found.runs) == len(found.timing) == 4
        assert set(found.series["run_id"]) == set(found.runs["run_id"])
        assert {"point", "venue.insurance", "step", "mid"} <= set(found.series.columns)
        assert set(found.events["run_id"]) <= set(found.runs["run_id"])
        rows = found.duckdb().sql("SELECT count(*) FROM series JOIN runs USING (run_id)")
        assert rows.fetchall()[0] == (len(found.series),)
        assert dict(found.to_xarray().sizes) == {"insurance": 2, "replicate": 2}


def test_the_cell_of_a_notebook_is_static_and_escaped() -> None:
    plan = grid_plan(title="<script>alert(1)</script>")
    text = sweep_of(plan)._repr_html_()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "36 runs of 12 points (grid), 0 failed" in text
    assert "loss" in text


def test_the_same_runs_in_memory_and_on_disk(store: Path, runs: pd.DataFrame) -> None:
    there, here = (
        load_sweep(store),
        Sweep.of(grid_plan(count=80), runs.sample(frac=1, random_state=2)),
    )
    pd.testing.assert_frame_equal(there.runs, here.runs, check_dtype=False)
    np.testing.assert_array_equal(there.summary()["mean"], here.summary()["mean"])
