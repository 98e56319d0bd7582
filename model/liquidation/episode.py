"""Episodes of liquidation: what its events hang on, what it costs, how an account ends.

An episode is the liquidation of one account from its breach until it is healthy or empty. The first
event has for parent the forced order after which the account broke, -1 when none came between; the
later ones have the first for parent.

Coins and quote: what an account pays for an inverse position it pays in the coin. Once it has no
position left and owes coins, the venue buys them at the mark from the row OUTSIDE on the account's
credit: from then on the debt is quote, like any other, and is covered in quote. The insurance fund
holds quote alone; coins that it earns are sold at the mark to the row OUTSIDE as they come in.

How it ends: back above maintenance, the account is healthy and may break again. Emptied with
nothing owed, it is healthy too, and poor. Emptied with a negative balance, it is written off: its
deficit is bad debt once, it is closed for good, and `owed` is what nobody has covered so far.
"""

import numpy as np

from crossmargin.model.accounts import has_orders, has_positions, is_empty
from crossmargin.model.contracts import coins_for, lot_notional
from crossmargin.model.integers import to_units, to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, Parcel, convert, pay, transfer
from crossmargin.model.log import emit, emit_liquidation
from crossmargin.model.margin.numbers import measure
from crossmargin.model.state import BAD_DEBT, CLOSED, FORCED, INSURANCE, PENALTY

#: Largest amount that a number of a scenario stands for, units.
MOST = 2.0e18


@kernel
def units_of(ledger, value):
    """Units of an amount in whole quote, rounded down; very large ones stand for no limit."""
    return to_units(min(value * 10.0 ** ledger.assets[QUOTE].decimals, MOST))


@kernel
def lot_value(ledger, market):
    """Value of one lot at the mark, quote units."""
    return lot_notional(ledger.markets[market], ledger.markets[market].mark)


@kernel
def open_event(state, kind, row, other):
    """Append an event of an account's episode and return its record; the first one begins it."""
    account = state.ledger.accounts[row]
    event = emit(state.log, state.clock[0], kind, row, other)
    event.author_class = FORCED
    if account.episode == 0:
        event.parent = account.trigger
        account.episode = event.id + 1
    else:
        event.parent = account.episode - 1
    return event


@kernel
def open_entry(state, event, market, lots):
    """Append the row of the table of liquidations, with the account as it stands before."""
    account = state.ledger.accounts[event.account]
    parcel = Parcel(market, lots, state.ledger.markets[market].mark)
    delay = state.clock[0].step - account.breach_step if account.breach_step >= 0 else 0
    entry = emit_liquidation(state.log, event, parcel, delay)
    entry.equity = account.equity
    entry.deficit = account.maintenance_requirement - account.maintenance_equity
    return entry


@kernel
def fill_entry(state, event, entry, lots, notional):
    """Enter what was closed: lots with the sign that the position had, quote units traded.

    What inverse contracts lost against the mark, and their price, are for the caller to enter.
    """
    ledger, step = state.ledger, state.clock[0].step
    market = ledger.markets[entry.market]
    sign = 1 if lots > 0 else -1
    entry.quantity = lots
    entry.notional = notional
    entry.slippage = sign * (abs(lots) * lot_notional(market, entry.mark) - notional)
    event.market = entry.market
    event.quantity = -lots
    event.amount = notional
    if lots != 0 and market.half_unit > 0:
        event.price = notional // (abs(lots) * market.half_unit)
    account = ledger.accounts[event.account]
    account.liquidations += 1
    account.stage += 1
    if account.block_step != step:
        account.block_step = step
        account.block_notional = 0
    account.block_notional += notional
    ledger.venue[0].liquidated_notional += notional


@kernel
def _pay_coins(state, row, receiver, asset, amount):
    """Pay an amount of quote units in coins at the mark; what the fund gets it sells."""
    ledger = state.ledger
    pay(ledger, state.log, asset, row, (receiver, coins_for(ledger, asset, amount)))
    if receiver == INSURANCE:
        convert(ledger, state.log, INSURANCE, asset)


@kernel
def _pay(state, row, receiver, market, amount):
    if amount > 0:
        asset = state.ledger.markets[market].settles
        if asset == QUOTE:
            transfer(state.ledger, QUOTE, row, receiver, amount)
        else:
            _pay_coins(state, row, receiver, asset, amount)
        event = open_event(state, PENALTY, row, receiver)
        event.market = market
        event.amount = amount


@kernel(inline=False)
def penalise(state, row, market, notional, liquidator):
    """Charge the penalty of a liquidation and share it out; returns quote units.

    It takes a rate of the notional, and never more than what leaves raw equity at zero. Without a
    liquidator's row (-1) the fund's share alone is charged.
    """
    ledger = state.ledger
    venue = ledger.venue[0]
    measure(ledger, state.book, row)
    rate = venue.penalty_rate
    share = venue.liquidator_share
    if liquidator < 0:
        rate, share = rate * (1.0 - share), 0.0
    due = min(to_units_up(notional * rate), max(0, ledger.accounts[row].equity))
    first = min(due, to_units(due * share))
    _pay(state, row, liquidator, market, first)
    _pay(state, row, INSURANCE, market, due - first)
    venue.penalties += due
    measure(ledger, state.book, row)
    return due


@kernel(inline=False)
def buy_back(state, row):
    """Turn the coins that an account without positions and orders owes into a debt of quote."""
    ledger = state.ledger
    if has_positions(ledger, row) or has_orders(state.book, row):
        return 0
    for asset in range(1, ledger.assets.shape[0]):
        if ledger.balances[row, asset] < 0:
            convert(ledger, state.log, row, asset)
    return 0


@kernel(inline=False)
def write_off(state, row):
    """Close an empty account that owes: its deficit becomes bad debt; returns quote units."""
    account = state.ledger.accounts[row]
    buy_back(state, row)
    deficit = -state.ledger.balances[row, QUOTE]
    if deficit <= 0 or account.state == CLOSED or not is_empty(state.book, state.ledger, row):
        return 0
    event = open_event(state, BAD_DEBT, row, -1)
    event.amount = deficit
    state.ledger.venue[0].bad_debt += deficit
    account.owed = deficit
    account.state = CLOSED
    return deficit


@kernel
def owed_by(ledger, row):
    """What a closed account still owes, quote units."""
    return max(0, min(ledger.accounts[row].owed, -ledger.balances[row, QUOTE]))


@kernel
def cover(ledger, payer, row, amount):
    """Let another row pay part of what a closed account owes."""
    transfer(ledger, QUOTE, payer, row, amount)
    ledger.accounts[row].owed -= np.int64(amount)
