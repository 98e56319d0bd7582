"""The contagion graph: an edge from whoever was liquidated to whoever lost by it, quote.

Node attributes, quote: `caused` and `suffered`, gross losses between different holders; `gained`,
gross gains; `own`, what its own liquidations cost it (negative where they gained); `kind`, `label`,
`population`, `liquidations`. Edge attributes, quote: `loss` = `price` + `transfer`, `gain`, and
`channel`, the larger of the two. An edge from a node to itself is what members of a group lost by
the liquidation of other members. System nodes (insurance, backstop, outside) go by their names.
"""

from typing import Any

import networkx as nx
import numpy as np

from crossmargin.model.contagion.flows import Ledgers, Totals, flows, totals
from crossmargin.model.contagion.levels import Level, folded, level_of
from crossmargin.model.state import Array
from crossmargin.model.world import World

#: Pairs of source and node up to which a graph shows everyone; beyond, the smallest are folded up.
MOST_PAIRS = 250_000


def kept(found: Totals, is_source: Array, is_system: Array, top: int | None) -> Array:
    """Holders that get a node of their own: those who caused and suffered most.

    Without `top` everyone touched, as long as sources times holders stay below `MOST_PAIRS`.
    """
    touched = (found.caused + found.suffered + found.gained > 0) | is_source
    order = np.lexsort((-found.gained, -(found.caused + found.suffered)))
    order = order[touched[order] & ~is_system[order]]
    pairs = np.cumsum(is_source[order]) * np.arange(1, len(order) + 1)
    n = int(np.searchsorted(pairs, MOST_PAIRS, side="right"))
    shown: Array = is_system | ~touched
    shown[order[: n if top is None else min(n, top)]] = True
    return shown


class _Sums:
    """Flows between nodes as quote."""

    def __init__(self, world: World, ledgers: Ledgers, level: Level):
        unit = 10.0 ** -int(world.state.ledger.assets["decimals"][0])
        found = flows(ledgers, level)
        self.sources = found.sources
        self.price, self.transfer = found.price * unit, found.transfer * unit
        self.gain, self.own = found.gain * unit, -found.own * unit
        self.loss = self.price + self.transfer
        self.members = level.nodes[level.holders]


def _add_nodes(graph: Any, world: World, level: Level, sums: _Sums) -> None:
    n = len(level.keys)
    caused = np.zeros(n)
    caused[sums.sources] = sums.loss.sum(axis=1)
    suffered, gained = sums.loss.sum(axis=0), sums.gain.sum(axis=0)
    forced = np.bincount(sums.members, world.state.ledger.accounts["liquidations"], n)
    is_there = (caused > 0) | (suffered > 0) | (gained > 0) | (sums.own != 0) | (forced > 0)
    for i in np.flatnonzero(is_there).tolist():
        graph.add_node(
            level.keys[i],
            **level.attributes[i],
            caused=float(caused[i]),
            suffered=float(suffered[i]),
            gained=float(gained[i]),
            own=float(sums.own[i]),
            liquidations=int(forced[i]),
        )


def _add_edges(graph: Any, level: Level, sums: _Sums, gains: bool) -> None:
    shown = (sums.loss > 0) | (gains & (sums.gain > 0))
    for s, target in np.argwhere(shown).tolist():
        price, transfer = float(sums.price[s, target]), float(sums.transfer[s, target])
        graph.add_edge(
            level.keys[sums.sources[s]],
            level.keys[target],
            loss=price + transfer,
            gain=float(sums.gain[s, target]),
            price=price,
            transfer=transfer,
            channel="price" if price >= transfer else "transfer",
        )


def contagion_graph(
    world: World,
    ledgers: Ledgers,
    level: str = "account",
    *,
    top: int | None = None,
    gains: bool = False,
) -> Any:
    """Graph of losses at a level; see `Contagion.graph`."""
    grouping, n_folded = level_of(world, level), 0
    if level != "population":
        grouping, n_folded = _limited(world, ledgers, grouping, top)
    sums = _Sums(world, ledgers, grouping)
    graph: Any = nx.DiGraph(unit=world.names.assets[0], level=level, folded=n_folded)
    _add_nodes(graph, world, grouping, sums)
    _add_edges(graph, grouping, sums, gains)
    return graph


def _limited(world: World, ledgers: Ledgers, level: Level, top: int | None) -> tuple[Level, int]:
    is_source = np.zeros(len(level.nodes), bool)
    is_source[level.holders[ledgers.sources]] = True
    is_system = np.array([a["kind"] == "system" for a in level.attributes])
    shown = kept(totals(ledgers, level), is_source, is_system, top)
    return folded(level, shown), int((~shown).sum())
