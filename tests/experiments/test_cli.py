"""The command line: what it writes, and one clear error with exit code 2 for bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "crossmargin.experiments"]


def crossmargin(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=300, cwd=cwd, check=False
    )


def test_run_writes_everything_and_reproduces(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = crossmargin("run", "calm", "--seed", "3", "--steps", "40", "--audit", "--out", str(out))
    assert ran.returncode == 0, ran.stderr
    assert "every residual is 0" in ran.stdout
    names = {"series.parquet", "events.parquet", "liquidations.parquet", "accounts.parquet"}
    assert names | {"run.json"} <= {file.name for file in out.iterdir()}
    again = crossmargin("reproduce", str(out))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "bit for bit" in again.stdout


def test_reproduce_tells_tolerance_from_difference(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert crossmargin("run", "calm", "--steps", "10", "--out", str(out)).returncode == 0
    import pandas as pd

    table = pd.read_parquet(out / "series.parquet")
    table.loc[5, "reference"] *= 1.0 + 1e-12
    table.to_parquet(out / "series.parquet", index=False)
    assert crossmargin("reproduce", str(out)).returncode == 1
    record = json.loads((out / "run.json").read_text())
    record["versions"]["numpy"] = "1.0"
    (out / "run.json").write_text(json.dumps(record))
    near = crossmargin("reproduce", str(out))
    assert near.returncode == 5
    assert "numpy: was 1.0" in near.stdout


def test_json_is_the_summary_alone() -> None:
    ran = crossmargin("run", "calm", "--steps", "5", "--json")
    assert json.loads(ran.stdout)["steps"] == 5


def test_lists() -> None:
    assert "flash-crash" in crossmargin("scenarios").stdout
    phases = crossmargin("phases").stdout
    assert phases.index("oracles") < phases.index("margin") < phases.index("matching")
    schema = json.loads(crossmargin("schema").stdout)
    assert "makers" in schema["parts"]
    assert crossmargin("validate", "calm").returncode == 0
    plan = json.loads(crossmargin("schema", "--sweep").stdout)
    assert {"scenario", "factor", "design", "replications"} <= plan["properties"].keys()
    keys = crossmargin("schema", "--keys", "calm").stdout.splitlines()
    assert "venue.penalty_rate = 0.005  (numbers, 0 <= x <= 0.5, fraction)" in keys


@pytest.mark.parametrize(
    "words",
    [
        ("run", "no-such-scenario"),
        ("run", "missing.toml"),
        ("run", "calm", "--steps", "-5"),
        ("run", "calm", "--steps", "1e400"),
        ("run", "calm", "--seed", "abc"),
        ("run", "calm", "--set", "nope.nope=1"),
        ("run", "calm", "--set", "venue.insurance"),
        ("run", "calm", "--set", "venue.insurance=-1"),
        ("run", "calm", "--out", "/proc/nowhere"),
        ("run", "broken.toml"),
        ("run", "bytes.toml"),
        ("validate", "gap.toml"),
        ("validate", "unknown.toml"),
        ("reproduce", "."),
        ("reproduce", "nowhere"),
        ("frobnicate",),
    ],
)
def test_bad_input_is_one_clear_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "broken.toml").write_text("a = [")
    (tmp_path / "bytes.toml").write_bytes(os.urandom(3000))
    (tmp_path / "unknown.toml").write_text("nonsense = 1")
    (tmp_path / "prices.csv").write_text(
        "timestamps,open,high,low,close\n2024-01-01 00:00,1,1,1,1\n2024-01-01 05:00,1,1,1,1\n"
        "2024-01-01 06:00,1,1,1,1\n"
    )
    calm = Path(__file__).parents[2] / "experiments" / "scenarios" / "calm.toml"
    text = calm.read_text().replace("price = 60000.0", "").replace("volatility = 0.5\n", "")
    text = text.replace(
        'kind = "geometric_brownian"',
        'kind = "recorded"\n[underlying.recording]\nfile = "prices.csv"\nstart = "2024-01-01"\n',
    )
    (tmp_path / "gap.toml").write_text(text.replace("daily_volume = 2e10", ""))
    before = sorted(tmp_path.iterdir())
    ran = crossmargin(*words, cwd=tmp_path)
    output = ran.stdout + ran.stderr
    assert ran.returncode == 2, output
    assert "Traceback" not in output
    assert 0 < len([line for line in output.splitlines() if line.strip()]) <= 12
    assert sorted(tmp_path.iterdir()) == before


def test_ctrl_c_leaves_no_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [*COMMAND, "run", "calm", "--steps", "5000000", "--out", str(out)]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(6)
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in error
    assert "stopped; nothing was written" in error
    assert not out.exists()
