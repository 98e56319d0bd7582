"""What is kept of one arm of one future, and the branch from which it is counted."""

import threading
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.counterfactual.names import people_of
from crossmargin.experiments.futures import future
from crossmargin.model.contagion.price_ledger import PriceLedger
from crossmargin.model.contagion.trigger import cascade
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import FORCED, INSURANCE, Array
from crossmargin.model.world import World

Floats = NDArray[np.float64]
#: What others do when something is undone: react, or send what they sent.
Closure = Literal["behavioural", "mechanical"]
#: Points of a price path that are kept at most.
POINTS = 400

#: Totals of every arm, from the branch to the end, with unit and meaning.
OUTCOMES: dict[str, tuple[str, str]] = {
    "losses": ("quote", "losses of all accounts that lost, deposits aside"),
    "losses_of_others": ("quote", "the same without the accounts that are spared or leave"),
    "liquidated_notional": ("quote", "notional closed by force, by whatever part"),
    "liquidated_accounts": ("accounts", "accounts closed by force"),
    "liquidated_others": ("accounts", "the same without those that are spared or leave"),
    "episodes": ("episodes", "liquidation episodes that began"),
    "contagious_episodes": ("episodes", "those set off by another account's forced order"),
    "bad_debt": ("quote", "deficits of emptied accounts"),
    "insurance_used": ("quote", "fall of the balance of the insurance fund"),
    "adl_notional": ("quote", "notional auto-deleveraged"),
    "socialised": ("quote", "losses charged to others"),
}


class Member(NamedTuple):
    """What is kept of one arm of one future.

    Attributes
    ----------
    totals : dict, outcome to number; see `OUTCOMES`, then `lowest:MARKET` and `last:MARKET`
    change : (n_accounts,) int64, equity at the end less at the branch, deposits aside, quote units
    marks : (n_points, n_markets) float64, quote per base
    closed : (n,) int64, rows of the accounts closed by force
    notional : (n,) int64, quote units closed of each
    ledger : (n_accounts,) int64 or None, quote units that the price ledger books to the accounts
        that are spared, or to all where all are; of the run itself
    """

    totals: dict[str, float]
    change: Array
    marks: Floats
    closed: Array
    notional: Array
    ledger: Array | None = None


@dataclass(frozen=True, eq=False)
class Branch:
    """A market at the block where something is undone, and what it looked like there.

    Attributes
    ----------
    parent : Market or World, not moved any more
    first, last : int, blocks at which futures begin and end
    closure : {"behavioural", "mechanical"}
    left_out : (n,) int64, rows that are spared or leave, when not all are: others are the rest
    """

    parent: Any
    first: int
    last: int
    closure: Closure = "behavioural"
    left_out: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    lock: Any = field(default_factory=threading.Lock)  # a fork seals the log of its parent

    @property
    def world(self) -> World:
        """World of the parent."""
        found: World = getattr(self.parent, "world", self.parent)
        return found

    @property
    def steps(self) -> Array:
        """(n_points,) int64, blocks whose marks are kept, the last one among them."""
        n = self.last - self.first
        return np.unique(np.linspace(0, n - 1, min(n, POINTS)).astype(np.int64)) + self.first

    def child(self, seed: int | None) -> Any:
        """Branch with draws of its own, or without a seed the run itself."""
        with self.lock:
            if seed is not None:
                return future(self.parent, seed)
            return self.parent.branch() if hasattr(self.parent, "branch") else self.parent.fork()


class Before(NamedTuple):
    """What stood at the branch."""

    equity: Array
    deposited: Array
    venue: Array
    insurance: int
    liquidations: int
    events: int
    booked: Array


#: Sources whose rows of the price ledger are held at a time.
SOURCES = 256


def booked_to(world: World, rows: Array) -> Array:
    """(n_accounts,) int64, quote units that forced orders of some accounts, or of all, cost each.

    A loss is negative. It is the price ledger's sum over sources, exact and no statement of cause.
    """
    ledger, log = world.state.ledger, world.state.log
    if not len(rows):
        half_lots = log.by_class[:, :, FORCED] + ledger.lots * log.shift[:, FORCED]
        return np.asarray((half_lots * ledger.markets["half_unit"]).sum(axis=1))
    prices = PriceLedger.of(world)
    chunks = np.array_split(np.sort(rows), -(-len(rows) // SOURCES))
    return np.asarray(sum(prices.rows_of(chunk).sum(axis=0) for chunk in chunks))


def before_of(branch: Branch) -> Before:
    """What stands at a branch, measured on a copy."""
    world: World = branch.world.fork()
    ledger = world.state.ledger
    measure_all(ledger, world.state.book)
    return Before(
        ledger.accounts["equity"].copy(),
        ledger.accounts["deposited"].copy(),
        ledger.venue.copy(),
        int(ledger.balances[INSURANCE, 0]),
        len(world.rows("liquidations")),
        int(world.state.log.cursor["next_event"][0]),
        booked_to(world, branch.left_out),
    )


def measured(branch: Branch, before: Before, world: World) -> Member:
    """What an arm came to, counted from the branch."""
    ledger = world.state.ledger
    measure_all(ledger, world.state.book)
    change = ledger.accounts["equity"] - before.equity
    change = change - (ledger.accounts["deposited"] - before.deposited)
    rows = world.rows("liquidations")[before.liquidations :]
    closed, place = np.unique(rows["account"], return_inverse=True)
    notional = np.zeros(len(closed), np.int64)
    np.add.at(notional, place, rows["notional"])
    marks = world.rows("market_rows")["mark"] * ledger.markets["tick"] / 2
    totals = _totals(branch, before, world, change)
    totals |= _closed(branch, world, before, closed)
    for m, name in enumerate(world.names.markets):
        totals[f"lowest:{name}"] = float(marks[branch.first :, m].min())
        totals[f"last:{name}"] = float(marks[-1, m])
    return Member(totals, change, marks[branch.steps], closed.astype(np.int64), notional)


def _totals(branch: Branch, before: Before, world: World, change: Array) -> dict[str, float]:
    ledger = world.state.ledger
    one = 10.0 ** -int(ledger.assets["decimals"][0])
    people = people_of(world)
    others = np.setdiff1d(people, branch.left_out)
    venue, old = ledger.venue[0], before.venue[0]
    grown = {
        name: float((venue[name] - old[name]) * one)
        for name in ("liquidated_notional", "bad_debt", "adl_notional", "socialised")
    }
    return {
        "losses": float(np.maximum(-change[people], 0).sum() * one),
        "losses_of_others": float(np.maximum(-change[others], 0).sum() * one),
        "insurance_used": float((before.insurance - ledger.balances[INSURANCE, 0]) * one),
        **grown,
    }


def _closed(branch: Branch, world: World, before: Before, closed: Array) -> dict[str, float]:
    table = cascade(world.rows("events"), world.rows("liquidations"))
    table = table[table["event"] >= before.events]
    return {
        "liquidated_accounts": float(len(closed)),
        "liquidated_others": float(len(np.setdiff1d(closed, branch.left_out))),
        "episodes": float(len(table)),
        "contagious_episodes": float((table["generation"] > 0).sum()),
    }
