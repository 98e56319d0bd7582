"""Who caused how much, by re-runs: leave-one-out over large liquidations, Shapley over groups.

A set of players takes part when their forced orders reach the book; those of all other players are
taken over at the mark. The value of a set is an outcome of every future, so that every share comes
with the interval that so many futures support.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.checks import checked_count, checked_share
from crossmargin.experiments.counterfactual.coalitions import (
    EXACT,
    Shares,
    exact_shapley,
    leave_one_out,
    remembered,
    sampled_shapley,
)
from crossmargin.experiments.counterfactual.effects import plain, student
from crossmargin.experiments.counterfactual.games import (
    WHALES,
    Game,
    baseline_of,
    check_outcome,
    largest,
    named,
    players_of,
    situation_of,
)
from crossmargin.experiments.counterfactual.members import Floats
from crossmargin.experiments.counterfactual.whatif import FUTURES, seeds_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Blame:
    """Shares of an outcome among players, with their intervals over futures.

    Attributes
    ----------
    outcome : str
    method : {"leave-one-out", "shapley"}
    table : DataFrame
        One row a player: `accounts` (how many), `share` (mean over the futures), `low`, `high`,
        `error` (standard error of the permutations; 0 when exact), `run` (of the run itself).
    total : float
        Mean over the futures of the outcome less what it is with no player's orders on the book.
    futures, permutations : int
        Permutations are 0 when shares are exact.
    """

    outcome: str
    method: str
    table: "pd.DataFrame"
    total: float
    futures: int
    permutations: int = 0

    @property
    def words(self) -> str:
        """How the shares add up."""
        found = float(self.table["share"].sum())
        if self.method == "shapley":
            return f"Shapley's values sum to {found:,.6g}, the whole effect of {self.total:,.6g}"
        times = f", {found / self.total:.2g} times it" if self.total else ""
        return f"leaving out one at a time sums to {found:,.6g} of {self.total:,.6g}{times}"

    @property
    def summary(self) -> dict[str, Any]:
        """Everything that JSON can hold."""
        return {
            "outcome": self.outcome,
            "method": self.method,
            "total": self.total,
            "futures": self.futures,
            "permutations": self.permutations,
            "players": [
                {str(key): plain(value) for key, value in row.items()}
                for row in self.table.reset_index().to_dict("records")
            ],
        }

    def _repr_html_(self) -> str:
        head = f"<b>{self.method}: {html.escape(self.outcome)}</b>"
        return f"{head}{self.table.to_html()}<p>{html.escape(self.words)}</p>"


def leave_out(
    source: "str | Path | Mapping[str, Any] | Any",
    k: int = WHALES,
    *,
    outcome: str = "losses",
    at: int | None = None,
    futures: int = FUTURES,
    futures_seed: int = 0,
    jobs: int = 1,
    confidence: float = 0.95,
    **options: Any,
) -> Blame:
    """What is missing when each of the k largest liquidations alone is spared.

    Parameters
    ----------
    source : as in `whatif`
    k : int
        Accounts with the largest notional closed by force in the run itself.
    outcome : str
        Column of `WhatIf.table`.
    at : int, optional
        Block of the branch; by default that of the first forced closing of anyone.
    options
        `seed`, `steps`, `overrides`, `closure`, as in `whatif`.

    Raises
    ------
    ScenarioError, ParameterError
        When something cannot be used as given, or nobody is liquidated.
    """
    checked_count("k", k, 1)
    level = checked_share("confidence", confidence)
    branch = situation_of(source, at, options)
    member = baseline_of(branch)
    check_outcome(member, outcome)
    players_of(branch, "whale", member, k)  # refuses when nobody is liquidated
    players = named(branch, largest(member, k))
    seeds = [None, *seeds_of(futures, futures_seed)]
    game = Game(branch, players, seeds, outcome, checked_count("jobs", jobs, 1))
    everyone = frozenset(players)
    known = remembered(game.value)
    values = leave_one_out(known, list(players))
    total = known(everyone) - known(frozenset())
    shares = Shares(tuple(players), values, np.zeros_like(values), 0)
    return _blame(game, "leave-one-out", shares, total, level)


def shapley(
    source: "str | Path | Mapping[str, Any] | Any",
    by: str = "population",
    *,
    k: int = WHALES,
    outcome: str = "losses",
    permutations: int | None = None,
    at: int | None = None,
    futures: int = FUTURES,
    futures_seed: int = 0,
    jobs: int = 1,
    confidence: float = 0.95,
    **options: Any,
) -> Blame:
    """Shapley's shares of groups in what forced orders did.

    Parameters
    ----------
    by : {"population", "whale"}
        Populations that are liquidated, or the k largest liquidations and all others.
    permutations : int, optional
        Drawn at random; by default shares are exact up to 10 players, from 64 permutations above.
    source, k, outcome, at, options
        As in `leave_out`.

    Raises
    ------
    ScenarioError, ParameterError
        When something cannot be used as given, or nobody is liquidated.
    """
    checked_count("k", k, 1)
    level = checked_share("confidence", confidence)
    branch = situation_of(source, at, options)
    member = baseline_of(branch)
    check_outcome(member, outcome)
    players = players_of(branch, by, member, k)
    seeds = [None, *seeds_of(futures, futures_seed)]
    game = Game(branch, players, seeds, outcome, checked_count("jobs", jobs, 1))
    known = remembered(game.value)
    if permutations is None and len(players) <= EXACT:
        found = exact_shapley(known, list(players))
    else:
        drawn = 64 if permutations is None else permutations
        found = sampled_shapley(known, list(players), drawn, futures_seed)
    total = known(frozenset(players)) - known(frozenset())
    return _blame(game, "shapley", found, total, level)


def _blame(game: Game, method: str, found: Shares, total: Floats, confidence: float) -> Blame:
    """Table of shares; the first value is the run itself, the last the mean over futures."""
    import pandas as pd

    values = found.values[:, 1:-1]
    n = values.shape[1]
    spread = values.std(axis=1, ddof=1) if n > 1 else np.full(len(values), np.nan)
    half = student(n, confidence) * spread / np.sqrt(n)
    mean = values.mean(axis=1)
    table = pd.DataFrame(
        {
            "accounts": [len(game.players[name]) for name in found.players],
            "share": mean,
            "low": mean - half,
            "high": mean + half,
            "error": found.errors[:, -1],
            "run": found.values[:, 0],
        },
        index=pd.Index(found.players, name="player"),
    )
    return Blame(game.outcome, method, table, float(total[-1]), n, found.permutations)
