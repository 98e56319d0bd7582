"""Lines of a study: outcomes along one factor, a line for each value of another."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from crossmargin.dashboards.figures.style import SERIES, TEMPLATE
from crossmargin.dashboards.figures.sweep_data import axis_of, log_ticks, number_axis
from crossmargin.experiments.studies.convergence import finest_of
from crossmargin.experiments.studies.findings import cells, shown, with_unit
from crossmargin.experiments.studies.study import Shown, Study
from crossmargin.experiments.sweeps.results import Sweep

#: Height of a panel, and of the legend above them, pixels.
PANEL, HEAD = 270, 90
#: Shift of the lines against one another along x, share of the axis: intervals stay apart.
DODGE = 0.01
#: Opacity of the interval of the finest level.
BAND = 0.12


def lines_figure(sweep: Sweep, study: Study) -> go.Figure:
    """Draw outcomes of a study along a factor: means or shares with 95% intervals.

    Parameters
    ----------
    sweep : Sweep
        Of the plan of the study.
    study : Study
        Of kind `lines` or `convergence`: up to six panels. A convergence goes from the coarsest
        level at the left to the finest, whose interval is drawn as a band.
    """
    n = len(study.panel)
    width = 2 if n in (2, 4) else min(n, 3)
    height = -(-n // width)
    figure = make_subplots(
        rows=height,
        cols=width,
        horizontal_spacing=0.11 if n > 1 else 0,
        vertical_spacing=0.36 / height,
    )
    for i, panel in enumerate(study.panel):
        place = {"row": i // width + 1, "col": i % width + 1}
        table = cells(sweep, study, panel)
        _panel(figure, study, panel, table, place, _is_log(sweep, study))
        if study.finest is not None:
            _towards_the_finest(figure, study, table, place)
    figure.update_layout(
        template=TEMPLATE,
        height=HEAD + PANEL * height + (90 if n == 1 else 0),
        hovermode="x",
        legend={"title_text": f"{study.by.axis}  " if _is_number(sweep, study) else ""},
        meta={"panels": n, "panel": PANEL, "head": HEAD},
    )
    return figure


def _is_log(sweep: Sweep, study: Study) -> bool:
    return study.finest is not None or axis_of(sweep, study.x.name).is_log


def _towards_the_finest(
    figure: go.Figure, study: Study, table: pd.DataFrame, place: dict[str, int]
) -> None:
    """Turn x so that finer is right, and draw the intervals of the finest level as bands."""
    finest = finest_of(study, table["x"])
    levels = tuple(np.unique(table["x"].to_numpy(float)) * study.x.scale)
    figure.update_xaxes(**log_ticks(levels, levels), **place)
    if study.finest == "least":
        figure.update_xaxes(autorange="reversed", **place)
    for i, (_, rows) in enumerate(table.groupby("by", sort=True)):
        row = rows[rows["x"] == finest]
        if len(row) and row["low"].notna().all():
            figure.add_hrect(
                y0=float(row["low"].iloc[0]),
                y1=float(row["high"].iloc[0]),
                fillcolor=SERIES[i % len(SERIES)],
                opacity=BAND,
                line_width=0,
                layer="below",
                **place,
            )


def _is_number(sweep: Sweep, study: Study) -> bool:
    return axis_of(sweep, study.by.name).is_number


def _panel(
    figure: go.Figure,
    study: Study,
    panel: Shown,
    table: pd.DataFrame,
    place: dict[str, int],
    is_log: bool,
) -> None:
    is_first = place == {"row": 1, "col": 1}
    groups = list(table.groupby("by", sort=True))
    for i, (by, rows) in enumerate(groups):
        name = shown(study.by, by)
        x = _dodged(rows["x"].to_numpy(float) * study.x.scale, i - (len(groups) - 1) / 2, is_log)
        above = np.nan_to_num(rows["high"] - rows["mean"])
        below = np.nan_to_num(rows["mean"] - rows["low"])
        told = [
            (shown(study.x, row["x"]), _with_interval(panel, row), int(row["n"]))
            for row in rows.to_dict("records")
        ]
        figure.add_scatter(
            x=x,
            y=rows["mean"],
            error_y={"array": above, "arrayminus": below, "thickness": 1.2, "width": 3},
            name=name if isinstance(by, str) else name.removesuffix(study.by.unit).strip(),
            mode="lines+markers",
            line={"color": SERIES[i % len(SERIES)], "width": 2},
            marker={"size": 6},
            legendgroup=name,
            showlegend=is_first,
            customdata=told,
            hovertemplate="%{customdata[0]}: %{customdata[1]} (%{customdata[2]:,} runs)"
            "<extra></extra>",
            **place,
        )
    values = table["x"].to_numpy(float) * study.x.scale
    axis = log_ticks(values) if is_log else {"nticks": 8, **number_axis(values)}
    figure.update_xaxes(title_text=study.x.axis, **axis, **place)
    most = table[["mean", "high"]].to_numpy(float)
    top = {"range": [-2, 102]} if panel.above is not None and panel.unit == "%" else {}
    figure.update_yaxes(title_text=panel.axis, rangemode="tozero", **place)
    figure.update_yaxes(**number_axis(most), **top, **place)


def _dodged(x: Any, places: float, is_log: bool) -> Any:
    """Values of x moved a little to one side, so that error bars do not hide one another."""
    if len(x) < 2:
        return x
    if is_log:
        return x * (x.max() / x.min()) ** (DODGE * places)
    return x + DODGE * places * (x.max() - x.min())


def _with_interval(panel: Shown, row: dict[str, Any]) -> str:
    mean = with_unit(panel, row["mean"])
    if row["low"] != row["low"]:
        return mean
    return f"{mean}, {with_unit(panel, row['low'])} to {with_unit(panel, row['high'])}"
