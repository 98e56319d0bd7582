r"""Market makers who share capital and risk between all their books, and withdraw when it is used.

Avellaneda and Stoikov's quotes, free of scale, around an anchor, the outside price or the index,
and the mean basis of the market. Lengths are measured in the base half-spread :math:`b = 1/k`, a
fraction of the price that grows with the volatility the maker sees, and inventory in clips, the
mean order of a level (`depth / levels`), so that the paper's :math:`k` is one. The paper's risk
aversion follows from `skew`, the number of base half-spreads by which the reservation price moves
when inventory is at its limit of :math:`n` clips, over the horizon :math:`\tau` of a second:

.. math:: \gamma = \mathrm{skew} / (n (\sigma_0 / b_0)^2 \tau)

The variance that enters is :math:`(\sigma / b)^2 \tau`; since b grows with :math:`\sigma`, spread
and lean are proportional to volatility. In units of money the risk aversion is
:math:`\gamma / (b \cdot \mathrm{price} \cdot \mathrm{clip})`.

**What binds is shared.** The value at risk of all holdings (`watching.py`) stands against a share
of equity. Quotes shrink in every market so that the limit would hold were all of one side filled;
spreads widen in every market as the limit comes near; at the limit everything in every market is
cancelled, and the maker comes back after a pause with what reduces. So a loss or a rise of
volatility in one market takes depth from the others. Size shrinks as well with the margin that
positions leave free, low health withdraws too, and beyond the inventory limit of a market one side
is quoted there. In spot markets what a maker held at the start is neutral, as if it were hedged
outside, and it sells no more than it has. Between rounds of liquidation only makers act whose
latency has passed.

With a time of `refresh` a maker looks at its quotes as a Poisson process, so that depth which was
taken comes back at a pace per second. Without, it looks once a block: the shorter the block, the
faster the book refills. Limits are watched in every block.
"""

import math
from typing import NamedTuple

import numpy as np

from crossmargin.agents.maker_numbers import (
    P,
    Parameters,
    T,
    Traits,
    anchor_line,
    base_unit,
    capital_share,
    fair_half,
    full_units,
    inventory_pressure,
    is_looking,
    is_low,
    risk_room,
    spread_and_shift,
    volatility,
)
from crossmargin.agents.quoting import Wanted, renew
from crossmargin.model.draws import ARRIVE, uniforms
from crossmargin.model.inbox import arrival
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.markets import acts_on
from crossmargin.model.state import MARGIN_CALL, POST_ONLY, REFILL, SPOT
from crossmargin.model.trading import SLOTS as HANDLE_SLOTS
from crossmargin.model.trading import is_live

__all__ = ["KERNEL", "PHASE", "P", "Parameters", "T", "Traits", "messages_needed", "slots_needed"]

PHASE = "decisions"
AUTHOR_CLASS = REFILL
#: They act in all their markets from one account.
CROSS_ONLY = True

#: Places in memory: step from which it quotes again, risk over its limit when it withdrew, and
#: whether its health was too low when last looked at; whether it has begun.
RETURN, WORST, LOW, BEGUN = range(4)


class Plan(NamedTuple):
    """What a maker wants in one market; prices in half ticks."""

    market: int
    place: int  # of its first handle in this market: bids by level, then asks
    fair: float  # outside price and basis
    reservation: float
    half_spread: float
    pressure: float  # inventory over its limit, signed
    full: float  # depth, quote units
    share: float  # of the depth that capital allows
    moment: int  # of arrival
    later: int  # of arrival, when a price improves


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles a maker needs: one a level and side of each market."""
    return 2 * int(numbers.levels) * n_markets


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages that a maker sends in a step: each handle once."""
    return slots_needed(numbers, n_markets)


@kernel
def is_alarmed(state, part, row, risk):
    """Tell whether a limit is crossed now.

    Risk alarms again only when it has grown, low health only when it was well before: a maker
    that comes back to the same trouble quotes what reduces it.
    """
    memory = state.crowd.memory[row]
    has_grown = risk > max(1.0, memory[WORST])
    if risk < 1.0:
        memory[WORST] = 0.0
    elif has_grown:
        memory[WORST] = risk
    has_sunk = is_low(state, part, row) and memory[LOW] == 0.0
    memory[LOW] = 1.0 if is_low(state, part, row) else 0.0
    return has_grown or has_sunk or state.ledger.accounts[row].state > MARGIN_CALL


@kernel
def stays_out(state, part, row, risk):
    """Tell whether a maker is withdrawn, and withdraw it for a pause when a limit is crossed."""
    memory, step = state.crowd.memory[row], state.clock[0].step
    if step < memory[RETURN]:
        return True
    if not is_alarmed(state, part, row, risk):
        return False
    memory[RETURN] = step + math.ceil(state.params[part, P.pause] / state.clock[0].block_seconds)
    return True


@kernel
def side_units(state, row, plan, side, tick):
    """Notional to show on a side, quote units: what capital allows, or what closes inventory."""
    if plan.pressure * side >= 1.0:
        return 0.0
    m = state.ledger.markets[plan.market]
    lots = state.ledger.lots[row, plan.market]
    held = min(plan.full, 2.0 * tick * abs(lots) * m.half_unit + abs(lots) * m.face)
    if m.kind == SPOT and side < 0:
        return held
    if m.kind != SPOT and lots * side < 0:
        return max(held, plan.full * plan.share)
    return plan.full * plan.share


@kernel
def stands_behind(state, part, plan, side):
    """How far the best order of the other side stood behind the fair price of a block ago.

    Fraction of the price, negative when it did not: an order of someone who is just renewing it
    will be gone.
    """
    clock, trail = state.clock[0], state.outside.trail
    line, window = anchor_line(state, part, plan.market), trail.shape[1]
    moved = trail[line, clock.step % window] - trail[line, max(0, clock.step - 1) % window]
    best = state.book.ladders[plan.market].best
    gap = 2.0 * (best[1] if side > 0 else best[0]) / plan.fair - 1.0
    return -side * gap - max(0.0, side * moved)


@kernel
def best_tick(state, part, plan, side):
    """Price of the first level of a side, ticks, and whether it may take.

    It slides behind an order that was left behind by less than what it would cost to take.
    """
    best = state.book.ladders[plan.market].best
    tick = 0.5 * (plan.reservation - side * plan.half_spread)
    tick = np.int64(math.floor(tick) if side > 0 else math.ceil(tick))
    behind = stands_behind(state, part, plan, side)
    is_stale = behind > -plan.half_spread / plan.fair
    if not is_stale or behind > state.params[part, P.take_beyond]:
        return tick, True
    return np.int64(min(tick, best[1] - 1) if side > 0 else max(tick, best[0] + 1)), False


@kernel
def quote_side(state, part, row, plan, side):
    """Renew the levels of a side; returns messages sent."""
    params, m = state.params[part], state.ledger.markets[plan.market]
    levels, growth = int(params[P.levels]), params[P.growth]
    best, may_take = best_tick(state, part, plan, side)
    flags = 0 if may_take else POST_ONLY
    units = side_units(state, row, plan, side, best)
    weight, total = 1.0, 0.0
    for _ in range(levels):
        total += weight
        weight *= growth
    sent, weight = 0, units / total
    place = plan.place if side > 0 else plan.place + levels
    away, gap = 0.0, 0.5 * params[P.spacing] * plan.half_spread
    for i in range(levels):
        tick = best - side * np.int64(away)
        lots = to_units(weight / (2.0 * tick * m.half_unit + m.face)) if tick > 0 else 0
        slack = params[P.tolerance] * (0.5 * plan.half_spread + away)
        order = (plan.market, side, tick, lots, flags)
        want = Wanted(*order, slack, params[P.refill], plan.moment, plan.later, AUTHOR_CLASS)
        sent += renew(state, row, place + i, want)
        weight *= growth
        away += gap
        gap *= params[P.stretch]
    return sent


@kernel
def meets_own_ask(state, part, row, plan):
    """Tell whether the new bid would meet an ask of its own that still rests."""
    levels = int(state.params[part, P.levels])
    tick = best_tick(state, part, plan, 1)[0]
    for place in range(plan.place + levels, plan.place + 2 * levels):
        handle = state.crowd.handles[place]
        price = state.book.orders[handle & (HANDLE_SLOTS - 1)].price
        if price <= tick and is_live(state.book, handle, row):
            return True
    return False


@kernel
def quote_market(state, part, row, plan):
    """Renew both sides; the side that the price moves away from goes first."""
    side = -1 if meets_own_ask(state, part, row, plan) else 1
    sent = 0
    for _ in range(2):
        sent += quote_side(state, part, row, plan, side)
        side = -side
    return sent


@kernel
def quotes_of(state, part, row, market, risk):
    """Fair price, reservation price and half-spread, half ticks, and pressure of inventory."""
    params, fair = state.params[part], fair_half(state, part, market)
    pressure = inventory_pressure(state, part, row, market)
    aversion = state.crowd.traits[row, T.aversion]
    half_spread, shift = spread_and_shift(params, pressure, aversion)
    unit = base_unit(params, volatility(state, part, market)) * fair
    half_spread *= 1.0 + params[P.risk_widening] * min(1.0, risk) ** 2
    return fair, fair + shift * unit, half_spread * unit, pressure


@kernel
def withdraw(state, part, row, moment):
    """Cancel everything that rests; returns messages sent."""
    handles, size = state.crowd.handles, state.parts[part].slots
    first = state.parts[part].first_slot + (row - state.parts[part].first) * size
    sent = 0
    for place in range(first, first + size):
        if is_live(state.book, handles[place], row):
            market = state.book.orders[handles[place] & (HANDLE_SLOTS - 1)].market
            want = Wanted(int(market), 1, 0, 0, 0, 0.0, 0.0, moment, moment, AUTHOR_CLASS)
            sent += renew(state, row, place, want)
    return sent


@kernel
def quote(state, part, row, moments, risk):
    """Quote every market of a maker that are open; returns messages sent."""
    full, size = full_units(state, part, row), 2 * int(state.params[part, P.levels])
    share = min(risk[1], capital_share(state, part, row, full))
    first = state.parts[part].first_slot
    place = first + (row - state.parts[part].first) * state.parts[part].slots
    sent = 0
    for m in range(state.ledger.markets.shape[0]):
        if not acts_on(state, part, m):
            continue
        fair, middle, half_spread, pressure = quotes_of(state, part, row, m, risk[0])
        if fair > 0.0 and state.ledger.markets[m].halted_until <= state.clock[0].step:
            prices = (fair, middle, half_spread)
            size_of = (pressure, full, share)
            plan = Plan(m, place, *prices, *size_of, moments[0], moments[1])
            sent += quote_market(state, part, row, plan)
        place += size
    return sent


@kernel
def begin(state, part, row):
    """Before the first quote: the coins that a maker holds count as hedged outside."""
    if state.crowd.memory[row, BEGUN] != 0.0:
        return
    state.crowd.memory[row, BEGUN] = 1.0
    for m in range(state.ledger.markets.shape[0]):
        if acts_on(state, part, m) and state.ledger.markets[m].kind == SPOT:
            state.crowd.outside_lots[row, m] = -state.ledger.lots[row, m]


@kernel
def is_in_time(state, part, latency):
    """Tell whether a maker can act now: between rounds, only when its latency has passed."""
    if state.parts[part].after_forced == 0:
        return True
    rounds = max(1, state.ledger.venue[0].rounds)
    passed = (state.clock[0].round + 1) * state.clock[0].block_seconds / rounds
    return latency <= passed


@kernel
def looks(state, part, row, step):
    """Tell whether a maker looks at its quotes in this block or round."""
    clock = state.clock[0]
    block = 0 if state.parts[part].after_forced == 0 else clock.round + 1
    key = state.ledger.accounts[row].key
    return is_looking(state, part, uniforms(clock.seed, key, ARRIVE, step, block)[1])


@kernel
def decide(state, part, step):
    """Let every maker quote or withdraw; returns messages sent."""
    first, clock = state.parts[part].first, state.clock[0]
    sent = 0
    for row in range(first, first + state.parts[part].count):
        latency = state.crowd.traits[row, T.latency]
        if not is_in_time(state, part, latency):
            continue
        begin(state, part, row)
        moment = arrival(0.0, latency, clock.block_seconds)
        patience = latency + state.params[part, P.patience]
        moments = (moment, arrival(0.0, patience, clock.block_seconds))
        risk = risk_room(state, part, row, full_units(state, part, row))
        if stays_out(state, part, row, risk[0]):
            sent += withdraw(state, part, row, moment)
        elif looks(state, part, row, step):
            sent += quote(state, part, row, moments, risk)
    return sent


KERNEL = decide
