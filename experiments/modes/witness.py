"""What accounts held when they were first liquidated, taken down while a market runs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import SPOT
from crossmargin.model.world import World

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Held:
    """Books that were about to lose something by force, as they were when that block began.

    Attributes
    ----------
    row : (n,) int64, account, or owner by its first account
    step : (n,) int64, block of the first forced order
    balances : (n, n_assets) int64
    lots, cost : (n, n_markets) int64
    """

    row: Integers
    step: Integers
    balances: Integers
    lots: Integers
    cost: Integers


@dataclass(frozen=True, eq=False)
class Witnessed:
    """A market that has run, and what it took by force.

    Attributes
    ----------
    world : World
    accounts, owners : Held
        By account, and all accounts of one owner together, netted as in one cross account.
    holders : (n,) int64, rows of accounts with positions at the start
    several : (n,) int64, owners with positions in several markets at the start
    gross, equity : float
        Notional of all positions and raw equity of their owners at the start, quote units.
    """

    world: World
    accounts: Held
    owners: Held
    holders: Integers
    several: Integers
    gross: float
    equity: float


def witness(market: Any, steps: int) -> Witnessed:
    """Run a `Market` or a `World` block by block and take down what is liquidated."""
    world: World = getattr(market, "world", market)
    step = market.run_for if hasattr(market, "run_for") else market.run
    ledger, taken = world.state.ledger, _Taken(world)
    facts = _at_start(world)
    for _ in range(steps):
        taken.remember(world)
        step(1)
        taken.look(world, ledger.accounts["liquidations"])
    return Witnessed(world, taken.held("accounts"), taken.held("owners"), *facts)


def _at_start(world: World) -> tuple[Integers, Integers, float, float]:
    ledger = world.state.ledger
    is_own = ledger.accounts["population"] >= 0
    marked = ledger.markets["mark"] * ledger.markets["half_unit"]
    unit = np.where(ledger.markets["kind"] == SPOT, 0, marked).astype(float)
    gross = np.abs(ledger.lots) @ unit
    gross[~is_own] = 0.0
    held = (ledger.lots != 0) & (unit > 0) & is_own[:, None]
    owner, market = ledger.accounts["owner"], np.arange(held.shape[1])
    legs = np.unique((owner[:, None].astype(np.int64) * len(market) + market)[held])
    owners, markets = np.unique(legs // len(market), return_counts=True)
    equity = ledger.accounts["equity"][np.isin(owner, owners) & is_own].astype(float).sum()
    return np.flatnonzero(gross > 0), owners[markets > 1], float(gross.sum()), float(equity)


class _Taken:
    """Books of accounts and of owners, each once, in the order in which they were liquidated."""

    def __init__(self, world: World) -> None:
        ledger = world.state.ledger
        self.owner = ledger.accounts["owner"].astype(np.int64)
        self.seen = {"accounts": np.zeros(len(self.owner), bool), "owners": np.zeros(0, bool)}
        self.seen["owners"] = self.seen["accounts"].copy()
        self.found: dict[str, list[Any]] = {"accounts": [], "owners": []}
        self.before: list[Integers] = []
        self.widths = (ledger.balances.shape[1], ledger.lots.shape[1], ledger.lots.shape[1])

    def remember(self, world: World) -> None:
        """Keep what everybody holds before the next block."""
        ledger = world.state.ledger
        self.before = [ledger.balances.copy(), ledger.lots.copy(), ledger.cost.copy()]

    def look(self, world: World, forced: Integers) -> None:
        """Take down who was liquidated for the first time in the block that has just run."""
        is_new = (forced > 0) & ~self.seen["accounts"]
        is_new &= world.state.ledger.accounts["population"] >= 0
        if not is_new.any():
            return
        rows = np.flatnonzero(is_new)
        self.seen["accounts"][rows] = True
        self._add("accounts", rows, world.step - 1, [table[rows] for table in self.before])
        owners = np.unique(self.owner[rows])
        owners = owners[~self.seen["owners"][owners]]
        self.seen["owners"][owners] = True
        self._add("owners", owners, world.step - 1, [self._joint(t, owners) for t in self.before])

    def _joint(self, table: Integers, owners: Integers) -> Integers:
        theirs = np.flatnonzero(np.isin(self.owner, owners))
        total = np.zeros((len(owners), table.shape[1]), np.int64)
        np.add.at(total, np.searchsorted(owners, self.owner[theirs]), table[theirs])
        return total

    def _add(self, which: str, rows: Integers, step: int, tables: list[Integers]) -> None:
        self.found[which].append((rows, np.full(len(rows), step), *tables))

    def held(self, which: str) -> Held:
        """Everything taken down of one kind."""
        if not self.found[which]:
            empty = np.zeros(0, np.int64)
            return Held(empty, empty, *(np.zeros((0, w), np.int64) for w in self.widths))
        return Held(*(np.concatenate(column) for column in zip(*self.found[which], strict=True)))


def quote(world: World, units: float) -> float:
    """Quote units as quote."""
    return float(units) / 10.0 ** int(world.state.ledger.assets["decimals"][QUOTE])
