"""Placebos: changes that should not matter, against which an effect has to stand out."""

from dataclasses import dataclass

import numpy as np

from crossmargin.experiments.counterfactual.interventions import NOBODY, Intervention
from crossmargin.experiments.counterfactual.names import people_of
from crossmargin.experiments.load import did_you_mean
from crossmargin.model.errors import ParameterError
from crossmargin.model.state import (
    DISCRETIONARY,
    MARKET_ORDER,
    ORDER,
    PERPETUAL,
    REDUCE_ONLY,
    Array,
)
from crossmargin.model.world import World


@dataclass(frozen=True)
class OneLot:
    """Placebo: an account closes one lot of its position in the book in the next block.

    Market and account are drawn with the seed of the future, `draw` apart. So little matters to
    nobody; what comes of it all the same is the noise of a market in which everyone reacts.
    """

    draw: int = 0

    def words(self, world: World) -> str:
        """What is done, in a few words."""
        return "one lot closed"

    def rows(self, world: World) -> Array:
        """(0,) int64: forced orders go where they went."""
        return NOBODY

    def apply(self, world: World) -> None:
        """Send the order; nothing happens where nobody holds a position."""
        ledger, people = world.state.ledger, people_of(world)
        rng = np.random.default_rng([int(world.state.clock["seed"][0]), self.draw])
        for market in rng.permutation(np.flatnonzero(ledger.markets["kind"] == PERPETUAL)).tolist():
            holders = people[ledger.lots[people, market] != 0]
            if len(holders):
                _close_one(world, int(rng.choice(holders)), market)
                return


def _close_one(world: World, row: int, market: int) -> None:
    """Write the order that closes one lot into the inbox."""
    crowd, clock = world.state.crowd, world.state.clock
    order = np.zeros(1, ORDER)
    order["action"], order["flags"], order["quantity"] = MARKET_ORDER, REDUCE_ONLY, 1
    order["side"] = -1 if world.state.ledger.lots[row, market] > 0 else 1
    order["account"], order["market"], order["author_class"] = row, market, DISCRETIONARY
    crowd.inbox[int(clock["n_inbox"][0])] = order[0]
    clock["n_inbox"] += 1


@dataclass(frozen=True)
class AnyAccount:
    """Placebo: an account drawn among those that hold a position is spared, not one of `but`."""

    but: tuple[int, ...] = ()

    def words(self, world: World) -> str:
        """What is done, in a few words."""
        return "any other account spared"

    def rows(self, world: World) -> Array:
        """(1,) int64, drawn with the seed of the future."""
        ledger = world.state.ledger
        people = np.setdiff1d(people_of(world), self.but)
        holders = people[(ledger.lots[people] != 0).any(axis=1)]
        if not len(holders):
            return NOBODY
        rng = np.random.default_rng(int(world.state.clock["seed"][0]))
        return rng.choice(holders, 1)

    def apply(self, world: World) -> None:
        """Take its forced orders off the book."""
        world.state.ledger.accounts["off_book"][self.rows(world)] = 1


#: Placebos by name, and what they change.
PLACEBOS = {
    "lot": "one lot of a position is closed in the book",
    "account": "any other account is spared",
}


def placebo_of(name: str, spared: Array) -> Intervention | None:
    """Placebo by name; `none` for none.

    Raises
    ------
    ParameterError
        When there is none of that name.
    """
    if name == "none":
        return None
    if name not in PLACEBOS:
        hint = did_you_mean(str(name), [*PLACEBOS, "none"])
        raise ParameterError(f"placebo = {name!r}: {hint}")
    return OneLot() if name == "lot" else AnyAccount(tuple(spared.tolist()))
