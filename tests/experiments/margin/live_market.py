"""A market with two coins and two perpetuals under a risk model, and what accounts hold in it."""

from typing import Any

import numpy as np

from crossmargin.experiments.build import build
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.margin.evaluate import evaluate_margin
from crossmargin.experiments.margin.market_desk import preset_of
from crossmargin.experiments.margin.report import MarginReport
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import FIRST_SETTLEMENT
from crossmargin.model.world import World

FRACTIONS = {"default": {"initial": 0.05, "maintenance": 0.03}}
WEIGHTS = {"default": {"initial": 0.8, "maintenance": 0.9}}
TWO = {
    "assets": ["BTC", "ETH"],
    "volatility": [0.6, 0.8],
    "correlation": [[1.0, 0.8], [0.8, 1.0]],
    "renew": False,
}
GRID = {
    "default": {
        "spots": [-0.2, -0.1, 0.0, 0.1, 0.2],
        "tails": [{"spot": 0.5, "damping": 0.5}],
        "charges": {"perpetual": 0.01, "coin": 0.02, "perpetual_minimum": 0.003},
    },
    "initial_factor": 1.3,
    "steps": [{"above": 1e3, "multiple": 2.0}],
    "credits": [{"one": "BTC", "other": "ETH", "of_other": 20.0, "rate": 0.5}],
}
#: Tables of a risk model, by the part that they are about.
MODELS: dict[str, dict[str, Any]] = {
    "credit": {"fractions": FRACTIONS, "credit": {"initial": 0.5, "maintenance": 0.9, "cap": 5e3}},
    "wrong_way": {"fractions": FRACTIONS, "weights": WEIGHTS, "wrong_way": {"strength": 0.5}},
    "weights": {
        "fractions": FRACTIONS,
        "weights": {
            "owed": "requirement",
            "default": {
                "initial": 0.8,
                "maintenance": 0.9,
                "owed_initial": 1.2,
                "owed_maintenance": 1.1,
                "size_discount": 0.02,
            },
        },
    },
    "fractions": {
        "fractions": {
            "quantum": 0.01,
            "counts_orders": True,
            "default": {
                "tiers": [
                    {"notional": 0.0, "initial": 0.02},
                    {"notional": 1e5, "initial": 0.1},
                ],
                "maintenance_fraction": 0.5,
                "charge": 2.0,
                "least": 10.0,
            },
        },
        "adaptive": {"level": 0.9, "leverage": 15.0},
    },
    "size_premium": {
        "size_premium": {"default": {"initial": 0.1, "maintenance": 0.05, "slope": 0.01}}
    },
    "skew_premium": {
        "skew_premium": {
            "default": {"initial": 0.02, "slope": 0.05, "scale": 100.0, "charge": 20.0}
        }
    },
    "closing_cost": {
        "fractions": FRACTIONS,
        "closing_cost": {"default": {"fee": 0.001, "negative": 1e-9, "positive": 5e-10}},
    },
    "liquidity": {
        "fractions": FRACTIONS,
        "liquidity": {"default": {"volume": 1e4, "depth": 5e6, "initial_factor": 1.2}},
    },
    "netting": {"netting": {"default": {"initial": 0.1, "maintenance": 0.05, "residual": 0.2}}},
    "delta_gamma_vega": {"delta_gamma_vega": {"default": {"spot": 0.1}}},
    "value_at_risk": {"value_at_risk": TWO | {"correlation_stress": 0.5}},
    "historical": {
        "value_at_risk": {
            "method": "filtered",
            "recordings": {"BTC": "btc_usd_daily.csv", "ETH": "btc_usd_daily.csv"},
        }
    },
    "scenario": {"scenario": GRID, "weights": {"default": {"initial": 1.0, "maintenance": 1.0}}},
    "health": {
        "weights": {
            "owed": "requirement",
            "default": {
                "initial": 0.8,
                "maintenance": 0.9,
                "owed_initial": 1.2,
                "owed_maintenance": 1.1,
            },
            "asset": {"USDC": {"initial": 1.0, "maintenance": 1.0}},
        },
        "health": {
            "default": {
                "initial_asset": 0.9,
                "initial_owed": 1.1,
                "maintenance_asset": 0.95,
                "maintenance_owed": 1.05,
                "overall_initial": 0.95,
            }
        },
    },
    "own brackets": {"adaptive": {"level": 0.9}},
}
#: Row of the account that tests write into: the first of a population.
ROW = FIRST_SETTLEMENT + 2


def with_model(margin: dict[str, Any], **changes: Any) -> World:
    """World of `two-coins` at its start with a risk model."""
    overrides = {"venue.margin": margin, "run.steps": 200, **changes}
    return build(load_scenario("two-coins", overrides), seed=1)


def write(world: World, coins: tuple[float, ...], perps: tuple[tuple[int, float], ...]) -> None:
    """Let the account hold coins, and perpetuals as lots and entry price over the mark."""
    ledger = world.state.ledger
    ledger.balances[ROW] = 0
    ledger.lots[ROW] = 0
    ledger.cost[ROW] = 0
    world.state.book.open_lots[ROW] = 0
    for a, amount in enumerate(coins):
        m = int(ledger.assets["market"][a])
        if m < 0:
            ledger.balances[ROW, a] = round(amount * 10 ** int(ledger.assets["decimals"][a]))
            continue
        lots = round(amount / float(ledger.markets["lot"][m]))
        ledger.lots[ROW, m] = lots
        ledger.balances[ROW, a] = lots * int(ledger.markets["lot_units"][m])
    for m, (lots, entry) in enumerate(perps):
        market = ledger.markets[m]
        half = max(1, round(float(market["mark"]) * entry))
        ledger.lots[ROW, m] = lots
        ledger.cost[ROW, m] = lots * half * int(market["half_unit"])


def portfolio_of(world: World, row: int = ROW) -> dict[str, Any]:
    """What an account holds and the prices of its market, as the calculator reads it."""
    ledger, names = world.state.ledger, world.names
    one, markets = 10.0 ** int(ledger.assets["decimals"][0]), ledger.markets
    price = 0.5 * markets["mark"] * markets["tick"]
    found: dict[str, Any] = {"collateral": {}, "perp": [], "prices": {}}
    for a, name in enumerate(names.assets):
        units = 10.0 ** int(ledger.assets["decimals"][a])
        found["collateral"][name] = float(ledger.balances[row, a] / units)
        if a > 0:
            found["prices"][name] = float(price[ledger.assets["market"][a]])
    for m, name in enumerate(names.markets):
        if markets["settlement"][m] < 0:
            continue
        size = float(ledger.lots[row, m] * markets["lot"][m])
        profit = size * float(price[m]) - float(ledger.cost[row, m] / one)
        found["perp"].append({"market": name, "size": size, "unrealised_pnl": profit})
        found["prices"][name] = float(price[m])
    return found


def measured(world: World, row: int = ROW) -> np.ndarray:
    """Five numbers of an account in its market, quote units."""
    measure_all(world.state.ledger, world.state.book)
    account = world.state.ledger.accounts[row]
    names = ("equity", "initial_equity", "maintenance_equity")
    names += ("initial_requirement", "maintenance_requirement")
    return np.array([int(account[name]) for name in names])


def calculated(world: World, **more: Any) -> np.ndarray:
    """The same from the calculator, quote."""
    report: MarginReport = evaluate_margin(portfolio_of(world) | more, preset_of(world.scenario))
    return np.array(
        [
            report.equity,
            report.initial_equity,
            report.maintenance_equity,
            report.initial_margin,
            report.maintenance_margin,
        ]
    )
