"""The venue's cushions over time: insurance fund, backstop vault, and the debt they meet."""

import pandas as pd
import plotly.graph_objects as go

from crossmargin.dashboards.figures.money_lines import money_lines
from crossmargin.dashboards.figures.style import BLUE, GREEN, PINK, RED

#: Column, name, colour, dash; a line that is zero throughout is left out, the fund never.
LINES = (
    ("insurance", "insurance fund", BLUE, "solid"),
    ("backstop", "backstop vault", GREEN, "solid"),
    ("bad_debt", "bad debt so far", RED, "dash"),
    ("socialised", "shared out among users so far", PINK, "dot"),
)


def insurance_figure(system: pd.DataFrame) -> go.Figure:
    """Draw the balance of fund and backstop, and cumulated bad debt, in quote."""
    drawn = [line for line in LINES if line[0] == "insurance" or system[line[0]].any()]
    return money_lines(system, drawn, "balance ($)")
