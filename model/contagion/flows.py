"""Losses and gains between holders and between nodes, summed from both ledgers.

Everything is exact integers in quote units. What a source does to itself (its own leg, its
penalty) is kept apart from what it does to others. Sources are taken in batches, so that memory
stays bounded however many accounts were liquidated.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from crossmargin.model.contagion.levels import Level
from crossmargin.model.contagion.price_ledger import PriceLedger
from crossmargin.model.contagion.transfer_ledger import TransferLedger
from crossmargin.model.state import Array

#: Numbers of one batch: sources times accounts.
BATCH_CELLS = 1 << 22


class Ledgers(NamedTuple):
    """The two channels through which a liquidation costs others."""

    price: PriceLedger
    transfer: TransferLedger

    @property
    def sources(self) -> Array:
        """Accounts that appear in either, ascending rows."""
        return np.union1d(self.price.sources, self.transfer.sources)


class Totals(NamedTuple):
    """What every holder caused and bore, (n_holders,) int64.

    Attributes
    ----------
    caused : quote units, losses of other holders by its liquidations
    price, transfer : quote units, its losses by the liquidation of others, by channel
    gained : quote units, its gains by the liquidation of others
    own : quote units, what its liquidations did to itself; a loss is negative
    hit : other accounts or owners that one of its accounts cost something
    worst : the source that cost it most, -1 for none
    """

    caused: Array
    price: Array
    transfer: Array
    gained: Array
    own: Array
    hit: Array
    worst: Array

    @property
    def suffered(self) -> Array:
        """Losses by the liquidation of others, quote units."""
        return self.price + self.transfer


class Flows(NamedTuple):
    """Gross losses and gains between nodes, quote units.

    Attributes
    ----------
    sources : (n_sources,) int64, nodes
    price, transfer : (n_sources, n_nodes) int64, losses by channel
    gain : (n_sources, n_nodes) int64
    own : (n_nodes,) int64, what its sources did to themselves; a loss is negative
    """

    sources: Array
    price: Array
    transfer: Array
    gain: Array
    own: Array


class Batch(NamedTuple):
    """Some sources as holders, what each did to itself, and losses and gains of all others."""

    sources: Array
    own: Array
    price: Array
    transfer: Array
    gain: Array


def gathered(rows: Array, places: Array) -> Array:
    """Columns of `rows` summed by place; every place up to the last is in use."""
    if np.array_equal(places, np.arange(len(places))):
        return rows
    order = np.argsort(places, kind="stable")
    starts = np.searchsorted(places[order], np.arange(int(places.max()) + 1))
    return np.add.reduceat(rows[:, order], starts, axis=1)


def _apart(rows: Array, level: Level, sources: Array) -> tuple[Array, Array]:
    """Rows by holder, and taken out of them what is the source's own."""
    held = gathered(rows, level.holders)
    every = np.arange(len(sources))
    own = held[every, sources]
    held[every, sources] = 0
    return held, own


def batches(ledgers: Ledgers, level: Level) -> Iterator[Batch]:
    """Losses and gains by holder: through the price netted over time, transfers gross."""
    everyone = ledgers.sources
    size = max(1, BATCH_CELLS // len(level.holders))
    for first in range(0, len(everyone), size):
        accounts = everyone[first : first + size]
        sources = level.holders[accounts]
        price, own = _apart(ledgers.price.rows_of(accounts), level, sources)
        moved = ledgers.transfer.rows_of(accounts)
        (received, to_itself), (paid, by_itself) = (_apart(x, level, sources) for x in moved)
        gain = np.maximum(price, 0) + received
        yield Batch(sources, own + to_itself - by_itself, np.maximum(-price, 0), paid, gain)


def totals(ledgers: Ledgers, level: Level) -> Totals:
    """Sums of both ledgers by holder."""
    n = len(level.nodes)
    caused, price, transfer, gained, own, hit, most = np.zeros((7, n), np.int64)
    found = Totals(caused, price, transfer, gained, own, hit, np.full(n, -1, np.int64))
    for batch in batches(ledgers, level):
        lost = batch.price + batch.transfer
        np.add.at(found.caused, batch.sources, lost.sum(axis=1))
        np.add.at(found.own, batch.sources, batch.own)
        np.add.at(found.hit, batch.sources, (lost > 0).sum(axis=1))
        found.price[:] += batch.price.sum(axis=0)
        found.transfer[:] += batch.transfer.sum(axis=0)
        found.gained[:] += batch.gain.sum(axis=0)
        place = lost.argmax(axis=0)
        largest = lost[place, np.arange(n)]
        is_worse = largest > most
        found.worst[is_worse] = batch.sources[place[is_worse]]
        most[is_worse] = largest[is_worse]
    return found


def flows(ledgers: Ledgers, level: Level) -> Flows:
    """Sums of both ledgers by pair of nodes."""
    nodes = np.unique(level.nodes[level.holders[ledgers.sources]])
    shape = (len(nodes), len(level.keys))
    price, transfer, gain = np.zeros((3, *shape), np.int64)
    found = Flows(nodes, price, transfer, gain, np.zeros(shape[1], np.int64))
    for batch in batches(ledgers, level):
        at = level.nodes[batch.sources]
        slot = np.searchsorted(nodes, at)
        np.add.at(found.own, at, batch.own)
        np.add.at(found.price, slot, gathered(batch.price, level.nodes))
        np.add.at(found.transfer, slot, gathered(batch.transfer, level.nodes))
        np.add.at(found.gain, slot, gathered(batch.gain, level.nodes))
    return found
