"""Levels of the contagion graph: who counts as one holder, and who shares a node.

What one holder gains and loses through the price by one source is netted over time and markets;
transfers, and losses of several holders, are summed gross. A holder is an account, or an owner
with all her accounts, so that a hedge held in another account is no loss. A node is a holder, a
population or the rest that a large graph folds up.
"""

from typing import Any, NamedTuple

import numpy as np

from crossmargin.model.errors import ParameterError
from crossmargin.model.state import SYSTEM_ROWS, Array
from crossmargin.model.world import World

#: Node of the holders that a graph does not show one by one.
OTHERS = "others"


class Level(NamedTuple):
    """Grouping of the rows of the ledger.

    Attributes
    ----------
    holders : (n_accounts,) int64, holder of each row; every number up to the last is in use
    nodes : (n_holders,) int64, node of each holder, likewise
    keys : list, what each node is called in the graph
    attributes : list of dict, `kind`, `label` and `population` of each node
    """

    holders: Array
    nodes: Array
    keys: list[Any]
    attributes: list[dict[str, str]]


def system_names(world: World) -> list[str]:
    """Names of the rows of the system: the fixed ones, settlement rows and pools by market."""
    names = list(SYSTEM_ROWS)
    settlement = world.state.ledger.markets["settlement"].tolist()
    named = sorted((row, world.names.markets[m]) for m, row in enumerate(settlement) if row >= 0)
    names += [f"settlement {market}" for _, market in named]
    pools = world.state.ledger.pools
    return names + [f"pool {world.names.markets[m]}" for m in pools["market"][pools["row"] > 0]]


def labels_of(world: World) -> list[dict[str, str]]:
    """Attributes of the node of every row."""
    system, rows = system_names(world), world.state.ledger.accounts
    found = []
    for row, (population, index) in enumerate(rows[["population", "index"]].tolist()):
        if population < 0:
            name = system[row] if row < len(system) else f"system {row}"
            found.append({"kind": "system", "label": name, "population": "system"})
            continue
        name = world.names.populations[population]
        found.append({"kind": "account", "label": f"{name} {index}", "population": name})
    return found


def _key(row: int, attributes: dict[str, str]) -> Any:
    return attributes["label"] if attributes["kind"] == "system" else row


def account_level(world: World) -> Level:
    """Every row a holder and a node; system rows are called by name, accounts by row."""
    attributes = labels_of(world)
    rows = np.arange(len(attributes))
    return Level(rows, rows, [_key(r, a) for r, a in enumerate(attributes)], attributes)


def owner_level(world: World) -> Level:
    """Every owner a holder and a node, called by her number; system rows as they are."""
    accounts, attributes = world.state.ledger.accounts, labels_of(world)
    is_system = accounts["population"] < 0
    rows = np.arange(len(accounts))
    owners = np.where(is_system, -1 - rows, accounts["owner"].astype(np.int64))
    _, first, holders, count = np.unique(
        owners, return_index=True, return_inverse=True, return_counts=True
    )
    keys, named = [], []
    for row, n in zip(first.tolist(), count.tolist(), strict=True):
        of_first, owner = attributes[row], int(accounts["owner"][row])
        keys.append(of_first["label"] if is_system[row] else owner)
        label = of_first["label"] if n == 1 else f"owner {owner}"
        kind = of_first["kind"] if is_system[row] else "owner"
        named.append(of_first | {"kind": kind, "label": label})
    return Level(holders.astype(np.int64), np.arange(len(keys)), keys, named)


def population_level(world: World) -> Level:
    """Every row a holder, every population a node, called by name; system rows as they are."""
    attributes = labels_of(world)
    named = [a["label"] if a["kind"] == "system" else a["population"] for a in attributes]
    keys, first, nodes = np.unique(named, return_index=True, return_inverse=True)
    shown = []
    for key, row in zip(keys.tolist(), first.tolist(), strict=True):
        kind = "population" if attributes[row]["kind"] == "account" else "system"
        shown.append(attributes[row] | {"kind": kind, "label": key})
    return Level(np.arange(len(named)), nodes.astype(np.int64), keys.tolist(), shown)


LEVELS = {"account": account_level, "owner": owner_level, "population": population_level}


def level_of(world: World, name: str) -> Level:
    """Level by name.

    Raises
    ------
    ParameterError
        When there is none of that name.
    """
    if name not in LEVELS:
        raise ParameterError(f"level {name!r}: choose one of {', '.join(LEVELS)}")
    return LEVELS[name](world)


def folded(level: Level, is_kept: Array) -> Level:
    """Level in which the holders that are not kept share one node, `others`."""
    if is_kept.all():
        return level
    kept = np.flatnonzero(is_kept)
    nodes = np.full(len(is_kept), len(kept), np.int64)
    nodes[kept] = np.arange(len(kept))
    rest = {"kind": OTHERS, "label": f"{len(is_kept) - len(kept)} others", "population": OTHERS}
    keys = [level.keys[h] for h in kept.tolist()] + [OTHERS]
    return Level(level.holders, nodes, keys, [level.attributes[h] for h in kept.tolist()] + [rest])
