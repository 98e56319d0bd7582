"""Seeds of runs: from a root, the point and the replicate, and from nothing else."""

import numpy as np

from crossmargin.experiments.sweeps.plan import Seeds


def seed_of(seeds: Seeds, point: int, replicate: int) -> int:
    """Seed of a run, below 2**63.

    With common random numbers it depends on the replicate alone, so that two points differ by
    their factors and not by luck.

    Parameters
    ----------
    point, replicate : int
        Counted from 0.
    """
    key = (replicate,) if seeds.common else (point, replicate)
    words = np.random.SeedSequence(seeds.root, spawn_key=key).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))
