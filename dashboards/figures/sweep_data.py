"""What the figures of a sweep have in common: names, axes, levels, and which outcomes to show."""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from crossmargin.dashboards.figures.words import short
from crossmargin.experiments.analysis.boxes import number_words
from crossmargin.experiments.sweeps.clusters import seeds_of
from crossmargin.experiments.sweeps.groups import Groups
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.experiments.sweeps.summaries import summarise
from crossmargin.experiments.sweeps.views import names_of

#: Values of a factor up to which each has its place in a figure; more are put into bins.
LEVELS = 25
#: Bins of equal numbers of runs.
BINS = 12
#: Levels up to which each is a tick of a logarithmic axis.
TICKS = 7
#: Longest unit that an axis bears.
UNIT = 24
#: From nothing to the most, readable on white and on black.
SHADES = [[0, "#eef3f8"], [0.25, "#b5d3ea"], [0.5, "#6aaad6"], [0.75, "#2c7bb6"], [1, "#0b3c69"]]
#: Outcomes of a scenario that people ask about first.
ASKED = (
    "bad_debt",
    "liquidated_notional",
    "socialised_loss",
    "insurance_least",
    "insurance_end",
    "adl_notional",
    "liquidated_accounts",
)


class Axis(NamedTuple):
    """A factor as an axis of a figure."""

    path: str
    label: str
    unit: str
    is_number: bool
    is_log: bool
    levels: tuple[Any, ...]  # all its values when there are few, else none

    @property
    def title(self) -> str:
        """Label with its unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def axis_of(sweep: Sweep, name: str) -> Axis:
    """Axis of a factor by path or label."""
    path = sweep.path(name)
    factor = next(f for f in sweep.plan.factor if f.path == path)
    column = sweep.points[path]
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    values = column.drop_duplicates()
    if is_number:
        values = values.sort_values()
    unit = factor.unit or ""
    return Axis(
        path,
        names_of(sweep)[path].replace("_", " "),
        "" if unit == "1" or len(unit) > UNIT else unit,
        is_number,
        factor.scale == "log" or (is_number and _is_geometric(values)),
        tuple(values) if len(values) <= LEVELS else (),
    )


def _is_geometric(values: "pd.Series[Any]") -> bool:
    """Tell whether a few values lie more evenly on a logarithmic axis, as 0.1, 1, 10 do."""
    found = values.to_numpy(float)
    if not 3 <= len(found) <= LEVELS or found[0] <= 0 or found[-1] < 20 * found[0]:
        return False
    plain, logarithmic = (np.diff(v) for v in (found, np.log(found)))
    return bool(np.std(logarithmic) / np.mean(logarithmic) < np.std(plain) / np.mean(plain))


def number(value: float) -> str:
    """Write a number in three figures: 0.0125, 12.5, 1.25M."""
    if not np.isfinite(value):
        return "–"
    text = short(value) if abs(value) >= 1000 else number_words(float(value))
    return text.replace("-", "−") if text.startswith("-") else text


def value_words(value: Any) -> str:
    """Write a value of a factor."""
    is_number = isinstance(value, int | float | np.number) and not isinstance(
        value, bool | np.bool_
    )
    return number(float(value)) if is_number else str(value)


def number_axis(values: Any) -> dict[str, Any]:
    """Settings of an axis of numbers: 1.2M for large ones, no prefixes for small ones."""
    known = np.abs(np.asarray(values, float))
    top = float(np.nanmax(known, initial=0.0))
    if top >= 1000:
        return {"exponentformat": "B", "separatethousands": True}
    return {"exponentformat": "power", "minexponent": 5}


def varying(sweep: Sweep, outcome: str) -> bool:
    """Tell whether an outcome differs between runs, and is finite in all that have it."""
    low, high = float(sweep.runs[outcome].min()), float(sweep.runs[outcome].max())
    return math.isfinite(low) and math.isfinite(high) and high > low


def main_outcomes(sweep: Sweep, most: int = 3) -> list[str]:
    """Outcomes to show: those that the plan names, else those that people ask about first."""
    named = [name for name in sweep.plan.keep.outcomes if name in sweep.outcomes]
    asked = [name for name in ASKED if name in sweep.outcomes]
    falls = [name for name in sweep.outcomes if name.endswith("largest_fall")]
    rest = [name for name in sweep.outcomes if name not in ("steps", "residual")]
    ordered = dict.fromkeys([*named, *asked[:1], *falls[:1], *asked, *rest])
    return [name for name in ordered if varying(sweep, name)][:most]


def banded(sweep: Sweep, axis: Axis) -> "pd.Series[Any]":
    """Level or bin of a factor for each run: its value, or the mean of the values in its bin."""
    column = sweep.runs[axis.path]
    if axis.levels or not axis.is_number:
        return column
    place = pd.qcut(column.rank(method="first"), BINS, labels=False)
    return column.groupby(place).transform("mean")


def curve(sweep: Sweep, outcome: str, name: str, confidence: float = 0.95) -> pd.DataFrame:
    """Outcome by the levels or bins of a factor, over all else.

    Returns
    -------
    DataFrame
        `x` and, in the unit of the outcome, `mean`, `mean_low`, `mean_high` (over seeds, NaN for
        one), `q10` and `q90` (NaN where there are too few runs for those), `n`.
    """
    frame = pd.DataFrame({"x": banded(sweep, axis_of(sweep, name)), "y": sweep.runs[outcome]})
    groups = Groups(frame, ["x"], seeds_of(sweep.plan, sweep.runs))
    found = summarise(frame, groups, ["y"], (0.1, 0.9), confidence, strict=False)
    return found[["x", "n", "mean", "mean_low", "mean_high", "q10", "q90"]]


def strength(sweep: Sweep, outcome: str, name: str) -> float:
    """Share of an outcome's variance that the levels or bins of a factor explain alone."""
    values = sweep.runs[outcome]
    known = values.notna()
    group = banded(sweep, axis_of(sweep, name))[known]
    means = values[known].groupby(group).transform("mean")
    whole = float(values[known].var())
    return float(means.var() / whole) if whole else 0.0


def strongest(sweep: Sweep, outcome: str) -> list[str]:
    """Paths of the factors, the one that explains most first."""
    return sorted(sweep.plan.paths, key=lambda path: -strength(sweep, outcome, path))


def words_of(name: str) -> str:
    """Name of an outcome for people: bad debt; largest fall of BTC-PERP."""
    words = name.split(".")
    if words[0] == "markets" and len(words) > 2:
        name = f"{words[-1]} of {'.'.join(words[1:-1])}"
    return name.replace("_", " ")


def title_of(name: str) -> str:
    """Name of an outcome at the beginning of a line."""
    words = words_of(name)
    return words[:1].upper() + words[1:]


def log_ticks(values: Any, levels: tuple[Any, ...] = ()) -> dict[str, Any]:
    """Settings of a logarithmic axis: ticks at its levels, or at 1, 2 and 5 or powers of ten."""
    known = np.asarray(values, float)
    low, high = np.log10(known.min()), np.log10(known.max())
    steps = (1, 2, 5) if high - low < 2 else (1,)
    decades = range(math.floor(low), math.ceil(high) + 1)
    ticks = [m * 10.0**d for d in decades for m in steps]
    if 0 < len(levels) <= TICKS:
        ticks = [float(level) for level in levels]
    return {"type": "log", "tickvals": ticks, "ticktext": [number(tick) for tick in ticks]}


def thinned(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many rows, drawn at random and kept in order."""
    if len(frame) <= most:
        return frame
    kept = np.random.default_rng(0).choice(len(frame), most, replace=False)
    return frame.iloc[np.sort(kept)]


#: Distance of the title of the x axis below a bar of colours: it does not see the tick labels.
BELOW = 38


def colour_bar(title: str, **settings: Any) -> dict[str, Any]:
    """Bar of colours that lies above a chart."""
    return {
        "title": {"text": title, "side": "top"},
        "orientation": "h",
        "thickness": 10,
        "len": 0.6,
        "x": 0.5,
        "y": 1.0,
        "yanchor": "bottom",
        "nticks": 5,
        **settings,
    }
