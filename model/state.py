"""Every record of the market's state, in one place.

Prices are half ticks (`_half`) or ticks (`_tick`), quantities lots, money whole units of an asset;
`f8` fields are rates, fractions and prices in quote units per base unit. One `State` holds it all.
It is passed to parts and unpacked there; helpers take the one or two groups that they use.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # an array of records or of one number type

# Orders ---------------------------------------------------------------------------------------

#: What a message does.
LIMIT, CANCEL, MARKET_ORDER, REPLACE, STOP_ORDER, CANCEL_STOP = range(6)
#: How long a limit order lives: rests until cancelled, takes what it can, or all or nothing.
GOOD_TILL_CANCELLED, IMMEDIATE_OR_CANCEL, FILL_OR_KILL = range(3)
#: Flags of an order, as bits. Of a stop order: triggered by the last price instead of the mark, and
#: by a price at or above its trigger instead of at or below it.
POST_ONLY, REDUCE_ONLY, ALLOW_SELF_TRADE, ON_LAST, RISING = 1, 2, 4, 8, 16
#: What happens when an account would trade with itself.
SELF_ALLOW, SELF_CANCEL_RESTING, SELF_CANCEL_TAKER = range(3)
#: Author classes of a price displacement. Exogenous: a message that no population sent. Stop: an
#: order that its owner wrote beforehand and the market sent when the price came there.
EXOGENOUS, FORCED, REFILL, WITHDRAWAL, DISCRETIONARY, ARBITRAGE, STOP = range(7)
CLASSES = ("exogenous", "forced", "refill", "withdrawal", "discretionary", "arbitrage", "stop")
N_CLASSES = len(CLASSES)

#: A message to a book. All further fields zero: a plain good-till-cancelled limit order.
ORDER = np.dtype(
    [
        ("action", "i1"),  # LIMIT, CANCEL, MARKET_ORDER, REPLACE, STOP_ORDER or CANCEL_STOP
        ("side", "i1"),  # +1 buy, -1 sell
        ("life", "i1"),  # GOOD_TILL_CANCELLED, IMMEDIATE_OR_CANCEL, FILL_OR_KILL
        ("flags", "i1"),  # bits of POST_ONLY, REDUCE_ONLY, ALLOW_SELF_TRADE
        ("account", "i4"),  # row of the account
        ("price", "i8"),  # ticks
        ("quantity", "i8"),  # lots
        ("order", "i8"),  # order to cancel or replace; of a new stop its trigger, half ticks
        ("market", "i2"),  # row of the market
        ("author_class", "i2"),  # whose kind of message it is
        ("slot", "i4"),  # 1 + place in `handles` where the id of a resting order is written
        ("arrival", "u4"),  # place within the block, 0 to 4095
        ("reserved", "u4"),
    ],
    align=True,
)

#: A trade. `side` is the taker's.
FILL = np.dtype(
    [
        ("maker_order", "i8"),
        ("taker_order", "i8"),
        ("maker", "i4"),
        ("taker", "i4"),
        ("side", "i4"),
        ("market", "i4"),
        ("price", "i8"),  # ticks
        ("quantity", "i8"),  # lots
    ],
    align=True,
)

#: An order that rests in the pool; a free slot has side -1 and chains the next free one.
RESTING = np.dtype(
    [
        ("id", "i8"),
        ("quantity", "i8"),  # lots left
        ("price", "i4"),  # ticks
        ("account", "i4"),
        ("next", "i4"),
        ("previous", "i4"),
        ("side", "i2"),  # 0 bid, 1 ask, -1 free
        ("market", "i2"),
        ("flags", "i4"),
    ],
    align=True,
)
#: A price level: lots, and the first and last slot of its chain of orders.
LEVEL = np.dtype([("quantity", "i8"), ("head", "i4"), ("tail", "i4")], align=True)

#: One book's best prices and its counters.
LADDER = np.dtype(
    [
        ("best", "i8", (2,)),  # best bid and ask, ticks; -1 and the number of ticks when empty
        (
            "mid",
            "i8",
        ),  # best bid + best ask, half ticks; while a side is empty it is kept, within the other
        ("last", "i8"),  # price of the last trade, ticks
        ("volume", "i8"),  # lots traded
        ("signed_volume", "i8"),  # the same, bought by takers less sold by them
        ("notional", "i8"),  # tick-lots traded
        ("trades", "i8"),
        ("self_trade", "i8"),  # policy
        ("top", "i8"),  # prices lie below this, ticks
    ],
    align=True,
)
#: What the pool of orders and pages has left, and the number of the next message.
POOL = np.dtype(
    [
        ("next_id", "i8"),
        ("free_order", "i4"),
        ("free_page", "i4"),
        ("resting", "i8"),
        ("rejected", "i8"),
        ("reason", "i8"),  # why the last message was refused, 0 when it was not
        ("fresh_page", "i8"),  # pages from here on were never used
    ],
    align=True,
)


class Book(NamedTuple):
    """Order books of all markets: price levels in pages of 64, orders in one pool.

    Attributes
    ----------
    pool : (1,) POOL
    orders : (capacity,) RESTING
    levels : (n_pages, 64) LEVEL
    words : (n_pages,) uint64, one bit a level that holds orders
    table : (n_markets, 2, price_levels / 64) int32, page of a run of 64 ticks or 0
    bitmap : (n_markets, 2, price_levels / 4096) uint64, one bit a page in use
    ladders : (n_markets,) LADDER
    lots : (n_accounts, n_markets) int64, positions; none when positions are not tracked
    open_lots : (n_accounts, n_markets, 2) int64, resting lots by side
    """

    pool: Array
    orders: Array
    levels: Array
    words: Array
    table: Array
    bitmap: Array
    ladders: Array
    lots: Array
    open_lots: Array


# Stop orders ------------------------------------------------------------------------------------

#: A stop order, held apart from the books until its price comes; a free place has id 0.
STOP_RECORD = np.dtype(
    [
        ("id", "i8"),
        ("trigger", "i8"),  # half ticks
        ("price", "i8"),  # limit of the order that it sends, ticks; 0 takes what it can at once
        ("quantity", "i8"),  # lots; 0 the whole position
        ("account", "i4"),
        ("next", "i4"),  # next free place, -1
        ("slot", "i4"),  # 1 + place in `handles` for its handle and that of the order it sends
        ("market", "i2"),
        ("side", "i1"),
        ("flags", "i1"),  # bits of REDUCE_ONLY, ON_LAST, RISING
    ],
    align=True,
)
#: Free places and counters of the stop orders.
STOP_DESK = np.dtype(
    [
        ("free", "i8"),  # first free place below `used`, -1
        ("used", "i8"),  # places from here on were never used
        ("armed", "i8"),  # now
        ("placed", "i8"),  # so far, like the next two
        ("triggered", "i8"),
        ("cancelled", "i8"),  # by their owner, with their position, or in a liquidation
    ],
    align=True,
)


class Stops(NamedTuple):
    """Stop orders of all markets, in one pool.

    Attributes
    ----------
    desk : (1,) STOP_DESK
    orders : (capacity,) STOP_RECORD
    """

    desk: Array
    orders: Array


# Ledger ---------------------------------------------------------------------------------------

#: Kinds of market: coins against quote; contracts on a book settled in quote, or in the coin they
#: are about (inverse); options; contracts against a pool at the oracle's price.
SPOT, PERPETUAL, OPTION, INVERSE, POOLED = range(5)
#: States of an account.
HEALTHY, MARGIN_CALL, REDUCE_ONLY_STATE, LIQUIDATING, BANKRUPT, CLOSED = range(6)
STATES = ("healthy", "margin call", "reduce only", "liquidating", "bankrupt", "closed")
#: Fixed rows of the ledger; settlement rows of the derivative markets follow them.
OUTSIDE, FEES, INSURANCE, BACKSTOP, LENDERS, ROUNDING, FIRST_SETTLEMENT = range(7)
SYSTEM_ROWS = ("outside", "fees", "insurance", "backstop", "lenders", "rounding")

ASSET = np.dtype(
    [
        ("minted", "i8"),
        ("burned", "i8"),
        ("decimals", "i8"),
        ("market", "i8"),  # spot market that prices and sells it; -1 for the quote asset
        ("initial_weight", "f8"),  # share of its value that counts for new positions
        ("maintenance_weight", "f8"),
        ("settles", "i8"),  # 1 where contracts settle in it: it may be owed, and be no whole lots
    ],
    align=True,
)

MARKET = np.dtype(
    [
        ("kind", "i8"),
        ("base", "i8"),  # asset; -1 for a derivative
        ("underlying", "i8"),  # row of the external reference
        ("settlement", "i8"),  # row of the ledger; -1 for spot
        ("half_unit", "i8"),  # quote units of one half tick times one lot
        ("lot_units", "i8"),  # base units of one lot, spot only
        ("index", "i8"),  # oracle price, half ticks
        ("mark", "i8"),  # price that margin uses, half ticks
        ("tick", "f8"),  # quote per base
        ("lot", "f8"),  # base
        ("maker_fee", "f8"),
        ("taker_fee", "f8"),
        ("initial_floor", "f8"),  # smallest initial rate now, raised by open interest
        ("basis_sum", "f8"),  # numerator and denominator of the mark's moving averages
        ("basis_weight", "f8"),
        ("book_sum", "f8"),
        ("book_weight", "f8"),
        ("basis_sample", "f8"),  # newest sample in each of the two, half ticks
        ("book_sample", "f8"),
        ("premium_sum", "f8"),
        ("premium_count", "f8"),
        ("funding_rate", "f8"),  # last rate paid, per funding interval
        ("funding_due", "i8"),  # step of the next payment
        ("halted_until", "i8"),
        ("halts", "i8"),
        ("index_step", "i8"),  # step at which the index was last renewed
        ("open_interest", "i8"),  # lots, the sum of absolute positions, both sides
        ("funding_paid", "i8"),  # quote units paid by longs or shorts so far
        ("settles", "i8"),  # asset in which profit, fees and funding are paid; 0 the quote asset
        ("face", "i8"),  # quote units that one contract of an inverse market is for, else 0
        ("coin_face", "i8"),  # the same in units of its coin at a price of one half tick
        ("pool", "i8"),  # row of `Ledger.pools`, of a market against a pool
        ("trades_seen", "i8"),  # in its book when the mark was last renewed
        ("trade_step", "i8"),  # step of the mark that was the first to see the newest of them
        ("right", "i8"),  # of an option: 1 call, -1 put; 0 for what is none
        ("strike", "i8"),  # half ticks, options only
        ("short_initial", "f8"),  # of a short option: fraction of the index at the money, entry
        ("short_floor", "f8"),  # the least of it, however far out of the money
        ("short_maintenance", "f8"),  # fraction of the index against liquidation
        ("long_initial", "f8"),  # share of a long option's value that counts for entry
        ("long_maintenance", "f8"),  # the same against liquidation
        ("fee_cap", "f8"),  # an option's fees are of its index, and at most this part of its price
    ],
    align=True,
)

#: A pool that takes the other side of every trade of its market, at the index.
LIQUIDITY_POOL = np.dtype(
    [
        ("row", "i8"),  # of the ledger: its capital, position and equity
        ("market", "i8"),
        ("impact", "i8"),  # how trades move their price: BY_SKEW or BY_POWER of model/pools.py
        ("skew_scale", "f8"),  # lots of skew that move the price by all of it
        ("exponent", "f8"),  # of the imbalance, BY_POWER
        ("improving", "f8"),  # factor of trades that lower the imbalance, BY_POWER, quote
        ("worsening", "f8"),  # factor of trades that raise it, BY_POWER, quote
        ("most_impact", "f8"),  # fraction of the price either way, BY_POWER
        ("most_open", "i8"),  # quote units of each side; 0 no cap
        ("reserve", "f8"),  # most notional of a side over the pool's capital; 0 no cap
        ("failed_step", "i8"),  # step in which it could not pay, -1
        ("haircut", "i8"),  # profit of traders that was not paid, quote units
        ("borrowed", "i8"),  # borrowing fees that it got, quote units
    ],
    align=True,
)

#: One bracket of the margin requirement of a market.
TIER = np.dtype(
    [
        ("lower", "i8"),  # quote units of notional from which it holds
        ("initial", "f8"),  # rate
        ("maintenance", "f8"),
        ("initial_credit", "f8"),  # quote units, makes the requirement continuous
        ("maintenance_credit", "f8"),
    ],
    align=True,
)

ACCOUNT = np.dtype(
    [
        ("owner", "i4"),
        ("population", "i4"),  # -1 for rows of the system
        ("index", "i4"),  # within its population
        ("only_market", "i4"),  # the one market of an isolated account, -1 for cross margin
        ("state", "i4"),
        ("breach_step", "i4"),  # since when it is below maintenance, -1
        ("cooldown", "i4"),  # step from which it may be liquidated again
        ("liquidations", "i4"),  # forced orders so far
        ("key", "u8"),  # of its random draws
        ("spare", "i8"),  # initial equity less requirement, quote units; -1 once it may be less
        ("equity", "i8"),  # raw, quote units
        ("initial_equity", "i8"),
        ("maintenance_equity", "i8"),
        ("initial_requirement", "i8"),
        ("maintenance_requirement", "i8"),
        ("deposited", "i8"),  # quote units that came in after the start, less what left
        ("episode", "i4"),  # 1 + id of the event that began the current liquidation, or 0
        ("stage", "i4"),  # forced orders within the episode
        ("trigger", "i8"),  # forced order after which it broke, -1 when none came between
        ("owed", "i8"),  # bad debt of a closed account that nobody has covered yet, quote units
        ("socialised", "i8"),  # losses of others that it paid, quote units
        ("block_notional", "i8"),  # notional of it that was closed in `block_step`, quote units
        ("block_step", "i8"),
        ("markets", "i8"),  # bit mask of the markets in which it may trade; all bits: no limit
        ("purse", "i4"),  # row with the balance that its owner keeps apart, -1
        ("siblings", "i4"),  # accounts with positions of the same owner, itself included; 0: alone
        ("allowance", "i8"),  # of such a row: quote units that may still go to those accounts
        ("off_book", "i8"),  # 1: its forced closings are take-overs at the mark, without a book
    ],
    align=True,
)

VENUE = np.dtype(
    [
        ("interest_rate", "f8"),  # on negative quote balances, per year
        ("call_ratio", "f8"),  # margin call below this multiple of maintenance
        ("reduce_only_ratio", "f8"),
        ("check_every", "i8"),  # steps
        ("grace", "i8"),  # steps between breach and the first forced order
        ("rounds", "i8"),  # most rounds of liquidation in a block
        ("penalty_rate", "f8"),  # of the notional liquidated
        ("liquidator_share", "f8"),  # of the penalty; the fund takes the rest
        ("bad_debt", "i8"),  # deficits of emptied accounts, quote units
        ("fund_paid", "i8"),
        ("adl_notional", "i8"),
        ("adl_loss", "i8"),  # what counterparties of auto-deleveraging lost against the mark
        ("socialised", "i8"),
        ("penalties", "i8"),
        ("liquidated_notional", "i8"),
        ("min_fund", "i8"),
        ("is_takeover", "i8"),  # 1: forced orders are replaced by a take-over at the mark
    ],
    align=True,
)


class Ledger(NamedTuple):
    """Who holds what. Only a transfer between two rows changes a balance.

    Attributes
    ----------
    balances : (n_accounts, n_assets) int64, units; asset 0 is the quote asset
    lots : (n_accounts, n_markets) int64, positions; for spot the whole lots of the base balance
    cost : (n_accounts, n_markets) int64, paid for the position, units of what the market settles in
    accounts : (n_accounts,) ACCOUNT
    assets : (n_assets,) ASSET
    markets : (n_markets,) MARKET
    tiers : (n_markets, n_tiers) TIER, by rising `lower`
    venue : (1,) VENUE
    pools : (n_pools,) LIQUIDITY_POOL; one empty row where there is none
    risk : (n,) uint8, the risk model of the venue (model/margin/layout.py); empty where tiers are
        all there is
    """

    balances: Array
    lots: Array
    cost: Array
    accounts: Array
    assets: Array
    markets: Array
    tiers: Array
    venue: Array
    pools: Array
    risk: Array


# Log ------------------------------------------------------------------------------------------

#: Kinds of event.
(
    FORCED_ORDER,
    CANCEL_ALL,
    PENALTY,
    TAKEOVER,
    BACKSTOP_HANDOVER,
    FUND_PAYMENT,
    ADL,
    SOCIALISED,
    BAD_DEBT,
    DEPOSIT,
    WITHDRAW,
    HALT,
    SHOCK,
    SEIZURE,
    KEEPER_TAKEOVER,
    STOP_TRIGGERED,
    HAIRCUT,
    TOP_UP,
    EXPIRED,
) = range(19)
EVENTS = (
    "forced_order",
    "cancel_all",
    "penalty",
    "takeover",
    "backstop",
    "insurance",
    "adl",
    "socialised_loss",
    "bad_debt",
    "deposit",
    "withdraw",
    "halt",
    "shock",
    "seizure",
    "keeper",
    "stop",
    "haircut",
    "top_up",
    "expiry",
)

#: One row of the append-only log. A parent is the id of the event that caused this one, or -1.
EVENT = np.dtype(
    [
        ("id", "i8"),
        ("parent", "i8"),
        ("step", "i4"),
        ("kind", "i2"),
        ("author_class", "i2"),
        ("account", "i4"),  # author, or payer of a transfer
        ("other", "i4"),  # counterparty or receiver, -1
        ("market", "i4"),
        ("round", "i4"),
        ("price", "i8"),  # half ticks
        ("quantity", "i8"),  # lots, signed by the author
        ("amount", "i8"),  # quote units
        ("shift", "i8"),  # displacement of the mid, half ticks
    ],
    align=True,
)

#: A trade in a block that holds a forced order, the change of a position since the last such
#: block, a move without a book, or a forced displacement without a trade (maker and taker -1).
TRACE = np.dtype(
    [
        ("event", "i8"),  # forced order that made it, or ORDINARY, CHANGED, OFF_BOOK of model/log
        ("step", "i4"),
        ("market", "i4"),
        ("maker", "i4"),
        ("taker", "i4"),
        ("quantity", "i8"),  # lots that the taker gained; of a change, the new position
        ("price", "i8"),  # ticks
        ("shift", "i8"),  # displacement of the mid that followed, half ticks
    ],
    align=True,
)

#: One forced closing of a position, by whatever part of the waterfall.
LIQUIDATION = np.dtype(
    [
        ("event", "i8"),
        ("step", "i4"),
        ("round", "i4"),
        ("account", "i4"),
        ("market", "i4"),
        ("kind", "i4"),  # kind of event: forced order, takeover, backstop, keeper, ADL, seizure
        ("delay", "i4"),  # steps from breach to execution
        ("quantity", "i8"),  # lots closed, signed as the position was
        ("notional", "i8"),  # quote units traded
        ("mark", "i8"),  # half ticks, when the order was sent
        ("slippage", "i8"),  # quote units lost against the mark
        ("in_profit", "i8"),  # quote units of notional whose position was in profit
        ("penalty", "i8"),  # quote units
        ("equity", "i8"),  # of the account before
        ("deficit", "i8"),  # maintenance requirement less maintenance equity before
    ],
    align=True,
)

#: What a step looked like in one market.
MARKET_ROW = np.dtype(
    [
        ("step", "i8"),
        ("market", "i8"),
        ("mid", "i8"),
        ("mark", "i8"),
        ("index", "i8"),
        ("bid", "i8"),
        ("ask", "i8"),
        ("last", "i8"),
        ("reference", "f8"),
        ("depth_bid", "i8"),  # lots within the band of the mid
        ("depth_ask", "i8"),
        ("open_interest", "i8"),
        ("volume", "i8"),
        ("signed_volume", "i8"),
        ("trades", "i8"),
        ("forced_volume", "i8"),
        ("funding_rate", "f8"),
        ("halted", "i8"),
        ("unhedged", "f8"),  # of the underlying, base
    ],
    align=True,
)
HEALTH_BINS = 12
SYSTEM_ROW = np.dtype(
    [
        ("step", "i8"),
        ("equity", "i8"),  # of all accounts of populations, quote units
        ("insurance", "i8"),
        ("backstop", "i8"),  # equity of the backstop vault
        ("bad_debt", "i8"),
        ("adl_notional", "i8"),
        ("socialised", "i8"),
        ("liquidated_notional", "i8"),
        ("liquidatable", "i8"),  # accounts below maintenance
        ("bankrupt", "i8"),  # accounts with negative equity
        ("rounds", "i8"),
        ("messages", "i8"),
        ("fills", "i8"),
        ("health", "i8", (HEALTH_BINS,)),  # accounts with positions by health
        ("stops", "i8"),  # stop orders that wait for their price
        ("stops_triggered", "i8"),
        ("stops_cancelled", "i8"),
        ("negative_equity", "i8"),  # of accounts below zero and not closed, and of the vault
        ("negative_consolidated", "i8"),  # the same with the accounts of an owner netted
        ("unfunded", "i8"),  # what closed accounts owe and nobody has covered, quote units
    ],
    align=True,
)
#: What a venue is about to do to itself: reproduction numbers of forced sales, ex ante.
WARNING = np.dtype(
    [
        ("step", "i8"),
        ("reproduction", "f8"),  # spectral radius of the whole matrix at the bandwidth
        ("falling", "f8"),  # of the block of longs, whose sales lower prices
        ("rising", "f8"),  # of the block of shorts
        ("low", "f8"),  # least at half the bandwidth, the bandwidth and twice it
        ("high", "f8"),  # largest of the three
        ("near", "i8"),  # accounts that a move within the bandwidth would liquidate
        ("at_risk", "f8"),  # notional of theirs that would be closed, quote units
    ],
    align=True,
)

#: Sensitivities of all options that a population holds on an underlying.
GREEK_ROW = np.dtype(
    [
        ("step", "i8"),
        ("population", "i8"),
        ("underlying", "i8"),
        ("greeks", "f8", (5,)),  # delta, gamma, vega, theta, rho, as in model/options/series.py
        ("value", "i8"),  # of the options at their marks, quote units
        ("linear", "f8"),  # base of coins and perpetuals, those outside the venue too
    ],
    align=True,
)
#: What an option series looked like.
SERIES_ROW = np.dtype(
    [
        ("step", "i8"),
        ("market", "i8"),
        ("forward", "f8"),  # quote per unit; in the settlement window the average expected
        ("volatility", "f8"),  # per root year
        ("seconds", "f8"),  # to expiry
        ("greeks", "f8", (5,)),  # of one unit of the underlying
    ],
    align=True,
)

#: Reasons for which an order is refused, counted in `Log.counters`.
(
    ACCEPTED,
    BAD_PRICE,
    BAD_QUANTITY,
    POOL_FULL,
    WOULD_TAKE,
    NOT_FILLABLE,
    NOT_REDUCING,
    NO_MARGIN,
    WRONG_MARKET,
    HALTED,
    UNKNOWN_ORDER,
    ACCOUNT_STATE,
    BAD_MESSAGE,
    BAD_ACCOUNT,
    POOL_CAP,
) = range(15)
REASONS = (
    "accepted",
    "bad_price",
    "bad_quantity",
    "pool_full",
    "would_take",
    "not_fillable",
    "not_reducing",
    "no_margin",
    "wrong_market",
    "halted",
    "unknown_order",
    "account_state",
    "bad_message",
    "bad_account",
    "pool_cap",
)
N_REASONS = len(REASONS)
#: Most lots of one order: a level of 2**24 of them, or their value at 2**24 ticks, fits 64 bits.
LARGEST_ORDER = 1 << 38

#: How full the chunks are, and totals since the start.
CURSOR = np.dtype(
    [
        ("events", "i8"),
        ("traces", "i8"),
        ("liquidations", "i8"),
        ("rows", "i8"),  # steps recorded in the chunk
        ("step", "i8"),  # the current one
        ("next_event", "i8"),
        ("messages", "i8"),
        ("fills", "i8"),
        ("rejected", "i8"),
        ("steps_traced", "i8"),  # last step whose positions were written, plus one
        ("author", "i8"),  # event whose forced order is being executed, -1
        ("forced_fills", "i8"),
        ("last_forced", "i8"),  # id of the newest forced order, -1
        ("judged_forced", "i8"),  # the same when margins were last judged
        ("judged_step", "i8"),  # step in which margins were last judged
        ("warnings", "i8"),
        ("greeks", "i8"),  # rows of sensitivities in the chunk, like the next
        ("series", "i8"),
    ],
    align=True,
)


class Log(NamedTuple):
    """What happened: append-only chunks, and the class ledgers of every account.

    Attributes
    ----------
    cursor : (1,) CURSOR
    events : (n,) EVENT
    traces : (n,) TRACE
    liquidations : (n,) LIQUIDATION
    market_rows : (n, n_markets) MARKET_ROW
    system_rows : (n,) SYSTEM_ROW
    unhedged_rows : (n, n_populations) int64, quote units that `Crowd.unhedged` sums to, gross
    shift : (n_markets, N_CLASSES) int64, cumulated displacement of the mid by class, half ticks
    by_class : (n_accounts, n_markets, N_CLASSES) int64, half tick-lots; the exact loss or gain by
        class at any moment is `by_class + lots * shift`
    traced_lots : (n_accounts, n_markets) int64, positions when last written to the traces
    counters : (N_REASONS,) int64, orders by outcome
    forced_volume : (n_markets,) int64, lots of forced fills in this step
    fill : (1,) FILL, the trade being settled
    forced : (1,) ORDER, the forced order being executed
    warnings : (n,) WARNING
    generations : (3, 2 n_markets + 3, 2 n_markets) float64, work space of the warnings, by
        bandwidth: sales by what moved and what is sold, then depth, then two vectors
    greek_rows : (n,) GREEK_ROW, none without options
    series_rows : (n,) SERIES_ROW, none without options
    """

    cursor: Array
    events: Array
    traces: Array
    liquidations: Array
    market_rows: Array
    system_rows: Array
    unhedged_rows: Array
    shift: Array
    by_class: Array
    traced_lots: Array
    counters: Array
    forced_volume: Array
    fill: Array
    forced: Array
    warnings: Array
    generations: Array
    greek_rows: Array
    series_rows: Array


# Crowd and outside ------------------------------------------------------------------------------

N_TRAITS, N_MEMORY = 8, 4

#: Latest report of an oracle reporter.
REPORT = np.dtype(
    [("underlying", "i8"), ("price", "f8"), ("step", "i8"), ("weight", "f8")], align=True
)

#: External reference market of one underlying.
REFERENCE = np.dtype(
    [
        ("price", "f8"),  # quote per base
        ("base_log", "f8"),  # log price before the feedback of the venue
        ("first_log", "f8"),  # the same at the start
        ("lasting", "f8"),  # log price moved by arbitrage, for good
        ("passing", "f8"),  # log price moved by arbitrage, that decays
        ("flow", "f8"),  # base bought outside by arbitrageurs in this step
        ("shock", "f8"),  # log price moved by scheduled shocks
        ("volatility", "f8"),  # EWMA of the log return, per root second
        ("regime", "i8"),
        ("turbulence", "f8"),  # what scheduled shocks add to volatility, as a multiple of it
        ("frozen_until", "i8"),  # step until which the venue's oracle takes no report
        ("stale", "i8"),  # steps so far without enough fresh reports
        ("unhedged", "f8"),  # base in this step by which legs of hedged traders differ, gross
        ("key", "u8"),  # of the random draws of its loading on the factor, by its name
        (
            "own_log",
            "f8",
        ),  # log of its own volatility over the stated one, of a loading
        ("turnover", "f8"),  # quote traded a day outside; 0 when it is not known
    ],
    align=True,
)

#: What moves the underlyings that load on it, all together.
FACTOR = np.dtype(
    [
        ("regime", "i8"),  # 0 calm, 1 stressed; of the block to come, like `fast` and `slow`
        ("fast", "f8"),  # log of its volatility over that of the regime: the part of hours
        ("slow", "f8"),  # the part of days
        ("held", "i8"),  # regime of this block
        ("volatility", "f8"),  # in this block, per root year
        ("draw", "f8"),  # standard normal of its diffusion in this block
        ("jump", "f8"),  # sum of the sizes of its jumps in this block, log price
        ("intensity", "f8"),  # jumps a year expected in this block
        ("jump_mean", "f8"),  # log price
        ("jump_deviation", "f8"),  # log price
        ("burst", "f8"),  # the part of minutes of its log volatility, like `fast` and `slow`
    ],
    align=True,
)


class Crowd(NamedTuple):
    """What agents know and send.

    Attributes
    ----------
    traits : (n_accounts, N_TRAITS) float64, drawn once
    memory : (n_accounts, N_MEMORY) float64, an agent's own, carried from step to step
    handles : (n_slots,) int64, ids of resting orders, written by the market
    inbox : (capacity,) ORDER
    order : (capacity,) int32, messages by arrival
    starts : (4097,) int64, work space of the sort by arrival
    reports : (n_reporters,) REPORT
    requests : (n_accounts,) int64, quote units that an owner wants to bring in (+) or take out (-);
        the next block does what it can and clears them
    outside_lots : (n_accounts, n_markets) int64, what an account holds outside the venue against
        its position in a market, lots: the hedges of arbitrageurs, of the coins of makers
    unhedged : (n_accounts,) int64, quote units by which the legs of a hedged trader differ, at the
        mid; above 0: its short was closed and it is long
    """

    traits: Array
    memory: Array
    handles: Array
    inbox: Array
    order: Array
    starts: Array
    reports: Array
    requests: Array
    outside_lots: Array
    unhedged: Array


class Outside(NamedTuple):
    """The world beyond the venue.

    Attributes
    ----------
    references : (n_underlyings,) REFERENCE
    paths : (n_underlyings, n_points) float64, recorded log prices by step; none when simulated
    trail : (n_underlyings + 2 n_markets, window) float64, log prices of the last steps: references
        first, then mids, then index prices; step t stands at t modulo window
    factor : (1,) FACTOR
    """

    references: Array
    paths: Array
    trail: Array
    factor: Array


# Options --------------------------------------------------------------------------------------

#: One expiry of one underlying.
OPTION_EXPIRY = np.dtype(
    [
        ("underlying", "i8"),
        ("step", "i8"),  # at whose begin it expires, counted from the start of the run
        ("window", "i8"),  # steps before it over which the index is averaged
        ("sum", "i8"),  # of the index at the samples so far, half ticks
        ("samples", "i8"),
        ("settled", "i8"),  # 1 once its positions were closed
        ("level", "f8"),  # of its smile at the start, per root year
        ("remaining", "f8"),  # share of the average that is still to come
        ("spread", "f8"),  # volatility of the average over that of the forward
        ("vega", "f8"),  # of the makers, told in this block so far, quote per 1.00 of volatility
        ("pressing", "f8"),  # the same as told in the last block
    ],
    align=True,
)
#: Volatility surface of one underlying.
OPTION_SURFACE = np.dtype(
    [
        ("variance", "f8"),  # moving average of squared log returns of the reference, per year
        ("first_variance", "f8"),  # the same when the surface was as the scenario says
        ("ratio", "f8"),  # of variances now and then, as far as the surface has followed
        ("last_log", "f8"),  # log price at the last look
    ],
    align=True,
)


class Options(NamedTuple):
    """Option series that are markets; a series is a row, by underlying, expiry and strike.

    Attributes
    ----------
    series : (n_series,) SERIES of model/options/series.py, as marked now
    markets : (n_series,) int64, market of each series
    places : (n_markets,) int64, series of each market, -1 for what is no option
    expiries : (n_expiries,) OPTION_EXPIRY
    smiles : (n_expiries, 5) float64, level, skew, curvature, floor, cap now
    surfaces : (n_underlyings,) OPTION_SURFACE
    greeks : (n_series, 5) float64, sensitivities of one lot at the last mark
    """

    series: Array
    markets: Array
    places: Array
    expiries: Array
    smiles: Array
    surfaces: Array
    greeks: Array


# Program --------------------------------------------------------------------------------------

N_PARAMETERS = 28

#: One part of the program: what it acts on. `params` has its numbers.
PART = np.dtype(
    [
        ("phase", "i4"),
        ("population", "i4"),
        ("first", "i4"),  # first row of its population
        ("count", "i4"),
        ("market", "i4"),  # -1: all, or the markets of its mask
        ("underlying", "i4"),
        ("every", "i4"),  # steps between two calls
        ("first_slot", "i4"),  # in `handles`
        ("slots", "i4"),  # handles an agent
        ("back", "i4"),  # part to which a round returns, -1
        ("after_forced", "i4"),  # 1: runs only in a round that sent a forced order
        ("first_report", "i4"),
        ("is_python", "i4"),
        ("markets", "i8"),  # bit mask of markets
    ],
    align=True,
)

CLOCK = np.dtype(
    [
        ("seed", "u8"),
        ("step", "i8"),
        ("first", "i8"),  # at which the run began: after a burn-in more than 0, within it far ahead
        ("round", "i8"),
        ("n_inbox", "i8"),
        ("n_forced", "i8"),  # forced orders in this round
        ("n_queue", "i8"),  # accounts in the queue: the unhealthy, then those to liquidate now
        ("part", "i8"),  # part to go on with, for a loop stopped inside a step
        ("block_seconds", "f8"),
        ("fault", "i8"),
        ("fault_part", "i8"),
        ("fault_value", "i8"),
    ],
    align=True,
)
#: Codes of a fault.
NO_FAULT, INBOX_FULL, LOG_FULL, NOT_FINITE = range(4)
FAULTS = (
    "no fault",
    "more messages in a step than the inbox holds",
    "more events in a step than the log holds",
    "a price or an amount is not finite or does not fit 64 bits",
)


class State(NamedTuple):
    """The whole market.

    Attributes
    ----------
    clock : (1,) CLOCK
    book, ledger, log, crowd, outside : groups, see there
    queue : (n_accounts,) int32, unhealthy accounts, then those to liquidate now, worst first;
        `clock.n_queue` of them
    work : (4, n_accounts) int64, work space of the waterfall; nothing stays in it
    parts : (n_parts,) PART
    params : (n_parts, N_PARAMETERS) float64
    stops : group, see there
    options : group, see there
    """

    clock: Array
    book: Book
    ledger: Ledger
    log: Log
    crowd: Crowd
    outside: Outside
    queue: Array
    work: Array
    parts: Array
    params: Array
    stops: Stops
    options: Options
