"""The store: files are whole at any moment, few, and say what is done."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import crossmargin as xm
from crossmargin.experiments.sweeps import files, store
from crossmargin.experiments.sweeps.files import StorageError, read_table, tables, write_atomically
from crossmargin.experiments.sweeps.status import status
from crossmargin.experiments.sweeps.store import FolderSink, MemorySink, Tables, column_types
from crossmargin.experiments.sweeps.tasks import Task
from crossmargin.experiments.sweeps.worker import Outcome
from crossmargin.model.errors import ScenarioError
from tests.experiments.sweeps import toys
from tests.repository import ROOT

SHAPE = Tables(column_types(pd.DataFrame({"a": [1.5], "word": ["x"], "n": [2], "yes": [True]})))


def outcome(number: int, **facts: Any) -> Outcome:
    task = Task(f"{number:020x}", number, 0, number, (number / 2, f"w{number}", number, True))
    plain: dict[str, Any] = {"status": "done", "values": {"y": float(number)}, "wall": 0.1}
    return Outcome(task, **(plain | facts))


def failure(number: int, error: str = "ValueError: no") -> Outcome:
    return outcome(number, status="failed", values={}, stage="run", error=error, traceback="tb")


def test_columns_are_typed_and_in_order(tmp_path: Path) -> None:
    sink = FolderSink(tmp_path, SHAPE)
    sink.add(outcome(1))
    sink.flush()
    (file,) = tables(tmp_path, "runs")
    schema = read_table(file).schema
    assert schema.names == ["run_id", "point", "replicate", "seed", "a", "word", "n", "yes", "y"]
    kinds = [pa.float64(), pa.string(), pa.int64(), pa.bool_(), pa.float64()]
    assert [schema.field(name).type for name in ("a", "word", "n", "yes", "y")] == kinds


def test_a_segment_grows_until_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SEGMENT_RUNS", 10)
    sink = FolderSink(tmp_path, SHAPE)
    seen = []
    for number in range(25):
        sink.add(outcome(number))
        sink.flush()
        seen.append([len(read_table(file)) for file in tables(tmp_path, "runs")])
    assert seen[4] == [5]
    assert seen[-1] == [10, 10, 5]
    assert store.done_ids(tmp_path) == {f"{number:020x}" for number in range(25)}
    for file in tables(tmp_path, "runs"):
        timing = file.with_name(file.name.replace("runs", "timing"))
        assert read_table(timing)["run_id"] == read_table(file)["run_id"]


def test_what_was_taken_is_written_when_it_is_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = FolderSink(tmp_path, SHAPE)
    sink.add(outcome(1))
    sink.tick()
    assert not tables(tmp_path, "runs")
    monkeypatch.setattr(sink, "next_flush", 0.0)
    sink.tick()
    assert len(tables(tmp_path, "runs")) == 1


def test_large_tables_end_a_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SEGMENT_BYTES", 1000)
    sink = FolderSink(tmp_path, SHAPE)
    for number in range(3):
        rows = pa.table({"run_id": [f"{number:020x}"] * 100, "x": list(range(100))})
        sink.add(outcome(number, series=rows))
    assert len(tables(tmp_path, "series")) == len(tables(tmp_path, "runs")) == 3


def test_two_writers_of_one_folder_never_meet(tmp_path: Path) -> None:
    sinks = [FolderSink(tmp_path, SHAPE, "1of2"), FolderSink(tmp_path, SHAPE, "1of2")]

    def write(sink: FolderSink, first: int) -> None:
        for number in range(first, first + 40):
            sink.add(outcome(number) if number % 4 else failure(number))
            sink.flush()

    threads = [threading.Thread(target=write, args=(s, 100 * i)) for i, s in enumerate(sinks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.done_ids(tmp_path)) == 60
    assert len(store.failed_ids(tmp_path)) == 20


def test_a_run_that_succeeds_later_is_no_failure_any_more(tmp_path: Path) -> None:
    first = FolderSink(tmp_path, SHAPE)
    for number in range(3):
        first.add(failure(number))
    first.flush()
    second = FolderSink(tmp_path, SHAPE)
    second.add(outcome(0))
    second.add(failure(1, "KeyError: again"))
    second.flush()
    rows = read_table(tmp_path / store.FAILURES).to_pylist()
    assert {row["run_id"]: row["error"] for row in rows} == {
        f"{1:020x}": "KeyError: again",
        f"{2:020x}": "ValueError: no",
    }


def test_memory_gives_the_tables_of_a_folder(tmp_path: Path) -> None:
    memory, folder = MemorySink(SHAPE), FolderSink(tmp_path, SHAPE)
    for number in range(7):
        for sink in (memory, folder):
            sink.add(outcome(number) if number % 3 else failure(number))
    folder.flush()
    (file,) = tables(tmp_path, "runs")
    assert memory.frame("runs").equals(read_table(file).to_pandas())
    failures = read_table(tmp_path / store.FAILURES).to_pandas()
    assert memory.frame("failures").equals(failures)
    assert MemorySink(SHAPE).frame("runs").columns.tolist()[:4] == [
        "run_id",
        "point",
        "replicate",
        "seed",
    ]


def test_an_older_file_survives_a_writing_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    (tmp_path / "wall").mkdir()
    with pytest.raises(StorageError, match="cannot be written"):
        write_atomically(tmp_path / "wall", b"new")  # a folder cannot be replaced by a file
    with pytest.raises(StorageError, match="No such file"):
        write_atomically(tmp_path / "nowhere" / "file", b"new")
    assert path.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "wall"]


FULL = """
import resource, sys
import crossmargin as xm
from crossmargin.experiments.sweeps import store
from tests.experiments.sweeps import toys
store.SEGMENT_RUNS = 64
plan = toys.plan(n=30, count=100)
xm.sweep(plan, out=sys.argv[1], limit=200, executor="serial", progress=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
store.SEGMENT_RUNS = 10_000
xm.sweep(plan, out=sys.argv[1], executor="serial", progress=False)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are of Unix")
def test_a_full_disk_is_told_and_what_was_written_is_whole(tmp_path: Path) -> None:
    words = [sys.executable, "-c", FULL, str(tmp_path)]
    ran = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ran.returncode == 1
    assert "StorageError" in ran.stderr
    assert "File too large" in ran.stderr
    assert "goes on from there" in ran.stderr
    assert not list(tmp_path.glob(f".*{files.PARTIAL}"))
    names = [{p.name.partition("-")[2] for p in tables(tmp_path, k)} for k in ("timing", "runs")]
    assert names[0] == names[1]  # no timing without its runs
    (told,) = status(tmp_path).errors
    assert "File too large" in told
    assert (tmp_path / "errors.txt").read_text(encoding="utf-8").splitlines() == [told]
    plan = toys.plan(n=30, count=100)
    kept = xm.load_sweep(tmp_path).runs
    assert toys.are_equal(kept, toys.runs(plan, limit=200, executor="serial"))
    whole = toys.runs(plan, out=tmp_path, executor="serial")
    assert toys.are_equal(whole, toys.runs(plan, executor="serial"))


def test_room_is_kept_while_a_sweep_writes(tmp_path: Path) -> None:
    sink = FolderSink(tmp_path, SHAPE)
    (kept,) = tmp_path.glob(".reserve-*")
    assert kept.stat().st_size == 4096
    sink.add(outcome(1))
    sink.close()
    assert not list(tmp_path.glob(".reserve-*"))
    assert len(tables(tmp_path, "runs")) == 1
    assert not (tmp_path / "errors.txt").exists()


def test_timing_of_runs_that_were_not_finished_counts_nowhere(tmp_path: Path) -> None:
    toys.runs(toys.plan(n=3), out=tmp_path, executor="serial")
    (file,) = tables(tmp_path, "timing")
    rows = read_table(file).to_pandas()
    slow = rows.assign(wall_seconds=100.0)
    slow.to_parquet(tmp_path / "timing-zz-000000.parquet")  # the same runs, by another writer
    slow.assign(run_id="none").to_parquet(tmp_path / "timing-0-000000.parquet")
    found = xm.load_sweep(tmp_path)
    assert found.timing["wall_seconds"].tolist() == rows["wall_seconds"].tolist()
    assert status(tmp_path).mean_seconds == pytest.approx(rows["wall_seconds"].mean())


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    plan = toys.plan(n=4)
    toys.runs(plan, out=tmp_path, executor="serial")
    (file,) = tables(tmp_path, "runs")
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(ScenarioError, match=file.name):
        xm.sweep(plan, out=tmp_path, executor="serial", progress=False)
    file.unlink()
    assert len(toys.runs(plan, out=tmp_path, executor="serial")) == 4


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"plan": 3}', "\0"])
def test_a_broken_plan_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(ScenarioError, match=r"plan\.json"):
        xm.sweep(toys.plan(), out=tmp_path, executor="serial", progress=False)
    assert (tmp_path / "plan.json").read_text() == text


def test_runs_without_a_plan_are_refused(tmp_path: Path) -> None:
    toys.runs(toys.plan(n=4), out=tmp_path, executor="serial")
    (tmp_path / "plan.json").unlink()
    with pytest.raises(ScenarioError, match="whose they are is unknown"):
        xm.sweep(toys.plan(n=4), out=tmp_path, executor="serial", progress=False)


def test_what_killed_writers_left_goes_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / f".runs-x.parquet.1{files.PARTIAL}"
    left.write_bytes(b"half")
    files.clear_partial(tmp_path)
    assert left.exists()  # somebody may be writing it
    monkeypatch.setattr(files, "STALE", -1.0)
    files.clear_partial(tmp_path)
    assert not left.exists()


def test_a_record_says_what_and_where(tmp_path: Path) -> None:
    toys.runs(toys.plan(n=2), out=tmp_path, executor="serial")
    record = xm.load_sweep(tmp_path).record
    assert {"numpy", "crossmargin", "python"} <= set(record["versions"])
    assert record["machine"]["system"]
    assert record["plan"]["name"] == "toys"
    assert len(record["scenario_digest"]) == len(record["model_version"]) == 16
