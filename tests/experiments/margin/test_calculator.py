"""The calculator: reports, liquidation prices, files, the command line, bad input."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import crossmargin as xm
from crossmargin.experiments.cli import app, main
from crossmargin.experiments.margin.evaluate import evaluate_margin, make_desk
from crossmargin.experiments.margin.portfolio import load_portfolio, underlying_of

FILE = """
[collateral]
USDC = 5000.0

[[perp]]
market = "BTC-PERP"
size = 0.5
entry_price = 58000.0

[[option]]
underlying = "BTC"
kind = "put"
strike = 50000.0
expiry_seconds = 864000
size = -0.2
vol = 0.7

[prices]
BTC = 60000.0
"""
LONG = {
    "collateral": {"USDC": 1000.0},
    "perp": [{"market": "BTC-PERP", "size": 0.1, "entry_price": 60000.0}],
    "prices": {"BTC": 60000.0},
}
KEYS = {
    "equity",
    "initial_margin",
    "maintenance_margin",
    "free_collateral",
    "health",
    "liquidation_price",
    "greeks",
    "scenarios",
    "positions",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "portfolio.toml"
    path.write_text(FILE)
    return path


def errors(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What the command says when it ends with exit code 2."""
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_the_command_prints_the_keys_of_the_contract(file: Path) -> None:
    words = ["margin", str(file), "--preset", "derive-portfolio", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert set(found) >= KEYS | {"initial_balance", "maintenance_balance"}
    assert set(found["liquidation_price"]) == {"BTC-PERP"}
    assert set(found["liquidation_price"]["BTC-PERP"]) == {"down", "up"}
    assert sum(row["binding"] for row in found["scenarios"]) == 1
    assert len(found["scenarios"]) == 21
    names = {"delta", "gamma", "vega", "theta", "rho"}
    assert names <= set(found["greeks"]["BTC"])


def test_the_command_prints_tables_and_writes_a_page(file: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    words = ["margin", str(file), "--preset", "deribit-portfolio", "--report", "--out", str(page)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "initial margin" in done.output
    assert "worst scenario of BTC" in done.output
    text = page.read_text()
    assert text.startswith(("<!DOCTYPE html>", "<!doctype html>"))
    assert "deribit-portfolio" in text


def test_compare_says_which_venue_cannot_hold_it(file: Path) -> None:
    words = ["margin", str(file), "--json", "--compare", "derive-standard", "span", "dydx-v4"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert list(found) == ["derive-standard", "span", "dydx-v4"]
    assert found["span"]["initial_margin"] > 0
    assert "no options" in found["dydx-v4"]["not_possible"]


def test_settings_change_the_preset() -> None:
    report = evaluate_margin(LONG, "dydx-v4", {"fractions.market.BTC.initial": 0.05})
    assert report.initial_margin == 300.0
    nested = LONG | {"overrides": {"fractions": {"market": {"BTC": {"initial": 0.1}}}}}
    assert evaluate_margin(nested, "dydx-v4").initial_margin == 600.0
    first = {"fractions.market.BTC.initial": 0.05}
    assert evaluate_margin(nested, "dydx-v4", first).initial_margin == 300.0


def test_the_liquidation_price_solves_the_equation() -> None:
    """Hyperliquid docs: price - side x margin available / size / (1 - l x side)."""
    report = evaluate_margin(LONG, "hyperliquid")
    available = 1000.0 - 6000.0 / 80
    expected = 60000.0 - available / 0.1 / (1 - 1 / 80)
    assert report.liquidation_price["BTC-PERP"] == {"down": pytest.approx(expected), "up": None}
    short = LONG | {"perp": [{"market": "BTC-PERP", "size": -0.1}]}
    found = evaluate_margin(short, "hyperliquid").liquidation_price["BTC-PERP"]
    assert found == {"down": None, "up": pytest.approx(60000.0 + available / 0.1 / (1 + 1 / 80))}


def test_collateral_in_the_underlying_moves_with_it() -> None:
    cash, coin = {"USDC": 1000.0}, {"USDC": 0.0, "ETH": 0.5}
    position = {"perp": [{"market": "ETH-PERP", "size": 1.0}], "prices": {"ETH": 2000.0}}
    with_cash, with_coin = (
        evaluate_margin(position | {"collateral": held}, "derive-portfolio").liquidation_price[
            "ETH-PERP"
        ]["down"]
        for held in (cash, coin)
    )
    assert with_cash is not None
    assert with_coin is not None
    assert with_coin > with_cash


@pytest.mark.parametrize(
    "preset", ["derive-portfolio", "deribit-portfolio", "span", "okx-portfolio"]
)
def test_at_the_liquidation_price_there_is_no_room(preset: str) -> None:
    portfolio = load_portfolio(LONG | {"collateral": {"USDC": 2500.0}})
    report = evaluate_margin(portfolio, preset)
    down = report.liquidation_price["BTC-PERP"]["down"]
    assert down is not None
    for step, is_liquidatable in ((1 - 1e-9, True), (1 + 1e-9, False)):
        prices = {"BTC": down * step}
        moved = evaluate_margin(portfolio.model_copy(update={"prices": prices}), preset)
        assert moved.is_liquidatable == is_liquidatable


def test_who_is_below_maintenance_is_liquidated_where_it_stands() -> None:
    poor = LONG | {"collateral": {"USDC": 10.0}}
    report = evaluate_margin(poor, "dydx-v4")
    assert report.is_liquidatable
    assert report.health < 1
    assert report.liquidation_price["BTC-PERP"] == {"down": 60000.0, "up": 60000.0}
    assert report.joint_shock == {"down": 0.0, "up": 0.0}


def test_without_positions_nothing_is_required() -> None:
    report = evaluate_margin({"collateral": {"USDC": 7.0}}, "dydx-v4")
    assert (report.equity, report.initial_margin, report.health) == (7.0, 0.0, math.inf)
    assert report.to_dict()["health"] is None
    assert report.liquidation_price == {}


def test_contributions_are_what_a_position_adds() -> None:
    portfolio = {
        "collateral": {"USDC": 1e5},
        "perp": [{"market": "BTC-PERP", "size": 1.0}, {"market": "ETH-PERP", "size": -5.0}],
        "prices": {"BTC": 60000.0, "ETH": 3000.0},
    }
    report = evaluate_margin(portfolio, "dydx-v4")
    rows = {row["position"]: row for row in report.positions}
    assert rows["BTC-PERP"]["initial_margin"] == pytest.approx(1200.0)
    assert rows["ETH-PERP"]["initial_margin"] == pytest.approx(300.0)
    assert rows["USDC"]["equity"] == 1e5


def test_greeks_are_the_slopes_of_equity() -> None:
    portfolio = {
        "perp": [{"market": "BTC-PERP", "size": -0.3}],
        "option": [
            {
                "underlying": "BTC",
                "kind": "call",
                "strike": 62000.0,
                "expiry_seconds": 20 * 86400.0,
                "size": 2.0,
                "vol": 0.6,
            }
        ],
        "prices": {"BTC": 60000.0},
    }
    desk = make_desk(portfolio, "derive-portfolio")
    h = 1e-4
    up, now, down = (float(desk.numbers([f])[0, 0]) for f in (1 + h, 1.0, 1 - h))
    greeks = evaluate_margin(portfolio, "derive-portfolio").greeks["BTC"]
    step = h * 60000.0
    assert greeks["delta"] == pytest.approx((up - down) / (2 * step), rel=1e-4)
    assert greeks["gamma"] == pytest.approx((up - 2 * now + down) / step**2, rel=1e-3)


def test_a_report_shows_itself() -> None:
    report = evaluate_margin(LONG, "dydx-v4")
    assert "maintenance margin" in report._repr_html_()
    assert isinstance(report, xm.MarginReport)
    assert xm.evaluate_margin is evaluate_margin


def test_assets_that_a_venue_does_not_take_count_as_equity_only() -> None:
    report = evaluate_margin(LONG | {"collateral": {"USDC": 500.0, "BTC": 1.0}}, "hyperliquid")
    assert report.equity == 60500.0
    assert report.initial_equity == 500.0
    assert "no collateral" in report.notes[0]


@pytest.mark.parametrize(
    ("market", "underlying"),
    [
        ("BTC-PERP", "BTC"),
        ("BTC-USD", "BTC"),
        ("BTC/USDC", "BTC"),
        ("BTC-USDC-PERP", "BTC"),
        ("BTCUSDT", "BTC"),
        ("BTC", "BTC"),
        ("WIF", "WIF"),
    ],
)
def test_underlyings_of_markets(market: str, underlying: str) -> None:
    assert underlying_of(market) == underlying


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("BTC = 60000.0", "BTC = -1.0", ("portfolio.toml: prices", "-1")),
        ("BTC = 60000.0", "", ("portfolio.toml", "prices.BTC: is missing")),
        ("expiry_seconds = 864000", "expiry_seconds = -5", ("portfolio.toml", "expired")),
        ("size = 0.5", "sizee = 0.5", ("portfolio.toml: perp", "did you mean 'size'")),
        ("strike = 50000.0", "strike = -50000.0", ("portfolio.toml: option", "-50000")),
        ('kind = "put"', 'kind = "swap"', ("portfolio.toml: option", "'call' or 'put'")),
        ("[collateral]", "[collateral", ("portfolio.toml", "is no TOML")),
        ("USDC = 5000.0", "USDC = nan", ("collateral", "no amount")),
        ("size = 0.5", "size = true", ("perp", "truth value")),
    ],
)
def test_bad_portfolios_end_with_file_and_key(
    file: Path,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    words: tuple[str, ...],
) -> None:
    assert old in FILE
    file.write_text(FILE.replace(old, new, 1))
    said = errors(capsys, "margin", file, "--preset", "span")
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--preset", "hyperliqid"), "did you mean 'hyperliquid'"),
        (("--preset", "dydx-v4"), "has no options"),
        ((), "--preset: is missing"),
        (("--preset", "span", "--set", "scenari.default.scan_range=1"), "did you mean 'scenario'"),
        (("--preset", "span", "--set", "scenario.default.scan_rang=1"), "unknown key"),
        (("--preset", "span", "--set", "scenario.default.scan_range=-1"), "greater than 0"),
        (("--preset", "no/such.toml"), "no such file"),
    ],
)
def test_bad_presets_end_with_what_is_allowed(
    file: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], expected: str
) -> None:
    assert expected in errors(capsys, "margin", file, *words)


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nowhere.toml: there is no such file" in errors(
        capsys, "margin", "nowhere.toml", "--preset", "span"
    )


def test_a_covariance_must_be_positive_definite() -> None:
    risk: dict[str, Any] = {
        "assets": ["BTC", "ETH"],
        "volatility": [0.6, 0.8],
        "correlation": [[1.0, 1.2], [1.2, 1.0]],
    }
    preset = {"name": "mine", "title": "Mine", "value_at_risk": risk}
    with pytest.raises(xm.ParameterError, match=r"mine: value_at_risk.*not positive definite"):
        evaluate_margin(LONG, preset)
    fine = risk | {"correlation": [[1.0, 0.8], [0.8, 1.0]]}
    assert evaluate_margin(LONG, preset | {"value_at_risk": fine}).initial_margin > 0
    with pytest.raises(xm.ParameterError, match="SOL is missing"):
        sol = {"perp": [{"market": "SOL-PERP", "size": 1.0}], "prices": {"SOL": 100.0}}
        evaluate_margin(sol, preset | {"value_at_risk": fine})
