"""Cascades: which liquidation came after which, by generation.

An episode is the liquidation of one account from its breach until it is healthy or empty. Its
first event has for parent the forced order after which the account broke (-1 when it broke by
itself, a root of generation 0); later events of the episode have for parent an earlier one of the
same account. **The rule is the proximate parent**: the order after which margins were judged and
found wanting, whatever else had brought the account near.
"""

import numpy as np
import pandas as pd

from crossmargin.model.state import Array

COLUMNS = ("event", "account", "step", "generation", "root", "notional")


class _Forest:
    """Episode, generation and root of every event, filled in the order of the log."""

    def __init__(self, events: Array):
        self.place = {event: i for i, event in enumerate(events["id"].tolist())}
        self.parents = events["parent"].tolist()
        self.accounts = events["account"].tolist()
        self.ids = events["id"].tolist()
        n = len(events)
        self.episode, self.generation, self.root = [0] * n, [0] * n, [0] * n
        for i in range(n):
            self._enter(i)

    def _enter(self, i: int) -> None:
        p = self.place.get(self.parents[i], -1)
        self.episode[i] = self.root[i] = self.ids[i]
        if p < 0 or p >= i:
            return
        self.generation[i], self.root[i] = self.generation[p], self.root[p]
        if self.accounts[p] == self.accounts[i]:
            self.episode[i] = self.episode[p]
        else:
            self.generation[i] += 1


def cascade(events: Array, liquidations: Array) -> pd.DataFrame:
    """Table of liquidation episodes with their generation.

    Parameters
    ----------
    events : (n,) EVENT
    liquidations : (m,) LIQUIDATION

    Returns
    -------
    DataFrame
        One row an episode, in order: `event` (its first), `account` (row), `step`, `generation`
        (0 for a root), `root` (first event of the cascade), `notional` (quote units).
    """
    forest = _Forest(events)
    rows: dict[int, list[int]] = {}
    for event, notional in liquidations[["event", "notional"]].tolist():
        i = forest.place[event]
        first = forest.episode[i]
        if first not in rows:
            at = forest.place[first]
            step = int(events["step"][at])
            rows[first] = [
                first,
                forest.accounts[i],
                step,
                forest.generation[i],
                forest.root[i],
                0,
            ]
        rows[first][-1] += notional
    table = pd.DataFrame(list(rows.values()), columns=list(COLUMNS), dtype=np.int64)
    return table.sort_values("event", ignore_index=True)


def generations(table: pd.DataFrame) -> pd.DataFrame:
    """Number of episodes and notional by generation, and what each generation begot.

    `offspring` is episodes of the next generation an episode of this one: the reproduction number
    of early generations; the last one is cut off by the end of the run.
    """
    grouped = table.groupby("generation").agg(
        episodes=("event", "size"), notional=("notional", "sum")
    )
    following = grouped["episodes"].shift(-1, fill_value=0)
    return grouped.assign(offspring=following / grouped["episodes"]).reset_index()


def parents(events: Array, table: pd.DataFrame) -> Array:
    """Episode after whose forced order each episode of a cascade began, by its first event.

    Parameters
    ----------
    events : (n,) EVENT
    table : DataFrame
        What `cascade` made of them.

    Returns
    -------
    (n_episodes,) int64, -1 for a root
    """
    forest = _Forest(events)
    before = [forest.parents[forest.place[event]] for event in table["event"].tolist()]
    found = [forest.episode[forest.place[p]] if p in forest.place else -1 for p in before]
    return np.array(found, np.int64)
