"""Small accounts become buckets of at least k, of one type and with positions on one side.

Accounts of one population and margin mode whose positions have the same signs are sorted by
leverage and merged in runs of k: a bucket has the sum of what they hold, so that open interest is
what it was and leverage nearly so. What is left over, fewer than k alike, is merged across
populations, and the last few across signs, where longs and shorts then cancel. Fewer than k of a
margin mode in all stay alone, and are told.
"""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from crossmargin.experiments.snapshots.accounts import Accounts
from crossmargin.experiments.snapshots.exact import Integers
from crossmargin.experiments.snapshots.grid import Grid
from crossmargin.model.ledger import QUOTE


def merge_small(accounts: Accounts, grid: Grid, below: float, k: int) -> Accounts:
    """Accounts of which those with less equity than a limit, whole quote, are merged."""
    equity = accounts.equity(grid)
    small = np.flatnonzero(equity < below / float(grid.assets[0].unit))
    values = np.array([float(market.mark) * market.half_unit for market in grid.markets])
    leverage = (np.abs(accounts.lots) @ values) / np.maximum(equity, 1)
    groups = [np.array([i]) for i in sorted(set(range(len(accounts.ids))) - set(small.tolist()))]
    buckets = _buckets(accounts, small[np.argsort(leverage[small], kind="stable")], k)
    merged = _summed(accounts, grid, [*groups, *buckets])
    alone = sum(1 for group in buckets if len(group) < k)
    if alone:
        merged.notes.append(f"{alone} small accounts stay alone: fewer than {k} of their mode")
    return merged


def _buckets(accounts: Accounts, rows: Integers, k: int) -> list[Integers]:
    """Rows in groups of at least k, alike as far as there are enough of a kind."""
    signs = [tuple(row) for row in np.sign(accounts.lots)]
    only = accounts.only_market
    kinds: tuple[Callable[[int], Hashable], ...] = (
        lambda i: (accounts.populations[i], int(only[i]), signs[i]),
        lambda i: (int(only[i]), signs[i]),
        lambda i: int(only[i]),
    )
    found: list[Integers] = []
    left: list[int] = rows.tolist()
    for kind in kinds:
        left = _merge_alike(found, left, kind, k)
    return found + [np.array([i]) for i in left]


def _merge_alike(
    found: list[Integers], rows: list[int], kind: Callable[[int], Hashable], k: int
) -> list[int]:
    """Put rows of a kind together, too few of them into a group of their kind; returns the rest."""
    classes: dict[Hashable, list[int]] = {}
    for i in rows:
        classes.setdefault(kind(i), []).append(i)
    left = []
    for key, members in classes.items():
        alike = [g for g, group in enumerate(found) if kind(int(group[0])) == key]
        if len(members) >= k:
            found += np.array_split(np.array(members), len(members) // k)
        elif alike:
            found[alike[0]] = np.append(found[alike[0]], members)
        else:
            left += members
    return left


def _summed(accounts: Accounts, grid: Grid, groups: list[Integers]) -> Accounts:
    """One account a group, with the sum of what its members hold."""
    first = [int(group[0]) for group in groups]
    sums = {
        name: np.array([getattr(accounts, name)[group].sum(axis=0) for group in groups])
        for name in ("balances", "lots", "cost", "outside")
    }
    _realise_mixed(accounts, grid, groups, sums)
    return Accounts(
        ids=[accounts.ids[i] for i in first],
        populations=[_commonest([accounts.populations[i] for i in group]) for group in groups],
        owners=[accounts.owners[group[0]] if len(group) == 1 else "" for group in groups],
        only_market=accounts.only_market[first],
        **sums,  # type: ignore[arg-type]
    )


def _realise_mixed(
    accounts: Accounts, grid: Grid, groups: list[Integers], sums: dict[str, Any]
) -> None:
    """Where longs and shorts cancel there is no entry price: the rest is held at the mark."""
    for g, group in enumerate(groups):
        for m, market in enumerate(grid.markets):
            lots = accounts.lots[group, m]
            if lots.size > 1 and lots.min() < 0 < lots.max():
                worth = int(lots.sum()) * market.mark * market.half_unit
                sums["balances"][g, QUOTE] += worth - sums["cost"][g, m]
                sums["cost"][g, m] = worth


def _commonest(names: list[str]) -> str:
    return max(sorted(set(names)), key=names.count)
