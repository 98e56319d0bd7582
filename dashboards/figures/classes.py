"""Gains and losses of price by the kind of order that moved it."""

import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import CLASS_COLOURS, GREY, MONEY_AXIS, blank
from crossmargin.dashboards.figures.words import money

#: What an author class means, in words.
MEANING = {
    "exogenous": "no agent (seeding of the book)",
    "forced": "forced orders (liquidations)",
    "refill": "market makers quoting",
    "withdrawal": "market makers withdrawing quotes",
    "discretionary": "traders' own orders",
    "arbitrage": "arbitrageurs following outside prices",
    "stop": "stop orders that were triggered",
}
PREFIX = "pnl:"


def readable(population: str) -> str:
    """Name of a population or account as people write it."""
    return str(population).replace("_", " ").replace("-", " ")


def class_losses(accounts: pd.DataFrame) -> pd.DataFrame:
    """Gain of price, quote, by population (rows) and author class (columns); the exact ledger."""
    columns = [c for c in accounts.columns if c.startswith(PREFIX)]
    table = accounts.groupby("population", sort=False)[columns].sum()
    table.columns = pd.Index([c.removeprefix(PREFIX) for c in columns])
    return table.loc[(table != 0).any(axis=1)]


def class_figure(accounts: pd.DataFrame) -> go.Figure:
    """Draw, for each population, what it gained or lost by the orders of each author class."""
    table = class_losses(accounts)
    table = table.loc[table.abs().sum(axis=1).sort_values().index]
    figure = blank(height=150 + 46 * len(table), barmode="relative", hovermode="y unified")
    for name in table.columns:
        if not table[name].any():
            continue
        figure.add_bar(
            y=[readable(p) for p in table.index],
            x=table[name],
            name=MEANING.get(name, name),
            orientation="h",
            marker={"color": CLASS_COLOURS.get(name, GREY)},
            text=table[name].map(money),
            textposition="none",
            hovertemplate="%{text}",
        )
    axis = {
        **MONEY_AXIS,
        "tickprefix": "",
        "rangemode": "normal",
        "zeroline": True,
        "zerolinewidth": 2,
    }
    figure.update_xaxes(title_text="← lost   by changes of price ($)   gained →", **axis)
    return figure
