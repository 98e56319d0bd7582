"""Losses and gains between holders and between nodes, summed from the rows of a ledger.

Everything is exact integers in quote units. What a source does to itself (its own leg, its
penalty) is kept apart from what it does to others.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from crossmargin.model.contagion.levels import Level
from crossmargin.model.state import Array

#: Batches as a ledger yields them: sources and their rows.
Batches = Iterable[tuple[Array, Array]]


class Totals(NamedTuple):
    """What every holder caused and bore, (n_holders,) int64.

    Attributes
    ----------
    caused, suffered, gained : quote units, losses and gains between different holders
    own : quote units, what a source did to itself; a loss is negative
    hit : holders that a source cost something
    worst : the source that cost a holder most, -1 for none
    """

    caused: Array
    suffered: Array
    gained: Array
    own: Array
    hit: Array
    worst: Array


class Flows(NamedTuple):
    """Gross losses and gains between nodes, quote units.

    Attributes
    ----------
    sources : (n_sources,) int64, nodes
    loss, gain : (n_sources, n_nodes) int64
    own : (n_nodes,) int64, what its sources did to themselves; a loss is negative
    """

    sources: Array
    loss: Array
    gain: Array
    own: Array


def gathered(rows: Array, places: Array) -> Array:
    """Columns of `rows` summed by place; every place up to the last is in use."""
    if np.array_equal(places, np.arange(len(places))):
        return rows.copy()
    order = np.argsort(places, kind="stable")
    starts = np.searchsorted(places[order], np.arange(int(places.max()) + 1))
    return np.add.reduceat(rows[:, order], starts, axis=1)


def _netted(rows: Array, batch: Array, level: Level) -> tuple[Array, Array, Array]:
    """Sources as holders, what each did to itself, and what to every other holder."""
    net = gathered(rows, level.holders)
    sources = level.holders[batch]
    every = np.arange(len(batch))
    own = net[every, sources]
    net[every, sources] = 0
    return sources, own, net


def totals(batches: Batches, level: Level) -> Totals:
    """Sums of a ledger by holder."""
    n = len(level.nodes)
    caused, suffered, gained, own, hit, most = np.zeros((6, n), np.int64)
    found = Totals(caused, suffered, gained, own, hit, np.full(n, -1, np.int64))
    for batch, rows in batches:
        sources, own, net = _netted(rows, batch, level)
        lost = np.maximum(-net, 0)
        np.add.at(found.caused, sources, lost.sum(axis=1))
        np.add.at(found.own, sources, own)
        np.add.at(found.hit, sources, (lost > 0).sum(axis=1))
        found.suffered[:] += lost.sum(axis=0)
        found.gained[:] += np.maximum(net, 0).sum(axis=0)
        place = lost.argmax(axis=0)
        largest = lost[place, np.arange(n)]
        is_worse = largest > most
        found.worst[is_worse] = sources[place[is_worse]]
        most[is_worse] = largest[is_worse]
    return found


def flows(batches: Batches, level: Level, source_nodes: Array) -> Flows:
    """Sums of a ledger by pair of nodes; `source_nodes` are sorted and hold all that occur."""
    shape = (len(source_nodes), len(level.keys))
    found = Flows(
        source_nodes, np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape[1], "i8")
    )
    for batch, rows in batches:
        sources, own, net = _netted(rows, batch, level)
        at = level.nodes[sources]
        slot = np.searchsorted(source_nodes, at)
        np.add.at(found.own, at, own)
        np.add.at(found.loss, slot, gathered(np.maximum(-net, 0), level.nodes))
        np.add.at(found.gain, slot, gathered(np.maximum(net, 0), level.nodes))
    return found
