"""A real Jupyter kernel: worker processes need no guard there, and the bar is that of tqdm."""

import sys
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec

from tests.repository import ROOT

CELLS = [
    """
import os
import sys
sys.path.insert(0, {root!r})
import crossmargin as xm
from tests.experiments.sweeps import toys
assert "ipykernel" in sys.modules
""",
    """
found = xm.sweep(toys.plan(toys.nap, n=6, count=3), executor="processes", jobs=2)
found
""",
    """
workers = set(found.timing["worker"])
assert len(workers) == 2 and not any(name.endswith(f"-{{os.getpid()}}") for name in workers)
assert toys.are_equal(found.runs, toys.runs(toys.plan(toys.nap, n=6, count=3), executor="serial"))
print("alike")
""",
]


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a kernel that runs this Python."""
    write_kernel_spec(tmp_path / "kernels" / "here")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    return "here"


def said(cell: Any) -> str:
    """What a cell wrote and what it shows."""
    words = [out.get("text", "") or str(out.get("data", "")) for out in cell.outputs]
    return "\n".join(words)


@pytest.mark.skipif(sys.platform == "win32", reason="zmq there wants another event loop")
def test_a_sweep_in_processes_runs_in_a_notebook(tmp_path: Path, kernel: str) -> None:
    cells = [nbformat.v4.new_code_cell(text.format(root=str(ROOT))) for text in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name=kernel, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    assert "18/18" in said(cells[1])  # the bar of tqdm.auto, without being asked for
    assert "18 runs of 6 points" in said(cells[1])
    assert said(cells[2]).strip() == "alike"
