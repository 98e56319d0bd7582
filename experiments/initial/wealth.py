"""What accounts own at the start: wealth, and the assets in which they hold it."""

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.initial.drawing import (
    COLLATERAL,
    WEALTH,
    Floats,
    check_range,
    drawn,
    rows_per_agent,
    whales_of,
)
from crossmargin.experiments.layout import Block
from crossmargin.experiments.limits import LARGEST_SUM
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import BACKSTOP, INSURANCE, State


def _per_row(block: Block, values: Floats) -> Floats:
    """An isolated owner's wealth is shared equally by the rows of its markets."""
    rows = rows_per_agent(block)
    return np.repeat(values[::rows], rows) / rows


def wealth_of(state: State, scenario: Scenario, blocks: list[Block], seed: int) -> Floats:
    """Wealth of every row, whole quote units; none for rows of the system.

    Raises
    ------
    ParameterError, ScenarioError
        When a population draws less than nothing, or more than 64 bits hold.
    """
    units = np.zeros(len(state.ledger.accounts))
    one = 10 ** scenario.asset[0].decimals
    for block in blocks:
        key = f"population.{block.population.name}.wealth"
        wealth = _per_row(block, drawn(state, block, seed, block.population.wealth, WEALTH))
        for whale, rows in whales_of(block):
            wealth[rows] = whale.wealth / rows_per_agent(block)
        wrong = np.flatnonzero(~(wealth >= 0))
        if len(wrong):
            raise ParameterError(
                f"{key}: draws {wealth[wrong[0]]:.6g}, below zero, for account {wrong[0]} of the "
                "population"
            )
        check_total(scenario, key, float(wealth.sum()))
        units[block.rows] = np.floor(wealth * one)
    return units


def check_total(scenario: Scenario, key: str, total: float) -> None:
    """Refuse wealth whose sum would not fit, quote."""
    one = 10 ** scenario.asset[0].decimals
    if not total * one < LARGEST_SUM:
        raise ScenarioError(
            f"{key}: {total:.3g} in all is more than {LARGEST_SUM / one:.3g}; lower it or "
            f"asset.{scenario.asset[0].name}.decimals"
        )


def collateral_of(state: State, scenario: Scenario, block: Block, seed: int) -> dict[str, Floats]:
    """Share of the wealth of every row of a population in each asset that it holds."""
    assets = [asset.name for asset in scenario.asset]
    key = f"population.{block.population.name}.collateral"
    named = [whale for whale in block.population.whale if whale.collateral is not None]
    asked = {**block.population.collateral, **{n: 0 for w in named for n in w.collateral or ()}}
    found = {}
    for name in asked:
        share = block.population.collateral.get(name, 0.0)
        values = drawn(state, block, seed, share, COLLATERAL + assets.index(name))
        check_range(f"{key}.{name}", values, 0.0, 1.0)
        for whale, rows in whales_of(block):
            if whale.collateral is not None:
                own = whale.collateral.get(name, 0.0)
                values[rows] = drawn(state, block, seed, own, COLLATERAL + assets.index(name))[rows]
                check_range(f"{key[:-10]}whale.{whale.name}.collateral", values[rows], 0.0, 1.0)
        found[name] = values
    total = sum(found.values(), np.zeros(block.count))
    over = total > 1.0 + 1e-9
    return {n: np.where(over, v / np.where(over, total, 1.0), v) for n, v in found.items()}


def mint_funds(state: State, scenario: Scenario) -> None:
    """Capital of the insurance fund and of the backstop."""
    one = 10 ** scenario.asset[0].decimals
    for row, name in ((INSURANCE, "insurance"), (BACKSTOP, "backstop")):
        units = getattr(scenario.venue, name) * one
        if not units < LARGEST_SUM:
            raise ScenarioError(f"venue.{name}: must be below {LARGEST_SUM / one:.3g}")
        _mint(state, QUOTE, row, round(units))
    state.ledger.venue["min_fund"] = round(scenario.venue.insurance * one)


def _mint(state: State, asset: int, row: int, units: int) -> None:
    state.ledger.assets[asset]["minted"] += units
    state.ledger.balances[row, asset] += units


def endow(
    state: State,
    scenario: Scenario,
    block: Block,
    units: NDArray[np.int64],
    shares: dict[str, Floats],
) -> None:
    """Mint every account of a population its wealth, in quote and in collateral."""
    left = units.copy()
    names = [asset.name for asset in scenario.asset]
    for name, share in shares.items():
        asset = names.index(name)
        if asset == QUOTE:
            continue
        m = int(state.ledger.assets[asset]["market"])
        market = state.ledger.markets[m]
        value = int(market["mark"]) * int(market["half_unit"])
        lots = (share * units // value).astype(np.int64)
        held = float(lots.sum()) * int(market["lot_units"])
        if not held < LARGEST_SUM:
            raise ScenarioError(
                f"asset.{name}.decimals = {scenario.asset[asset].decimals}: what population "
                f"{block.population.name} holds of it is {held:.3g} units, at most "
                f"{LARGEST_SUM:.3g} are allowed; lower decimals or wealth"
            )
        state.ledger.lots[block.rows, m] = lots
        state.ledger.balances[block.rows, asset] = lots * int(market["lot_units"])
        state.ledger.assets[asset]["minted"] += int(lots.sum()) * int(market["lot_units"])
        left -= lots * value
    state.ledger.balances[block.rows, QUOTE] += left
    state.ledger.assets[QUOTE]["minted"] += int(left.sum())
