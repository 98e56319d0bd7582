"""Open interest and depth: how much is at stake, and how much there is to trade it against."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from crossmargin.dashboards.figures.price import in_market
from crossmargin.dashboards.figures.style import MONEY_AXIS, SERIES, TEMPLATE, clock
from crossmargin.dashboards.figures.thin import thin
from crossmargin.dashboards.figures.words import money


def in_quote(series: pd.DataFrame) -> pd.DataFrame:
    """Add open interest and depth of both sides in quote, at the mark (or the mid without one)."""
    price = series["mark"].where(series["mark"] > 0).fillna(series["mid"])
    return series.assign(
        open_interest_quote=series["open_interest"] * price,
        depth_quote=(series["depth_bid"] + series["depth_ask"]) * price,
    )


def _add_line(
    figure: go.Figure, rows: pd.DataFrame, column: str, row: int, **style: object
) -> None:
    kept = thin(rows, column)
    figure.add_scatter(
        x=kept["time"],
        y=kept[column],
        mode="lines",
        text=kept[column].map(money),
        hovertemplate="%{text}",
        row=row,
        col=1,
        **style,
    )


def depth_figure(series: pd.DataFrame) -> go.Figure:
    """Draw open interest (above) and book depth (below) of each market, in quote."""
    time = clock(series["seconds"])
    rows = in_quote(series).assign(time=series["seconds"] / time.scale)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    for i, market in enumerate(rows["market"].unique()):
        line = {"color": SERIES[i % len(SERIES)], "width": 2 if i < len(SERIES) else 1}
        own = in_market(rows, market)
        style = {"name": market, "legendgroup": market, "line": line}
        if own["open_interest_quote"].max() > 0:
            _add_line(figure, own, "open_interest_quote", 1, **style)
            style["showlegend"] = False
        _add_line(figure, own, "depth_quote", 2, **style)
    figure.update_layout(template=TEMPLATE, height=460)
    figure.update_xaxes(hoverformat=",.2f")
    figure.update_xaxes(title_text=time.title, row=2, col=1)
    figure.update_yaxes(**MONEY_AXIS)
    figure.update_yaxes(title_text="open interest ($)", row=1, col=1)
    figure.update_yaxes(title_text="depth ($)", row=2, col=1)
    return figure
