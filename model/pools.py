r"""Contracts against a pool: no book, a pool of capital takes the other side at the index.

The pool is a row of the ledger. Its position is the **skew** of its traders (longs less shorts)
with the opposite sign, its equity its capital less what traders have gained, and it can fail. A
trade of q moves its own price off the index I by

skew      :math:`I (1 + (2 s + q) / 2 K)`, the middle of what the skew s makes of it before and
          after, with the scale K (Synthetix)
power     :math:`I (1 - \mathrm{sign}(q) u / N)` for a notional N and an impact in quote u:
          with the imbalance d before and after, :math:`f (d_0^e - d_1^e)` on one side of balance
          (f smaller where the imbalance falls), and
          :math:`f_+ d_0^e - f_- d_1^e` across it (GMX)

rounded to the tick against the trader. The part that lowers the skew pays the maker's fee, the rest
the taker's; both go to the pool. A side may not grow beyond its cap, nor beyond a multiple of what
the pool has; whoever reduces is always let out.

References
----------
Synthetix SIP-279 (price and funding), SIP-281 (fees of a trade that turns the skew); v3,
markets/perps-market: maximum market value.
GMX v2, contracts/pricing/PricingUtils.sol and market/MarketUtils.sol: price impact, open interest
and reserve.
"""

import math

import numpy as np

from crossmargin.model.integers import to_units, to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, trade, transfer, unrealised
from crossmargin.model.log import is_tracing, trace_trade
from crossmargin.model.state import FORCED, MARKET_ORDER, POOLED

BY_SKEW, BY_POWER = range(2)


@kernel
def skew_impact(skew, lots, scale):
    """Fraction by which a trade of signed lots pays more than the index; negative: less."""
    return (2.0 * skew + lots) / (2.0 * scale)


@kernel
def power_impact(pool, before, after):
    """What a trade gains by its impact when it changes longs less shorts so, quote."""
    e = pool.exponent
    first, last = abs(before) ** e, abs(after) ** e
    if before * after < 0.0:
        return pool.improving * first - pool.worsening * last
    return (pool.improving if last < first else pool.worsening) * (first - last)


@kernel
def skew_of(ledger, market):
    """Longs less shorts of the traders of a pool, lots."""
    return -ledger.lots[ledger.pools[ledger.markets[market].pool].row, market]


@kernel
def sides_of(ledger, market):
    """Longs and shorts of the traders of a pool, lots."""
    skew = skew_of(ledger, market)
    both = ledger.markets[market].open_interest - abs(skew)
    return (both + skew) // 2, (both - skew) // 2


@kernel
def pool_equity(ledger, market):
    """Capital of a pool less what its traders have gained, quote units."""
    row = ledger.pools[ledger.markets[market].pool].row
    return ledger.balances[row, QUOTE] + unrealised(ledger, row, market)


@kernel
def pool_capital(ledger, market):
    """What a pool has before open gains and losses of its traders, quote units.

    Its balance and what the settlement row holds for it: a pool realises its average, its traders
    their own.
    """
    m = ledger.markets[market]
    return ledger.balances[ledger.pools[m.pool].row, QUOTE] + ledger.balances[m.settlement, QUOTE]


@kernel
def impact_of(ledger, market, lots):
    """Fraction by which signed lots trade above the index."""
    m = ledger.markets[market]
    pool, skew = ledger.pools[m.pool], skew_of(ledger, market)
    if pool.impact == BY_SKEW:
        return skew_impact(np.float64(skew), np.float64(lots), pool.skew_scale)
    whole = m.index * m.half_unit / 10.0 ** ledger.assets[QUOTE].decimals
    gained = power_impact(pool, skew * whole, (skew + lots) * whole)
    return max(-pool.most_impact, min(-gained / (lots * whole), pool.most_impact))


@kernel
def pool_tick(ledger, market, lots):
    """Price of signed lots, ticks, rounded against the trader."""
    m = ledger.markets[market]
    exact = 0.5 * m.index * (1.0 + impact_of(ledger, market, lots))
    slack = 1e-9 * exact
    return max(1, to_units(math.ceil(exact - slack) if lots > 0 else exact + slack))


@kernel
def taking_tick(ledger, message):
    """Price at which an order would trade with its pool, ticks."""
    return pool_tick(ledger, np.int64(message.market), message.side * message.quantity)


@kernel
def is_over_cap(ledger, message):
    """Tell whether an order would make its side larger than the pool takes on, or it cannot pay."""
    market, side = np.int64(message.market), np.int64(message.side)
    m = ledger.markets[market]
    pool, held = ledger.pools[m.pool], ledger.lots[message.account, market]
    after = held + side * message.quantity
    if pool_equity(ledger, market) < 0:
        return True
    grown = max(0, after * side) - max(0, held * side)
    if grown <= 0 or message.author_class == FORCED:
        return False
    longs, shorts = sides_of(ledger, market)
    value = ((longs if side > 0 else shorts) + grown) * m.index * m.half_unit
    if pool.most_open > 0 and value > pool.most_open:
        return True
    return pool.reserve > 0.0 and value > pool.reserve * pool_capital(ledger, market)


@kernel
def fee_of(ledger, fill, value):
    """Fee of a fill with a pool: the maker's for what lowers the skew, else the taker's."""
    m, lots = ledger.markets[fill.market], fill.quantity
    skew = skew_of(ledger, np.int64(fill.market))
    lowering = min(lots, abs(skew)) if skew * fill.side < 0 else 0
    return to_units_up(value * (lowering * m.maker_fee + (lots - lowering) * m.taker_fee) / lots)


@kernel(inline=False)
def trade_with_pool(book, ledger, log, message, lots):
    """Trade an order with its pool, whole, within its limit; returns the lots that traded."""
    market, step = np.int64(message.market), log.cursor[0].step
    tick = pool_tick(ledger, market, np.int64(message.side) * lots)
    if message.action != MARKET_ORDER and (tick - message.price) * message.side > 0:
        return 0
    fill, ladder = log.fill[0], book.ladders[market]
    fill.maker_order = 0
    fill.taker_order = book.pool[0].next_id
    fill.maker = ledger.pools[ledger.markets[market].pool].row
    fill.taker = message.account
    fill.side = message.side
    fill.market = market
    fill.price = tick
    fill.quantity = lots
    value = 2 * tick * ledger.markets[market].half_unit * lots
    fee = fee_of(ledger, fill, value) if message.author_class != FORCED else 0
    trade(ledger, log, fill)
    transfer(ledger, QUOTE, fill.taker, fill.maker, fee)
    ladder.last = tick
    ladder.volume += lots
    ladder.signed_volume += message.side * lots
    ladder.notional += tick * lots
    ladder.trades += 1
    log.cursor[0].fills += 1
    if is_tracing(log, step):
        trace_trade(log, step, fill, 0)
    return lots


@kernel
def show_index(state, market):
    """Mark and mid of a market without a book: the index."""
    row = state.ledger.markets[market]
    if row.kind == POOLED and row.index > 0:
        row.mark = row.index
        state.book.ladders[market].mid = row.index
