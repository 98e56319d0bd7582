"""Random streams of order messages, in the shape of `crossmargin.ORDER`."""

import numpy as np

from crossmargin.model.state import CANCEL, LIMIT, MARKET_ORDER, ORDER, REPLACE, Array


def mixed_stream(n: int, seed: int, *, accounts: int = 8, mid: int = 1000) -> Array:
    """Messages of every kind, prices close together, so that all of them meet one another."""
    rng = np.random.default_rng(seed)
    m = np.zeros(n, ORDER)
    m["action"] = rng.choice([LIMIT, CANCEL, MARKET_ORDER, REPLACE], n, p=[0.6, 0.15, 0.15, 0.1])
    m["side"] = rng.choice([1, -1], n)
    m["price"] = mid - m["side"] * rng.integers(-3, 8, n)
    m["quantity"] = rng.integers(1, 12, n)
    m["account"] = rng.integers(0, accounts, n)
    m["life"] = rng.choice([0, 1, 2], n, p=[0.7, 0.15, 0.15])
    m["flags"] = rng.choice([0, 1, 2, 3, 4], n, p=[0.6, 0.1, 0.15, 0.05, 0.1])
    number = np.arange(n)
    m["order"] = np.maximum(0, number - rng.integers(1, 30, n))
    is_owner = rng.random(n) < 0.8
    m["account"] = np.where(is_owner, m["account"][m["order"]], m["account"])
    return m


def benchmark_stream(n: int, seed: int = 0, *, lag: int = 200, mid: int = 1_200_000) -> Array:
    """60% limit orders, 25% cancels of one of the last `lag` orders, 15% market orders."""
    rng = np.random.default_rng(seed)
    m = np.zeros(n, ORDER)
    m["action"] = rng.choice([LIMIT, CANCEL, MARKET_ORDER], n, p=[0.6, 0.25, 0.15])
    m["action"][0] = LIMIT
    m["side"] = rng.choice([1, -1], n)
    m["quantity"] = rng.integers(1, 10, n)
    m["account"] = rng.integers(0, 10_000, n)
    m["price"] = mid - m["side"] * rng.integers(-2, 20, n)
    placed, cancels = np.flatnonzero(m["action"] == LIMIT), np.flatnonzero(m["action"] == CANCEL)
    place = np.searchsorted(placed, cancels) - 1 - rng.integers(0, lag, len(cancels))
    m["order"][cancels] = placed[np.maximum(0, place)]
    m["account"][cancels] = m["account"][m["order"][cancels]]
    return m
