"""The endogenous share of a recorded fall, with the band within which the record leaves it."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.endogenous.leverage import with_leverage
from crossmargin.experiments.endogenous.members import Member, Plan, solve_member
from crossmargin.experiments.endogenous.push import Strength, corners
from crossmargin.experiments.endogenous.solve import Followed, Target, target_of
from crossmargin.experiments.endogenous.summary import member_frame, path_frame, summarise
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.schema import Scenario
from crossmargin.experiments.validation.tasks import in_threads
from crossmargin.model.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd

#: Multiples of the leverage of all positions that the band spans; a default.
LEVERAGES = (0.75, 1.0, 1.25)


@dataclass(frozen=True, eq=False)
class Split:
    """A recorded path, taken apart.

    Attributes
    ----------
    scenario : Scenario
        As it was solved: its record holds everything.
    summary : dict
        What JSON can hold; see `summarise`.
    path : DataFrame
        One row a block, of the first seed: `step`, `timestamps`; in ticks `record`, `exogenous`,
        `forced` and `other`, which sum to the record exactly; `log_price` of the exogenous part,
        to the last bit; `push` of as many venues as the market has, mean, least and most over
        seeds (log price); displacement of the venue's mid by author class, half ticks.
    members : DataFrame
        One row a seed, multiple of leverage and strength, with its share.
    """

    scenario: Scenario
    summary: dict[str, Any]
    path: "pd.DataFrame"
    members: "pd.DataFrame"

    def save(self, folder: str | Path, *, report: bool = False) -> Path:
        """Write split.json, the tables, and the exogenous path as a recording, to a folder."""
        from crossmargin.experiments.endogenous.files import save

        return save(self, Path(folder), report=report)


def split_path(
    scenario: str | Path | Scenario | Mapping[str, Any],
    *,
    seeds: int = 4,
    underlying: str | None = None,
    open_interest: float | None = None,
    leverages: Sequence[float] = LEVERAGES,
    threads: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Split:
    """Split a recorded path into what came from elsewhere and what the venue's flow added.

    Parameters
    ----------
    scenario : str, Path, Scenario or mapping
        One of its underlyings follows a recording.
    seeds : int
        Runs, seeds 0, 1, ...
    underlying : str, optional
        Which record, where there are several.
    open_interest : float, optional
        Of the market that the record is of, quote, one side: then the venue stands for as many
        like it as fill that. By default the venue stands for itself.
    leverages : sequence of float
        Multiples of the leverage of all positions that the band spans; 1 is always among them.
    threads : int, optional
        Runs at a time; as many as there are processors by default.
    overrides : mapping, optional
        Dotted paths to values.
    progress : callable, optional
        Called with the runs done and their number.

    Returns
    -------
    Split

    Raises
    ------
    ScenarioError, ParameterError
        When there is no record, or a number is not allowed.

    Examples
    --------
    >>> import crossmargin as xm
    >>> found = xm.split_path("august-2024", seeds=1, leverages=[1.0], overrides={"run.steps": 60})
    >>> found.summary["reproduces"]
    {'solved_ticks': 0, 'again_ticks': 0}
    """
    found = load_scenario(scenario, overrides)
    target = target_of(found, underlying)
    _check(found, seeds, open_interest)
    name = found.underlying[target.underlying].name
    solved = load_scenario(found, {f"underlying.{name}.path.holds": "everything"})
    multiples = sorted({1.0, *map(float, leverages)}, key=lambda x: (x != 1.0, x))
    variants = {x: solved if x == 1.0 else with_leverage(solved, x) for x in multiples}
    plan = Plan(target, variants, corners(Strength.of(_table(solved, target))))
    kept: dict[str, Followed] = {}
    tasks = [partial(solve_member, plan, seed, x, kept) for seed in range(seeds) for x in multiples]
    members = _in_turn(tasks, threads, progress)
    venues = 1.0
    if open_interest is not None:
        stated = [m.open_interest for m in members if m.leverage == 1.0]
        venues = open_interest / float(np.mean(stated))
    return Split(
        solved,
        summarise(plan, members, kept, venues),
        path_frame(kept, members, venues),
        member_frame(members, plan.strengths, venues),
    )


def _check(scenario: Scenario, seeds: Any, open_interest: float | None) -> None:
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= 1000:
        raise ParameterError(f"seeds = {seeds!r}: 1 to 1000 are allowed")
    if open_interest is not None and not 0 < open_interest < np.inf:
        raise ParameterError(f"open_interest = {open_interest!r}: must be above 0 quote")
    if any(":" in population.kind for population in scenario.population):
        raise ParameterError(
            f"{scenario.name}: population: traders written in Python are too slow to be run so "
            "often; write them as a compiled population"
        )


def _table(scenario: Scenario, target: Target) -> Mapping[str, Any]:
    return scenario.underlying[target.underlying].path or {}


def _in_turn(
    tasks: list[Any], threads: int | None, progress: Callable[[int, int], None] | None
) -> list[Member]:
    """First task alone, which compiles what is missing; then the others side by side."""
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, len(tasks))

    first = in_threads(tasks[:1], 1, count)
    return first + in_threads(tasks[1:], threads or os.cpu_count() or 1, count)
