"""Strategies of option traders: which legs they have, and at which strikes."""

import math

import numpy as np

from crossmargin.agents.option_books import acts_in
from crossmargin.model.kernel import kernel
from crossmargin.model.markets import YEAR
from crossmargin.model.options.black76 import CALL, PUT
from crossmargin.model.options.surface import P as SMILE

#: In the order of `strategy` in `option_traders`.
(
    COVERED_CALL,
    PROTECTIVE_PUT,
    SHORT_STRANGLE,
    LONG_STRADDLE,
    VERTICAL_SPREAD,
    LONG_CALL,
    LONG_PUT,
) = range(7)


@kernel
def legs_of(strategy, rises):
    """Both legs of a strategy: right, side, whether at the distance; and side of the underlying.

    A side of 0 is no leg.
    """
    right = CALL if rises > 0.5 else PUT
    if strategy == COVERED_CALL:
        return CALL, -1, 1, CALL, 0, 0, 1
    if strategy == PROTECTIVE_PUT:
        return PUT, 1, 1, PUT, 0, 0, 1
    if strategy == SHORT_STRANGLE:
        return CALL, -1, 1, PUT, -1, 1, 0
    if strategy == LONG_STRADDLE:
        return CALL, 1, 0, PUT, 1, 0, 0
    if strategy == VERTICAL_SPREAD:
        return right, 1, 0, right, -1, 1, 0
    if strategy == LONG_CALL:
        return CALL, 1, 1, CALL, 0, 0, 0
    return PUT, 1, 1, PUT, 0, 0, 0


@kernel
def series_at(state, part, expiry, right, target):
    """Series of an expiry and right whose strike is nearest to a log price, or -1."""
    options, found, best = state.options, -1, np.inf
    for i in range(options.series.shape[0]):
        s = options.series[i]
        if s.expiry == expiry and s.kind == right and acts_in(state, part, options.markets[i]):
            away = abs(math.log(s.strike) - target)
            if away < best:
                found, best = i, away
    return found


@kernel
def find_leg(state, part, expiry, right, distance):
    """Series of a leg, so many standard deviations out of the money, or -1."""
    options = state.options
    near = series_at(state, part, expiry, right, 0.0)
    if near < 0:
        return -1
    s = options.series[near]
    deviation = options.smiles[expiry, SMILE.level] * math.sqrt(s.seconds / YEAR)
    target = math.log(s.forward) + right * distance * deviation
    return series_at(state, part, expiry, right, target)
