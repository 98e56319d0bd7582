"""Accounts that hold options of a running market, under the risk models of venues."""

from typing import Any

import numpy as np
import pytest

import crossmargin as xm
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import OPTION, PERPETUAL
from crossmargin.model.world import World

PRESETS = ["derive-portfolio", "deribit-standard", "span"]


def option_row(world: World, market: int, lots: int) -> dict[str, Any]:
    options = world.state.options
    s = options.series[options.places[market]]
    return {
        "underlying": "BTC",
        "kind": "call" if s["kind"] == 1 else "put",
        "strike": float(s["strike"]),
        "expiry_seconds": float(s["seconds"]),
        "size": lots * float(s["lot"]),
        "vol": float(s["volatility"]),
        "forward": float(s["forward"]),
    }


def portfolio_of(world: World, row: int) -> dict[str, Any]:
    """What an account holds; what it paid for options is gone from its cash."""
    ledger, names = world.state.ledger, world.names
    one = 10.0 ** int(ledger.assets["decimals"][0])
    cash, perps, options = float(ledger.balances[row, 0]), [], []
    index = 0.0
    for m, market in enumerate(ledger.markets):
        lots, cost = int(ledger.lots[row, m]), int(ledger.cost[row, m])
        mark = 0.5 * float(market["mark"]) * float(market["tick"])
        if market["kind"] == OPTION:
            cash -= cost
            if lots:
                options.append(option_row(world, m, lots))
        elif market["kind"] == PERPETUAL:
            index = 0.5 * float(market["index"]) * float(market["tick"])
            gain = lots * int(market["mark"]) * int(market["half_unit"]) - cost
            size = lots * float(market["lot"])
            perps.append({"market": names.markets[m], "size": size, "unrealised_pnl": gain / one})
            prices = {names.markets[m]: mark}
    quote = names.assets[0]
    prices |= {"BTC": index, quote: 1.0}
    return {"collateral": {quote: cash / one}, "perp": perps, "option": options, "prices": prices}


@pytest.mark.parametrize("preset", PRESETS)
def test_holders_of_options_are_measured_as_the_calculator_does(preset: str) -> None:
    run = xm.simulate(
        "gamma-squeeze", seed=1, steps=40, overrides={"venue.preset": preset}, audit=True
    )
    world = run.world
    state = world.state
    measure_all(state.ledger, state.book)
    kinds = state.ledger.markets["kind"]
    held = np.abs(state.ledger.lots[:, kinds == OPTION]).sum(axis=1)
    populated = state.ledger.accounts["population"] >= 0
    rows = np.flatnonzero((held > 0) & populated)
    assert len(rows) > 10
    one = 10.0 ** int(state.ledger.assets["decimals"][0])
    for row in rows[:: max(1, len(rows) // 12)].tolist():
        report = xm.evaluate_margin(portfolio_of(world, row), preset)
        account = state.ledger.accounts[row]
        asked = account["maintenance_requirement"] / one
        assert asked == pytest.approx(report.maintenance_margin, rel=1e-6, abs=0.01)
        assert account["equity"] / one == pytest.approx(report.equity, rel=1e-4, abs=5.0)
