"""A calibration in three charts: moments, profiles, search."""

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from crossmargin.dashboards.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PINK,
    RED,
    SKY,
    TEMPLATE,
    YELLOW,
    blank,
)

COLUMNS = 3
#: Height of a row of panels and of what stands around them, pixels.
ROW, AROUND = 210, 70
#: Half-width of a 95% interval in standard errors.
WIDTH = 1.96
STAGES = {
    "design": GREY,
    "improvement": BLUE,
    "surrogate": GREEN,
    "derivative": SKY,
    "polish": ORANGE,
    "profile": PINK,
    "estimate": RED,
}


def panels(titles: list[str]) -> go.Figure:
    """Return a grid of empty panels in the house style."""
    columns = min(COLUMNS, len(titles))
    rows = math.ceil(len(titles) / columns)
    figure = make_subplots(
        rows,
        columns,
        subplot_titles=titles,
        horizontal_spacing=0.09,
        vertical_spacing=min(0.3, 75 / (ROW * rows + AROUND)),
    )
    figure.update_layout(
        template=TEMPLATE,
        height=ROW * rows + AROUND,
        margin={"l": 8, "r": 8, "t": 64, "b": 8},
        hovermode="closest",
        showlegend=True,
        legend={"y": 1.0, "yref": "container", "yanchor": "top"},
    )
    figure.update_annotations(font_size=12)
    return figure


def _place(number: int, n: int) -> tuple[int, int]:
    columns = min(COLUMNS, n)
    return number // columns + 1, number % columns + 1


def moments_figure(moments: pd.DataFrame) -> go.Figure:
    """Draw recorded and simulated moments, a panel each, with their intervals.

    Parameters
    ----------
    moments : DataFrame
        Of a `Fit`.
    """
    names = list(dict.fromkeys(moments["moment"]))
    used = set(moments.loc[moments["part"] == "fit", "moment"])
    figure = panels([name if name in used else f"{name} (not used)" for name in names])
    shown: set[str] = set()
    for number, name in enumerate(names):
        rows = moments[moments["moment"] == name]
        for trace in _marks(rows):
            trace.update(showlegend=trace.name not in shown)
            shown.add(trace.name)
            figure.add_trace(trace, *_place(number, len(names)))
    last = 2.7 if (moments["part"] == "other dates").any() else 1.7
    figure.update_xaxes(showticklabels=False, range=[-0.7, last], showgrid=False, zeroline=False)
    return figure


def _marks(rows: pd.DataFrame) -> list[go.Scatter]:
    """One mark for the record, one for the model, one for other dates."""
    first, found = rows.iloc[0], []
    own = rows[rows["part"] != "other dates"]
    later = rows[rows["part"] == "other dates"]
    if len(own):
        found.append(_recorded(0, own.iloc[0], "recorded, 95% interval", BLUE))
    found.append(
        go.Scatter(
            x=[1],
            y=[first["simulated"]],
            name="simulated, nine runs in ten",
            legendgroup="simulated",
            mode="markers",
            marker={"color": ORANGE, "size": 10, "symbol": "diamond"},
            error_y={
                "array": [first["simulated_95"] - first["simulated"]],
                "arrayminus": [first["simulated"] - first["simulated_5"]],
                "thickness": 2,
                "width": 6,
            },
            hovertemplate="%{y:.4g}<extra>simulated</extra>",
        )
    )
    if len(later):
        found.append(_recorded(2, later.iloc[0], "recorded on other dates, 95%", GREEN))
    return found


def _recorded(x: int, row: "pd.Series[float]", name: str, colour: str) -> go.Scatter:
    return go.Scatter(
        x=[x],
        y=[row["target"]],
        name=name,
        legendgroup=name,
        mode="markers",
        marker={"color": colour, "size": 10},
        error_y={"array": [WIDTH * row["target_error"]], "thickness": 2, "width": 6},
        hovertemplate="%{y:.4g}<extra>" + name + "</extra>",
    )


def profiles_figure(profiles: pd.DataFrame, parameters: pd.DataFrame) -> go.Figure:
    """Draw the profile of each parameter, the rise that counts and the estimate."""
    figure = panels(list(parameters["label"]))
    for number, row in enumerate(parameters.itertuples()):
        place = dict(zip(("row", "col"), _place(number, len(parameters)), strict=True))
        rows = profiles[profiles["path"] == row.path]
        is_first = number == 0
        figure.add_scatter(
            x=rows["value"],
            y=np.log10(1 + rows["criterion"]),
            name="lowest criterion over the others",
            legendgroup="profile",
            showlegend=is_first,
            mode="lines+markers",
            line={"color": BLUE, "width": 2},
            customdata=rows["criterion"],
            hovertemplate="%{x:.4g}: criterion %{customdata:.3g}<extra></extra>",
            **place,
        )
        limit = float(np.log10(1 + rows["limit"].iloc[0]))
        figure.add_scatter(
            x=[row.range_low, row.range_high],
            y=[limit, limit],
            name="what counts as a rise",
            legendgroup="limit",
            showlegend=is_first,
            mode="lines",
            line={"color": RED, "dash": "dash", "width": 1.5},
            hoverinfo="skip",
            **place,
        )
        figure.add_vline(x=row.estimate, line={"color": INK, "dash": "dot", "width": 1}, **place)
        if row.scale == "log":
            ticks = round_numbers(row.range_low, row.range_high)
            words = [f"{tick:g}" for tick in ticks]
            figure.update_xaxes(type="log", tickvals=ticks, ticktext=words, **place)
        _criterion_axis(figure, rows["criterion"], place)
        figure.update_xaxes(title_text=row.unit, **place)
    return figure


def round_numbers(low: float, high: float) -> list[float]:
    """Return numbers such as 1, 2, 5, 10 within a range; fewer of each decade in a wide one."""
    digits = (1, 2, 5) if high / low < 60 else (1, 3) if high / low < 1000 else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    numbers = (float(f"{digit}e{decade}") for decade in decades for digit in digits)
    return [number for number in numbers if low <= number <= high]


def _criterion_axis(figure: go.Figure, criteria: "pd.Series[float]", place: dict[str, int]) -> None:
    """Axis of log10(1 + criterion) with the criterion on its ticks."""
    finite = criteria[np.isfinite(criteria)]
    top = math.ceil(math.log10(1 + float(finite.max()))) if len(finite) else 1
    ticks = [0, *(10**power for power in range(top + 1))]
    figure.update_yaxes(
        tickvals=[math.log10(1 + tick) for tick in ticks],
        ticktext=[f"{tick:,}" if tick < 1e5 else f"1e{round(math.log10(tick))}" for tick in ticks],
        rangemode="tozero",
        **place,
    )


def search_figure(trace: pd.DataFrame) -> go.Figure:
    """Draw the criterion of every point in the order of the search, and the best so far."""
    figure = blank(showlegend=True, hovermode="closest")
    top = 20 * float(trace["criterion"].quantile(0.75))
    for stage, rows in trace.groupby("stage", sort=False):
        figure.add_scatter(
            x=rows["point"],
            y=np.minimum(rows["criterion"], top),
            name=str(stage),
            mode="markers",
            marker={"color": STAGES.get(str(stage), YELLOW), "size": 7},
            customdata=rows["criterion"],
            hovertemplate="point %{x}: %{customdata:.4g}<extra>" + str(stage) + "</extra>",
        )
    figure.add_scatter(
        x=trace["point"],
        y=trace["best"],
        name="best so far",
        mode="lines",
        line={"color": INK, "width": 1.5, "shape": "hv"},
        hoverinfo="skip",
    )
    figure.update_xaxes(title_text="points evaluated")
    return figure.update_yaxes(title_text="criterion", type="log", exponentformat="power", dtick=1)
