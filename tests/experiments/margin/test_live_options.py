"""Option series in a risk model of a market: at the start, and after they are renewed."""

from typing import Any

import numpy as np
import pytest

from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.margin.evaluate import evaluate_margin
from crossmargin.experiments.margin.live import live_risk
from crossmargin.experiments.margin.market_desk import preset_of
from crossmargin.model.errors import ParameterError
from crossmargin.model.kernel import from_python
from crossmargin.model.margin.account import measure_accounts
from crossmargin.model.margin.arrays import SERIES, Holdings
from crossmargin.model.margin.layout import Live, packed, unpacked
from crossmargin.model.margin.risk_renewal import renew_options, take_series
from crossmargin.model.options.black76 import DAY
from crossmargin.model.options.series import mark_series
from crossmargin.model.state import Array
from tests.experiments.margin.live_market import GRID, TWO

SMILE = {"up": 0.5, "down": 0.25, "short_power": 0.3, "long_power": 0.13}
OPTIONS: dict[str, dict[str, Any]] = {
    "scenario": {
        "scenario": GRID
        | {
            "default": GRID["default"]
            | {
                "vols": [1.0, 0.0, -1.0],
                "volatility": SMILE,
                "discount": {"positive": 0.95, "rate": 0.02, "rate_multiple": 4.0},
                "basis": {"shock": 0.05, "weight": 0.25, "weight_a_year": 0.01},
            }
        }
    },
    "standard_options": {
        "standard_options": {"default": {"max_loss": True}},
        "skew_premium": {"default": {"initial": 0.02, "slope": 0.005, "scale": 100.0}},
    },
    "netting": {"netting": {"default": {"initial": 0.1, "maintenance": 0.05, "residual": 0.2}}},
    "delta_gamma_vega": {"delta_gamma_vega": {"default": {"spot": 0.1}}},
    "value_at_risk": {"value_at_risk": TWO},
}
#: Contracts held of each series, and bitcoins of the perpetual.
HELD, PERP = (-3.0, 2.0, 1.0, -4.0), 1.5


def series_of(forward: float) -> Array:
    found = np.zeros(4, SERIES)
    found["forward"], found["lot"], found["confidence"] = forward, 1.0, 1.0
    found["strike"] = [57000.0, 57000.0, 63000.0, 63000.0]
    found["kind"], found["volatility"] = [1, -1, 1, -1], 0.6
    found["seconds"] = 20 * DAY
    mark_series(found)
    return found


def market_of(name: str) -> tuple[Any, Live]:
    scenario = load_scenario("two-coins", {"venue.margin": OPTIONS[name]})
    live = live_risk(scenario, [60000.0, 3000.0], 1, series_of(60000.0))
    live.terms.coins["lot"], live.terms.perps["lot"] = 1.0, 1.0
    return scenario, unpacked(packed(live))


def numbers_of(live: Live) -> Array:
    held = Holdings(
        coins=np.array([[1e6, 0.0, 0.0]]),
        perps=np.array([[PERP, 0.0]]),
        cost=np.array([[PERP * 60000.0, 0.0]]),
        bids=np.zeros((1, 2)),
        asks=np.zeros((1, 2)),
        options=np.array([HELD]),
    )
    found = np.zeros((1, 5))
    measure_accounts(held, live.terms, live.risk, found)
    return np.asarray(found[0])


def expected_of(scenario: Any, forward: float) -> Array:
    rows = [
        {
            "underlying": "BTC",
            "kind": "call" if s["kind"] == 1 else "put",
            "strike": float(s["strike"]),
            "expiry_seconds": float(s["seconds"]),
            "size": size,
            "vol": 0.6,
            "forward": forward,
        }
        for s, size in zip(series_of(forward), HELD, strict=True)
    ]
    report = evaluate_margin(
        {
            "collateral": {"USDC": 1e6},
            "perp": [
                {"market": "BTC-PERP", "size": PERP, "entry_price": 60000.0},
                {"market": "ETH-PERP", "size": 0.0},
            ],
            "option": rows,
            "prices": {"BTC": 60000.0, "ETH": 3000.0},
        },
        preset_of(scenario),
    )
    return np.array(
        [
            report.equity,
            report.initial_equity,
            report.maintenance_equity,
            report.initial_margin,
            report.maintenance_margin,
        ]
    )


@pytest.mark.parametrize("name", OPTIONS)
def test_options_count_as_in_the_calculator_when_the_market_begins_and_later(name: str) -> None:
    scenario, live = market_of(name)
    assert numbers_of(live) == pytest.approx(expected_of(scenario, 60000.0), rel=1e-9)
    from_python(take_series)(live.terms.series, series_of(61500.0))
    from_python(renew_options)(live)
    assert numbers_of(live) == pytest.approx(expected_of(scenario, 61500.0), rel=1e-9)


def test_a_model_without_options_refuses_them() -> None:
    model = {"size_premium": {"default": {"initial": 0.1, "maintenance": 0.05}}}
    scenario = load_scenario("two-coins", {"venue.margin": model})
    with pytest.raises(ParameterError, match="has no options to margin"):
        live_risk(scenario, [60000.0, 3000.0], 1, series_of(60000.0))
