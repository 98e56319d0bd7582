"""Charts of the calculator: equity against requirements, and the margin surface."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import BLUE, GREEN, ORANGE, RED, blank

#: Column, colour, dash.
LINES = (
    ("equity", BLUE, "solid"),
    ("maintenance equity", GREEN, "dash"),
    ("initial margin", ORANGE, "solid"),
    ("maintenance margin", RED, "solid"),
)


def profit_figure(curve: pd.DataFrame) -> go.Figure:
    """Draw equity and requirements over the move of an underlying."""
    figure = blank(showlegend=True)
    for column, colour, dash in LINES:
        figure.add_scatter(
            x=curve["move"],
            y=curve[column],
            name=column,
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate="%{y:,.0f}",
        )
    figure.add_vline(x=0.0, line={"color": "#8A8F98", "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text="move of the price", tickformat="+.0%", hoverformat="+.1%")
    return figure.update_yaxes(title_text="quote", exponentformat="B")


def surface_figure(grid: pd.DataFrame) -> go.Figure:
    """Draw the room above maintenance over the moves of two underlyings; red is liquidated."""
    most = float(grid.abs().to_numpy().max()) or 1.0
    figure = blank(height=460, hovermode="closest")
    figure.add_heatmap(
        z=grid.to_numpy(),
        x=grid.columns,
        y=grid.index,
        zmid=0.0,
        zmin=-most,
        zmax=most,
        colorscale="RdBu",
        colorbar={"title": {"text": "quote"}},
        hovertemplate="%{x:+.0%}, %{y:+.0%}: %{z:,.0f}<extra></extra>",
    )
    figure.update_xaxes(title_text=f"move of {grid.columns.name}", tickformat="+.0%")
    return figure.update_yaxes(title_text=f"move of {grid.index.name}", tickformat="+.0%")


def venues_figure(rows: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """Draw what venues ask for the same portfolio, to enter and to stay."""
    names = list(rows)
    figure = blank(height=120 + 44 * len(names), barmode="group", hovermode="y unified")
    for key, colour in (("maintenance_margin", RED), ("initial_margin", ORANGE)):
        figure.add_bar(
            y=names,
            x=[rows[name][key] for name in names],
            name=key.replace("_", " "),
            orientation="h",
            marker={"color": colour},
            hovertemplate="%{x:,.2f}",
        )
    figure.update_layout(legend_traceorder="reversed")
    figure.update_xaxes(title_text="quote", exponentformat="B")
    return figure.update_yaxes(categoryorder="array", categoryarray=names[::-1])
