"""Scenarios do what their stories say."""

import numpy as np
import pytest

from crossmargin.experiments.build import build
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import Run, simulate

PERP = "BTC-PERP"


def fall(run: Run) -> float:
    """Largest fall of the mark below the index, as a fraction."""
    rows = run.series[run.series["market"] == PERP]
    return float((1.0 - rows["mark"] / rows["index"]).max())


def lowest(run: Run) -> float:
    return float(run.summary["markets"][PERP]["lowest"])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_forced_sales_lower_the_price_more_than_take_overs(seed: int) -> None:
    sold = simulate("leverage-spiral", seed=seed)
    taken = simulate("leverage-spiral", seed=seed, overrides={"venue.take_over": True})
    assert sold.summary["liquidated_notional"] > 1e6
    assert lowest(sold) < lowest(taken)
    assert fall(sold) > fall(taken)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_half_the_leverage_removes_the_cascade(seed: int) -> None:
    full = simulate("leverage-spiral", seed=seed)
    half = simulate(
        "leverage-spiral",
        seed=seed,
        overrides={"population.longs.position.leverage": {"uniform": [5.0, 9.5]}},
    )
    assert half.summary["liquidated_notional"] < 0.05 * full.summary["liquidated_notional"]
    assert fall(half) < 0.5 * fall(full)


def test_a_whale_takes_the_venue_below_the_outside_price() -> None:
    run = simulate("flash-crash", seed=1)
    whale = run.accounts[run.accounts["population"] == "whale"].iloc[0]
    assert whale["liquidations"] > 0
    assert fall(run) > 0.02
    assert run.summary["liquidated_accounts"] > 20


def test_a_calm_day_stays_calm() -> None:
    run = simulate("calm", seed=1)
    assert run.summary["bad_debt"] == 0
    assert fall(run) < 0.01
    assert run.summary["liquidated_notional"] < 0.01 * run.summary["markets"][PERP]["volume"] * 6e4


def test_black_thursday_touches_the_candles_of_the_two_days() -> None:
    path = np.exp(build(load_scenario("black-thursday"), 4).state.outside.paths[0])
    days = path[: 3 * 1440].reshape(3, 1440)
    assert days[1].min() == pytest.approx(4644.0, rel=1e-9)
    assert days[2].min() == pytest.approx(3858.0, rel=1e-9)
    assert days[1][0] == pytest.approx(7938.0, rel=1e-3)


def test_august_touches_its_low() -> None:
    scenario = load_scenario("august-2024")
    assert sum(population.count for population in scenario.population) >= 10_000
    path = np.exp(build(scenario, 4).state.outside.paths[0])
    assert path.min() == pytest.approx(49_050.01, rel=1e-9)
