"""One look for every figure: palette, template, configuration, time axis.

The palette is Okabe and Ito's, which people with any common form of colour blindness can tell
apart. Figures are drawn on white with dark ink; a page with a dark theme re-inks them in CSS.

References
----------
Okabe, M. and Ito, K. (2008), Color Universal Design.
"""

from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PINK, YELLOW, GREY = "#56B4E9", "#CC79A7", "#F0E442", "#8A8F98"
INK, FAINT = "#1d232b", "#dfe3e8"
#: Colours in the order in which they are given to series.
SERIES = (BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW, GREY)
CHANNELS = {"price": BLUE, "transfer": RED}
CLASS_COLOURS = {
    "exogenous": GREY,
    "forced": RED,
    "refill": SKY,
    "withdrawal": PINK,
    "discretionary": BLUE,
    "arbitrage": ORANGE,
    "stop": YELLOW,
}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"

#: Configuration of every chart. Without it plotly.js offers to send the chart to Plotly's cloud.
CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "plotlyServerURL": "",
    "showSendToCloud": False,
    "showLink": False,
    "modeBarButtonsToRemove": ["sendChartToCloud", "lasso2d", "select2d", "autoScale2d"],
    "responsive": True,
    "scrollZoom": False,
}

_AXIS = {
    "automargin": True,
    "gridcolor": FAINT,
    "zerolinecolor": FAINT,
    "linecolor": FAINT,
    "title": {"standoff": 8, "font": {"size": 12}},
    "tickfont": {"size": 11},
}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "colorway": list(SERIES),
        "margin": {"l": 8, "r": 8, "t": 36, "b": 8},
        "height": 360,
        "hovermode": "x unified",
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "legend": {
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.01,
            "xanchor": "left",
            "x": 0,
            "font": {"size": 11},
            "itemsizing": "constant",
        },
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
)


class Clock(NamedTuple):
    """Unit of a time axis: `seconds / scale` is in `unit`."""

    scale: float
    unit: str

    @property
    def title(self) -> str:
        """Title of the axis."""
        return f"time since the start ({self.unit})"


def clock(seconds: pd.Series) -> Clock:
    """Choose the unit in which a span of seconds reads best."""
    span = float(seconds.max()) if len(seconds) else 0.0
    for limit, scale, unit in ((180, 1, "seconds"), (7200, 60, "minutes"), (259200, 3600, "hours")):
        if span <= limit:
            return Clock(float(scale), unit)
    return Clock(86400.0, "days")


def blank(**layout: Any) -> go.Figure:
    """Return a figure with the house template and nothing in it."""
    figure = go.Figure()
    figure.update_layout(template=TEMPLATE, **layout)
    return figure


def say(figure: go.Figure, words: str) -> go.Figure:
    """Put a sentence where a chart would have been empty."""
    figure.add_annotation(text=words, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure.update_layout(height=120)


#: An axis of money: $0, $500k, $1.2B.
MONEY_AXIS: dict[str, Any] = {
    "tickprefix": "$",
    "exponentformat": "B",
    "separatethousands": True,
    "rangemode": "tozero",
}
