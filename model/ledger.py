"""The ledger: balances, positions and their cost, moved by double entry alone.

**For every asset the sum over all rows, system rows included, never changes unless something is
minted or burned. For every derivative market positions sum to zero, and what its settlement row
holds plus the cost of all positions is zero.** A realises a gain before its counterparty realises
the loss: the settlement row stands between them and may be negative.
"""

from typing import NamedTuple

import numpy as np

from crossmargin.model.integers import signed_muldiv, to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.log import trace_move
from crossmargin.model.state import (
    FEES,
    N_CLASSES,
    SPOT,
    Array,
    Ledger,
)

QUOTE = 0  # asset of all settlement


class Parcel(NamedTuple):
    """Part of a position that moves between two rows without a book.

    `lots` has the sign of the giver's position; the price is in half ticks.
    """

    market: int
    lots: int
    half_price: int


@kernel
def strain(ledger, row):
    """Note that an account may have less spare collateral than when its margin was computed."""
    ledger.accounts[row].spare = -1


@kernel
def transfer(ledger, asset, payer, receiver, amount):
    """Move units of an asset between two rows: the only way in which a balance changes."""
    ledger.balances[payer, asset] -= amount
    ledger.balances[receiver, asset] += amount
    strain(ledger, payer)
    strain(ledger, receiver)  # the amount may be negative


@kernel
def mint(ledger, asset, row, amount):
    """Bring units of an asset in from outside the system."""
    ledger.assets[asset].minted += amount
    ledger.balances[row, asset] += amount


@kernel
def burn(ledger, asset, row, amount):
    """Take units of an asset out of the system."""
    ledger.assets[asset].burned += amount
    ledger.balances[row, asset] -= amount
    strain(ledger, row)


@kernel
def notional_of(ledger, market, lots, half_price):
    """Value of some lots at a price in half ticks, quote units."""
    return abs(lots) * half_price * ledger.markets[market].half_unit


@kernel
def attribute(log, row, market, lots):
    """Enter a change of position into the class ledger of an account.

    The loss or gain of the account by author class is then `by_class + lots * shift` exactly,
    half tick-lots (summation by parts over all changes of its position).
    """
    for c in range(N_CLASSES):
        log.by_class[row, market, c] -= lots * log.shift[market, c]


@kernel
def realise(ledger, row, market, lots, value):
    """Book a trade of a derivative: lots gained (signed) for a value paid (signed), quote units.

    What closes a position takes its share of the cost with it, and the difference moves between
    the account and the settlement row; what opens one adds its value to the cost.
    """
    held, cost = ledger.lots[row, market], ledger.cost[row, market]
    closed = min(abs(lots), abs(held)) if held * lots < 0 else 0
    closed_value = signed_muldiv(value, closed, abs(lots)) if closed < abs(lots) else value
    closed_cost = signed_muldiv(cost, closed, abs(held)) if closed > 0 else 0
    gain = -closed_value - closed_cost if closed > 0 else 0
    transfer(ledger, QUOTE, ledger.markets[market].settlement, row, gain)
    ledger.cost[row, market] += value + gain
    ledger.lots[row, market] += lots
    strain(ledger, row)
    ledger.markets[market].open_interest += abs(held + lots) - abs(held)
    return gain


@kernel
def swap(ledger, buyer, seller, market, lots):
    """Deliver base for a spot trade; the quote leg is a transfer of its own."""
    m = ledger.markets[market]
    transfer(ledger, m.base, seller, buyer, lots * m.lot_units)
    ledger.lots[buyer, market] += lots
    ledger.lots[seller, market] -= lots


@kernel
def trade(ledger, log, fill):
    """Settle one fill between its two accounts, without fees."""
    market = np.int64(fill.market)
    lots = fill.quantity * fill.side
    value = 2 * fill.price * ledger.markets[market].half_unit * lots
    attribute(log, fill.taker, market, lots)
    attribute(log, fill.maker, market, -lots)
    if ledger.markets[market].kind == SPOT:
        transfer(ledger, QUOTE, fill.taker, fill.maker, value)
        swap(ledger, fill.taker, fill.maker, market, lots)
    else:
        realise(ledger, fill.taker, market, lots, value)
        realise(ledger, fill.maker, market, -lots, -value)


@kernel
def charge(ledger, row, notional, rate):
    """Charge a fee on a notional, rounded against the payer; a negative rate is a rebate."""
    fee = to_units_up(notional * rate)
    transfer(ledger, QUOTE, row, FEES, fee)
    return fee


@kernel(inline=False)
def move_position(ledger, log, giver, taker, parcel):
    """Close part of a derivative position against another row at a price, without a book.

    What a take-over at the mark, a keeper, the backstop and auto-deleveraging do.
    """
    value = parcel.lots * parcel.half_price * ledger.markets[parcel.market].half_unit
    attribute(log, giver, parcel.market, -parcel.lots)
    attribute(log, taker, parcel.market, parcel.lots)
    trace_move(log, giver, taker, parcel)
    realise(ledger, giver, parcel.market, -parcel.lots, -value)
    realise(ledger, taker, parcel.market, parcel.lots, value)


@kernel(inline=False)
def move_spot(ledger, log, giver, taker, parcel):
    """Sell lots of a spot market to another row at a price, without a book."""
    value = parcel.lots * parcel.half_price * ledger.markets[parcel.market].half_unit
    attribute(log, giver, parcel.market, -parcel.lots)
    attribute(log, taker, parcel.market, parcel.lots)
    trace_move(log, giver, taker, parcel)
    transfer(ledger, QUOTE, taker, giver, value)
    swap(ledger, taker, giver, parcel.market, parcel.lots)


@kernel
def unrealised(ledger, row, market):
    """Profit of a derivative position at the mark, quote units."""
    m = ledger.markets[market]
    return ledger.lots[row, market] * m.mark * m.half_unit - ledger.cost[row, market]


def new_ledger(n_accounts: int, records: dict[str, Array]) -> Ledger:
    """Empty ledger of some rows; `records` has assets, markets, tiers, venue and accounts."""
    n_assets, n_markets = len(records["assets"]), len(records["markets"])
    return Ledger(
        balances=np.zeros((n_accounts, n_assets), np.int64),
        lots=np.zeros((n_accounts, n_markets), np.int64),
        cost=np.zeros((n_accounts, n_markets), np.int64),
        risk=np.zeros(0, np.uint8),
        **records,
    )


def residuals(ledger: Ledger, asset_names: list[str], market_names: list[str]) -> dict[str, int]:
    """What was created or lost, by asset and derivative market; every value is 0.

    For an asset: sum of balances, minus minted, plus burned. For a derivative market the sum of
    its lots (`NAME lots`) and its settlement row plus the sum of costs (`NAME settlement`); for a
    spot market the lots that do not agree with balances (`NAME holdings`).
    """
    found: dict[str, int] = {}
    for a, name in enumerate(asset_names):
        asset = ledger.assets[a]
        total = int(ledger.balances[:, a].sum())
        found[name] = total - int(asset["minted"]) + int(asset["burned"])
    for m, name in enumerate(market_names):
        market = ledger.markets[m]
        if market["kind"] == SPOT:
            held = ledger.lots[:, m] * int(market["lot_units"])
            found[f"{name} holdings"] = int(np.abs(ledger.balances[:, market["base"]] - held).sum())
            continue
        found[f"{name} lots"] = int(ledger.lots[:, m].sum())
        settled = int(ledger.balances[market["settlement"], QUOTE])
        found[f"{name} settlement"] = settled + int(ledger.cost[:, m].sum())
    return found
