r"""Whether a series has come to rest: Geweke's comparison of its beginning with its end.

Of the blocks since a market was built the first half is left out. In the rest the mean of the first
tenth is compared with the mean of the last half,

.. math:: z = \frac{\bar a - \bar b}{\sqrt{s_a^2 / n_a + s_b^2 / n_b}}

with long-run variances :math:`s^2` from means of batches as long as the root of their number, since
neighbouring blocks are alike. A series is stationary where :math:`|z|` is no larger than a
threshold, or where the means differ by less than a tolerance of its level: a series that hardly
moves has no error to speak of, and a large market is at rest before chance alone explains it.

References
----------
Geweke (1992), "Evaluating the accuracy of sampling-based approaches to the calculation of posterior
moments", Bayesian Statistics 4, Oxford University Press.
Flegal, Jones (2010), "Batch means and spectral variance estimators in Markov chain Monte Carlo",
Annals of Statistics 38(2), doi:10.1214/09-AOS735 (batches of the root of the length).
"""

import numpy as np

from crossmargin.experiments.initial.drawing import Floats
from crossmargin.experiments.initial_tables import BurnIn
from crossmargin.model.state import SPOT
from crossmargin.model.world import World

#: Shares of a series that are compared, as Geweke took them.
BEGINNING, END = 0.1, 0.5
#: Fewest blocks of a series that can be judged: its beginning then holds four.
FEWEST = 40


def long_run_variance(values: Floats) -> float:
    """Variance of the mean of a series times its length, from means of batches."""
    length = max(1, int(np.sqrt(len(values))))
    n = len(values) // length
    if n < 2:
        return float("inf")
    means = values[len(values) - n * length :].reshape(n, length).mean(axis=1)
    return float(length * means.var(ddof=1))


def geweke(values: Floats, tolerance: float = 0.0) -> float:
    """Absolute score of a series; 0 where its means differ by less than a share of its level.

    Infinite for a series that is too short, or undefined in more than half of its blocks.
    """
    known = values[np.isfinite(values)]
    if len(known) < FEWEST or 2 * len(known) < len(values):
        return float("inf")
    first, last = known[: round(BEGINNING * len(known))], known[round((1 - END) * len(known)) :]
    gap = abs(float(first.mean() - last.mean()))
    if gap <= tolerance * float(np.abs(known).mean()):
        return 0.0
    error = long_run_variance(first) / len(first) + long_run_variance(last) / len(last)
    return gap / float(np.sqrt(error)) if error > 0 else float("inf")


def series_of(world: World, market: int) -> dict[str, Floats]:
    """Series of a market that a burn-in looks at, by name.

    Open interest and depth in lots, basis of the mid over the index and spread as fractions.
    """
    rows = world.rows("market_rows")[:, market]
    bid, ask, mid = (rows[name].astype(float) for name in ("bid", "ask", "mid"))
    index = rows["index"].astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {
            "basis": np.where((mid > 0) & (index > 0), mid / index - 1.0, np.nan),
            "spread": np.where((bid > 0) & (ask > 0), 2.0 * (ask - bid) / (ask + bid), np.nan),
            "depth": (rows["depth_bid"] + rows["depth_ask"]).astype(float),
        }
    if world.state.ledger.markets["kind"][market] != SPOT:
        found["open_interest"] = rows["open_interest"].astype(float)
    return found


def scores_of(world: World, table: BurnIn) -> dict[str, dict[str, float]]:
    """Score of every series of every market over the second half of what was run."""
    found: dict[str, dict[str, float]] = {}
    for m, name in enumerate(world.names.markets):
        series = series_of(world, m)
        found[name] = {
            word: geweke(series[word][len(series[word]) // 2 :], table.tolerance)
            for word in table.series
            if word in series
        }
    return found


def is_at_rest(scores: dict[str, dict[str, float]], threshold: float) -> bool:
    """Tell whether no series moves more than chance explains."""
    return all(score <= threshold for market in scores.values() for score in market.values())
