r"""What a trading desk measures from the prices it has seen: volatility, basis, value at risk.

Everything is an exponentially weighted mean over the trail of log prices, looked at in `LOOKS`
intervals of whole blocks that reach three half-lives back, or to the start of the run. With returns
:math:`r_{u,k}` of underlying u over the k-th interval of length :math:`\Delta` and weights
:math:`w_k` that sum to one, the variance per second of exposures :math:`x_u` is

.. math:: \frac1\Delta \sum_k w_k \Big(\sum_u x_u r_{u,k}\Big)^2 = x^\top \Sigma x

which is the quadratic form of the exponentially weighted covariance matrix :math:`\Sigma` of
RiskMetrics, without the matrix. Their value at risk at confidence c over horizon h is
:math:`\Phi^{-1}(c) \sqrt{h\, x^\top \Sigma x}`.

References
----------
J.P. Morgan, Reuters (1996), "RiskMetrics: Technical Document", 4th edition, chapter 5.
"""

import math

import numpy as np

from crossmargin.agents.acting import mid_of
from crossmargin.model.contracts import lot_notional
from crossmargin.model.kernel import kernel
from crossmargin.model.markets import acts_on

#: Intervals that a desk looks at.
LOOKS = 24


@kernel
def blocks_apart(half_life, block_seconds):
    """Blocks from one look to the next, so that all of them span three half-lives."""
    return max(1, math.floor(3.0 * half_life / (LOOKS * block_seconds) + 0.5))


@kernel
def looks_back(step, apart, window):
    """Intervals of `apart` blocks that lie within the run and the trail, `LOOKS` at most."""
    return min(LOOKS, min(step, window - 2) // apart)


@kernel
def move_of(trail, line, step, apart, k):
    """Log return of a line of the trail over its k-th interval before a step, 0 the latest."""
    window = trail.shape[1]
    now = step - k * apart
    return trail[line, now % window] - trail[line, (now - apart) % window]


@kernel
def volatility_of(state, underlying, half_life):
    """Volatility of an underlying per root second; 0 before the second block."""
    clock, trail = state.clock[0], state.outside.trail
    apart = blocks_apart(half_life, clock.block_seconds)
    kept = 0.5 ** (apart * clock.block_seconds / half_life)
    weight, weights, total = 1.0, 0.0, 0.0
    for k in range(looks_back(clock.step, apart, trail.shape[1])):
        total += weight * move_of(trail, underlying, clock.step, apart, k) ** 2
        weights += weight
        weight *= kept
    return math.sqrt(total / (weights * apart * clock.block_seconds)) if weights > 0.0 else 0.0


@kernel
def basis_of(state, part, market, anchor, half_life):
    """Mean log distance of a market's mid from another line of the trail, such as the outside.

    The mid of now, which forced orders may have moved since the last block, is the latest look.
    """
    clock, trail = state.clock[0], state.outside.trail
    if state.book.ladders[market].mid <= 0:
        return 0.0
    m, window = state.ledger.markets[market], trail.shape[1]
    anchor = np.int64(anchor)
    line = state.outside.references.shape[0] + market
    apart = blocks_apart(half_life, clock.block_seconds)
    kept = 0.5 ** (apart * clock.block_seconds / half_life)
    last = clock.step if state.parts[part].after_forced else max(0, clock.step - 1)
    latest = math.log(0.5 * state.book.ladders[market].mid * m.tick)
    total, weight, weights = latest - trail[anchor, last % window], kept, 1.0
    for k in range(1, looks_back(last, apart, window)):
        past = (last - k * apart) % window
        total += weight * (trail[line, past] - trail[anchor, past])
        weights += weight
        weight *= kept
    return total / weights


@kernel
def held_units(state, row, market):
    """Value of a position less what is hedged outside, signed quote units at the mid."""
    lots = state.ledger.lots[row, market] + state.crowd.outside_lots[row, market]
    return lots * lot_notional(state.ledger.markets[market], mid_of(state, market))


@kernel
def exposure(state, part, row, market, units):
    """Exposure to one market, quote units: `units` in each that a part acts on, or what it holds.

    Holdings count when `units` is 0.
    """
    if units == 0.0:
        return held_units(state, row, market)
    return units if acts_on(state, part, market) else 0.0


@kernel
def exposure_variance(state, part, row, units, half_life):
    """Variance per second of an account's holdings, or of `units` in every market of its part."""
    clock, trail = state.clock[0], state.outside.trail
    apart = blocks_apart(half_life, clock.block_seconds)
    kept = 0.5 ** (apart * clock.block_seconds / half_life)
    weight, weights, total = 1.0, 0.0, 0.0
    for k in range(looks_back(clock.step, apart, trail.shape[1])):
        change = 0.0
        for m in range(state.ledger.markets.shape[0]):
            line = np.int64(state.ledger.markets[m].underlying)
            move = move_of(trail, line, clock.step, apart, k)
            change += exposure(state, part, row, m, units) * move
        total += weight * change**2
        weights += weight
        weight *= kept
    return total / (weights * apart * clock.block_seconds) if weights > 0.0 else 0.0
