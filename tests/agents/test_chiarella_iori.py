"""Chiarella-Iori traders: direction, price, size, activity, life of an order."""

import math
from typing import Any

import numpy as np
import pytest

from crossmargin.agents.acting import market_at, n_markets_of, wait
from crossmargin.agents.chiarella_iori import EXPIRY, NEXT, trend
from crossmargin.agents.stage import FIRST, PRICE, TICK, Stage
from crossmargin.model.kernel import from_python
from crossmargin.model.state import CANCEL, CLOSED, LIMIT, NO_MARGIN, REPLACE
from tests.agents.stages import block, run, sent, stage

HALF = round(2 * PRICE / TICK)
FUNDAMENTAL: dict[str, Any] = {
    "fundamental": 1.0, "chart": 0.0, "noise": 0.0, "rate": 100.0, "margin": 0.0,
    "horizon": 60.0, "reversion": 120.0, "size": 0.01,
}  # fmt: skip


def crowd(n: int = 4, **traits: Any) -> Stage:
    made = stage("chiarella_iori", n, traits=FUNDAMENTAL | traits)
    made.world.state.ledger.lots[FIRST - 2 :, 0] = 0  # nobody holds a perpetual position yet
    made.world.state.ledger.cost[FIRST - 2 :, 0] = 0
    made.world.state.ledger.markets["open_interest"] = 0
    return made


@pytest.mark.parametrize("move", [0.03, -0.03])
def test_a_fundamentalist_trades_towards_the_index(move: float) -> None:
    messages = block(crowd(), 1, round(HALF * (1 + move)))
    assert len(messages) == 4
    assert set(messages["side"]) == {1 if move > 0 else -1}


def test_the_limit_is_the_expected_price() -> None:
    index = round(HALF * 1.03)
    messages = block(crowd(), 1, index)
    expected = HALF * math.exp(math.log(index / HALF) * 60.0 / 120.0)
    assert set(messages["price"]) == {math.floor(expected / 2)}


def test_a_margin_moves_the_limit_to_the_safe_side() -> None:
    buys = block(crowd(64, margin=0.01), 1, round(HALF * 1.03))
    plain = block(crowd(1), 1, round(HALF * 1.03))["price"][0]
    assert plain * 0.99 - 1 <= buys["price"].min() < buys["price"].max() <= plain
    assert buys["price"].mean() == pytest.approx(plain * 0.995, rel=2e-3)


def test_an_expected_return_is_cut_off() -> None:
    made = stage("chiarella_iori", 2, traits=FUNDAMENTAL, numbers={"largest_move": 0.01})
    assert set(block(made, 1, 2 * HALF)["price"]) == {math.floor(HALF * math.exp(0.01) / 2)}


def test_a_chartist_follows_the_trend() -> None:
    traits = {"fundamental": 0.0, "chart": 1.0, "horizon": 5.0}
    for slope in (0.001, -0.001):
        made = crowd(3, **traits)
        trail = made.world.state.outside.trail
        trail[1:] = math.log(PRICE) + slope * np.arange(trail.shape[1])
        messages = block(made, 20)
        assert set(messages["side"]) == {1 if slope > 0 else -1}
        best = HALF * math.exp(5 * slope) / 2
        assert set(messages["price"]) == {math.floor(best) if slope > 0 else math.ceil(best)}


def test_noise_alone_is_even_and_grows_with_the_root_of_the_horizon() -> None:
    spread = []
    for horizon in (100.0, 400.0):
        made = crowd(2000, fundamental=0.0, noise=1.0, horizon=horizon)
        messages = block(made, 1)
        assert abs(messages["side"].mean()) < 0.1
        spread.append(np.log(messages["price"] * TICK / PRICE).std())
    assert spread[0] == pytest.approx(1e-4 * math.sqrt(100.0), rel=0.1)
    assert spread[1] / spread[0] == pytest.approx(2.0, rel=0.1)


def test_no_weight_at_all_expects_nothing() -> None:
    messages = block(crowd(3, fundamental=0.0), 1, round(HALF * 1.05))
    assert set(messages["price"]) == {HALF // 2}


@pytest.mark.parametrize("seconds", [1.0, 10.0])
def test_activity_is_a_poisson_process_whatever_the_length_of_a_block(seconds: float) -> None:
    made = crowd(3000, rate=0.02)
    made.world.state.clock["block_seconds"] = seconds
    active = len(block(made, 1, round(HALF * 1.03)))
    assert active / 3000 == pytest.approx(1.0 - math.exp(-0.02 * seconds), rel=0.3)


@pytest.mark.parametrize("mean", [1e-3, 0.1, 1.0, 50.0])
def test_a_wait_is_geometric(mean: float) -> None:
    u = np.linspace(0.0, 1.0, 20001)[:-1]
    found = np.array([from_python(wait)(x, mean / 4.0, 4.0) for x in u])
    assert found.tolist() == (1.0 + np.floor(-np.log1p(-u) / mean)).tolist()
    assert np.mean(found == 1.0) == pytest.approx(1.0 - math.exp(-mean), abs=1e-4)


def test_who_never_acts_waits_for_ever() -> None:
    assert from_python(wait)(0.0, 0.0, 1.0) == from_python(wait)(0.5, 0.0, 1.0) == math.inf


def test_a_new_order_replaces_the_old_one_and_an_old_one_is_cancelled() -> None:
    made = crowd(2, margin=0.05, horizon=3.0, reversion=6.0)
    low = round(HALF * 1.001)
    first = block(made, 1, low)
    made.close_block(1)
    second = block(made, 2, low)
    assert set(first["action"]) == {LIMIT}
    assert set(second["action"]) == {REPLACE}
    assert (second["order"] > 0).all()
    made.close_block(2)
    made.world.state.crowd.memory[FIRST:, NEXT] = math.inf  # nobody acts any more
    later = [block(made, step, low) for step in (3, 4)]
    assert not len(later[0]) and not len(later[1])
    cancels = block(made, 5, low)
    assert set(cancels["action"]) == {CANCEL}
    assert sorted(cancels["account"]) == [FIRST, FIRST + 1]
    made.close_block(5)
    assert not made.world.state.book.open_lots[FIRST:].any()
    assert not made.world.state.crowd.memory[FIRST:, EXPIRY].any()


def test_an_agent_has_one_order_at_a_time() -> None:
    made = crowd(20, noise=1.0, margin=0.02)
    run(made, 25)
    orders = made.world.state.book.orders
    own = orders["account"][(orders["side"] >= 0) & (orders["account"] >= FIRST)]
    assert len(own) > 5
    assert len(set(own)) == len(own)


def test_size_is_a_share_of_weighted_equity() -> None:
    messages = block(crowd(2, size=0.01), 1, HALF + 200)
    equity = 10_000.0 + 20.0 * 101.0 * 0.8  # coins count with their weight
    assert messages["quantity"] * 0.001 * PRICE == pytest.approx(0.01 * equity, rel=0.02)


def test_no_order_goes_beyond_the_leverage_limit() -> None:
    made = crowd(40, size=1.0, noise=1.0)
    ledger, reached = made.world.state.ledger, 0.0
    for step in range(1, 30):
        messages = block(made, step)
        perps = messages[messages["market"] == 0]
        rows = perps["account"]
        after = ledger.lots[rows, 0] * perps["side"] + perps["quantity"]
        notional = after * int(ledger.markets["mark"][0]) * 5
        leverage = notional / ledger.accounts["initial_equity"][rows]
        assert (leverage < 2.05).all()  # lots are counted at the mid
        reached = max(reached, leverage.max(initial=0.0))
        made.close_block(step)
    assert reached > 1.8


def test_refusals_for_want_of_margin_are_rare() -> None:
    made = crowd(40, size=0.3, noise=2.0, margin=0.01, rate=0.5)
    messages = sent(run(made, 60))
    assert len(messages) > 500
    assert made.world.state.log.counters[NO_MARGIN] < 0.02 * len(messages)


def test_who_may_not_trade_sends_nothing() -> None:
    made = crowd(3)
    made.world.state.ledger.accounts["state"][FIRST] = CLOSED
    made.world.state.ledger.markets["halted_until"][0] = 100
    messages = block(made, 1, round(HALF * 1.03))
    assert FIRST not in messages["account"]
    assert set(messages["market"]) <= {1}


def test_an_isolated_account_stays_in_its_market() -> None:
    made = crowd(30)
    made.world.state.ledger.accounts["only_market"][FIRST:] = 1
    assert set(block(made, 1, round(HALF * 1.03))["market"]) == {1}


def test_trend_is_the_mean_log_return_over_the_horizon() -> None:
    outside = crowd(1).world.state.outside
    rng = np.random.default_rng(1)
    for step, lag in ((1, 5), (2, 5), (40, 7), (300, 200), (700, 1000)):
        series = 4.6 + rng.normal(0, 0.01, 1000).cumsum()
        for t in range(step):
            outside.trail[1, t % 256] = series[t]
        used = min(lag, step - 1, 254)
        twin = (series[step - 1] - series[step - 1 - used]) / used if used else 0.0
        assert from_python(trend)(outside, 1, lag, step) == twin


def test_markets_of_a_mask() -> None:
    for mask in range(16):
        mine = [m for m in range(4) if mask >> m & 1]
        assert from_python(n_markets_of)(mask, 4) == len(mine)
        for place in range(4):
            found = from_python(market_at)(mask, 4, place)
            assert found == (mine[place] if place < len(mine) else -1)
