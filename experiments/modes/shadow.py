"""Shadow valuation: what a liquidated book would have been worth, left alone.

A book is valued as it stood when its first forced order came, at the marks that the run recorded in
the next hours, by the margin engine of the market itself. Nobody adds money, nothing is traded;
funding, interest and fees are left out. The recorded marks contain the price impact of the
liquidation that did happen, so what survives here would have survived without it as well, as far as
that impact went against the book.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.modes.witness import Held
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import ACCOUNT, Book, Ledger
from crossmargin.model.world import World

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Shadow:
    """What became of books that were left alone.

    Attributes
    ----------
    solvent : (n,) bool
        Raw equity was never below zero.
    margined : (n,) bool
        At the end maintenance equity was at least the requirement.
    judged : (n,) bool
        The run went on for as long as was asked, or the book had failed before its end.
    """

    solvent: Flags
    margined: Flags
    judged: Flags

    @property
    def survived(self) -> Flags:
        """Never insolvent, and in the end above the maintenance margin without any help."""
        return self.judged & self.solvent & self.margined


def shadow(world: World, held: Held, marks: Integers, blocks: int) -> Shadow:
    """Value books for some blocks after they were liquidated.

    Parameters
    ----------
    held : Held
    marks : (n_steps, n_markets) int64, half ticks
        Recorded at the end of every block.
    blocks : int
        Blocks for which each book is left alone.
    """
    ledger, book = _aside(world, held)
    n = len(held.row)
    solvent, margined = np.ones(n, bool), np.zeros(n, bool)
    last = np.minimum(held.step + blocks, len(marks) - 1)
    for step in range(int(held.step.min(initial=0)), int(last.max(initial=-1)) + 1):
        now = (held.step <= step) & (step <= last)
        if not now.any():
            continue
        ledger.markets["mark"] = marks[step]
        measure_all(ledger, book)
        numbers = ledger.accounts
        solvent &= ~now | (numbers["equity"] >= 0)
        is_enough = numbers["maintenance_equity"] >= numbers["maintenance_requirement"]
        margined = np.where(now & (step == last), is_enough, margined)
    judged = ~solvent | (held.step + blocks <= len(marks) - 1)
    return Shadow(solvent, margined, judged)


def _aside(world: World, held: Held) -> tuple[Ledger, Book]:
    """Ledger and book of nothing but these holdings, in the same markets."""
    state = world.state
    accounts = np.zeros(len(held.row), ACCOUNT)
    accounts["only_market"] = accounts["purse"] = accounts["markets"] = -1
    ledger = state.ledger._replace(
        balances=held.balances.copy(),
        lots=held.lots.copy(),
        cost=held.cost.copy(),
        accounts=accounts,
        markets=state.ledger.markets.copy(),
    )
    nothing = np.zeros((len(held.row), held.lots.shape[1], 2), np.int64)
    return ledger, state.book._replace(lots=ledger.lots, open_lots=nothing)
