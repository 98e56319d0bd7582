"""Recorded prices from CSV: candles are honoured, a broken file is named with line and column."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crossmargin.experiments.paths import Window, inside, load_path
from crossmargin.model.errors import ScenarioError
from tests.repository import ROOT

DATA = ROOT / "experiments" / "data"
HEADER = "timestamps,open,high,low,close,volume\n"
ROWS = [
    "2024-01-01 00:00:00,100,110,95,105,1",
    "2024-01-01 01:00:00,105,106,101,102,1",
    "2024-01-01 02:00:00,102,120,102,118,1",
    "2024-01-01 03:00:00,118,119,90,91,1",
]
DAY = Window("2024-01-01", steps=240, block_seconds=60.0)


def write(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    file = folder / "prices.csv"
    file.write_text(header + "".join(f"{row}\n" for row in rows))
    return file


# Inside a candle ----------------------------------------------------------------------------------


@st.composite
def candles(draw: st.DrawFn) -> NDArray[np.float64]:
    """Log of open, high, low and close."""
    four = draw(st.lists(st.floats(0.01, 1e5), min_size=4, max_size=4))
    low, opened, closed, high = sorted(four)
    if draw(st.booleans()):
        opened, closed = closed, opened
    return np.log(np.array([opened, high, low, closed]))


@settings(max_examples=200)
@given(candles(), st.integers(4, 200), st.integers(0, 2**64 - 1), st.integers(-(10**9), 10**10))
def test_a_candle_is_honoured_exactly(
    candle: NDArray[np.float64], blocks: int, seed: int, key: int
) -> None:
    path = inside(candle, blocks, seed, key)
    opened, high, low, closed = candle
    assert path.shape == (blocks,)
    assert (path[0], path[-1]) == (opened, closed)
    assert (path.min(), path.max()) == (low, high)
    assert np.array_equal(path, inside(candle, blocks, seed, key))


def test_the_nearer_extreme_comes_first() -> None:
    near_low = np.log(np.array([100.0, 130.0, 99.0, 120.0]))
    near_high = np.log(np.array([100.0, 101.0, 70.0, 80.0]))
    for seed in range(20):
        path = inside(near_low, 60, seed, 0)
        assert path.argmin() < path.argmax()
        path = inside(near_high, 60, seed, 0)
        assert path.argmax() < path.argmin()


def test_the_inside_of_a_candle_moves_like_its_range() -> None:
    """Volatility inside candles of a Brownian motion comes out as it went in, within a fifth."""
    draws = np.random.default_rng(1)
    steps, blocks = 0.001 * draws.standard_normal((300, 600)), 60
    walks = np.cumsum(steps, axis=1)
    found = []
    for key, walk in enumerate(walks):
        candle = np.array([walk[0], walk.max(), walk.min(), walk[-1]])
        found.append(np.sum(np.diff(inside(candle, blocks, 1, key)) ** 2))
    assert 0.8 < np.mean(found) / (0.001**2 * 600) < 1.4


# Whole files --------------------------------------------------------------------------------------


def test_a_file_becomes_one_log_price_a_block(tmp_path: Path) -> None:
    path = load_path(write(tmp_path, ROWS), DAY, seed=3)
    assert path.shape == (240,)
    by_candle = path.reshape(4, 60)
    expected = np.log(np.array([[float(x) for x in row.split(",")[1:5]] for row in ROWS]))
    found = np.column_stack(
        [by_candle[:, 0], by_candle.max(axis=1), by_candle.min(axis=1), by_candle[:, -1]]
    )
    assert np.array_equal(found, expected)


def test_a_later_start_is_the_tail_of_the_same_path(tmp_path: Path) -> None:
    file = write(tmp_path, ROWS)
    whole = load_path(file, DAY, seed=3)
    late = load_path(file, Window("2024-01-01T01:30", steps=60, block_seconds=60.0), seed=3)
    assert np.array_equal(late, whole[90:150])
    assert not np.array_equal(load_path(file, DAY, seed=4), whole)


@pytest.mark.parametrize(
    ("file", "start", "block", "low"),
    [
        ("btc_usd_daily.csv", "2020-03-12", 600.0, 4644.0),
        ("btc_usd_hourly.csv", "2024-08-05", 60.0, 49050.01),
    ],
)
def test_recorded_events_reach_their_low(file: str, start: str, block: float, low: float) -> None:
    path = load_path(DATA / file, Window(start, steps=round(86400 / block), block_seconds=block))
    assert path.min() == np.log(low)


def test_single_prices_are_joined_by_straight_lines(tmp_path: Path) -> None:
    rows = ["2024-01-01 00:00:00,100", "2024-01-01 00:00:10,200", "2024-01-01 00:01:00,50"]
    file = write(tmp_path, rows, "timestamps,price\n")
    path = load_path(file, Window("2024-01-01", steps=12, block_seconds=5.0))
    assert np.exp(path[[0, 1, 2]]) == pytest.approx([100, 100 * 2**0.5, 200])
    assert np.exp(path[7]) == pytest.approx(100.0)


# Broken files -------------------------------------------------------------------------------------


def changed(row: int, old: str, new: str) -> list[str]:
    rows = list(ROWS)
    assert old in rows[row]
    rows[row] = rows[row].replace(old, new, 1)
    return rows


BROKEN = {
    "not a number": (changed(1, ",105,", ",abc,"), "line 3, column open"),
    "missing value": (changed(2, ",118,", ",,"), "line 4, column close"),
    "NaN": (changed(2, ",118,", ",nan,"), "line 4, column close"),
    "negative": (changed(0, ",95,", ",-95,"), "line 2, column low"),
    "zero": (changed(0, ",95,", ",0,"), "line 2, column low"),
    "infinite": (changed(0, ",110,", ",inf,"), "line 2, column high"),
    "high below low": (changed(0, ",110,95,", ",95,110,"), "line 2, column high"),
    "open outside": (changed(3, "118,119", "120,119"), "line 5, column open"),
    "close outside": (changed(1, ",102,1", ",100.5,1"), "line 3, column close"),
    "no moment": (changed(1, "2024-01-01 01:00:00", "noon"), "line 3, column timestamps"),
    "repeated": (changed(1, "01:00:00", "00:00:00"), "line 3, column timestamps"),
    "unordered": (changed(2, "02:00:00", "00:30:00"), "line 4, column timestamps"),
    "gap": ([*ROWS[:3], ROWS[3].replace("03:00", "04:00")], "line 5, column timestamps"),
    "short": (ROWS[:3], "at most 180 steps fit"),
    "one candle": (ROWS[:1], "two are needed"),
    "no rows": ([], "no rows"),
}


@pytest.mark.parametrize(("rows", "where"), BROKEN.values(), ids=BROKEN)
def test_broken_candles_are_named_with_line_and_column(
    tmp_path: Path, rows: list[str], where: str
) -> None:
    file = write(tmp_path, rows)
    with pytest.raises(ScenarioError, match=where) as caught:
        load_path(file, DAY)
    assert str(file) in str(caught.value)


def test_a_fault_outside_the_dates_does_not_matter(tmp_path: Path) -> None:
    file = write(tmp_path, changed(3, "118,119", "120,119"))
    assert load_path(file, Window("2024-01-01", 180, 60.0)).shape == (180,)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (Window("2023-12-31", 60, 60.0), "lies outside the file"),
        (Window("2024-01-02", 60, 60.0), "lies outside the file"),
        (Window("2024-01-01", 60, 60.0, end="2024-02-01"), "end 2024-02-01 lies outside"),
        (Window("2024-01-01", 121, 60.0, end="2024-01-01 02:00"), "at most 120 steps fit"),
        (Window("2024-01-01 02:00", 10, 60.0, end="2024-01-01 01:00"), "is not after start"),
        (Window("yesterday-ish", 60, 60.0), "no ISO 8601 moment"),
        (Window("2024-01-01", 60, 7.0), "whole number of blocks"),
        (Window("2024-01-01", 2, 1800.0), "4 at least"),
    ],
)
def test_dates_and_blocks_that_do_not_fit(tmp_path: Path, window: Window, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_path(write(tmp_path, ROWS), window)


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no such file"):
        load_path(tmp_path / "none.csv", DAY)
    for name, content in {
        "binary": bytes(range(256)) * 8,
        "empty": b"",
        "utf16": b"\xff\xfea",
    }.items():
        file = tmp_path / name
        file.write_bytes(content)
        with pytest.raises(ScenarioError, match=name):
            load_path(file, DAY)
    with pytest.raises(ScenarioError, match="line 1: no column high, low"):
        load_path(write(tmp_path, ["2024-01-01,1,1"], "timestamps,open,close\n"), DAY)
    ragged = write(tmp_path, [ROWS[0], ROWS[1] + ",7,7,7", *ROWS[2:]])
    with pytest.raises(ScenarioError, match="line 3"):
        load_path(ragged, DAY)


# Logarithms ---------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5, 12), min_size=3, max_size=20), st.sampled_from([0.1, 1.0, 60.0]))
def test_logarithms_are_followed_to_the_last_bit(logs: list[float], block: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        moments = pd.Timestamp("2024-08-04 12:00") + pd.to_timedelta(
            np.rint(np.arange(len(logs)) * block * 1e9).astype(np.int64), unit="ns"
        )
        rows = [f"{m.isoformat()},{np.exp(x)!r},{x!r}" for m, x in zip(moments, logs, strict=True)]
        rows = [row.replace("np.float64(", "").replace(")", "") for row in rows]
        file = write(Path(folder), rows, "timestamps,price,log_price\n")
        window = Window("2024-08-04 12:00", steps=len(logs), block_seconds=block)
        assert load_path(file, window).tolist() == logs
