"""Trend funds: the signal and the slice of a twin, volatility targeting, herding, two speeds."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.agents.trend_funds import NEXT, Parameters, T, Traits, momentum_numbers
from crossmargin.experiments.run import Run, simulate
from crossmargin.model.markets import YEAR
from crossmargin.model.world import World
from tests.agents.crowded import PERP as NAME
from tests.agents.crowded import VAULT, crowded, fall, population
from tests.small import HALF_UNIT, ONE, PERP, first_row, give, open_pair, small_world

STEP = 400


def fund_world(lots: int = 0, **numbers: Any) -> World:
    """One fund with 10,000 that is about to look, late enough for a look-back of 300 blocks."""
    world = small_world([("states", {}), ("trend_funds", numbers)], 2, markets=(PERP,))
    state, row = world.state, first_row(world.state)
    state.parts["count"][1], state.parts["slots"][1] = 1, 0
    traits = state.crowd.traits[row]
    traits[[T.lookback, T.target, T.interval, T.execution]] = 300.0, 0.4, 60.0, 3600.0
    give(state, row, 10_000.0)
    give(state, row + 1, 1e9)
    if lots:
        open_pair(state, row, row + 1, lots)
    world.step = STEP
    state.crowd.memory[row, NEXT] = 0.5
    return world


def sent(world: World) -> Any:
    world.run(1)
    n = int(world.state.clock["n_inbox"][0])
    world.state.clock["n_inbox"] = 0
    return world.state.crowd.inbox[:n].copy()


def phi(z: float, saturation: float) -> float:
    return max(-1.0, min(1.0, z / saturation))


@given(
    own=st.floats(-0.1, 0.1),
    others=st.floats(-0.02, 0.02),
    volatility=st.floats(1e-5, 1e-3),
    weight=st.floats(0, 1),
    lots=st.integers(-100_000, 100_000),
)
@settings(max_examples=60, deadline=None)
def test_the_slice_is_that_of_the_twin(
    own: float, others: float, volatility: float, weight: float, lots: int
) -> None:
    p = Parameters(herding=weight, herding_window=20.0)
    world = fund_world(lots, **p.model_dump())
    state = world.state
    state.outside.references["volatility"] = volatility
    window = state.outside.trail.shape[1]
    state.outside.trail[:] = math.log(100.0)
    state.outside.trail[0, (STEP - 1) % window] += own
    state.outside.trail[1, (STEP - 1) % window] += others
    lookback = min(300, window - 2)
    sigma = max(volatility, p.least_volatility / math.sqrt(YEAR))
    signal = (1 - weight) * phi(own / (sigma * math.sqrt(lookback)), p.saturation)
    signal += weight * phi(others / (sigma * math.sqrt(20.0)), p.saturation)
    equity, unit = 10_000.0 * ONE, 20_000 * HALF_UNIT
    notional = equity * signal * min(p.leverage, 0.4 / (sigma * math.sqrt(YEAR)))
    gap = notional - lots * unit
    messages = sent(world)
    if abs(gap) <= p.band * equity:
        assert not len(messages)
    else:
        size = (1.0 - math.exp(-60.0 / 3600.0)) * abs(gap) / unit
        if size > 1:
            assert messages[0]["quantity"] == pytest.approx(size, abs=1.01)
            assert messages[0]["side"] == np.sign(gap)


@given(st.floats(1.5, 10.0))
@settings(max_examples=20, deadline=None)
def test_a_fund_halves_its_position_when_volatility_doubles(ratio: float) -> None:
    """At a full signal and below the leverage limit, notional times volatility is constant."""
    sizes = []
    for volatility in (1e-4, 1e-4 * ratio):
        world = fund_world(herding=0.0, leverage=100.0, saturation=1e-3, band=0.0)
        world.state.outside.references["volatility"] = volatility
        world.state.outside.trail[0, (STEP - 1) % world.state.outside.trail.shape[1]] += 0.5
        sizes.append(int(sent(world)[0]["quantity"]) * volatility)
    assert sizes[0] == pytest.approx(sizes[1], rel=0.02)


def test_the_net_flow_of_others_can_be_followed() -> None:
    """With all the weight on the flow, buyers on the book make it buy and sellers sell."""
    for bought, side in ((900, 1), (100, -1)):
        world = fund_world(herding=1.0, watched="flow", band=0.0)
        ladder = world.state.book.ladders
        ladder["volume"][0], ladder["signed_volume"][0] = 1000, 2 * bought - 1000
        assert sent(world)[0]["side"] == side
        world.state.crowd.memory[first_row(world.state), NEXT] = 0.5
        assert not len(sent(world))  # nothing was traded since


def test_momentum_is_the_same_part_with_other_numbers() -> None:
    numbers = momentum_numbers()
    Parameters(**numbers["behaviour"])
    fast, slow = Traits(**numbers["traits"]), Traits()
    for name in ("lookback", "interval", "execution"):
        assert getattr(fast, name)["lognormal"][0] < 0.2 * getattr(slow, name)["lognormal"][0]


# The story ------------------------------------------------------------------------------------


def market(seed: int, herding: float, *, wealth: float = 1e5, is_there: bool = True) -> Run:
    """A fall of 6% in ten minutes, with momentum traders or with as many who do nothing."""
    numbers = momentum_numbers()
    numbers["behaviour"]["herding"] = herding
    funds = population("momentum", "trend_funds", 20, wealth=wealth, **numbers)
    if not is_there:
        funds["behaviour"]["band"] = 10.0
    shock = [fall(-0.06, spread=600.0)]
    return simulate(
        crowded(funds, steps=250, venue={"waterfall": list(VAULT)}, shock=shock), seed=seed
    )


def test_they_sell_what_falls_and_deepen_it() -> None:
    """They end a fall short, and where it ends the mid is lower than without them."""
    for seed in range(1, 6):
        run, without = market(seed, 0.3), market(seed, 0.3, is_there=False)
        ends = slice(170, 190)  # the fall lasts from block 60 to 180
        mids = [r.series.loc[r.series["market"] == NAME, "mid"].to_numpy() for r in (run, without)]
        assert mids[0][ends].mean() < mids[1][ends].mean()
        own = run.accounts[run.accounts["population"] == "momentum"]
        assert (own["position:BTC-PERP"].to_numpy() != 0).any()


def test_herding_makes_them_act_alike() -> None:
    """With more weight on what others do, small ones' positions are more of one sign."""
    alike = {}
    for herding in (0.0, 0.9):
        found = []
        for seed in range(1, 7):
            run = market(seed, herding, wealth=3e4)
            own = run.accounts[run.accounts["population"] == "momentum"]["position:BTC-PERP"]
            found.append(abs(own.sum()) / own.abs().sum())
        alike[herding] = float(np.mean(found))
    assert alike[0.9] > alike[0.0] + 0.1


def test_capacity_bounds_the_position_by_the_volume_outside() -> None:
    """A full signal of a rich fund, and a market outside that takes little of it."""
    world = fund_world(herding=0.0, leverage=100.0, saturation=1e-3, band=0.0, capacity=0.02)
    state = world.state
    state.outside.references["volatility"] = 1e-4
    state.outside.references["turnover"] = 5_000.0
    state.outside.trail[0, (STEP - 1) % state.outside.trail.shape[1]] += 0.5
    most = 0.02 * 5_000.0 * ONE / (20_000 * HALF_UNIT)
    share = 1.0 - math.exp(-60.0 / 3600.0)
    assert int(sent(world)[0]["quantity"]) == pytest.approx(share * most, abs=1.01)


@pytest.mark.parametrize("daily_volume", [1e6, 1e7])
def test_momentum_and_arbitrage_do_not_drive_a_small_market_anywhere(daily_volume: float) -> None:
    """Twenty funds with four times the daily volume of the market outside, for two hours.

    A lasting push feeds their signal, the signal their purchases, and these the push.
    """
    funds = population("momentum", "trend_funds", 20, wealth=2e5, **momentum_numbers())
    table = crowded(funds, steps=1500)
    table["underlying"][0]["path"]["daily_volume"] = daily_volume
    run = simulate(table, seed=0)
    outside = run.series.loc[run.series["market"] == NAME, "reference"].to_numpy()
    assert 0.7 < outside.min() / 50_000.0 < outside.max() / 50_000.0 < 1.4
