"""What is seen of a market is what its record holds, at every scale."""

from dataclasses import replace

import numpy as np
import pytest

from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import begin, simulate
from crossmargin.experiments.validation import measures
from crossmargin.experiments.validation.facts import (
    is_of_price,
    measure,
    measure_path,
    stylised_facts,
)
from crossmargin.experiments.validation.observed import (
    EDGES,
    Observed,
    book_profile,
    observe,
    run_observed,
)
from crossmargin.model.errors import ParameterError

STEPS = 360


@pytest.fixture(scope="module")
def run():
    return simulate("calm", seed=3, steps=STEPS)


@pytest.fixture(scope="module")
def seen(run) -> Observed:
    return observe(run.world, 0)


def test_arrays_are_those_of_the_series(run, seen: Observed) -> None:
    rows = run.series[run.series["market"] == "BTC-PERP"]
    kept = (rows["mid"] > 0).to_numpy()
    assert (seen.price[kept] == rows["mid"].to_numpy()[kept]).all()
    assert seen.volume == pytest.approx(rows["volume"].to_numpy())
    assert seen.flow == pytest.approx(rows["signed_volume"].to_numpy())
    assert seen.depth == pytest.approx((rows["depth_bid"] + rows["depth_ask"]).to_numpy())


def test_takers_buy_and_sell_no_more_than_is_traded(seen: Observed) -> None:
    assert (np.abs(seen.flow) <= seen.volume + 1e-9).all()
    assert (seen.flow > 0).any()
    assert (seen.flow < 0).any()


def test_a_coarser_scale_keeps_sums_and_ends(seen: Observed) -> None:
    coarse = seen.every(60.0)
    assert coarse.volume.sum() == pytest.approx(seen.volume.sum())
    assert (coarse.price == seen.price[5::6]).all()
    assert coarse.returns.sum() == pytest.approx(np.log(seen.price[-1] / seen.price[5]))
    assert coarse.days == pytest.approx(seen.days)
    with pytest.raises(ParameterError, match="multiple"):
        seen.every(15.0)


def test_the_profile_of_the_book_is_its_recorded_depth(run) -> None:
    profile = book_profile(run.world, 0)
    rows = run.series[run.series["market"] == "BTC-PERP"].iloc[-1]
    within = profile[list(EDGES).index(2e-2)]
    assert (np.diff(profile) >= 0).all()
    assert within == pytest.approx(rows["depth_bid"] + rows["depth_ask"], rel=1e-3)


def test_looking_at_the_book_changes_nothing(run) -> None:
    world, _ = begin(load_scenario("calm", {"run.steps": STEPS}), 3)
    looked = run_observed(world, STEPS, 0, samples=2880)
    assert (looked.price == observe(run.world, 0).price).all()
    assert np.isfinite(looked.profile).all()


def test_every_fact_has_a_band_a_source_and_a_value(seen: Observed) -> None:
    facts = stylised_facts(30.0)
    assert len({fact.name for fact in facts}) == len(facts)
    assert all(fact.band[0] < fact.band[1] and fact.source for fact in facts)
    values = measure(seen, 30.0)
    assert set(values) == {fact.name for fact in facts}
    assert all(isinstance(value, float) for value in values.values())


def test_facts_of_price_are_measured_on_the_outside_path_alone(seen: Observed) -> None:
    """The same numbers that the path has in the place of the mid; nothing for facts of a book."""
    alone = measure_path(seen, 30.0)
    assert alone.keys() == {fact.name for fact in stylised_facts(30.0) if is_of_price(fact)}
    swapped = measure(replace(seen, price=seen.outside), 30.0)
    np.testing.assert_equal(alone, {name: swapped[name] for name in alone})
    assert alone["kurtosis_1m"] != measure(seen, 30.0)["kurtosis_1m"]
    assert not {"basis", "spread_volatility_1m", "sign_memory"} & alone.keys()
    assert measure_path(replace(seen, outside=np.zeros(0)), 30.0) == {}


def synthetic(returns: np.ndarray, **others: np.ndarray) -> Observed:
    n = len(returns)
    flat = {
        name: others.get(name, np.ones(n))
        for name in ("spread", "basis", "volume", "flow", "depth", "funding")
    }
    return Observed(60.0, 100.0 * np.exp(np.cumsum(returns)), **flat)


def test_funding_that_rests_at_interest_follows_nothing() -> None:
    random = np.random.default_rng(2)
    basis = random.normal(size=200)
    paid = np.concatenate([np.zeros(3), np.full(197, 1e-4)])
    flat = synthetic(np.zeros(200), basis=basis, funding=paid)
    moving = synthetic(np.zeros(200), basis=basis, funding=paid + 1e-4 * basis)
    assert np.isnan(measures.funding_follows(flat))
    assert measures.funding_follows(moving) > 0.5


def test_facts_tell_clustered_volatility_from_none() -> None:
    random = np.random.default_rng(1)
    noise = 1e-4 * random.normal(size=60_000)
    waves = np.exp(0.8 * np.sin(np.arange(60_000) / 700.0))
    calm = measure(synthetic(noise, volume=np.abs(random.normal(size=60_000))), 40.0)
    wild = measure(synthetic(noise * waves, volume=waves), 40.0)
    for name in ("abs_acf_100_1m", "abs_acf_1_1h", "kurtosis_1m"):
        assert wild[name] > calm[name] + 0.1, name
    assert wild["volume_volatility_1m"] > 0.3 > abs(calm["volume_volatility_1m"])
    assert abs(calm["return_acf_20_1m"]) < 0.01
