"""Rows of [reference]: which underlyings a common process moves, and how each loads on it."""

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def rows_of(reference: Row | None) -> dict[str, Row]:
    """Rows of [reference] by the underlying that loads; none without the section."""
    return {row["underlying"]: row for row in (reference or {}).get("loading", ())}


def check(reference: Row, known: Sequence[str], free: Sequence[str]) -> None:
    """Refuse rows that name no underlying, one twice, or one that moves by itself.

    Parameters
    ----------
    known, free : list of str
        Underlyings of the scenario, and those that have no path of their own.

    Raises
    ------
    ValueError
        With the key and what is allowed.
    """
    rows = reference.get("loading")
    if not isinstance(rows, list | tuple) or not rows:
        raise ValueError("reference.loading: is missing; give a row to each underlying it moves")
    named: list[Any] = []
    for i, row in enumerate(rows):
        where = f"reference.loading.{i}.underlying"
        if not isinstance(row, Mapping) or "underlying" not in row:
            raise ValueError(f"{where}: is missing")
        name = row["underlying"]
        if name not in known:
            raise ValueError(f"{where}: there is no {name!r}; there are {', '.join(known)}")
        if name in named:
            raise ValueError(f"reference.loading: the underlying {name!r} stands twice")
        if name not in free:
            raise ValueError(
                f"reference.loading.{name}: underlying {name} has a path of its own; "
                "leave out one of the two"
            )
        named.append(name)


def numbers_of(row: Row, kind: str) -> dict[str, Any]:
    """Table of the part that moves one underlying, from its row."""
    return {"kind": kind} | {key: value for key, value in row.items() if key != "underlying"}
