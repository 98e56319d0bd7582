"""The command `crossmargin split`: what it writes, what it prints, and one clear error."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

COMMAND = [sys.executable, "-m", "crossmargin.experiments"]
SMALL = ("--steps", "600", "--set", "population.traders.count=50")


def crossmargin(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)


def test_split_writes_what_makes_the_record_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--seeds", "1", "--report", "--out", str(out))
    made = crossmargin("split", "black-thursday", *SMALL, *options)
    assert made.returncode == 0, made.stderr
    assert "record reproduced" in made.stdout
    names = {"split.json", "path.parquet", "members.parquet", "exogenous.csv", "split.html"}
    assert {file.name for file in out.iterdir()} == names
    assert json.loads((out / "split.json").read_text())["reproduces"]["again_ticks"] == 0
    recording = f"underlying.BTC.recording.file='{out / 'exogenous.csv'}'"
    again = crossmargin(
        "run", "black-thursday", *SMALL, "--set", recording, "--out", str(tmp_path / "run")
    )
    assert again.returncode == 0, again.stderr
    series = pd.read_parquet(tmp_path / "run" / "series.parquet")
    shown = series.loc[series["market"] == "BTC-PERP", "reference"].to_numpy() / 0.2
    ticks = pd.read_parquet(out / "path.parquet")["record"].to_numpy()
    assert abs(shown - ticks).max() < 0.5 + 1e-5


def test_json_is_the_summary_alone() -> None:
    options = ("--seeds", "1", "--open-interest", "1e9", "--json")
    made = crossmargin("split", "black-thursday", *SMALL, *options)
    assert made.returncode == 0, made.stderr
    summary = json.loads(made.stdout)
    assert summary["venues"] == pytest.approx(1e9 / summary["open_interest"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("calm",), "a split needs a record"),
        (("black-thursday", "--underlying", "ETH"), "recorded are BTC"),
        (("black-thursday", "--open-interest", "-1"), "must be above 0"),
        (("august",), "did you mean 'august-2024'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words: tuple[str, ...], message: str) -> None:
    found = crossmargin("split", *words)
    assert found.returncode == 2
    assert message in found.stderr
    assert "Traceback" not in found.stderr
