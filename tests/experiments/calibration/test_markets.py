"""Named moments of a market, on series whose answer is known and on a run."""

from typing import Any

import numpy as np
import pytest

import crossmargin as xm
from crossmargin.experiments.calibration.fit import calibrate
from crossmargin.experiments.calibration.markets import (
    impact,
    microstructure,
    of_book,
    of_liquidations,
    of_metaorders,
)
from crossmargin.experiments.calibration.reading import load_calibration
from crossmargin.experiments.validation.impact import COLUMNS, LATER
from crossmargin.experiments.validation.observed import Observed
from crossmargin.model.errors import ParameterError
from tests.experiments.calibration.models import HERE, linear

N, BLOCK = 3000, 10.0


def seen(**series: Any) -> Observed:
    """One market of 3,000 blocks of 10 s, constant but for what is given."""
    plain = {name: np.zeros(N) for name in ("spread", "basis", "flow", "funding")}
    table = {"price": np.full(N, 50.0), "volume": np.full(N, 2.0), "depth": np.full(N, 40.0)}
    return Observed(seconds=BLOCK, **{**plain, **table, **series})


def test_depth_counts_against_open_interest_and_volume_against_days() -> None:
    found = of_book(seen(), np.full(N, 800.0))
    assert found["depth_over_open_interest"] == pytest.approx(0.05)
    assert found["open_interest_over_daily_volume"] == pytest.approx(800.0 / (2.0 * 8640.0))
    assert np.isnan(of_book(seen(), np.zeros(N))["depth_over_open_interest"])


@pytest.mark.parametrize("half_life", [15.0, 40.0, 200.0])
def test_depth_that_halves_its_lack_in_so_many_seconds(half_life: float) -> None:
    """Told to a fraction of a block."""
    depth, t = np.full(N, 100.0), np.arange(300) * BLOCK
    for hit in (800, 1400, 2000, 2600):
        depth[hit : hit + 300] -= 60.0 * 0.5 ** (t / half_life)
    found = of_book(seen(depth=depth), np.ones(N))["refill_half_life"]
    assert found == pytest.approx(half_life, rel=0.1)
    assert np.isnan(of_book(seen(), np.ones(N))["refill_half_life"])


def test_basis_and_funding_are_means() -> None:
    basis = np.where(np.arange(N) % 2, 3e-4, -1e-4)
    found = of_book(seen(basis=basis, funding=np.linspace(0.0, 2e-4, N)), np.ones(N))
    assert found["basis"] == pytest.approx(2e-4)
    assert found["funding"] == pytest.approx(1e-4)


def test_liquidations_by_account_and_by_day() -> None:
    found = of_liquidations(3e5, 12, 2e7)
    assert found == pytest.approx({"liquidation_size": 25_000.0, "liquidated_a_day": 0.015})
    none = of_liquidations(0.0, 0, 2e7)
    assert np.isnan(none["liquidation_size"])
    assert none["liquidated_a_day"] == 0.0


def test_impact_that_follows_the_law_gives_its_factor_and_what_is_left() -> None:
    random = np.random.default_rng(3)
    table = np.full((400, len(COLUMNS)), np.nan)
    table[:, 0] = 10.0 ** random.uniform(-3, -1, 400)
    table[:, 2] = 0.8 * np.sqrt(table[:, 0]) + random.normal(0.0, 0.02, 400)
    for k, later in enumerate(LATER):
        table[:, 3 + k] = table[:, 2] / (1.0 + later / 3600.0)
    found = of_metaorders(table)
    assert found["impact_factor"] == pytest.approx(0.8, abs=0.03)
    assert found["impact_left"] == pytest.approx(0.5)
    assert np.isnan(of_metaorders(np.empty((0, len(COLUMNS))))["impact_factor"])


def test_moments_of_a_run_have_the_size_of_its_numbers() -> None:
    few = {f"population.{name}.count": 40 for name in ("traders", "longs", "shorts")}
    run = xm.simulate("calm", seed=4, steps=1200, overrides=few | {"run.block_seconds": 30.0})
    found = microstructure(run)
    rows = run.series[run.series["market"] == "BTC-PERP"]
    deep = float((rows["depth_bid"] + rows["depth_ask"]).median())
    held = float(rows["open_interest"].mean())
    assert found["depth_over_open_interest"] == pytest.approx(deep / held)
    assert 0.0 < found["near_liquidation"] < 1.0
    assert run.near is not None
    assert found["near_liquidation"] == pytest.approx(
        run.near[0] / 2 / rows["open_interest"].iloc[0]
    )
    assert found["basis"] < 0.01
    assert 0.0 < impact(run)["impact_factor"] < 10.0


def test_the_plan_that_comes_along_names_source_and_error_of_every_target() -> None:
    found = load_calibration("book-and-leverage")
    assert all(target.source and target.error for target in found.target)
    assert set(found.held_outcomes).isdisjoint(found.moments)
    assert {"liquidation_size", "funding", "impact_left"} == set(found.held_outcomes)


def test_a_target_that_is_held_out_is_judged_and_not_fitted() -> None:
    plain = linear()
    held = {"outcome": "difference", "value": 99.0, "error": 0.1, "held": True}
    others = [target for target in plain["target"] if target["outcome"] != "difference"]
    fit = calibrate({**plain, "parameter": plain["parameter"][:1], "target": [*others, held]})
    rows = fit.moments.set_index("moment")
    assert rows.loc["difference", "part"] == "other outcomes"
    assert rows.loc["difference", "z"] < -10.0
    assert any("Not used in the fit, other outcomes: met 0 of 1" in said for said in fit.words)


def test_a_target_may_not_be_fitted_and_held_out() -> None:
    plain = linear()
    twice = [*plain["target"], {**plain["target"][0], "held": True}]
    with pytest.raises(ParameterError, match="stands twice"):
        load_calibration({**plain, "target": twice})


def test_an_outcome_that_no_run_has_is_not_met() -> None:
    plain = linear(model=f"{HERE}:without_difference")
    targets = [{**t, "held": t["outcome"] == "difference"} for t in plain["target"]]
    plan = {**plain, "parameter": plain["parameter"][:1], "target": targets}
    said = calibrate(plan).words[-1]
    assert said.endswith("other outcomes: met 0 of 1; not every run shows difference.")
