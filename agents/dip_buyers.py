r"""Buyers with cash and without debt, who wait below the market and take more the deeper it falls.

Each has an anchor, a moving average of the mid over a horizon of its own, and a plan: at a discount
:math:`x` to the anchor it wants to hold the share

.. math:: F(x) = c \left(\frac{x - x_0}{s}\right)^\kappa, \quad 0 \le x - x_0 \le s

of its wealth, with a first discount :math:`x_0`, a span :math:`s`, a commitment :math:`c` and a
convexity :math:`\kappa` of all. Bids for what it does not hold yet rest at equally spaced
discounts and below the best ask. Where it holds something and the price is low, money comes in
from a reserve outside the venue, evenly over the time of replenishment.

It sells slowly: once the mid has stood above the anchor by a margin of its own for as long as its
patience, it offers a share of all that it holds at the mid, at every visit. It acts in one market,
spot or perpetual, never owes and so is never liquidated by a fall: without such buyers a price has
no floor.

Visits are a Poisson process, and the anchor is renewed for the time between two of them, so that
behaviour does not depend on the length of a block.

References
----------
Kaniel, Saar, Titman (2008), "Individual investor trading and stock returns", J. Finance 63(1),
doi:10.1111/j.1540-6261.2008.01316.x (individuals buy after falls and provide liquidity).
Linnainmaa (2010), "Do limit orders alter inferences about investor performance and behavior?",
J. Finance 65(4), doi:10.1111/j.1540-6261.2010.01576.x (resting bids make their owners contrarian).
"""

import math

import numpy as np

from crossmargin.agents.acting import (
    draws_of,
    market_at,
    mid_of,
    n_markets_of,
    own_market,
    tick_of,
    wait,
)
from crossmargin.agents.quoting import Wanted, renew
from crossmargin.model.contracts import lot_notional
from crossmargin.model.inbox import arrival
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import DISCRETIONARY, MARGIN_CALL, REDUCE_ONLY
from crossmargin.model.traits import Distribution, trait


class Parameters(Numbers):
    """What all agents of the population share."""

    levels: int = number(3, "orders", low=1, high=16, doc="Bids of an agent.")
    convexity: float = number(
        1.5, "exponent", above=0, high=10, doc="Above 1 it buys most where the fall is deepest."
    )
    unwind: float = number(
        0.05, "fraction of the position", above=0, high=1, doc="Offered at one visit."
    )
    replenishment: float = number(
        86400.0, "seconds", above=0, high=1e9, doc="In which the whole reserve would come in."
    )
    slack: float = number(
        0.0005, "fraction of the price", low=0, high=0.1, doc="A bid so near stays where it is."
    )
    latency: float = number(
        0.5, "seconds", low=0, high=3600, doc="From decision to the earliest arrival."
    )


class Traits(Numbers):
    """What each agent draws for itself; defaults are of its own."""

    horizon: Distribution = trait(
        {"lognormal": [14400.0, 1.0]}, "seconds", doc="Memory of the anchor."
    )
    first: Distribution = trait(
        {"uniform": [0.005, 0.05]}, "fraction below the anchor", doc="Where it begins to buy."
    )
    span: Distribution = trait(
        {"lognormal": [0.1, 0.5]}, "fraction of the anchor", doc="From the first bid to the last."
    )
    commitment: Distribution = trait(
        {"uniform": [0.3, 0.95]}, "fraction of wealth", doc="What it would buy in all."
    )
    rate: Distribution = trait(
        {"lognormal": [0.01, 0.5]}, "visits a second", doc="Activity as a Poisson process."
    )
    reserve: Distribution = trait(
        {"exponential": 0.5}, "fraction of what it earned inside", doc="Cash outside the venue."
    )
    patience: Distribution = trait(
        {"lognormal": [3600.0, 1.0]}, "seconds", doc="From a recovery to the first sale."
    )
    recovery: Distribution = trait(
        {"uniform": [0.0, 0.02]}, "fraction above the anchor", doc="What counts as a recovery."
    )


P, T = slots(Parameters), slots(Traits)

#: Places in an agent's memory: anchor in half ticks (0: none yet), one plus the step of its last
#: visit, step of its next one, one plus the step since when the price has recovered (0: not now).
ANCHOR, SEEN, NEXT, SINCE = range(4)
#: An order with less than this share of its lots left is renewed.
STALE = 0.5


#: An agent acts in one of these markets, by its place in the population.
ONE_MARKET = "any"


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles an agent needs: its bids and its offer."""
    return int(numbers.levels) + 1


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages an agent sends in a step."""
    return int(numbers.levels) + 1


@kernel
def moved_anchor(anchor, price, seconds, horizon):
    """Moving average after some seconds at whose end the price was seen."""
    return price + (anchor - price) * math.exp(-seconds / max(horizon, 1e-9))


@kernel
def planned_share(traits, discount, convexity):
    """Share of wealth that an agent wants to hold at a discount to its anchor."""
    part = (discount - traits[T.first]) / max(traits[T.span], 1e-9)
    return traits[T.commitment] * max(0.0, min(1.0, part)) ** convexity


@kernel
def is_visiting(state, row, step):
    """Tell whether an agent visits now; the first time, draw when it begins."""
    memory, clock = state.crowd.memory[row], state.clock[0]
    rate = state.crowd.traits[row, T.rate]
    four = draws_of(state, row, step)
    if memory[NEXT] == 0.0:
        memory[NEXT] = step - 1.0 + wait(four[0], rate, clock.block_seconds)
    if step < memory[NEXT]:
        return False
    memory[NEXT] = step + wait(four[1], rate, clock.block_seconds)
    return True


@kernel
def look(state, row, market):
    """Renew anchor and recovery; returns the seconds since the last visit, 0 at the first."""
    traits, memory, clock = state.crowd.traits[row], state.crowd.memory[row], state.clock[0]
    mid, now = mid_of(state, market), clock.step + 1.0
    seconds = (now - memory[SEEN]) * clock.block_seconds if memory[SEEN] > 0.0 else 0.0
    anchor = memory[ANCHOR] if memory[ANCHOR] > 0.0 else float(mid)
    memory[ANCHOR] = moved_anchor(anchor, mid, seconds, traits[T.horizon])
    memory[SEEN] = now
    if mid < memory[ANCHOR] * (1.0 + traits[T.recovery]):
        memory[SINCE] = 0.0
    elif memory[SINCE] == 0.0:
        memory[SINCE] = now
    return seconds


@kernel
def replenish(state, part, row, seconds):
    """Bring in what the reserve gives for some seconds; returns quote units."""
    account, traits = state.ledger.accounts[row], state.crowd.traits[row]
    whole = traits[T.reserve] * max(0, account.equity - account.deposited)
    due = whole * min(1.0, seconds / state.params[part, P.replenishment])
    amount = max(0, to_units(min(due, whole - account.deposited)))
    state.crowd.requests[row] += amount
    return amount


@kernel
def lots_of_bid(state, part, row, market, k):
    """Lots of a bid: what the plan asks for between two discounts, less what is held already."""
    traits, numbers = state.crowd.traits[row], state.params[part]
    unit = lot_notional(state.ledger.markets[market], mid_of(state, market))
    wealth = max(0, state.ledger.accounts[row].equity)
    held = np.float64(max(0, state.ledger.lots[row, market])) * unit
    step = traits[T.span] / numbers[P.levels]
    upper = planned_share(traits, traits[T.first] + k * step, numbers[P.convexity]) * wealth
    lower = planned_share(traits, traits[T.first] + (k + 1) * step, numbers[P.convexity]) * wealth
    return to_units(max(0.0, lower - max(upper, held)) / unit)


@kernel
def bring(state, part, row, k, order):
    """Bring order number k of an agent to (market, side, tick, lots); returns messages, 0 or 1."""
    market, side, tick, lots = order
    numbers, clock, p = state.params[part], state.clock[0], state.parts[part]
    moment = draws_of(state, row, clock.step)[3]
    moment = arrival(moment, numbers[P.latency], clock.block_seconds)
    want = Wanted(
        market,
        side,
        max(1, tick),
        lots,
        REDUCE_ONLY if side < 0 else 0,
        numbers[P.slack] * tick,
        STALE,
        moment,
        moment,
        DISCRETIONARY,
    )
    return renew(state, row, p.first_slot + (row - p.first) * p.slots + k, want)


@kernel
def bid(state, part, row, market, k):
    """Bring one bid to the plan; returns the number of messages."""
    traits = state.crowd.traits[row]
    discount = traits[T.first] + (k + 1) * traits[T.span] / state.params[part, P.levels]
    tick = tick_of(state.crowd.memory[row, ANCHOR] * (1.0 - discount), 1)
    tick = min(tick, state.book.ladders[market].best[1] - 1)
    lots = lots_of_bid(state, part, row, market, k) if tick > 0 else 0
    return bring(state, part, row, k, (market, 1, tick, lots))


@kernel
def offer(state, part, row, market):
    """Offer a share of what is held once a recovery has lasted; returns the number of messages."""
    memory, clock = state.crowd.memory[row], state.clock[0]
    waited = (clock.step + 1.0 - memory[SINCE]) * clock.block_seconds
    held, lots = state.ledger.lots[row, market], np.int64(0)
    if held > 0 and memory[SINCE] > 0.0 and waited >= state.crowd.traits[row, T.patience]:
        lots = np.int64(max(1, to_units(state.params[part, P.unwind] * held)))
    tick = tick_of(mid_of(state, market), -1)
    place = np.int64(state.params[part, P.levels])
    return bring(state, part, row, place, (market, -1, tick, lots))


@kernel
def market_of(state, part, row):
    """The one market of an agent: its own, or one of the population's by its place; -1 for none."""
    only = np.int64(state.ledger.accounts[row].only_market)
    p, n = state.parts[part], state.ledger.markets.shape[0]
    acting = n_markets_of(p.markets, n)
    if only >= 0 or acting == 0:
        return only
    place = state.ledger.accounts[row].index % acting
    return own_market(state, row, market_at(p.markets, n, place))


@kernel
def act(state, part, row, step):
    """Let one agent decide; returns the number of messages."""
    if not is_visiting(state, row, step) or state.ledger.accounts[row].state > MARGIN_CALL:
        return 0
    market = market_of(state, part, row)
    if market < 0 or mid_of(state, market) <= 0:
        return 0
    seconds = look(state, row, market)
    if state.ledger.markets[market].halted_until > step:
        return 0
    below = state.crowd.memory[row, ANCHOR] * (1.0 - state.crowd.traits[row, T.first])
    if state.ledger.lots[row, market] > 0 and mid_of(state, market) < below:
        replenish(state, part, row, seconds)
    sent = offer(state, part, row, market)
    for k in range(np.int64(state.params[part, P.levels])):
        sent += bid(state, part, row, market, k)
    return sent


@kernel
def decide(state, part, step):
    """Let every agent of the population decide; returns the number of messages."""
    first = state.parts[part].first
    sent = 0
    for row in range(first, first + state.parts[part].count):
        if state.crowd.memory[row, NEXT] <= step:
            sent += act(state, part, row, step)
    return sent


PHASE = "decisions"
KERNEL = decide
