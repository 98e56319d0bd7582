"""The tables of a sweep's report: factors, outcomes, indices, luck, failures."""

from typing import Any

import pandas as pd

from crossmargin.dashboards.figures.sweep_data import axis_of, number, value_words, words_of
from crossmargin.dashboards.figures.words import count, share
from crossmargin.experiments.analysis.boxes import Box
from crossmargin.experiments.analysis.seed_share import SeedShare
from crossmargin.experiments.analysis.sensitivity import Sensitivity
from crossmargin.experiments.sweeps.results import Sweep

#: Outcomes listed at most, rows of a table behind a chart, and failures listed.
LISTED, ROWS, FAILURES = 40, 150, 20


def interval(value: float, low: float, high: float) -> str:
    """Write a number with its interval: 1.2 (1.1–1.3)."""
    if value != value:
        return "–"
    if low != low or low == value == high:
        return number(value)
    between = " to " if low < 0 else "–"
    return f"{number(value)} ({number(low)}{between}{number(high)})"


def shares(value: float, low: float, high: float) -> str:
    """Write a share with its interval: 12% (10%–14%)."""
    between = " to " if low < 0 else "–"
    return f"{share(value)} ({share(low)}{between}{share(high)})"


def factors(sweep: Sweep) -> pd.DataFrame:
    """What was varied, and between which values."""
    rows = []
    for factor in sweep.plan.factor:
        axis, column = axis_of(sweep, factor.path), sweep.points[factor.path]
        levels = axis.levels
        if levels and len(levels) <= 8:
            values = ", ".join(map(value_words, levels))
        elif axis.is_number:
            values = f"{number(column.min())} to {number(column.max())}"
        else:
            values = f"{len(levels)} values"
        rows.append((axis.label, factor.path, factor.unit or "", values))
    return pd.DataFrame(rows, columns=["factor", "path", "unit", "values"])


def outcomes(sweep: Sweep) -> pd.DataFrame:
    """Mean and quantiles of every outcome over all runs, the first 40."""
    if not sweep.outcomes or sweep.runs.empty:
        return pd.DataFrame()
    rows = []
    for _, row in sweep.summary(outcomes=list(sweep.outcomes[:LISTED])).iterrows():
        numbers = {
            name: interval(row[key], row[f"{key}_low"], row[f"{key}_high"])
            for name, key in (("mean", "mean"), ("median", "q50"), ("5%", "q5"), ("95%", "q95"))
        }
        first = {"outcome": row["outcome"], "runs": count(row["n"]), "seeds": count(row["seeds"])}
        rows.append(first | numbers | {"remark": remark(row)})
    found = pd.DataFrame(rows)
    return found if found["remark"].any() else found.drop(columns="remark")


def remark(row: "pd.Series[Any]") -> str:
    """Why an outcome has no interval of its mean; quantiles that are left out are seen."""
    parts = [part for part in str(row["note"]).split("; ") if not part.startswith("quantile")]
    return "; ".join(parts)


def curves(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Numbers behind response curves, by label of the factor."""
    rows = []
    for label, frame in frames.items():
        for _, row in frame.iterrows():
            mean = interval(row["mean"], row["mean_low"], row["mean_high"])
            spread = f"{number(row['q10'])} to {number(row['q90'])}"
            rows.append((label, value_words(row["x"]), mean, spread, count(row["n"])))
    columns = ["factor", "value", "mean", "middle 80% of runs", "runs"]
    return pd.DataFrame(rows[:ROWS], columns=columns)


def indices(found: Sensitivity) -> pd.DataFrame:
    """Measures of sensitivity, the largest first."""
    rows: list[tuple[str, ...]] = []
    if found.kind == "morris":
        for _, r in found.table.sort_values("mu_star", ascending=False).iterrows():
            star = interval(r["mu_star"], r["mu_star_low"], r["mu_star_high"])
            rows.append((r["factor"], star, number(r["mu"]), number(r["sigma"])))
        return pd.DataFrame(rows, columns=["factor", "μ*", "μ", "σ"])
    for _, r in found.table.sort_values("total", ascending=False).iterrows():
        first = shares(r["first"], r["first_low"], r["first_high"])
        rows.append((r["factor"], first, shares(r["total"], r["total_low"], r["total_high"])))
    return pd.DataFrame(rows, columns=["factor", "alone", "with all others"])


def luck(found: list[SeedShare]) -> pd.DataFrame:
    """Share of the seed in each outcome."""
    rows = [
        (
            words_of(s.outcome),
            shares(s.share, s.low, s.high),
            share(s.alike),
            share(s.apart),
            count(s.points),
            count(s.runs),
        )
        for s in found
    ]
    columns = ["outcome", "luck", "all points alike", "each point its own", "points", "runs"]
    return pd.DataFrame(rows, columns=columns)


def limits(box: Box) -> pd.DataFrame:
    """Limits of a box with the chance that each is of no use."""
    rows = [(limit.words(), f"{limit.chance:.2g}") for limit in box.limits]
    return pd.DataFrame(rows, columns=["limit", "chance that it is of no use"])


def failures(sweep: Sweep) -> pd.DataFrame:
    """The first runs that failed."""
    columns = [c for c in ("point", "replicate", "seed", "stage", "error") if c in sweep.failures]
    return sweep.failures[columns].head(FAILURES)
