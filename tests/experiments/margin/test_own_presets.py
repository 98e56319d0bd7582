"""Presets of one's own: every part by itself, from its table to its number."""

import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

import crossmargin as xm
from crossmargin.experiments.margin.evaluate import evaluate_margin
from crossmargin.experiments.margin.procyclicality import read_closes

CASH = {"USDC": 1e6}
SHORT_CALL = {
    "underlying": "BTC",
    "kind": "call",
    "strike": 60000.0,
    "expiry_seconds": 30 * 86400.0,
    "size": -1.0,
    "vol": 0.6,
}
PRICES = {"BTC": 60000.0, "ETH": 3000.0}


def book(*sizes: tuple[str, float], **more: Any) -> dict[str, Any]:
    perps = [{"market": market, "size": size} for market, size in sizes]
    return {"collateral": CASH, "perp": perps, "prices": PRICES} | more


def preset(**tables: Any) -> dict[str, Any]:
    return {"name": "mine", "title": "Mine", **tables}


RISK = {
    "assets": ["BTC", "ETH"],
    "volatility": [0.6, 0.8],
    "correlation": [[1.0, 0.8], [0.8, 1.0]],
    "confidence": 0.99,
}


def test_parametric_value_at_risk() -> None:
    report = evaluate_margin(
        book(("BTC-PERP", 1.0)),
        preset(value_at_risk=RISK | {"measure": "value_at_risk", "horizon_days": 4.0}),
    )
    expected = NormalDist().inv_cdf(0.99) * 0.6 * math.sqrt(4 / 365) * 60000.0
    assert report.maintenance_margin == pytest.approx(expected)
    assert report.initial_margin == pytest.approx(1.3 * expected)


def test_stressed_correlations_raise_what_a_book_on_one_side_needs() -> None:
    both = book(("BTC-PERP", 1.0), ("ETH-PERP", 20.0))
    plain = evaluate_margin(both, preset(value_at_risk=RISK))
    stressed = evaluate_margin(both, preset(value_at_risk=RISK | {"correlation_stress": 1.0}))
    ratio = (0.6 + 0.8) / math.sqrt(0.36 + 0.64 + 2 * 0.8 * 0.48)
    assert stressed.maintenance_margin / plain.maintenance_margin == pytest.approx(ratio, rel=1e-6)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_historical_value_at_risk_of_recorded_prices(side: float) -> None:
    rule = {
        "method": "historical",
        "measure": "value_at_risk",
        "confidence": 0.99,
        "recordings": {"BTC": "btc_usd_daily.csv"},
    }
    report = evaluate_margin(book(("BTC-PERP", side)), preset(value_at_risk=rule))
    closes = read_closes("btc_usd_daily.csv")
    losses = np.sort(-side * (closes[1:] / closes[:-1] - 1))[::-1]
    kept = math.ceil(0.01 * len(losses))
    assert report.maintenance_margin == pytest.approx(60000.0 * losses[kept - 1])


def test_filtered_risk_follows_the_volatility_of_the_last_days() -> None:
    rule = {"recordings": {"BTC": "btc_usd_daily.csv"}, "confidence": 0.99}
    found = [
        evaluate_margin(
            book(("BTC-PERP", 1.0)), preset(value_at_risk=rule | {"method": method})
        ).maintenance_margin
        for method in ("historical", "filtered", "parametric")
    ]
    assert all(0.005 * 60000 < x < 0.3 * 60000 for x in found)
    assert found[1] != found[0]
    with pytest.raises(xm.ParameterError, match=r"recordings\.ETH: is missing; there are BTC"):
        historical = rule | {"method": "historical"}
        evaluate_margin(book(("ETH-PERP", 1.0)), preset(value_at_risk=historical))


def test_greeks_margin() -> None:
    rule = {"default": {"spot": 0.1, "volatility": 0.2, "gamma_charge": 2.0}}
    report = evaluate_margin(book(option=[SHORT_CALL]), preset(delta_gamma_vega=rule))
    greeks = report.greeks["BTC"]
    expected = abs(greeks["delta"]) * 6000 + 0.2 * abs(greeks["vega"])
    expected += -greeks["gamma"] * 6000.0**2
    assert report.maintenance_margin == pytest.approx(expected)


def test_netting_of_an_option_and_its_hedge() -> None:
    rule = {"default": {"initial": 0.1, "maintenance": 0.05, "residual": 0.2}}
    naked = evaluate_margin(book(option=[SHORT_CALL]), preset(netting=rule))
    delta = -naked.greeks["BTC"]["delta"]
    hedged = evaluate_margin(book(("BTC-PERP", delta), option=[SHORT_CALL]), preset(netting=rule))
    assert naked.initial_margin == pytest.approx(0.1 * 60000 * delta)
    assert hedged.initial_margin == pytest.approx(0.2 * naked.initial_margin)


def test_liquidity_uses_what_the_portfolio_knows_of_the_market() -> None:
    rule = {"default": {"volume": 1e4, "depth": 5e6}}
    fractions = {"default": {"initial": 0.1, "maintenance": 0.05}}
    tables = preset(liquidity=rule, fractions=fractions)
    thick = evaluate_margin(book(("BTC-PERP", 10.0)), tables)
    thin = evaluate_margin(
        book(("BTC-PERP", 10.0), market={"BTC": {"volume": 100.0, "depth": 1e5}}), tables
    )
    assert 0.05 * 6e5 < thick.maintenance_margin < thin.maintenance_margin


def test_wrong_way_collateral() -> None:
    tables = preset(
        wrong_way={"strength": 0.5},
        weights={"default": {"initial": 0.8, "maintenance": 0.9}},
        fractions={"default": {"initial": 0.1, "maintenance": 0.05}},
    )
    held = {"collateral": {"BTC": 2.0}}
    long = evaluate_margin(book(("BTC-PERP", 1.0)) | held, tables)
    short = evaluate_margin(book(("BTC-PERP", -1.0)) | held, tables)
    assert short.maintenance_equity == pytest.approx(0.9 * 120000)
    assert long.maintenance_equity == pytest.approx(0.9 * (120000 - 0.5 * 60000))
    assert long.equity == short.equity == 120000.0


def test_volatile_coins_count_less_for_entry() -> None:
    coin = {"initial": 0.8, "maintenance": 0.9, "calm_volatility": 0.5, "volatility_slope": 0.5}
    tables = preset(weights={"default": coin})
    held = {"collateral": {"ETH": 1.0}, "prices": PRICES, "asset": {"ETH": {"volatility": 1.0}}}
    report = evaluate_margin(held, tables)
    assert report.initial_equity == pytest.approx(0.5 * 0.8 * 3000)
    assert report.maintenance_equity == pytest.approx(0.9 * 3000)


def test_unrealised_profit_that_may_not_be_withdrawn() -> None:
    tables = preset(
        credit={"initial": 1.0, "withdrawable": 0.25},
        fractions={"default": {"initial": 0.1, "maintenance": 0.05}},
    )
    gain = {"perp": [{"market": "BTC-PERP", "size": 1.0, "unrealised_pnl": 10000.0}]}
    report = evaluate_margin(book() | gain | {"collateral": {"USDC": 1000.0}}, tables)
    assert report.free_collateral == pytest.approx(11000 - 6000)
    assert report.withdrawable == pytest.approx(0.0)  # 7,500 of the gain stay
    rich = evaluate_margin(book() | gain | {"collateral": {"USDC": 9000.0}}, tables)
    assert rich.withdrawable == pytest.approx(19000 - 6000 - 7500)


def test_perpetuals_where_there_are_none() -> None:
    with pytest.raises(xm.ParameterError, match="perp: aave-v3 has no perpetuals"):
        evaluate_margin(book(("BTC-PERP", 1.0)), "aave-v3")


def test_a_preset_of_ones_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\ntitle = "Mine"\n[fractions.default]\ninitial = 0.2\nmaintenance = 0.1\n'
    )
    report = evaluate_margin(book(("BTC-PERP", 1.0)), path)
    assert (report.preset, report.initial_margin) == ("mine", 12000.0)
    path.write_text(path.read_text().replace("initial = 0.2", "initial = 2.0"))
    with pytest.raises(xm.ParameterError, match=r"mine\.toml: fractions\.default\.initial = 2"):
        evaluate_margin(book(("BTC-PERP", 1.0)), path)


def test_two_parts_that_count_options_are_refused() -> None:
    unit = {"default": {"spots": [-0.1, 0.1]}}
    rule = {"default": {"spot": 0.1}}
    with pytest.raises(xm.ParameterError, match="scenario and delta_gamma_vega both count options"):
        evaluate_margin(book(), preset(scenario=unit, delta_gamma_vega=rule))


def test_a_market_that_a_preset_does_not_know() -> None:
    rows = {"market": {"BTC": {"initial": 0.1, "maintenance": 0.05}}}
    with pytest.raises(xm.ParameterError, match=r"fractions\.market\.ETH: is missing.*knows BTC"):
        evaluate_margin(book(("ETH-PERP", 1.0)), preset(fractions=rows))


def test_credits_of_span_lower_what_two_underlyings_need() -> None:
    both = book(("BTC-PERP", 1.0), ("ETH-PERP", -20.0)) | {"collateral": {"USD": 1e6}}
    plain = evaluate_margin(both, "span", {"scenario.credits": []})
    credited = evaluate_margin(both, "span")
    assert plain.maintenance_margin == pytest.approx(0.3 * 120000)
    assert credited.maintenance_margin == pytest.approx(0.5 * 0.3 * 120000)
