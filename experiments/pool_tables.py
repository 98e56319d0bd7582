"""Table of a liquidity pool: who takes the other side of a market without a book."""

from typing import Literal

from crossmargin.experiments.tables import Table, quantity


class Pool(Table):
    """A pool that trades at the index, moved by how one-sided its traders are."""

    capital: float = quantity(..., "quote", "What depositors put in.", gt=0, le=1e12)
    impact: Literal["skew", "power"] = "skew"
    skew_scale: float = quantity(
        1e6,
        "base",
        "Longs less shorts that would move the price by all of it, `skew`.",
        gt=0,
        source="Synthetix v3 perps: skewScale, by market",
    )
    exponent: float = quantity(
        2.0, "power", "Of the imbalance, `power`.", ge=1, le=4, source="GMX v2 markets.ts: 2"
    )
    worsening: float = quantity(
        9e-11,
        "per quote**(exponent - 1)",
        "Impact factor of trades that raise the imbalance, `power`.",
        ge=0,
        le=1,
        source="GMX v2 markets.ts, BTC",
    )
    improving: float = quantity(
        3e-11,
        "per quote**(exponent - 1)",
        "Impact factor of trades that lower it, `power`.",
        ge=0,
        le=1,
        source="GMX v2 markets.ts, BTC",
    )
    most_impact: float = quantity(
        0.005, "fraction", "Of the price, either way.", ge=0, le=1, source="GMX v2: 0.5%"
    )
    most_open_interest: float = quantity(0.0, "quote", "Cap of each side; 0 none.", ge=0, le=1e12)
    reserve: float = quantity(
        0.0,
        "multiple of the pool's capital",
        "Most notional of a side; 0 no cap.",
        ge=0,
        le=100,
        source="GMX v2: open interest reserve factor below 1",
    )
