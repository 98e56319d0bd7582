"""A box in the space of the factors: its limits, how much it catches, and in a plain sentence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from crossmargin.experiments.sweeps.statistics import Estimate

Side = Literal["above", "below"]


def number_words(value: float) -> str:
    """Three significant figures, thousands separated.

    Examples
    --------
    >>> [number_words(x) for x in (0.0125, 12.5, 1250000.0, -3.0, 2e-9)]
    ['0.0125', '12.5', '1,250,000', '-3', '2e-09']
    """
    rounded = float(f"{value:.3g}")
    if rounded == 0 or not 1e-4 <= abs(rounded) < 1e15:
        return f"{rounded:g}"
    digits = max(2 - math.floor(math.log10(abs(rounded))), 0)
    text = f"{rounded:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True)
class Limit:
    """What a box says about one factor: an end, two ends, or the values that it allows.

    Attributes
    ----------
    path, label, unit : str
    low, high : float or None
        Ends in the unit of the factor, both within the box; None where it is open.
    values : tuple
        Words or truth values allowed, for a factor that is no number.
    chance : float
        Probability that so many cases would lie within by luck, were the limit of no use; with
        points as evidence, not replicates.
    """

    path: str
    label: str
    unit: str
    low: float | None = None
    high: float | None = None
    values: tuple[Any, ...] = ()
    chance: float = float("nan")

    def holds(self, column: "pd.Series[Any]") -> "pd.Series[bool]":
        """Tell which values lie within."""
        if self.values:
            return column.isin(self.values)
        inside = pd.Series(True, index=column.index)
        if self.low is not None:
            inside &= column >= self.low
        if self.high is not None:
            inside &= column <= self.high
        return inside

    def words(self) -> str:
        """Say it: `leverage is at least 12.5 x`."""
        if self.values:
            return f"{self.label} is " + " or ".join(map(str, self.values))
        unit = "" if self.unit in ("", "1") else f" {self.unit}"
        if " " in self.unit:
            unit = f" ({self.unit})"
        low, high = (None if x is None else number_words(x) for x in (self.low, self.high))
        if low is not None and high is not None:
            if low == high:
                return f"{self.label} is {low}{unit}"
            return f"{self.label} is between {low} and {high}{unit}"
        end = f"at least {low}" if low is not None else f"at most {high}"
        return f"{self.label} is {end}{unit}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share == 0 or share >= 0.01 else f"{100 * share:.2g}%"


@dataclass(frozen=True)
class Box:
    """A corner of the space of the factors in which an outcome is often beyond a threshold.

    Attributes
    ----------
    outcome : str
    side : {"above", "below"}
    threshold : float
        A run is a case when its outcome lies on that side of the threshold.
    limits : tuple of Limit
        None where no box does better than the whole space.
    coverage : float
        Share of all cases that lie in the box.
    density : Estimate
        Share of the runs in the box that are cases, with Clopper and Pearson's interval for so many
        runs as they are worth: replicates of a point, or of a seed, may come out alike. The box was
        chosen on these runs: `held_out_density` is the number to expect of new ones.
    base_rate : float
        Share of all runs that are cases.
    mass : float
        Share of all runs that lie in the box.
    points : int
        Of the design, with a run; those of equal values count once.
    held_out_coverage, held_out_density : float
        The same on points that were left out when the box was sought, by cross-validation; NaN for
        too few points.
    steps : DataFrame
        The boxes on the way from the whole space: `coverage`, `density`, `mass`, `limits`.
    """

    outcome: str
    side: Side
    threshold: float
    limits: tuple[Limit, ...]
    coverage: float
    density: Estimate
    base_rate: float
    mass: float
    points: int
    held_out_coverage: float
    held_out_density: float
    steps: pd.DataFrame

    @property
    def case(self) -> str:
        """What counts as a case, in words: `bad_debt above 0`."""
        return f"{self.outcome} {self.side} {number_words(self.threshold)}"

    def is_case(self, values: "pd.Series[float]") -> "pd.Series[bool]":
        """Tell which values of the outcome are cases."""
        return values > self.threshold if self.side == "above" else values < self.threshold

    def holds(self, points: pd.DataFrame) -> "pd.Series[bool]":
        """Tell which rows of a table with the factors by path lie in the box."""
        inside = pd.Series(True, index=points.index)
        for limit in self.limits:
            inside &= limit.holds(points[limit.path])
        return inside

    @property
    def sentence(self) -> str:
        """The box in one or two sentences."""
        if not self.limits:
            return (
                f"No corner of the factors stands out: {self.case} in {_percent(self.base_rate)} "
                f"of all runs, and where a box has more, luck in which of {self.points:,} points "
                "are cases may explain it. More points would tell, more replicates would not."
            )
        corner = _joined([limit.words() for limit in self.limits])
        found = (
            f"Where {corner}, {_percent(self.density.value)} of the runs have {self.case}, "
            f"against {_percent(self.base_rate)} of all runs. This corner is "
            f"{_percent(self.mass)} of the runs and holds {_percent(self.coverage)} of such cases."
        )
        if self.held_out_density == self.held_out_density:
            found += (
                f" On points that the search did not see it is {_percent(self.held_out_density)} "
                f"and {_percent(self.held_out_coverage)}."
            )
        return found


def _joined(words: Sequence[str]) -> str:
    return " and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} and {words[-1]}"
