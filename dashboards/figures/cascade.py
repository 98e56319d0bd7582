"""The cascade: what was closed by force, when, and how many liquidations stood behind each.

A forced order is of the first generation when no other account's forced order brought it about,
and one above that of the order it answered otherwise, by the parents in the event log.
"""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from crossmargin.dashboards.figures.style import (
    BLUE,
    INK,
    MONEY_AXIS,
    ORANGE,
    RED,
    SKY,
    TEMPLATE,
    clock,
)
from crossmargin.dashboards.figures.thin import thin
from crossmargin.dashboards.figures.words import money

#: Bars drawn at most.
BARS = 120
GENERATIONS = ("first", "second", "third", "fourth or later")
COLOURS = (SKY, BLUE, ORANGE, RED)


def generations(events: pd.DataFrame) -> dict[int, int]:
    """Generation of each event, from 1, counted over changes of account along its parents."""
    born: dict[int, int] = {}
    author: dict[int, int] = {}
    columns = (events["id"], events["parent"], events["account"])
    for event, parent, account in sorted(zip(*(c.tolist() for c in columns), strict=True)):
        author[event] = account
        above = born.get(parent, 0)
        same = above and author[parent] == account
        born[event] = max(above, 1) if same else above + 1
    return born


def by_generation(liquidations: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Liquidations in order, with their generation and the notional cumulated up to each."""
    born = generations(events)
    rows = liquidations.sort_values(["step", "round", "event"], kind="stable")
    generation = rows["event"].map(born).fillna(1).astype(int)
    return rows.assign(generation=generation, cumulated=rows["notional"].cumsum())


def bars(rows: pd.DataFrame, limit: int = BARS) -> pd.DataFrame:
    """Notional by span of time and generation group; the spans add up to the whole."""
    first, last = int(rows["step"].min()), int(rows["step"].max())
    width = max(1, -(-(last - first + 1) // limit))
    block = rows["seconds"].max() / max(last, 1) if last else 1.0
    span = (rows["step"] - first) // width
    group = rows["generation"].clip(upper=len(GENERATIONS))
    table = rows.groupby([span, group])["notional"].sum().unstack(fill_value=0.0)
    table = table.reindex(columns=range(1, len(GENERATIONS) + 1), fill_value=0.0)
    table.index = (first + (table.index.to_numpy() + 0.5) * width) * block
    table.attrs["seconds"] = width * block
    return table


def _add_bars(figure: go.Figure, table: pd.DataFrame, scale: float) -> None:
    for g, (name, colour) in enumerate(zip(GENERATIONS, COLOURS, strict=True), start=1):
        if not table[g].any():
            continue
        figure.add_bar(
            x=table.index / scale,
            y=table[g],
            width=table.attrs["seconds"] / scale,
            name=name,
            marker={"color": colour, "line": {"width": 0}},
            text=table[g].map(money),
            textposition="none",
            hovertemplate="%{text}",
            row=1,
            col=1,
        )


def cascade_figure(liquidations: pd.DataFrame, events: pd.DataFrame) -> go.Figure:
    """Draw notional closed by force per span of time and generation, and its running total."""
    rows = by_generation(liquidations, events)
    time = clock(rows["seconds"])
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    _add_bars(figure, bars(rows), time.scale)
    total = thin(rows, "cumulated")
    figure.add_scatter(
        x=total["seconds"] / time.scale,
        y=total["cumulated"],
        mode="lines",
        name="running total",
        line={"color": INK, "shape": "hv", "width": 2},
        text=total["cumulated"].map(money),
        hovertemplate="%{text}",
        showlegend=False,
        row=2,
        col=1,
    )
    figure.update_layout(template=TEMPLATE, height=460, barmode="stack", bargap=0)
    figure.update_xaxes(hoverformat=",.2f")
    figure.update_xaxes(title_text=time.title, row=2, col=1)
    figure.update_yaxes(**MONEY_AXIS)
    figure.update_yaxes(title_text="closed by force ($)", row=1, col=1)
    figure.update_yaxes(title_text="running total ($)", row=2, col=1)
    figure.update_layout(legend={"title_text": "generation  ", "traceorder": "normal"})
    return figure


def cascade_numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Liquidations, accounts and notional of each generation."""
    grouped = rows.groupby("generation").agg(
        liquidations=("event", "size"),
        accounts=("account", "nunique"),
        notional=("notional", "sum"),
    )
    whole = float(np.maximum(grouped["notional"].sum(), 1e-12))
    return grouped.assign(share=grouped["notional"] / whole).reset_index()
