"""The append-only log: events, trades of stressed blocks, displacements by class.

Chunks are filled by kernels and sealed by `World`; a step that does not fit leaves a fault.
"""

import numpy as np

from crossmargin.model.book import renew_mid
from crossmargin.model.kernel import kernel
from crossmargin.model.state import (
    CURSOR,
    EVENT,
    FILL,
    FORCED,
    GREEK_ROW,
    LIQUIDATION,
    MARKET_ROW,
    N_CLASSES,
    N_REASONS,
    ORDER,
    SERIES_ROW,
    SYSTEM_ROW,
    TRACE,
    WARNING,
    Log,
)

#: `TRACE.event` of an ordinary trade, of a changed position and of a move without a book.
ORDINARY, CHANGED, OFF_BOOK = -1, -2, -3


@kernel
def emit(log, clock, kind, account, other):
    """Append an event and return its record, to be filled in further; the id is given.

    When the chunk is full the last record is written over and the cursor runs on, which the loop
    reports as a fault.
    """
    cursor = log.cursor[0]
    place = min(cursor.events, log.events.shape[0] - 1)
    event = log.events[place]
    event.id = cursor.next_event
    event.parent = -1
    event.step = clock.step
    event.round = clock.round
    event.kind = kind
    event.author_class = 0
    event.account = account
    event.other = other
    event.market = -1
    event.price = 0
    event.quantity = 0
    event.amount = 0
    event.shift = 0
    cursor.events += 1
    cursor.next_event += 1
    return event


@kernel
def emit_liquidation(log, event, parcel, delay):
    """Append a row to the table of liquidations for an event that closes (part of) a position."""
    cursor = log.cursor[0]
    place = min(cursor.liquidations, log.liquidations.shape[0] - 1)
    row = log.liquidations[place]
    row.event = event.id
    row.step = event.step
    row.round = event.round
    row.account = event.account
    row.market = parcel.market
    row.kind = event.kind
    row.delay = delay
    row.quantity = parcel.lots
    row.mark = parcel.half_price
    row.notional = 0
    row.slippage = 0
    row.in_profit = 0
    row.penalty = 0
    row.equity = 0
    row.deficit = 0
    cursor.liquidations += 1
    return row


@kernel
def displaced(book, log, market, author_class):
    """Enter the movement of the mid since it was last looked at under its author's class."""
    shift = renew_mid(book, market)
    if shift != 0:
        log.shift[market, author_class] += shift
    return shift


@kernel
def _append_trace(log, event, step, market):
    cursor = log.cursor[0]
    row = log.traces[min(cursor.traces, log.traces.shape[0] - 1)]
    row.event = event
    row.step = step
    row.market = market
    cursor.traces += 1
    return row


@kernel
def is_tracing(log, step):
    """Tell whether trades of this step are written one by one."""
    return log.cursor[0].steps_traced == step + 1


@kernel
def trace_trade(log, step, fill, shift):
    """Write a trade of a stressed block: who, how much, and how far the mid moved after it."""
    row = _append_trace(log, log.cursor[0].author, step, fill.market)
    row.maker = fill.maker
    row.taker = fill.taker
    row.quantity = fill.quantity * fill.side
    row.price = fill.price
    row.shift = shift


@kernel
def trace_move(log, giver, taker, parcel):
    """Write a move of a position without a book, when it happens in a stressed block."""
    step = log.cursor[0].step
    if is_tracing(log, step):
        row = _append_trace(log, OFF_BOOK, step, parcel.market)
        row.maker = giver
        row.taker = taker
        row.quantity = parcel.lots
        row.price = 0
        row.shift = 0


@kernel
def trace_change(log, row, market, lots):
    """Write a new position that no trade in its market led to, where the block is stressed."""
    step = log.cursor[0].step
    if is_tracing(log, step):
        trace = _append_trace(log, CHANGED, step, market)
        trace.maker = row
        trace.taker = -1
        trace.quantity = lots
        trace.price = 0
        trace.shift = 0


@kernel
def displaced_alone(book, log, market, author_class):
    """As `displaced`, for a movement that no trade made; a forced one is traced by itself."""
    shift = displaced(book, log, market, author_class)
    step = log.cursor[0].step
    if shift != 0 and author_class == FORCED and is_tracing(log, step):
        row = _append_trace(log, log.cursor[0].author, step, market)
        row.maker = -1
        row.taker = -1
        row.quantity = 0
        row.price = 0
        row.shift = shift
    return shift


@kernel(inline=False)
def begin_trace(log, ledger, step):
    """Before the first forced order of a block: write all positions that changed since the last."""
    if is_tracing(log, step):
        return 0
    log.cursor[0].steps_traced = step + 1
    for a in range(ledger.lots.shape[0]):
        for m in range(ledger.lots.shape[1]):
            if ledger.lots[a, m] != log.traced_lots[a, m]:
                row = _append_trace(log, CHANGED, step, m)
                row.maker = a
                row.taker = -1
                row.quantity = ledger.lots[a, m]
                row.price = 0
                row.shift = 0
    return 0


@kernel(inline=False)
def end_trace(log, ledger, step):
    """At the end of a stressed block: remember the positions that its trades led to."""
    if is_tracing(log, step):
        for a in range(ledger.lots.shape[0]):
            for m in range(ledger.lots.shape[1]):
                log.traced_lots[a, m] = ledger.lots[a, m]
    return 0


@kernel(python=True)
def is_full(log):
    """Tell whether a chunk holds so much that the next step might not fit."""
    cursor = log.cursor[0]
    return (
        2 * cursor.events > log.events.shape[0]
        or 2 * cursor.traces > log.traces.shape[0]
        or 2 * cursor.liquidations > log.liquidations.shape[0]
        or cursor.rows >= log.system_rows.shape[0]
    )


@kernel
def is_overrun(log):
    """Tell whether a step wrote more than a chunk holds: rows were lost."""
    cursor = log.cursor[0]
    return (
        cursor.events > log.events.shape[0]
        or cursor.traces > log.traces.shape[0]
        or cursor.liquidations > log.liquidations.shape[0]
    )


def new_log(n_accounts: int, n_markets: int, steps: int, n_populations: int = 1) -> Log:
    """Empty log with chunks for some steps; memory is taken only as it is written."""
    rows = (4 + 4 * n_markets) * n_accounts + (1 << 16)
    log = Log(
        cursor=np.zeros(1, CURSOR),
        events=np.zeros(2 * rows, EVENT),
        traces=np.zeros(2 * rows, TRACE),
        liquidations=np.zeros(rows, LIQUIDATION),
        market_rows=np.zeros((steps, n_markets), MARKET_ROW),
        system_rows=np.zeros(steps, SYSTEM_ROW),
        unhedged_rows=np.zeros((steps, n_populations), np.int64),
        shift=np.zeros((n_markets, N_CLASSES), np.int64),
        by_class=np.zeros((n_accounts, n_markets, N_CLASSES), np.int64),
        traced_lots=np.zeros((n_accounts, n_markets), np.int64),
        counters=np.zeros(N_REASONS, np.int64),
        forced_volume=np.zeros(n_markets, np.int64),
        fill=np.zeros(1, FILL),
        forced=np.zeros(1, ORDER),
        warnings=np.zeros(steps, WARNING),
        generations=np.zeros((3, 2 * n_markets + 3, 2 * n_markets)),
        greek_rows=np.zeros(0, GREEK_ROW),
        series_rows=np.zeros(0, SERIES_ROW),
    )
    for field in ("author", "last_forced", "judged_forced", "judged_step"):
        log.cursor[field] = -1
    return log
