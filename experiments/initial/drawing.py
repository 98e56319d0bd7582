"""What is drawn for every account at the start, and the accounts that a scenario names."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.layout import Block
from crossmargin.experiments.population_tables import Whale
from crossmargin.model.errors import ParameterError
from crossmargin.model.state import State
from crossmargin.model.traits import TRAITS, draw

Floats = NDArray[np.float64]

#: Numbers of the draws of holdings, after those of traits.
WEALTH, LEVERAGE, ENTRY, SIDE, STOPS, LOSS, GAIN = range(TRAITS, TRAITS + 7)
#: Numbers of the draws of collateral, by asset, and of entry prices that are drawn again.
COLLATERAL, AGAIN = TRAITS + 100, TRAITS + 1000


def drawn(state: State, block: Block, seed: int, distribution: Any, which: int) -> Floats:
    """Draw of every row of a population."""
    return draw(distribution, seed, state.ledger.accounts["key"][block.rows], which)


def rows_per_agent(block: Block) -> int:
    """Accounts of one agent: one, or with isolated margin one a market."""
    return block.count // block.population.count


def whales_of(block: Block) -> Iterator[tuple[Whale, slice]]:
    """Named accounts of a population with their rows, counted from its first."""
    width = rows_per_agent(block)
    first = block.population.count - len(block.population.whale)
    for i, whale in enumerate(block.population.whale):
        yield whale, slice((first + i) * width, (first + i + 1) * width)


def check_range(key: str, values: Floats, low: float, high: float) -> None:
    """Refuse what a distribution drew outside a range, with the account that drew it."""
    wrong = np.flatnonzero(~((values >= low) & (values <= high)))
    if len(wrong):
        raise ParameterError(
            f"{key}: draws {values[wrong[0]]:.6g} for account {wrong[0]} of the population; "
            f"{low:g} to {high:g} are allowed"
        )
