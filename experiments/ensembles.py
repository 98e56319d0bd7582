"""Ensembles: many futures of a scenario, or of one market from the block it has come to."""

import functools
import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.futures import Source, checked_root, member_seed, source_of
from crossmargin.experiments.load import did_you_mean
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd

    from crossmargin.experiments.market import Market
    from crossmargin.experiments.run import Run
    from crossmargin.experiments.sweeps.statistics import Estimate
    from crossmargin.model.world import World

#: What a user's function makes of a run.
Function = Callable[["Run"], Mapping[str, float]]
#: Columns of the frame that are no outcomes.
KEYS = ("member", "seed")
#: Outcomes that a notebook's cell lists.
LISTED = 12


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Outcomes of all members of an ensemble.

    Attributes
    ----------
    scenario : Scenario
    frame : DataFrame
        One row a member: `member` from 0, `seed`, then the outcomes by name; money in quote.
    first, last : int
        Blocks at which the futures begin and end.

    Examples
    --------
    >>> import crossmargin as xm
    >>> futures = xm.ensemble("calm", 4, steps=20)
    >>> futures.frame["steps"].tolist(), futures.mean("residual").value
    ([20.0, 20.0, 20.0, 20.0], 0.0)
    """

    scenario: Scenario
    frame: "pd.DataFrame"
    first: int
    last: int
    names: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        """Members."""
        return len(self.frame)

    def values(self, outcome: str) -> Any:
        """Outcome by member.

        Raises
        ------
        ParameterError
            When there is no such outcome.
        """
        if outcome not in self.names:
            raise ParameterError(
                f"outcome = {outcome!r}: there is none; {did_you_mean(outcome, self.names)}"
            )
        return self.frame[outcome].to_numpy()

    def mean(self, outcome: str, confidence: float = 0.95) -> "Estimate":
        """Mean with Student's interval, in the unit of the outcome."""
        from crossmargin.experiments.sweeps import statistics

        return statistics.mean(self.values(outcome), confidence)

    def quantile(self, outcome: str, p: float, confidence: float = 0.95) -> "Estimate":
        """Quantile of order p with its interval of order statistics.

        Raises
        ------
        ParameterError
            When so many members cannot support it; says how many it takes.
        """
        from crossmargin.experiments.sweeps import statistics

        return statistics.quantile(self.values(outcome), p, confidence)

    def exceedance(self, outcome: str, threshold: float, confidence: float = 0.95) -> "Estimate":
        """Probability that an outcome lies above a threshold, Clopper and Pearson's interval."""
        from crossmargin.experiments.sweeps import statistics

        return statistics.exceedance(self.values(outcome), threshold, confidence)

    def less(self, other: "Ensemble", outcome: str, confidence: float = 0.95) -> "Estimate":
        """Mean by which an outcome lies above that of another ensemble, members as pairs.

        Members with the same seed draw the same numbers, so that the difference is that of the
        rules and not of luck.

        Raises
        ------
        ParameterError
            When the two have other seeds, or there is no such outcome.
        """
        from crossmargin.experiments.sweeps import statistics

        if self.frame["seed"].tolist() != other.frame["seed"].tolist():
            raise ParameterError("other: has other seeds; take the same n and seed for both")
        return statistics.mean(self.values(outcome) - other.values(outcome), confidence)

    def summary(
        self, outcomes: Sequence[str] | None = None, confidence: float = 0.95
    ) -> "pd.DataFrame":
        """One row an outcome: mean, interval of the mean, standard deviation, extremes."""
        import pandas as pd

        rows = {}
        for name in outcomes or self.names:
            values, centre = self.values(name), self.mean(name, confidence)
            rows[name] = {
                "mean": centre.value,
                "low": centre.low,
                "high": centre.high,
                "deviation": float(values.std(ddof=1)) if len(values) > 1 else np.nan,
                "least": float(values.min()),
                "most": float(values.max()),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("outcome")

    @property
    def _title(self) -> str:
        return f"{self.scenario.name}: {len(self)} futures, blocks {self.first} to {self.last}"

    def __repr__(self) -> str:
        """One line: scenario, members, blocks and how many outcomes there are."""
        return f"<Ensemble {self._title}, {len(self.names)} outcomes>"

    def _repr_html_(self) -> str:
        table = self.summary(self.names[:LISTED]).to_html()
        left = len(self.names) - LISTED
        more = f"<p>and {left} more outcomes: .summary()</p>" if left > 0 else ""
        return f"<b>{html.escape(self._title)}</b>{table}{more}"


def ensemble(
    scenario: str | Path | Scenario | Mapping[str, Any] | None,
    n: int,
    *,
    seed: int = 0,
    from_branch: "Market | World | None" = None,
    steps: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    outcomes: Sequence[str] | None = None,
    functions: Sequence[Function] = (),
    jobs: int = 1,
) -> Ensemble:
    """Run many futures and keep the outcomes of each.

    Parameters
    ----------
    scenario : str, Path, Scenario, mapping or None
        What runs from its start; None, or that of the branch, with `from_branch`.
    n : int
        Members.
    seed : int
        Of the ensemble. Member i has a seed of its own, the same for every n.
    from_branch : Market or World, optional
        Start from the block it has come to; it is not moved itself. For a bare world
        `insurance_start` is the fund at the branch.
    steps : int, optional
        Block at which every member ends, counted from the start; the scenario's own by default.
    overrides : mapping, optional
        Dotted paths to values; not with a branch, whose past is given.
    outcomes : sequence of str, optional
        Numbers of the summary to keep, by dotted name; all by default.
    functions : sequence of functions
        `Run -> dict`, whose numbers are kept besides.
    jobs : int
        Threads; the compiled loop releases the lock. Results do not depend on it.

    Returns
    -------
    Ensemble

    Raises
    ------
    ScenarioError, ParameterError
        When the scenario, an outcome or a number cannot be used as given.
    StateError
        When a member cannot go on.

    Examples
    --------
    >>> import crossmargin as xm
    >>> market = xm.Market("calm", seed=3)
    >>> market.run_for(10)
    >>> futures = xm.ensemble(None, 3, from_branch=market, steps=15, outcomes=["bad_debt"])
    >>> futures.frame.columns.tolist(), market.steps
    (['member', 'seed', 'bad_debt'], 10)
    """
    import pandas as pd

    from crossmargin.experiments.checks import checked_count
    from crossmargin.experiments.rare.particles import over

    checked_count("n", n, 1)
    checked_count("jobs", jobs, 1)
    source = source_of(scenario, from_branch, steps, overrides)
    seeds = [member_seed(checked_root(seed), member) for member in range(n)]
    work = functools.partial(_member, source, outcomes, tuple(functions))
    rows = [work(seeds[0])]  # compiles what is missing before threads start
    rows += over(jobs, work, seeds[1:])
    frame = pd.DataFrame(rows)
    names = tuple(frame.columns)
    frame.insert(0, "member", range(n))
    frame.insert(1, "seed", seeds)
    return Ensemble(source.scenario, frame, source.first, source.last, names)


def _member(
    source: Source, outcomes: Sequence[str] | None, functions: Sequence[Function], seed: int
) -> dict[str, float]:
    from crossmargin.experiments.run import Run
    from crossmargin.model.margin.numbers import measure_all

    market, start = source.begin(seed)
    world = getattr(market, "world", market)
    duration = source.last - source.first
    if hasattr(market, "run_for"):
        market.run_for(duration)
    else:
        market.run(duration)
    measure_all(world.state.ledger, world.state.book)
    run = Run(source.scenario, seed, source.last, world, start)
    return _outcomes(run, outcomes, functions)


def _outcomes(
    run: "Run", outcomes: Sequence[str] | None, functions: Sequence[Function]
) -> dict[str, float]:
    from crossmargin.experiments.sweeps.outcomes import flatten
    from crossmargin.model.state import REASONS

    known = {f"rejected_by_reason.{name}": 0.0 for name in REASONS if name != "accepted"}
    known |= flatten(run.summary)
    for name in outcomes or ():
        if name not in known:
            raise ParameterError(f"outcomes: no {name!r}; {did_you_mean(name, known)}")
    kept = {name: known[name] for name in outcomes} if outcomes is not None else known
    for function in functions:
        more = {str(name): float(value) for name, value in function(run).items()}
        twice = sorted(set(more) & (set(known) | set(KEYS)))
        if twice:
            raise ParameterError(f"functions: {twice[0]!r} is a name of the summary")
        kept |= more
    return kept
