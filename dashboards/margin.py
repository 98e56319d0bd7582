"""The page of the calculator: numbers, profit and loss, the margin surface, scenarios."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crossmargin.dashboards import page
from crossmargin.dashboards.document import document, versions, write_whole
from crossmargin.dashboards.figures.margin import profit_figure, surface_figure
from crossmargin.dashboards.margin_tables import (
    curve_table,
    figure,
    greeks_table,
    positions_table,
    scenarios_table,
)
from crossmargin.dashboards.page import Card, Section

if TYPE_CHECKING:
    from crossmargin.experiments.margin.desk import Desk
    from crossmargin.experiments.margin.report import MarginReport


def write_margin_report(
    portfolio: Any, preset: Any, overrides: Mapping[str, Any] | None, path: str | Path
) -> Path:
    """Write the page of a portfolio under a preset, whole or not at all."""
    from crossmargin.experiments.margin.evaluate import evaluate_margin, make_desk

    desk = make_desk(portfolio, preset, overrides)
    report = evaluate_margin(portfolio, preset, overrides)
    return write_whole(path, margin_html(desk, report))


def margin_html(desk: "Desk", report: "MarginReport") -> str:
    """Return the page of a portfolio under a preset."""
    title = f"Margin under {desk.preset.title}"
    facts = f"Preset {report.preset} · {versions('numpy', 'numba')}"
    header = (
        f'<h1>{escape(title)}</h1><p class="facts">{escape(facts)}</p>{page.strip(cards(report))}'
    )
    return document(title, header, sections(desk, report), footer(desk))


def cards(report: "MarginReport") -> list[Card]:
    """Headline numbers."""
    found = [
        Card(name.capitalize(), value, "quote") for name, value in report.rows() if name in SHOWN
    ]
    tone = "bad" if report.is_liquidatable else ""
    state = "below maintenance" if report.is_liquidatable else "above maintenance"
    health = dict(report.rows())["health"]
    return [*found, Card("Health", health, state, tone)]


SHOWN = ("equity", "initial margin", "maintenance margin", "free collateral")


def sections(desk: "Desk", report: "MarginReport") -> list[Section]:
    """Charts and tables of the page."""
    found = [_liquidation(report)]
    for name in desk.underlyings:
        curve = sweep(desk, name)
        caption = (
            f"Equity and requirements when {name} moves and all else stays: where the line of "
            "maintenance equity meets the requirement, the account is liquidated."
        )
        found.append(
            Section(
                f"profit-{_id(name)}",
                f"If {name} moves",
                caption,
                profit_figure(curve),
                table=curve_table(curve),
            )
        )
    found += [_surface(grid) for grid in surfaces(desk)]
    if report.positions:
        found += [_positions(report), _greeks(report)]
    if report.scenarios:
        found.append(_scenarios(report))
    return found


def _id(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower())


def _liquidation(report: "MarginReport") -> Section:
    rows = [
        {"market": market, **{way: "none" if p is None else figure(p) for way, p in both.items()}}
        for market, both in report.liquidation_price.items()
    ]
    caption = (
        "Nearest prices at which maintenance equity falls below the requirement, all else fixed."
    )
    if not rows:
        return Section("liquidation", "Liquidation prices", caption, words="Nothing can move.")
    return Section(
        "liquidation", "Liquidation prices", caption, table=pd.DataFrame(rows), is_table=True
    )


def _positions(report: "MarginReport") -> Section:
    caption = "What each position brings: the numbers with it less the numbers without it."
    table = positions_table(report)
    return Section("positions", "Positions", caption, table=table, is_table=True)


def _greeks(report: "MarginReport") -> Section:
    caption = (
        "Delta in coins, gamma per quote of the price, vega in quote per 1.00 of volatility, theta "
        "in quote a day, rho in quote per 1.00 of the rate. Coins held are not counted."
    )
    return Section("greeks", "Greeks", caption, table=greeks_table(report), is_table=True)


def _scenarios(report: "MarginReport") -> Section:
    caption = "Gain under every scenario, what counts of it, and the row that binds."
    table = scenarios_table(report)
    return Section("scenarios", "Scenarios", caption, table=table, is_table=True)


def footer(desk: "Desk") -> str:
    """Sources, and what the preset cannot represent."""
    sources = "".join(f"<li>{escape(line)}</li>" for line in desk.preset.sources)
    missing = "".join(f"<li>{escape(line)}</li>" for line in desk.preset.not_modelled)
    return f"<h2>Sources</h2><ul>{sources}</ul><h2>Not modelled</h2><ul>{missing}</ul>"


def sweep(desk: "Desk", name: str, *, most: float = 0.5, points: int = 101) -> pd.DataFrame:
    """Equity and requirements when one underlying moves by up to a fraction each way."""
    held, place, rows = desk.holdings(), desk.underlyings.index(name), []
    for move in np.linspace(-most, most, points):
        factors = np.ones(len(desk.underlyings))
        factors[place] += move
        rows.append([move, *desk.numbers(factors, held)[0, [0, 2, 3, 4]]])
    columns = ["move", "equity", "maintenance equity", "initial margin", "maintenance margin"]
    return pd.DataFrame(rows, columns=columns)


def _surface(grid: pd.DataFrame) -> Section:
    """Section of one surface, named by what moves."""
    one, other = str(grid.index.name), str(grid.columns.name)
    caption = f"Maintenance equity less requirement when {one} and {other} move: red is liquidated."
    name = f"surface-{_id(one)}-{_id(other)}"
    return Section(name, f"Margin surface: {one} and {other}", caption, surface_figure(grid))


def surfaces(desk: "Desk") -> list[pd.DataFrame]:
    """Surfaces worth drawing: two prices, and price and volatility where options are held."""
    found = [surface(desk, 0, 1)] if len(desk.underlyings) > 1 else []
    places = dict.fromkeys(desk.place(row.underlying) for row in desk.options)
    return found + [surface(desk, place) for place in places]


def surface(
    desk: "Desk", one: int, other: int | None = None, *, most: float = 0.4, points: int = 21
) -> pd.DataFrame:
    """Maintenance equity less requirement by the moves of one price and of another.

    Parameters
    ----------
    one, other : int
        Rows of underlyings; None for all volatilities instead of another price.
    """
    held, moves = desk.holdings(), np.linspace(-most, most, points)
    found = np.zeros((points, points))
    for i, j in np.ndindex(found.shape):
        factors, volatility = np.ones(len(desk.underlyings)), 1.0
        factors[one] += moves[i]
        if other is None:
            volatility += float(moves[j])
        else:
            factors[other] += moves[j]
        numbers = desk.numbers(factors, held, volatility)[0]
        found[i, j] = numbers[2] - numbers[4]
    names = [desk.underlyings[one], "volatility" if other is None else desk.underlyings[other]]
    return pd.DataFrame(
        found, index=pd.Index(moves, name=names[0]), columns=pd.Index(moves, name=names[1])
    )
