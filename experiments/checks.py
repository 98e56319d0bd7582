"""Numbers that a caller gives, checked where they come in: each by its name, or refused with it."""

import math
from typing import Any

import numpy as np

from crossmargin.model.errors import ParameterError


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def checked_count(name: str, value: Any, least: int) -> int:
    """Whole number that is at least so large.

    Raises
    ------
    ParameterError
        With the name and the value.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:
        raise ParameterError(f"{name} = {value!r}: must be a whole number from {least} up")
    return int(value)


def checked_number(name: str, value: Any) -> float:
    """A number, not infinite and not NaN.

    Raises
    ------
    ParameterError
        With the name and the value.
    """
    if not _is_number(value) or not math.isfinite(value):
        raise ParameterError(f"{name} = {value!r}: must be a finite number")
    return float(value)


def checked_target(value: Any) -> float:
    """Score to be reached; infinity stands for an event that has no score of its own.

    Raises
    ------
    ParameterError
        When it is no number.
    """
    if not _is_number(value) or math.isnan(value):
        raise ParameterError(f"target = {value!r}: must be a number")
    return float(value)


def checked_share(name: str, value: Any) -> float:
    """Return a number strictly between 0 and 1, or refuse it.

    Raises
    ------
    ParameterError
        With the name and the value.
    """
    if not _is_number(value) or not 0 < float(value) < 1:
        raise ParameterError(f"{name} = {value!r}: must be a number between 0 and 1")
    return float(value)
