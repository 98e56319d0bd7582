"""What can be read of accounts, as one array over many rows, in natural units.

A view of one row and a set of a million read the same functions.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.model.errors import ParameterError
from crossmargin.model.state import SPOT, STATES
from crossmargin.model.world import World

Rows = NDArray[np.int64]
Column = NDArray[Any]


def money(world: World, units: Column) -> NDArray[np.float64]:
    """Units of the quote asset as quote."""
    return np.asarray(units / 10.0 ** int(world.state.ledger.assets["decimals"][0]))


def _money_of(field: str) -> Callable[[World, Rows], Column]:
    return lambda world, rows: money(world, world.state.ledger.accounts[field][rows])


def _field(field: str) -> Callable[[World, Rows], Column]:
    return lambda world, rows: np.asarray(world.state.ledger.accounts[field][rows])


def _health(world: World, rows: Rows) -> Column:
    accounts = world.state.ledger.accounts[rows]
    equity, asked = accounts["maintenance_equity"], accounts["maintenance_requirement"]
    unbound = np.where(equity >= 0, np.inf, -np.inf)
    return np.where(asked == 0, unbound, equity / np.where(asked == 0, 1, asked))


def _free(world: World, rows: Rows) -> Column:
    accounts = world.state.ledger.accounts[rows]
    return money(world, accounts["initial_equity"] - accounts["initial_requirement"])


def _notional(world: World, rows: Rows) -> Column:
    markets = world.state.ledger.markets
    unit = np.where(
        markets["kind"] == SPOT, 0, markets["mark"] * markets["half_unit"] + markets["face"]
    )
    return money(world, np.abs(world.state.ledger.lots[rows]) @ unit)


def _leverage(world: World, rows: Rows) -> Column:
    equity, notional = _money_of("equity")(world, rows), _notional(world, rows)
    unbound = np.where(notional > 0, np.inf, 0.0)
    positive = equity > 0
    return np.where(positive, notional / np.where(positive, equity, 1.0), unbound)


def _states(world: World, rows: Rows) -> Column:
    return np.asarray(np.array(STATES)[world.state.ledger.accounts["state"][rows]])


def modes_of(world: World, rows: Rows) -> Column:
    """Margin of accounts: cross, isolated, sub-portfolio, or apart for what backs no position."""
    accounts, markets = world.state.ledger.accounts[rows], world.state.ledger.markets
    held = [m for m in range(len(markets)) if markets["kind"][m] != SPOT]
    mask = accounts["markets"]
    several = sum((mask >> m) & 1 for m in held) > 1
    found = np.where(several, "sub-portfolio", "isolated")
    found = np.where(mask == 0, "apart", found)
    return np.where((mask == -1) & (accounts["only_market"] < 0), "cross", found)


def _populations(world: World, rows: Rows) -> Column:
    names = np.array([*world.names.populations, "system"])
    return np.asarray(names[world.state.ledger.accounts["population"][rows]])


#: Columns of accounts by name; amounts are quote. `position:MARKET`, `balance:ASSET` too.
COLUMNS: dict[str, Callable[[World, Rows], Column]] = {
    "row": lambda world, rows: rows,
    "unique_id": lambda world, rows: rows,
    "owner": _field("owner"),
    "population": _populations,
    "index": _field("index"),
    "mode": modes_of,
    "state": _states,
    "equity": _money_of("equity"),
    "initial_requirement": _money_of("initial_requirement"),
    "maintenance_requirement": _money_of("maintenance_requirement"),
    "free_collateral": _free,
    "health": _health,
    "notional": _notional,
    "leverage": _leverage,
    "deposited": _money_of("deposited"),
    "liquidations": _field("liquidations"),
}


def place_of(names: list[str], name: str, what: str) -> int:
    """Number of a name.

    Raises
    ------
    ParameterError
        When there is no such name.
    """
    if name not in names:
        raise ParameterError(f"there is no {what} {name!r}; there are {', '.join(names)}")
    return names.index(name)


def _position(world: World, rows: Rows, name: str) -> Column:
    m = place_of(world.names.markets, name, "market")
    lot = float(world.state.ledger.markets["lot"][m])
    return np.asarray(world.state.ledger.lots[rows, m] * lot)


def _balance(world: World, rows: Rows, name: str) -> Column:
    a = place_of(world.names.assets, name, "asset")
    one = 10.0 ** int(world.state.ledger.assets["decimals"][a])
    return np.asarray(world.state.ledger.balances[rows, a] / one)


def is_column(name: str) -> bool:
    """Tell whether a name is that of a column."""
    return name in COLUMNS or name.partition(":")[0] in ("position", "balance")


def column(world: World, name: str, rows: Rows) -> Column:
    """One value a row, in natural units.

    Parameters
    ----------
    name : str
        A key of `COLUMNS`, `position:MARKET` (base, signed) or `balance:ASSET`.
    rows : (n,) int64

    Raises
    ------
    ParameterError
        When there is no such column, market or asset.
    """
    kind, _, which = name.partition(":")
    if kind in ("position", "balance"):
        return (_position if kind == "position" else _balance)(world, rows, which)
    if name not in COLUMNS:
        raise ParameterError(f"there is no column {name!r}; there are {', '.join(COLUMNS)}")
    return COLUMNS[name](world, rows)
