"""What parts ask of a market: is it theirs, what does its index say, how a price becomes whole."""

import math

import numpy as np

from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel

#: Seconds of a year: these markets never close.
YEAR = 365 * 86400.0
#: No duration is longer, steps: more than any run has, and a sum of two fits 32 bits.
FOREVER = 1e9


@kernel
def acts_on(state, part, market):
    """Tell whether a part acts on a market: the one that it names, or those of its mask."""
    row = state.parts[part]
    return (row.market < 0 or row.market == market) and (row.markets >> market) & 1 == 1


@kernel
def concerns(state, part, underlying):
    """Tell whether a part acts on an underlying: on all of them when it names none."""
    named = state.parts[part].underlying
    return named < 0 or named == underlying


@kernel
def nearest(value):
    """Nearest whole half tick of a positive price, never below 1."""
    return max(1, to_units(value + 0.5))


@kernel
def index_of(state, market):
    """Index price, half ticks; before the oracle's first one the mid, and without it the mark."""
    row = state.ledger.markets[market]
    if row.index > 0:
        return row.index
    mid = state.book.ladders[market].mid
    return mid if mid > 0 else row.mark


@kernel
def log_price(state, market, half_price):
    """Log of a price in half ticks, of quote per base; not a number for no price."""
    if half_price <= 0:
        return np.nan
    return math.log(0.5 * half_price * state.ledger.markets[market].tick)


@kernel
def steps_of(state, seconds):
    """Whole steps nearest to a duration in seconds, one at least."""
    return max(1, to_units(min(seconds / state.clock[0].block_seconds + 0.5, FOREVER)))


@kernel
def first_step_after(state, seconds):
    """First step that begins at or after a moment, seconds from the start of the run."""
    clock = state.clock[0]
    return clock.first + to_units(math.ceil(min(seconds / clock.block_seconds - 1e-9, FOREVER)))
