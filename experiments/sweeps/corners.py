"""The ends of the factors' ranges: what has to fit a scenario for every point to fit."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from crossmargin.experiments.sweeps.designs import quantile, typed
from crossmargin.experiments.sweeps.plan import Factor, Plan


def extremes(plan: Plan, factor: Factor) -> list[tuple[str, Any]]:
    """Values that decide whether a factor fits, each with what it is called.

    All that are listed; both ends of a range; of a distribution the least and the largest value
    that a design can draw.
    """
    if factor.values is not None:
        return [("values", value) for value in factor.values]
    if not factor.is_given:
        place = plan.paths.index(factor.path)
        column = dict.fromkeys(row[place] for row in plan.design.rows or ())
        return [("value", value) for value in column]
    names = ("low", "high")
    if factor.distribution is not None:
        law = next(iter(factor.distribution))
        names = (f"least of {law}", f"largest of {law}")
    return list(zip(names, _at(plan, factor, 0.0, 1.0), strict=True))


def _at(plan: Plan, factor: Factor, *places: float) -> list[Any]:
    column = quantile(factor, np.asarray(places))
    return list(typed(plan, factor, column).tolist())


def corner_points(plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    """Points with one factor at an end and the others in the middle, each with that factor.

    Of a list or a CSV, the rows in which a factor has an end.
    """
    if plan.design.kind in ("list", "csv"):
        yield from _end_rows(plan)
        return
    middle = {factor.path: _at(plan, factor, 0.5)[0] for factor in plan.factor}
    for factor in plan.factor:
        for value in _ends_of([value for _, value in extremes(plan, factor)]):
            yield factor.path, {**middle, factor.path: value}


def _end_rows(plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = plan.design.rows or ()
    columns = [
        typed(plan, factor, list(column)).tolist()
        for factor, column in zip(plan.factor, zip(*rows, strict=True), strict=True)
    ]
    for path, column in zip(plan.paths, columns, strict=True):
        for value in _ends_of(column):
            place = column.index(value)
            yield path, {p: c[place] for p, c in zip(plan.paths, columns, strict=True)}


def _ends_of(values: list[Any]) -> list[Any]:
    """Least and largest of numbers, every one of words and truth values."""
    is_number = all(type(value) in (int, float) for value in values)
    return list(dict.fromkeys((min(values), max(values)) if is_number else values))
