r"""A recorded path taken apart: the part from elsewhere, and what the venue's own flow added.

**The problem.** The record :math:`r_t` of a crash (log price at block t) contains its own
liquidations. A model that follows the record and lets its accounts be liquidated on top counts
them twice. Wanted is the exogenous path x such that the model, given x, produces the record:

.. math:: x_t + e_t(x) = r_t, \qquad e = \text{lasting} + \text{passing push}.

**The solution.** The push :math:`e_t` follows from what arbitrageurs and hedgers traded outside in
blocks before t (`model/reference/feedback.py`), so it depends on x before t alone, and

.. math:: x_t = r_t - e_t(x_0, \dots, x_{t-1})

is solved block by block, without iteration, by the part `recorded` itself
(`path.holds = "everything"`). It exists and, for given draws, holdings and strength of the
feedback, it is unique. Kept to the last bit and followed as an ordinary path
(`path.holds = "outside"`), x makes every account do what it did, and the price is the record again.

**What the record says.** Over a window the endogenous share is the fall of e over the fall of r. It
lies between 0 (all news) and 1 (all feedback) where the split makes sense. Outside of that it is a
misfit: the venue would have had to buy while prices fell, or to sell more than the whole fall.

**What the record does not say.** Since the price that accounts see is the record whatever the
strength of the feedback, so is everything they do: their flow is the same, and e is a linear
function of it that grows in proportion to the strength. Every strength reproduces the record. The
share is therefore identified only as far as the strength is, and as draws, leverage and the size
of the venue against the market of the record are: that is the band (`identify.py`).

**Whose it is.** Once more from the same x, with the same draws and forced orders that leave prices
alone (`venue.take_over`), the price is what it would have been without forced selling. The
difference from the record is the forced part; the rest of e is what the other flow of the venue
added. In ticks the parts sum to the record exactly. Beside it stands the class ledger of the
venue's own mid: half ticks by author class, which sum to its whole move exactly.

References
----------
Manski (2003), "Partial identification of probability distributions", Springer,
doi:10.1007/b97478: bands from what data leave open, assumption by assumption.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.run import Run, started
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import ParameterError
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import N_CLASSES
from crossmargin.model.world import World

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Target:
    """Which record is taken apart.

    Attributes
    ----------
    underlying : int, row of the scenario
    market : int, the first perpetual on it, or its first market
    tick : float, of that market, quote per base
    """

    underlying: int
    market: int
    tick: float


@dataclass(frozen=True, eq=False)
class Followed:
    """A run with what moved its outside price, by block.

    Attributes
    ----------
    run : Run
    target : Target
    base : (n,) float64, log price before the push of the venue
    lasting, passing : (n,) float64, push, log price
    price : (n,) float64, outside price, quote per base
    flow : (n,) float64, base bought outside in the block; it moves the price of the next
    by_class : (n, N_CLASSES) int64, displacement of the mid by author class, half ticks
    mid : (n,) int64, half ticks
    """

    run: Run
    target: Target
    base: Floats
    lasting: Floats
    passing: Floats
    price: Floats
    flow: Floats
    by_class: Integers
    mid: Integers

    @property
    def push(self) -> Floats:
        """(n,) float64, what the venue added to the log price."""
        return self.lasting + self.passing

    @property
    def ticks(self) -> Integers:
        """(n,) int64, outside price in ticks."""
        return ticks_of(np.log(self.price), self.target.tick)


#: A price so near to half a tick, in ticks, is half a tick: recorded prices may lie there exactly.
NEAR_HALF = 1e-6


def ticks_of(log_price: Floats, tick: float) -> Integers:
    """Prices in whole ticks; half a tick counts down, whatever the last digits of a float say."""
    return np.ceil(np.exp(log_price) / tick - 0.5 - NEAR_HALF).astype(np.int64)


def target_of(scenario: Scenario, underlying: str | None = None) -> Target:
    """Record that a scenario follows; by name where it follows several.

    Raises
    ------
    ParameterError
        When there is none, or the name is not that of one.
    """
    names = [u.name for u in scenario.underlying]
    recorded = [u.name for u in scenario.underlying if u.recording is not None]
    if not recorded:
        raise ParameterError(
            f"{scenario.name}: underlying: no one follows a recording; a split needs a record"
        )
    if underlying is None and len(recorded) > 1:
        raise ParameterError(f"underlying: several are recorded; name one: {', '.join(recorded)}")
    name = recorded[0] if underlying is None else underlying
    if name not in recorded:
        raise ParameterError(f"underlying = {name!r}: recorded are {', '.join(recorded)}")
    for i, shock in enumerate(scenario.shock):
        if shock.get("kind") == "price_shock" and shock.get("underlying", name) == name:
            raise ParameterError(
                f"{scenario.name}: shock.{i}: a record holds all that moved the price; leave out "
                "the price shock"
            )
    traded = [m for m, market in enumerate(scenario.market) if market.underlying == name]
    if not traded:
        raise ParameterError(f"{scenario.name}: market: none trades {name}; nothing can push it")
    kinds = [scenario.market[m].kind for m in traded]
    market = traded[kinds.index("perpetual") if "perpetual" in kinds else 0]
    return Target(names.index(name), market, scenario.market[market].tick)


def follow(scenario: Scenario, target: Target, seed: int, path: Floats | None = None) -> Followed:
    """Run a scenario and keep what moved its outside price.

    Parameters
    ----------
    path : (n,) float64, optional
        Log prices to follow in place of the recorded ones.
    """
    world, start = started(scenario, seed)
    if path is not None:
        world.state.outside.paths[target.underlying, : len(path)] = path
    n = scenario.run.steps
    floats = {name: np.zeros(n) for name in ("base", "lasting", "passing", "price", "flow")}
    by_class, mid = np.zeros((n, N_CLASSES), np.int64), np.zeros(n, np.int64)
    for step in range(n):
        world.run(1)
        row = world.state.outside.references[target.underlying]
        for name, values in floats.items():
            values[step] = row["base_log" if name == "base" else name]
        by_class[step] = world.state.log.shift[target.market]
        mid[step] = world.state.book.ladders["mid"][target.market]
    measure_all(world.state.ledger, world.state.book)
    run = Run(scenario, seed, n, world, start)
    return Followed(run, target, by_class=by_class, mid=mid, **floats)


def recorded_path(world: World, target: Target, steps: int) -> Floats:
    """(steps,) float64, log prices of the record that a world follows."""
    return world.state.outside.paths[target.underlying, :steps].copy()
