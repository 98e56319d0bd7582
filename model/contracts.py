r"""What contracts are worth: one rule for trades, marks, profit and margin.

A contract settles in an asset: quote for spot, linear perpetuals and pools, a coin for **inverse**
(coin-margined) perpetuals. The value of N lots at a price p, in units of that asset, is

linear     :math:`N p u`, with u quote units of a half tick times a lot
inverse    :math:`-\mathrm{sign}(N) \lfloor |N| K / p \rfloor`, with K the face of a contract in
           units of the coin at a price of one half tick

so that profit is value less cost in either case: a long of N contracts of face F bought at
:math:`p_0` gains :math:`N F (1/p_0 - 1/p)` coins. The value is odd in N, so both sides of a trade
book the same amount and nothing is left over.

Coins are worth what their spot market's mark says, rounded down; a debt of coins is rounded up.
`lots` of a spot market are the whole lots of the coin balance; what contracts settle in may be owed
and need not be whole lots, and the rest below a lot counts like any other coin.

References
----------
BitMEX, "Inverse perpetual contracts" (XBTUSD); Deribit, "Inverse perpetual"; Binance, "PnL of
COIN-M futures".
"""

from typing import Any

import numpy as np

from crossmargin.model.integers import muldiv, muldiv_up, signed_muldiv, to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.log import trace_change
from crossmargin.model.state import FEES, INVERSE, N_CLASSES, Array

QUOTE = 0  # asset in which everything but inverse contracts settles


@kernel
def lot_notional(market, half_price):
    """Notional of one lot of a market at a price, quote units; the face of an inverse contract."""
    return half_price * market.half_unit + market.face


@kernel(inline=False)
def inverse_value(coin_face, lots, half_price):
    """Value of signed inverse contracts at a price, coin units; a call keeps linear ones fast."""
    return -signed_muldiv(lots, coin_face, max(1, half_price))


@kernel
def contract_value(market, lots, half_price):
    """Value of signed lots at a price, units of what the market settles in."""
    if market.kind == INVERSE:
        return inverse_value(market.coin_face, lots, half_price)
    return lots * half_price * market.half_unit


def contract_values(market: Any, lots: Array, half_prices: Array) -> Array:
    """`contract_value` of many lots, (n,) int64; `market` is a MARKET record."""
    if market["kind"] != INVERSE:
        return np.asarray(lots * half_prices * int(market["half_unit"]))
    face, pairs = int(market["coin_face"]), zip(lots.tolist(), half_prices.tolist(), strict=True)
    sizes = [abs(n) * face // max(1, price) for n, price in pairs]
    return np.asarray(-np.sign(lots) * np.array(sizes, np.int64).reshape(lots.shape))


def entry_prices(market: Any, lots: Array, cost: Array) -> Array:
    """Average prices at which positions were opened, (n,) float64 half ticks; else the mark."""
    found = np.full(len(lots), float(market["mark"]))
    over, under = cost, lots * int(market["half_unit"])
    if market["kind"] == INVERSE:
        over, under = -lots * float(market["coin_face"]), cost
    return np.asarray(np.divide(over, under, out=found, where=(lots != 0) & (under != 0)))


@kernel
def worth(ledger, asset, units):
    """Value of units of an asset at the mark of its market, rounded down, quote units."""
    if asset == QUOTE:
        return units
    m = ledger.markets[ledger.assets[asset].market]
    if units < 0:
        return -muldiv_up(-units, m.mark * m.half_unit, m.lot_units)
    return muldiv(units, m.mark * m.half_unit, m.lot_units)


@kernel
def coins_for(ledger, asset, amount):
    """Units of an asset that an amount of quote units, not negative, buys; rounded down."""
    if asset == QUOTE:
        return amount
    m = ledger.markets[ledger.assets[asset].market]
    return muldiv(amount, m.lot_units, max(1, m.mark * m.half_unit))


@kernel
def conceded_half(market, lots, share):
    """Price that costs who closes a position a share of its notional, half ticks as a float.

    For a long below the mark, for a short above it.
    """
    sign = 1.0 if lots > 0 else -1.0
    if market.kind == INVERSE:
        return market.mark / (1.0 + sign * min(share, 0.999))
    return market.mark * (1.0 - sign * share)


@kernel
def loss_units(market, half_lots, half_price):
    """Quote units of a loss of so many half tick-lots against the mark, at a price or above.

    Exact where profit is linear. A loss of coins is that at the lower of price and mark, or less.
    """
    if market.kind == INVERSE:
        least = max(1, min(market.mark, half_price))
        return to_units_up(np.float64(half_lots) * market.face / least)
    return half_lots * market.half_unit


@kernel
def attribute(log, row, market, lots):
    """Enter a change of position into the class ledger of an account.

    The loss or gain of the account by author class is then `by_class + lots * shift` exactly,
    half tick-lots (summation by parts over all changes of its position).
    """
    for c in range(N_CLASSES):
        log.by_class[row, market, c] -= lots * log.shift[market, c]


@kernel(inline=False)
def follow(ledger, log, row, asset):
    """After coins came or went: the whole lots of an account's balance are its spot position."""
    market = ledger.assets[asset].market
    held = ledger.balances[row, asset] // ledger.markets[market].lot_units
    change = held - ledger.lots[row, market]
    if change != 0:
        attribute(log, row, market, change)
        ledger.lots[row, market] = held
        trace_change(log, row, market, held)
    return change


@kernel(inline=False)
def follow_parties(ledger, log, market, one, other):
    """The same for both sides of a trade, the row that settles it and the one that gets fees."""
    m = ledger.markets[market]
    follow(ledger, log, one, m.settles)
    follow(ledger, log, other, m.settles)
    follow(ledger, log, m.settlement, m.settles)
    follow(ledger, log, FEES, m.settles)
    return 0


@kernel
def follow_all(ledger, log, market):
    """The same for every row, after funding or interest."""
    asset = ledger.markets[market].settles
    if asset != QUOTE:
        for row in range(ledger.balances.shape[0]):
            follow(ledger, log, row, asset)
