"""A crowded market for stories about populations: longs with leverage, shorts who hold coins.

Makers are given so much risk that they stay. The waterfall knows only one way to close a bankrupt
account, so that a test chooses who bears it.
"""

from typing import Any

PERP, COIN = "BTC-PERP", "BTC-USDC"
#: Bankrupt positions are closed against the winning side, or taken over by a vault.
ADL = ({"kind": "cancel_orders"}, {"kind": "adl", "trigger": "bankrupt", "price": "bankruptcy"})
VAULT = ({"kind": "cancel_orders"}, {"kind": "backstop"})
BOOK = ({"kind": "cancel_orders"}, {"kind": "book_orders"}, {"kind": "insurance"})


def population(name: str, kind: str, count: int, **fields: Any) -> dict[str, Any]:
    """One population in the perpetual."""
    return {"name": name, "kind": kind, "count": count, "markets": [PERP], **fields}


def crowded(*populations: dict[str, Any], steps: int = 400, **fields: Any) -> dict[str, Any]:
    """Scenario with makers, arbitrageurs, noise traders and more; `fields` replace tables."""
    makers = population("makers", "makers", 4, wealth=5e6, collateral={"BTC": 0.4})
    makers |= {"markets": [PERP, COIN], "behaviour": {"depth": 2e5, "risk_limit": 10.0}}
    carriers = population("arbitrageurs", "arbitrageurs", 4, wealth=5e6, collateral={"BTC": 0.4})
    carriers |= {"markets": [PERP, COIN]}
    traders = population("traders", "chiarella_iori", 60, wealth=5e4)
    return {
        "name": "crowded",
        "run": {"block_seconds": 5.0, "steps": steps},
        "asset": [
            {"name": "USDC"},
            {"name": "BTC", "decimals": 8, "initial_weight": 0.9, "maintenance_weight": 0.95},
        ],
        "underlying": [
            {
                "name": "BTC",
                "price": 50_000.0,
                "path": {"kind": "geometric_brownian", "volatility": 0.1, "daily_volume": 2e8},
            }
        ],
        "market": [
            {
                "name": PERP,
                "underlying": "BTC",
                "tick": 1.0,
                "lot": 0.0001,
                "tiers": [{"initial": 0.05, "maintenance": 0.025}],
            },
            {
                "name": COIN,
                "kind": "spot",
                "underlying": "BTC",
                "base": "BTC",
                "tick": 1.0,
                "lot": 0.0001,
            },
        ],
        "venue": {
            "insurance": 0.0,
            "backstop": 1e8,
            "oracle": {"kind": "direct"},
            "waterfall": list(ADL),
            **fields.pop("venue", {}),
        },
        "population": [makers, carriers, traders, *populations],
        **fields,
    }


def fall(change: float, at: float = 300.0, spread: float = 20.0) -> dict[str, Any]:
    """Shock to the outside price that lasts."""
    return {"kind": "price_shock", "at": at, "change": change, "spread": spread}
