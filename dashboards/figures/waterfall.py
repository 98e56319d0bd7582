"""Who bore what: the cost of the liquidations, layer by layer of the waterfall."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import (
    BLUE,
    GREEN,
    INK,
    MONEY_AXIS,
    ORANGE,
    PINK,
    RED,
    SKY,
    blank,
)
from crossmargin.dashboards.figures.words import money
from crossmargin.model.state import BACKSTOP


class Layer(NamedTuple):
    """One bearer of losses."""

    bearer: str
    amount: float  # quote
    meaning: str
    colour: str


def event_total(events: pd.DataFrame, kind: str) -> float:
    """Sum of the amounts of a kind of event, quote."""
    return float(events.loc[events["kind"] == kind, "amount"].abs().sum())


def slippage(liquidations: pd.DataFrame) -> tuple[float, float]:
    """What the liquidated lost against the mark, and what winners gave up to them by ADL, quote.

    Auto-deleveraging closes at the bankruptcy price: what an emptied account is spared against the
    mark, its counterparty loses.
    """
    by_adl = liquidations["kind"] == "adl"
    lost = float(liquidations.loc[~by_adl, "slippage"].sum())
    return lost, max(0.0, -float(liquidations.loc[by_adl, "slippage"].sum()))


def backstop_loss(accounts: pd.DataFrame) -> float:
    """What the backstop vault lost since the start, quote; nothing when it gained."""
    row = accounts[accounts["population"] == "backstop"]
    return max(0.0, float((row["equity_start"] + row["deposited"] - row["equity"]).sum()))


def layers(
    liquidations: pd.DataFrame,
    events: pd.DataFrame,
    accounts: pd.DataFrame,
    summary: Mapping[str, float],
) -> list[Layer]:
    """List the bearers in the order in which a venue turns to them.

    The first three are what liquidated accounts paid out of their own margin. The next four met
    what their margin could not; what is left is owed and unpaid.
    """
    fund = event_total(events, "insurance")
    shared = float(summary["socialised_loss"])
    unpaid = max(0.0, float(summary["bad_debt"]) - fund - shared)
    worse, adl = slippage(liquidations)
    penalties = float(liquidations["penalty"].sum())
    left = events[(events["kind"] == "penalty") & (events["other"] == BACKSTOP)]
    return [
        Layer("the liquidated (worse prices)", worse, "closed worse than the mark", SKY),
        Layer("the liquidated (penalties)", penalties, "fees of the liquidation", BLUE),
        Layer("the liquidated (left to the vault)", left["amount"].sum(), "margin it took", BLUE),
        Layer("insurance fund", fund, "paid for emptied accounts", GREEN),
        Layer("backstop vault", backstop_loss(accounts), "lost on positions it took over", ORANGE),
        Layer("winners (auto-deleveraging)", adl, "profit they had to give up", PINK),
        Layer("all users (shared loss)", shared, "taken from every account", RED),
        Layer("nobody (unpaid)", unpaid, "debt still unpaid at the end", INK),
    ]


def waterfall_figure(rows: list[Layer]) -> go.Figure:
    """Draw what each layer bore, quote, in the order of the waterfall."""
    top = max((abs(r.amount) for r in rows), default=0.0) or 1.0
    figure = blank(height=90 + 44 * len(rows), hovermode="closest", showlegend=False)
    figure.add_bar(
        y=[r.bearer for r in rows],
        x=[r.amount for r in rows],
        orientation="h",
        marker={"color": [r.colour for r in rows]},
        text=[money(r.amount) for r in rows],
        textposition="outside",
        cliponaxis=False,
        customdata=[r.meaning for r in rows],
        hovertemplate="%{y}<br>%{text}: %{customdata}<extra></extra>",
    )
    low = min((r.amount for r in rows), default=0.0)
    axis = {**MONEY_AXIS, "rangemode": "normal"}
    figure.update_xaxes(title_text="borne ($)", range=[1.25 * min(low, 0), 1.4 * top], **axis)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure
