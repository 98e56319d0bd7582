"""From what a file says to whole units, without a float in between."""

import math
from collections.abc import Sequence
from decimal import Context, Decimal, InvalidOperation
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.limits import LARGEST_SUM

#: Decimals of entry prices: costs come back to the unit.
ENTRY_DIGITS = 24
#: Digits of all sums and products here: more than an amount and a price have together.
EXACT = Context(prec=80)
MISSING = "is missing; write 0 for none"

Integers = NDArray[np.int64]


def decimal_of(value: Any) -> Decimal:
    """Number that a cell says.

    Raises
    ------
    ValueError
        When it says none.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)) or value == "":
        raise ValueError(MISSING)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError(f"{value!r} is no number")
    try:
        found = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is no number") from None
    if not found.is_finite():
        raise ValueError(f"{value!r} is no finite number")
    return found


def decimals(values: Sequence[Any]) -> tuple[list[Decimal], dict[int, str]]:
    """Numbers of a column, and what is wrong by its place; a wrong one counts as 0."""
    zero = Decimal(0)
    found, wrong = [zero] * len(values), {}
    for i, value in enumerate(values):
        if type(value) in (int, float) and value == 0:  # most cells of a wide table
            continue
        try:
            found[i] = decimal_of(value)
        except ValueError as error:
            wrong[i] = str(error)
    return found, wrong


def units_of(values: Sequence[Decimal], unit: Decimal) -> tuple[Integers, dict[int, str]]:
    """Nearest whole multiples of a unit, and which are too large for the ledger."""
    found, wrong = np.zeros(len(values), np.int64), {}
    for i, value in enumerate(values):
        if not value:
            continue
        whole = int(EXACT.divide(value, unit).to_integral_value())
        if abs(whole) < LARGEST_SUM:
            found[i] = whole
        else:
            most = EXACT.multiply(Decimal(LARGEST_SUM), unit)
            wrong[i] = f"{value} is too large; below {most:.3g} is allowed"
    return found, wrong


def power(digits: int) -> Decimal:
    """Smallest unit of so many decimals."""
    return Decimal(1).scaleb(-digits)


def step_of(size: float) -> Decimal:
    """Tick or lot as the scenario writes it: 0.1 is a tenth."""
    return Decimal(repr(float(size)))


def columns_of(units: Integers, digits: int) -> Any:
    """Whole units as a column of decimals of a Parquet file, exact."""
    import pyarrow as pa

    words = np.empty((len(units), 2), np.int64)
    words[:, 0], words[:, 1] = units, units >> 63
    kind = pa.decimal128(38, digits)
    return pa.Array.from_buffers(kind, len(units), [None, pa.py_buffer(words.tobytes())])


def mean_price(cost: int, lots: int, lot: Decimal, unit: Decimal) -> Decimal:
    """Entry price of a position, quote per base, whose cost comes back to the unit."""
    base = EXACT.multiply(Decimal(int(lots)), lot)
    exact = EXACT.divide(EXACT.multiply(Decimal(int(cost)), unit), base)
    return exact.quantize(power(ENTRY_DIGITS), context=EXACT)


def cost_of(lots: int, entry: Decimal, lot: Decimal, unit: Decimal) -> int:
    """Cost of a position of some lots that was opened at a price, quote units."""
    value = EXACT.multiply(EXACT.multiply(Decimal(int(lots)), lot), entry)
    return int(EXACT.divide(value, unit).to_integral_value())
