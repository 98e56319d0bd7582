"""Manipulators: their timetable, an even push, what they take with them, and a thin index."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.agents.manipulators import Parameters, T
from crossmargin.experiments.run import Run, simulate
from crossmargin.model.state import DISCRETIONARY
from crossmargin.model.world import World
from tests.agents.crowded import BOOK, COIN, PERP, crowded, population
from tests.small import COIN as SPOT
from tests.small import HALF_UNIT, ONE, first_row, give, send, small_world
from tests.small import PERP as LINEAR

PARTS = ("transfers", "states", "manipulators", "inbox")
AT, BUILD, HORIZON = 20.0, 10.0, 30.0


def push_world(parts: tuple[str, ...] = PARTS, *, spot: bool = True, **numbers: Any) -> World:
    """One manipulator with 10,000 and 20 coins; depth of 1,000 coins stands at 0.5% from 100."""
    timetable = {"at": AT, "build": BUILD, "closing": 2.0} | numbers
    program = [(name, timetable if name == "manipulators" else {}) for name in parts]
    markets = (LINEAR, SPOT) if spot else (LINEAR,)
    world = small_world(program, 2, markets=markets)
    state, row = world.state, first_row(world.state)
    here = parts.index("manipulators")
    state.parts["count"][here], state.parts["slots"][here] = 1, 0
    state.crowd.traits[row, [T.delay, T.horizon, T.position, T.push]] = 0.0, HORIZON, 2.0, 0.6
    give(state, row, 10_000.0)
    give(state, row + 1, 1e9)
    if spot:
        give(state, row, 20.0, asset=1)
        give(state, row + 1, 1e6, asset=1)
    for market in range(len(markets)):
        send(state, row + 1, 1, 9_950, 1_000_000, market=market)
        send(state, row + 1, -1, 10_050, 1_000_000, market=market)
    return world


def history(world: World, steps: int) -> Any:
    """Lots of the manipulator after each of some blocks."""
    seen = []
    for _ in range(steps):
        world.run(1, audit=True)
        seen.append(world.state.ledger.lots[first_row(world.state)].copy())
    return np.array(seen)


@pytest.mark.parametrize(("direction", "sign"), [("up", 1), ("down", -1)])
def test_it_builds_pushes_and_leaves(direction: str, sign: int) -> None:
    world = push_world(direction=direction)
    lots = history(world, 100)
    perpetual, coins = lots.T
    assert not perpetual[:10].any()
    equity = (10_000 + 20 * 80) * ONE
    assert 0.9 < sign * perpetual[19] * 20_000 * HALF_UNIT / (2 * equity) < 1.2
    pushed = np.diff(coins[19:50]) * sign
    assert (coins[:20] == 20_000).all()
    assert (pushed > 0).all()
    assert pushed.std() < 0.05 * pushed.mean()
    assert perpetual[49] == perpetual[19]
    assert perpetual[-1] == 0
    assert coins[-1] == 20_000


@given(
    push=st.floats(0.05, 1.0), money=st.integers(1_000, 100_000), mid=st.integers(19_000, 21_000)
)
@settings(max_examples=40, deadline=None)
def test_the_pace_is_that_of_the_twin(push: float, money: int, mid: int) -> None:
    """Each block of the horizon spends its part of the share of the money at hand."""
    p = Parameters(at=0.0)
    world = push_world(("states", "manipulators"), **p.model_dump())
    state, row = world.state, first_row(world.state)
    state.crowd.traits[row, T.push] = push
    state.ledger.assets["minted"][0] += money * ONE - state.ledger.balances[row, 0]
    state.ledger.balances[row, 0] = money * ONE
    state.book.ladders["mid"][1] = mid
    world.run(1)
    (message,) = state.crowd.inbox[: int(state.clock["n_inbox"][0])]
    assert (message["market"], message["side"]) == (1, 1)
    assert message["author_class"] == DISCRETIONARY
    expected = push * money * ONE / HORIZON / (mid * HALF_UNIT)
    assert message["quantity"] == pytest.approx(expected, abs=1.01)
    assert message["price"] == pytest.approx(0.5 * mid * 1.05, abs=1.0)


def test_without_a_spot_market_it_pushes_the_perpetual() -> None:
    for direction, sign in (("up", 1), ("down", -1)):
        lots = history(push_world(spot=False, direction=direction), 100)[:, 0]
        assert (sign * np.diff(lots[20:49]) > 0).all()
        assert lots[-1] == 0


def test_who_borrows_takes_out_what_the_venue_lets_go() -> None:
    """Position and coins stay behind; the money is gone, nothing more than was free."""
    world = push_world(leave="borrow")
    lots = history(world, 80)
    state, row = world.state, first_row(world.state)
    account = state.ledger.accounts[row]
    assert account["deposited"] < -1_000 * ONE
    assert lots[-1, 0] == lots[49, 0] > 0
    assert lots[-1, 1] > 20_000
    assert account["initial_equity"] >= account["initial_requirement"]


# The story ------------------------------------------------------------------------------------


def thin_index(seed: int, push: float) -> Run:
    """The index reads a spot market of eighty small traders; shorts with leverage are near."""
    shorts = population("shorts", "leveraged", 60, wealth=2e4)
    shorts["position"] = {"side": "short", "leverage": {"uniform": [8.0, 16.0]}}
    shorts["behaviour"] = {"add_share": 0.0, "reduce_share": 0.0}
    longs = population("longs", "leveraged", 10, wealth=2e6, position={"side": "balance"})
    longs["behaviour"] = dict(shorts["behaviour"])
    own = population("manipulator", "manipulators", 1, wealth=1e6, collateral={"BTC": 0.1})
    own |= {"markets": [PERP, COIN], "behaviour": {"at": 600.0, "build": 300.0}}
    own["traits"] = {"delay": 0.0, "horizon": 400.0, "position": 2.0, "push": push}
    reporters = population("reporters", "reporters", 3, behaviour={"source": "book"})
    thin = population("thin", "chiarella_iori", 80, wealth=4e4, collateral={"BTC": 0.5})
    thin["traits"] = {
        "margin": {"uniform": [0.0, 0.08]},
        "size": {"lognormal": [0.1, 0.5]},
        "horizon": {"lognormal": [1800.0, 0.5]},
        "chart": 0.0,
    }
    on_spot = [one | {"markets": [COIN]} for one in (reporters, thin)]
    venue = {"oracle": {"kind": "aggregate"}, "waterfall": list(BOOK)}
    scenario = crowded(shorts, longs, own, *on_spot, venue=venue)
    makers, _, *rest = scenario["population"]  # nobody carries prices in from outside
    makers["behaviour"] |= {"anchor": "index"}
    scenario["population"] = [makers | {"markets": [PERP]}, *rest]
    return simulate(scenario, seed=seed)


def gain(run: Run) -> float:
    """What the manipulator earned over what it began with."""
    own = run.accounts[run.accounts["population"] == "manipulator"].iloc[0]
    return float((own["equity"] - own["deposited"]) / own["equity_start"] - 1.0)


def test_pushing_a_thin_index_liquidates_shorts_and_pays() -> None:
    for seed in (1, 2, 3):
        pushed, idle = thin_index(seed, 0.8), thin_index(seed, 0.0)
        index = [r.series.loc[r.series["market"] == PERP, "index"] for r in (pushed, idle)]
        assert index[0].max() > 1.1 * index[1].max()
        assert pushed.summary["liquidated_accounts"] > idle.summary["liquidated_accounts"] + 10
        assert pushed.summary["bad_debt"] > idle.summary["bad_debt"]
        assert gain(pushed) > gain(idle) + 0.05
