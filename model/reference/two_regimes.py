r"""Reference price whose volatility switches between a calm and a stressed regime, quote per base.

A Markov chain in continuous time with mean durations :math:`1/a` (calm) and :math:`1/b`
(stressed); over a block of length t it goes from calm to stressed with probability

.. math:: \frac{a}{a+b}\left(1 - e^{-(a+b)t}\right)

which is exact for any length of block. Within a block the regime is the one at its start.

References
----------
Hamilton (1989), "A new approach to the economic analysis of nonstationary time series and the
business cycle", Econometrica 57(2), doi:10.2307/1912559.
"""

import math

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import YEAR
from crossmargin.model.parts import number, slots
from crossmargin.model.reference.feedback import begin_volatility, publish
from crossmargin.model.reference.noise import Simulated, correlated, own_uniforms

CALM, STRESSED = range(2)  # of `REFERENCE.regime`


class Parameters(Simulated):
    """Two volatilities and how long each regime lasts on average."""

    calm_volatility: float = number(
        0.4, "per root year", low=0, high=20, source="with the rest 0.6 in all, as BTC-USD daily"
    )
    stressed_volatility: float = number(1.5, "per root year", low=0, high=20)
    calm_duration: float = number(864000.0, "s", above=0, doc="Mean time from stress to stress.")
    stressed_duration: float = number(86400.0, "s", above=0, doc="Mean time that stress lasts.")


P = slots(Parameters)


@kernel
def switch_probability(calm, stressed, regime, seconds):
    """Probability that the regime after some seconds is the other one, from mean durations."""
    leave, come = 1.0 / calm, 1.0 / stressed
    rate = leave if regime == CALM else come
    return rate / (leave + come) * (1.0 - math.exp(-(leave + come) * seconds))


@kernel
def regime_volatility(numbers, regime):
    """Volatility of a regime, per root year."""
    return numbers[P.calm_volatility] if regime == CALM else numbers[P.stressed_volatility]


@kernel
def two_regimes(state, part, step):
    """Advance regime and path of one underlying; the first block has the first price."""
    numbers, seconds = state.params[part], state.clock[0].block_seconds
    reference = state.outside.references[np.int64(state.parts[part].underlying)]
    begin_volatility(reference, regime_volatility(numbers, reference.regime))
    if step > 0:
        path, _, _, chance = own_uniforms(state, part, step)
        volatility = regime_volatility(numbers, reference.regime) * (1.0 + reference.turbulence)
        draw = correlated(state, part, step, path)
        reference.base_log += (numbers[P.drift] - 0.5 * volatility**2) * seconds / YEAR
        reference.base_log += volatility * math.sqrt(seconds / YEAR) * draw
        calm, stressed = numbers[P.calm_duration], numbers[P.stressed_duration]
        if chance < switch_probability(calm, stressed, reference.regime, seconds):
            reference.regime = STRESSED if reference.regime == CALM else CALM
    return publish(state, part, step)


PHASE = "scenario"
KERNEL = two_regimes
