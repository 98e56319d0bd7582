"""The page of the calculator: its charts say what the desk says."""

from pathlib import Path

import numpy as np
import pytest

from crossmargin.dashboards.margin import margin_html, surface, surfaces, sweep, write_margin_report
from crossmargin.experiments.margin.desk import Desk
from crossmargin.experiments.margin.evaluate import evaluate_margin, make_desk

BOOK = {
    "collateral": {"USDC": 9000.0},
    "perp": [{"market": "ETH-PERP", "size": 3.0}, {"market": "BTC-PERP", "size": -0.2}],
    "option": [
        {
            "underlying": "BTC",
            "kind": "call",
            "strike": 66000.0,
            "expiry_seconds": 2e6,
            "size": -0.3,
            "vol": 0.6,
        }
    ],
    "prices": {"BTC": 60000.0, "ETH": 3000.0},
}


@pytest.fixture(scope="module")
def desk() -> Desk:
    return make_desk(BOOK, "derive-portfolio")


def test_the_curve_goes_through_the_portfolio_as_it_is(desk: Desk) -> None:
    curve = sweep(desk, "BTC", points=11)
    report = evaluate_margin(BOOK, "derive-portfolio")
    now = curve.iloc[5]
    assert now["move"] == pytest.approx(0.0, abs=1e-12)
    assert now["equity"] == pytest.approx(report.equity)
    assert now["maintenance margin"] == pytest.approx(report.maintenance_margin)


def test_the_curve_crosses_where_the_account_is_liquidated(desk: Desk) -> None:
    report = evaluate_margin(BOOK, "derive-portfolio")
    up = report.liquidation_price["BTC-PERP"]["up"]
    assert up is not None
    curve = sweep(desk, "BTC", points=1001)
    room = curve["maintenance equity"] - curve["maintenance margin"]
    crossed = curve["move"][(room < 0) & (curve["move"] > 0)].min()
    assert crossed == pytest.approx(up / 60000 - 1, abs=2e-3)


def test_surfaces_are_of_prices_and_of_volatility(desk: Desk) -> None:
    both, smile = surfaces(desk)
    assert (both.index.name, both.columns.name) == ("ETH", "BTC")
    assert (smile.index.name, smile.columns.name) == ("BTC", "volatility")
    middle = both.shape[0] // 2
    assert both.iloc[middle, middle] == pytest.approx(smile.iloc[middle, middle])
    assert smile.iloc[middle, -1] < smile.iloc[middle, middle]  # short options lose by volatility
    assert np.isfinite(surface(desk, 0, points=5).to_numpy()).all()


def test_the_page_holds_charts_tables_and_what_is_missing(desk: Desk, tmp_path: Path) -> None:
    html = margin_html(desk, evaluate_margin(BOOK, "derive-portfolio"))
    for word in ("chart-profit-btc", "chart-surface-btc-volatility", "Not modelled", "ETH-PERP"):
        assert word in html
    path = write_margin_report(BOOK, "derive-portfolio", None, tmp_path / "page.html")
    assert path.read_text() == html
    alone = {"collateral": {"USDC": 1.0}}
    assert "Nothing can move" in margin_html(
        make_desk(alone, "dydx-v4"), evaluate_margin(alone, "dydx-v4")
    )
