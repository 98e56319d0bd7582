"""Tidy tables of a run: from rows of integers to natural units, the one edge of results.

Prices are quote per base, quantities base, money quote, times seconds since the start.
"""

import sys

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.agents.columns import modes_of
from crossmargin.experiments import option_frames
from crossmargin.model.contagion.levels import system_names
from crossmargin.model.contagion.price_ledger import half_tick_units
from crossmargin.model.state import (
    CLASSES,
    EVENTS,
    HEALTH_BINS,
    STATES,
    Array,
)
from crossmargin.model.world import World

Floats = NDArray[np.float64]


class Units:
    """Factors from the integers of a world to natural units, by row of a market."""

    def __init__(self, world: World) -> None:
        markets = world.state.ledger.markets
        self.quote = 10.0 ** -int(world.state.ledger.assets["decimals"][0])
        self.half_tick: Floats = markets["tick"] / 2
        self.lot: Floats = markets["lot"].copy()
        self.face: Floats = markets["face"] * self.quote
        self.block = float(world.state.clock["block_seconds"][0])
        self.names = np.array([*world.names.markets, ""], dtype=object)

    def price(self, half_prices: Array, markets: Array) -> Floats:
        """Prices of half ticks; a market of -1 gives NaN."""
        known = np.where(markets < 0, np.nan, self.half_tick[markets])
        return np.asarray(half_prices * known)

    def base(self, lots: Array, markets: Array, half_prices: Array | None = None) -> Floats:
        """Base quantities of lots; of inverse contracts at some prices, else at the last mark."""
        lot = np.where(markets < 0, 0.0, self.lot[markets])
        if half_prices is not None and self.face.any():
            prices = np.maximum(half_prices, 1) * self.half_tick[markets]
            lot = np.where(self.face[markets] > 0, self.face[markets] / prices, lot)
        return np.asarray(lots * lot)


def series(world: World) -> pd.DataFrame:
    """One row a step and market: prices, depth, open interest, trading."""
    rows, units = world.rows("market_rows").reshape(-1), Units(world)
    m = rows["market"]
    half, n = units.half_tick[m], len(world.names.markets)
    frame = {
        "step": rows["step"],
        "seconds": rows["step"] * units.block,
        "market": _words(units.names, m),
    }
    for name in ("mid", "mark", "index"):
        frame[name] = rows[name] * half
    frame["reference"] = rows["reference"]
    for name in ("bid", "ask", "last"):
        frame[name] = np.where(rows[name] > 0, 2.0 * rows[name] * half, np.nan)
    for name in ("depth_bid", "depth_ask", "open_interest"):
        frame[name] = units.base(rows[name], m, rows["mark"])
    frame["volume"] = units.base(_increments(rows["volume"], n), m, rows["mark"])
    frame["signed_volume"] = units.base(_increments(rows["signed_volume"], n), m, rows["mark"])
    frame["trades"] = _increments(rows["trades"], n)
    frame["forced_volume"] = units.base(rows["forced_volume"], m, rows["mark"])
    frame["funding_rate"] = rows["funding_rate"]
    frame["halted"] = rows["halted"] > 0
    frame["unhedged"] = rows["unhedged"]
    return pd.DataFrame(frame)


def _increments(totals: Array, n: int) -> Array:
    """Increase a step of running totals whose rows repeat every n."""
    table = totals.reshape(-1, n)
    return np.diff(table, axis=0, prepend=np.zeros((1, n), table.dtype)).reshape(-1)


def _words(names: NDArray[np.object_], places: Array) -> pd.Categorical:
    used = [str(name) for name in names]
    return pd.Categorical.from_codes(np.where(places < 0, len(used) - 1, places), used)


def system(world: World) -> pd.DataFrame:
    """One row a step for the venue as a whole: equity, fund, losses, health of accounts."""
    rows, units = world.rows("system_rows"), Units(world)
    frame = {"step": rows["step"], "seconds": rows["step"] * units.block}
    money = ("equity", "insurance", "backstop", "bad_debt", "adl_notional", "socialised")
    for name in (*money, "liquidated_notional"):
        frame[name] = rows[name] * units.quote
    for name in ("liquidatable", "bankrupt", "rounds"):
        frame[name] = rows[name]
    for name in ("messages", "fills", "stops_triggered", "stops_cancelled"):
        frame[name] = _increments(rows[name], 1)
    frame["stops"] = rows["stops"]
    naked = world.rows("unhedged_rows") * units.quote
    frame["unhedged"] = naked.sum(axis=1)
    for name, place in hedging(world).items():
        frame[f"unhedged:{name}"] = naked[:, place]
    for name in ("negative_equity", "unfunded"):
        frame[name] = rows[name] * units.quote
    frame["insolvency"] = (rows["negative_equity"] + rows["unfunded"]) * units.quote
    owners = rows["negative_consolidated"] + rows["unfunded"]
    frame["insolvency_consolidated"] = owners * units.quote
    for b in range(HEALTH_BINS):
        frame[f"health_{b}"] = rows["health"][:, b]
    return pd.DataFrame(frame)


def hedging(world: World) -> dict[str, int]:
    """Populations whose agents hedge all that they hold, by name, each with its place."""
    found = {}
    for part, row in zip(world.parts, world.state.parts, strict=True):
        home = sys.modules.get(getattr(part.kernel, "__module__", ""))
        if getattr(home, "HEDGES", False):
            place = int(row["population"])
            found[world.names.populations[place]] = place
    return found


def events(world: World) -> pd.DataFrame:
    """The append-only log: who did what to whom, caused by which event."""
    rows, units = world.rows("events"), Units(world)
    m = rows["market"]
    return pd.DataFrame(
        {
            "id": rows["id"],
            "parent": rows["parent"],
            "step": rows["step"],
            "seconds": rows["step"] * units.block,
            "round": rows["round"],
            "kind": pd.Categorical.from_codes(rows["kind"], list(EVENTS)),
            "author_class": pd.Categorical.from_codes(rows["author_class"], list(CLASSES)),
            "account": rows["account"],
            "other": rows["other"],
            "market": _words(units.names, m),
            "price": units.price(rows["price"], m),
            "quantity": units.base(rows["quantity"], m, rows["price"]),
            "amount": rows["amount"] * units.quote,
            "shift": units.price(rows["shift"], m),
        }
    )


def liquidations(world: World) -> pd.DataFrame:
    """One row a forced closing, with what it cost."""
    rows, units = world.rows("liquidations"), Units(world)
    m = rows["market"]
    frame = {
        "event": rows["event"],
        "step": rows["step"],
        "seconds": rows["step"] * units.block,
        "round": rows["round"],
        "account": rows["account"],
        "market": _words(units.names, m),
        "kind": pd.Categorical.from_codes(rows["kind"], list(EVENTS)),
        "delay_seconds": rows["delay"] * units.block,
        "quantity": units.base(rows["quantity"], m, rows["mark"]),
        "mark": units.price(rows["mark"], m),
    }
    for name in ("notional", "slippage", "in_profit", "penalty", "equity", "deficit"):
        frame[name] = rows[name] * units.quote
    return pd.DataFrame(frame)


def _populations(world: World) -> list[str]:
    """Population of every row; system rows have a name of their own."""
    accounts = world.state.ledger.accounts
    system_rows = system_names(world)
    own = [world.names.populations[p] for p in accounts["population"][len(system_rows) :]]
    return [*system_rows, *own]


def accounts(world: World, start: Array) -> pd.DataFrame:
    """One row an account at the end: numbers, positions, balances, exact price gains by class.

    Where a scenario has whales there is a column `name`, empty for all others.

    Parameters
    ----------
    start : (n_accounts,) int64
        Equity at step 0, quote units.
    """
    ledger, units = world.state.ledger, Units(world)
    rows = ledger.accounts
    required = rows["maintenance_requirement"]
    ratio = np.divide(
        rows["maintenance_equity"], required, out=np.full(len(rows), np.nan), where=required > 0
    )
    frame = {
        "account": np.arange(len(rows)),
        "owner": rows["owner"],
        "population": pd.Categorical(_populations(world)),
        "index": rows["index"],
        "mode": pd.Categorical(modes_of(world, np.arange(len(rows)))),
        "state": pd.Categorical.from_codes(rows["state"], list(STATES)),
        "equity_start": start * units.quote,
        "equity": rows["equity"] * units.quote,
        "initial_requirement": rows["initial_requirement"] * units.quote,
        "maintenance_requirement": required * units.quote,
        "health": ratio,
        "deposited": rows["deposited"] * units.quote,
        "liquidations": rows["liquidations"],
    }
    if whales := world.notes.get("initial", {}).get("whales"):
        names = {row: name for name, row in whales.items()}
        frame["name"] = [names.get(row, "") for row in range(len(rows))]
    for m, name in enumerate(world.names.markets):
        frame[f"position:{name}"] = ledger.lots[:, m] * units.lot[m]
    for u, name in enumerate(world.names.underlyings):
        frame[f"exposure:{name}"] = exposures(world, u)
    frame |= option_frames.of_accounts(world)
    frame["unhedged"] = world.state.crowd.unhedged * units.quote
    for a, name in enumerate(world.names.assets):
        frame[f"balance:{name}"] = ledger.balances[:, a] / 10.0 ** int(ledger.assets[a]["decimals"])
    gains = class_gains(world)
    for c, name in enumerate(CLASSES):
        frame[f"pnl:{name}"] = gains[:, c] * units.quote
    return pd.DataFrame(frame)


def exposures(world: World, underlying: int) -> Floats:
    """Net exposure of every account to an underlying, base: spot, perpetuals and what is outside.

    That of a hedged trader is 0 until somebody closes one of its legs. Options count by delta.
    """
    markets = world.state.ledger.markets
    units = np.where(markets["underlying"] == underlying, markets["lot"], 0.0)
    if not len(world.state.options.series):
        return np.asarray((world.state.ledger.lots + world.state.crowd.outside_lots) @ units)
    held = world.state.ledger.lots @ option_frames.deltas_of_lots(world, underlying)
    return np.asarray(held + world.state.crowd.outside_lots @ units)


def class_gains(world: World) -> NDArray[np.int64]:
    """Exact gain of every account from price displacements, by author class, quote units.

    (n_accounts, n_classes) int64: the class ledger closed at the present mid,
    `by_class + lots * shift`, summed over markets; of inverse contracts by their slope at the mark.
    """
    log, ledger = world.state.log, world.state.ledger
    open_part = ledger.lots[:, :, None] * log.shift[None, :, :]
    weights = half_tick_units(ledger.markets)[None, :, None]
    return np.asarray(((log.by_class + open_part) * weights).sum(axis=1))
