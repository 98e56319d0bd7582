"""Points of a design from a CSV: a header with the paths of the factors, one row a point."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crossmargin.experiments.explain import did_you_mean
from crossmargin.model.errors import ParameterError, ScenarioError


def read_points(path: Path, factors: Sequence[str]) -> tuple[tuple[Any, ...], ...]:
    """Rows of a CSV in the order of the factors.

    Raises
    ------
    ScenarioError, ParameterError
        With file, line and column: what cannot be read, a column that is no factor, a factor
        without a column, a cell that is empty or not finite.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: is no UTF-8 text (byte {error.start})") from None
    reader = csv.reader(text.splitlines(), skipinitialspace=True, strict=True)
    try:
        lines = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise ScenarioError(f"{path}: line {reader.line_num}: is no CSV: {error}") from None
    if len(lines) < 2:
        raise ScenarioError(f"{path}: holds no points: it needs a header and a row")
    header = [word.strip() for word in lines[0][1]]
    _check_header(path, header, factors)
    places = [header.index(factor) for factor in factors]
    return tuple(_row(f"{path}: line {n}", row, header, places) for n, row in lines[1:])


def _check_header(path: Path, header: list[str], factors: Sequence[str]) -> None:
    for i, word in enumerate(header):
        if word not in factors:
            hint = did_you_mean(word, factors)
            raise ParameterError(f"{path}: the column {word!r} is no factor; {hint}")
        if word in header[:i]:
            raise ParameterError(f"{path}: the column {word!r} stands twice")
    missing = [factor for factor in factors if factor not in header]
    if missing:
        raise ParameterError(f"{path}: has no column for the factor {missing[0]!r}")


def _row(where: str, row: list[str], header: list[str], places: list[int]) -> tuple[Any, ...]:
    if len(row) != len(header):
        raise ScenarioError(f"{where}: has {len(row)} cells, the header {len(header)}")
    return tuple(_cell(f"{where}, column {header[i]!r}", row[i].strip()) for i in places)


def _cell(where: str, text: str) -> Any:
    """Cell as a whole number, a number, a truth value or a word."""
    if not text:
        raise ParameterError(f"{where}: is empty")
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if not math.isfinite(number):
            raise ParameterError(f"{where}: {text} is not finite")
        return number
    return {"true": True, "false": False}.get(text.lower(), text)
