"""Reference price that follows a recording, quote per base: log prices by step in `outside.paths`.

The venue's own arbitrage and scheduled price shocks come on top. After its last point the path
stands still. Shocks to volatility do not act on it.
"""

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.parts import number, slots
from crossmargin.model.reference.feedback import Feedback, begin_volatility, publish


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


P = slots(Parameters)


@kernel
def recorded(state, part, step):
    """Read the log price of the step and publish it with all that moves it."""
    u = np.int64(state.parts[part].underlying)
    paths, now = state.outside.paths, step - state.clock[0].first
    begin_volatility(state.outside.references[u], state.params[part, P.volatility])
    state.outside.references[u].base_log = paths[u, min(now, paths.shape[1] - 1)]
    return publish(state, part, step)


PHASE = "scenario"
KERNEL = recorded
