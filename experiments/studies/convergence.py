r"""Where outcomes have converged: how each level of a study differs from its finest one.

Replicates are pairs: replicate r of a coarse level is compared with replicate r of the finest, and
the mean difference has Student's interval. The intervals of all levels of a line hold together
(Bonferroni), so that one in twenty lines, not one in twenty levels, is told apart by chance. A line
has converged from the coarsest level on from which no level to the finest is told apart; what
is not told apart may differ by as much as its interval.

The spread between runs is fitted by a power of the level, :math:`\ln s_x = a + b \ln x`, with an
interval from drawing replicates again. Independent accounts give :math:`b = -1/2`.

References
----------
Dunn (1961), "Multiple comparisons among means", Journal of the American Statistical Association
56(293), doi:10.1080/01621459.1961.10482090.
"""

from typing import Any

import numpy as np
import pandas as pd

from crossmargin.experiments.studies.findings import (
    cells,
    runs_by_cell,
    shown,
    with_unit,
)
from crossmargin.experiments.studies.study import Shown, Study
from crossmargin.experiments.sweeps import statistics
from crossmargin.experiments.sweeps.results import Sweep

#: Draws of the interval of an exponent.
DRAWS = 400


def finest_of(study: Study, levels: Any) -> Any:
    """Level that stands for the limit: the most accounts, the shortest block."""
    return max(levels) if study.finest == "most" else min(levels)


def gaps(sweep: Sweep, study: Study, panel: Shown) -> pd.DataFrame:
    """Mean difference of every level from the finest, for each line.

    Returns
    -------
    DataFrame
        `by`, `x` from the coarsest level on; `gap`, `low`, `high` as shown, `n` pairs; `is_told`
        where the interval leaves out 0.
    """
    rows = []
    for by, table in _tables(sweep, study, panel):
        finest = finest_of(study, table.columns)
        others = [x for x in table.columns if x != finest]
        level = 1.0 - 0.05 / max(1, len(others))
        for x in others if study.finest == "most" else reversed(others):
            pairs = (table[x] - table[finest]).dropna()
            if len(pairs):
                rows.append((by, x, *statistics.mean(pairs, level)))
    found = pd.DataFrame(rows, columns=["by", "x", "gap", "low", "high", "n"])
    return found.assign(is_told=(found["low"] > 0) | (found["high"] < 0))


def _tables(sweep: Sweep, study: Study, panel: Shown) -> list[tuple[Any, pd.DataFrame]]:
    """For each line its values, one row a replicate and one column a level in rising order."""
    frame = runs_by_cell(sweep, study, panel)
    return [
        (by, rows.pivot_table(index="replicate", columns="x", values="value").sort_index(axis=1))
        for by, rows in frame.groupby("by", sort=True)
    ]


def converged_from(line: pd.DataFrame) -> Any:
    """Coarsest level from which on none is told apart from the finest; None when the last one is.

    Parameters
    ----------
    line : DataFrame
        Rows of one line of `gaps`, the coarsest level first.
    """
    told = line["is_told"].to_numpy()
    first = int(np.flatnonzero(told)[-1]) + 1 if told.any() else 0
    return line["x"].iloc[first] if first < len(line) else None


def spread_exponent(table: pd.DataFrame) -> statistics.Estimate:
    """Exponent with which the standard deviation between runs goes with the level.

    Parameters
    ----------
    table : DataFrame
        One row a replicate, one column a level. NaN where a level does not vary.
    """
    values, x = table.dropna().to_numpy(), np.log(table.columns.to_numpy(float))
    n = len(values)
    if n < 5 or len(x) < 3 or not (values.std(axis=0) > 0).all():
        return statistics.Estimate(np.nan, np.nan, np.nan, n)
    picks = np.random.default_rng(0).integers(0, n, (DRAWS, n))
    drawn = [_slope(x, values[pick]) for pick in picks]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return statistics.Estimate(_slope(x, values), float(low), float(high), n)


def _slope(x: Any, values: Any) -> float:
    deviations = values.std(axis=0, ddof=1)
    if not (deviations > 0).all():
        return float("nan")
    return float(np.polyfit(x, np.log(deviations), 1)[0])


def convergence_words(sweep: Sweep, study: Study) -> list[str]:
    """One sentence a panel: each line at the finest level, and from where on it is the same."""
    return [_of_panel(sweep, study, panel) for panel in study.panel]


def _of_panel(sweep: Sweep, study: Study, panel: Shown) -> str:
    found, finest = gaps(sweep, study, panel), cells(sweep, study, panel)
    parts = []
    for by, table in _tables(sweep, study, panel):
        last = finest_of(study, table.columns)
        row = finest[(finest["by"] == by) & (finest["x"] == last)].iloc[0]
        line = found[found["by"] == by]
        words = f"{_level(panel, row)} with {study.by.title} {shown(study.by, by)}"
        if float(np.nanmax(np.abs(table.to_numpy()))) == 0.0:
            parts.append(f"{words} at every level")
            continue
        parts.append(f"{words}, {_verdict(study, panel, line)}{_spread(study, table)}")
    where = shown(study.x, finest_of(study, found["x"].tolist() + finest["x"].tolist()))
    return f"{panel.title} at {study.x.title} {where}: {'; '.join(parts)}."


def _level(panel: Shown, row: Any) -> str:
    text = with_unit(panel, row["mean"])
    if row["low"] != row["low"]:
        return text
    bare = panel.model_copy(update={"unit": ""})
    return f"{text} ({with_unit(bare, row['low'])} to {with_unit(bare, row['high'])})"


def _verdict(study: Study, panel: Shown, line: pd.DataFrame) -> str:
    """From where on a line is the same, and how far the last level before that is off."""
    if line.empty:
        return "nothing to compare it with"
    start = converged_from(line)
    told = line[line["is_told"]]
    off = "" if told.empty else f"; {_gap(study, panel, told.iloc[-1])}"
    if start is None:
        return f"not converged{off}"
    near = line[line["x"] == start].iloc[0]
    return f"the same from {shown(study.x, start)} on ({_signed(panel, near)}){off}"


def _gap(study: Study, panel: Shown, row: Any) -> str:
    return f"at {shown(study.x, row['x'])} off by {_signed(panel, row)}"


def _signed(panel: Shown, row: Any) -> str:
    """Difference with its interval; of shares in points."""
    unit = "points" if panel.unit == "%" else panel.unit
    what, bare = (panel.model_copy(update={"unit": u}) for u in (unit, ""))
    sign = "+" if row["gap"] > 0 else ""
    text = f"{sign}{with_unit(what, row['gap'])}"
    if row["low"] != row["low"]:
        return text
    return f"{text}, {with_unit(bare, row['low'])} to {with_unit(bare, row['high'])}"


def _spread(study: Study, table: pd.DataFrame) -> str:
    """Exponent of the spread between runs, where more agents should make them alike."""
    if study.finest != "most":
        return ""
    found = spread_exponent(table)
    if found.value != found.value:
        return ""
    told = " to ".join(f"{value:.2f}" for value in (found.low, found.high))
    return f"; runs differ as a power {found.value:.2f} ({told}) of {study.x.title}"
