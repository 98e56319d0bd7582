"""The three places where money is multiplied, divided or made from a float.

Sums of money have head-room in int64 (a billion dollars at six decimals is 1e15 of 9.2e18),
products have none. So every product of two amounts goes through `muldiv`, every pro-rata share
through `split`, which sums exactly, and every float becomes money in `to_units`.
"""

import math

import numpy as np

from crossmargin.model.kernel import kernel

#: Largest magnitude that `to_units` lets through, units. A float above it is a fault, not money.
LARGEST = 4.0e18


@kernel
def muldiv(amount, part, whole):
    """Return floor(amount * part / whole) exactly, units.

    A float estimate is corrected with the remainder, which is exact modulo 2**64 and small.

    Parameters
    ----------
    amount, part : int
        Not negative. The result must stay below 2**62.
    whole : int
        Positive.
    """
    quotient = np.int64(np.float64(amount) * np.float64(part) / np.float64(whole))
    rest = amount * part - quotient * whole
    while rest < 0:
        step = (-rest + whole - 1) // whole
        quotient -= step
        rest += step * whole
    return quotient + rest // whole


@kernel
def muldiv_up(amount: int, part: int, whole: int) -> int:
    """Return ceil(amount * part / whole) exactly, units; bounds as for `muldiv`."""
    quotient = muldiv(amount, part, whole)
    return quotient + (amount * part - quotient * whole != 0)


@kernel
def signed_muldiv(amount: int, part: int, whole: int) -> int:
    """Return amount * part / whole rounded towards zero, for an amount of any sign, units."""
    if amount < 0:
        return -muldiv(-amount, part, whole)
    return muldiv(amount, part, whole)


@kernel
def split(total: int, weights: np.ndarray, shares: np.ndarray) -> int:
    """Share a total pro rata to weights; return what could not be shared, units.

    Cumulated rounding: the shares sum to the total exactly and each lies within one unit of its
    exact value. With no positive weight nothing is shared and the whole total comes back.

    Parameters
    ----------
    total : int
        Not negative, units.
    weights : (n,) int64
        Not negative; their sum must stay below 2**62.
    shares : (n,) int64
        Written in place, units.
    """
    whole = 0
    for i in range(weights.shape[0]):
        whole += weights[i]
        shares[i] = 0
    if whole == 0:
        return total
    seen = 0
    given = 0
    for i in range(weights.shape[0]):
        seen += weights[i]
        upto = muldiv(total, seen, whole)
        shares[i] = upto - given
        given = upto
    return total - given


@kernel
def to_units(value):
    """Round a float down to whole units; zero where it is no number or too large for int64."""
    if not (-LARGEST < value < LARGEST):
        return 0
    return np.int64(math.floor(value))


@kernel
def to_units_up(value: float) -> int:
    """Round a float up to whole units: what a payer owes."""
    return -to_units(-value)
