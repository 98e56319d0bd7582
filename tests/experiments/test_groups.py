"""Dimensionless groups on arrays whose answer is known, and in the summary of a run."""

import json

import numpy as np
import pytest

from crossmargin.experiments.groups import (
    near_liquidation,
    permanent_share,
    refill_half_life,
)
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import begin, simulate


def test_a_refill_that_halves_every_ten_blocks_takes_ten() -> None:
    depth = np.full(3000, 100.0)
    for hit in (800, 1600, 2400):
        depth[hit : hit + 200] -= 60.0 * 0.5 ** (np.arange(200) / 10.0)
    assert refill_half_life(depth, 10.0) == pytest.approx(10.0, abs=1.0)


def test_depth_that_never_falls_or_never_returns() -> None:
    assert np.isnan(refill_half_life(np.full(2000, 50.0), 10.0))
    lost = np.concatenate([np.full(1000, 100.0), np.full(360, 10.0)])
    assert refill_half_life(lost, 10.0) == 360.0


@pytest.mark.parametrize(("kept", "expected"), [(1.0, 1.0), (0.0, 0.0)])
def test_the_permanent_share_is_what_impact_keeps(kept: float, expected: float) -> None:
    random = np.random.default_rng(7)
    flow = random.normal(size=60_000)
    lasting = 1e-4 * np.cumsum(np.sign(flow))
    fading = 1e-4 * np.convolve(np.sign(flow), 0.9 ** np.arange(60))[: len(flow)]
    price = 100.0 * np.exp(kept * lasting + (1.0 - kept) * fading)
    assert permanent_share(price, flow, 120.0) == pytest.approx(expected, abs=0.25)


def test_a_price_that_ignores_flow_has_no_share() -> None:
    random = np.random.default_rng(8)
    price = 100.0 * np.exp(1e-4 * np.cumsum(random.normal(size=20_000)))
    assert np.isnan(permanent_share(price, random.normal(size=20_000), 60.0))


def test_looking_at_liquidations_leaves_the_world_as_it_was() -> None:
    world, _ = begin(load_scenario("calm"), 1)
    before = world.state.ledger.accounts.copy(), world.state.ledger.markets.copy()
    near, far = near_liquidation(world, 0.02), near_liquidation(world, 0.5)
    assert (world.state.ledger.accounts == before[0]).all()
    assert (world.state.ledger.markets == before[1]).all()
    interest = world.state.ledger.markets["open_interest"] * world.state.ledger.markets["lot"]
    assert 0.0 <= near[0] < far[0] <= interest[0]
    assert near[1] == far[1] == 0.0


def test_near_liquidation_agrees_with_a_plain_account_of_one_position() -> None:
    levered = {"population.longs.position.leverage": 15.0, "population.longs.collateral": {}}
    world, _ = begin(load_scenario("calm", levered | {"population.longs.position.entry": 1.0}), 1)
    longs = world.names.populations.index("longs")
    rows = world.state.ledger.accounts["population"] == longs
    held = float(world.state.ledger.lots[rows, 0].sum() * world.state.ledger.markets["lot"][0])
    # equity of 1/15 less the move must stay above 3% of what is left
    assert near_liquidation(world, 0.03)[0] < 0.1 * held
    assert near_liquidation(world, 0.05)[0] > 0.9 * held


def test_the_summary_has_the_groups_of_every_perpetual() -> None:
    run = simulate("calm", seed=2, steps=400)
    groups = run.summary["groups"]
    assert set(groups) == {"BTC-PERP"}
    assert groups["BTC-PERP"]["near_liquidation_over_depth"] > 0
    assert groups["BTC-PERP"]["open_interest_over_daily_volume"] > 0
    json.dumps(groups, allow_nan=False)
