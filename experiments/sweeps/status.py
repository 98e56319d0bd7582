"""How far the sweep of a folder is; the plan alone is needed, not the scenario."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crossmargin.experiments.sweeps import header, store
from crossmargin.experiments.sweeps.files import read_table, tables
from crossmargin.experiments.sweeps.replications import Rounds

#: Newest runs from which the rate is taken, s.
RECENT = 60.0


@dataclass(frozen=True)
class Status:
    """Counts of a folder.

    Attributes
    ----------
    plan : str
    points : int
    total : int
        Runs that the plan asks for; of replications until an interval is narrow, those that are
        known to be needed.
    done, failed, missing : int
    rate : float
        Runs a second in the last minute in which any was finished.
    mean_seconds : float
        Mean time of a run, s.
    workers : int
    files : int
    """

    plan: str
    points: int
    total: int
    done: int
    failed: int
    missing: int
    rate: float
    mean_seconds: float
    workers: int
    files: int

    @property
    def table(self) -> dict[str, Any]:
        """The same by name."""
        return asdict(self)


def status(folder: Path) -> Status:
    """Status of the sweep of a folder.

    Raises
    ------
    ScenarioError
        When it holds none, or a file of it is broken.
    """
    from crossmargin.experiments.sweeps.designs import points

    head = header.read_header(folder)
    plan = header.plan_of(head)
    until, design = plan.replications.until, points(plan)
    values = {} if until is None else store.stored_outcome(folder, until.outcome)
    done = store.done_ids(folder)
    failed = store.failed_ids(folder) - done
    ids: set[str] = set()
    rounds = Rounds(plan, design, head.model_version, head.scenario_digest, values)
    for one in rounds.each():
        ids |= {task.run_id for task in one.tasks()}
        if not ids <= done | failed:
            break
    return Status(
        plan=plan.name,
        points=len(design),
        total=len(ids),
        done=len(ids & done),
        failed=len(ids & failed),
        missing=len(ids - done - failed),
        files=sum(1 for _ in folder.glob("*.parquet")),
        **_pace(folder),
    )


def _pace(folder: Path) -> dict[str, Any]:
    """Rate, mean time and workers, of the timing files."""
    import pyarrow.compute as pc

    columns = ["wall_seconds", "worker", "finished"]
    found = [read_table(file, columns) for file in tables(folder, "timing")]
    if not found or not sum(map(len, found)):
        return {"rate": 0.0, "mean_seconds": 0.0, "workers": 0}
    table = store.joined(found)
    frame = table.to_pandas()
    end = frame["finished"].max()
    recent = frame["finished"][(end - frame["finished"]).dt.total_seconds() <= RECENT]
    span = (end - recent.min()).total_seconds()
    return {
        "rate": (len(recent) - 1) / span if span > 0 else 0.0,
        "mean_seconds": float(pc.mean(table["wall_seconds"]).as_py()),
        "workers": int(frame["worker"].nunique()),
    }
