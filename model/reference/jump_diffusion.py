r"""Reference price by Merton's jump diffusion, quote per base.

.. math:: d\log P = (\mu - \sigma^2/2 - \lambda k)\,dt + \sigma\,dW + J\,dN, \quad
          J \sim N(m, s^2), \quad k = e^{m + s^2/2} - 1

The number of jumps in a block is Poisson, their sum normal, so steps are exact for any length of
block; the compensator :math:`\lambda k` keeps the expected price growing at the drift.

References
----------
Merton (1976), "Option pricing when underlying stock returns are discontinuous", Journal of
Financial Economics 3, doi:10.1016/0304-405X(76)90022-2.
"""

import math

import numpy as np

from crossmargin.model.draws import normal
from crossmargin.model.kernel import kernel
from crossmargin.model.markets import YEAR
from crossmargin.model.parts import number, slots
from crossmargin.model.reference.feedback import begin_volatility, publish
from crossmargin.model.reference.noise import Simulated, correlated, own_uniforms

MOST_JUMPS = 10000  # in a block


class Parameters(Simulated):
    """A diffusion, and jumps of normal size in the log price."""

    volatility: float = number(
        0.45,
        "per root year",
        low=0,
        high=20,
        source="with the jumps 0.51 in all, as BTC-USD hourly 2024-2025",
    )
    intensity: float = number(
        25.0, "jumps a year", low=0, high=100000, source="one in two weeks; a default, not a fact"
    )
    jump_mean: float = number(-0.01, "log price", low=-2, high=2, doc="Mean size of a jump.")
    jump_deviation: float = number(0.047, "log price", low=0, high=2, doc="Of the size of a jump.")


P = slots(Parameters)


@kernel
def poisson(uniform, mean):
    """Number of events with a mean, from one uniform, by inversion; monotone."""
    n, probability = 0, math.exp(-mean)
    cumulated = probability
    while uniform >= cumulated and n < MOST_JUMPS and probability > 0.0:
        n += 1
        probability *= mean / n
        cumulated += probability
    return n


@kernel
def jumps(numbers, years, first, second):
    """Log return by jumps over some years, less its compensator, from two uniforms."""
    mean, deviation = numbers[P.jump_mean], numbers[P.jump_deviation]
    expected = numbers[P.intensity] * years
    n = poisson(first, expected)
    size = n * mean + math.sqrt(n) * deviation * normal(second)
    return size - expected * (math.exp(mean + 0.5 * deviation**2) - 1.0)


@kernel
def jump_diffusion(state, part, step):
    """Advance the path of one underlying; the first block has the first price."""
    numbers = state.params[part]
    reference = state.outside.references[np.int64(state.parts[part].underlying)]
    moment = numbers[P.jump_mean] ** 2 + numbers[P.jump_deviation] ** 2
    total = numbers[P.volatility] ** 2 + numbers[P.intensity] * moment
    begin_volatility(reference, math.sqrt(total))
    if step > state.clock[0].first:
        years = state.clock[0].block_seconds / YEAR
        volatility = numbers[P.volatility] * (1.0 + reference.turbulence)
        path, count, size, _ = own_uniforms(state, part, step)
        draw = correlated(state, part, step, path)
        reference.base_log += (numbers[P.drift] - 0.5 * volatility**2) * years
        reference.base_log += volatility * math.sqrt(years) * draw
        reference.base_log += jumps(numbers, years, count, size)
    return publish(state, part, step)


PHASE = "scenario"
KERNEL = jump_diffusion
