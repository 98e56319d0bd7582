"""Traders that are written in Python, within the program of a market.

A population whose kind is `module:Class` has a part of its own in the decisions phase. The part's
kernel does nothing; in its place Python calls `decide` of every trader, in the order of the rows,
and writes what they return into the inbox.
"""

import copy
from collections.abc import Sequence
from typing import Any

from crossmargin.agents.orders import AgentError, write_orders
from crossmargin.agents.trader import Trader
from crossmargin.agents.wishes import Wish
from crossmargin.model.errors import CrossmarginError
from crossmargin.model.kernel import kernel
from crossmargin.model.world import World


@kernel
def idle(state, part, step):
    """Do nothing: Python decides in place of this part."""
    return 0


class SoloPart:
    """Traders of one population, called in every block.

    Attributes
    ----------
    traders : list of Trader, in the order of their rows
    by_row : dict of the same, by row
    """

    def __init__(self, traders: Sequence[Trader]) -> None:
        self.traders = list(traders)
        self.by_row = {trader.row: trader for trader in self.traders}

    def __call__(self, world: World, step: int) -> None:
        """Let every trader decide and write what it wants into the inbox."""
        for trader in self.traders:
            write_orders(world, trader, self._decision(trader, step))

    def _decision(self, trader: Trader, step: int) -> list[Wish]:
        try:
            return trader.decide(trader.model)
        except CrossmarginError:
            raise
        except Exception as error:
            raise AgentError(
                f"{type(trader).__name__}.decide, row {trader.row}, block {step}: "
                f"{type(error).__name__}: {error}"
            ) from error

    def moved_to(self, market: Any) -> "SoloPart":
        """Copies of the traders with all that they remember, in a branch of their market."""
        if not self.traders:
            return SoloPart([])
        known = {id(self.traders[0].model): market}
        return SoloPart(copy.deepcopy(self.traders, known))


def enlist(market: Any, place: int, kind: type[Trader]) -> SoloPart:
    """Make the traders of a part and let the world of a market call them.

    Parameters
    ----------
    market : Market, with its `world`
    place : int, of the part in the program; `parts[place]` has the rows of the population
    """
    world: World = market.world
    part = world.state.parts[place]
    traders = [kind(market, row) for row in range(part["first"], part["first"] + part["count"])]
    for trader in traders:
        trader.place = place
        trader.begin()
    world.state.parts["is_python"][place] = 1
    made = world.python_parts[place] = SoloPart(traders)
    return made


def adopt(market: Any) -> None:
    """Bind the traders of a forked world, which are its parent's, to a market of their own."""
    for place, part in list(market.world.python_parts.items()):
        if isinstance(part, SoloPart):
            market.world.python_parts[place] = part.moved_to(market)


PHASE = "decisions"
KERNEL = idle
