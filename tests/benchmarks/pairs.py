"""Paired futures: how many independent runs a pair with the same draws is worth, by horizon."""

from collections.abc import Iterator
from time import perf_counter

import numpy as np

import crossmargin as xm
from crossmargin.experiments.counterfactual.arms import run_trial
from crossmargin.experiments.counterfactual.effects import reduction
from crossmargin.experiments.counterfactual.interventions import NoFeedback, Spare
from crossmargin.experiments.counterfactual.members import Branch
from crossmargin.experiments.futures import member_seed
from tests.benchmarks.figures import Figure

SCENARIO, SEED, FUTURES = "leverage-spiral", 1, 60
#: Minutes after the branch, which is the block of the first forced order.
HORIZONS = (1, 2, 5, 15, 30)


def situation() -> tuple[xm.Market, int]:
    """Market at its first forced order, and the account with the largest notional closed."""
    run = xm.simulate(SCENARIO, seed=SEED)
    rows = run.world.rows("liquidations")
    market = xm.Market(SCENARIO, seed=SEED)
    market.run_for(int(rows["step"].min()))
    closed = np.bincount(rows["account"], weights=rows["notional"])
    return market, int(closed.argmax())


def figures() -> Iterator[Figure]:
    """Variance of an effect with independent draws over that with the same ones, by horizon."""
    market, largest = situation()
    seconds = float(market.world.state.clock["block_seconds"][0])
    seeds = [member_seed(0, member) for member in range(FUTURES)]
    arms = [(), (Spare(largest),), (NoFeedback(),)]
    first = market.world.step
    run_trial(Branch(market, first, first + 2), arms, [])  # compiles
    for minutes in HORIZONS:
        branch = Branch(market, first, first + round(60 * minutes / seconds))
        began = perf_counter()
        trial = run_trial(branch, arms, seeds)
        spent = (perf_counter() - began) / (len(seeds) + 1)
        for arm, name in ((1, "sparing one"), (2, "no feedback")):
            for outcome in ("losses", "last:BTC-PERP"):
                base, other = trial.totals(0, outcome), trial.totals(arm, outcome)
                label = f"pairs, {minutes} min, {name}, {outcome.partition(':')[0]}: gain"
                gain = reduction(base, other)
                if np.isfinite(gain):  # without any effect there is no variance to compare
                    yield Figure(label, gain, "times")
        yield Figure(f"pairs, {minutes} min: three arms of a future", spent, "s")
