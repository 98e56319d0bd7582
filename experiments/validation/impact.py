r"""The experiment that measures the impact of metaorders: a run with and without an investor.

The investor of `agents/metaorders.py` joins the scenario as one more population. Draws belong to
agents, so both runs see the same world otherwise, and the difference of the two log mids is the
impact :math:`I_t`, without the noise of the price. Every second order closes the one before it.
Sizes are log-uniform over two decades of the daily volume, durations log-uniform. The law

.. math:: I = Y \sigma (Q / V)^{\delta}

is fitted to the impact at the end of execution; its exponent is told to nobody. What is left of it
later is the decay.

References
----------
Donier, Bonart (2015), "A million metaorder analysis of market impact on the Bitcoin",
Market Microstructure and Liquidity 1(2), arXiv:1412.4503 (exponent 1/2; uninformed flow decays
almost completely). Tóth et al. (2011), Physical Review X 1, 021006,
doi:10.1103/PhysRevX.1.021006. Bershova, Rakhlin (2013), "The non-linear market impact of large
trades", Quantitative Finance 13(11), doi:10.1080/14697688.2013.861076 (about 2/3 is left).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmargin.agents import metaorders
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import begin
from crossmargin.experiments.schema import Scenario
from crossmargin.experiments.validation.estimates import (
    PowerLaw,
    power_law,
    resampled,
)
from crossmargin.experiments.validation.observed import Observed, observe
from crossmargin.model.draws import DECIDE, generator

Floats = NDArray[np.float64]

NAME = "metaorder investor"
#: Sizes, shares of the daily volume; durations and rest, s.
SIZES = (1e-3, 1e-1)
DURATIONS = (600.0, 3600.0)
REST, INTERVAL = 7200.0, 1800.0
#: The gap between the two mids is a mean over this long, s: each mid jumps within its spread.
WINDOW = 60.0
#: Times after the end at which the decay is looked at, s.
LATER = (300.0, 900.0, 1800.0, 3600.0, 7200.0)
#: A bootstrap over fewer runs would know only what they have in common.
FEWEST_RUNS = 5
#: Columns of a metaorder: Q / V, duration, impact at the end over volatility, impact `LATER`.
COLUMNS = ("size", "seconds", "impact", *(f"after_{x:g}" for x in LATER))


class Plan(NamedTuple):
    """One metaorder as its investor drew it."""

    first: int  # step of the first slice
    last: int
    side: int
    notional: float


def with_investor(scenario: Scenario, market: str, daily_notional: float) -> Scenario:
    """Return a scenario with one investor more, who is far richer than its orders are large."""
    low, high = (share * daily_notional for share in SIZES)
    investor = {
        "name": NAME,
        "kind": "metaorders",
        "count": 1,
        "markets": [market],
        "wealth": 20.0 * high,
        "behaviour": {
            "smallest": low,
            "largest": high,
            "tail": 0.0,
            "shortest": DURATIONS[0],
            "longest": DURATIONS[1],
            "rest": REST,
            "is_round_trip": 1,  # a position that only grows would exhaust who stands against it
            "slippage": 0.2,
        },
        "traits": {"interval": INTERVAL},
    }
    table = scenario.model_dump(mode="json", exclude_none=True)
    table["population"].append(investor)
    return load_scenario(table)


def plans(
    seed: int, key: int, numbers: Any, interval: float, clock: tuple[float, int]
) -> list[Plan]:
    """Metaorders of an investor, drawn again outside the market.

    Parameters
    ----------
    numbers : metaorders.Parameters
    interval : float, mean seconds between orders
    clock : seconds of a block, blocks
    """
    seconds, steps = clock
    found: list[Plan] = []
    start = _next_start(0, generator(seed, key, DECIDE, 0).random(8)[6], numbers, interval, seconds)
    while start < steps:
        draw = generator(seed, key, DECIDE, start).random(8).tolist()
        notional = _between(draw[1], numbers.smallest, numbers.largest, numbers.tail)
        length = _between(draw[2], numbers.shortest, numbers.longest, 0.0)
        last = start + max(1, math.floor(length / seconds)) - 1
        plan = Plan(start, last, 1 if draw[0] < 0.5 else -1, notional)
        if numbers.is_round_trip and len(found) % 2:
            plan = Plan(start, last, -found[-1].side, found[-1].notional)
        if last < steps:
            found.append(plan)
        start = _next_start(last, draw[5], numbers, interval, seconds)
    return found


def _between(uniform: float, low: float, high: float, tail: float) -> float:
    if tail == 0.0:
        return low * (high / low) ** uniform
    return float(low * (1.0 - uniform * (1.0 - (low / high) ** tail)) ** (-1.0 / tail))


def _next_start(step: int, uniform: float, numbers: Any, interval: float, seconds: float) -> int:
    wait = numbers.rest - interval * math.log1p(-uniform)
    return step + 1 + math.floor(wait / seconds)


def metaorders_of(
    scenario: Scenario, seed: int, steps: int, market: int, base: Observed
) -> list[list[float]]:
    """Rows of `COLUMNS`, one a metaorder of a run paired with what was observed without it."""
    daily = float(np.sum(base.volume * base.price)) / base.days
    name = scenario.market[market].name
    joined = with_investor(scenario, name, daily)
    world, _ = begin(joined, seed)
    row = int(np.flatnonzero(world.state.ledger.accounts["population"] >= 0)[-1])
    key = int(world.state.ledger.accounts["key"][row])
    world.run(steps)
    moved = observe(world, market).price
    volatility = float(np.std(base.returns)) * math.sqrt(86400.0 / base.seconds)
    numbers = metaorders.Parameters(**joined.population[-1].behaviour)
    gap = np.log(moved / base.price[: len(moved)])
    drawn = plans(seed, key, numbers, INTERVAL, (base.seconds, steps))
    return [_row(plan, gap / volatility, daily, base.seconds) for plan in drawn if plan.first > 0]


def _row(plan: Plan, gap: Floats, daily: float, seconds: float) -> list[float]:
    """Size, duration and signed impact of a metaorder, then and later; NaN past the end."""
    blocks = max(1, round(WINDOW / seconds))
    steps = [plan.first - 1, *(plan.last + round(later / seconds) for later in (0.0, *LATER))]
    means = [gap[max(0, t - blocks + 1) : t + 1].mean() if t < len(gap) else np.nan for t in steps]
    impact = [plan.side * (mean - means[0]) for mean in means[1:]]
    length = (plan.last - plan.first + 1) * seconds
    return [plan.notional / daily, length, *map(float, impact)]


class Impact(NamedTuple):
    """Law of impact and its decay, with the draws of a bootstrap over runs."""

    law: PowerLaw
    left: Floats  # (n_later,) mean share of the impact at the end
    laws: Floats  # (draws, 2)
    lefts: Floats  # (draws, n_later)
    n: int


def shares_left(table: Floats) -> Floats:
    """Mean impact at each later time over the mean impact at the end, of the same metaorders."""
    end, later = table[:, 2], table[:, 3:]
    known = np.isfinite(later)
    at_end = np.where(known, end[:, None], 0.0).sum(axis=0)
    sums = np.where(known, later, 0.0).sum(axis=0)
    return np.divide(sums, at_end, out=np.full(len(LATER), np.nan), where=at_end > 0)


def fit(table: Floats, runs: NDArray[np.int64], draws: int = 400) -> Impact:
    """Fit the law of impact and its decay; runs are drawn again for intervals."""
    law = power_law(table[:, 0], table[:, 2])
    again = resampled(table, runs, draws) if len(np.unique(runs)) >= FEWEST_RUNS else []
    laws = [power_law(rows[:, 0], rows[:, 2]) for rows in again]
    lefts = [shares_left(rows) for rows in again]
    return Impact(
        law,
        shares_left(table),
        np.array(laws, float).reshape(-1, 2),
        np.array(lefts, float).reshape(-1, len(LATER)),
        len(table),
    )
