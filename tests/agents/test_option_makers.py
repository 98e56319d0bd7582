"""Option makers: quotes around the surface by inventory, limits, hedges within a band."""

import math
from typing import Any

import numpy as np
import pytest

from crossmargin.agents.option_makers import P, T
from crossmargin.experiments.run import simulate
from crossmargin.model.state import DISCRETIONARY, LIQUIDATING, REFILL, Array
from crossmargin.model.world import World
from tests.options import (
    FIRST,
    LOT,
    N_SERIES,
    PERP,
    TICK,
    market_of,
    option_scenario,
    option_world,
    put,
    trade,
)

MARKETS = ["X-OPTIONS", "X-PERP"]
TRAITS = {
    "size": 5.0,
    "position_limit": 8.0,
    "vega_limit": 200.0,
    "band": 1.0,
    "interval": 10.0,
    "hedge_interval": 10.0,
    "latency": 0.1,
}
PEOPLE = {"name": "people", "kind": "holders", "count": 4, "wealth": 1e6}
STILL = {"option_mark": {"kind": "option_marks", "response": 0.0}}


def makers_world(
    traits: dict[str, Any] | None = None, wealth: float = 1e6, **behaviour: Any
) -> World:
    makers = {
        "name": "makers",
        "kind": "option_makers",
        "count": 1,
        "markets": MARKETS,
        "wealth": wealth,
        "behaviour": behaviour,
        "traits": TRAITS | (traits or {}),
    }
    return option_world(population=[makers, PEOPLE], venue=STILL)


def quotes(world: World, row: int = FIRST) -> dict[tuple[int, int], tuple[int, int]]:
    """Price and lots of what rests of an account, by market and side."""
    orders = world.state.book.orders
    live = orders[(orders["side"] >= 0) & (orders["account"] == row)]
    return {
        (int(o["market"]), 1 - 2 * int(o["side"])): (int(o["price"]), int(o["quantity"]))
        for o in live
    }


def twin(world: World, i: int, pressure: float, numbers: dict[str, float]) -> tuple[int, int]:
    """Ticks of bid and ask of a series, from its mark and Greeks; 0 for no bid."""
    options, m = world.state.options, world.state.ledger.markets[world.state.options.markets[i]]
    vega, delta = options.greeks[i, 2] / LOT, abs(options.greeks[i, 0]) / LOT
    middle = m["mark"] * TICK / 2 - numbers["skew"] * pressure * vega
    half = numbers["spread"] * vega + numbers["delta_cost"] * delta * m["index"] * TICK / 2
    half = max(half, numbers["least_ticks"] * TICK)
    bid, ask = (middle - half) / TICK, (middle + half) / TICK
    return max(0, math.floor(bid + 1e-9)), max(1, math.ceil(ask - 1e-9))


NUMBERS = {"spread": 0.01, "delta_cost": 0.0005, "least_ticks": 1.0, "skew": 0.05}


def test_quotes_stand_around_the_surface_as_a_twin_says() -> None:
    world = makers_world()
    world.run(1, audit=True)
    found = quotes(world)
    for i in range(N_SERIES):
        bid, ask = twin(world, i, 0.0, NUMBERS)
        assert abs(found[1 + i, -1][0] - ask) <= 1
        if bid > 0:
            assert abs(found[1 + i, 1][0] - bid) <= 1
            assert found[1 + i, 1][1] == round(5.0 / LOT)
        else:
            assert (1 + i, 1) not in found
    assert not any(market == PERP for market, _ in found)


@pytest.mark.parametrize("side", [1, -1])
def test_inventory_moves_quotes_against_itself_and_ends_one_side(side: int) -> None:
    """A maker that has sold quotes volatility dearer, and sells none beyond its limit of vega."""
    numbers = NUMBERS | {"skew": 2.0}
    world = makers_world(hedge="off", skew=2.0, traits={"vega_limit": 10.0})
    world.run(1)
    market = market_of(world, 1000.0, "P", 1)
    i = market - 1
    put(world, 1, market, side, 100.0 if side > 0 else TICK, 400)
    world.run(3, audit=True)
    held = int(world.state.ledger.lots[FIRST, market])
    assert held == -side * 400
    vega = held * world.state.options.greeks[i, 2]
    pressure = float(max(-1.0, min(vega / 10.0, 1.0)))
    assert 0.2 < abs(pressure) < 1.0
    found, other = quotes(world), market_of(world, 1000.0, "C", 1)
    bid, ask = twin(world, other - 1, pressure, numbers)
    plain = twin(world, other - 1, 0.0, NUMBERS)
    assert (bid - plain[0]) * side > 0 and (ask - plain[1]) * side > 0
    assert abs(found[other, -1][0] - ask) <= 2
    assert ((other, 1) in found) == (bid > 0)
    assert bid <= 0 or abs(found[other, 1][0] - bid) <= 2
    if side > 0:
        assert found[market, -1][1] == 400  # to the limit of the position: 8 units
    world.state.crowd.traits[FIRST, T.vega_limit] = abs(vega) / 2
    world.run(2)
    found = quotes(world)
    assert (other, -side) not in found
    assert (market, side) in found or side > 0 > bid


def test_the_limit_of_a_position_ends_its_side() -> None:
    world = makers_world(traits={"size": 8.0, "vega_limit": 1e9})
    world.run(1)
    market = market_of(world, 1000.0, "C", 1)
    put(world, 1, market, 1, 100.0, 2000)
    world.run(2, audit=True)
    assert world.state.ledger.lots[FIRST, market] == -800
    assert (market, -1) not in quotes(world)


def perp_depth(world: World, lots: int = 100_000) -> None:
    put(world, 2, PERP, 1, 990.0, lots)
    put(world, 3, PERP, -1, 1010.0, lots)


@pytest.mark.parametrize(("hedge_to", "left"), [("nothing", 0.0), ("edge", 1.0)])
def test_delta_is_hedged_when_it_leaves_the_band(hedge_to: str, left: float) -> None:
    world = makers_world(hedge_to=hedge_to, hedge_slippage=0.05, traits={"vega_limit": 1e9})
    perp_depth(world)
    world.run(1)
    market = market_of(world, 1000.0, "C", 1)
    put(world, 1, market, 1, 100.0, 150)  # a delta of some 0.75 is within the band
    world.run(5, audit=True)
    assert world.state.ledger.lots[FIRST, PERP] == 0
    put(world, 1, market, 1, 100.0, 450)
    net = []
    for _ in range(8):
        world.run(1, audit=True)
        state = world.state
        options = state.ledger.lots[FIRST, state.options.markets] @ state.options.greeks[:, 0]
        net.append(float(options) + state.ledger.lots[FIRST, PERP] * LOT)
    assert state.ledger.lots[FIRST, PERP] > 100
    assert min(abs(x) for x in net) == pytest.approx(left, abs=0.25)


def test_makers_stay_delta_bounded_in_a_run() -> None:
    run = simulate("gamma-squeeze", seed=1, steps=200)
    world = run.world
    rows = run.greeks[run.greeks["population"] == "dealers"]
    parts = [k for k, part in enumerate(world.parts) if part.name == "option_makers"]
    first, count = (int(world.state.parts[k][parts[0]]) for k in ("first", "count"))
    bands = world.state.crowd.traits[first : first + count, T.band].sum()
    held = rows["delta"].abs()
    assert held.max() > 4 * bands
    # half of the time all of them together bear no more than their bands and what a block brings
    assert rows["net_delta"].abs().median() < 2 * bands
    assert world.state.params[parts[0], P.hedge] == 0.0


def test_a_maker_in_trouble_withdraws() -> None:
    world = makers_world()
    world.run(1)
    assert quotes(world)
    world.state.ledger.accounts["state"][FIRST] = LIQUIDATING
    world.state.parts["every"][[p.name == "states" for p in world.parts]] = 10**6
    world.run(1)
    assert not quotes(world)


@pytest.mark.parametrize(("risk_limit", "quotes_on"), [(1.5, True), (100.0, False)])
def test_a_maker_withdraws_at_its_limit_of_health(risk_limit: float, quotes_on: bool) -> None:
    """It needs some 7.5% of 10 units at 1,000 of its 40,000: a health of some 50."""
    world = makers_world({"vega_limit": 1e9}, 4e4, hedge="off", risk_limit=risk_limit)
    world.run(1)
    assert quotes(world)
    for strike in (950.0, 1000.0):
        put(world, 1, market_of(world, strike, "C", 1), 1, 200.0, 500)
    world.run(3, audit=True)
    assert world.state.ledger.lots[FIRST].sum() == -1000
    assert bool(quotes(world)) == quotes_on


def test_makers_tell_the_surface_their_vega() -> None:
    world = makers_world(hedge="off")
    world.run(1)
    market = market_of(world, 1000.0, "C", 1)
    put(world, 1, market, 1, 100.0, 100)
    world.run(2)
    expected = -100 * float(world.state.options.greeks[market - 1, 2])
    assert world.state.options.expiries["vega"].tolist() == pytest.approx([0.0, expected])
    world.run(1)
    assert world.state.options.expiries["pressing"][1] == pytest.approx(expected)


def classes_of(world: World) -> Array:
    return np.asarray(world.state.log.shift)


def test_quotes_are_refills_and_hedges_are_discretionary() -> None:
    world = makers_world(hedge_slippage=0.05, traits={"vega_limit": 1e9})
    perp_depth(world, 60)
    put(world, 2, PERP, 1, 980.0, 1000)
    world.run(1)
    assert classes_of(world)[1:, REFILL].any() and not classes_of(world)[PERP, REFILL]
    market = market_of(world, 1000.0, "P", 1)
    put(world, 1, market, 1, 100.0, 400)
    before = int(classes_of(world)[PERP, DISCRETIONARY])
    world.run(4, audit=True)
    assert world.state.ledger.lots[FIRST, PERP] < 0
    assert int(classes_of(world)[PERP, DISCRETIONARY]) < before


def test_isolated_makers_are_refused() -> None:
    makers = {"name": "makers", "kind": "option_makers", "count": 1, "markets": MARKETS}
    with pytest.raises(Exception, match="which is 'cross'"):
        option_world(population=[{**makers, "margin": "isolated"}, PEOPLE])
    assert option_scenario(population=[makers]).population[0].markets[-1] == "X-PERP"


def test_two_makers_have_handles_of_their_own() -> None:
    makers = {
        "name": "makers",
        "kind": "option_makers",
        "count": 3,
        "markets": ["X-PERP", "X-OPTIONS"],
    }
    world = option_world(population=[{**makers, "wealth": 1e6, "traits": TRAITS}, PEOPLE])
    world.run(2, audit=True)
    assert [len(quotes(world, FIRST + k)) for k in range(3)] == [len(quotes(world))] * 3
    trade(world, 4, 5, PERP, 1000.0, 1)
    world.run(1, audit=True)
