"""Published numbers of venues, through the calculator, to the precision published.

Restated from the tests of derivexyz/v2-core, blockworks-foundation/mango-v4, dydxprotocol/v4-chain
and Synthetixio/synthetix-v3, and from the rule pages of Hyperliquid, Binance, Deribit and Aave.
"""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from crossmargin.experiments.margin.desk import Desk
from crossmargin.experiments.margin.evaluate import evaluate_margin, make_desk
from crossmargin.model.margin.arrays import (
    EQUITY,
    INITIAL,
    INITIAL_EQUITY,
    MAINTENANCE,
    MAINTENANCE_EQUITY,
)
from tests.reference.binance_brackets import BRACKETS

HERE = Path(__file__).parent
PORTFOLIO = json.loads((HERE / "derive_portfolio.json").read_text())["cases"]
STANDARD = json.loads((HERE / "derive_standard.json").read_text())["cases"]


def balances(desk: Desk) -> tuple[float, float, float]:
    """Raw equity, and the entry and maintenance balances net of requirements."""
    n = desk.numbers()[0]
    initial, maintenance = n[INITIAL_EQUITY] - n[INITIAL], n[MAINTENANCE_EQUITY] - n[MAINTENANCE]
    return float(n[EQUITY]), float(initial), float(maintenance)


def option(row: dict[str, Any], underlying: str, seconds: float) -> dict[str, Any]:
    return {
        "underlying": underlying,
        "kind": "call" if row["call"] else "put",
        "strike": row["strike"],
        "expiry_seconds": seconds,
        "size": row["amount"],
        "vol": row["vol"],
        "forward": row["forward"],
    }


def portfolio_of(case: dict[str, Any]) -> dict[str, Any]:
    """A case of Derive's portfolio margin as a portfolio."""
    trust = min([1.0, *case["fwdConf"].values(), *case["volConf"].values()])
    options = [option(row, "ETH", row["expirySec"]) for row in case["options"]]
    perp = {"market": "ETH-PERP", "size": case["perp"], "unrealised_pnl": case["perpPnl"]}
    return {
        "collateral": {"USDC": case["cash"], "ETH": case["base"]},
        "perp": [perp] if case["perp"] else [],
        "option": [row | {"confidence": trust} for row in options],
        "prices": {"ETH": case["spot"], "ETH-PERP": case["perpPrice"], "USDC": case["stable"]},
        "asset": {"ETH": {"confidence": case["spotConf"]}},
        "market": {"ETH": {"confidence": case["perpConf"]}},
    }


@pytest.mark.parametrize("case", PORTFOLIO, ids=[case["name"] for case in PORTFOLIO])
def test_portfolio_margin_of_derive(case: dict[str, Any]) -> None:
    """derivexyz/v2-core, PMRM tests; results are truncated to whole USD towards zero."""
    _, initial, maintenance = balances(make_desk(portfolio_of(case), "derive-portfolio"))
    assert (math.trunc(initial), math.trunc(maintenance)) == (case["im"], case["mm"])


@pytest.mark.parametrize("case", STANDARD, ids=[case["name"] for case in STANDARD])
def test_standard_margin_of_derive(case: dict[str, Any]) -> None:
    """derivexyz/v2-core, StandardManager/test-cases.json."""
    options = [option(row, row["underlying"], row["sec"]) for row in case["options"]]
    desk = make_desk({"option": options, "prices": case["spot"]}, "derive-standard")
    value, initial, maintenance = balances(desk)
    assert initial == pytest.approx(case["im"], abs=1e-9)
    assert maintenance == pytest.approx(case["mm"], abs=1e-9)
    assert value == pytest.approx(case["mtm"], abs=1e-9)


#: Weights of the three tokens of Mango's tests: price, asset weight, liability weight.
TOKENS = {"T1": (1.0, 0.8, 1.2), "T2": (5.0, 0.5, 1.5), "T3": (10.0, 0.5, 1.5)}
#: Balances of T1 to T3; reserved (T1, other) with T2, T3; perpetual (lots, quote, bids, asks);
#: deposits and where weights begin to scale; lowest ask with T2, highest bid with T3; health.
MANGO: dict[int, tuple[dict[str, Any], float]] = {
    0: ({"held": (100, -10, 0), "T2": (20, 15), "perp": (3, -131, 7, 11)}, 16.2),
    2: ({"perp": (-1, 100, 0, 0)}, 30.4),
    4: ({"perp": (10, 100, 0, 0)}, 380.0),
    6: ({"held": (-100, -10, -10), "T2": (1, 1), "T3": (1, 1)}, -324.6),
    8: ({"held": (-100, -100, -1), "T3": (10, 1)}, -865.0),
    10: (
        {"held": (100,) * 3, "deposits": (100, 1500, 10000), "starts": (1000, 5000, 10000)},
        80 + 0.5 * 5 / 7.5 * 500 + 0.5 * 0.1 * 1000,
    ),
    12: ({"held": (-100, 0, 0), "perp": (1, 100, 0, 0)}, 26.4),
    14: (
        {"held": (-100, -10, 0), "T2": (1, 1), "T3": (11, 1), "ask": 3.0, "bid": 12.0},
        1.2 * (-100 + 4) + 0.5 * 10 * (1 + 11 / 12) - 10 * 5 * 1.5,
    ),
    16: ({"held": (100,) * 3, "T2": (0, 100), "T3": (0, 100)}, 1580.0),
}


def mango_orders(case: dict[str, Any]) -> list[dict[str, Any]]:
    """Spot orders that hold back what a case says."""
    orders = []
    for token, price in (("T2", 5.0), ("T3", 10.0)):
        quote, base = case.get(token, (0, 0))
        bid = case.get("bid", price) if token == "T3" else price
        ask = case.get("ask", price) if token == "T2" else price
        if quote:
            orders.append({"market": f"{token}/T1", "size": quote / bid, "price": bid})
        if base:
            orders.append({"market": f"{token}/T1", "side": "sell", "size": base, "price": ask})
    return orders


def mango_portfolio(case: dict[str, Any]) -> dict[str, Any]:
    starts, deposits = case.get("starts", (0,) * 3), case.get("deposits", (0,) * 3)
    weights = {
        name: {
            "initial": asset,
            "maintenance": asset,
            "owed_initial": owed,
            "owed_maintenance": owed,
            "deposit_start": start,
        }
        for (name, (_, asset, owed)), start in zip(TOKENS.items(), starts, strict=True)
    }
    lots, quote, bids, asks = case.get("perp", (0, 0, 0, 0))
    perp = {"market": "P-PERP", "size": 10 * lots, "unrealised_pnl": quote + 50 * lots}
    orders = [{"market": "P-PERP", "size": 10 * n} for n in (bids, -asks) if n]
    return {
        "collateral": dict(zip(TOKENS, case.get("held", (0,) * 3), strict=True)),
        "perp": [perp] if lots else [],
        "perp_order": orders,
        "spot_order": mango_orders(case),
        "prices": {name: row[0] for name, row in TOKENS.items()} | {"P": 5.0},
        "asset": {n: {"deposits": d} for n, d in zip(TOKENS, deposits, strict=True)},
        "overrides": {"quote": "T1", "weights": {"asset": weights}},
    }


@pytest.mark.parametrize("number", MANGO)
def test_health_of_mango(number: int) -> None:
    """blockworks-foundation/mango-v4, health/cache.rs."""
    case, expected = MANGO[number]
    report = evaluate_margin(mango_portfolio(case), "mango-v4").to_dict()
    assert report["init_health"] == pytest.approx(expected, rel=1e-12)


def one_perp(market: str, size: float, price: float, **more: float) -> dict[str, Any]:
    return {
        "collateral": {"USDC": 1e12},
        "perp": [{"market": market, "size": size, **more}],
        "prices": {market: price},
    }


@pytest.mark.parametrize(
    ("size", "price", "initial_rate", "fraction", "initial", "maintenance"),
    [
        (0.074523, 123456.0, 0.05, 0.6, 460.015575, 276.009345),
        (0.012, 36750.0, 0.2, 0.5, 88.2, 44.1),
    ],
)
def test_requirements_of_dydx(
    size: float,
    price: float,
    initial_rate: float,
    fraction: float,
    initial: float,
    maintenance: float,
) -> None:
    """dydxprotocol/v4-chain, lib_test.go: rounded up to 1e-6 USDC."""
    rates = {"initial": initial_rate, "maintenance_fraction": fraction}
    changes = {"fractions.market.BTC": rates}
    report = evaluate_margin(one_perp("BTC-USD", size, price), "dydx-v4", changes)
    assert round(report.initial_margin * 1e6) == round(initial * 1e6)
    assert round(report.maintenance_margin * 1e6) == round(maintenance * 1e6)


def test_account_of_dydx() -> None:
    """subaccount_test.go: 1 USDC, short 1 BTC at 50,000, long 0.75 ETH at 3,000."""
    portfolio = {
        "collateral": {"USDC": 1.0},
        "perp": [
            {"market": "BTC-USD", "size": -1.0, "unrealised_pnl": -50000.0},
            {"market": "ETH-USD", "size": 0.75, "unrealised_pnl": 2250.0},
        ],
        "prices": {"BTC": 50000.0, "ETH": 3000.0},
    }
    changes = {
        "fractions.market.BTC": {"initial": 0.5, "maintenance": 0.4},
        "fractions.market.ETH": {"initial": 0.2, "maintenance": 0.1},
    }
    report = evaluate_margin(portfolio, "dydx-v4", changes)
    found = (report.equity, report.initial_margin, report.maintenance_margin)
    assert found == (-47749.0, 25450.0, 20225.0)


@pytest.mark.parametrize(
    ("interest", "rate"), [(1.0e6, 0.2), (1.5e6, 0.6), (2.0e6, 1.0), (2.5e6, 1.0)]
)
def test_open_interest_raises_entry_and_not_maintenance(interest: float, rate: float) -> None:
    """liquidity_tier_test.go."""
    portfolio = one_perp("X-USD", 1.0, 1000.0)
    portfolio["market"] = {"X": {"open_interest": interest}}
    changes = {
        "fractions.default.open_interest_lower": 1e6,
        "fractions.default.open_interest_upper": 2e6,
    }
    report = evaluate_margin(portfolio, "dydx-v4", changes)
    assert report.initial_margin == pytest.approx(1000.0 * rate)
    assert report.maintenance_margin == 100.0


def test_requirements_of_synthetix() -> None:
    """Synthetix v3 perps-market: -2 BTC at 30,000 and 20 ETH at 2,000."""
    rates = {"initial": 0.01, "slope": 2.0, "multiple": 0.5}
    portfolio = {
        "collateral": {"USDC": 1e5},
        "perp": [{"market": "BTC", "size": -2.0}, {"market": "ETH", "size": 20.0}],
        "prices": {"BTC": 30000.0, "ETH": 2000.0},
    }
    changes = {
        "skew_premium.market.BTC": rates | {"scale": 100.0, "charge": 1000.0},
        "skew_premium.market.ETH": rates | {"scale": 1000.0, "charge": 500.0},
    }
    report = evaluate_margin(portfolio, "synthetix-v3", changes)
    assert report.initial_margin == pytest.approx(6500.0, rel=1e-14)
    assert report.maintenance_margin == pytest.approx(4000.0, rel=1e-14)


def test_tiers_of_hyperliquid() -> None:
    """Hyperliquid docs: 200m of BTC keep 3.125m; entry at 20x of the whole above 150m."""
    report = evaluate_margin(one_perp("BTC-PERP", 2000.0, 1e5), "hyperliquid")
    assert report.maintenance_margin == 3_125_000.0
    assert report.initial_margin == 10_000_000.0


@pytest.mark.parametrize(("cap", "rate", "amount", "leverage"), BRACKETS)
def test_brackets_of_binance(cap: float, rate: float, amount: float, leverage: int) -> None:
    """Binance, brackets of BTCUSDT: notional cap, maintenance rate, amount, leverage."""
    for notional in (cap, 0.97 * cap):
        report = evaluate_margin(one_perp("BTCUSDT", notional / 1e4, 1e4), "binance-usdm")
        assert report.maintenance_margin == pytest.approx(notional * rate - amount, rel=1e-12)
        assert report.initial_margin == pytest.approx(notional / leverage, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "strike", "initial", "maintenance"),
    [
        ("call", 10500.0, (0.15 - 0.05) * 10000, 0.075 * 10000),
        ("call", 12000.0, 0.1 * 10000, 0.075 * 10000),
        ("call", 9000.0, 0.15 * 10000, 0.075 * 10000),
        ("put", 9800.0, (0.15 - 0.02) * 10000, 0.075 * 10000),
    ],
)
def test_short_options_of_deribit(
    kind: str, strike: float, initial: float, maintenance: float
) -> None:
    """Deribit, standard margin: max(0.15 - OTM / S, 0.1) + mark, 0.075 + mark, in coins."""
    row = {"underlying": "BTC", "kind": kind, "strike": strike, "size": -1.0, "vol": 0.7}
    portfolio = {
        "collateral": {"USDC": 1e5},
        "option": [row | {"expiry_seconds": 30 * 86400.0}],
        "prices": {"BTC": 10000.0},
    }
    report = evaluate_margin(portfolio, "deribit-standard")
    mark = 1e5 - report.equity
    assert report.initial_margin == pytest.approx(initial + mark)
    assert report.maintenance_margin == pytest.approx(maintenance + mark)


def test_health_factor_of_aave() -> None:
    """Aave v3: collateral times threshold over debt; liquidated where it is one."""
    portfolio = {
        "collateral": {"ETH": 10.0, "USDC": -12450.0},
        "prices": {"ETH": 2000.0},
        "overrides": {"weights.asset.ETH.maintenance": 0.83},
    }
    report = evaluate_margin(portfolio, "aave-v3")
    assert report.to_dict()["health_factor"] == pytest.approx(10 * 2000 * 0.83 / 12450)
    assert report.liquidation_price["ETH"]["down"] == pytest.approx(1500.0)
    assert report.liquidation_price["ETH"]["up"] is None


@pytest.mark.parametrize(
    ("price", "share"), [(1500.1, 0.0), (1500.0 * 0.99, 0.5), (1500.0 * 0.951, 0.5), (1424.9, 1.0)]
)
def test_close_factor_and_bonus_of_aave(price: float, share: float) -> None:
    """Aave v3, LiquidationLogic.sol: half above a health factor of 0.95, all below; bonus 5%."""
    portfolio = {
        "collateral": {"ETH": 10.0, "USDC": -12450.0},
        "prices": {"ETH": price},
        "overrides": {"weights.asset.ETH.maintenance": 0.83},
    }
    report = evaluate_margin(portfolio, "aave-v3").to_dict()
    assert (report["health_factor"] > 0.95) == (share < 1.0)
    assert report["close_factor"] == share
    assert report["repaid"] == pytest.approx(share * 12450.0)
    assert report["seized"] == pytest.approx(1.05 * share * 12450.0)


def test_a_small_debt_of_aave_may_be_repaid_whole() -> None:
    """v3.3: debt or collateral below 2,000 USD; no more is seized than there is."""
    changes = {"weights.asset.ETH.maintenance": 0.83}
    small = {"collateral": {"ETH": 1.0, "USDC": -1245.0}, "prices": {"ETH": 1490.0}}
    assert evaluate_margin(small, "aave-v3", changes).to_dict()["close_factor"] == 1.0
    poor = {"collateral": {"ETH": 10.0, "USDC": -12450.0}, "prices": {"ETH": 1000.0}}
    report = evaluate_margin(poor, "aave-v3", changes).to_dict()
    assert (report["seized"], report["repaid"]) == pytest.approx((10_000.0, 10_000.0 / 1.05))


def test_size_premium_of_drift() -> None:
    """Drift v2, margin.rs: max(w, 0.8 w + factor x root of size)."""
    changes = {"size_premium.market.SOL.slope": 0.001}
    small = evaluate_margin(one_perp("SOL-PERP", 1.0, 100.0), "drift-v2", changes)
    assert small.initial_margin == pytest.approx(0.1 * 100)
    large = evaluate_margin(one_perp("SOL-PERP", 10_000.0, 100.0), "drift-v2", changes)
    assert large.initial_margin == pytest.approx((0.08 + 0.001 * 100) * 1e6)
    assert large.maintenance_margin == pytest.approx((0.04 + 0.001 * 100) * 1e6)


def test_profit_counts_for_entry_up_to_the_cap_of_drift() -> None:
    """Drift v2, constants.rs: 100 USDC a market; a loss counts whole."""
    gain = one_perp("SOL-PERP", 1.0, 100.0, unrealised_pnl=500.0) | {"collateral": {"USDC": 10.0}}
    report = evaluate_margin(gain, "drift-v2")
    assert (report.equity, report.initial_equity, report.maintenance_equity) == (510, 110, 510)
    loss = one_perp("SOL-PERP", 1.0, 100.0, unrealised_pnl=-500.0) | {"collateral": {"USDC": 10.0}}
    assert evaluate_margin(loss, "drift-v2").initial_equity == -490.0
