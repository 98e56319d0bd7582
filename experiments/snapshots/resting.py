"""The levels of a depth curve as agents, and their orders before the first block."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from crossmargin.agents.depth_providers import STANDING, T, level_tick
from crossmargin.experiments.layout import Block
from crossmargin.experiments.snapshots.depth import SIDES, Curve
from crossmargin.experiments.snapshots.table import PROVIDERS, Depth
from crossmargin.model.errors import ParameterError, StateError
from crossmargin.model.ledger import QUOTE
from crossmargin.model.opening import lay
from crossmargin.model.parts import find_part
from crossmargin.model.state import ORDER, POST_ONLY, REDUCE_ONLY, REFILL, SPOT, State


class Level(NamedTuple):
    """One order of a curve: the row that has it, and what it is."""

    row: int
    place: int  # of its handle
    market: int
    side: int  # 0 bid, 1 ask
    tick: int
    lots: int
    distance: float


def markets_of(curves: Iterable[Curve]) -> list[int]:
    """Markets that have a curve."""
    return sorted({curve.market for curve in curves})


def levels_needed(curves: Iterable[Curve]) -> int:
    """Agents that a population needs: a level of every market each."""
    curves = list(curves)
    most = max((len(curve.lots) for curve in curves), default=0)
    return most * len(markets_of(curves))


def lay_curves(state: State, block: Block, curves: list[Curve], depth: Depth) -> None:
    """Give every level its agent, capital and order.

    Raises
    ------
    ParameterError
        When the population has another kind, other markets or another number of agents.
    """
    _check_block(state, block, curves)
    traits = state.crowd.traits[block.rows]
    traits[:, [T.bid_size, T.ask_size]] = 0.0
    traits[:, [T.bid_distance, T.ask_distance]] = 1e-3
    levels = [level for curve in curves for level in _levels(state, block, curve)]
    for level in levels:
        _dress(state, level)
    _endow(state, block, levels, depth.capital)
    orders = _orders(state, levels)
    if lay(state.book, state.crowd.handles, orders) < len(orders):
        raise StateError(
            f"snapshot.depth: {len(orders)} levels are more than the book has room for"
        )


def _check_block(state: State, block: Block, curves: list[Curve]) -> None:
    population, needed = block.population, levels_needed(curves)
    where = f"population.{population.name}"
    part = block.behaviour.part
    if part is None or part.kernel is not find_part(PROVIDERS).kernel:
        raise ParameterError(f"{where}.kind = {population.kind!r}: a depth curve needs {PROVIDERS}")
    if sorted(block.markets) != markets_of(curves):
        raise ParameterError(f"{where}.markets: are not those of the depth curve")
    if population.count != needed:
        raise ParameterError(f"{where}.count = {population.count}: the depth curve needs {needed}")
    if population.margin != "cross":
        raise ParameterError(f"{where}.margin: must be 'cross'; a level has one market anyhow")


def _levels(state: State, block: Block, curve: Curve) -> list[Level]:
    """Levels of a curve: level i of market number k is agent i times their number plus k."""
    mid = int(state.book.ladders[curve.market]["mid"])
    sign, n = 1 - 2 * curve.side, len(block.markets)
    order = sorted(block.markets)
    found = []
    for i, (distance, lots) in enumerate(zip(curve.distances, curve.lots, strict=True)):
        index = i * n + order.index(curve.market)
        tick = int(level_tick(float(mid), float(distance), sign))
        handle = block.first_slot + index * block.slots + curve.side
        row = block.first + index
        found.append(Level(row, handle, curve.market, curve.side, tick, int(lots), distance))
    return found


def _dress(state: State, level: Level) -> None:
    """Set the traits and the memory of one side of an agent."""
    traits, lot = state.crowd.traits[level.row], state.ledger.markets[level.market]["lot"]
    side = SIDES[level.side]
    traits[getattr(T, f"{side}_distance")] = level.distance
    traits[getattr(T, f"{side}_size")] = level.lots * lot
    state.crowd.memory[level.row, STANDING + level.side] = level.lots


def _endow(state: State, block: Block, levels: list[Level], capital: float) -> None:
    """Mint what levels need: quote for the larger side, coins for the ask of a spot market."""
    ledger = state.ledger
    quote = np.zeros(len(ledger.accounts), np.int64)
    for level in levels:
        market = ledger.markets[level.market]
        value = level.lots * int(market["mark"]) * int(market["half_unit"])
        if market["kind"] == SPOT and level.side == 1:
            lots = int(np.ceil(capital * level.lots))
            units = lots * int(market["lot_units"])
            ledger.lots[level.row, level.market] += lots
            ledger.balances[level.row, market["base"]] += units
            ledger.assets[market["base"]]["minted"] += units
        else:
            quote[level.row] = max(quote[level.row], int(np.ceil(capital * value)))
    ledger.balances[block.rows, QUOTE] += quote[block.rows]
    ledger.assets[QUOTE]["minted"] += int(quote[block.rows].sum())


def _orders(state: State, levels: list[Level]) -> np.ndarray:
    """Messages of the orders that rest."""
    orders = np.zeros(len(levels), ORDER)
    for order, level in zip(orders, levels, strict=True):
        is_coin = state.ledger.markets[level.market]["kind"] == SPOT and level.side == 1
        order["side"], order["market"] = 1 - 2 * level.side, level.market
        order["price"], order["quantity"] = level.tick, level.lots
        order["account"], order["slot"] = level.row, level.place + 1
        order["flags"] = POST_ONLY | (REDUCE_ONLY if is_coin else 0)
        order["author_class"] = REFILL
    return orders
