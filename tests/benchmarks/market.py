"""Whole markets, all phases, log and class ledgers on: agent-steps a second, memory, branches."""

from collections.abc import Iterator
from typing import Any

import crossmargin as xm
from crossmargin.model.world import World
from tests.benchmarks.figures import Figure, seconds

PERPETUALS = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 150.0}
COINS = ("BTC", "ETH")


def scenario(count: int, rate: float) -> dict[str, Any]:
    """Traders on three perpetuals, two coins as collateral; each acts `rate` times a second."""
    perpetuals = [f"{name}-PERP" for name in PERPETUALS]
    terms = {"tick": 0.1, "lot": 0.001, "maker_fee": 0.0001, "taker_fee": 0.0004}
    tiers = [{"notional": 0.0, "initial": 0.05, "maintenance": 0.03}]
    markets = [
        {"name": f"{name}-PERP", "underlying": name, "tiers": tiers} | terms for name in PERPETUALS
    ] + [
        {"name": f"{name}-USDC", "kind": "spot", "underlying": name, "base": name} | terms
        for name in COINS
    ]
    coins = [
        {"name": name, "decimals": 8, "initial_weight": 0.9, "maintenance_weight": 0.95}
        for name in COINS
    ]
    path = {"kind": "geometric_brownian", "volatility": 0.5}
    return {
        "name": "benchmark",
        "title": "A benchmark",
        "story": "Traders who all act, makers, arbitrageurs, keepers and reporters, for timing.",
        "run": {"block_seconds": 1.0, "steps": 1000},
        "asset": [{"name": "USDC", "decimals": 6}, *coins],
        "underlying": [
            {"name": name, "price": price, "path": path} for name, price in PERPETUALS.items()
        ],
        "market": markets,
        "venue": {
            "insurance": 1e7,
            "backstop": 1e7,
            "waterfall": [
                {"kind": kind}
                for kind in ("cancel_orders", "book_orders", "insurance", "adl", "socialise")
            ],
        },
        "population": [
            {
                "name": "traders",
                "kind": "chiarella_iori",
                "count": count,
                "markets": perpetuals,
                "wealth": {"pareto": [1e3, 2.0, 1e5]},
                "collateral": {"BTC": 0.2, "ETH": 0.2},
                "traits": {"rate": rate},
            },
            {
                "name": "makers",
                "kind": "makers",
                "count": 12,
                "markets": perpetuals,
                "wealth": 1e7,
            },
            {
                "name": "arbitrageurs",
                "kind": "arbitrageurs",
                "count": 6,
                "markets": perpetuals,
                "wealth": 1e7,
            },
            {
                "name": "keepers",
                "kind": "keepers",
                "count": 5,
                "markets": perpetuals,
                "wealth": 1e6,
            },
            *(
                {"name": f"reporters of {m}", "kind": "reporters", "count": 7, "markets": [m]}
                for m in perpetuals
            ),
        ],
    }


def started(count: int, rate: float, blocks: int) -> World:
    """World of such a market after some blocks."""
    world = xm.Market(scenario(count, rate), seed=1).world
    world.run(blocks)
    return world


def block(world: World, n: int) -> float:
    """Seconds a block, the best of five runs of n blocks."""
    return min(seconds(lambda: world.run(n)) for _ in range(5)) / n


def bytes_of(group: Any) -> int:
    """Bytes of the arrays of a state that grow with accounts, the empty chunks of the log aside."""
    total = 0
    for member in group:
        total += bytes_of(member) if isinstance(member, tuple) else member.nbytes
    return total


def bytes_an_account(count: int) -> float:
    """Bytes that one account more takes: the slope between two sizes."""
    sizes = []
    for n in (count, 2 * count):
        state = xm.Market(scenario(n, 1.0)).world.state
        log = state.log
        chunks = log.events.nbytes + log.traces.nbytes + log.liquidations.nbytes
        sizes.append(bytes_of(state) - chunks)
    return (sizes[1] - sizes[0]) / count


def figures() -> Iterator[Figure]:
    """All figures of whole markets."""
    always, tenth = 50.0, 0.10536  # 1 - exp(-rate) of all, and of one in ten
    world = started(10_000, always, 20)
    one = block(world, 20)
    yield Figure("10,000 traders, all active", 10_000 / one / 1e6, "M agent-steps/s", at_least=5)
    before = int(world.state.log.cursor["messages"][0])
    world.run(10)
    sent = int(world.state.log.cursor["messages"][0]) - before
    yield Figure("10,000 traders, messages a block", sent / 10, "messages")
    fork = min(seconds(world.fork) for _ in range(9))
    yield Figure("branch of 10,000 accounts", 1e3 * fork, "ms", at_most=10)
    one = block(started(2_000, 0.05, 20), 100)
    yield Figure("2,000 accounts, 5% active", 1e3 * one, "ms a block", at_most=0.25)
    one = block(started(2_000, tenth, 20), 100)
    yield Figure("2,000 accounts, 10% active", 1e3 * one, "ms a block")
    one = block(started(2_000, always, 20), 100)
    yield Figure("2,000 accounts, all active", 1e3 * one, "ms a block")
    one = block(started(1_000_000, tenth, 4), 3)
    yield Figure("1 million traders, 10% active", 1 / one, "M agent-steps/s", at_least=10)
    yield Figure("memory an account", bytes_an_account(20_000), "bytes", at_most=1000)
