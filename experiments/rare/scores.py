"""How close a market is to a rare event: scores for splitting, and an event to reach.

A score moves with the mark, so it has no atoms where a count of liquidations has them. It reads the
margin numbers of the last block and changes nothing. All are fractions; larger is closer.
"""

import numpy as np

from crossmargin.experiments.rare.estimation import Floats
from crossmargin.model.errors import ParameterError
from crossmargin.model.world import World


def fund_at_start(world: World) -> float:
    """Insurance fund with which the scenario begins, quote units.

    Raises
    ------
    ParameterError
        When there is none.
    """
    decimals = int(world.state.ledger.assets["decimals"][0])
    fund = float(world.scenario.venue.insurance) * 10.0**decimals
    if fund <= 0:
        raise ParameterError("venue.insurance = 0: there is no fund whose use could be a score")
    return fund


def fund_used(world: World) -> float:
    """Largest part of the insurance fund that was ever used, a fraction; 1 when it was empty.

    It has an atom at 0, where the fund was never touched: for splitting take `fund_danger`.
    """
    least = float(world.state.ledger.venue["min_fund"][0])
    return min(max(1.0 - least / fund_at_start(world), 0.0), 1.0)


def is_fund_empty(world: World) -> float:
    """1 when the insurance fund was ever fully used, else 0."""
    return float(world.state.ledger.venue["min_fund"][0] <= 0)


def margin_distances(world: World) -> Floats:
    """Maintenance equity over requirement, less 1, of each account that has a requirement."""
    accounts = world.state.ledger.accounts
    required = accounts["maintenance_requirement"]
    held = required > 0
    return np.asarray(accounts["maintenance_equity"][held] / required[held] - 1.0)


def nearest_liquidation(world: World, base: World) -> float:
    """Smallest margin distance of all accounts, negated: above 0 when one can be liquidated."""
    distances = margin_distances(world)
    return -float(distances.min()) if len(distances) else -np.inf


def largest_fall(world: World, base: World) -> float:
    """Largest relative fall of a mark since the base, a fraction; negative where all rose."""
    before, now = (w.state.ledger.markets["mark"].astype(float) for w in (base, world))
    return float((1.0 - now / before).max())


def fund_danger(world: World, base: World) -> float:
    """How close the insurance fund is to being fully used, a fraction; infinite once it has been.

    The largest fall of a mark since the base, plus the part of the fund that was used. Accounts are
    closed before they are bankrupt, so that margins alone say little of what comes: the fall
    carries the score through the quiet stretch. For crowded shorts negate the fall.
    """
    if is_fund_empty(world):
        return np.inf
    return largest_fall(world, base) + fund_used(world)
