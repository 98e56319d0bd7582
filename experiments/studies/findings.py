"""What a study found, in sentences with intervals, computed from its runs."""

from typing import Any

import pandas as pd

from crossmargin.experiments.analysis.boxes import number_words
from crossmargin.experiments.studies.study import Shown, Study
from crossmargin.experiments.sweeps import statistics
from crossmargin.experiments.sweeps.clusters import seeds_of
from crossmargin.experiments.sweeps.groups import Groups
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.experiments.sweeps.summaries import exceedances, summarise


def values_of(sweep: Sweep, panel: Shown) -> "pd.Series[float]":
    """Outcome of a panel for each run as it is shown: scaled, or whether it is beyond."""
    found = sweep.runs[sweep.outcome(panel.name)].astype(float)
    if panel.above is not None:
        found = (found > panel.above).astype(float).where(found.notna())
    return found * panel.scale


def cells(sweep: Sweep, study: Study, panel: Shown) -> pd.DataFrame:
    """Mean of a panel for each pair of factor values, with its interval.

    Returns
    -------
    DataFrame
        `x` and `by` as in the plan; `mean`, `low`, `high` as shown: Student's interval, or Clopper
        and Pearson's where the panel is a share of runs, over seeds where points of a cell share
        them; `n`.
    """
    frame = runs_by_cell(sweep, study, panel)
    groups = Groups(frame, ["x", "by"], seeds_of(sweep.plan, frame))
    if panel.above is not None:
        found = _shares(frame, groups, panel)
    else:
        found = summarise(frame, groups, ["value"], (), 0.95, strict=False)
        found = found.rename(columns={"mean_low": "low", "mean_high": "high"})
    return _within_range(found[["x", "by", "mean", "low", "high", "n"]], frame, panel)


def _shares(frame: pd.DataFrame, groups: Groups, panel: Shown) -> pd.DataFrame:
    found = exceedances(frame["value"].to_numpy(float), groups, 0.0, 0.95)
    found = found.rename(columns={"probability": "mean"})
    return found.assign(**{end: panel.scale * found[end] for end in ("mean", "low", "high")})


def runs_by_cell(sweep: Sweep, study: Study, panel: Shown) -> pd.DataFrame:
    """One row a run: `x`, `by`, `replicate` and the `value` of a panel as shown."""
    runs = sweep.runs
    return pd.DataFrame(
        {
            "x": runs[sweep.path(study.x.name)],
            "by": runs[sweep.path(study.by.name)],
            "replicate": runs["replicate"],
            "value": values_of(sweep, panel),
        }
    )


def _within_range(found: pd.DataFrame, frame: pd.DataFrame, panel: Shown) -> pd.DataFrame:
    """Intervals cut where the values cannot go: below nothing, above all."""
    values = frame.groupby(["x", "by"], sort=True)["value"].agg(["min", "max"]).reset_index()
    low, high = found["low"], found["high"]
    low = low.where(~(values["min"] >= 0), low.clip(lower=0.0))
    if panel.unit == "%":
        high = high.where(~(values["max"] <= 100), high.clip(upper=100.0))
    return found.assign(low=low, high=high)


def findings(sweep: Sweep, study: Study) -> list[str]:
    """Two or three sentences that say what a study found."""
    if sweep.runs.empty:
        return ["No run is finished."]
    if study.kind == "map":
        return _of_map(sweep, study)
    if study.kind == "convergence":
        from crossmargin.experiments.studies.convergence import convergence_words

        return convergence_words(sweep, study)
    return [_of_panel(sweep, study, panel) for panel in study.panel]


def shown(what: Shown, value: Any) -> str:
    """Value of a factor or an outcome with its unit: 12.5%, 20,000 USDC."""
    if isinstance(value, str):
        return value
    return with_unit(what, float(value) * what.scale)


def with_unit(what: Shown, value: float) -> str:
    """Number that is scaled already, with its unit."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else number_words(value)
    text = text.replace("-0", "0") if text == "-0" else text
    return f"{text}%" if what.unit == "%" else f"{text} {what.unit}".rstrip()


def _levels(column: "pd.Series[Any]") -> list[Any]:
    return sorted(column.unique())


def _of_panel(sweep: Sweep, study: Study, panel: Shown) -> str:
    """How an outcome goes along x in the first and the last group, and how these differ."""
    table = cells(sweep, study, panel).set_index(["by", "x"])
    groups = _levels(table.reset_index()["by"])
    ends = _ordered(study.x, _levels(table.reset_index()["x"]))
    parts = []
    for group in dict.fromkeys((groups[0], groups[-1])):
        told = [with_unit(panel, table.loc[(group, x), "mean"]) for x in ends]
        parts.append(f"{' to '.join(told)} with {study.by.title} {shown(study.by, group)}")
    first, last = (shown(study.x, x) for x in ends)
    words = f"{panel.title}, {study.x.title} from {first} to {last}: {'; '.join(parts)}"
    frame = runs_by_cell(sweep, study, panel)
    along = _signed(panel, _difference(frame, "x", ends[1], ends[0]))
    words = f"{words}. On average, {first} to {last}: {along}"
    if len(groups) < 2:
        return f"{words}."
    gap = _difference(frame, "by", groups[-1], groups[0])
    pair = f"{shown(study.by, groups[-1])} less {shown(study.by, groups[0])}"
    return f"{words}; {pair}: {_signed(panel, gap)}."


def _ordered(x: Shown, levels: list[Any]) -> list[Any]:
    """First and last level as shown: a negative scale turns them round."""
    ends = [levels[0], levels[-1]]
    return ends[::-1] if x.scale < 0 else ends


def _difference(frame: pd.DataFrame, column: str, one: Any, other: Any) -> statistics.Estimate:
    """Mean by which runs with one value lie above those with another, replicates as pairs.

    Only replicates that every point has count: others would compare different points.
    """
    sizes = frame.groupby("replicate")["value"].transform("count")
    means = frame[sizes == sizes.max()].groupby(["replicate", column])["value"].mean().unstack()
    return statistics.mean((means[one] - means[other]).dropna())


def _signed(panel: Shown, gap: statistics.Estimate) -> str:
    """Difference with its interval; of shares in points, not in per cent of one another."""
    unit = "points" if panel.unit == "%" else panel.unit
    what = panel.model_copy(update={"unit": unit})
    bare = panel.model_copy(update={"unit": ""})
    mean = ("+" if gap.value > 0 else "") + with_unit(what, gap.value)
    if gap.low != gap.low:
        return mean
    return f"{mean} ({with_unit(bare, gap.low)} to {with_unit(bare, gap.high)} at 95%)"


def _of_map(sweep: Sweep, study: Study) -> list[str]:
    """Least and most of the map, what each factor does, and where half of the most is passed."""
    panel = study.panel[0]
    table = cells(sweep, study, panel)
    least, most = (table.loc[place] for place in (table["mean"].idxmin(), table["mean"].idxmax()))
    told = [
        f"{with_unit(panel, row['mean'])} at {study.x.title} {shown(study.x, row['x'])} and "
        f"{study.by.title} {shown(study.by, row['by'])}"
        for row in (least, most)
    ]
    frame = runs_by_cell(sweep, study, panel)
    effects = []
    for column, what in (("x", study.x), ("by", study.by)):
        first, last = (_levels(frame[column])[i] for i in (0, -1))
        gap = _signed(panel, _difference(frame, column, last, first))
        effects.append(f"{what.title} from {shown(what, first)} to {shown(what, last)}: {gap}")
    return [
        f"{panel.title}: from {told[0]} to {told[1]}.",
        f"On average over the rest, {'; '.join(effects)}.",
        _border(table, study, float(most["mean"]) / 2),
    ]


def _border(table: pd.DataFrame, study: Study, half: float) -> str:
    """Where half of the most is first reached, in the end rows and in that of the most."""
    parts = []
    ends = (table["by"].min(), table.loc[table["mean"].idxmax(), "by"], table["by"].max())
    for by in dict.fromkeys(ends):
        beyond = table.loc[(table["by"] == by) & (table["mean"] >= half), "x"]
        where = f"at {study.x.title} {shown(study.x, beyond.min())}" if len(beyond) else "nowhere"
        parts.append(f"{where} with {study.by.title} {shown(study.by, by)}")
    return f"Half of the most ({with_unit(study.panel[0], half)}) is reached {', '.join(parts)}."
