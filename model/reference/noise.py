"""Draws of the simulated reference markets: one factor that all share, one of each.

An underlying draws under the key (underlyings, 1 + its row), the shared factor under
(underlyings, 0): neither depends on what agents there are, and adding an underlying after the
others moves none of their draws.
"""

import math

import numpy as np

from crossmargin.model.draws import PATH, normal, population_key, uniforms
from crossmargin.model.kernel import kernel
from crossmargin.model.parts import number, slots
from crossmargin.model.reference.feedback import Feedback

KEY = np.uint64(population_key("underlyings"))


class Simulated(Feedback):
    """What all simulated paths share."""

    drift: float = number(
        0.0, "per year", low=-10, high=10, doc="Growth rate of the expected price."
    )
    loading: float = number(
        0.0,
        "correlation",
        low=-1,
        high=1,
        doc="On the shared factor; two underlyings correlate by the product of their loadings.",
    )


S = slots(Simulated)


@kernel
def own_uniforms(state, part, step):
    """Four uniforms of the underlying of a part: path, number of jumps, their size, regime."""
    key = KEY + np.uint64(1) + np.uint64(state.parts[part].underlying)
    return uniforms(state.clock[0].seed, key, PATH, step, 0)


@kernel
def correlated(state, part, step, own):
    """Standard normal of a step from the own uniform and the shared factor."""
    loading = state.params[part, S.loading]
    if loading == 0.0:
        return normal(own)
    shared = uniforms(state.clock[0].seed, KEY, PATH, step, 0)[0]
    return loading * normal(shared) + math.sqrt(1.0 - loading**2) * normal(own)
