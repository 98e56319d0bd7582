"""Known parameters come back: jumps, clusters, a reference price of the package; coverage."""

from typing import Any

import numpy as np
import pytest

from crossmargin.experiments.calibration import toys
from crossmargin.experiments.calibration.fit import calibrate
from crossmargin.experiments.calibration.simulated import returns_of
from crossmargin.experiments.run import simulate
from tests.experiments.calibration.models import HERE, TOYS, autoregressive

#: A market in which nobody trades, around a reference price that jumps.
EMPTY: dict[str, Any] = {
    "name": "empty",
    "run": {"block_seconds": 3600.0, "steps": 3001},
    "asset": [{"name": "USDC"}],
    "underlying": [
        {
            "name": "BTC",
            "price": 60000.0,
            "path": {"kind": "jump_diffusion", "volatility": 0.4, "jump_mean": 0.0},
        }
    ],
    "market": [
        {
            "name": "BTC-PERP",
            "underlying": "BTC",
            "tick": 1.0,
            "lot": 0.001,
            "tiers": [{"initial": 0.1, "maintenance": 0.05}],
        }
    ],
    "population": [{"name": "reporters", "kind": "reporters", "count": 1, "markets": ["BTC-PERP"]}],
}
PATH = "underlying.BTC.path."


def within(fit: Any, truth: dict[str, float], errors: float = 4.0) -> None:
    """Every estimate lies within some standard errors of the truth, and the errors are small."""
    for row in fit.parameters.to_dict("records"):
        assert abs(row["estimate"] - truth[row["path"]]) < errors * row["error"], row
        assert row["error"] < 0.25 * (row["range_high"] - row["range_low"]), row


@pytest.mark.long
def test_clusters_of_volatility_come_back() -> None:
    truth = {"volatility": 0.01, "shock": 0.15, "memory": 0.75}
    plan = autoregressive(
        model=f"{TOYS}:garch_returns",
        parameter=[
            {"path": "volatility", "low": 0.003, "high": 0.03, "scale": "log"},
            {"path": "shock", "low": 0.02, "high": 0.3},
            {"path": "memory", "low": 0.3, "high": 0.95},
        ],
        recorded={
            "file": "none",
            "facts": ["volatility", "hill_5", "abs_acf_1", "abs_acf_5", "abs_acf_20"],
            "window": 4000,
        },
        search={"points": 32, "steps": 20},
        inference={"profile": 7},
    )
    fit = calibrate(plan, returns=toys.garch_returns(truth | {"n": 16_000}, 4))
    within(fit, truth)
    assert fit.summary["p_value"] > 1e-3
    assert (fit.parameters["verdict"] == "identified").sum() >= 2


@pytest.mark.long
def test_a_reference_price_of_the_package_comes_back() -> None:
    truth = {f"{PATH}volatility": 0.4, f"{PATH}intensity": 150.0, f"{PATH}jump_deviation": 0.03}
    run = simulate(EMPTY, seed=91, overrides={**truth, "run.steps": 9001})
    recorded = returns_of(run, "BTC-PERP", "reference", 3600.0, 0)
    plan = {
        "name": "jumps",
        "scenario": EMPTY,
        "parameter": [
            {"path": f"{PATH}volatility", "low": 0.1, "high": 1.5, "scale": "log"},
            {"path": f"{PATH}intensity", "low": 20, "high": 1000, "scale": "log"},
            {"path": f"{PATH}jump_deviation", "low": 0.005, "high": 0.1, "scale": "log"},
        ],
        "recorded": {
            "file": "none",
            "facts": ["volatility", "kurtosis", "hill_1", "hill_5", f"{HERE}:small_moves"],
            "window": 3000,
        },
        "simulated": {"market": "BTC-PERP", "column": "reference", "seconds": 3600},
        "bootstrap": {"draws": 300},
        "search": {"points": 32, "steps": 16},
        "inference": {"profile": 0},
    }
    fit = calibrate(plan, returns=recorded)
    for row in fit.parameters.to_dict("records"):
        spread = np.log(row["high_95"] / row["low_95"]) / 2 / 1.96
        assert abs(np.log(row["estimate"] / truth[row["path"]])) < 4 * spread
        assert spread < 0.7


@pytest.mark.long
def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    truth, n_fits = {"volatility": 0.01, "share": 0.3}, 100
    plan = autoregressive(
        model=f"{HERE}:short_returns",
        parameter=[
            {"path": "volatility", "low": 0.005, "high": 0.02, "scale": "log"},
            {"path": "share", "low": -0.2, "high": 0.7},
        ],
        recorded={"file": "none", "facts": ["volatility", "acf_1", "acf_2"]},
        bootstrap={"draws": 150, "block": 25},
        replicates=5,
        search={"points": 8, "steps": 0, "polish": 4},
        inference={"profile": 0, "replicates": 10, "step": 0.1},
    )
    covered, rejected = dict.fromkeys(truth, 0), 0
    for seed in range(n_fits):
        recorded = toys.autoregressive_returns(truth | {"n": 2000}, 10_000 + seed)
        fit = calibrate(plan | {"seeds": {"root": seed}}, returns=recorded)
        for row in fit.parameters.to_dict("records"):
            covered[row["path"]] += row["low_95"] <= truth[row["path"]] <= row["high_95"]
        rejected += fit.summary["p_value"] < 0.05
    # a bootstrap by blocks makes errors a little small: a little less than 95 of 100
    assert min(covered.values()) >= 87, covered
    assert rejected <= 12
