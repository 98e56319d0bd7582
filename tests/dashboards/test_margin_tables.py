"""Tables of the calculator's pages, and the page over venues."""

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crossmargin.dashboards.margin import margin_html
from crossmargin.dashboards.margin_comparison import comparison_html, numbers_table, prices_table
from crossmargin.dashboards.margin_tables import (
    NONE,
    figure,
    greeks_table,
    money,
    percent,
    positions_table,
    scenarios_table,
)
from crossmargin.experiments.cli import app
from crossmargin.experiments.margin.comparing import compare_margin
from crossmargin.experiments.margin.evaluate import evaluate_margin, make_desk
from tests.dashboards.test_margin import BOOK


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1522.67123, "1,522.7"),
        (60000.0, "60,000"),
        (-0.0868108, "-0.086811"),
        (1.1316e-5, "0.000011316"),
        (0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (math.nan, NONE),
        (None, NONE),
        (123456789.0, "123,456,789"),
    ],
)
def test_figures_have_five_places_and_no_exponent(value: float, text: str) -> None:
    assert figure(value) == text


def test_money_and_percentages() -> None:
    assert money(-3081.4913) == "-3,081.49"
    assert (percent(0.15), percent(-0.05), percent(0.0)) == ("+15%", "-5%", "0%")
    assert money(math.nan) == percent(None) == NONE


def test_tables_have_what_the_report_has_and_no_nan() -> None:
    report = evaluate_margin(BOOK, "derive-portfolio")
    positions, greeks = positions_table(report), greeks_table(report)
    assert positions["position"].tolist() == [row["position"] for row in report.positions]
    assert greeks["of"].tolist()[:2] == [f"all in {name}" for name in report.greeks]
    assert len(greeks) == len(report.greeks) + 1  # one option
    assert greeks["delta"].iloc[1] == figure(report.greeks["BTC"]["delta"])
    table = scenarios_table(report)
    assert (table[""] == "binds").sum() == sum(row["binding"] for row in report.scenarios)
    for frame in (positions, greeks, table):
        assert not frame.isin(["nan", "True", "False"]).any().any()


def test_the_page_shows_no_nan_and_no_long_decimals() -> None:
    report = evaluate_margin(BOOK, "derive-portfolio")
    page = margin_html(make_desk(BOOK, "derive-portfolio"), report).split("plotly.js v")[0]
    cells = [cell.split("</td>")[0] for cell in page.split("<td>")[1:]]
    assert len(cells) > 100
    assert all(len(cell.split(".")[-1]) <= 12 for cell in cells if "." in cell and cell[0] != "B")
    assert "nan" not in cells


def test_the_page_over_venues() -> None:
    rows = compare_margin(BOOK, ["derive-portfolio", "mango-v4", "span"])
    text = comparison_html(rows, "book")
    assert 'id="chart-requirements"' in text
    assert "mango-v4 has no options" in text
    possible = {name: row for name, row in rows.items() if "not_possible" not in row}
    table = numbers_table(possible)
    assert table["preset"].tolist() == ["derive-portfolio", "span"]
    assert table["initial margin"].iloc[1] == money(rows["span"]["initial_margin"])
    prices = prices_table(possible).set_index("preset")
    wanted = rows["span"]["liquidation_price"]["BTC-PERP"]["up"]
    assert prices.loc["span", "BTC-PERP up"] == figure(wanted)


def test_compare_honours_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("book.toml").write_text(
        '[collateral]\nUSDC = 9000.0\n[[perp]]\nmarket = "BTC-PERP"\nsize = 0.1\n'
        "[prices]\nBTC = 60000.0\n"
    )
    words = ["margin", "book.toml", "--compare", "dydx-v4", "--compare", "hyperliquid"]
    found = CliRunner().invoke(app, [*words, "--report"])
    assert found.exit_code == 0
    assert Path("book-compared.html").is_file()
    assert "book-compared.html" in found.output
    found = CliRunner().invoke(app, [*words, "--json", "--out", "there.html"])
    assert set(json.loads(found.output)) == {"dydx-v4", "hyperliquid"}
    assert Path("there.html").is_file()
