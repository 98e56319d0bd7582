"""Figures of a counterfactual: prices with bands, effects with their intervals, who gains."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import BLUE, GREEN, GREY, INK, RED, blank, clock, say
from crossmargin.dashboards.figures.words import money, price, price_format

#: Colour and fill of each arm.
ARMS = {
    "baseline": (RED, "rgba(213,94,0,0.14)"),
    "intervention": (BLUE, "rgba(0,114,178,0.14)"),
}
#: Ends of the axis of effects at most, percent: a rare outcome has no share that means much.
WIDEST = 110.0
#: Accounts drawn, half of them those who gain.
ACCOUNTS = 20


def paths_figure(paths: pd.DataFrame, market: str, names: dict[str, str]) -> go.Figure:
    """Draw the mark of both arms: mean over the futures with a band, and the run itself dotted.

    Parameters
    ----------
    paths : DataFrame
        As `WhatIf.paths`.
    names : dict
        What each arm is called.
    """
    rows = paths[paths["market"] == market]
    time = clock(rows["seconds"])
    figure = blank(height=400)
    for arm, (colour, fill) in ARMS.items():
        part = rows[rows["arm"] == arm]
        x = part["seconds"] / time.scale
        edge = {"width": 0, "color": colour}
        quiet = {"mode": "lines", "line": edge, "hoverinfo": "skip", "showlegend": False}
        figure.add_scatter(x=x, y=part["high"], **quiet)
        figure.add_scatter(x=x, y=part["low"], fill="tonexty", fillcolor=fill, **quiet)
        figure.add_scatter(
            x=x,
            y=part["mean"],
            name=names[arm],
            mode="lines",
            line={"color": colour, "width": 2},
            text=part["mean"].map(price),
            hovertemplate="%{text}",
        )
        figure.add_scatter(
            x=x,
            y=part["run"],
            name=f"{names[arm]}, the run itself",
            mode="lines",
            line={"color": colour, "width": 1.2, "dash": "dot"},
            text=part["run"].map(price),
            hovertemplate="%{text}",
        )
    near = price_format(float(rows["mean"].median()))
    figure.update_xaxes(title_text=time.title, hoverformat=",.2f")
    return figure.update_yaxes(title_text="mark ($)", tickprefix="$", tickformat=near)


def effects_figure(table: pd.DataFrame, outcomes: Sequence[str]) -> go.Figure:
    """Draw effects as a share of the baseline's mean, with interval and placebo band.

    Outcomes that are 0 in the baseline have no share and are left out.

    Parameters
    ----------
    table : DataFrame
        As `WhatIf.table`.
    """
    rows = table.loc[[name for name in outcomes if table.loc[name, "baseline"] != 0]]
    if rows.empty:
        return say(blank(), "Nothing happened in the baseline of which an effect could be a share.")
    scale = 100 / rows["baseline"].abs()
    names = [str(name).replace("_", " ") for name in rows.index]
    figure = blank(height=150 + 34 * len(rows), hovermode="closest")
    _spans(figure, rows, scale, names)
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    ends = (rows[["effect", "low", "high"]].mul(scale, axis=0)).abs().max(axis=1).fillna(0.0)
    width = min(1.1 * float(ends.max()), WIDEST) or 1.0
    figure.update_xaxes(title_text="effect (% of the baseline)", ticksuffix="%")
    figure.update_xaxes(range=[-width, width])
    return figure.update_yaxes(categoryorder="array", categoryarray=names[::-1])


def _spans(
    figure: go.Figure, rows: pd.DataFrame, scale: "pd.Series[float] | float", names: list[str]
) -> None:
    """Add placebo bands, intervals and means, one row each."""
    looks = (("placebo_low", "placebo_high", GREY, 11), ("low", "high", BLUE, 3))
    for low, high, colour, width in looks:
        left, right = rows[low] * scale, rows[high] * scale
        x = [value for pair in zip(left, right, strict=True) for value in (*pair, None)]
        y = [value for name in names for value in (name, name, None)]
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            name="placebo band" if width > 3 else "interval",
            line={"color": colour, "width": width},
            opacity=0.5 if width > 3 else 1.0,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=rows["effect"] * scale,
        y=names,
        mode="markers",
        name="effect, mean over the futures",
        marker={"color": BLUE, "size": 9},
        hovertemplate="%{y}: %{x:.3g}<extra></extra>",
    )


def accounts_figure(accounts: pd.DataFrame) -> go.Figure:
    """Draw who gains and who loses most by what is undone, quote, with what the ledger says.

    Parameters
    ----------
    accounts : DataFrame
        As `WhatIf.accounts`.
    """
    moved = accounts[accounts["effect"].abs() >= 0.005]
    if moved.empty:
        return say(blank(), "No account gains or loses anything by it.")
    ends = [moved.nlargest(ACCOUNTS // 2, "effect"), moved.nsmallest(ACCOUNTS // 2, "effect")]
    rows = pd.concat(ends).drop_duplicates("account").sort_values("effect", ascending=False)
    names = rows["label"].tolist()
    figure = blank(height=150 + 24 * len(rows), hovermode="closest")
    _spans(figure, rows, 1.0, names)
    figure.data[-1].update(
        text=[money(value) for value in rows["effect"]],
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    if rows["ledger"].any():
        figure.add_scatter(
            x=-rows["ledger"],
            y=names,
            mode="markers",
            name="what the ledger books (accounting)",
            marker={"color": GREEN, "size": 9, "symbol": "diamond-open"},
            text=[money(-value) for value in rows["ledger"]],
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    figure.update_xaxes(title_text="effect ($)", tickprefix="$", exponentformat="B")
    return figure.update_yaxes(categoryorder="array", categoryarray=names[::-1])
