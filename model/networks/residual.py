r"""When an iteration has settled: by what is left to come, not by its last step.

A step of an iteration that converges at the rate q leaves :math:`q/(1-q)` times itself to come, and
near q = 1 that is many times what it moved. Steps are summed over blocks, so that networks with
cycles, whose single steps go up and down, show their rate.
"""

from crossmargin.model.kernel import kernel

#: Turns of an iteration between two judgements, and the most judgements.
BLOCK, MOST_BLOCKS = 8, 1 << 14
#: Share of the whole that may be left to come.
LEFT = 1e-12


@kernel
def is_settled(before, now, scale):
    """Tell whether what is left to come, judged by two blocks of steps, is lost in rounding."""
    if now == 0.0:
        return True
    if before <= now:
        return False
    rate = now / before
    return now * rate / (1.0 - rate) <= LEFT * scale
