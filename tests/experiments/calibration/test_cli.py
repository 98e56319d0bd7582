"""The command and its report, by a real process where it matters."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tomli_w

from crossmargin.dashboards.calibration_report import calibration_html, number
from crossmargin.experiments.calibration.fit import calibrate
from crossmargin.experiments.calibration.toys import autoregressive_returns
from crossmargin.experiments.cli import main
from tests.experiments.calibration.models import autoregressive, linear

SMALL = {"search": {"points": 4, "steps": 2, "polish": 1}, "inference": {"profile": 3}}
SLOW = '''"""A model that takes its time."""

import time


def slow(values, seed):
    time.sleep(0.02)
    return {"a": values["a"]}
'''


def written(folder: Path, plan: dict[str, Any]) -> Path:
    """File of a calibration."""
    file = folder / "plan.toml"
    file.write_text(tomli_w.dumps(plan))
    return file


def test_the_command_writes_tables_and_a_report(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    plan = written(tmp_path, linear(**SMALL))
    main_ends(["calibrate", str(plan), "--out", str(out), "--jobs", "1"])
    said = capsys.readouterr().out
    assert "J = " in said
    assert str(out / "report.html") in said
    record = json.loads((out / "calibration.json").read_text())
    assert set(record["summary"]["estimates"]) == {"a", "b"}
    assert len(pd.read_parquet(out / "moments.parquet")) == 3
    assert (out / "report.html").stat().st_size > 1e6
    main_ends(["calibrate", str(plan), "--out", str(out), "--jobs", "1", "--json"])
    again = json.loads(capsys.readouterr().out)
    assert again["new_runs"] == 0
    assert again["estimates"] == record["summary"]["estimates"]


def main_ends(words: list[str], code: int = 0) -> None:
    """Run the command line and expect an exit code."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert (stop.value.code or 0) == code


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("nothing.toml", "there is no such file"),
        ("crowd-hurly", "did you mean 'crowd-hourly'"),
    ],
)
def test_bad_input_ends_with_2(plan: str, said: str, tmp_path: Path, capsys: Any) -> None:
    main_ends(["calibrate", plan, "--out", str(tmp_path / "out")], 2)
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_bad_keys_are_named_with_their_file(tmp_path: Path, capsys: Any) -> None:
    plan = written(tmp_path, linear(weigthing="full"))
    main_ends(["calibrate", str(plan), "--out", str(tmp_path / "out")], 2)
    assert "plan.toml: weigthing: unknown key; did you mean 'weighting'" in capsys.readouterr().err


def test_ctrl_c_keeps_what_was_run(tmp_path: Path) -> None:
    (tmp_path / "slow_model.py").write_text(SLOW)
    plan = {
        "name": "slow",
        "model": "slow_model:slow",
        "parameter": [{"path": "a", "low": 0, "high": 1}],
        "target": [{"outcome": "a", "value": 0.5, "error": 0.1}],
        "search": {"points": 64, "steps": 0, "polish": 0},
        "replicates": 10,
    }
    words = [sys.executable, "-m", "crossmargin.experiments", "calibrate"]
    words += [str(written(tmp_path, plan)), "--out", str(tmp_path / "out"), "--jobs", "2"]
    child = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    kept = tmp_path / "out" / "evaluations.parquet"
    while child.poll() is None and not kept.is_file():
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate()
    assert child.returncode == 130
    assert "The same command goes on" in said
    assert "Traceback" not in said
    n_runs = len(pd.read_parquet(kept))
    assert 0 < n_runs < 640


@pytest.fixture(scope="module")
def page() -> str:
    story = 'Is <b>"this"</b> escaped?'
    plan = autoregressive(title="An <i>autoregression</i>", story=story, **SMALL)
    returns = autoregressive_returns({"volatility": 0.01, "share": 0.2, "n": 1000}, 3)
    return calibration_html(calibrate(plan | {"holdout": {"facts": ["hill_5"]}}, returns=returns))


def test_the_report_has_its_sections_and_charts(page: str) -> None:
    ids = re.findall(r'<section id="([\w-]+)">', page)
    assert ids == ["parameters", "moments", "profiles", "search", "how"]
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page, re.S)[1])  # type: ignore[index]
    assert set(figures["charts"]) == {"chart-moments", "chart-profiles", "chart-search"}
    marks = figures["charts"]["chart-moments"]["data"]
    assert {mark["name"] for mark in marks} == {
        "recorded, 95% interval",
        "simulated, nine runs in ten",
    }


def test_the_report_escapes_and_fetches_nothing(page: str) -> None:
    text = page.split("<script>")[0]
    assert "An &lt;i&gt;autoregression&lt;/i&gt;" in text
    assert "Is &lt;b&gt;" in text
    assert "http" not in re.sub(r'<meta http-equiv="[^"]*"', "", text)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123456, "0.01235"), (-3.0, "−3"), (float("nan"), "–"), (float("-inf"), "−∞")],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text
