"""Option traders: what each strategy holds, at which strikes, how much, and what happens after."""

import math
from typing import Any

import numpy as np
import pytest

from crossmargin.agents.option_traders import LOTS, T
from crossmargin.model.world import World
from tests.options import (
    EXPIRY,
    FIRST,
    LOT,
    N_SERIES,
    PERP,
    YEAR,
    market_of,
    option_world,
    put,
)

MAKERS = {
    "name": "makers",
    "kind": "option_makers",
    "count": 1,
    "markets": ["X-OPTIONS", "X-PERP"],
    "wealth": 1e7,
    "behaviour": {"hedge": "off", "delta_cost": 0.0},
    "traits": {
        "size": 1000.0,
        "position_limit": 1e5,
        "vega_limit": 1e9,
        "interval": 10.0,
        "latency": 0.05,
    },
}
TRAITS = {"size": 1.0, "distance": 1.0, "rises": 1.0, "interval": 10.0}
#: More series than the venue has elsewhere, with finer prices.
STRIKES = tuple(float(strike) for strike in range(994, 1008, 2))
FINE = {"tick": 0.01, "strikes": STRIKES}
QUIET = {"kind": "geometric_brownian", "volatility": 0.01}
SECOND = FIRST + 1 + 4 * len(STRIKES) - N_SERIES


def traders_world(
    strategy: str,
    traits: dict[str, Any] | None = None,
    markets: tuple[str, ...] = ("X-OPTIONS", "X-PERP"),
    **behaviour: Any,
) -> World:
    traders = {
        "name": "traders",
        "kind": "option_traders",
        "count": 1,
        "markets": markets,
        "wealth": 1e5,
        "behaviour": {"strategy": strategy, "entry": 0.0, "least_seconds": 50.0, **behaviour},
        "traits": TRAITS | (traits or {}),
    }
    people = {"name": "people", "kind": "holders", "count": 2, "wealth": 1e7}
    world = option_world(
        option=[FINE],
        population=[MAKERS, traders, people],
        underlying=[{"name": "X", "price": 1000.0, "path": QUIET}],
        venue={"option_mark": {"kind": "option_marks", "response": 0.0}},
    )
    put(world, SECOND + 1 - FIRST, PERP, 1, 990.0, 10**5)
    put(world, SECOND + 2 - FIRST, PERP, -1, 1010.0, 10**5)
    return world


def held(world: World) -> dict[str, int]:
    lots = world.state.ledger.lots[SECOND]
    return {world.names.markets[m]: int(lots[m]) for m in np.flatnonzero(lots)}


def strike_twin(world: World, kind: int, distance: float) -> float:
    """Strike nearest in logs to so many standard deviations out of the money, first expiry."""
    s = world.state.options.series[0]
    deviation = world.state.options.smiles[0, 0] * math.sqrt(EXPIRY * 10.0 / YEAR)
    target = math.log(s["forward"]) + kind * distance * deviation
    return min(STRIKES, key=lambda strike: abs(math.log(strike) - target))


#: Options by right and side, and side of the perpetual.
HOLDINGS = {
    "covered_call": ({"C": -1}, 1),
    "protective_put": ({"P": 1}, 1),
    "short_strangle": ({"C": -1, "P": -1}, 0),
    "long_straddle": ({"C": 1, "P": 1}, 0),
    "long_call": ({"C": 1}, 0),
    "long_put": ({"P": 1}, 0),
}


@pytest.mark.parametrize("strategy", HOLDINGS)
def test_a_strategy_holds_its_legs(strategy: str) -> None:
    world = traders_world(strategy, hedge_slippage=0.05)
    world.run(8, audit=True)
    options, linear = HOLDINGS[strategy]
    found = held(world)
    perp = found.pop("X-PERP", 0)
    assert {name[-1]: np.sign(lots) for name, lots in found.items()} == options
    assert all(name.startswith("X-200s") for name in found)
    assert perp == linear * abs(next(iter(found.values())))


@pytest.mark.parametrize(("rises", "right", "far"), [(1.0, "C", 1002.0), (0.0, "P", 998.0)])
def test_a_spread_is_bought_near_and_sold_far(rises: float, right: str, far: float) -> None:
    world = traders_world("vertical_spread", traits={"rises": rises, "distance": 1.0})
    world.run(8, audit=True)
    found = held(world)
    names = [f"X-200s-1000-{right}", f"X-200s-{far:.0f}-{right}"]
    assert set(found) == set(names)
    assert found[names[0]] == -found[names[1]] > 0


@pytest.mark.parametrize("distance", [0.0, 0.3, 1.0, 1.3])
def test_strikes_stand_at_their_distance(distance: float) -> None:
    world = traders_world("short_strangle", traits={"distance": distance, "size": 0.1})
    world.run(8)
    call, put_strike = strike_twin(world, 1, distance), strike_twin(world, -1, distance)
    assert set(held(world)) == {f"X-200s-{call:.0f}-C", f"X-200s-{put_strike:.0f}-P"}


def test_size_is_a_share_of_equity_within_what_cash_pays() -> None:
    world = traders_world("long_put", traits={"size": 0.5, "distance": 0.0})
    world.run(6)
    assert held(world)["X-200s-1000-P"] == pytest.approx(0.5 * 1e5 / 1000.0 / LOT, rel=0.01)
    world = traders_world("long_put", traits={"size": 1e4, "distance": 0.0}, premium=0.1)
    world.run(6)
    lots = world.state.crowd.memory[SECOND, LOTS]
    price = world.rows("market_rows")["mark"][:6, market_of(world, 1000.0, "P")] * 0.005
    assert 1e4 / price.max() <= lots * LOT * 1.01 and lots * LOT <= 1.01 * 1e4 / price.min()


def test_it_rolls_at_expiry_into_the_next_series() -> None:
    world = traders_world("long_put", traits={"size": 0.2, "distance": 0.0})
    world.run(8, audit=True)
    assert set(held(world)) == {"X-200s-1000-P"}
    world.run(EXPIRY, audit=True)
    assert set(held(world)) == {"X-400s-1000-P"}
    world.run(EXPIRY, audit=True)
    assert not held(world)


def test_it_may_close_before_expiry() -> None:
    world = traders_world(
        "covered_call", traits={"size": 0.2}, close_before=80.0, hedge_slippage=0.05
    )
    world.run(8, audit=True)
    assert len(held(world)) == 2
    world.run(EXPIRY - 10, audit=True)
    assert all(name.startswith(("X-400s", "X-PERP")) for name in held(world))


def test_without_a_perpetual_the_coins_lie_elsewhere() -> None:
    world = traders_world("covered_call", traits={"size": 0.2}, markets=("X-OPTIONS",))
    world.run(8, audit=True)
    name, lots = next(iter(held(world).items()))
    assert world.state.crowd.outside_lots[SECOND, world.names.markets.index(name)] == -lots > 0


def test_first_looks_are_spread_over_the_time_of_entry() -> None:
    world = traders_world("long_put", entry=100.0)
    world.run(5)
    assert not held(world)
    world.run(6)
    assert held(world)
    assert world.state.crowd.traits[SECOND, T.interval] == 10.0
