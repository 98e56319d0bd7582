"""The three places where money is multiplied, divided or made from a float.

Sums of money have head-room in int64 (a billion dollars at six decimals is 1e15 of 9.2e18),
products have none. So every product of two amounts goes through `muldiv`, every pro-rata share
through `split`, which sums exactly, and every float becomes money in `to_units`.
"""

import math

import numpy as np

from crossmargin.model.bits import high_product
from crossmargin.model.kernel import kernel

#: Largest magnitude that `to_units` lets through, units. A float above it is a fault, not money.
LARGEST = 4.0e18


@kernel
def _correction(amount, part, whole, quotient):
    """Quotients by which an estimate is off, from the 128-bit remainder taken as a float."""
    product = np.uint64(amount) * np.uint64(part)
    taken = np.uint64(quotient) * np.uint64(whole)
    high = high_product(np.uint64(amount), np.uint64(part))
    high -= high_product(np.uint64(quotient), np.uint64(whole))
    if product < taken:
        high -= np.uint64(1)
    rest = np.float64(np.int64(high)) * 2.0**64 + np.float64(product - taken)
    return np.int64(math.floor(rest / np.float64(whole)))


@kernel
def muldiv(amount, part, whole):
    """Return floor(amount * part / whole) exactly, units.

    A product beyond 62 bits is divided as a float first. The estimate is corrected twice: by its
    128-bit remainder, and by the one that is left, which is small and exact modulo 2**64.

    Parameters
    ----------
    amount, part : int
        Not negative, below 2**62; so must be the result.
    whole : int
        Positive, below 2**62.
    """
    product = np.float64(amount) * np.float64(part)
    if product < LARGEST:
        return (amount * part) // whole
    quotient = np.int64(product / np.float64(whole))
    quotient += _correction(amount, part, whole, quotient)
    rest = amount * part - quotient * whole
    while rest < 0:
        quotient -= 1
        rest += whole
    while rest >= whole:
        quotient += 1
        rest -= whole
    return quotient


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
