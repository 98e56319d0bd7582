"""Sensitivity: elementary effects of Morris, bars of Sobol, the share of the seed."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PINK,
    SKY,
    blank,
)
from crossmargin.dashboards.figures.sweep_data import number, number_axis, words_of
from crossmargin.dashboards.figures.words import share
from crossmargin.experiments.analysis.seed_share import SeedShare
from crossmargin.experiments.analysis.sensitivity import Sensitivity

#: Share of the largest effect below which a factor bears no label: there they crowd.
LABELLED = 0.1
#: Lines of equal sigma over mu*: about monotone below the first, strong interaction above the last.
SLOPES = ((0.5, "σ = μ*/2"), (1.0, "σ = μ*"))


def morris_figure(found: Sensitivity) -> go.Figure:
    """Draw how much each factor matters (right) and how much that depends on the others (up)."""
    rows = found.table
    top = 1.12 * float(max(rows["mu_star_high"].max(), 1e-300))
    # a label needs some room above the topmost point
    height = 1.25 * float(max(rows["sigma"].max(), 0.1 * top))
    figure = blank(height=420, hovermode="closest", showlegend=False)
    for slope, name in SLOPES:
        end = min(top, height / slope)
        figure.add_scatter(
            x=[0, end],
            y=[0, slope * end],
            mode="lines",
            line={"color": GREY, "width": 1, "dash": "dot"},
            hoverinfo="skip",
        )
        figure.add_annotation(
            x=end, y=slope * end, text=name, showarrow=False, xanchor="right", yanchor="bottom"
        )
    is_named = rows["mu_star"] >= LABELLED * rows["mu_star"].max()
    figure.add_scatter(
        x=rows["mu_star"],
        y=rows["sigma"],
        error_x=_error(rows["mu_star"], rows["mu_star_low"], rows["mu_star_high"], GREY),
        mode="markers+text",
        marker={"size": 10, "color": BLUE},
        text=[_short(f) if n else "" for f, n in zip(rows["factor"], is_named, strict=True)],
        # of two neighbours the upper one writes above and the lower one below
        textposition=[
            "top center" if place % 2 else "bottom center"
            for place in rows["sigma"].rank(ascending=False, method="first")
        ],
        textfont={"size": 11},
        customdata=[
            (r["factor"], number(r["mu_star"]), number(r["sigma"]), number(r["mu"]))
            for _, r in rows.iterrows()
        ],
        hovertemplate="%{customdata[0]}<br>μ* %{customdata[1]}, σ %{customdata[2]}, "
        "μ %{customdata[3]}<extra></extra>",
        cliponaxis=False,
    )
    figure.update_xaxes(
        title_text=f"μ*: mean change of {words_of(found.outcome)} over the factor's range",
        range=[0, top],
        **number_axis([top]),
    )
    return figure.update_yaxes(
        title_text="σ: how much that varies", range=[0, height], **number_axis([height])
    )


def _short(name: str) -> str:
    return name.replace("_", " ")


def _error(
    value: "pd.Series[float]", low: "pd.Series[float]", high: "pd.Series[float]", colour: str
) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": (high - value).clip(lower=0),
        "arrayminus": (value - low).clip(lower=0),
        "color": colour,
        "thickness": 1.5,
        "width": 4,
    }


def sobol_figure(found: Sensitivity) -> go.Figure:
    """Draw first-order and total indices of each factor with their intervals."""
    rows = found.table.sort_values("total", ascending=False)
    figure = blank(height=130 + 58 * len(rows), hovermode="closest", barmode="group", bargap=0.35)
    for key, name, colour in (("first", "alone", SKY), ("total", "with all others", BLUE)):
        figure.add_bar(
            y=rows["factor"].map(_short),
            x=rows[key],
            name=name,
            orientation="h",
            marker={"color": colour},
            error_x=_error(rows[key], rows[f"{key}_low"], rows[f"{key}_high"], INK),
            customdata=[
                f"{share(r[key])} ({share(r[f'{key}_low'])} to {share(r[f'{key}_high'])})"
                for _, r in rows.iterrows()
            ],
            hovertemplate="%{y}, " + name + ": %{customdata}<extra></extra>",
        )
    figure.update_xaxes(
        title_text=f"share of the variance of {words_of(found.outcome)}", tickformat=".0%"
    )
    figure.update_layout(legend={"traceorder": "normal"})
    return figure.update_yaxes(autorange="reversed", showgrid=False)


def seed_figure(found: Sequence[SeedShare]) -> go.Figure:
    """Draw the share of the seed in the variance of each outcome, with its interval."""
    names = [words_of(f.outcome) for f in found]
    figure = blank(height=120 + 46 * len(found), hovermode="closest", barmode="stack", bargap=0.45)
    knows = any(f.alike == f.alike for f in found)
    parts = (
        ("luck, all points alike", ORANGE, [f.alike if knows else 0.0 for f in found]),
        (
            "luck, each point its own" if knows else "luck",
            PINK,
            [f.apart if knows else f.share for f in found],
        ),
        ("factors", BLUE, [1.0 - f.share for f in found]),
    )
    for name, colour, values in parts:
        if any(values):
            figure.add_bar(
                y=names,
                x=values,
                name=name,
                orientation="h",
                marker={"color": colour},
                customdata=[share(v) for v in values],
                hovertemplate="%{y}: %{customdata} " + name + "<extra></extra>",
            )
    _add_interval(figure, names, found)
    figure.update_xaxes(title_text="share of the variance over all runs", tickformat=".0%")
    figure.update_xaxes(range=[0, 1.02])
    figure.update_layout(legend={"traceorder": "normal"})
    return figure.update_yaxes(autorange="reversed", showgrid=False)


def _add_interval(figure: go.Figure, names: list[str], found: Sequence[SeedShare]) -> None:
    rows = pd.DataFrame(found)
    figure.add_scatter(
        y=names,
        x=rows["share"],
        mode="markers",
        name="all luck",
        marker={"color": INK, "size": 7},
        error_x=_error(rows["share"], rows["low"], rows["high"], INK),
        customdata=[f"{share(f.share)} ({share(f.low)} to {share(f.high)})" for f in found],
        hovertemplate="%{y}: luck %{customdata}<extra></extra>",
    )
