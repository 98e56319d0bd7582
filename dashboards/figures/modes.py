"""Figures of margin modes compared: outcomes with intervals, efficiency against tail loss."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import BLUE, GREY, SERIES, blank, say


def outcome_figure(summary: pd.DataFrame, outcome: str) -> go.Figure:
    """Draw the mean of an outcome in every mode with its interval over seeds."""
    rows = summary[summary["outcome"] == outcome]
    if rows["mean"].isna().all():
        return say(blank(), "No run has a value of this.")
    figure = blank(height=110 + 36 * len(rows), hovermode="closest", showlegend=False)
    figure.add_scatter(
        x=rows["mean"],
        y=rows["mode"],
        mode="markers",
        marker={"size": 11, "color": [GREY, *[BLUE] * (len(rows) - 1)]},
        error_x=_bars(rows, "mean", "low", "high"),
        hovertemplate="%{y}: %{x:,.4g}<extra></extra>",
    )
    figure.update_xaxes(title_text=rows["unit"].iloc[0], exponentformat="B", rangemode="tozero")
    modes = rows["mode"].tolist()
    return figure.update_yaxes(categoryorder="array", categoryarray=modes[::-1])


def difference_figure(summary: pd.DataFrame, outcome: str) -> go.Figure:
    """Draw by how much an outcome of the other modes lies above the first, seed by seed."""
    rows = summary[summary["outcome"] == outcome].iloc[1:]
    figure = blank(height=110 + 36 * len(rows), hovermode="closest", showlegend=False)
    figure.add_vline(x=0.0, line={"color": GREY, "width": 1, "dash": "dot"})
    figure.add_scatter(
        x=rows["difference"],
        y=rows["mode"],
        mode="markers",
        marker={"size": 11, "color": BLUE},
        error_x=_bars(rows, "difference", "difference_low", "difference_high"),
        hovertemplate="%{y}: %{x:+,.4g}<extra></extra>",
    )
    figure.update_xaxes(title_text=f"difference ({rows['unit'].iloc[0]})", exponentformat="B")
    return figure.update_yaxes(categoryorder="array", categoryarray=rows["mode"].tolist()[::-1])


def _bars(rows: pd.DataFrame, centre: str, low: str, high: str) -> dict[str, object]:
    """Error bars from an interval; none where there is no interval."""
    above, below = rows[high] - rows[centre], rows[centre] - rows[low]
    return {
        "type": "data",
        "symmetric": False,
        "array": np.nan_to_num(above.to_numpy(float)),
        "arrayminus": np.nan_to_num(below.to_numpy(float)),
        "thickness": 1.6,
        "width": 5,
    }


def efficiency_figure(rows: pd.DataFrame) -> go.Figure:
    """Draw tail loss against capital efficiency, a line a mode, a point a multiple of capital."""
    figure = blank(height=400, hovermode="closest")
    for colour, (mode, own) in zip(SERIES, rows.groupby("mode", sort=False), strict=False):
        ordered = own.sort_values("efficiency")
        figure.add_scatter(
            x=ordered["efficiency"],
            y=ordered["tail_loss"],
            name=str(mode),
            mode="lines+markers",
            line={"color": colour, "width": 2},
            customdata=ordered["capital"],
            hovertemplate="%{fullData.name}, capital x %{customdata:g}: efficiency %{x:.3g}, "
            "tail loss %{y:.3%}<extra></extra>",
        )
    figure.update_xaxes(title_text="gross notional over raw equity", rangemode="tozero")
    return figure.update_yaxes(
        title_text="tail loss (of gross notional)", tickformat=".3~%", rangemode="tozero"
    )
