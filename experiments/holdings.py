"""What accounts hold at the start: money, collateral and matched positions.

Wealth is equity at the start: whoever enters at a price away from the first one brings that much
more or less cash. Every long has its short: what directional populations leave open is taken by
the populations whose side is `balance`, pro rata to wealth, and a scenario that leaves anything
open is refused.
"""

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.layout import Block
from crossmargin.experiments.limits import LARGEST_SUM
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.integers import split
from crossmargin.model.kernel import from_python
from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import BACKSTOP, INSURANCE, SPOT, State
from crossmargin.model.traits import TRAITS, draw

#: Numbers of the draws of holdings, after those of traits.
WEALTH, LEVERAGE, ENTRY, SIDE = range(TRAITS, TRAITS + 4)


def _per_row(block: Block, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """An isolated owner's wealth is shared equally by the rows of its markets."""
    rows = block.count // block.population.count
    return np.repeat(values[::rows], rows) / rows


def endow(state: State, scenario: Scenario, blocks: list[Block], seed: int) -> None:
    """Mint every account its wealth, in quote and in collateral."""
    one = 10 ** scenario.asset[0].decimals
    for row, name in ((INSURANCE, "insurance"), (BACKSTOP, "backstop")):
        units = getattr(scenario.venue, name) * one
        if not units < LARGEST_SUM:
            raise ScenarioError(f"venue.{name}: must be below {LARGEST_SUM / one:.3g}")
        _mint(state, QUOTE, row, round(units))
    state.ledger.venue["min_fund"] = round(scenario.venue.insurance * one)
    for block in blocks:
        keys = state.ledger.accounts["key"][block.rows]
        wealth = _per_row(block, draw(block.population.wealth, seed, keys, WEALTH))
        if not (wealth >= 0).all():
            name = block.population.name
            raise ParameterError(f"population.{name}.wealth: draws {wealth.min():.6g}, below zero")
        with np.errstate(over="ignore"):
            total = float(wealth.sum()) * one
        if not total < LARGEST_SUM:
            name = block.population.name
            raise ScenarioError(
                f"population.{name}.wealth: {wealth.sum():.3g} in all is more than "
                f"{LARGEST_SUM / one:.3g}; lower it or asset.{scenario.asset[0].name}.decimals"
            )
        _endow_rows(state, scenario, block, wealth * one)


def _endow_rows(state: State, scenario: Scenario, block: Block, units: NDArray[np.float64]) -> None:
    left = np.floor(units).astype(np.int64)
    total = left.copy()
    names = [asset.name for asset in scenario.asset]
    for name, share in block.population.collateral.items():
        asset = names.index(name)
        if asset == QUOTE:
            continue
        m = int(state.ledger.assets[asset]["market"])
        market = state.ledger.markets[m]
        value = int(market["mark"]) * int(market["half_unit"])
        lots = (share * total // value).astype(np.int64)
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


def _mint(state: State, asset: int, row: int, units: int) -> None:
    state.ledger.assets[asset]["minted"] += units
    state.ledger.balances[row, asset] += units


def open_positions(state: State, scenario: Scenario, blocks: list[Block], seed: int) -> None:
    """Give every account its first position, matched in every market."""
    n_rows, n_markets = state.ledger.lots.shape
    lots = np.zeros((n_rows, n_markets), np.int64)
    entry = np.ones(n_rows)
    for block in blocks:
        position = block.population.position
        if position is None:
            continue
        keys = state.ledger.accounts["key"][block.rows]
        entry[block.rows] = draw(position.entry, seed, keys, ENTRY)
        _check_range(block, "entry", entry[block.rows], 1e-3, 1e3)
        if position.side != "balance":
            lots[block.rows] = _directional(state, block, seed)
    for m in range(n_markets):
        if state.ledger.markets[m]["kind"] != SPOT:
            _balance(state, scenario, blocks, lots[:, m], m)
    _book(state, lots, entry)


def _check_range(
    block: Block, name: str, values: NDArray[np.float64], low: float, high: float
) -> None:
    """Refuse what a distribution of a position drew outside a range."""
    wrong = values[~((values >= low) & (values <= high))]
    if len(wrong):
        raise ParameterError(
            f"population.{block.population.name}.position.{name}: draws {wrong[0]:.6g}; "
            f"{low:g} to {high:g} are allowed"
        )


def _directional(state: State, block: Block, seed: int) -> NDArray[np.int64]:
    """Lots of each row and market: wealth times leverage, shared over its perpetuals.

    Leverage beyond what the first margin tier allows is cut to that; a position that reaches a
    higher tier may begin below its initial margin.
    """
    position = block.population.position
    assert position is not None
    keys = state.ledger.accounts["key"][block.rows]
    wealth = _equity(state, block)
    leverage = draw(position.leverage, seed, keys, LEVERAGE)
    _check_range(block, "leverage", leverage, 0.0, 1e6)
    sign = {"long": 1.0, "short": -1.0}.get(position.side, 0.0)
    if position.side == "both":
        sign = np.where(draw({"uniform": [0, 1]}, seed, keys, SIDE) < 0.5, 1.0, -1.0)  # type: ignore[assignment]
    markets = state.ledger.markets
    own = state.ledger.accounts["only_market"][block.rows]
    held = [m for m in block.markets if markets[m]["kind"] != SPOT]
    lots = np.zeros((block.count, len(markets)), np.int64)
    for m in held:
        share = np.where(own < 0, 1.0 / len(held), (own == m).astype(float))
        value = float(markets[m]["mark"]) * float(markets[m]["half_unit"])
        most = 1.0 / state.ledger.tiers["initial"][m, 0]  # the venue let nobody in with more
        taken = np.minimum(leverage, most) * wealth * share
        lots[:, m] = np.trunc(sign * taken / value).astype(np.int64)
    return lots


def _equity(state: State, block: Block) -> NDArray[np.float64]:
    """Wealth of each row with its collateral at the mark, units."""
    ledger = state.ledger
    total = ledger.balances[block.rows, QUOTE].astype(float)
    for asset in ledger.assets[1:]:
        market = ledger.markets[int(asset["market"])]
        value = float(market["mark"]) * float(market["half_unit"])
        total += ledger.lots[block.rows, int(asset["market"])] * value
    return total


def _balance(
    state: State, scenario: Scenario, blocks: list[Block], lots: NDArray[np.int64], m: int
) -> None:
    """Let the balancing populations take the other side of what is open in a market."""
    open_lots = int(lots.sum())
    if open_lots == 0:
        return
    weights = np.zeros(len(lots), np.int64)
    for block in blocks:
        position = block.population.position
        if position is not None and position.side == "balance" and m in block.markets:
            own = state.ledger.accounts["only_market"][block.rows]
            weights[block.rows] = np.where((own < 0) | (own == m), _equity(state, block), 0) / 1e3
    if not weights.any():
        raise ParameterError(
            f"population: positions in {scenario.market[m].name} leave "
            f"{open_lots * scenario.market[m].lot:g} without another side; give a population "
            'position.side = "balance" or match the sides'
        )
    shares = np.zeros(len(lots), np.int64)
    from_python(split)(abs(open_lots), weights, shares)
    lots -= shares if open_lots > 0 else -shares


def _book(state: State, lots: NDArray[np.int64], entry: NDArray[np.float64]) -> None:
    """Write positions and costs; equity stays what wealth was, the settlement row balances."""
    ledger = state.ledger
    for m, market in enumerate(ledger.markets):
        if market["kind"] == SPOT:
            continue
        held = lots[:, m]
        half_unit, mark = int(market["half_unit"]), int(market["mark"])
        price = np.maximum(1, np.rint(mark * entry)).astype(np.int64)
        cost = held * price * half_unit
        gain = held * mark * half_unit - cost
        ledger.lots[:, m] = held
        ledger.cost[:, m] = cost
        ledger.balances[:, QUOTE] -= gain
        row = int(market["settlement"])
        ledger.balances[row, QUOTE] -= int(cost.sum())
        minted = -int(gain.sum()) - int(cost.sum())
        ledger.assets[QUOTE]["minted"] += minted
        market["open_interest"] = int(np.abs(held).sum())
