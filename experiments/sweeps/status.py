"""How far the sweep of a folder is; the plan alone is needed, not the scenario."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crossmargin.experiments.sweeps import header, reading, store
from crossmargin.experiments.sweeps.replications import Rounds
from crossmargin.experiments.sweeps.reserve import errors_of
from crossmargin.experiments.sweeps.tasks import Task

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
    model_versions : dict
        Runs by the version of the model that made them.
    errors : list of str
        Times at which results could not be written, as `errors.txt` has them.
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
    model_versions: dict[str, int]
    errors: list[str]

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
    done, failed = store.done_ids(folder), store.failed_ids(folder)
    runs: dict[str, str] = {}
    first, *others = head.model_versions
    rounds = Rounds(plan, design, first, head.scenario_digest, values, others)
    for one in rounds.each():
        runs |= {task.run_id: _stored(task, done, failed) for task in one.tasks()}
        if not done.union(failed).issuperset(runs.values()):
            break
    stored = set(runs.values())
    return Status(
        plan=plan.name,
        points=len(design),
        total=len(runs),
        done=len(stored & done),
        failed=len((stored & failed) - done),
        missing=len(stored - done - failed),
        files=sum(1 for _ in folder.glob("*.parquet")),
        errors=errors_of(folder),
        **_pace(folder, stored & done),
    )


def _stored(task: Task, done: set[str], failed: set[str]) -> str:
    """Identity under which a run is done, else failed, else would be done."""
    found = [name for known in (done, failed) for name in task.names if name in known]
    return found[0] if found else task.run_id


def _pace(folder: Path, done: set[str]) -> dict[str, Any]:
    """Rate, mean time, workers and versions, of the runs that are done."""
    frame = reading.timing(folder, done)
    if frame.empty:
        return {"rate": 0.0, "mean_seconds": 0.0, "workers": 0, "model_versions": {}}
    end = frame["finished"].max()
    recent = frame["finished"][(end - frame["finished"]).dt.total_seconds() <= RECENT]
    span = (end - recent.min()).total_seconds()
    return {
        "rate": (len(recent) - 1) / span if span > 0 else 0.0,
        "mean_seconds": float(frame["wall_seconds"].mean()),
        "workers": int(frame["worker"].nunique()),
        "model_versions": reading.versions_of(frame),
    }
