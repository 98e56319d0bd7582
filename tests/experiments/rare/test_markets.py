"""The methods on a real market of some 300 accounts."""

import numpy as np
import pytest
from scipy.stats import lognorm

import crossmargin as xm
from crossmargin.experiments.rare import (
    MarketProcess,
    ShockOutcome,
    StaticLoss,
    adaptive_splitting,
    control_variate,
    importance_sampling,
    plain,
    splitting,
    stratified,
)
from crossmargin.experiments.rare.adaptive import branch_off, follow
from crossmargin.experiments.rare.scores import (
    fund_danger,
    fund_used,
    is_fund_empty,
    largest_fall,
    margin_distances,
    nearest_liquidation,
)
from tests.experiments.rare.spiral import spiral

WILD = {"underlying.BTC.path.volatility": 3.0}
FALLS = lognorm(0.6, scale=0.02)


def fall(size: float) -> float:
    return -min(size, 0.9)


@pytest.fixture(scope="module")
def emptied() -> ShockOutcome:
    return ShockOutcome(spiral(), is_fund_empty, transform=fall)


@pytest.fixture(scope="module")
def process() -> MarketProcess:
    return MarketProcess(spiral(0.0), largest_fall, overrides=WILD, stride=4)


def test_particles_differ_and_a_seed_goes_the_same_way_again(process: MarketProcess) -> None:
    first, second, again = (follow(process, process.start(s), s, np.inf) for s in (1, 2, 1))
    assert first.scores == again.scores
    assert first.scores != second.scores
    assert len(first.scores) == 31
    assert process.base.step == 0


def test_a_branch_of_a_market_shares_the_past_of_its_parent(process: MarketProcess) -> None:
    parent = follow(process, process.start(3), 3, np.inf)
    level = sorted(set(parent.scores))[-3]
    child = branch_off(process, parent, level, 9, np.inf)
    steps = parent.passage(level)
    assert child.base.step == 4 * steps
    assert child.scores[0] == parent.scores[steps]
    assert child.scores[1:] != parent.scores[steps + 1 :] or steps == 30


@pytest.mark.long
def test_splitting_agrees_with_plain_monte_carlo(process: MarketProcess) -> None:
    level = 0.02
    plainly = [max(follow(process, process.start(s), s, level).scores) >= level for s in range(400)]
    low, high = np.mean(plainly) + np.array([-4, 4]) * np.std(plainly) / 20
    for found in (
        splitting(process, level, particles=60, repeats=8, jobs=2),
        adaptive_splitting(process, level, particles=40, kill=4, repeats=8, jobs=2),
    ):
        assert found.low < high
        assert found.high > low
        assert found.gain > 0


def test_splitting_does_not_depend_on_threads(process: MarketProcess) -> None:
    found = [
        splitting(process, 0.006, particles=10, repeats=2, levels=[0.002], jobs=jobs)
        for jobs in (1, 2)
    ]
    assert found[0].diagnostics["estimates"] == found[1].diagnostics["estimates"]


def test_a_shock_and_a_seed_decide_a_run(emptied: ShockOutcome) -> None:
    one, two = emptied.world(0.05, 4), emptied.world(0.05, 4)
    np.testing.assert_array_equal(one.state.ledger.balances, two.state.ledger.balances)
    other = emptied.world(0.05, 5)
    assert (one.state.ledger.balances != other.state.ledger.balances).any()
    assert set(one.audit().values()) == {0}
    larger = emptied.world(0.3, 4)
    assert largest_fall(larger, emptied.base) > largest_fall(one, emptied.base)


def test_a_world_of_a_shock_is_that_of_the_scenario_with_it(emptied: ShockOutcome) -> None:
    direct = xm.simulate(spiral(-0.08), seed=0)
    same = emptied.world(0.08, 0)
    np.testing.assert_array_equal(same.state.ledger.balances, direct.world.state.ledger.balances)


def test_methods_on_the_shock_agree_with_one_another(emptied: ShockOutcome) -> None:
    one = plain(emptied, FALLS, 150, jobs=2)
    weighted = importance_sampling(emptied, FALLS, lognorm(0.6, scale=0.06), 150, jobs=2)
    even = stratified(emptied, FALLS, 150, strata=30, jobs=2)
    for other in (weighted, even):
        gap = abs(one.estimate - other.estimate)
        assert gap < 5 * (one.standard_error + other.standard_error) + 0.05
        assert 0 <= other.estimate <= 1
    assert abs(weighted.diagnostics["mean_weight"] - 1) < 0.5


def test_the_static_loss_explains_what_is_liquidated() -> None:
    outcome = ShockOutcome(spiral(), "liquidated_notional", transform=fall)
    static = StaticLoss(outcome.base, 1e8, "sales")
    found = control_variate(outcome, static, FALLS, 100, n_mean=2000, jobs=2)
    assert found.diagnostics["correlation"] > 0.3
    assert found.gain > 1


def test_scores_of_the_fund(emptied: ShockOutcome) -> None:
    world = emptied.world(0.01, 1)
    assert fund_used(world) == 0.0
    assert fund_danger(world, emptied.base) == largest_fall(world, emptied.base)
    venue, fund = world.state.ledger.venue, world.state.ledger.venue["min_fund"][0]
    venue["min_fund"] = fund // 4
    assert fund_used(world) == pytest.approx(0.75)
    venue["min_fund"] = 0
    assert (fund_used(world), is_fund_empty(world)) == (1.0, 1.0)
    assert fund_danger(world, emptied.base) == np.inf


def test_the_margin_distance_is_zero_where_maintenance_is_just_met(emptied: ShockOutcome) -> None:
    world = emptied.world(0.01, 2)
    accounts = world.state.ledger.accounts
    row = int(np.flatnonzero(accounts["maintenance_requirement"] > 0)[0])
    accounts["maintenance_equity"][row] = accounts["maintenance_requirement"][row]
    assert 0.0 in margin_distances(world)
    accounts["maintenance_equity"][row] = 0
    assert nearest_liquidation(world, world) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ShockOutcome(spiral(), is_fund_empty, shock=3), "has 1 shocks"),
        (lambda: ShockOutcome(spiral(), is_fund_empty, key="chnge"), "did you mean 'change'"),
        (lambda: ShockOutcome(spiral(), is_fund_empty)(-2.0, 1), "shock.0.change = -2.0"),
        (lambda: ShockOutcome(spiral(), "bad_dept")(-0.01, 1), "did you mean 'bad_debt'"),
        (lambda: MarketProcess(spiral(), largest_fall, stride=0), "stride = 0"),
        (lambda: fund_used(xm.Market(spiral(), overrides={"venue.insurance": 0}).world), "no fund"),
    ],
)
def test_bad_input_is_refused(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(xm.ParameterError, match=words):
        call()
