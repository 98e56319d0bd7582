"""L2, the transfer ledger: what a liquidation moved between rows without the price, quote units.

Every entry has an author (the account that was liquidated), a payer and a receiver of one amount,
so that no loss is counted twice and the entries of every author sum to zero. Kinds of event:

penalty                 the account pays the liquidator or the fund: its own loss, their gain
fund payment            the fund pays the deficit of the account
socialised loss         an account that has something pays part of the deficit
take-over, backstop,    a position changes hands at another price than the mark: the difference,
keeper, ADL             lots times mark less price, is what the taker gains from the giver, or
                        loses to it

A bad debt is no entry of its own: it is the sum of what others then pay, and would count twice;
what nobody has paid so far stays with the account, whose loss is then larger than its equity.
Where too many accounts share a loss for an event each, all deficits go into one pool (payer -1),
and who paid into it has a part of each in proportion; rounding is a row of its own.
What a forced order gives away on the book stands in the price ledger as far as it moves the mid.
Profit forgone after an auto-deleveraging is an opportunity, not a transfer, and stands nowhere.
"""

from dataclasses import dataclass

import numpy as np

from crossmargin.model.state import (
    ADL,
    BACKSTOP_HANDOVER,
    FUND_PAYMENT,
    INSURANCE,
    KEEPER_TAKEOVER,
    PENALTY,
    ROUNDING,
    SOCIALISED,
    TAKEOVER,
    Array,
)
from crossmargin.model.world import World

#: One movement of value.
ENTRY = np.dtype(
    [
        ("event", "i8"),
        ("kind", "i4"),
        ("source", "i4"),  # account whose liquidation it belongs to
        ("payer", "i4"),
        ("receiver", "i4"),
        ("amount", "i8"),  # quote units, positive
    ],
    align=True,
)

#: Payer of an entry whose amount many accounts shared.
POOL = -1
#: Events by which a position changes hands without a book, from `account` to `other`.
MOVES = (TAKEOVER, BACKSTOP_HANDOVER, KEEPER_TAKEOVER, ADL)


def _entries(events: Array, payer: Array, receiver: Array, amount: Array) -> Array:
    entries = np.zeros(len(events), ENTRY)
    entries["event"], entries["kind"] = events["id"], events["kind"]
    entries["source"] = events["account"]
    entries["payer"] = np.where(amount < 0, receiver, payer)
    entries["receiver"] = np.where(amount < 0, payer, receiver)
    entries["amount"] = np.abs(amount)
    return entries


def payments(events: Array) -> Array:
    """Entries of what was paid: penalties by the account, its deficit by the fund and by others."""
    penalty = events[events["kind"] == PENALTY]
    fund = events[events["kind"] == FUND_PAYMENT]
    shared = events[events["kind"] == SOCIALISED]
    insurance = np.full(len(fund), INSURANCE)
    return np.concatenate(
        [
            _entries(penalty, penalty["account"], penalty["other"], penalty["amount"]),
            _entries(fund, insurance, fund["account"], fund["amount"]),
            _entries(shared, shared["other"], shared["account"], shared["amount"]),
        ]
    )


def moves(events: Array, liquidations: Array) -> Array:
    """Entries of positions that changed hands without a book: their slippage against the mark."""
    moved = liquidations[np.isin(liquidations["kind"], MOVES)]
    of = events[np.searchsorted(events["id"], moved["event"])]
    return _entries(of, of["account"], of["other"], moved["slippage"])


@dataclass(frozen=True)
class TransferLedger:
    """Losses and gains through transfers, by source and holder.

    Attributes
    ----------
    entries : (n,) ENTRY
    pooled : (n_accounts,) int64, quote units that each account paid into the pool
    """

    entries: Array
    pooled: Array

    @classmethod
    def of(cls, world: World) -> "TransferLedger":
        """Ledger of all liquidations of a market so far."""
        events, liquidations = world.rows("events"), world.rows("liquidations")
        entries = np.concatenate([payments(events), moves(events, liquidations)])
        entries = entries[entries["amount"] != 0]
        pooled = world.state.ledger.accounts["socialised"].astype(np.int64)
        shared = entries[(entries["kind"] == SOCIALISED) & (entries["payer"] != POOL)]
        np.subtract.at(pooled, shared["payer"], shared["amount"])
        return cls(entries, pooled)

    @property
    def sources(self) -> Array:
        """Accounts whose liquidation moved value, ascending rows."""
        return np.unique(self.entries["source"]).astype(np.int64)

    def rows_of(self, sources: Array) -> tuple[Array, Array]:
        """What every account received and paid by the liquidation of some accounts, quote units.

        Both are (n_sources, n_accounts) int64, gross; `sources` are ascending rows.
        """
        received, paid = np.zeros((2, len(sources), len(self.pooled)), np.int64)
        entries = self.entries[np.isin(self.entries["source"], sources)]
        slot = np.searchsorted(sources, entries["source"])
        np.add.at(received, (slot, entries["receiver"]), entries["amount"])
        single = entries["payer"] != POOL
        np.add.at(paid, (slot[single], entries["payer"][single]), entries["amount"][single])
        for place, entry in zip(slot[~single], entries[~single], strict=True):
            paid[place] += self._shared(int(entry["amount"]))
        return received, paid

    def _shared(self, amount: int) -> Array:
        """Amount that came from the pool, by who paid into it, quote units; exact in sum."""
        share = self.pooled / max(1, int(self.pooled.sum()))
        parts = np.floor(amount * share).astype(np.int64)
        parts[ROUNDING] += amount - int(parts.sum())
        return parts
