r"""Dimensionless groups: the few ratios that decide how a market takes a shock.

near_liquidation_over_depth
    Notional of positions that would be liquidated by a move of 5% against them, over what rests
    within the depth band (2%) of the mid. Above 1 the forced orders do not fit into the book.
refill_half_life
    Blocks until half of a loss of depth has come back.
permanent_share
    What is left of the answer of the price to net taker flow after an hour, over its peak.
open_interest_over_daily_volume
    Days of trading that it would take to close all positions.

A group that a run cannot support is None: a JSON file has no NaN.

References
----------
Bouchaud, Gefen, Potters, Wyart (2004), "Fluctuations and response in financial markets",
Quantitative Finance 4(2), doi:10.1080/14697680400000022 (response function). Large (2007),
"Measuring the resiliency of an electronic limit order book", Journal of Financial Markets 10(1),
doi:10.1016/j.finmar.2006.09.001 (half-life of a recovery).
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.experiments.frames import Units
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import OPTION, SPOT, Array
from crossmargin.model.world import World

Floats = NDArray[np.float64]

#: Move of all prices within which a position counts as near its liquidation, fraction.
NEAR = 0.05
#: A loss of depth is a fall below this share of the median of the hour before.
LOSS = 0.9
#: The response of the price must exceed this many standard errors to be called measured.
CLEAR = 3.0


def near_liquidation(world: World, move: float = NEAR) -> Floats:
    """Base of each market in positions that a common move against them would liquidate.

    Every mark is moved down for the longs and up for the shorts, those of options are left, margins
    are measured as the venue does, and everything is put back.

    Returns
    -------
    (n_markets,) float64, base, longs and shorts together
    """
    ledger, book = world.state.ledger, world.state.book
    marks = ledger.markets["mark"].copy()
    found = np.zeros(len(marks))
    for sign in (1, -1):
        moved = np.rint(marks * (1.0 - sign * move)).astype(np.int64)
        ledger.markets["mark"] = np.where(ledger.markets["kind"] == OPTION, marks, moved)
        measure_all(ledger, book)
        accounts = ledger.accounts
        failing = accounts["maintenance_equity"] < accounts["maintenance_requirement"]
        held = np.where(sign * ledger.lots > 0, np.abs(ledger.lots), 0)
        found += held[failing & (accounts["population"] >= 0)].sum(axis=0)
    ledger.markets["mark"] = marks
    measure_all(ledger, book)
    found[ledger.markets["kind"] == SPOT] = 0.0
    return np.asarray(found * ledger.markets["lot"])


def refill_half_life(depth: Floats, block_seconds: float) -> float:
    """Median blocks until half of a loss of depth has come back; NaN without a loss.

    A loss begins when depth falls below `LOSS` of its median over the hour before and has its
    bottom at the least depth until half of the way back to that median is made, or an hour is
    over; a loss that is not made up within the hour counts with the whole hour.
    """
    window = max(10, round(3600.0 / block_seconds))
    usual = pd.Series(depth).rolling(window).median().shift(1).to_numpy()
    found: list[float] = []
    free = 0
    for t in np.flatnonzero((usual > 0) & (depth < LOSS * usual)):
        if t >= free:
            found.append(_blocks_to_half(depth[t : t + window], float(usual[t])))
            free = int(t) + window
    return float(np.median(found)) if found else np.nan


def _blocks_to_half(depth: Floats, usual: float) -> float:
    """Blocks from the bottom of a loss until half of it is back; all of them when it never is.

    Between two blocks depth is taken to come back evenly.
    """
    bottom = np.minimum.accumulate(depth)
    back = np.flatnonzero(depth >= bottom + 0.5 * (usual - bottom))
    if not len(back):
        return float(len(depth))
    until = int(back[0])
    lowest = int(np.argmin(depth[: until + 1]))
    half = 0.5 * (float(depth[lowest]) + usual)
    before, after = float(depth[until - 1]), float(depth[until])
    return until - 1 - lowest + (half - before) / (after - before)


def permanent_share(price: Floats, flow: Floats, block_seconds: float) -> float:
    r"""Response of the log price to net taker flow after an hour over its peak; NaN when unclear.

    .. math:: R(l) = \langle (p_{t+l} - p_{t-1}) \, \mathrm{sign}(v_t) \rangle

    It is measured over lags up to an hour, only where the peak stands clear of its error and the
    error at the hour is below a quarter of the peak. Flow that is itself persistent raises later
    values, so this is an upper end.
    """
    longest = round(3600.0 / block_seconds)
    if longest < 2 or len(price) < 4 * longest or not (price > 0).all():
        return np.nan
    p, sign = np.log(price), np.sign(flow)
    lags = np.unique(np.rint(np.geomspace(1, longest, 16)).astype(np.int64)) - 1
    n = len(p) - longest - 1
    gains = [(p[1 + lag : 1 + lag + n] - p[:n]) * sign[1 : 1 + n] for lag in lags]
    means = np.array([gain.mean() for gain in gains])
    # gains over a lag overlap: a sample holds about n / lag that do not
    errors = np.array(
        [g.std() / np.sqrt(n / (lag + 1)) for g, lag in zip(gains, lags, strict=True)]
    )
    top = int(np.argmax(means))
    if means[top] < CLEAR * errors[top] or errors[-1] > 0.25 * means[top]:
        return np.nan
    return float(means[-1] / means[top])


def usual_depth(rows: Array) -> float:
    """Median lots within the depth band, both sides, over the first tenth of a run."""
    n = max(10, len(rows) // 10)
    depth = (rows["depth_bid"] + rows["depth_ask"])[:n]
    return float(np.median(depth[depth > 0])) if (depth > 0).any() else np.nan


def groups_of(world: World, near: Floats | None) -> dict[str, dict[str, Any]]:
    """Groups of every perpetual of a world that has run.

    Parameters
    ----------
    near : (n_markets,) float64 or None
        What `near_liquidation` found at the start, base; None when nobody looked.
    """
    rows, units = world.rows("market_rows"), Units(world)
    kinds = world.state.ledger.markets["kind"]
    return {
        world.names.markets[m]: _of_market(
            rows[:, m], units, int(m), None if near is None else float(near[m])
        )
        for m in np.flatnonzero(kinds != SPOT)
    }


def _of_market(rows: Array, units: Units, m: int, near: float | None) -> dict[str, Any]:
    depth = (rows["depth_bid"] + rows["depth_ask"]).astype(float)
    days = len(rows) * units.block / 86400.0
    volume = float(rows["volume"][-1]) / days if len(rows) else 0.0
    usual = usual_depth(rows) * units.lot[m] if len(rows) else np.nan
    flow = np.diff(rows["signed_volume"], prepend=0).astype(float)
    share = permanent_share(rows["mid"] * units.half_tick[m], flow, units.block)
    values = {
        "near_liquidation_over_depth": np.nan if near is None else near / usual,
        "refill_half_life": refill_half_life(depth, units.block),
        "permanent_share": share,
        "open_interest_over_daily_volume": (
            float(rows["open_interest"].mean()) / volume if volume > 0 else np.nan
        ),
    }
    return {key: float(v) if np.isfinite(v) else None for key, v in values.items()}
