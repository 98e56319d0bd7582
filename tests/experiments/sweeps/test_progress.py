"""Bars: they appear where somebody looks, and count to the end."""

import pytest

import crossmargin as xm
from crossmargin.experiments.sweeps import progress
from crossmargin.experiments.sweeps.progress import Calm, Progress, memory, reporting, rich_bar
from tests.experiments.sweeps import toys


def test_progress_counts() -> None:
    found = Progress(total=10_000, done=9_000, failed=3, reused=4_000)
    assert found.missing == 997
    assert found.rate > 0
    assert found.left == pytest.approx(997 / found.rate, rel=0.5)
    assert found.told_failures == "3 of 10,000 failed"
    assert Progress(total=4).left is None


def test_a_bar_of_tqdm_counts_to_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    xm.sweep(toys.plan(n=7), executor="serial", progress=True)
    assert "7/7" in capsys.readouterr().err


def test_no_bar_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    xm.sweep(toys.plan(n=7), executor="serial")
    assert capsys.readouterr().err == ""
    with reporting(False) as show:
        assert show is None


def test_a_bar_of_rich_shows_what_it_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes the stream for a terminal
    monkeypatch.setenv("COLUMNS", "160")
    with rich_bar("study", shown=True) as show:
        show(Progress(total=2_000, done=1_500, failed=2))
    told = capsys.readouterr().err
    assert "1,502 of 2,000 runs" in told
    assert "2 failed" in told
    with rich_bar("study", shown=False) as show:
        show(Progress(total=20))
    assert capsys.readouterr().err == ""


def test_looks_are_few_and_the_last_one_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    calm = Calm(lambda p: seen.append(p.done))
    monkeypatch.setattr(progress, "INTERVAL", 1e9)
    for done in range(5):
        calm(Progress(done=done))
    calm(Progress(done=5), last=True)
    assert seen == [0, 5]


def test_memory_of_this_process_is_known_or_none() -> None:
    assert memory() == 0 or 10e6 < memory() < 1e12
