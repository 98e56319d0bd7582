"""Where a portfolio is liquidated: the nearest price of each market, the nearest joint shock."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from crossmargin.model.margin.arrays import MAINTENANCE, MAINTENANCE_EQUITY
from crossmargin.model.state import Array

if TYPE_CHECKING:
    from crossmargin.experiments.margin.desk import Desk

#: Multiples of the price between which is searched, and steps each way.
LEAST, MOST, STEPS = 1e-4, 1e3, 120

#: Tells by how much maintenance equity is above the requirement at a multiple of prices.
Room = Callable[[float], float]


def steps_to(limit: float) -> Array:
    """Multiples from 1 to a limit, close together near 1."""
    return np.exp(np.log(limit) * np.linspace(0.0, 1.0, STEPS + 1)[1:] ** 3)


def is_liquidatable(numbers: Array) -> bool:
    """Tell whether maintenance equity is below a requirement that there is."""
    return bool(numbers[MAINTENANCE] > 0 and numbers[MAINTENANCE_EQUITY] < numbers[MAINTENANCE])


def crossing(room: Room, limit: float) -> float | None:
    """Multiple nearest to 1, on the way to a limit, from which there is no room; None if none."""
    inside = 1.0
    for outside in steps_to(limit):
        if room(float(outside)) < 0:
            return _bisect(room, inside, float(outside))
        inside = float(outside)
    return None


def _bisect(room: Room, inside: float, outside: float) -> float:
    """Multiple between one with room and one without."""
    for _ in range(100):
        middle = 0.5 * (inside + outside)
        if middle in (inside, outside):
            break
        if room(middle) < 0:
            outside = middle
        else:
            inside = middle
    return outside


def room_of(desk: "Desk", moving: Array) -> Room:
    """Room when the prices of some underlyings, (n,) bool, are multiplied."""
    held = desk.holdings()

    def room(multiple: float) -> float:
        numbers = desk.numbers(np.where(moving, multiple, 1.0), held)[0]
        if numbers[MAINTENANCE] <= 0:
            return 0.0
        return float(numbers[MAINTENANCE_EQUITY] - numbers[MAINTENANCE])

    return room


def both_ways(room: Room) -> tuple[float | None, float | None]:
    """Multiples below and above 1 at which there is no room; 1 when there is none now."""
    if room(1.0) < 0:
        return 1.0, 1.0
    return crossing(room, LEAST), crossing(room, MOST)


def liquidation_prices(desk: "Desk") -> dict[str, dict[str, float | None]]:
    """Prices at which the portfolio is liquidated when one underlying moves, by market.

    Coins, perpetuals, forwards and options of the underlying move with it; an underlying without a
    perpetual is named itself, with its index price.
    """
    found: dict[str, dict[str, float | None]] = {}
    perps = desk.terms().perps
    named = {
        market: (int(perp["underlying"]), float(perp["price"]))
        for market, perp in zip(desk.markets, perps, strict=True)
    }
    for u, name in enumerate(desk.underlyings):
        markets = {m: price for m, (place, price) in named.items() if place == u}
        down, up = both_ways(room_of(desk, np.arange(len(desk.underlyings)) == u))
        for market, price in (markets or {name: float(desk.index[u])}).items():
            found[market] = {
                "down": None if down is None else price * down,
                "up": None if up is None else price * up,
            }
    return found


def joint_shock(desk: "Desk") -> dict[str, float | None]:
    """Relative change of all prices together at which the portfolio is liquidated."""
    down, up = both_ways(room_of(desk, np.ones(len(desk.underlyings), bool)))
    return {
        "down": None if down is None else down - 1.0,
        "up": None if up is None else up - 1.0,
    }
