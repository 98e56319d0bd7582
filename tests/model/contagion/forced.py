"""Forced orders by hand, as the liquidation phase sends them, for tests of the accounting."""

import numpy as np

from crossmargin.model.kernel import from_python
from crossmargin.model.log import begin_trace, end_trace
from crossmargin.model.state import FORCED, FORCED_ORDER, IMMEDIATE_OR_CANCEL, Array, State
from crossmargin.model.world import World
from tests.small import clock_step, names_of, send


def world_of(state: State) -> World:
    """World around a state, without a program."""
    return World(state=state, parts=[], names=names_of(state))


def event(state: State, kind: int, account: int, **fields: int) -> int:
    """Append an event and return its id."""
    cursor = state.log.cursor[0]
    row = state.log.events[cursor["events"]]
    values = {"id": cursor["next_event"], "parent": -1, "other": -1, "market": 0} | fields
    row["kind"], row["account"] = kind, account
    row["step"] = cursor["step"]
    for name, value in values.items():
        row[name] = value
    cursor["events"] += 1
    cursor["next_event"] += 1
    return int(row["id"])


def liquidation(state: State, of: int, account: int, **fields: int) -> None:
    """Append a row to the table of liquidations."""
    cursor = state.log.cursor[0]
    row = state.log.liquidations[cursor["liquidations"]]
    row["event"], row["account"], row["step"] = of, account, cursor["step"]
    for name, value in fields.items():
        row[name] = value
    cursor["liquidations"] += 1


def force(
    state: State, account: int, side: int, price: int, lots: int, market: int = 0, parent: int = -1
) -> int:
    """Send a forced order to the book and return the id of its event."""
    step = int(state.log.cursor["step"][0])
    from_python(begin_trace)(state.log, state.ledger, step)
    order = event(state, FORCED_ORDER, account, market=market, quantity=side * lots, parent=parent)
    place = int(state.log.cursor["events"][0]) - 1
    before = int(state.log.shift[market, FORCED])
    state.log.cursor["author"] = order
    how = {"author_class": FORCED, "life": IMMEDIATE_OR_CANCEL, "market": market}
    send(state, account, side, price, lots, **how)
    state.log.cursor["author"] = -1
    state.log.events["shift"][place] = state.log.shift[market, FORCED] - before
    state.ledger.accounts["liquidations"][account] += 1
    return order


def end_block(state: State) -> None:
    """Close the trace of a block and go on to the next."""
    step = int(state.log.cursor["step"][0])
    from_python(end_trace)(state.log, state.ledger, step)
    clock_step(state, step + 1)


def forced_column(state: State, market: int) -> Array:
    """(n_accounts,) int64: gain of every account by forced orders, from the class ledger."""
    log, ledger = state.log, state.ledger
    gained = log.by_class[:, market, FORCED] + ledger.lots[:, market] * log.shift[market, FORCED]
    return np.asarray(gained * ledger.markets["half_unit"][market])
