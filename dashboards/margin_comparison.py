"""The page of one portfolio under several venues."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from crossmargin.dashboards import page
from crossmargin.dashboards.document import document, versions, write_whole
from crossmargin.dashboards.figures.margin import venues_figure
from crossmargin.dashboards.margin_tables import NONE, figure, money
from crossmargin.dashboards.page import Card, Section

Rows = Mapping[str, Mapping[str, Any]]

#: Columns of the table over venues.
NUMBERS = ("equity", "initial_margin", "maintenance_margin", "free_collateral")


def write_margin_comparison(rows: Rows, name: str, path: str | Path) -> Path:
    """Write the page of what `compare_margin` returns, whole or not at all."""
    return write_whole(path, comparison_html(rows, name))


def comparison_html(rows: Rows, name: str) -> str:
    """Return the page of a portfolio under several presets."""
    title = f"Margin of {name} over venues"
    possible = {key: row for key, row in rows.items() if "not_possible" not in row}
    cards = [
        Card(key, money(row["initial_margin"]), "initial margin, quote")
        for key, row in possible.items()
    ]
    facts = f"{len(rows)} presets · {versions('numpy', 'numba')}"
    header = f'<h1>{escape(title)}</h1><p class="facts">{escape(facts)}</p>{page.strip(cards)}'
    return document(title, header, sections(rows, possible), footer(rows))


def sections(rows: Rows, possible: Rows) -> list[Section]:
    """Requirements as a chart and as a table, liquidation prices, what is not possible."""
    found = [
        Section(
            "requirements",
            "Requirements",
            "What each venue asks for the same portfolio, to enter and to stay, in its quote.",
            venues_figure(possible),
        ),
        Section(
            "numbers",
            "All numbers",
            "Equity counts everything at its price; health is maintenance equity over requirement.",
            table=numbers_table(possible),
            is_table=True,
        ),
    ]
    prices = prices_table(possible)
    caption = "Nearest prices at which the account is liquidated, all else fixed."
    if prices.empty:
        found.append(Section("prices", "Liquidation prices", caption, words="Nothing can move."))
    else:
        found.append(Section("prices", "Liquidation prices", caption, table=prices, is_table=True))
    refused = {key: row["not_possible"] for key, row in rows.items() if "not_possible" in row}
    if refused:
        frame = pd.DataFrame({"preset": list(refused), "why": list(refused.values())})
        caption = "Venues that cannot hold this portfolio."
        found.append(Section("refused", "Not possible", caption, table=frame, is_table=True))
    return found


def numbers_table(rows: Rows) -> pd.DataFrame:
    """One row a venue."""
    return pd.DataFrame(
        [
            {
                "preset": name,
                **{key.replace("_", " "): money(row[key]) for key in NUMBERS},
                "health": "infinite" if row["health"] is None else figure(row["health"]),
                "leverage": "infinite" if row["leverage"] is None else figure(row["leverage"]),
            }
            for name, row in rows.items()
        ]
    )


def prices_table(rows: Rows) -> pd.DataFrame:
    """Liquidation prices, one row a venue, a column a market and direction."""
    found = []
    for name, row in rows.items():
        cells = {
            f"{market} {way}": NONE if price is None else figure(price)
            for market, both in row["liquidation_price"].items()
            for way, price in both.items()
        }
        if cells:
            found.append({"preset": name, **cells})
    return pd.DataFrame(found).fillna(NONE)


def footer(rows: Rows) -> str:
    """Where the rest is."""
    names = ", ".join(f"<code>{escape(name)}</code>" for name in rows)
    return (
        f"<p>Presets: {names}. <code>crossmargin presets show NAME</code> prints the sources of "
        "one and what it does not model; <code>--preset NAME --report</code> writes its page.</p>"
    )
