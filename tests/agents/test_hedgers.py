"""Hedgers: coins that stay, a share of them short, slow, more after a fall."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.agents.hedgers import NEXT, RESERVE, Parameters, T, hedged_share
from crossmargin.experiments.run import simulate
from crossmargin.model.kernel import from_python
from crossmargin.model.state import DISCRETIONARY
from crossmargin.model.world import World
from tests.agents.crowded import VAULT, crowded, fall, population
from tests.small import HALF_UNIT, ONE, PERP, first_row, give, open_pair, send, small_world


def hedge_world(parts: tuple[str, ...], lots: int = 0, **numbers: Any) -> World:
    """One hedger with 10,000 and a stranger who offers depth at 1% from the mid of 100."""
    program = [(name, numbers if name == "hedgers" else {}) for name in parts]
    world = small_world(program, 2, markets=(PERP,))
    state, row = world.state, first_row(world.state)
    here = parts.index("hedgers")
    state.parts["count"][here], state.parts["slots"][here] = 1, 0
    traits = state.crowd.traits[row]
    traits[[T.coins, T.share, T.gain, T.interval, T.reserve]] = 4.0, 0.5, 2.0, 1.0, 1.0
    give(state, row, 10_000.0)
    give(state, row + 1, 1e9)
    if lots:
        open_pair(state, row, row + 1, lots)
    send(state, row + 1, 1, 9_900, 10_000_000)
    send(state, row + 1, -1, 10_100, 10_000_000)
    world.run(1)
    return world


def share_by_twin(share: float, gain: float, drop: float, threshold: float) -> float:
    return min(1.0, share + gain * max(0.0, drop - threshold))


@given(
    share=st.floats(0, 1), gain=st.floats(0, 5), drop=st.floats(-1, 1), threshold=st.floats(0, 0.5)
)
@settings(max_examples=50, deadline=None)
def test_the_share_is_that_of_the_twin(
    share: float, gain: float, drop: float, threshold: float
) -> None:
    found = from_python(hedged_share)(share, gain, drop, threshold)
    assert found == share_by_twin(share, gain, drop, threshold)
    assert found >= min(1.0, share)


@given(drop=st.floats(-0.1, 0.3), share=st.floats(0.05, 0.6), short=st.integers(0, 150_000))
@settings(max_examples=40, deadline=None)
def test_the_order_is_a_share_of_what_is_missing(drop: float, share: float, short: int) -> None:
    """Coins are worth four times the equity, or what the first short tells; twin in Python."""
    p = Parameters(lookback=100.0)
    world = hedge_world(("states", "hedgers"), lots=-short, **p.model_dump())
    state, row = world.state, first_row(world.state)
    state.crowd.traits[row, T.share] = share
    state.crowd.memory[row] = 0.0
    for _ in range(2):
        world.run(1)
        state.clock["n_inbox"] = 0
    owned = int(state.crowd.outside_lots[row, 0])
    expected = short / share if short else 4.0 * 10_000 * ONE / (20_000 * HALF_UNIT)
    assert owned == pytest.approx(expected, abs=1.5)
    state.outside.trail[0, :] = math.log(100.0)
    state.outside.trail[0, world.step - 1] = math.log(100.0) - drop
    state.crowd.memory[row, NEXT] = 0.5
    world.run(1)
    wanted = share_by_twin(share, 2.0, drop, p.threshold) * owned
    money = 10_000 * ONE * (1.0 + state.crowd.traits[row, T.reserve])
    wanted = min(wanted, p.leverage * money / (20_000 * HALF_UNIT))
    gap = short - wanted
    sent = state.crowd.inbox[: int(state.clock["n_inbox"][0])]
    if abs(gap) <= p.band * owned - 1:
        assert not len(sent)
    elif abs(gap) > p.band * owned + 1:
        assert sent[0]["side"] == (1 if gap > 0 else -1)
        assert sent[0]["quantity"] == pytest.approx(p.adjustment * abs(gap), abs=1.5)
        assert sent[0]["author_class"] == DISCRETIONARY


def test_it_adjusts_slowly_and_keeps_its_coins() -> None:
    world = hedge_world(("transfers", "states", "hedgers", "inbox"), slippage=0.02)
    state, row = world.state, first_row(world.state)
    coins = int(state.crowd.outside_lots[row, 0])
    held = []
    for _ in range(30):
        world.run(1, audit=True)
        held.append(-int(state.ledger.lots[row, 0]))
    assert held[2] < 0.6 * held[-1]
    assert held[-1] == pytest.approx(0.5 * coins, rel=0.06)
    assert state.crowd.outside_lots[row, 0] == coins


def test_margin_comes_from_the_reserve_and_ends_with_it() -> None:
    """A short of five times the equity needs money; what the reserve lacks is closed."""
    world = hedge_world(("transfers", "states", "hedgers", "inbox"), lots=-500_000, slippage=0.02)
    state, row = world.state, first_row(world.state)
    for _ in range(40):
        world.run(1, audit=True)
    assert 6_000 * ONE < state.ledger.accounts["deposited"][row] <= 10_000 * ONE
    assert state.crowd.memory[row, RESERVE] >= 0
    state.ledger.balances[row, 0] -= 9_000 * ONE
    state.ledger.balances[0, 0] += 9_000 * ONE
    for _ in range(40):
        world.run(1, audit=True)
    assert state.ledger.accounts["deposited"][row] == 10_000 * ONE
    assert -500_000 < state.ledger.lots[row, 0] < 0


def test_hedgers_add_in_a_fall() -> None:
    """Their short grows when the price has fallen, and stays about what it was when it has not."""
    longs = population("longs", "leveraged", 40, wealth=2e4)
    longs["position"] = {"side": "long", "leverage": {"uniform": [2.0, 4.0]}}
    miners = population("hedgers", "hedgers", 20, wealth=5e5, position={"side": "balance"})
    miners["traits"] = {"interval": 60.0, "gain": 3.0}
    grown = {}
    for change in (0.0, -0.15):
        grown[change] = []
        for seed in (1, 2, 3):
            venue = {"waterfall": list(VAULT)}
            shock = [fall(change, spread=600.0)]
            scenario = crowded(longs, miners, steps=250, venue=venue, shock=shock)
            run = simulate(scenario, seed=seed)
            own = run.accounts[run.accounts["population"] == "hedgers"]["position:BTC-PERP"].sum()
            grown[change].append(-own / run.series["open_interest"].iloc[0])
    assert min(grown[-0.15]) > 1.1 * max(grown[0.0])
