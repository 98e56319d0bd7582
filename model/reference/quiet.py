r"""Reference price of a quiet market, quote per base: it comes back to its first price.

In every window the log price is a Brownian bridge from the first price to the first price,

.. math:: x_{t+1} = x_t \left(1 - \frac{1}{r}\right) + \sigma \sqrt{h \, \frac{r-1}{r}} \, Z

with :math:`r` blocks left of the window and blocks of length :math:`h`: exact for any length of
block. A market that is burnt in follows it, so that its run begins at the price that the scenario
states, wherever the burn-in ends.
"""

import math

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import YEAR, steps_of
from crossmargin.model.parts import number, slots
from crossmargin.model.reference.feedback import begin_volatility, publish
from crossmargin.model.reference.noise import Simulated, correlated, own_uniforms


class Parameters(Simulated):
    """How much the price moves within a window, and how long a window is."""

    volatility: float = number(
        0.6,
        "per root year",
        low=0,
        high=20,
        source="BTC-USD daily 2020-2026: 3.22% a day, x sqrt(365)",
    )
    window: float = number(3600.0, "s", above=0, doc="From first price to first price.")


P = slots(Parameters)


@kernel
def quiet(state, part, step):
    """Advance the bridge of one underlying; drift does not act on it."""
    numbers, seconds = state.params[part], state.clock[0].block_seconds
    reference = state.outside.references[np.int64(state.parts[part].underlying)]
    begin_volatility(reference, numbers[P.volatility])
    if step > 0 and step != state.clock[0].first:
        window = steps_of(state, numbers[P.window])
        left = window - (step - 1) % window
        volatility = numbers[P.volatility] * (1.0 + reference.turbulence)
        spread = volatility * math.sqrt(seconds / YEAR * (left - 1.0) / left)
        draw = correlated(state, part, step, own_uniforms(state, part, step)[0])
        gap = reference.base_log - reference.first_log
        reference.base_log = reference.first_log + gap * (1.0 - 1.0 / left) + spread * draw
    return publish(state, part, step)


PHASE = "scenario"
KERNEL = quiet
