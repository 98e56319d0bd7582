r"""Reference price by geometric Brownian motion, quote per base.

.. math:: d\log P = (\mu - \sigma^2/2)\,dt + \sigma\,dW

Steps are exact for any length of block: at a given time the distribution does not depend on it.
"""

import math

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import YEAR
from crossmargin.model.parts import number, slots
from crossmargin.model.reference.feedback import begin_volatility, publish
from crossmargin.model.reference.noise import Simulated, correlated, own_uniforms


class Parameters(Simulated):
    """Constant drift and volatility."""

    volatility: float = number(
        0.6,
        "per root year",
        low=0,
        high=20,
        source="BTC-USD daily 2020-2026: 3.22% a day, x sqrt(365)",
    )


P = slots(Parameters)


@kernel
def diffusion(numbers, volatility, years, draw):
    """Log return of a diffusion over some years."""
    drift = numbers[P.drift] - 0.5 * volatility**2
    return drift * years + volatility * math.sqrt(years) * draw


@kernel
def geometric_brownian(state, part, step):
    """Advance the path of one underlying; the first block has the first price."""
    numbers = state.params[part]
    reference = state.outside.references[np.int64(state.parts[part].underlying)]
    begin_volatility(reference, numbers[P.volatility])
    if step > state.clock[0].first:
        volatility = numbers[P.volatility] * (1.0 + reference.turbulence)
        draw = correlated(state, part, step, own_uniforms(state, part, step)[0])
        years = state.clock[0].block_seconds / YEAR
        reference.base_log += diffusion(numbers, volatility, years, draw)
    return publish(state, part, step)


PHASE = "scenario"
KERNEL = geometric_brownian
