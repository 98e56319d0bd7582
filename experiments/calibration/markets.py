r"""Moments of a market besides its returns, by name: functions of a run for `functions` of a plan.

`microstructure` looks at the first perpetual of one run:

depth_over_open_interest
    Median notional within the depth band (2%) of the mid, both sides, over the mean open interest.
refill_half_life
    s, until half of a loss of depth has come back; see `groups.refill_half_life`.
basis
    Mean absolute distance of the mid from the index, fraction of the index.
funding
    Mean funding rate, per 8 hours.
liquidation_size
    Quote, notional closed by force over the accounts that it was closed of.
liquidated_a_day
    Notional closed by force a day over the mean open interest.
near_liquidation
    Share of the open interest at the start, longs and shorts, that a move of 5% against it would
    liquidate; see `groups.near_liquidation`.
open_interest_over_daily_volume
    Days of trading that it would take to close all positions.

`impact` runs the same scenario and seed once more with an investor who sends metaorders, see
`validation/impact.py`:

impact_factor
    :math:`Y` of :math:`I = Y \sigma \sqrt{Q/V}` at the end of execution, with the daily
    volatility :math:`\sigma` and volume :math:`V`, by least squares.
impact_left
    Share of that impact which is left an hour later.

What a run cannot support is NaN: no loss of depth, no liquidation, no metaorder.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.groups import refill_half_life
from crossmargin.experiments.validation.impact import LATER, metaorders_of, shares_left
from crossmargin.experiments.validation.observed import Observed, first_perpetual, observe

if TYPE_CHECKING:
    from crossmargin.experiments.run import Run

Floats = NDArray[np.float64]
#: Time after a metaorder at which what is left of its impact is looked at, s.
HOUR = 3600.0


def microstructure(run: "Run") -> dict[str, float]:
    """Moments of the book, the basis, funding and liquidations of the first perpetual."""
    m = first_perpetual(run.world)
    seen = observe(run.world, m)
    rows = run.world.rows("market_rows")[:, m]
    interest = rows["open_interest"] * float(run.world.state.ledger.markets["lot"][m])
    return {
        **of_book(seen, interest),
        **of_liquidations(
            float(run.summary["liquidated_notional"]),
            int(run.summary["liquidated_accounts"]),
            float(np.mean(interest * seen.price)) * seen.days,
        ),
        "near_liquidation": _over(
            np.nan if run.near is None else float(run.near[m]), 2.0 * float(interest[0])
        ),
    }


def of_book(seen: Observed, interest: Floats) -> dict[str, float]:
    """Depth, its return, basis, funding and days to close.

    Parameters
    ----------
    interest : (n,) float64, open interest, base
    """
    return {
        "depth_over_open_interest": _over(float(np.median(seen.depth)), float(interest.mean())),
        "refill_half_life": refill_half_life(seen.depth, seen.seconds) * seen.seconds,
        "basis": float(np.mean(np.abs(seen.basis))),
        "funding": float(np.mean(seen.funding)),
        "open_interest_over_daily_volume": _over(
            float(interest.mean()), float(seen.volume.sum()) / seen.days
        ),
    }


def of_liquidations(notional: float, accounts: int, exposed: float) -> dict[str, float]:
    """Mean size, quote, and share a day of what is closed by force.

    Parameters
    ----------
    exposed : float
        Mean open interest times days, quote days.
    """
    return {
        "liquidation_size": _over(notional, float(accounts)),
        "liquidated_a_day": _over(notional, exposed),
    }


def _over(value: float, whole: float) -> float:
    return value / whole if whole > 0 else float("nan")


def impact(run: "Run") -> dict[str, float]:
    """Impact of metaorders on the first perpetual, from a second run of the same draws."""
    m = first_perpetual(run.world)
    base = observe(run.world, m)
    table = np.array(metaorders_of(run.scenario, run.seed, run.steps, m, base), float)
    return of_metaorders(table)


def of_metaorders(table: Floats) -> dict[str, float]:
    """Factor of the square-root law and what is left of it after an hour.

    Parameters
    ----------
    table : (n, k) float64, columns of `validation.impact.COLUMNS`
    """
    if not len(table):
        return {"impact_factor": float("nan"), "impact_left": float("nan")}
    known = np.isfinite(table[:, 2])
    size, moved = table[known, 0], table[known, 2]
    factor = _over(float((moved * np.sqrt(size)).sum()), float(size.sum()))
    left = float(shares_left(table)[LATER.index(HOUR)])
    return {"impact_factor": factor, "impact_left": left}
