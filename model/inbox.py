"""Matching phase: the inbox is executed in order of arrival, then emptied.

Agents only ever write to the inbox. The order of arrival within a block is a draw of each agent
plus its latency, so that no row has an advantage over another.
"""

import numpy as np

from crossmargin.model.bits import prefetch
from crossmargin.model.kernel import kernel
from crossmargin.model.state import CANCEL, INBOX_FULL
from crossmargin.model.trading import SLOTS, execute

#: A block is this many moments long.
MOMENTS = 4096
#: Largest part of a block that latency takes.
LATEST = 0.9
#: How many messages ahead the accounts of one, and one itself, are asked for.
NEAR, FAR = 8, 24


@kernel
def next_message(crowd, clock):
    """Record of the next free message of the inbox, cleared; past the end, the last one again."""
    n = clock[0].n_inbox
    if n >= crowd.inbox.shape[0]:
        clock[0].fault = INBOX_FULL
        n = crowd.inbox.shape[0] - 1
    message = crowd.inbox[n]
    clock[0].n_inbox = n + 1
    message.action = 0
    message.life = 0
    message.flags = 0
    message.order = 0
    message.slot = 0
    return message


@kernel
def arrival(uniform, latency, block_seconds):
    """Moment of arrival within the block: latency first, then chance for the rest of it.

    A latency beyond nine tenths of a block counts as that: a message arrives in its own block, and
    chance orders those that are as late as can be. Within one moment the lower row comes first.
    """
    late = min(LATEST, latency / block_seconds)
    return np.uint32(min(MOMENTS - 1.0, MOMENTS * (late + (1.0 - late) * uniform)))


@kernel
def sort_by_arrival(crowd, n, starts):
    """Counting sort of the first n messages by moment, stable; `starts` is work space."""
    starts[:] = 0
    for i in range(n):
        starts[crowd.inbox[i].arrival + 1] += 1
    for moment in range(MOMENTS):
        starts[moment + 1] += starts[moment]
    for i in range(n):
        moment = crowd.inbox[i].arrival
        crowd.order[starts[moment]] = i
        starts[moment] += 1


@kernel
def look_ahead(book, ledger, log, crowd, place):
    """Ask for what the message at a place in the order of arrival will touch."""
    message = crowd.inbox[crowd.order[place]]
    row, market = np.int64(message.account), np.int64(message.market)
    prefetch(ledger.accounts, row, 0)
    prefetch(ledger.balances, row, 0)
    prefetch(ledger.lots, row, market)
    prefetch(ledger.cost, row, market)
    prefetch(book.open_lots, row, market)
    prefetch(log.by_class, row, market)
    if message.order > 0:
        prefetch(book.orders, message.order & (SLOTS - 1), 0)


@kernel
def matching(state, part, step):
    """Execute the inbox in order of arrival; returns the number of messages."""
    crowd, clock = state.crowd, state.clock
    n = clock[0].n_inbox
    if n == 0:
        return 0
    sort_by_arrival(crowd, n, crowd.starts)
    for i in range(n):
        if i + FAR < n:
            prefetch(crowd.inbox, np.int64(crowd.order[i + FAR]), 0)
            look_ahead(state.book, state.ledger, state.log, crowd, i + NEAR)
        message = crowd.inbox[crowd.order[i]]
        handle = execute(state.book, state.ledger, state.log, message)
        if message.slot > 0 and message.action != CANCEL:
            crowd.handles[message.slot - 1] = handle
    clock[0].n_inbox = 0
    return n


PHASE = "matching"
KERNEL = matching
