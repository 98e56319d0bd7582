"""One run of a split: solved, tried once more, and without forced orders."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from crossmargin.experiments.endogenous import shares
from crossmargin.experiments.endogenous.push import Strength, pushed
from crossmargin.experiments.endogenous.solve import (
    Floats,
    Followed,
    Target,
    follow,
    recorded_path,
    ticks_of,
)
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.schema import Scenario


class Plan(NamedTuple):
    """What all runs of a split share.

    Attributes
    ----------
    target : Target
    variants : dict, scenario by multiple of its leverage; their records hold everything
    strengths : list of Strength, the first as stated
    """

    target: Target
    variants: dict[float, Scenario]
    strengths: list[Strength]


class Member(NamedTuple):
    """What is kept of one solved run.

    Attributes
    ----------
    shares : (n_corners,) float64, of the fall; the first with the strength as stated
    forced : float or None, share of forced orders; of runs with the leverage as stated
    push : (n,) float64, log price added by one venue
    open_interest : float, quote, one side, at the start
    residual : int, ticks by which the solved price misses the record at most
    again : int or None, the same when the exogenous path is followed once more
    """

    seed: int
    leverage: float
    shares: Floats
    forced: float | None
    push: Floats
    open_interest: float
    residual: int
    again: int | None


def solve_member(plan: Plan, seed: int, leverage: float, kept: dict[str, Followed]) -> Member:
    """Solve one run; with the leverage as stated also what it is without forced orders.

    The first seed's are put into `kept`.
    """
    scenario, target = plan.variants[leverage], plan.target
    solved = follow(scenario, target, seed)
    record = recorded_path(solved.run.world, target, len(solved.price))
    window = shares.largest_fall(record)
    whole = shares.fall(record, window)
    pushes = [pushed(solved, strength) for strength in plan.strengths]
    forced, again = None, None
    if leverage == 1.0:
        unforced = follow(
            outside(scenario, target, {"venue.take_over": True}), target, seed, solved.base
        )
        forced = 1.0 - shares.fall(np.log(unforced.price), window) / whole
        if seed == 0:
            repeated = follow(outside(scenario, target), target, seed, solved.base)
            again = _missed(repeated, record)
            kept |= {"solved": solved, "unforced": unforced}
    return Member(
        seed=seed,
        leverage=leverage,
        shares=np.array([shares.fall(push, window) / whole for push in pushes]),
        forced=forced,
        push=pushes[0],
        open_interest=_open_interest(solved),
        residual=_missed(solved, record),
        again=again,
    )


def outside(
    scenario: Scenario, target: Target, changes: Mapping[str, Any] | None = None
) -> Scenario:
    """Scenario whose record is what happens beyond the venue, as a solved exogenous part is."""
    name = scenario.underlying[target.underlying].name
    return load_scenario(scenario, {f"underlying.{name}.path.holds": "outside", **(changes or {})})


def _missed(followed: Followed, record: Floats) -> int:
    """Ticks by which a price misses the record at most."""
    return int(np.abs(followed.ticks - ticks_of(record, followed.target.tick)).max())


def _open_interest(followed: Followed) -> float:
    """Notional of one side of the target's market after the first block, quote."""
    world, m = followed.run.world, followed.target.market
    row = world.rows("market_rows")[0][m]
    market = world.state.ledger.markets[m]
    one = 10.0 ** int(world.state.ledger.assets["decimals"][0])
    return float(row["open_interest"]) / 2 * float(row["mark"]) * float(market["half_unit"]) / one
