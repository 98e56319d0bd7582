"""What is looked at when a market is judged: arrays of one market, at one time scale.

Prices are quote per base, quantities base, rates those of the record; one entry a block, or a
longer interval when resampled.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.frames import Units
from crossmargin.experiments.load import part_numbers
from crossmargin.model.errors import ParameterError
from crossmargin.model.state import SPOT
from crossmargin.model.world import World

Floats = NDArray[np.float64]

#: Distances from the mid up to which resting lots are counted, fractions of the mid.
EDGES = np.array([1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2])

#: Time that a published funding rate refers to, s.
PERIOD = 28800.0


@dataclass(frozen=True, eq=False)
class Observed:
    """One market at one time scale, (n,) float64 each unless said otherwise.

    Attributes
    ----------
    seconds : float, length of an interval
    price : mid at the end of the interval, quote per base
    spread : mean bid-ask spread, fraction of the mid
    basis : mean of (mid - index) / index
    volume, flow : base traded, and the same bought by takers less sold by them
    depth : mean depth of both sides within the band of the run, base
    funding : rate last paid, per funding period of 8 hours
    profile : (n_edges,) float64, base resting between the mid and each of `EDGES`, both sides
    outside : price outside the venue at the end of the interval, quote per base
    """

    seconds: float
    price: Floats
    spread: Floats
    basis: Floats
    volume: Floats
    flow: Floats
    depth: Floats
    funding: Floats
    profile: Floats = field(default_factory=lambda: np.full(len(EDGES), np.nan))
    outside: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def returns(self) -> Floats:
        """(n - 1,) log returns of the mid."""
        return np.diff(np.log(self.price))

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the arrays over time that are there; the price outside need not be."""
        return tuple(name for name in SERIES if len(getattr(self, name)))

    @property
    def days(self) -> float:
        """Length, days."""
        return len(self.price) * self.seconds / 86400.0

    @property
    def path(self) -> "Observed":
        """Return the same with the price outside in place of the mid."""
        return replace(self, price=self.outside)

    def first(self, days: float) -> "Observed":
        """Return the first days alone."""
        n = round(days * 86400.0 / self.seconds)
        return replace(self, **{name: getattr(self, name)[:n] for name in self.series})

    def every(self, seconds: float) -> "Observed":
        """Return the same at a coarser scale; what does not fill an interval is dropped.

        Raises
        ------
        ParameterError
            When the scale is no multiple of the block.
        """
        k = round(seconds / self.seconds)
        if k < 1 or abs(k * self.seconds - seconds) > 1e-6 * seconds:
            raise ParameterError(
                f"run.block_seconds = {self.seconds:g}: a scale of {seconds:g} s is no multiple "
                "of it; take a block that divides a minute"
            )
        n = len(self.price) // k
        table = {name: getattr(self, name)[: n * k].reshape(n, k) for name in self.series}
        return replace(
            self,
            seconds=seconds,
            **{name: table[name][:, -1] for name in LAST if name in table},
            **{name: table[name].mean(axis=1) for name in MEANS},
            **{name: table[name].sum(axis=1) for name in SUMS},
        )


LAST, MEANS, SUMS = (
    ("price", "funding", "outside"),
    ("spread", "basis", "depth"),
    ("volume", "flow"),
)
SERIES = (*LAST, *MEANS, *SUMS)


def first_perpetual(world: World) -> int:
    """Row of the first perpetual.

    Raises
    ------
    ParameterError
        When a scenario has none.
    """
    found = np.flatnonzero(world.state.ledger.markets["kind"] != SPOT)
    if not len(found):
        raise ParameterError("market: there is no perpetual, which a scorecard judges")
    return int(found[0])


def observe(world: World, market: int, profile: Floats | None = None) -> Observed:
    """Arrays of a market from the record of its world."""
    rows, units = world.rows("market_rows")[:, market], Units(world)
    mid = rows["mid"] * units.half_tick[market]
    quoted = (rows["bid"] > 0) & (rows["ask"] > 0) & (rows["mid"] > 0)
    price = np.where(rows["mid"] > 0, mid, rows["index"] * units.half_tick[market])
    width = 2.0 * (rows["ask"] - rows["bid"]) * units.half_tick[market]
    spread = np.where(quoted, width / price, np.nan)
    lot = units.lot[market]
    return Observed(
        seconds=units.block,
        price=price,
        spread=_carried(spread),
        basis=price / np.maximum(rows["index"] * units.half_tick[market], 1e-300) - 1.0,
        volume=np.diff(rows["volume"], prepend=0) * lot,
        flow=np.diff(rows["signed_volume"], prepend=0) * lot,
        depth=(rows["depth_bid"] + rows["depth_ask"]) * lot,
        funding=rows["funding_rate"] * intervals_a_period(world),
        outside=rows["reference"],
        profile=np.full(len(EDGES), np.nan) if profile is None else profile,
    )


def intervals_a_period(world: World) -> float:
    """Funding payments in 8 hours; 1 for a world without a scenario."""
    if world.scenario is None:
        return 1.0
    _, numbers = part_numbers(world.scenario.venue.funding, "venue.funding")
    return PERIOD / float(getattr(numbers, "interval", PERIOD))


def _carried(values: Floats) -> Floats:
    """NaN replaced by the last value before it; the median where there is none."""
    known = ~np.isnan(values)
    if not known.any():
        return np.zeros(len(values))
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return np.where(last < 0, np.nanmedian(values), values[np.maximum(last, 0)])


def book_profile(world: World, market: int) -> Floats:
    """(n_edges,) base that rests within each of `EDGES` of the mid, both sides together."""
    orders, mid = world.state.book.orders, float(world.state.book.ladders["mid"][market])
    mine = orders[(orders["side"] >= 0) & (orders["market"] == market) & (orders["quantity"] > 0)]
    if mid <= 0 or not len(mine):
        return np.zeros(len(EDGES))
    distance = np.abs(2.0 * mine["price"] / mid - 1.0)
    place = np.searchsorted(EDGES, distance, side="left")
    lots = np.bincount(place, weights=mine["quantity"], minlength=len(EDGES) + 1)[: len(EDGES)]
    return np.asarray(np.cumsum(lots) * float(world.state.ledger.markets["lot"][market]))


def run_observed(world: World, steps: int, market: int, samples: int = 24) -> Observed:
    """Run a world and look at one market; its book is counted some times a day, evenly."""
    every = max(1, round(86400.0 / samples / float(world.state.clock["block_seconds"][0])))
    profiles = []
    while world.step < steps:
        world.run(min(every, steps - world.step))
        profiles.append(book_profile(world, market))
    # the first count may come before the book is there
    return observe(world, market, np.mean(profiles[len(profiles) > 1 :], axis=0))
