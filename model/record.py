"""Record phase: one row a market and one row for the system, every step."""

import numpy as np

from crossmargin.model.depth import depth_within
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE
from crossmargin.model.log import end_trace
from crossmargin.model.margin.numbers import health, is_unhealthy, measure
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import BACKSTOP, CLOSED, HEALTH_BINS, INSURANCE

PHASE = "record"

#: Upper edges of the bins of health; the last bin is open.
HEALTH_EDGES = (0.0, 0.5, 0.8, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)


class Parameters(Numbers):
    """How the series are measured."""

    depth_band: float = number(
        0.02, "fraction of the mid", above=0, high=0.5, doc="Depth counts lots this near the mid."
    )


P = slots(Parameters)


@kernel
def record_market(state, part, step, m):
    """Write the row of one market."""
    row = state.log.market_rows[state.log.cursor[0].rows, m]
    market, ladder = state.ledger.markets[m], state.book.ladders[m]
    band = state.params[part, P.depth_band]
    row.step = step
    row.market = m
    row.mid = ladder.mid
    row.mark = market.mark
    row.index = market.index
    row.bid = ladder.best[0]
    row.ask = ladder.best[1] if ladder.best[1] < state.book.table.shape[2] << 6 else -1
    row.last = ladder.last
    row.reference = state.outside.references[market.underlying].price
    row.depth_bid = depth_within(state.book, m, 0, np.int64(0.5 * ladder.mid * (1.0 - band)))
    row.depth_ask = depth_within(state.book, m, 1, np.int64(0.5 * ladder.mid * (1.0 + band)))
    row.open_interest = market.open_interest // 2
    row.volume = ladder.volume
    row.signed_volume = ladder.signed_volume
    row.trades = ladder.trades
    row.forced_volume = state.log.forced_volume[m]
    row.funding_rate = market.funding_rate
    row.halted = 1 if market.halted_until > step else 0
    row.unhedged = state.outside.references[market.underlying].unhedged


@kernel
def health_bin(value):
    """Bin of a health ratio."""
    b = 0
    while b < HEALTH_BINS - 1 and value >= HEALTH_EDGES[b]:
        b += 1
    return b


@kernel
def record_accounts(state, part, row):
    """Sum equity and exposure, and sort health, over the accounts of all populations."""
    row.health[:] = 0
    row.equity = 0
    row.liquidatable = 0
    row.bankrupt = 0
    row.negative_equity = 0
    row.unfunded = 0
    naked = state.log.unhedged_rows[state.log.cursor[0].rows]
    naked[:] = 0
    first = state.parts[part].first
    for a in range(first, first + state.parts[part].count):
        account = state.ledger.accounts[a]
        row.equity += account.equity
        row.liquidatable += is_unhealthy(account)
        row.bankrupt += account.equity < 0
        add_insolvency(state.ledger, row, account, a)
        naked[account.population] += abs(state.crowd.unhedged[a])
        if account.maintenance_requirement > 0:
            row.health[health_bin(health(account))] += 1


@kernel
def add_insolvency(ledger, row, account, a):
    """Add what an account lacks: as negative equity, or once it is closed as an unfunded claim."""
    if account.state == CLOSED:
        row.unfunded += max(0, min(account.owed, -ledger.balances[a, QUOTE]))
    else:
        row.negative_equity += max(0, -account.equity)


@kernel
def record_owners(state, part, row):
    """Sum what owners lack when their accounts are netted, and what the backstop vault lacks."""
    accounts, netted = state.ledger.accounts, state.work[0]
    vault = max(0, -accounts[BACKSTOP].equity)
    row.negative_consolidated = vault
    if row.negative_equity > 0:  # without it no owner can be below zero
        first = state.parts[part].first
        netted[:] = 0
        for a in range(first, first + state.parts[part].count):
            if accounts[a].state != CLOSED:
                netted[accounts[a].owner] += accounts[a].equity
        for owner in range(netted.shape[0]):
            row.negative_consolidated += max(0, -netted[owner])
    row.negative_equity += vault


@kernel
def record_system(state, part, step):
    """Write the row of the system."""
    ledger, cursor, venue = state.ledger, state.log.cursor[0], state.ledger.venue[0]
    row = state.log.system_rows[cursor.rows]
    measure(ledger, state.book, BACKSTOP)
    row.step = step
    row.insurance = ledger.balances[INSURANCE, QUOTE]
    row.backstop = ledger.accounts[BACKSTOP].equity
    row.bad_debt = venue.bad_debt
    row.adl_notional = venue.adl_notional
    row.socialised = venue.socialised
    row.liquidated_notional = venue.liquidated_notional
    row.rounds = state.clock[0].round
    row.messages = cursor.messages
    row.fills = cursor.fills
    desk = state.stops.desk[0]
    row.stops = desk.armed
    row.stops_triggered = desk.triggered
    row.stops_cancelled = desk.cancelled
    record_accounts(state, part, row)
    record_owners(state, part, row)
    venue.min_fund = min(venue.min_fund, row.insurance)


@kernel
def record_trail(state, step):
    """Keep the log mids of the last steps, for agents that look back."""
    trail = state.outside.trail
    n = state.outside.references.shape[0]
    for m in range(state.ledger.markets.shape[0]):
        mid = state.book.ladders[m].mid
        price = 0.5 * mid * state.ledger.markets[m].tick
        before = trail[n + m, (step - 1) % trail.shape[1]]
        trail[n + m, step % trail.shape[1]] = np.log(price) if mid > 0 else before


@kernel
def record(state, part, step):
    """Write the rows of a step and end the trace of a stressed block."""
    for m in range(state.ledger.markets.shape[0]):
        record_market(state, part, step, m)
    record_system(state, part, step)
    record_trail(state, step)
    end_trace(state.log, state.ledger, step)
    state.log.cursor[0].rows += 1
    return 0


KERNEL = record
