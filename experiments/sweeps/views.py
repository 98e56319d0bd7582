"""A sweep for other tools: xarray, DuckDB, and the cell of a notebook."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crossmargin.experiments.sweeps import reading
from crossmargin.experiments.sweeps.results import Sweep

if TYPE_CHECKING:
    import duckdb
    import xarray

VIEWS = ("runs", "timing", "failures", "series", "events")
#: Outcomes that a notebook's cell lists.
LISTED = 12


def names_of(sweep: Sweep) -> dict[str, str]:
    """Short name of each factor where it is the only one so called, else its path."""
    names = [factor.name for factor in sweep.plan.factor]
    return {
        factor.path: factor.name if names.count(factor.name) == 1 else factor.path
        for factor in sweep.plan.factor
    }


def is_grid(sweep: Sweep) -> bool:
    """Tell whether the points are all combinations of the factors' values, each once."""
    points = sweep.points
    if not sweep.plan.paths or points.duplicated().any():
        return False
    size = 1
    for path in sweep.plan.paths:
        size *= points[path].nunique()
    return size == len(points)


def to_xarray(sweep: Sweep) -> "xarray.Dataset":
    """Outcomes over factors x replicate; over point x replicate where the points are no grid.

    A run that is not there is NaN. Factors carry their path and unit.
    """
    import xarray

    names = names_of(sweep)
    runs, on_grid = sweep.runs, is_grid(sweep)
    dims = list(sweep.plan.paths) if on_grid else ["point"]
    # runs of two versions of the model may stand in one folder: the later file has the last word
    frame = runs.drop_duplicates([*dims, "replicate"], keep="last")
    frame = frame.set_index([*dims, "replicate"])[list(sweep.outcomes)]
    found = xarray.Dataset.from_dataframe(frame)
    if not on_grid:
        own = sweep.points.loc[found["point"].to_numpy()]
        found = found.assign_coords({p: ("point", own[p].to_numpy()) for p in sweep.plan.paths})
    for factor in sweep.plan.factor:
        found[factor.path].attrs.update(path=factor.path, units=factor.unit or "")
    found.attrs.update(name=sweep.plan.name, title=sweep.plan.title)
    return found.rename(names)


def connect(sweep: Sweep) -> "duckdb.DuckDBPyConnection":
    """DuckDB with a view a table; over the files themselves where there is a folder.

    The views hold the rows of the files, every run once. A table without files is empty.
    """
    import duckdb

    connection = duckdb.connect()
    for name in VIEWS:
        query = _query(sweep, name)
        if query is not None:
            connection.execute(f"CREATE VIEW {name} AS {query}")
        else:
            frame = getattr(sweep, name)
            connection.register(name, frame)
    return connection


def _query(sweep: Sweep, name: str) -> str | None:
    """Query over the files of a table; None where there is none."""
    if sweep.folder is None or not reading.files(sweep.folder, name):
        return None
    paths = ", ".join(_quoted(str(path)) for path in reading.files(sweep.folder, name))
    rows = f"read_parquet([{paths}], union_by_name = true, filename = 'file')"
    if name in ("series", "events"):
        first = f"SELECT run_id, min(file) AS file FROM {rows} GROUP BY run_id"
        return f"SELECT * EXCLUDE (file) FROM {rows} SEMI JOIN ({first}) USING (run_id, file)"
    return f"SELECT DISTINCT ON (run_id) * EXCLUDE (file) FROM {rows}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _spoken(values: "pd.Series[Any]") -> str:
    """Values of a factor in a few words."""
    if not pd.api.types.is_numeric_dtype(values) or values.nunique() <= 5:
        found = list(dict.fromkeys(values.tolist()))
        words = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in found[:5])
        return words + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    return f"{values.min():g} to {values.max():g}"


def html(sweep: Sweep) -> str:
    """Static HTML of a sweep: how far it is, its factors, the means of its outcomes."""
    plan = sweep.plan
    done, points = sweep.finished, len(sweep.points)
    facts = (
        f"{done:,} runs of {points:,} points ({plan.design.kind}), {len(sweep.failures):,} failed"
    )
    if done < len(sweep.runs):
        facts += "; points of equal values share their runs, and each counts"
    factors = [
        (factor.name, factor.path, factor.unit or "", _spoken(sweep.points[factor.path]))
        for factor in plan.factor
    ]
    outcomes = sweep.outcomes[:LISTED]
    with np.errstate(invalid="ignore"):  # infinite values have no standard deviation
        means = [
            (str(name), f"{column.mean():.5g}", f"{column.std():.3g}", f"{column.count():,}")
            for name, column in sweep.runs[list(outcomes)].items()
        ]
    left = len(sweep.outcomes) - len(outcomes)
    more = f"<p>and {left} more outcomes</p>" if left else ""
    return (
        f"<b>{escape(plan.title or plan.name)}</b><p>{facts}</p>"
        + _table(("factor", "path", "unit", "values"), factors)
        + _table(("outcome", "mean", "standard deviation", "runs"), means)
        + more
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    cells = "".join(f"<th style='text-align:left'>{escape(word)}</th>" for word in head)
    lines = "".join(
        f"<tr>{''.join(f'<td>{escape(word)}</td>' for word in row)}</tr>" for row in rows
    )
    return f"<table><tr>{cells}</tr>{lines}</table>"
