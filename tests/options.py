"""A small venue with options, whose accounts do what a test tells them to.

One underlying at 1,000, a perpetual, two expiries of three strikes, calls and puts: blocks of
10 s, expiries after 20 and 40 blocks, the average over 5. The first account is row `FIRST`.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtr

from crossmargin.experiments.build import build
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.schema import Scenario
from crossmargin.model.state import DISCRETIONARY, FIRST_SETTLEMENT
from crossmargin.model.world import World

BLOCK, EXPIRY, WINDOW = 10.0, 20, 5
STRIKES = (950.0, 1000.0, 1050.0)
TICK, LOT, ONE = 0.1, 0.01, 10**6
HALF_UNIT = round(TICK * LOT * ONE / 2)
PERP, N_SERIES = 0, 12
FIRST = FIRST_SETTLEMENT + 1 + N_SERIES
WATERFALL = ("cancel_orders", "book_orders", "backstop", "insurance", "adl", "socialise", "unwind")
YEAR = 365.0 * 86400.0


def option_tables(**changes: Any) -> dict[str, Any]:
    """Tables of the scenario; `option`, `venue` and so on are merged into what stands there."""
    tables: dict[str, Any] = {
        "name": "small",
        "run": {"block_seconds": BLOCK, "steps": 60},
        "asset": [{"name": "USD"}],
        "underlying": [
            {
                "name": "X",
                "price": 1000.0,
                "path": {"kind": "geometric_brownian", "volatility": 0.8},
            }
        ],
        "market": [
            {
                "name": "X-PERP",
                "underlying": "X",
                "tick": TICK,
                "lot": LOT,
                "maker_fee": 0.0,
                "taker_fee": 0.0,
                "tiers": [{"initial": 0.1, "maintenance": 0.05}],
            }
        ],
        "option": [
            {
                "name": "X-OPTIONS",
                "underlying": "X",
                "tick": TICK,
                "lot": LOT,
                "maker_fee": 0.0,
                "taker_fee": 0.0,
                "strikes": STRIKES,
                "settlement_seconds": WINDOW * BLOCK,
                "expiries": [
                    {"seconds": EXPIRY * BLOCK, "level": 0.8, "skew": -0.02},
                    {"seconds": 2 * EXPIRY * BLOCK, "level": 0.7, "curvature": 0.1},
                ],
            }
        ],
        "venue": {
            "insurance": 1e5,
            "backstop": 1e5,
            "mark": {"kind": "index_mark"},
            "oracle": {"kind": "direct"},
            "waterfall": [{"kind": kind} for kind in WATERFALL],
        },
        "population": [{"name": "people", "kind": "holders", "count": 6, "wealth": 1e5}],
    }
    for key, value in changes.items():
        if isinstance(value, Mapping):
            tables[key] = {**tables[key], **value}
        elif key == "option":
            tables[key] = [{**tables[key][0], **row} for row in value]
        else:
            tables[key] = value
    return tables


def option_scenario(**changes: Any) -> Scenario:
    return load_scenario(option_tables(**changes))


def option_world(seed: int = 0, **changes: Any) -> World:
    return build(option_scenario(**changes), seed)


def market_of(world: World, strike: float, right: str, expiry: int = 0) -> int:
    """Row of a series' market."""
    seconds = (expiry + 1) * EXPIRY * BLOCK
    return world.names.markets.index(f"X-{seconds:.0f}s-{strike:.0f}-{right}")


def put(
    world: World, account: int, market: int, side: int, price: float, lots: int, **fields: Any
) -> None:
    """Send an order, executed in the next block after those sent before; the price in quote."""
    state = world.state
    n = int(state.clock["n_inbox"][0])
    message = state.crowd.inbox[n]
    for name in message.dtype.names or ():
        message[name] = 0
    values = {"account": FIRST + account, "market": market, "side": side, "quantity": lots}
    values |= {"price": round(price / TICK), "author_class": DISCRETIONARY, "arrival": n}
    for name, value in (values | fields).items():
        message[name] = value
    state.clock["n_inbox"] = n + 1


def trade(world: World, buyer: int, seller: int, market: int, price: float, lots: int) -> None:
    """Let two accounts trade in the next block."""
    put(world, seller, market, -1, price, lots)
    put(world, buyer, market, 1, price, lots)


def black_twin(kind: int, forward: float, strike: float, years: float, volatility: float) -> float:
    """Black's formula by SciPy."""
    spread = volatility * math.sqrt(years)
    first = math.log(forward / strike) / spread + spread / 2
    paid = strike * ndtr(kind * (first - spread))
    return float(kind * (forward * ndtr(kind * first) - paid))


def indices(world: World) -> Any:
    """Index of the underlying at each block so far, half ticks."""
    return world.rows("market_rows")["index"][:, PERP]


def cash(world: World) -> Any:
    """Quote balances of the accounts, units."""
    return np.array(world.state.ledger.balances[FIRST:, 0])
