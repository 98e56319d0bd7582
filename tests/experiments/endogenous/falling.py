"""A small market that follows a record of our own: a straight fall, then rest."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

STEPS, START = 240, "2024-01-01"
FALL = 0.2  # log price
PERP = "BTC-PERP"
STAY = {"depth": 1e6, "risk_limit": 10.0}  # makers who do not mind their risk


def write_record(path: Path, fall: float = FALL) -> Path:
    """Prices by minute: half an hour of rest, two hours of fall, and rest."""
    minutes = np.arange(STEPS + 1)
    logs = np.interp(minutes, [0, 30, 150, STEPS], [0, 0, -fall, -fall])
    # rest that is not quite rest: a record never stands still
    logs += 1e-3 * np.sin(minutes)
    moments = pd.date_range(START, periods=STEPS + 1, freq="1min").strftime("%Y-%m-%dT%H:%M:%S")
    frame = pd.DataFrame({"timestamps": moments, "price": 60_000.0 * np.exp(logs)})
    frame.to_csv(path, index=False)
    return path


def population(name: str, kind: str, count: int, **fields: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, "count": count, "markets": [PERP], **fields}


def longs(low: float, high: float) -> dict[str, Any]:
    """Longs who wait for their liquidation."""
    position = {"side": "long", "leverage": {"uniform": [low, high]}}
    waits = {"add_share": 0.0, "reduce_share": 0.0}
    return population("longs", "leveraged", 200, wealth=2e4, position=position, behaviour=waits)


def falling(record: Path, **path: Any) -> dict[str, Any]:
    """Scenario of longs, their counterparties, makers and arbitrageurs."""
    own = {"kind": "recorded", "daily_volume": 2e8, **path}
    balance = {"side": "balance"}
    return {
        "name": "falling",
        "run": {"block_seconds": 60.0, "steps": STEPS},
        "asset": [{"name": "USDC"}],
        "underlying": [
            {"name": "BTC", "recording": {"file": str(record), "start": START}, "path": own}
        ],
        "market": [
            {
                "name": PERP,
                "underlying": "BTC",
                "tick": 1.0,
                "lot": 0.0001,
                "tiers": [{"initial": 0.05, "maintenance": 0.025}],
            }
        ],
        "venue": {
            "insurance": 1e6,
            "waterfall": [
                {"kind": kind} for kind in ("cancel_orders", "book_orders", "insurance", "adl")
            ],
        },
        "population": [
            longs(3.0, 6.0),
            population("hedgers", "leveraged", 20, wealth=4e6, position=balance),
            population("makers", "makers", 6, wealth=8e6, behaviour=STAY),
            population("arbitrageurs", "arbitrageurs", 4, wealth=4e6),
            population("reporters", "reporters", 5),
        ],
    }
