r"""L1, the price ledger: what the forced orders of each account cost every holder, quote units.

.. math:: E_{i \to h} = \sum_k q_h(k) \, d_k \, u

over the displacements :math:`d_k` of the mid (half ticks) that forced orders of account i made;
:math:`q_h(k)` is the position of h after the fill that displaced it (lots), u the value of half a
tick times a lot. A loss is negative. The own leg :math:`E_{i \to i}` is taken fill by fill, as the
position shrinks along the sweep. **For a derivative market the sum over holders is zero for every
source, and the sum over sources is the holder's forced column of the class ledger, both exactly.**

The trades of stressed blocks are replayed, once for each batch of sources, so that memory stays
bounded however many accounts were liquidated. It is an accounting of last authors, not of causes:
what would have happened without an account only a run without it can tell.

References
----------
M. Junike, H. Stier, M. Christiansen, "Sequential decompositions at their limit", Finance and
Stochastics 29(4), 2025, arXiv:2212.06733: with one author a price jump the sequential
decomposition does not depend on the order.
"""

from dataclasses import dataclass

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.log import CHANGED
from crossmargin.model.state import Array
from crossmargin.model.world import World


@kernel(python=True)
def replay(traces, slots, units, lots, rows):
    """Carry positions through all traces and add up what each chosen source cost every holder.

    Parameters
    ----------
    traces : (n,) TRACE
    slots : (n,) int64, row of `rows` that a displacement belongs to, -1 for none
    units : (n_markets,) int64, quote units of half a tick times one lot, 0 to leave one out
    lots : (n_markets, n_accounts) int64, positions before and, on return, after
    rows : (n_slots, n_accounts) int64, quote units, added to
    """
    for t in range(traces.shape[0]):
        trace = traces[t]
        market = np.int64(trace.market)
        if trace.event == CHANGED:
            lots[market, trace.maker] = trace.quantity
        elif trace.quantity != 0:
            lots[market, trace.taker] += trace.quantity
            lots[market, trace.maker] -= trace.quantity
        slot = slots[t]
        if slot >= 0 and trace.shift != 0:
            value = trace.shift * units[market]
            for h in range(lots.shape[1]):
                rows[slot, h] += lots[market, h] * value
    return 0


def accounts_of(events: Array, ids: Array) -> Array:
    """Accounts behind some ids of events; -1 where the id names none."""
    if not len(events):
        return np.full(len(ids), -1, np.int64)
    place = np.clip(np.searchsorted(events["id"], ids), 0, len(events) - 1)
    found = events["id"][place] == ids
    return np.where(found, events["account"][place], -1).astype(np.int64)


def half_tick_units(markets: Array) -> Array:
    """Quote units that a lot gains by half a tick; of inverse contracts at the present mark.

    The exact profit of an inverse contract is no multiple of a displacement. What is shown is its
    slope at the mark, rounded; whoever needs it exact revalues `contract_value` before and after
    every event in order, with the price that the log has there.
    """
    slope = np.rint(markets["face"] / np.maximum(1, markets["mark"])).astype(np.int64)
    return np.asarray(markets["half_unit"] + slope)


@dataclass(frozen=True)
class PriceLedger:
    """Losses and gains through the price, by source and holder.

    Attributes
    ----------
    traces : (n,) TRACE
    authors : (n,) int64, account whose forced order displaced the mid, -1 for any other row
    units : (n_markets,) int64, quote units of half a tick times one lot
    n_accounts : int
    """

    traces: Array
    authors: Array
    units: Array
    n_accounts: int

    @classmethod
    def of(cls, world: World) -> "PriceLedger":
        """Ledger of all stressed blocks of a market so far."""
        traces, events = world.rows("traces"), world.rows("events")
        authors = np.where(traces["event"] >= 0, accounts_of(events, traces["event"]), -1)
        markets = world.state.ledger.markets
        return cls(traces, authors, half_tick_units(markets), len(world.state.ledger.accounts))

    @property
    def sources(self) -> Array:
        """Accounts whose forced orders moved a price, ascending rows."""
        moved = (self.authors >= 0) & (self.traces["shift"] != 0)
        return np.unique(self.authors[moved])

    def rows_of(self, sources: Array, market: int | None = None) -> Array:
        """(n_sources, n_accounts) int64, quote units: what some accounts cost every holder.

        `sources` are ascending rows; with `market` only what happened there counts.
        """
        units = self.units.copy()
        if market is not None:
            units[np.arange(len(units)) != market] = 0
        lots = np.zeros((len(units), self.n_accounts), np.int64)
        rows = np.zeros((len(sources), self.n_accounts), np.int64)
        if len(sources):
            place = np.clip(np.searchsorted(sources, self.authors), 0, len(sources) - 1)
            slots = np.where(sources[place] == self.authors, place, -1)
            replay(self.traces, slots, units, lots, rows)
        return rows

    def matrix(self, market: int | None = None) -> Array:
        """All rows at once, for small markets."""
        return self.rows_of(self.sources, market)
