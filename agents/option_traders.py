r"""Option traders: covered calls, protective puts, strangles, straddles, spreads, single options.

A trader has one strategy. When it looks and holds nothing, it chooses an expiry, the nearest one
that is far enough away, and for each leg the strike nearest to

.. math:: F e^{\pm d\, \sigma \sqrt T}

with its distance :math:`d` in standard deviations, forward :math:`F`, volatility :math:`\sigma` at
the money and time :math:`T`, above the forward for calls and below for puts:

=================  ===================================================================
covered_call       sells a call at d against the underlying
protective_put     buys a put at d under the underlying
short_strangle     sells a call and a put at d
long_straddle      buys a call and a put at the money
vertical_spread    buys an option at the money and sells the one at d: calls for a rise, puts for
                   a fall (trait `rises`)
long_call          buys a call at d
long_put           buys a put at d
=================  ===================================================================

Its size is a share of its equity in notional, no more than its cash pays for where it buys. The
underlying of the first two is the perpetual, where that is among its markets, and otherwise coins
that it holds elsewhere. It closes the gap between what it holds and what it wants with orders that
take at once at the mark plus some points of volatility. Shortly before expiry, or when the series
has been settled, it closes what is left and chooses again: it rolls.

References
----------
Lakonishok, Lee, Pearson, Poteshman (2007), "Option market activity", Review of Financial Studies
20(3), doi:10.1093/rfs/hhl025 (who buys and writes what). Whaley (2002), "Return and risk of CBOE
Buy Write monthly index", J. Derivatives 10(2), doi:10.3905/jod.2002.319194 (covered calls, rolled).
"""

from typing import Literal

import numpy as np

from crossmargin.agents.option_books import (
    Leg,
    acts_in,
    perpetual_of,
    send_leg,
    value_room,
    whole_lots,
)
from crossmargin.agents.option_strategies import find_leg, legs_of
from crossmargin.agents.taking import wakes
from crossmargin.model.kernel import kernel
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import DISCRETIONARY, MARGIN_CALL
from crossmargin.model.traits import Distribution, trait

PHASE = "decisions"
#: Legs stand in one account.
CROSS_ONLY = TRADES_OPTIONS = True


class Parameters(Numbers):
    """What all traders of the population share."""

    strategy: Literal[
        "covered_call",
        "protective_put",
        "short_strangle",
        "long_straddle",
        "vertical_spread",
        "long_call",
        "long_put",
    ] = number("long_put", "choice", doc="What they hold.")
    least_seconds: float = number(
        600.0, "s", low=0, high=1e9, doc="To expiry of a series that they still enter."
    )
    close_before: float = number(
        0.0, "s", low=0, high=1e9, doc="To expiry when they close and roll; 0: they let it expire."
    )
    entry: float = number(
        300.0, "s", low=0, high=1e9, doc="From the start until the last of them has looked first."
    )
    slippage: float = number(
        0.05, "points of volatility", low=0, high=10, doc="Worst price, off the mark."
    )
    least_ticks: float = number(3.0, "ticks", low=0, high=1e6, doc="The same in ticks, at least.")
    hedge_slippage: float = number(
        0.01, "fraction of the mark", low=0, high=1, doc="Worst price of the perpetual."
    )
    premium: float = number(
        0.5, "fraction of the equity", above=0, high=1, doc="Most that they spend at once."
    )
    latency: float = number(0.5, "s", low=0, high=3600, doc="From decision to arrival.")


class Traits(Numbers):
    """What each trader draws for itself."""

    size: Distribution = trait(
        {"lognormal": [1.0, 0.5]}, "notional over equity", doc="Of one leg of its options."
    )
    distance: Distribution = trait(
        {"uniform": [0.5, 1.5]}, "standard deviations", doc="Of strikes from the forward."
    )
    rises: Distribution = trait(
        {"bernoulli": 0.5}, "1 or 0", doc="Of spreads: 1 for a rise, 0 for a fall."
    )
    interval: Distribution = trait({"lognormal": [120.0, 0.5]}, "s", doc="Between two looks.")


P, T = slots(Parameters), slots(Traits)

#: Places in memory: step of the next look; one plus the series of both legs, 0 for none, below 0
#: while they are being closed; lots of each.
NEXT, FIRST, SECOND, LOTS = range(4)


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles a trader needs: none, its orders do not rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages a trader sends in a step: two options and the underlying."""
    return 3


@kernel
def next_expiry(state, part):
    """Expiry of the population's series that comes first and is far enough away, or -1."""
    options, found, best = state.options, -1, np.inf
    least = state.params[part, P.least_seconds]
    for i in range(options.series.shape[0]):
        s = options.series[i]
        is_open = options.expiries[s.expiry].settled == 0
        is_open &= acts_in(state, part, options.markets[i])
        if is_open and least <= s.seconds < best:
            found, best = int(s.expiry), s.seconds
    return found


@kernel
def lots_to_hold(state, part, row, first, paid):
    """Lots of each leg: a share of equity in notional, within what it spends.

    `paid` is the value of what a lot of all bought legs costs less what is sold, half ticks.
    """
    s, account = state.options.series[first], state.ledger.accounts[row]
    m = state.ledger.markets[state.options.markets[first]]
    equity = max(0, account.equity)
    lots = state.crowd.traits[row, T.size] * equity / (m.half_unit * 2.0 * s.forward / m.tick)
    if paid > 0.0:
        spent = state.params[part, P.premium] * max(0, account.initial_equity)
        lots = min(lots, spent / (m.half_unit * paid))
    return np.floor(lots)


@kernel
def choose(state, part, row):
    """Let a trader that holds nothing choose its series; tell whether it found any."""
    memory, traits = state.crowd.memory[row], state.crowd.traits[row]
    expiry = next_expiry(state, part)
    if expiry < 0:
        return False
    plan = legs_of(int(state.params[part, P.strategy]), traits[T.rises])
    first = find_leg(state, part, expiry, plan[0], plan[2] * traits[T.distance])
    second = -1
    if plan[4] != 0:
        second = find_leg(state, part, expiry, plan[3], plan[5] * traits[T.distance])
    is_flat = plan[4] != 0 and (second < 0 or second == first)
    if first < 0 or is_flat:
        return False
    markets, options = state.ledger.markets, state.options
    paid = plan[1] * markets[options.markets[first]].mark
    if second >= 0:
        paid += plan[4] * markets[options.markets[second]].mark
    lots = lots_to_hold(state, part, row, first, float(paid))
    memory[FIRST], memory[SECOND] = first + 1.0, second + 1.0
    memory[LOTS] = lots
    return lots > 0.0


@kernel
def trade_leg(state, part, row, i, wanted):
    """Close the gap between what is held of a series and what is wanted; returns messages."""
    market, params = int(state.options.markets[i]), state.params[part]
    gap = wanted - state.ledger.lots[row, market]
    side = 1.0 if gap > 0 else -1.0
    room = value_room(state, i, params[P.slippage], params[P.least_ticks])
    worst = state.ledger.markets[market].mark + side * room
    return send_leg(state, row, Leg(market, gap, worst, params[P.latency], DISCRETIONARY))


@kernel
def trade_underlying(state, part, row, i, side):
    """Hold the underlying of a covered strategy: perpetuals, or coins elsewhere; messages."""
    s, params, option = state.options.series[i], state.params[part], state.options.markets[i]
    market = perpetual_of(state, part, np.int64(s.underlying))
    covered = side * abs(state.ledger.lots[row, option])
    if market < 0:
        state.crowd.outside_lots[row, option] = covered
        return 0
    m = state.ledger.markets[market]
    gap = whole_lots(covered * s.lot, m.lot) - state.ledger.lots[row, market]
    worst = m.mark * (1.0 + params[P.hedge_slippage] * (1.0 if gap > 0 else -1.0))
    return send_leg(state, row, Leg(market, gap, worst, params[P.latency], DISCRETIONARY))


@kernel
def is_over(state, part, row):
    """Tell whether the legs of a trader have been settled, or are to be closed now."""
    s = state.options.series[np.int64(abs(state.crowd.memory[row, FIRST])) - 1]
    return (
        state.options.expiries[s.expiry].settled == 1
        or s.seconds <= state.params[part, P.close_before]
    )


@kernel
def pursue(state, part, row):
    """Trade all legs towards what is wanted; returns messages sent."""
    memory, traits = state.crowd.memory[row], state.crowd.traits[row]
    plan = legs_of(int(state.params[part, P.strategy]), traits[T.rises])
    lots = np.int64(memory[LOTS])
    first, second = np.int64(memory[FIRST]) - 1, np.int64(memory[SECOND]) - 1
    sent = trade_leg(state, part, row, first, plan[1] * lots)
    if second >= 0:
        sent += trade_leg(state, part, row, second, plan[4] * lots)
    if plan[6] != 0:
        sent += trade_underlying(state, part, row, first, plan[6])
    return sent


@kernel
def is_flat(state, row):
    """Tell whether a trader holds none of its legs."""
    memory, options = state.crowd.memory[row], state.options
    for k in (FIRST, SECOND):
        i = np.int64(memory[k]) - 1
        if i >= 0 and state.ledger.lots[row, options.markets[i]] != 0:
            return False
    return True


@kernel
def act(state, part, row, step):
    """Let one trader look; returns messages sent."""
    memory = state.crowd.memory[row]
    if memory[FIRST] > 0.0 and is_over(state, part, row):
        if memory[LOTS] == 0.0 and is_flat(state, row):
            memory[FIRST] = memory[SECOND] = 0.0
        memory[LOTS] = 0.0
    if memory[FIRST] == 0.0 and not choose(state, part, row):
        memory[FIRST] = 0.0
        return 0
    return pursue(state, part, row)


@kernel
def decide(state, part, step):
    """Let every trader of the population decide; returns messages sent."""
    p, sent, clock = state.parts[part], 0, state.clock[0]
    for row in range(p.first, p.first + p.count):
        memory, interval = state.crowd.memory[row], state.crowd.traits[row, T.interval]
        if memory[NEXT] == 0.0:  # the first looks are spread evenly over the time of entry
            share = (row - p.first + 0.5) / p.count
            memory[NEXT] = step + 1.0 + share * state.params[part, P.entry] / clock.block_seconds
        if wakes(state, row, NEXT, interval) and state.ledger.accounts[row].state <= MARGIN_CALL:
            sent += act(state, part, row, step)
    return sent


KERNEL = decide
