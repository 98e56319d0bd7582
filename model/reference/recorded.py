r"""Reference price that follows a recording, quote per base: log prices by step in `outside.paths`.

What the record holds is a choice. A record of the `outside` world is what happened beyond the
venue: the push of the venue's own arbitrage comes on top. A record of `everything` contains that
push already, as the record of a crash contains its own liquidations; then in every block the part
that comes from elsewhere is what is left of it,

.. math:: x_t = r_t - (\text{lasting push}_t + \text{passing push}_t),

so that x and push together are the record again and nothing is counted twice. The push of a block
is known before its price, since it comes from trades of the blocks before: the equation needs no
iteration. Scheduled price shocks come on top in both cases. After its last point the path stands
still. Shocks to volatility do not act on it.
"""

from typing import Literal

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.parts import number, slots
from crossmargin.model.reference.feedback import Feedback, absorb, begin_volatility, show


class Parameters(Feedback):
    """The path itself comes from a file."""

    volatility: float = number(
        0.6,
        "per root year",
        low=0,
        high=20,
        source="BTC-USD daily 2020-2026: 3.22% a day, x sqrt(365)",
        doc="What the estimate of volatility starts from; the path has its own.",
    )
    holds: Literal["outside", "everything"] = number(
        "outside", "choice", doc="Whether the record contains what the venue adds to the price."
    )


P = slots(Parameters)
OUTSIDE_ALONE, EVERYTHING = range(2)


@kernel
def recorded(state, part, step):
    """Read the log price of the step and publish it with all that moves it."""
    u = np.int64(state.parts[part].underlying)
    reference, paths = state.outside.references[u], state.outside.paths
    now = step - state.clock[0].first
    begin_volatility(reference, state.params[part, P.volatility])
    absorb(reference, state.params[part], state.clock[0].block_seconds)
    reference.base_log = paths[u, min(now, paths.shape[1] - 1)]
    if state.params[part, P.holds] == EVERYTHING:
        record = reference.base_log
        reference.base_log = record - (reference.lasting + reference.passing)
        # sums of floats miss the record by a last digit, which one correction brings back
        reference.base_log += record - (reference.base_log + reference.lasting + reference.passing)
    return show(state, part, step)


PHASE = "scenario"
KERNEL = recorded
