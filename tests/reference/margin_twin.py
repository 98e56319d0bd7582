"""The five margin numbers of all accounts at once, in NumPy."""

import numpy as np

from crossmargin.model.state import SPOT, Array, Book, Ledger


def _requirement(ledger: Ledger, m: int, notional: Array, kind: str) -> Array:
    tiers = ledger.tiers[m]
    place = np.maximum(0, np.searchsorted(tiers["lower"], notional, side="right") - 1)
    tier = tiers[place]
    asked = np.ceil(notional * tier[kind] - tier[f"{kind}_credit"])
    if kind == "initial":
        asked = np.maximum(asked, np.ceil(notional * ledger.markets["initial_floor"][m]))
    return np.asarray(asked.astype(np.int64))


def margin_twin(ledger: Ledger, book: Book) -> Array:
    """(n_accounts, 5) int64: raw, initial, maintenance equity; initial, maintenance requirement."""
    n = len(ledger.lots)
    numbers = np.zeros((n, 5), np.int64)
    numbers[:, :3] = ledger.balances[:, :1]
    for m, market in enumerate(ledger.markets):
        unit = int(market["mark"]) * int(market["half_unit"])
        lots = ledger.lots[:, m]
        bids, asks = book.open_lots[:, m, 0], book.open_lots[:, m, 1]
        if market["kind"] == SPOT:
            coin = ledger.assets[market["base"]]
            value = lots * unit
            numbers[:, 0] += value
            numbers[:, 1] += np.floor(value * coin["initial_weight"]).astype(np.int64)
            numbers[:, 2] += np.floor(value * coin["maintenance_weight"]).astype(np.int64)
            numbers[:, 3] += np.ceil(bids * unit * (1.0 - coin["initial_weight"])).astype(np.int64)
            continue
        numbers[:, :3] += (lots * unit - ledger.cost[:, m])[:, None]
        worst = np.maximum(np.abs(lots + bids), np.abs(lots - asks)) * unit
        numbers[:, 3] += _requirement(ledger, m, worst, "initial")
        numbers[:, 4] += _requirement(ledger, m, np.abs(lots) * unit, "maintenance")
    return numbers
