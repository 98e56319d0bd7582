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
#: Which runs are of the plan, at which point; a table that `connect` adds, and its row number.
PLACES, PLACE = "run_places", "place_in_runs"
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

    A run that is not there is NaN. Factors carry their path and unit. A folder holds one run a
    point and replicate; should writers of two versions of the model have made the same one at the
    same time, the one that comes last by the name of its file counts.
    """
    import xarray

    names = names_of(sweep)
    runs, on_grid = sweep.runs, is_grid(sweep)
    dims = list(sweep.plan.paths) if on_grid else ["point"]
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

    `runs`, `timing` and `failures` have the rows of the attributes of those names. `series` and
    `events` have the rows of runs that `runs` has, of each run once; point, replicate and factors
    come by a join with `runs`. A table without files is empty.
    """
    import duckdb

    connection = duckdb.connect()
    if sweep.folder is not None:
        known = sweep._some(())
        places = known[[*reading.IDENTITY, *sweep.plan.paths]].assign(**{PLACE: range(len(known))})
        connection.register(PLACES, places)
    for name in VIEWS:
        query = _query(sweep, name)
        if query is not None:
            connection.execute(f"CREATE VIEW {name} AS {query}")
        else:
            connection.register(name, getattr(sweep, name))
    return connection


def _query(sweep: Sweep, name: str) -> str | None:
    """Query over the files of a table; None where a frame is as good."""
    folder = sweep.folder
    if folder is None or name == "failures" or not reading.files(folder, name):
        return None
    columns = reading.columns_of(folder, name)
    file = _free("file", columns)
    paths = ", ".join(_quoted(str(path)) for path in reading.files(folder, name))
    rows = f"read_parquet([{paths}], union_by_name = true, filename = '{file}')"
    if name == "runs":
        return _query_of_runs(sweep, f"SELECT DISTINCT ON (run_id) * FROM {rows}", columns)
    first = f"SELECT run_id, min({file}) AS {file} FROM {rows} GROUP BY run_id"
    some = f"SELECT * FROM {rows} SEMI JOIN {PLACES} USING (run_id)"
    found = f"SELECT * EXCLUDE ({file}) FROM ({some}) SEMI JOIN ({first}) USING (run_id, {file})"
    return f"SELECT DISTINCT ON (run_id) * FROM ({found})" if name == "timing" else found


def _query_of_runs(sweep: Sweep, stored: str, columns: Sequence[str]) -> str:
    """Outcomes from the files beside point, replicate and factors as the plan has them now."""
    own = (*reading.IDENTITY, *sweep.plan.paths)
    picked = ", ".join(f"{'p' if name in own else 's'}.{_named(name)}" for name in columns)
    return (
        f"SELECT {picked} FROM {PLACES} AS p JOIN ({stored}) AS s ON p.run_id = s.run_id "
        f"ORDER BY p.{PLACE}"
    )


def _free(word: str, taken: Sequence[str]) -> str:
    """Word that no column has as its name; DuckDB's names do not tell capitals."""
    known = {name.lower() for name in taken}
    while word in known:
        word += "_"
    return word


def _named(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


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
        + (f"; {reading.mixed(sweep.versions)}" if len(sweep.versions) > 1 else "")
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
