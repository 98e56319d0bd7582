"""End of a round: another one follows while forced orders were sent and rounds are left.

The loop then goes back to the queue: marks, states and quotes have been renewed in between, so that
the next round liquidates who broke by this one.
"""

from crossmargin.model.kernel import kernel

PHASE = "liquidation"


@kernel
def end_round(state, part, step):
    """Tell (1 or 0) whether another round follows."""
    clock = state.clock[0]
    return 1 if clock.n_forced > 0 and clock.round + 1 < state.ledger.venue[0].rounds else 0


KERNEL = end_round
