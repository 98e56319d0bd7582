"""What an agent sees of the books, in natural units."""

import numpy as np
from numpy.typing import NDArray

from crossmargin.agents.columns import place_of
from crossmargin.agents.wishes import OpenOrder, OpenStop
from crossmargin.model.state import RISING
from crossmargin.model.trading import SLOTS
from crossmargin.model.world import World


def _price(world: World, market: int, half_price: int) -> float:
    return 0.5 * half_price * float(world.state.ledger.markets["tick"][market])


def mid(world: World, name: str) -> float:
    """Mid price, quote per base; NaN before the first orders."""
    m = place_of(world.names.markets, name, "market")
    half = int(world.state.book.ladders["mid"][m])
    return _price(world, m, half) if half > 0 else float("nan")


def mark(world: World, name: str) -> float:
    """Mark price, quote per base."""
    m = place_of(world.names.markets, name, "market")
    return _price(world, m, int(world.state.ledger.markets["mark"][m]))


def index_price(world: World, name: str) -> float:
    """Index price, quote per base."""
    m = place_of(world.names.markets, name, "market")
    return _price(world, m, int(world.state.ledger.markets["index"][m]))


def best(world: World, name: str, side: int) -> float:
    """Best bid (side 0) or ask (side 1), quote per base; NaN when there is none."""
    m = place_of(world.names.markets, name, "market")
    tick = int(world.state.book.ladders["best"][m, side])
    is_there = 0 <= tick < world.state.book.table.shape[2] << 6
    return _price(world, m, 2 * tick) if is_there else float("nan")


def mids(world: World, name: str, blocks: int) -> NDArray[np.float64]:
    """Mids at the end of the last blocks, oldest first, quote per base.

    There are no more of them than blocks have passed and the trail holds.
    """
    m = place_of(world.names.markets, name, "market")
    trail, step = world.state.outside.trail, int(world.state.clock["step"][0])
    n = max(0, min(blocks, step, trail.shape[1] - 1))
    line = len(world.state.outside.references) + m
    return np.asarray(np.exp(trail[line, np.arange(step - n, step) % trail.shape[1]]))


def open_orders(world: World, row: int) -> list[OpenOrder]:
    """Orders of an account that rest in the books, oldest first."""
    book, markets = world.state.book, world.state.ledger.markets
    if not book.open_lots[row].any():
        return []
    own = np.flatnonzero((book.orders["account"] == row) & (book.orders["side"] >= 0))
    found = []
    for slot in own[np.argsort(book.orders["id"][own])]:
        order = book.orders[slot]
        m = int(order["market"])
        found.append(
            OpenOrder(
                market=world.names.markets[m],
                side=1 if order["side"] == 0 else -1,
                price=_price(world, m, 2 * int(order["price"])),
                quantity=int(order["quantity"]) * float(markets["lot"][m]),
                handle=int(order["id"]) * SLOTS + int(slot),
            )
        )
    return found


def open_stops(world: World, row: int) -> list[OpenStop]:
    """Stop orders of an account that wait, oldest first."""
    stops = world.state.stops.orders
    own = np.flatnonzero((stops["account"] == row) & (stops["id"] > 0))
    found = []
    for place in own[np.argsort(stops["id"][own])]:
        stop = stops[place]
        m = int(stop["market"])
        found.append(
            OpenStop(
                market=world.names.markets[m],
                side=int(stop["side"]),
                trigger=_price(world, m, int(stop["trigger"])),
                is_rising=bool(stop["flags"] & RISING),
                handle=int(stop["id"]) * SLOTS + int(place),
            )
        )
    return found
