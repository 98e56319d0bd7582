"""Index price as the median of fresh reports, half ticks.

A report counts while it is no older than `max_age`. The median is the middle of the weight: the
mean of the smallest price below which half of it lies and of the smallest below which more than
half lies, which for equal weights is the ordinary median. With too few fresh reports the index
keeps its value and the block is counted in `references.stale`.

References
----------
Hyperliquid docs, "Oracle" and "Robust price indices": stake-weighted median over validators.
"""

from typing import Literal

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import concerns
from crossmargin.model.oracle.index import is_frozen, publish_index, remember_index
from crossmargin.model.parts import Numbers, number, slots


class Parameters(Numbers):
    """Which reports count and how much."""

    max_age: float = number(
        60.0,
        "s",
        low=0,
        source="Pyth best practice and Jupiter: reject prices older than 60 s",
        doc="A report counts as long as it is no older; one of the last block always counts.",
    )
    fewest: int = number(1, "reports", low=1, high=1000, doc="With fewer the index is kept.")
    weighting: Literal["equal", "weight"] = number(
        "equal", "choice", doc="Every report counts the same, or by its weight."
    )


P = slots(Parameters)


@kernel
def _weight(state, part, step, report):
    """Weight of a report in the median of its underlying; 0 where it does not count."""
    oldest = step - max(1.0, state.params[part, P.max_age] / state.clock[0].block_seconds)
    if not (0.0 < report.price < np.inf) or report.step < oldest - 1e-9:
        return 0.0
    return max(0.0, report.weight) if state.params[part, P.weighting] == 1.0 else 1.0


@kernel
def _weight_upto(state, part, step, chosen):
    """Weight of the reports of the same underlying whose price is no higher."""
    total = 0.0
    reports = state.crowd.reports
    for r in range(reports.shape[0]):
        if reports[r].underlying == chosen.underlying and reports[r].price <= chosen.price:
            total += _weight(state, part, step, reports[r])
    return total


@kernel
def _total(state, part, step, underlying):
    """Weight and number of the reports of an underlying that count."""
    total, n = 0.0, 0
    reports = state.crowd.reports
    for r in range(reports.shape[0]):
        weight = _weight(state, part, step, reports[r])
        if reports[r].underlying == underlying and weight > 0.0:
            total += weight
            n += 1
    return total, n


@kernel
def median_report(state, part, step, underlying):
    """Weighted median of the fresh reports of an underlying, quote per base; 0 for too few."""
    total, n = _total(state, part, step, underlying)
    if n < state.params[part, P.fewest]:
        return 0.0
    low, high = np.inf, np.inf
    reports = state.crowd.reports
    for r in range(reports.shape[0]):
        counts = _weight(state, part, step, reports[r]) > 0.0
        if reports[r].underlying != underlying or not counts:
            continue
        upto = 2.0 * _weight_upto(state, part, step, reports[r])
        if upto >= total:
            low = min(low, reports[r].price)
        if upto > total:
            high = min(high, reports[r].price)
    return 0.5 * (low + high)


@kernel
def aggregate(state, part, step):
    """Publish the index of the markets of every underlying; returns how many were renewed."""
    renewed = 0
    for u in range(state.outside.references.shape[0]):
        if not concerns(state, part, u):
            continue
        price = 0.0 if is_frozen(state, u, step) else median_report(state, part, step, u)
        if price > 0.0:
            publish_index(state, u, price, step)
            renewed += 1
        else:
            state.outside.references[u].stale += 1
    remember_index(state, step)
    return renewed


PHASE = "oracles"
KERNEL = aggregate
