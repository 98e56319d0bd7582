"""Stop orders that wait when a run begins: reduce-only, for the whole position.

A stop whose price has been passed already would have been sent before, so it is not placed.
"""

import importlib
from typing import Any

import numpy as np

from crossmargin.experiments.initial.drawing import GAIN, LOSS, STOPS, Floats, check_range, drawn
from crossmargin.experiments.layout import Block
from crossmargin.experiments.population_tables import FirstStops
from crossmargin.model.contracts import entry_prices
from crossmargin.model.errors import ParameterError
from crossmargin.model.state import (
    ON_LAST,
    ORDER,
    REDUCE_ONLY,
    RISING,
    SPOT,
    STOP,
    STOP_ORDER,
    Array,
    State,
)
from crossmargin.model.stop_orders import arm_all


def place_first_stops(state: State, blocks: list[Block], seed: int) -> int | None:
    """Place the stop orders that positions of a scenario have from the start.

    Returns
    -------
    int or None
        How many; None when no population has any.

    Raises
    ------
    ParameterError
        When a distance is out of range, or the market refuses a stop.
    """
    placed = None
    for block in blocks:
        position = block.population.position
        if position is None or position.stops is None:
            continue
        messages = np.concatenate(
            [_messages(state, block, seed, position.stops, which) for which in (LOSS, GAIN)]
        )
        refused = int(arm_all(state, messages)) if len(messages) else 0
        if refused:
            raise ParameterError(
                f"population.{block.population.name}.position.stops: the market refuses {refused} "
                "of them; their triggers must lie within the prices that its book holds"
            )
        placed = (placed or 0) + len(messages)
    state.log.counters[:] = 0  # nobody sent them
    return placed


def _messages(state: State, block: Block, seed: int, stops: FirstStops, which: int) -> Array:
    """Orders of all rows and markets for the stop-loss or the take-profit."""
    distribution = stops.loss if which == LOSS else stops.gain
    if distribution is None:
        return np.zeros(0, ORDER)
    distance = drawn(state, block, seed, distribution, which)
    word = "loss" if which == LOSS else "gain"
    check_range(f"population.{block.population.name}.position.stops.{word}", distance, 1e-4, 0.95)
    uses = drawn(state, block, seed, {"uniform": [0.0, 1.0]}, STOPS) < stops.share
    found = [
        _in_market(state, block, m, stops, np.where(uses, distance, np.nan), which)
        for m in block.markets
        if state.ledger.markets["kind"][m] != SPOT
    ]
    return np.concatenate([np.zeros(0, ORDER), *found])


def _in_market(
    state: State, block: Block, m: int, stops: FirstStops, distance: Floats, which: int
) -> Array:
    """Orders of the rows that hold a position in a market."""
    market = state.ledger.markets[m]
    lots = state.ledger.lots[block.rows, m]
    away = np.where(lots > 0, -1.0, 1.0) * (1.0 if which == LOSS else -1.0)
    start = float(market["mark"])
    paid = entry_prices(market, lots, state.ledger.cost[block.rows, m])
    origin = paid if stops.measured_from == "entry" else np.full(len(lots), start)
    trigger = np.rint(origin * (1.0 + away * distance))
    ahead = (lots != 0) & ((trigger - start) * away > 0) & (trigger >= 1)
    rows = np.flatnonzero(ahead)
    messages = np.zeros(len(rows), ORDER)
    messages["action"], messages["market"] = STOP_ORDER, m
    messages["account"] = block.first + rows
    messages["side"] = np.where(lots[rows] > 0, -1, 1)
    messages["order"] = trigger[rows].astype(np.int64)
    messages["author_class"] = STOP
    flags = REDUCE_ONLY | (ON_LAST if stops.watch == "last" else 0)
    messages["flags"] = flags | np.where(away[rows] > 0, RISING, 0)
    messages["slot"] = _slots(state, block, m, rows, which)
    return messages


def _slots(state: State, block: Block, m: int, rows: Any, which: int) -> Any:
    """Handles of agents who look after stops of their own, in their largest position."""
    part = block.behaviour.part
    home = importlib.import_module(part.kernel.__module__) if part is not None else None
    places = getattr(home, "STOP_SLOTS", None)
    if places is None:
        return np.zeros(len(rows), np.int64)
    marks = state.ledger.markets["mark"] * state.ledger.markets["half_unit"]
    marks += state.ledger.markets["face"]
    notional = np.abs(state.ledger.lots[block.rows] * marks)[rows]
    notional[:, state.ledger.markets["kind"] == SPOT] = 0
    place = block.first_slot + rows * block.slots + places[which == GAIN] + 1
    return np.where(notional.argmax(axis=1) == m, place, 0)
