"""Tidy tables of options: sensitivities by population, by series, and of every account.

Delta in units of the underlying, gamma per quote of its price, vega in quote per 1.00 of
volatility, theta in quote per day, rho in quote per 1.00 of the rate.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.model.options.black76 import GREEKS
from crossmargin.model.world import World

Floats = NDArray[np.float64]


def greeks(world: World) -> pd.DataFrame:
    """One row a recorded step, population and underlying; empty without options.

    `value` is that of the options at their marks, quote; `linear` the base that the same accounts
    hold in coins and perpetuals, outside the venue too, and `net_delta` the sum with delta.
    """
    rows = world.rows("greek_rows")
    populations, underlyings = world.names.populations, world.names.underlyings
    frame = {
        "step": rows["step"],
        "seconds": rows["step"] * float(world.state.clock["block_seconds"][0]),
        "population": pd.Categorical.from_codes(rows["population"], populations),
        "underlying": pd.Categorical.from_codes(rows["underlying"], underlyings),
    }
    for k, name in enumerate(GREEKS):
        frame[name] = rows["greeks"][:, k]
    frame["value"] = rows["value"] * 10.0 ** -int(world.state.ledger.assets["decimals"][0])
    frame["linear"] = rows["linear"]
    frame["net_delta"] = rows["greeks"][:, 0] + rows["linear"]
    return pd.DataFrame(frame)


def series_greeks(world: World) -> pd.DataFrame:
    """One row a recorded step and living series: forward, volatility, Greeks of one unit."""
    rows = world.rows("series_rows")
    frame = {
        "step": rows["step"],
        "seconds": rows["step"] * float(world.state.clock["block_seconds"][0]),
        "market": pd.Categorical.from_codes(rows["market"], world.names.markets),
        "forward": rows["forward"],
        "volatility": rows["volatility"],
        "seconds_left": rows["seconds"],
    }
    for k, name in enumerate(GREEKS):
        frame[name] = rows["greeks"][:, k]
    return pd.DataFrame(frame)


def of_accounts(world: World) -> dict[str, Floats]:
    """Columns `GREEK:UNDERLYING` of every account now; none without options."""
    options = world.state.options
    lots = world.state.ledger.lots[:, options.markets]
    found = {}
    for u in np.unique(options.series["underlying"]):
        own = options.series["underlying"] == u
        for k, name in enumerate(GREEKS):
            greek = options.greeks[own, k]
            found[f"{name}:{world.names.underlyings[u]}"] = np.asarray(lots[:, own] @ greek)
    return found


def deltas_of_lots(world: World, underlying: int) -> Floats:
    """Units of an underlying that one lot of each market stands for; of an option, its delta."""
    markets, options = world.state.ledger.markets, world.state.options
    found = np.where(markets["underlying"] == underlying, markets["lot"], 0.0)
    own = options.series["underlying"] == underlying
    found[options.markets[own]] = options.greeks[own, 0]
    return np.asarray(found)
