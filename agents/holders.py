"""Holders who sit on what they have and never act, whatever the market does.

What a snapshot of a venue says about an account is what it holds, not what it would do. Holders add
nothing to that: they bring no margin, cut nothing and open nothing, and leave the market only when
the venue liquidates them. So they are the assumption to begin with, and the one to vary.
"""

from crossmargin.model.kernel import kernel

PHASE = "decisions"


def slots_needed(numbers: object, n_markets: int) -> int:
    """Handles an agent needs: none."""
    return 0


def messages_needed(numbers: object, n_markets: int) -> int:
    """Most messages an agent sends in a step: none."""
    return 0


@kernel
def decide(state, part, step):
    """Do nothing; returns the number of messages, 0."""
    return 0


KERNEL = decide
