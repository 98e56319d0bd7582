"""Index price that is the outside price of some seconds ago, half ticks: no reporters needed."""

import math

from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.markets import concerns
from crossmargin.model.oracle.index import is_frozen, publish_index, remember_index
from crossmargin.model.parts import Numbers, number, slots


class Parameters(Numbers):
    """How late the oracle is."""

    delay: float = number(
        0.0,
        "s",
        low=0,
        source="Maker's OSM: 3600; 3 on Hyperliquid",
        doc="Rounded to blocks; no longer than the trail reaches back.",
    )


P = slots(Parameters)


@kernel
def direct(state, part, step):
    """Publish the index of the markets of every underlying; returns how many were renewed."""
    trail = state.outside.trail
    late = to_units(state.params[part, P.delay] / state.clock[0].block_seconds + 0.5)
    seen = max(0, step - min(late, trail.shape[1] - 1))
    renewed = 0
    for u in range(state.outside.references.shape[0]):
        if not concerns(state, part, u):
            continue
        if is_frozen(state, u, step):
            state.outside.references[u].stale += 1
        else:
            publish_index(state, u, math.exp(trail[u, seen % trail.shape[1]]), step)
            renewed += 1
    remember_index(state, step)
    return renewed


PHASE = "oracles"
KERNEL = direct
