"""Tasks of a sweep: which runs a plan asks for, made one by one and never held all at once."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crossmargin.experiments.sweeps.plan import Plan
from crossmargin.model.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Task:
    """One run to be done.

    Attributes
    ----------
    run_id : str
        Identity: hash of scenario, factors, seed and model version.
    point, replicate : int
        Row of the design and number of the repetition, from 0.
    seed : int
    values : tuple
        Values of the factors, in the order of the plan.
    earlier : tuple of str
        Identities that the run has under other versions of the model whose runs count as done.
    """

    run_id: str
    point: int
    replicate: int
    seed: int
    values: tuple[Any, ...]
    earlier: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Identities under which the run may stand in a folder."""
        return (self.run_id, *self.earlier)


def tasks(
    plan: Plan,
    points: "pd.DataFrame",
    first_replicate: int,
    last_replicate: int,
    version: str,
    digest: str | None = None,
    earlier: Sequence[str] = (),
) -> Iterator[Task]:
    """Tasks of some replicates, one replicate of every point after the other.

    So a sweep that is stopped early has seen the whole design.

    Parameters
    ----------
    points : DataFrame
        Rows of the design, or some of them; the index is the number of the point.
    first_replicate, last_replicate : int
        From the first up to and without the last.
    version : str
        Version of the model that the identities carry.
    digest : str, optional
        Of the scenario, when it is known already.
    earlier : sequence of str
        Other versions of the model whose runs count as done.
    """
    from crossmargin.experiments.sweeps.identity import run_id, scenario_digest
    from crossmargin.experiments.sweeps.seeds import seed_of

    digest = scenario_digest(plan) if digest is None else digest
    columns = [points[path].tolist() for path in plan.paths]
    numbers = points.index.tolist()
    for replicate in range(first_replicate, last_replicate):
        seed = seed_of(plan.seeds, 0, replicate)
        for place, point in enumerate(numbers):
            if not plan.seeds.common:
                seed = seed_of(plan.seeds, point, replicate)
            values = tuple(column[place] for column in columns)
            facts = dict(zip(plan.paths, values, strict=True))
            name = run_id(digest, facts, seed, version)
            others = tuple(run_id(digest, facts, seed, other) for other in earlier)
            yield Task(name, point, replicate, seed, values, others)


@dataclass(frozen=True, slots=True)
class Shard:
    """The i-th of n parts of a sweep; i counts from 1."""

    i: int
    n: int

    @property
    def tag(self) -> str:
        """Word for names of files and folders."""
        return f"{self.i}of{self.n}"


def parse_shard(text: str | None) -> Shard | None:
    """Shard from `i/n`, as in `--shard 3/200`.

    Raises
    ------
    ParameterError
        When it is no such pair, or i lies outside 1 to n.
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", str(text))
    if match is None:
        raise ParameterError(f"--shard {text}: write i/n, as in 3/200")
    i, n = int(match[1]), int(match[2])
    if not 1 <= i <= n:
        hint = f"; begin a job array at 1, as in --array=1-{n}" if i == 0 and n else ""
        raise ParameterError(f"--shard {text}: i is one of 1 to {n}{hint}")
    return Shard(i, n)


def in_shard(task: Task, i: int, n: int, *, whole_points: bool = False) -> bool:
    """Tell whether a task belongs to the i-th of n shards.

    With `whole_points` all replicates of a point are in one shard, as replications until an
    interval is narrow need: whether to go on is then known within the shard.
    """
    place = task.point if whole_points else task.point + task.replicate
    return place % n == i - 1
