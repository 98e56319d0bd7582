"""The ledger: balances, positions and their cost, moved by double entry alone.

**For every asset the sum over all rows, system rows included, never changes unless something is
minted or burned. For every derivative market positions sum to zero, and what its settlement row
holds plus the cost of all positions is zero,** in the asset that it settles in. A realises a gain
before its counterparty realises the loss: the settlement row stands between them and may be
negative.
"""

from typing import NamedTuple

import numpy as np

from crossmargin.model.contracts import QUOTE as QUOTE
from crossmargin.model.contracts import attribute as attribute
from crossmargin.model.contracts import (
    contract_value,
    follow,
    follow_parties,
    lot_notional,
    worth,
)
from crossmargin.model.integers import signed_muldiv, to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.log import trace_move
from crossmargin.model.state import (
    FEES,
    OPTION,
    OUTSIDE,
    SPOT,
    Array,
    Ledger,
)


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
    return abs(lots) * lot_notional(ledger.markets[market], half_price)


@kernel
def realise(ledger, row, market, lots, value):
    """Book a trade of a derivative: lots gained (signed) for a value paid (signed).

    What closes a position takes its share of the cost with it, and the difference moves between
    the account and the settlement row; what opens one adds its value to the cost. All in units of
    what the market settles in.
    """
    held, cost = ledger.lots[row, market], ledger.cost[row, market]
    closed = min(abs(lots), abs(held)) if held * lots < 0 else 0
    closed_value = signed_muldiv(value, closed, abs(lots)) if closed < abs(lots) else value
    closed_cost = signed_muldiv(cost, closed, abs(held)) if closed > 0 else 0
    gain = -closed_value - closed_cost if closed > 0 else 0
    m = ledger.markets[market]
    transfer(ledger, m.settles, m.settlement, row, gain)
    ledger.cost[row, market] += value + gain
    ledger.lots[row, market] += lots
    strain(ledger, row)
    m.open_interest += abs(held + lots) - abs(held)
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
    """Settle one fill between its two accounts, without fees; returns the value that was traded.

    Units of what the market settles in; where that is a coin, `follow_parties` is still to come.
    """
    market = np.int64(fill.market)
    lots = fill.quantity * fill.side
    value = contract_value(ledger.markets[market], lots, 2 * fill.price)
    attribute(log, fill.taker, market, lots)
    attribute(log, fill.maker, market, -lots)
    if ledger.markets[market].kind == SPOT:
        transfer(ledger, QUOTE, fill.taker, fill.maker, value)
        swap(ledger, fill.taker, fill.maker, market, lots)
    else:
        realise(ledger, fill.taker, market, lots, value)
        realise(ledger, fill.maker, market, -lots, -value)
    return abs(value)


@kernel
def fee_rate(market, half_price, rate):
    """Fee on the notional traded at a price in half ticks, fraction.

    That of an option is reckoned on its index and limited to a part of its price.
    """
    if market.kind != OPTION:
        return rate
    if half_price <= 0:
        return 0.0
    on_price = rate * market.index / half_price
    return max(-market.fee_cap, min(on_price, market.fee_cap))


@kernel
def charge(ledger, asset, row, value, rate):
    """Charge a fee on a value traded, rounded against the payer; a negative rate is a rebate."""
    fee = to_units_up(value * rate)
    transfer(ledger, asset, row, FEES, fee)
    return fee


@kernel(inline=False)
def pay(ledger, log, asset, payer, payment):
    """Move coins that need not be whole lots; `payment` is who receives them and how many units."""
    receiver, units = payment
    transfer(ledger, asset, payer, receiver, units)
    follow(ledger, log, payer, asset)
    follow(ledger, log, receiver, asset)
    return 0


@kernel(inline=False)
def convert(ledger, log, row, asset):
    """Turn all coins of a row, held or owed, into quote at the mark; returns quote units gained.

    The row OUTSIDE takes the other side: the venue's treasurer trades where this book is not
    moved. A debt of coins becomes a debt of quote, rounded up.
    """
    units = ledger.balances[row, asset]
    gained = worth(ledger, asset, units)
    pay(ledger, log, asset, row, (OUTSIDE, units))
    transfer(ledger, QUOTE, OUTSIDE, row, gained)
    return gained


@kernel(inline=False)
def move_position(ledger, log, giver, taker, parcel):
    """Close part of a derivative position against another row at a price, without a book.

    What a take-over at the mark, a keeper, the backstop and auto-deleveraging do.
    """
    value = contract_value(ledger.markets[parcel.market], parcel.lots, parcel.half_price)
    attribute(log, giver, parcel.market, -parcel.lots)
    attribute(log, taker, parcel.market, parcel.lots)
    trace_move(log, giver, taker, parcel)
    realise(ledger, giver, parcel.market, -parcel.lots, -value)
    realise(ledger, taker, parcel.market, parcel.lots, value)
    if ledger.markets[parcel.market].settles != QUOTE:
        follow_parties(ledger, log, parcel.market, giver, taker)


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
    """Profit of a derivative position at the mark, units of what the market settles in."""
    m = ledger.markets[market]
    return contract_value(m, ledger.lots[row, market], m.mark) - ledger.cost[row, market]


@kernel
def profit(ledger, row, market):
    """Profit of a derivative position at the mark, quote units."""
    return worth(ledger, ledger.markets[market].settles, unrealised(ledger, row, market))


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
    its lots (`NAME lots`) and its settlement row plus the sum of costs (`NAME settlement`), in the
    asset in which it settles; for a spot market the base that is not in lots as it should be
    (`NAME holdings`): a rest below a lot may stand only where contracts settle in the asset.
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
            rest = ledger.balances[:, market["base"]] - held
            if ledger.assets[market["base"]]["settles"]:
                rest[(rest >= 0) & (rest < market["lot_units"])] = 0
            found[f"{name} holdings"] = int(np.abs(rest).sum())
            continue
        found[f"{name} lots"] = int(ledger.lots[:, m].sum())
        settled = int(ledger.balances[market["settlement"], market["settles"]])
        found[f"{name} settlement"] = settled + int(ledger.cost[:, m].sum())
    return found
